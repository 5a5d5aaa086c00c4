//! Lines, ellipses and text on a picture in memory, for whatever draws: stages, reports, plots.

use crate::error::Fatal;
use crate::pipeline::geometry::Ellipse;
use crate::pipeline::photo::Pixels;
use embedded_graphics::mono_font::{MonoTextStyle, MonoTextStyleBuilder, ascii::FONT_10X20};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Polyline, PrimitiveStyle};
use embedded_graphics::text::{Baseline, Text};
use image::{Rgb, RgbImage};
use ndarray::Array2;
use std::convert::Infallible;
use std::path::Path;

/// Points of an ellipse's outline: on a photograph of 5000 pixels its sides are under 70 pixels.
const ELLIPSE_POINTS: usize = 240;
/// Height and width of a letter at scale 1, pixels.
pub const LETTER: (i32, i32) = (20, 10);

/// A picture to draw on. What falls outside is not drawn.
#[derive(Clone, Debug)]
pub struct Canvas(pub RgbImage);

impl Canvas {
    /// The photograph, grey, every pixel as it is; 16 bits show their upper 8.
    pub fn photograph(pixels: &Pixels) -> Self {
        let (h, w) = pixels.dim();
        Self(RgbImage::from_fn(w as u32, h as u32, |x, y| {
            let at = [y as usize, x as usize];
            Rgb([match pixels {
                Pixels::Eight(a) => a[at],
                Pixels::Sixteen(a) => (a[at] >> 8) as u8,
            }; 3])
        }))
    }

    /// Grey values 0-1, each as a block of `zoom` x `zoom` pixels.
    pub fn grey(values: &Array2<f32>, zoom: u32) -> Self {
        let (h, w) = values.dim();
        Self(RgbImage::from_fn(w as u32 * zoom, h as u32 * zoom, |x, y| {
            let value = values[[(y / zoom) as usize, (x / zoom) as usize]];
            Rgb([(value.clamp(0.0, 1.0) * 255.0).round() as u8; 3])
        }))
    }

    /// Draws through `points`, closed where `closed`, `width` pixels wide.
    pub fn path(&mut self, points: &[(f64, f64)], closed: bool, colour: Rgb888, width: u32) {
        let again = if closed { points.first() } else { None };
        let corners: Vec<Point> =
            points.iter().chain(again).map(|(x, y)| Point::new(x.round() as i32, y.round() as i32)).collect();
        let Ok(()) =
            Polyline::new(&corners).into_styled(PrimitiveStyle::with_stroke(colour, width)).draw(self);
    }

    /// Draws an ellipse's outline, given in this picture's pixels.
    pub fn ellipse(&mut self, ellipse: &Ellipse, colour: Rgb888, width: u32) {
        let turn = std::f64::consts::TAU / ELLIPSE_POINTS as f64;
        let points: Vec<_> = (0..ELLIPSE_POINTS).map(|i| ellipse.point(i as f64 * turn)).collect();
        self.path(&points, true, colour, width);
    }

    /// Writes ASCII text on a dark ground, its upper left corner at (`x`, `y`), letters `scale`
    /// times [`LETTER`]; a line break begins a new line.
    pub fn text(&mut self, text: &str, (x, y): (f64, f64), colour: Rgb888, scale: u32) {
        let style = MonoTextStyleBuilder::from(&MonoTextStyle::new(&FONT_10X20, colour))
            .background_color(Rgb888::new(0, 0, 0))
            .build();
        let mut enlarged =
            Enlarged { canvas: self, x: x.round() as i32, y: y.round() as i32, scale: scale as i32 };
        let Ok(_) = Text::with_baseline(text, Point::zero(), style, Baseline::Top).draw(&mut enlarged);
    }

    /// Saves as PNG.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Fatal> {
        self.0.save(path).map_err(|e| {
            Fatal::new(
                format!("cannot write {}: {e}", path.display()),
                "-o with a folder on a disk that has room",
            )
        })
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(at.x), u32::try_from(at.y)) else { continue };
            if let Some(pixel) = self.0.get_pixel_mut_checked(x, y) {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

/// A part of a canvas on which every pixel drawn becomes a block: the built-in letters have one size.
struct Enlarged<'c> {
    canvas: &'c mut Canvas,
    x: i32,
    y: i32,
    scale: i32,
}

impl OriginDimensions for Enlarged<'_> {
    fn size(&self) -> Size {
        self.canvas.size()
    }
}

impl DrawTarget for Enlarged<'_> {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            let corner = Point::new(self.x + at.x * self.scale, self.y + at.y * self.scale);
            let block = (0..self.scale).flat_map(|j| (0..self.scale).map(move |i| Point::new(i, j)));
            self.canvas.draw_iter(block.map(|offset| Pixel(corner + offset, colour)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ellipse_lies_on_its_rim_and_off_the_picture_nothing_is_drawn() {
        let mut canvas = Canvas(RgbImage::new(41, 41));
        canvas.ellipse(&Ellipse::circle(20.0, 20.0, 10.0), Rgb888::new(255, 0, 0), 1);
        for (x, y, red) in [(30, 20, 255), (20, 10, 255), (20, 20, 0), (35, 20, 0)] {
            assert_eq!(canvas.0.get_pixel(x, y)[0], red, "{x} {y}");
        }
        canvas.ellipse(&Ellipse::circle(-500.0, 20.0, 10.0), Rgb888::new(255, 0, 0), 3);
        canvas.text("OFF", (1e6, -1e6), Rgb888::new(255, 0, 0), 2);
    }

    #[test]
    fn text_is_as_large_as_asked() {
        let mut canvas = Canvas(RgbImage::from_pixel(100, 100, Rgb([9; 3])));
        canvas.text("I", (0.0, 0.0), Rgb888::new(255, 255, 255), 3);
        let drawn = canvas.0.enumerate_pixels().filter(|(_, _, p)| p[0] != 9);
        let (right, bottom) = drawn.fold((0, 0), |(r, b), (x, y, _)| (r.max(x), b.max(y)));
        assert_eq!((right as i32, bottom as i32), (3 * LETTER.1 - 1, 3 * LETTER.0 - 1));
    }
}
