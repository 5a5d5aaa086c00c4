//! A pen that leaves strokes, and the signed distance to them.

use super::raster;
use super::style::{Style, Terminal};
use super::{digits, letters};
use ndarray::Array2;
use std::cell::{Cell, RefCell};

/// Straight pieces of one quarter of a bowl: the error at 40 pixels a character is below a tenth of a pixel.
const PIECES: usize = 7;
/// A sharp corner sticks out by at most this many half widths: beyond, it is cut off. A right angle needs 1.42.
const MITRE: f32 = 1.5;
/// Corners that turn by less than this (cosine) need no tip.
const STRAIGHT: f32 = 0.97;
/// A half plane that cuts nothing.
const NO_CUT: [f32; 3] = [0.0, 0.0, 1e9];

/// A point of a path, and whether it is a corner between straight strokes.
type Point = ([f32; 2], bool);

/// A glyph as strokes.
pub(super) struct Glyph {
    /// Width of the ink.
    pub(super) width: f32,
    pieces: Vec<Piece>,
}

/// A straight piece of stroke with round ends, cut by half planes: two for a stroke with
/// flat ends, four for the tip of a sharp corner.
struct Piece {
    a: [f32; 2],
    d: [f32; 2],
    inverse: f32,
    half: f32,
    /// Normal and offset: inside where `n . p < c`.
    cuts: [[f32; 3]; 4],
}

impl Piece {
    fn new(a: [f32; 2], b: [f32; 2], half: f32, cuts: [[f32; 3]; 4]) -> Self {
        let d = [b[0] - a[0], b[1] - a[1]];
        Self { a, d, inverse: 1.0 / (d[0] * d[0] + d[1] * d[1]).max(1e-12), half, cuts }
    }

    fn distance(&self, x: f32, y: f32) -> f32 {
        let (px, py) = (x - self.a[0], y - self.a[1]);
        let t = ((px * self.d[0] + py * self.d[1]) * self.inverse).clamp(0.0, 1.0);
        let (ex, ey) = (px - t * self.d[0], py - t * self.d[1]);
        let cut = |c: &[f32; 3]| c[0] * x + c[1] * y - c[2];
        self.cuts.iter().map(cut).fold((ex * ex + ey * ey).sqrt() - self.half, f32::max)
    }
}

impl Glyph {
    /// See [`super::Face::distance`].
    pub(super) fn distance(&self, dim: (usize, usize), px: f32, margin: usize) -> Array2<f32> {
        let mut out = raster::least(&self.pieces, dim, px, margin, Piece::distance);
        // Strokes that end on the top or base line are drawn too long and cut off level here.
        for (row, mut line) in out.outer_iter_mut().enumerate() {
            let y = (row as f32 - margin as f32 + 0.5) / px;
            let outside = (-y).max(y - 1.0);
            line.mapv_inplace(|d| d.max(outside));
        }
        out
    }
}

/// The glyph of `c` in `style`; `None` for a character that no face has.
pub(super) fn glyph(style: &Style, c: char) -> Option<Glyph> {
    let share = letters::width(style, c).or_else(|| digits::width(style, c))?;
    let width = match share {
        // A bar is as wide as its stroke whatever the face.
        share if share <= 0.0 => style.stroke,
        share => style.width * (share + style.mono * (1.0 - share)),
    };
    // Serifs stand out on both sides of the letter proper.
    let slabs = if letters::has_slabs(c) { style.serif } else { 0.0 };
    let mut pen = Pen::new(style, width.max(style.stroke) + 2.0 * slabs);
    (pen.l, pen.r) = (pen.l + slabs, pen.r - slabs);
    if c.is_ascii_digit() {
        digits::draw(&pen, c)
    } else {
        letters::draw(&pen, c)
    }
    Some(pen.finish())
}

/// How a path ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    /// In the open: round or cut off.
    Free,
    /// On the top or base line, or on the side of the box: flat ends are drawn to the line.
    Line,
    /// Inside another stroke.
    Join,
}

/// Draws paths in the middle of strokes, and makes pieces of them. Path and pieces lie in
/// cells, so that a chain of strokes can name the box's sides as it goes.
pub(super) struct Pen<'s> {
    /// The face's numbers.
    pub(super) s: &'s Style,
    /// Left, right, top and bottom of the box in which the strokes' middles lie.
    pub(super) l: f32,
    pub(super) r: f32,
    pub(super) t: f32,
    pub(super) b: f32,
    width: f32,
    weight: Cell<f32>,
    path: RefCell<Vec<Point>>,
    pieces: RefCell<Vec<Piece>>,
}

impl<'s> Pen<'s> {
    fn new(s: &'s Style, width: f32) -> Self {
        let (hx, hy) = (s.stroke / 2.0, s.stroke * s.contrast / 2.0);
        Self {
            s,
            l: hx,
            r: (width - hx).max(hx),
            t: hy,
            b: 1.0 - hy,
            width,
            weight: Cell::new(1.0),
            path: RefCell::default(),
            pieces: RefCell::default(),
        }
    }

    /// Middle of the box.
    pub(super) fn cx(&self) -> f32 {
        (self.l + self.r) / 2.0
    }

    /// The point `share` of the way from left to right.
    pub(super) fn x(&self, share: f32) -> f32 {
        self.l + (self.r - self.l) * share
    }

    /// The point `share` of the way from top to bottom.
    pub(super) fn y(&self, share: f32) -> f32 {
        self.t + (self.b - self.t) * share
    }

    /// Draws what follows with strokes `weight` times as wide, so that narrow corners stay open.
    pub(super) fn weigh(&self, weight: f32) {
        self.weight.set(weight);
    }

    /// Begins a path.
    pub(super) fn go(&self, x: f32, y: f32) -> &Self {
        *self.path.borrow_mut() = vec![([x, y], false)];
        self
    }

    /// A straight line; corners with the lines before and after are sharp or bent as the face has them.
    pub(super) fn line(&self, x: f32, y: f32) -> &Self {
        let mut path = self.path.borrow_mut();
        if let Some(last) = path.last_mut() {
            last.1 = true;
        }
        path.push(([x, y], false));
        self
    }

    fn smooth(&self, x: f32, y: f32) {
        let near = |p: &Point| (p.0[0] - x).abs() + (p.0[1] - y).abs() < 1e-4;
        let mut path = self.path.borrow_mut();
        if !path.last().is_some_and(near) {
            path.push(([x, y], false));
        }
    }

    /// Where the path has come to.
    fn at(&self) -> [f32; 2] {
        self.path.borrow().last().map_or([self.l, self.t], |p| p.0)
    }

    /// A quarter of a bowl to (`x`, `y`) that begins level (`level`) or upright and ends the other way.
    pub(super) fn bowl(&self, x: f32, y: f32, level: bool) -> &Self {
        let [x0, y0] = self.at();
        let (px, py) = if level { (x, y0) } else { (x0, y) };
        let reach = self.s.reach;
        // The bend runs between two points on the legs of the right angle with its corner at (px, py).
        let (ax, ay) = (px + reach * (x0 - px), py + reach * (y0 - py));
        let (bx, by) = (px + reach * (x - px), py + reach * (y - py));
        let (ox, oy) = (ax + bx - px, ay + by - py);
        for i in 0..=PIECES {
            let angle = std::f32::consts::FRAC_PI_2 * i as f32 / PIECES as f32;
            let c = angle.cos().max(0.0).powf(2.0 / self.s.power);
            let s = angle.sin().max(0.0).powf(2.0 / self.s.power);
            self.smooth(ox + c * (ax - ox) + s * (bx - ox), oy + c * (ay - oy) + s * (by - oy));
        }
        self.smooth(x, y);
        self
    }

    /// A cubic curve with its two handles.
    pub(super) fn curve(&self, h: [f32; 4], x: f32, y: f32) -> &Self {
        let [x0, y0] = self.at();
        for i in 1..=2 * PIECES {
            let t = i as f32 / (2 * PIECES) as f32;
            let u = 1.0 - t;
            let w = [u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t];
            self.smooth(
                w[0] * x0 + w[1] * h[0] + w[2] * h[2] + w[3] * x,
                w[0] * y0 + w[1] * h[1] + w[2] * h[3] + w[3] * y,
            );
        }
        self
    }

    /// Takes away what of the path's end lies beyond the height `y`, seen from where the bowl began.
    pub(super) fn until(&self, y: f32) -> &Self {
        let mut path = self.path.borrow_mut();
        let Some(last) = path.last().map(|p| p.0[1]) else { return self };
        let beyond = |at: f32| (at - y) * (last - y) > 0.0;
        while path.len() > 2 && beyond(path[path.len() - 2].0[1]) {
            path.pop();
        }
        let n = path.len();
        if n > 1 && beyond(path[n - 1].0[1]) {
            let (a, b) = (path[n - 2].0, path[n - 1].0);
            let share = (y - a[1]) / (b[1] - a[1]);
            path[n - 1].0 = [a[0] + share * (b[0] - a[0]), y];
        }
        drop(path);
        self
    }

    /// Turns the path by half a turn about the middle of the box, as 9 comes from 6.
    pub(super) fn half_turn(&self) -> &Self {
        let (w, h) = (self.l + self.r, self.t + self.b);
        for (p, _) in self.path.borrow_mut().iter_mut() {
            *p = [w - p[0], h - p[1]];
        }
        self
    }

    /// Half width of a stroke along (`dx`, `dy`).
    fn half(&self, dx: f32, dy: f32) -> f32 {
        let level = dx.abs() / dx.hypot(dy).max(1e-6);
        self.s.stroke / 2.0 * self.weight.get() * (1.0 + level * level * (self.s.contrast - 1.0))
    }

    /// Leaves the path as a stroke that closes on its own beginning.
    pub(super) fn close(&self) {
        let first = self.path.borrow().first().map(|p| p.0);
        if let Some([x, y]) = first {
            self.smooth(x, y);
        }
        self.ink(End::Join, End::Join);
    }

    /// Leaves the path as a stroke.
    pub(super) fn ink(&self, begin: End, end: End) {
        let lean = |p: [f32; 2]| [p[0] + self.s.slant * (0.5 - p[1]), p[1]];
        let mut path: Vec<Point> = self.path.borrow().iter().map(|&(p, c)| (lean(p), c)).collect();
        path.dedup_by(|b, a| (a.0[0] - b.0[0]).abs() + (a.0[1] - b.0[1]).abs() < 1e-5);
        let flat = self.s.terminal == Terminal::Flat;
        if self.s.corner > 0.0 {
            path = bend(&path, self.s.corner);
        }
        let n = path.len();
        if n < 2 {
            return;
        }
        let mut pieces = Vec::with_capacity(n - 1);
        for i in 1..n {
            let (mut a, mut b) = (path[i - 1].0, path[i].0);
            let u = unit(a, b);
            let half = self.half(u[0], u[1]);
            let mut cuts = [NO_CUT; 4];
            if let Some(by) = reach(begin, u).filter(|_| flat && i == 1) {
                cuts[0] = [-u[0], -u[1], by * half - (u[0] * a[0] + u[1] * a[1])];
                a = [a[0] - u[0] * 3.0 * half, a[1] - u[1] * 3.0 * half];
            }
            if let Some(by) = reach(end, u).filter(|_| flat && i + 1 == n) {
                cuts[1] = [u[0], u[1], by * half + u[0] * b[0] + u[1] * b[1]];
                b = [b[0] + u[0] * 3.0 * half, b[1] + u[1] * 3.0 * half];
            } else if flat && i + 1 < n && path[i].1 {
                pieces.extend(tip(u, b, unit(b, path[i + 1].0), half));
            }
            pieces.push(Piece::new(a, b, half, cuts));
        }
        if flat {
            let points: Vec<[f32; 2]> = path.iter().map(|p| p.0).collect();
            if begin == End::Free {
                self.cut_off(&mut pieces, &points, false);
            }
            if end == End::Free {
                self.cut_off(&mut pieces, &points, true);
            }
        }
        self.pieces.borrow_mut().append(&mut pieces);
    }

    /// Cuts `pieces` flat at the path's end (or beginning), as far as their round ends reach.
    fn cut_off(&self, pieces: &mut [Piece], points: &[[f32; 2]], at_end: bool) {
        let n = points.len();
        let (p, u) = if at_end {
            (points[n - 1], unit(points[n - 2], points[n - 1]))
        } else {
            (points[0], unit(points[1], points[0]))
        };
        // Turned towards level, but never so far that the end becomes a blade.
        let (mut nx, mut ny) = (u[0], u[1] + self.s.cut * 0.8 * u[1].signum() * (1.0 - u[1].abs()));
        let norm = nx.hypot(ny).max(1e-6);
        (nx, ny) = (nx / norm, ny / norm);
        let cut = [nx, ny, nx * p[0] + ny * p[1]];
        let mut far = 0.0;
        for k in 0..n - 1 {
            let (i, side) = if at_end { (n - 2 - k, 1) } else { (k, 0) };
            pieces[i].cuts[side] = cut;
            far += (points[i + 1][0] - points[i][0]).hypot(points[i + 1][1] - points[i][1]);
            if far > 1.2 * self.s.stroke {
                break;
            }
        }
    }

    /// A straight stroke.
    pub(super) fn stroke(&self, x0: f32, y0: f32, x1: f32, y1: f32, begin: End, end: End) {
        self.go(x0, y0).line(x1, y1).ink(begin, end);
    }

    /// An upright stem from top to base line, with its serifs.
    pub(super) fn stem(&self, x: f32) {
        self.stroke(x, self.t, x, self.b, End::Line, End::Line);
        self.slab(x, self.t);
        self.slab(x, self.b);
    }

    /// A serif across the end of a stem, where the face has them.
    pub(super) fn slab(&self, x: f32, y: f32) {
        let reach = self.s.serif;
        if reach > 0.0 {
            self.stroke(x - reach, y, x + reach, y, End::Line, End::Line);
        }
    }

    fn finish(self) -> Glyph {
        Glyph { width: self.width, pieces: self.pieces.into_inner() }
    }
}

/// How far beyond its end a flat stroke is drawn, in half widths; `None` keeps the round end.
fn reach(end: End, u: [f32; 2]) -> Option<f32> {
    match end {
        // Strokes that climb are cut by the top or base line, level ones by the side of the box.
        End::Line if u[1].abs() > 0.3 => Some(3.0),
        End::Line => Some(1.0),
        End::Free => Some(0.0),
        End::Join => None,
    }
}

/// The sharp tip where a stroke along `u` turns at `p` into one along `v`: what the round ends leave open.
fn tip(u: [f32; 2], p: [f32; 2], v: [f32; 2], half: f32) -> Option<Piece> {
    let cos = u[0] * v[0] + u[1] * v[1];
    if cos > STRAIGHT {
        return None;
    }
    // Outward is against the turn; both strokes' outer edges lie half a width to that side.
    let side = if u[0] * v[1] - u[1] * v[0] > 0.0 { 1.0 } else { -1.0 };
    let edge = |d: [f32; 2]| {
        let n = [side * d[1], -side * d[0]];
        [n[0], n[1], n[0] * p[0] + n[1] * p[1] + half]
    };
    let out = unit(v, u);
    let level = out[0] * p[0] + out[1] * p[1];
    let cuts = [edge(u), edge(v), [out[0], out[1], level + MITRE * half], [-out[0], -out[1], -level]];
    Some(Piece::new(p, p, 4.0 * half, cuts))
}

fn unit(a: [f32; 2], b: [f32; 2]) -> [f32; 2] {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx.hypot(dy).max(1e-9);
    [dx / length, dy / length]
}

/// Replaces sharp corners by bends that leave the legs `radius` before the corner.
fn bend(path: &[Point], radius: f32) -> Vec<Point> {
    let mut out = Vec::with_capacity(path.len() + 4 * PIECES);
    for (i, &(p, corner)) in path.iter().enumerate() {
        if !corner || i == 0 || i + 1 == path.len() {
            out.push((p, false));
            continue;
        }
        let (a, b) = (path[i - 1].0, path[i + 1].0);
        let most = (p[0] - a[0]).hypot(p[1] - a[1]).min((p[0] - b[0]).hypot(p[1] - b[1])) / 2.0;
        let r = radius.min(most);
        let (u, v) = (unit(p, a), unit(p, b));
        let (from, to) = ([p[0] + r * u[0], p[1] + r * u[1]], [p[0] + r * v[0], p[1] + r * v[1]]);
        for k in 0..=4 {
            let t = k as f32 / 4.0;
            let w = [(1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t];
            let at = |j: usize| w[0] * from[j] + w[1] * p[j] + w[2] * to[j];
            out.push(([at(0), at(1)], false));
        }
    }
    out
}
