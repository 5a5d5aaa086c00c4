//! Ellipses and poses in photograph pixels: x right, y down, the centre of the
//! first pixel at (0, 0), angles in degrees.

use serde::{Deserialize, Serialize};

/// An ellipse in photograph pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ellipse {
    /// Centre, pixels.
    pub cx: f64,
    /// Centre, pixels.
    pub cy: f64,
    /// Semi-axis along `angle_deg`, pixels.
    pub rx: f64,
    /// The other semi-axis, pixels.
    pub ry: f64,
    /// Direction of `rx`: counter-clockwise as seen, from the x axis.
    pub angle_deg: f64,
}

impl Ellipse {
    /// A circle of radius `r` about (`cx`, `cy`).
    pub fn circle(cx: f64, cy: f64, r: f64) -> Self {
        Self { cx, cy, rx: r, ry: r, angle_deg: 0.0 }
    }

    /// The ellipse of geometric mean radius `r` whose `flatness` is ln(rx / ry) times the cosine and
    /// sine of twice the angle: numbers that, other than axes and an angle, change smoothly
    /// through the circle.
    pub fn from_flatness(cx: f64, cy: f64, r: f64, flatness: (f64, f64)) -> Self {
        let e = flatness.0.hypot(flatness.1);
        let angle_deg = (flatness.1.atan2(flatness.0) / 2.0).to_degrees().rem_euclid(180.0);
        Self { cx, cy, rx: r * (e / 2.0).exp(), ry: r * (-e / 2.0).exp(), angle_deg }
    }

    /// Geometric mean of the semi-axes, pixels: the radius of the circle of equal area.
    pub fn mean_radius(&self) -> f64 {
        (self.rx * self.ry).sqrt()
    }

    /// Position of (`x`, `y`) in units of the ellipse: below 1 inside, 1 on the rim.
    pub fn level(&self, x: f64, y: f64) -> f64 {
        let (s, c) = (-self.angle_deg.to_radians()).sin_cos();
        let (dx, dy) = (x - self.cx, y - self.cy);
        let u = (c * dx + s * dy) / self.rx;
        let v = (-s * dx + c * dy) / self.ry;
        (u * u + v * v).sqrt()
    }

    /// The point of the rim at parameter `t` radians.
    pub fn point(&self, t: f64) -> (f64, f64) {
        let (s, c) = (-self.angle_deg.to_radians()).sin_cos();
        let (u, v) = (self.rx * t.cos(), self.ry * t.sin());
        (self.cx + c * u - s * v, self.cy + s * u + c * v)
    }

    /// The same ellipse grown about its centre by `factor`.
    pub fn scaled(&self, factor: f64) -> Self {
        Self { rx: self.rx * factor, ry: self.ry * factor, ..*self }
    }

    /// The larger semi-axis, pixels.
    pub fn major(&self) -> f64 {
        self.rx.max(self.ry)
    }
}

/// How the straightened mark lies in the photograph.
///
/// The mark's frame has its origin in the middle of the floor, x along the
/// reading direction, y down the rows, and 1 = the floor's larger semi-axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Middle of the crater's floor, photograph pixels.
    pub cx: f64,
    /// Middle of the crater's floor, photograph pixels.
    pub cy: f64,
    /// The floor's larger semi-axis, photograph pixels.
    pub radius: f64,
    /// How far the mark is turned counter-clockwise from upright, degrees.
    pub rotation_deg: f64,
    /// Whether the photograph shows the mark mirrored (left and right swapped before turning).
    pub mirrored: bool,
}

impl Pose {
    /// From the mark's frame to photograph pixels.
    pub fn to_photo(&self, u: f64, v: f64) -> (f64, f64) {
        let u = if self.mirrored { -u } else { u };
        let (s, c) = self.rotation_deg.to_radians().sin_cos();
        // Counter-clockwise as seen, with y pointing down.
        (self.cx + self.radius * (c * u + s * v), self.cy + self.radius * (-s * u + c * v))
    }

    /// From photograph pixels to the mark's frame.
    pub fn to_mark(&self, x: f64, y: f64) -> (f64, f64) {
        let (s, c) = self.rotation_deg.to_radians().sin_cos();
        let (dx, dy) = ((x - self.cx) / self.radius, (y - self.cy) / self.radius);
        let u = c * dx - s * dy;
        (if self.mirrored { -u } else { u }, s * dx + c * dy)
    }
}
