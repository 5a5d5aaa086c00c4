//! The risk-coverage curve as a picture.

use super::calibration::RiskCoverage;
use crate::canvas::Canvas;
use embedded_graphics::mono_font::{MonoTextStyle, ascii::FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, Polyline, PrimitiveStyle};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::{Rgb, RgbImage};
use std::convert::Infallible;

/// Width and height of the picture, pixels.
const SIZE: (u32, u32) = (1000, 700);
/// Corners of the axes, pixels: room for labels left and below, for the title above.
const LEFT: i32 = 100;
const RIGHT: i32 = 960;
const TOP: i32 = 80;
const BOTTOM: i32 = 610;

const INK: Rgb888 = Rgb888::new(40, 40, 40);
const GRID: Rgb888 = Rgb888::new(224, 224, 224);
const BAND: Rgb888 = Rgb888::new(204, 220, 240);
const CURVE: Rgb888 = Rgb888::new(20, 70, 150);
const ACCEPTED: Rgb888 = Rgb888::new(190, 60, 20);

/// Draws the share of wrong codes among the accepted (with its 95 % Wilson interval) against the
/// share of photographs accepted, as the bar on the confidence falls; a dot marks the run's own bar.
pub fn risk_coverage(curve: &RiskCoverage) -> RgbImage {
    let mut canvas = Canvas(RgbImage::from_pixel(SIZE.0, SIZE.1, Rgb([255; 3])));
    // Drawing on a picture in memory cannot fail.
    let Ok(()) = draw(&mut canvas, curve);
    canvas.0
}

/// Whether a file is a PNG of this picture's size: an earlier curve, and hardly a photograph.
pub fn is_curve(png: &[u8]) -> bool {
    let sides = [SIZE.0, SIZE.1].map(u32::to_be_bytes).concat();
    // Signature, length and name of the first chunk, then width and height (PNG, 11.2.2).
    png.starts_with(b"\x89PNG\r\n\x1a\n") && png.get(16..24) == Some(&sides)
}

fn draw(canvas: &mut Canvas, curve: &RiskCoverage) -> Result<(), Infallible> {
    let highest = curve.points.iter().chain(&curve.accepted).map(|p| p.risk).fold(0.0, f64::max);
    let upper = curve.points.last().and_then(|p| p.wilson).map_or(0.0, |i| i.high);
    // Room above the curve, but never less than 5 %: noise must not fill the picture.
    let top = ((highest.max(upper) * 1.2).max(0.05) * 20.0).ceil().min(20.0) / 20.0;
    let x = |coverage: f64| LEFT + (coverage * f64::from(RIGHT - LEFT)).round() as i32;
    let y = |risk: f64| BOTTOM - (risk.min(top) / top * f64::from(BOTTOM - TOP)).round() as i32;

    for (left, right) in curve.points.iter().zip(curve.points.iter().skip(1).chain(curve.points.last())) {
        let (Some(a), Some(b)) = (left.wilson, right.wilson) else { continue };
        let (from, to) = (x(left.coverage), x(right.coverage));
        for column in from..=to {
            let t = f64::from(column - from) / f64::from((to - from).max(1));
            let (high, low) = (y(a.high + t * (b.high - a.high)), y(a.low + t * (b.low - a.low)));
            line(canvas, (column, high), (column, low), BAND)?;
        }
    }
    for tick in 0..=5 {
        let share = f64::from(tick) / 5.0;
        let (at_x, at_y) = (x(share), y(top * share));
        line(canvas, (at_x, TOP), (at_x, BOTTOM), GRID)?;
        line(canvas, (LEFT, at_y), (RIGHT, at_y), GRID)?;
        label(canvas, &format!("{:.0} %", 100.0 * share), (at_x, BOTTOM + 20), Alignment::Center, INK)?;
        label(canvas, &format!("{:.1} %", 100.0 * top * share), (LEFT - 10, at_y), Alignment::Right, INK)?;
    }
    line(canvas, (LEFT, BOTTOM), (RIGHT, BOTTOM), INK)?;
    line(canvas, (LEFT, TOP), (LEFT, BOTTOM), INK)?;
    label(
        canvas,
        "photographs accepted, most confident first",
        ((LEFT + RIGHT) / 2, 660),
        Alignment::Center,
        INK,
    )?;
    label(
        canvas,
        "wrong codes among the accepted, with 95 % interval (photographs as if independent)",
        (LEFT, 24),
        Alignment::Left,
        INK,
    )?;

    let corners: Vec<Point> = curve.points.iter().map(|p| Point::new(x(p.coverage), y(p.risk))).collect();
    Polyline::new(&corners).into_styled(PrimitiveStyle::with_stroke(CURVE, 3)).draw(canvas)?;
    if let Some(bar) = &curve.accepted {
        let at = Point::new(x(bar.coverage), y(bar.risk));
        Circle::with_center(at, 15).into_styled(PrimitiveStyle::with_fill(ACCEPTED)).draw(canvas)?;
        let text = format!("dot: status read, {} wrong of {}", bar.wrong, bar.accepted);
        label(canvas, &text, (LEFT, 50), Alignment::Left, ACCEPTED)?;
    }
    Ok(())
}

fn line(canvas: &mut Canvas, from: (i32, i32), to: (i32, i32), colour: Rgb888) -> Result<(), Infallible> {
    Line::new(from.into(), to.into()).into_styled(PrimitiveStyle::with_stroke(colour, 1)).draw(canvas)
}

fn label(
    canvas: &mut Canvas,
    text: &str,
    at: (i32, i32),
    alignment: Alignment,
    colour: Rgb888,
) -> Result<(), Infallible> {
    let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
    Text::with_text_style(text, at.into(), MonoTextStyle::new(&FONT_10X20, colour), style).draw(canvas)?;
    Ok(())
}
