//! Drawn characters as edges, and how well a cell agrees with each.

use super::super::edges::Edges;
use crate::typeface::{Face, Foot, GForm, One, SixForm, Style, Terminal, TwoForm};
use ndarray::{Array2, s};

/// Height of a drawn character, pixels: below, 8 and B can no longer be told apart; above, comparing takes too long.
pub(super) const HEIGHT: usize = 14;
/// Ground around it, pixels.
const MARGIN: usize = 1;
/// Rows of a drawn character with its ground.
pub(super) const ROWS: usize = HEIGHT + 2 * MARGIN;
/// Columns: 0.86 of the height, the middle of the column pitches in use, and the ground.
pub(super) const COLUMNS: usize = 12 + 2 * MARGIN;
const PIXELS: usize = ROWS * COLUMNS;
/// Ways in which light shows relief: as height (an etched or dirty ground), as slope to the
/// right, as slope downwards, as steepness. Any mixture of them is an agreement.
const SHADES: usize = 4;

/// All characters in a few typefaces.
#[derive(Debug)]
pub(super) struct Glyphs {
    /// For each character its drawn forms.
    forms: Vec<Vec<Form>>,
}

/// One drawn character.
#[derive(Debug)]
struct Form {
    /// Its edges: the strengths' mean taken off, length 1.
    edges: Vec<f32>,
    /// What light can make of it: mean 0, length 1, at right angles to each other.
    shades: [Vec<f32>; SHADES],
}

/// A picture of the floor at [`HEIGHT`] pixels a character.
pub(super) struct Picture {
    grey: Array2<f32>,
    edges: Edges,
}

impl Picture {
    /// From normalised grey values.
    pub(super) fn new(grey: Array2<f32>) -> Self {
        Self { edges: Edges::of(&grey), grey }
    }

    /// Side of the square, pixels.
    pub(super) fn side(&self) -> usize {
        self.grey.nrows()
    }
}

impl Glyphs {
    /// Draws `alphabet`.
    pub(super) fn new(alphabet: &str) -> Self {
        let faces: Vec<Face> = styles().iter().map(Face::parametric).collect();
        let forms = alphabet.chars().map(|c| faces.iter().map(|face| Form::new(face, c)).collect()).collect();
        Self { forms }
    }

    /// For each character the best agreement, -1 to 2, of its first `forms` forms within a pixel of
    /// (`y`, `x`), the upper left corner of the drawn character: the correlation of edges, and the
    /// share of the grey values (square root of their variance) that some light would give it.
    pub(super) fn agree(&self, picture: &Picture, (y, x): (isize, isize), forms: usize) -> Vec<f32> {
        let mut best = vec![-1.0f32; self.forms.len()];
        let (mut edges, mut grey) = (vec![0.0; 3 * PIXELS], vec![0.0; PIXELS]);
        for (dy, dx) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx))) {
            let (Ok(y), Ok(x)) = (usize::try_from(y + dy), usize::try_from(x + dx)) else { continue };
            if y + ROWS > picture.side() || x + COLUMNS > picture.side() {
                continue;
            }
            cut_edges(&picture.edges, y, x, &mut edges);
            cut_grey(&picture.grey, y, x, &mut grey);
            for (best, character) in best.iter_mut().zip(&self.forms) {
                for form in character.iter().take(forms) {
                    let share: f32 = form.shades.iter().map(|s| dot(s, &grey).powi(2)).sum();
                    *best = best.max(dot(&form.edges, &edges) + share.sqrt());
                }
            }
        }
        best
    }
}

/// A grotesque, an engraved face, a squared one, a narrow one.
fn styles() -> [Style; 4] {
    let plain = Style { stroke: 0.135, mono: 0.7, ..Style::default() };
    [
        Style { width: 0.66, ..plain.clone() },
        Style {
            width: 0.6,
            terminal: Terminal::Round,
            mono: 1.0,
            one: One::FlagFoot,
            two: TwoForm::Straight,
            g: GForm::Bar,
            w_rise: 1.0,
            m_depth: 0.6,
            ..plain.clone()
        },
        Style {
            width: 0.62,
            power: 2.2,
            reach: 0.5,
            mono: 0.9,
            two: TwoForm::Square,
            six: SixForm::Straight,
            j_foot: Foot::Hook,
            ..plain.clone()
        },
        Style { width: 0.52, reach: 0.8, mono: 0.8, one: One::Bar, ..plain },
    ]
}

impl Form {
    fn new(face: &Face, c: char) -> Self {
        // Two pixels more on each side than is kept, for the derivatives.
        const MORE: usize = 2;
        let distance = face.distance(c, HEIGHT as f32, MARGIN + MORE);
        let (rows, columns) = (ROWS + 2 * MORE, COLUMNS + 2 * MORE);
        // The glyph stands in the middle of its cell.
        let shift = (columns as isize - distance.ncols() as isize) / 2;
        let relief = Array2::from_shape_fn((rows, columns), |(y, x)| {
            let x = x as isize - shift;
            let d = usize::try_from(x).ok().and_then(|x| distance.get([y, x]));
            // A flank about a pixel wide, as a sharp photograph shows it.
            d.map_or(0.0, |d| (0.5 - d * HEIGHT as f32).clamp(0.0, 1.0))
        });
        let mut edges = vec![0.0; 3 * PIXELS];
        cut_edges(&Edges::of(&relief), MORE, MORE, &mut edges);

        let at = |k: usize, dy: isize, dx: isize| {
            let (y, x) = ((k / COLUMNS + MORE) as isize + dy, (k % COLUMNS + MORE) as isize + dx);
            relief[[y as usize, x as usize]]
        };
        // Relief weighed with its neighbours, and differences across it.
        let soft = |k: usize| {
            let weight = |d: isize| if d == 0 { 2.0 } else { 1.0 };
            let window = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx)));
            window.map(|(dy, dx)| weight(dy) * weight(dx) * at(k, dy, dx)).sum::<f32>()
        };
        let right = |k: usize| (-1..=1).map(|d| at(k, d, 1) - at(k, d, -1)).sum::<f32>();
        let down = |k: usize| (-1..=1).map(|d| at(k, 1, d) - at(k, -1, d)).sum::<f32>();
        let steep = |k: usize| right(k).hypot(down(k));
        let all = |f: &dyn Fn(usize) -> f32| (0..PIXELS).map(f).collect::<Vec<f32>>();
        let mut shades = [all(&soft), all(&right), all(&down), all(&steep)];
        // Gram and Schmidt; a bar has no slope downwards, which leaves nothing but rounding.
        for k in 0..SHADES {
            let (before, rest) = shades.split_at_mut(k);
            let shade = &mut rest[0];
            let mean = shade.iter().sum::<f32>() / PIXELS as f32;
            shade.iter_mut().for_each(|v| *v -= mean);
            for other in before.iter() {
                let share = dot(other, shade);
                shade.iter_mut().zip(other).for_each(|(v, o)| *v -= share * o);
            }
            let length = dot(shade, shade).sqrt();
            let scale = if length > 1e-3 { 1.0 / length } else { 0.0 };
            shade.iter_mut().for_each(|v| *v *= scale);
        }
        Self { edges, shades }
    }
}

/// Copies a window of edges, takes the strengths' mean off and scales it to length 1.
fn cut_edges(edges: &Edges, y: usize, x: usize, window: &mut [f32]) {
    let w = edges.dim.1;
    for (row, to) in window.chunks_exact_mut(3 * COLUMNS).enumerate() {
        let from = 3 * ((y + row) * w + x);
        to.copy_from_slice(&edges.values[from..from + 3 * COLUMNS]);
    }
    let mean = window.iter().step_by(3).sum::<f32>() / PIXELS as f32;
    window.iter_mut().step_by(3).for_each(|v| *v -= mean);
    to_length_one(window);
}

/// Copies a window of grey values, takes their mean off and scales it to length 1.
fn cut_grey(grey: &Array2<f32>, y: usize, x: usize, window: &mut [f32]) {
    let part = grey.slice(s![y..y + ROWS, x..x + COLUMNS]);
    let mean = part.sum() / PIXELS as f32;
    window.iter_mut().zip(part).for_each(|(to, v)| *to = v - mean);
    to_length_one(window);
}

fn to_length_one(window: &mut [f32]) {
    let scale = 1.0 / dot(window, window).sqrt().max(1e-6);
    window.iter_mut().for_each(|v| *v *= scale);
}

/// Sum of products, in eight running sums that the compiler can keep side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for k in 0..8 {
            sums[k] += x[k] * y[k];
        }
    }
    sums.iter().sum::<f32>() + rest
}
