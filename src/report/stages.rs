//! `inspect`: a numbered picture a stage, drawn while a photograph is read.

use super::overlay;
use crate::batch::Record;
use crate::batch::record::{share, word};
use crate::canvas::{Canvas, LETTER};
use crate::error::Fatal;
use crate::pipeline::denoise::Clean;
use crate::pipeline::engine::{Scores, View};
use crate::pipeline::face::Face;
use crate::pipeline::geometry::{Ellipse, Pose};
use crate::pipeline::mark::{Mark, TILE_PX, TILE_SPAN};
use crate::pipeline::photo::Photo;
use crate::pipeline::scheme::Scheme;
use crate::pipeline::tile;
use crate::pipeline::{Made, Watch};
use embedded_graphics::pixelcolor::Rgb888;
use std::path::PathBuf;

// Colours that people with any kind of colour blindness tell apart (Okabe and Ito, 2008).
const PRIMER: Rgb888 = Rgb888::new(86, 180, 233);
const RIM: Rgb888 = Rgb888::new(240, 228, 66);
const FLOOR: Rgb888 = Rgb888::new(204, 121, 167);
const CELL: Rgb888 = Rgb888::new(0, 200, 140);
const RING: Rgb888 = Rgb888::new(230, 159, 0);
const WORDS: Rgb888 = Rgb888::new(255, 255, 255);

/// Side of the enlarged pictures of the impression, pixels.
const CLOSE_PX: usize = 960;
/// Half the side of such a picture in the rim's larger semi-axis.
const CLOSE_SPAN: f64 = 1.3;
/// Hypotheses shown: more than are ever read with profit.
const SHOWN: usize = 8;

/// Draws every stage into a folder as soon as it is there.
#[derive(Debug)]
pub struct Stages<'s> {
    out: PathBuf,
    schemes: &'s [Scheme],
    number: usize,
    photo: Option<Photo>,
    problem: Option<Fatal>,
}

impl<'s> Stages<'s> {
    /// Draws into the existing folder `out`; `schemes` say where characters and sectors lie.
    pub fn new(out: PathBuf, schemes: &'s [Scheme]) -> Self {
        Self { out, schemes, number: 0, photo: None, problem: None }
    }

    /// Draws the reading over the photograph, as the last picture.
    ///
    /// # Errors
    /// [`Fatal`] where a picture, this or an earlier one, could not be written.
    pub fn finish(mut self, record: &Record) -> Result<(), Fatal> {
        if let Some(photo) = self.photo.take() {
            self.save("reading", &reading(&photo, record));
        }
        self.problem.map_or(Ok(()), Err)
    }

    fn save(&mut self, name: &str, canvas: &Canvas) {
        self.number += 1;
        let path = self.out.join(format!("{}-{name}.png", self.number));
        if let Err(problem) = canvas.save(&path) {
            self.problem.get_or_insert(problem);
        }
    }
}

impl Watch for Stages<'_> {
    fn made(&mut self, made: Made<'_>) {
        match made {
            Made::Clean(clean) => {
                self.photo = Some(clean.photo.clone());
                self.save("small", &small(clean));
            }
            Made::Face(face) => {
                let Some(photo) = &self.photo else { return };
                let canvas = face_picture(photo, face);
                self.save("face", &canvas);
            }
            Made::Mark(mark) => {
                let Some(photo) = &self.photo else { return };
                let canvas = mark_picture(photo, mark);
                self.save("mark", &canvas);
                self.save("hypotheses", &hypotheses(mark));
            }
            Made::Seen(seen) => {
                let Some(photo) = &self.photo else { return };
                let canvas = best_view(seen).map(|view| view_picture(photo, view, self.schemes));
                if let Some(canvas) = canvas {
                    self.save("view", &canvas);
                }
                if let Some(ink) = &seen.ink {
                    let zoom = (CLOSE_PX / ink.ncols().max(1)).max(1) as u32;
                    self.save("ink", &Canvas::grey(ink, zoom));
                }
            }
        }
    }
}

/// The view with the largest weight, the first of equals.
fn best_view(seen: &Scores) -> Option<&View> {
    seen.views.iter().rev().max_by(|a, b| a.log_weight.total_cmp(&b.log_weight))
}

/// What the finder looks at.
fn small(clean: &Clean<'_>) -> Canvas {
    let zoom = (CLOSE_PX / clean.small.ncols().max(1)).max(1) as u32;
    let mut canvas = Canvas::grey(&clean.small, zoom);
    let text = format!("1 : {:.2}, noise {:.4}", clean.factor, clean.noise);
    canvas.text(&text, (4.0, 4.0), WORDS, 1);
    canvas
}

/// The photograph as it is, and how thick lines and letters are on it.
fn whole(photo: &Photo) -> (Canvas, u32) {
    let canvas = Canvas::photograph(&photo.pixels);
    let scale = (canvas.0.width().max(canvas.0.height()) / 1000).max(1);
    (canvas, scale)
}

fn face_picture(photo: &Photo, face: &Face) -> Canvas {
    let (mut canvas, scale) = whole(photo);
    let mut y = 4.0;
    let mut say = |canvas: &mut Canvas, text: String, colour| {
        canvas.text(&text, (4.0, y), colour, scale);
        y += f64::from(LETTER.0 * scale as i32) + 2.0;
    };
    for (name, ellipse, colour) in [("primer", face.primer, PRIMER), ("impression", face.impression, RIM)] {
        match ellipse {
            Some(e) => {
                canvas.ellipse(&e, colour, scale);
                say(&mut canvas, format!("{name} {:.0} x {:.0} px", 2.0 * e.rx, 2.0 * e.ry), colour);
            }
            None => say(&mut canvas, format!("{name}: none"), colour),
        }
    }
    say(&mut canvas, format!("p {}, the smaller of both", share(face.confidence.into())), WORDS);
    canvas
}

/// An enlarged, unturned piece of the photograph about a rim.
struct Close {
    canvas: Canvas,
    left: f64,
    top: f64,
    /// Picture pixels per photograph pixel.
    zoom: f64,
}

impl Close {
    fn new(photo: &Photo, rim: &Ellipse) -> Self {
        let half = CLOSE_SPAN * rim.major();
        let pose = Pose { cx: rim.cx, cy: rim.cy, radius: half, rotation_deg: 0.0, mirrored: false };
        let grey = tile::sample(&photo.pixels, &pose, 1.0, CLOSE_PX);
        let zoom = CLOSE_PX as f64 / (2.0 * half);
        Self { canvas: Canvas::grey(&grey, 1), left: rim.cx - half, top: rim.cy - half, zoom }
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        ((x - self.left) * self.zoom - 0.5, (y - self.top) * self.zoom - 0.5)
    }

    fn ellipse(&mut self, e: &Ellipse, colour: Rgb888) {
        let (cx, cy) = self.at((e.cx, e.cy));
        let here = Ellipse { cx, cy, rx: e.rx * self.zoom, ry: e.ry * self.zoom, angle_deg: e.angle_deg };
        self.canvas.ellipse(&here, colour, 1);
    }

    fn path(&mut self, points: &[(f64, f64)], closed: bool, colour: Rgb888) {
        let here: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
        self.canvas.path(&here, closed, colour, 1);
    }
}

/// Rim, floor, and an arrow to the top of the mark for every hypothesis.
fn mark_picture(photo: &Photo, mark: &Mark) -> Canvas {
    let mut close = Close::new(photo, &mark.rim);
    close.ellipse(&mark.rim, RIM);
    close.ellipse(&mark.floor, FLOOR);
    for (i, hypothesis) in mark.hypotheses.iter().enumerate().take(SHOWN).rev() {
        let pose = &hypothesis.pose;
        let colour = if i == 0 { CELL } else { RING };
        let arrow = [(0.0, 0.0), (0.0, -0.9), (-0.06, -0.8), (0.06, -0.8), (0.0, -0.9)];
        close.path(&arrow.map(|(u, v)| pose.to_photo(u, v)), false, colour);
    }
    let text = format!(
        "p {} that there is a mark; {} ways it may lie, an arrow to the top of each",
        share(mark.presence.into()),
        mark.hypotheses.len()
    );
    close.canvas.text(&text, (4.0, 4.0), WORDS, 1);
    close.canvas
}

/// The upright tiles, the likeliest first.
fn hypotheses(mark: &Mark) -> Canvas {
    let (zoom, columns) = (2, 4);
    let side = TILE_PX as u32 * zoom;
    let count = mark.hypotheses.len().min(SHOWN) as u32;
    let (width, height) = (count.min(columns).max(1) * side, count.div_ceil(columns).max(1) * side);
    let mut canvas = Canvas(image::RgbImage::new(width, height));
    for (i, hypothesis) in mark.hypotheses.iter().enumerate().take(SHOWN) {
        let (x, y) = (i as u32 % columns * side, i as u32 / columns * side);
        let tile = Canvas::grey(&hypothesis.tile, zoom);
        image::imageops::replace(&mut canvas.0, &tile.0, x.into(), y.into());
        let mirrored = if hypothesis.pose.mirrored { " mirrored" } else { "" };
        let p = share(hypothesis.log_prior.exp().into());
        let text = format!("{:.0} deg{mirrored}, p {p} of this way", hypothesis.pose.rotation_deg);
        canvas.text(&text, (f64::from(x) + 4.0, f64::from(y) + 4.0), WORDS, 1);
    }
    canvas
}

/// The best view upright, with cells, their two best characters, and the ring's sectors.
fn view_picture(photo: &Photo, view: &View, schemes: &[Scheme]) -> Canvas {
    let grey = tile::sample(&photo.pixels, &view.pose, TILE_SPAN, CLOSE_PX);
    let mut canvas = Canvas::grey(&grey, 1);
    let scale = CLOSE_PX as f64 / (2.0 * TILE_SPAN);
    let at = |(u, v): (f64, f64)| ((u + TILE_SPAN) * scale - 0.5, (v + TILE_SPAN) * scale - 0.5);
    let alphabet: Vec<char> = schemes
        .iter()
        .find(|s| s.id == view.format)
        .map(|s| s.alphabet.chars().collect())
        .unwrap_or_default();
    for (quad, scores) in view.quads.iter().zip(&view.symbols) {
        let corners = quad.map(at);
        canvas.path(&corners, true, CELL, 1);
        let best = two_best(scores)
            .map(|(i, p)| format!("{}:{:.0}", alphabet.get(i).copied().unwrap_or('?'), 100.0 * p))
            .collect::<Vec<_>>()
            .join(" ");
        canvas.text(&best, corners[3], CELL, 1);
    }
    if let Some(gear) = &view.gear {
        let (from, to) = overlay::RING;
        let step = std::f64::consts::TAU / gear.len().max(1) as f64;
        for (i, odds) in gear.iter().enumerate() {
            // Clockwise from 12 o'clock; a tooth is drawn as a closed sector, a gap as a short spoke.
            let edge = |k: usize, r: f64| at((r * (k as f64 * step).sin(), -r * (k as f64 * step).cos()));
            if *odds > 0.0 {
                canvas.path(&[edge(i, from), edge(i, to), edge(i + 1, to), edge(i + 1, from)], true, RING, 1);
            } else {
                canvas.path(&[edge(i, to), edge(i, to + 0.02)], false, RING, 1);
            }
        }
    }
    let pose = &view.pose;
    let way =
        format!("turned {:.0} degrees{}", pose.rotation_deg, if pose.mirrored { ", mirrored" } else { "" });
    let text = format!(
        "{}, {way}; of this view alone,\npercent of each character without the ring, not calibrated",
        view.format
    );
    canvas.text(&text, (4.0, 4.0), WORDS, 1);
    canvas
}

/// Index and probability of the two largest of some log-probabilities.
fn two_best(scores: &[f32]) -> impl Iterator<Item = (usize, f32)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let top: Vec<_> = order.into_iter().take(2).map(|i| (i, scores[i].exp())).collect();
    top.into_iter()
}

/// The photograph with everything that the result states.
fn reading(photo: &Photo, record: &Record) -> Canvas {
    let (mut canvas, scale) = whole(photo);
    for (ellipse, colour) in [(record.primer, PRIMER), (record.impression, RIM)] {
        if let Some(e) = ellipse {
            canvas.ellipse(&e, colour, scale);
        }
    }
    for position in &record.positions {
        canvas.path(&position.quad, true, CELL, scale);
    }
    let code = record.code.as_deref().unwrap_or("-");
    let text = format!(
        "{} {code}\n{}",
        word(record.status),
        record.best.as_ref().map_or("no code".into(), |best| format!(
            "most probable {best}, right as a whole with p {}",
            share(record.confidence)
        ))
    );
    canvas.text(&text, (4.0, 4.0), WORDS, scale);
    canvas
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::pipeline::denoise::denoise;
    use crate::pipeline::mark::Hypothesis;
    use crate::pipeline::photo::Pixels;
    use crate::pipeline::tile::Patch;
    use embedded_graphics::pixelcolor::RgbColor;
    use ndarray::Array2;

    #[test]
    fn a_marked_photograph_gives_seven_pictures_and_the_last_shows_it_untouched() {
        let dir = tempfile::tempdir().unwrap();
        let pixels = Array2::from_shape_fn((90, 120), |(y, x)| (x + y) as u8);
        let photo = Photo::of(Pixels::Eight(pixels));
        let rim = Ellipse::circle(60.0, 45.0, 30.0);
        let pose = Pose { cx: 60.0, cy: 45.0, radius: 25.0, rotation_deg: 30.0, mirrored: false };
        let tile = Array2::from_elem((TILE_PX, TILE_PX), 0.5);
        let hypothesis = Hypothesis { pose, log_prior: -0.1, tile };
        let patch = Patch::new(&photo.pixels, (60.0, 45.0), 40.0, 1.0);
        let hypotheses = vec![hypothesis; 9];
        let mark = Mark { rim, floor: rim.scaled(0.8), presence: 0.9, hypotheses, patch };
        let view = View {
            format: "ifm8".into(),
            pose,
            log_weight: 0.0,
            symbols: vec![vec![-1.0; 33]; 8],
            gear: Some(vec![1.0; 52]),
            quads: vec![[(-0.1, -0.1), (0.1, -0.1), (0.1, 0.1), (-0.1, 0.1)]; 8],
        };
        let seen = Scores { views: vec![view], presence: 0.9, ink: Some(Array2::zeros((80, 80))) };
        let face = Face { impression: Some(rim), ..Face::default() };
        let schemes = Scheme::all();

        let mut stages = Stages::new(dir.path().into(), &schemes);
        stages.made(Made::Clean(&denoise(&photo)));
        stages.made(Made::Face(&face));
        stages.made(Made::Mark(&mark));
        stages.made(Made::Seen(&seen));
        stages.finish(&Record::failed("x", None, Failure::new("load", "", ""))).unwrap();

        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "1-small.png",
                "2-face.png",
                "3-mark.png",
                "4-hypotheses.png",
                "5-view.png",
                "6-ink.png",
                "7-reading.png"
            ]
        );
        let last = image::open(dir.path().join("7-reading.png")).unwrap().to_luma8();
        assert_eq!(last.dimensions(), (120, 90));
        assert_eq!(last.get_pixel(100, 80)[0], 180);
        let face = image::open(dir.path().join("2-face.png")).unwrap().to_rgb8();
        assert_eq!(face.get_pixel(60, 75).0, [RIM.r(), RIM.g(), RIM.b()]);
    }
}
