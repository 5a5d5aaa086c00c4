//! Outlines of what a line of results states, in the photograph's pixels and in the straightened
//! impression: numbers for the templates, which draw them over pictures that stay as they are.

use super::facts::is_implausible;
use super::picture::{Area, MARK_SPAN, Pictures};
use crate::batch::Record;
use crate::pipeline::geometry::{Ellipse, Pose};
use crate::pipeline::mark::TILE_SPAN;
use serde::Serialize;

/// Radii between which the gear ring is drawn, in floor radii: it ends at 0.93-0.99 of them.
pub const RING: (f64, f64) = (0.84, 0.98);
/// The floor's radius in semi-axes of the rim, for results that do not state the floor: floors are
/// 1.0-1.8 mm across in craters of 1.35-2.0 mm.
const FLOOR_IN_RIM: f64 = 0.8;
/// Room round the characters for the outline of the mark, in heights of a character.
const ROOM: f64 = 0.25;
/// Room about a character's cell in the strip, in its width or height.
const CELL_ROOM: f64 = 0.2;
/// Units of the straightened frame's drawing to a floor radius: whole numbers are fine enough then.
pub const UNITS: f64 = 1000.0;
/// The scale bar is the largest round length below this share of the picture's width.
const BAR: f64 = 0.25;

/// Micrometres per pixel to draw a bar by: not what somebody has said that the primer contradicts.
fn scale(record: &Record) -> Option<f64> {
    let is_said = record.um_per_px_from.as_deref() == Some("flag");
    record.um_per_px.filter(|_| !(is_said && is_implausible(record)))
}

/// How the straightened impression lies in the photograph: turned as the mark was read, else upright
/// as the photograph is. `None` where no impression was found.
pub fn frame(record: &Record) -> Option<Pose> {
    let rim = record.impression?;
    let (rotation_deg, mirrored) = (record.rotation_deg.unwrap_or(0.0), record.mirrored.unwrap_or(false));
    let radius = FLOOR_IN_RIM * rim.major();
    let pose = match record.floor {
        Some(floor) => Pose { cx: floor.cx, cy: floor.cy, radius: floor.major(), rotation_deg, mirrored },
        None => Pose { cx: rim.cx, cy: rim.cy, radius, rotation_deg, mirrored },
    };
    // Results of other programs may hold anything.
    let numbers = [pose.cx, pose.cy, pose.radius, pose.rotation_deg];
    (numbers.iter().all(|v| v.is_finite()) && pose.radius >= 1.0).then_some(pose)
}

/// An ellipse as SVG draws it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Oval {
    cx: f64,
    cy: f64,
    rx: f64,
    ry: f64,
    /// Clockwise, degrees.
    turn: f64,
}

/// A cell: its outline, and its lower left corner, under which the character is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    points: String,
    x: f64,
    y: f64,
    character: char,
}

/// A circle's ring.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ring {
    cx: f64,
    cy: f64,
    inner: f64,
    outer: f64,
}

/// A scale bar: where it begins, how long it is in the drawing's units, and its length in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    x: f64,
    y: f64,
    length: f64,
    /// Height of the letters.
    text: f64,
    words: String,
}

/// A picture placed in a drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placed {
    file: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Placed {
    fn new(file: String, area: &Area) -> Self {
        let Area { x, y, width, height } = *area;
        Self { file, x: round(x), y: round(y), width: round(width), height: round(height) }
    }
}

/// A drawing in one frame: pictures, and outlines over them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// Left, top, width, height of the frame.
    view: [f64; 4],
    pictures: Vec<Placed>,
    primer: Option<Oval>,
    rim: Option<Oval>,
    mark: Option<String>,
    /// An arrow to the mark's top.
    up: Option<String>,
    cells: Vec<Cell>,
    ring: Option<Ring>,
    ink: Option<Placed>,
    lit: Option<Placed>,
    bar: Option<Bar>,
    /// Height of a character written beside its cell.
    letter: f64,
}

/// The copies of a photograph where they lie, the finer one last.
pub fn plain(pictures: &Pictures, file: &str) -> Vec<Placed> {
    let mut placed = vec![Placed::new(format!("{file}.jpg"), &pictures.whole)];
    placed.extend(pictures.close.map(|area| Placed::new(format!("{file}-close.jpg"), &area)));
    placed
}

/// The photograph with its outlines; `file` is the number that its pictures are named by.
pub fn photograph(record: &Record, pictures: &Pictures, file: &str) -> Drawing {
    let (width, height) = (pictures.size.0 as f64, pictures.size.1 as f64);
    let pose = frame(record).filter(|_| !record.positions.is_empty());
    let to_photo = |pose: &Pose, points: &[(f64, f64)]| {
        points_of(&points.iter().map(|(u, v)| pose.to_photo(*u, *v)).collect::<Vec<_>>())
    };
    let block = pose.and_then(|pose| Some((pose, block(record, &pose)?)));
    Drawing {
        view: [-0.5, -0.5, width, height],
        pictures: plain(pictures, file),
        primer: record.primer.map(oval),
        rim: record.impression.map(oval),
        mark: block.map(|(pose, block)| to_photo(&pose, &corners(block))),
        up: block.map(|(pose, block)| to_photo(&pose, &arrow(block))),
        cells: cells(record, |p| p),
        ring: pose.filter(|_| has_ring(record)).map(|p| ring(p.cx, p.cy, p.radius)),
        ink: None,
        lit: pictures.lit.then(|| Placed::new(format!("{file}-lit.jpg"), &pictures.whole)),
        bar: scale(record).and_then(|um| bar((0.0, height), width, 1.0 / um)),
        letter: round(record.impression.map_or(12.0, |rim| rim.mean_radius() / 9.0)),
    }
}

/// The straightened impression with its outlines, in thousandths of the floor's radius.
pub fn straightened(record: &Record, pictures: &Pictures, file: &str) -> Option<Drawing> {
    pictures.mark?;
    let pose = frame(record)?;
    let square = |span: f64| {
        let edge = span * UNITS;
        Area { x: -edge, y: -edge, width: 2.0 * edge, height: 2.0 * edge }
    };
    let area = square(MARK_SPAN);
    let to_mark = |(x, y): (f64, f64)| {
        let (u, v) = pose.to_mark(x, y);
        (u * UNITS, v * UNITS)
    };
    let block = block(record, &pose).map(|(l, t, r, b)| (l * UNITS, t * UNITS, r * UNITS, b * UNITS));
    let um = scale(record).map(|um| um * pose.radius / UNITS);
    Some(Drawing {
        view: [area.x, area.y, area.width, area.height],
        pictures: vec![Placed::new(format!("{file}-mark.jpg"), &area)],
        primer: None,
        rim: record.impression.map(|rim| turned(&rim, &pose)),
        mark: block.map(|block| points_of(&corners(block))),
        up: None,
        cells: cells(record, to_mark),
        ring: has_ring(record).then(|| ring(0.0, 0.0, UNITS)),
        lit: pictures.lit.then(|| Placed::new(format!("{file}-lit-mark.jpg"), &area)),
        ink: pictures.ink.then(|| Placed::new(format!("{file}-ink.png"), &square(TILE_SPAN))),
        bar: um.and_then(|um| bar((area.x, area.y + area.height), area.width, 1.0 / um)),
        letter: 90.0,
    })
}

/// Left, top, width and height of each cell with its surroundings, in thousandths of the floor's radius.
pub fn windows(record: &Record) -> Vec<[f64; 4]> {
    let Some(pose) = frame(record) else { return Vec::new() };
    let window = |quad: &[(f64, f64); 4]| {
        let (l, t, r, b) = bounds(quad.iter().map(|(x, y)| pose.to_mark(*x, *y)))?;
        let (x, y) = (CELL_ROOM * (r - l), CELL_ROOM * (b - t));
        Some([l - x, t - y, r - l + 2.0 * x, b - t + 2.0 * y].map(|v| round(v * UNITS)))
    };
    record.positions.iter().filter_map(|p| window(&p.quad)).collect()
}

fn has_ring(record: &Record) -> bool {
    record.gear.as_ref().is_some_and(|g| g.present)
}

/// A hundredth of a pixel, or of a thousandth of the floor.
fn round(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

fn oval(e: Ellipse) -> Oval {
    let [cx, cy, rx, ry, turn] = [e.cx, e.cy, e.rx, e.ry, -e.angle_deg].map(round);
    Oval { cx, cy, rx, ry, turn }
}

/// The rim in the straightened frame.
fn turned(rim: &Ellipse, pose: &Pose) -> Oval {
    let (cx, cy) = pose.to_mark(rim.cx, rim.cy);
    let angle = rim.angle_deg - pose.rotation_deg;
    let angle_deg = if pose.mirrored { 180.0 - angle } else { angle };
    let scale = UNITS / pose.radius;
    oval(Ellipse { cx: cx * UNITS, cy: cy * UNITS, rx: rim.rx * scale, ry: rim.ry * scale, angle_deg })
}

fn ring(cx: f64, cy: f64, radius: f64) -> Ring {
    Ring { cx: round(cx), cy: round(cy), inner: round(RING.0 * radius), outer: round(RING.1 * radius) }
}

/// Left, top, right, bottom of some points.
fn bounds(points: impl Iterator<Item = (f64, f64)>) -> Option<(f64, f64, f64, f64)> {
    points.fold(None, |b: Option<(f64, f64, f64, f64)>, (x, y)| {
        let (l, t, r, d) = b.unwrap_or((x, y, x, y));
        Some((l.min(x), t.min(y), r.max(x), d.max(y)))
    })
}

/// The block of characters with some room, in the mark's frame.
fn block(record: &Record, pose: &Pose) -> Option<(f64, f64, f64, f64)> {
    let quads = record.positions.iter().flat_map(|p| p.quad);
    let (l, t, r, b) = bounds(quads.map(|(x, y)| pose.to_mark(x, y)))?;
    let first = record.positions.first()?.quad.map(|(x, y)| pose.to_mark(x, y));
    let room = ROOM * (first[3].1 - first[0].1).abs();
    Some((l - room, t - room, r + room, b + room))
}

fn corners((l, t, r, b): (f64, f64, f64, f64)) -> [(f64, f64); 4] {
    [(l, t), (r, t), (r, b), (l, b)]
}

/// From the middle of the block's upper edge upward, a fifth of its width long.
fn arrow((l, t, r, _): (f64, f64, f64, f64)) -> [(f64, f64); 5] {
    let (x, long) = ((l + r) / 2.0, (r - l) / 5.0);
    let (tip, head) = ((x, t - long), long / 4.0);
    [(x, t), tip, (x - head, t - long + head), (x + head, t - long + head), tip]
}

fn points_of(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{},{}", round(*x), round(*y))).collect::<Vec<_>>().join(" ")
}

fn cells(record: &Record, to: impl Fn((f64, f64)) -> (f64, f64)) -> Vec<Cell> {
    let shown: Vec<char> = record.code.iter().flat_map(|c| c.chars()).collect();
    let cell = |(i, p): (usize, &crate::pipeline::decode::Position)| {
        let quad = p.quad.map(&to);
        // Its middle, so that it stands on its own cell however the mark is turned.
        let middle = |of: fn(&(f64, f64)) -> f64| round(quad.iter().map(of).sum::<f64>() / 4.0);
        let (x, y) = (middle(|p| p.0), middle(|p| p.1));
        let character = shown.get(i).copied().unwrap_or('?');
        Cell { points: points_of(&quad), x, y, character }
    };
    record.positions.iter().enumerate().map(cell).collect()
}

/// A bar near the lower left corner of a picture `width` units wide.
fn bar((left, bottom): (f64, f64), width: f64, units_per_um: f64) -> Option<Bar> {
    let most_um = BAR * width / units_per_um;
    if !(most_um.is_finite() && most_um > 0.0) {
        return None;
    }
    let decade = 10f64.powf(most_um.log10().floor());
    let um = [5.0, 2.0, 1.0].into_iter().map(|m| m * decade).find(|um| *um <= most_um)?;
    let words = if um >= 1000.0 { format!("{} mm", um / 1000.0) } else { format!("{um} µm") };
    let margin = width / 40.0;
    let (x, y) = (round(left + margin), round(bottom - margin));
    Some(Bar { x, y, length: round(um * units_per_um), text: round(width / 36.0), words })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn the_rim_of_a_turned_and_mirrored_mark_is_the_same_curve_in_both_frames() {
        let rim = Ellipse { cx: 310.0, cy: 190.0, rx: 130.0, ry: 90.0, angle_deg: 25.0 };
        for mirrored in [false, true] {
            let pose = Pose { cx: 300.0, cy: 200.0, radius: 80.0, rotation_deg: 70.0, mirrored };
            let o = turned(&rim, &pose);
            let there = Ellipse { cx: o.cx, cy: o.cy, rx: o.rx, ry: o.ry, angle_deg: -o.turn };
            for t in 0..12 {
                let (x, y) = rim.point(f64::from(t));
                let (u, v) = pose.to_mark(x, y);
                let back = pose.to_photo(u, v);
                assert!((back.0 - x).hypot(back.1 - y) < 1e-9);
                assert!((there.level(u * UNITS, v * UNITS) - 1.0).abs() < 1e-3, "{mirrored} {t}");
            }
        }
    }

    #[test]
    fn a_scale_bar_is_round_and_absent_without_a_scale() {
        let b = bar((0.0, 900.0), 1200.0, 1.0 / 3.45).unwrap();
        assert_eq!((b.words.as_str(), b.length), ("1 mm", 289.86));
        let b = bar((0.0, 900.0), 1200.0, 1.0 / 2.0).unwrap();
        assert_eq!((b.words.as_str(), b.length), ("500 µm", 250.0));
        assert_eq!(bar((0.0, 900.0), 1200.0, f64::INFINITY), None);
    }

    #[test]
    fn without_an_impression_or_with_broken_numbers_there_is_no_frame() {
        let mut record = Record::failed("x", None, Failure::new("load", "", ""));
        assert_eq!(frame(&record), None);
        record.impression = Some(Ellipse::circle(10.0, 10.0, 5.0));
        assert_eq!(frame(&record).unwrap().radius, 4.0);
        record.floor = Some(Ellipse::circle(f64::NAN, 10.0, 5.0));
        assert_eq!(frame(&record), None);
    }
}
