//! The engine without weights: rows of cells are looked for by the strength of edges, and each
//! cell is compared with drawn characters. The floor that every other engine has to beat.
//!
//! It says nothing about the gear ring: grey values in the middles of its sectors tell tooth from gap
//! in only 57 of 100 simulated sectors, and whether there is a ring at all hardly better.

mod glyphs;

use super::edges::{Edges, inside, normalise};
use super::grid::{self, Grid, Sums};
use super::{Engine, Identity, Scores, View};
use crate::error::Failure;
use crate::pipeline::mark::{Mark, TILE_SPAN};
use crate::pipeline::net::log_softmax;
use crate::pipeline::scheme::Scheme;
use glyphs::{COLUMNS, Glyphs, HEIGHT, Picture, ROWS};
use image::imageops::{FilterType, resize};
use image::{ImageBuffer, Luma};
use ndarray::Array2;
use std::collections::BTreeMap;

/// Half side of the box that grey values are normalised in, tile pixels: about a character.
const LOCAL: usize = 12;
/// Log-probability of a character a unit of its agreement with a cell. Fitted, as are the three
/// weights below, to simulated marks of all grades; a cell reads right in half of the clean ones.
const SHARPNESS: f32 = 10.0;
/// Log-probability of a view a unit of the cells' summed agreement ...
const SUM: f32 = 1.7;
/// ... of that of its worst cell ...
const WORST: f32 = 2.5;
/// ... and of its grid's score.
const GRID: f64 = 0.1;
/// Agreement of a cell of bare floor with the best of all characters: formats with more cells
/// must not win by their number.
const BARE: f32 = 0.76;
/// Hypotheses looked at: each takes about 20 ms.
const HYPOTHESES: usize = 4;
/// Grids of each format and hypothesis that are compared with characters.
const GRIDS: usize = 4;

/// Compares cells with drawn characters.
#[derive(Debug)]
pub struct Template {
    schemes: Vec<(Scheme, Glyphs)>,
}

impl Default for Template {
    fn default() -> Self {
        let with_glyphs = |s: Scheme| {
            let glyphs = Glyphs::new(&s.alphabet);
            (s, glyphs)
        };
        Self { schemes: Scheme::all().into_iter().map(with_glyphs).collect() }
    }
}

impl Engine for Template {
    fn identity(&self) -> Identity {
        Identity { name: "template".into(), version: env!("CARGO_PKG_VERSION").into(), weights_sha256: None }
    }

    fn read(&self, mark: &Mark) -> Result<Scores, Failure> {
        let mut views = Vec::new();
        for hypothesis in mark.hypotheses.iter().take(HYPOTHESES) {
            let inside = inside(&hypothesis.pose, &mark.floor, hypothesis.tile.nrows());
            let tile = normalise(&hypothesis.tile, &inside, LOCAL);
            let sums = Sums::new(&Edges::of(&tile));
            let mut pictures = Pictures { tile, sizes: BTreeMap::new() };
            for (scheme, glyphs) in &self.schemes {
                let mut best: Option<(f32, Grid)> = None;
                for grid in grid::find(&sums, scheme, GRIDS) {
                    let quick = sum(&agreements(&mut pictures, &grid, scheme, glyphs, 1));
                    if best.is_none_or(|b| quick > b.0) {
                        best = Some((quick, grid));
                    }
                }
                let Some((_, grid)) = best else { continue };
                let found = agreements(&mut pictures, &grid, scheme, glyphs, usize::MAX);
                let worst = tops(&found).fold(f32::INFINITY, f32::min);
                views.push(View {
                    format: scheme.id.clone(),
                    pose: hypothesis.pose,
                    log_weight: hypothesis.log_prior
                        + SUM * sum(&found)
                        + WORST * worst
                        + (GRID * grid.score) as f32,
                    symbols: found.iter().map(|a| log_softmax(&sharper(a))).collect(),
                    gear: None,
                    quads: grid.quads(scheme),
                });
            }
        }
        Ok(Scores { views, presence: mark.presence, ink: None })
    }
}

/// What agreements are worth as logarithms of odds.
fn sharper(agreements: &[f32]) -> Vec<f32> {
    agreements.iter().map(|a| SHARPNESS * a).collect()
}

/// Agreement of each cell with its best character.
fn tops(agreements: &[Vec<f32>]) -> impl Iterator<Item = f32> {
    agreements.iter().map(|a| a.iter().copied().fold(-1.0, f32::max))
}

/// What the cells agree with their best characters more than a bare floor would, summed.
fn sum(agreements: &[Vec<f32>]) -> f32 {
    tops(agreements).map(|a| a - BARE).sum()
}

/// For each cell its agreement with each character, in the first `forms` of the drawn typefaces.
fn agreements(
    pictures: &mut Pictures,
    grid: &Grid,
    scheme: &Scheme,
    glyphs: &Glyphs,
    forms: usize,
) -> Vec<Vec<f32>> {
    let picture = pictures.at(grid.height);
    let side = picture.side() as f64;
    let px = side / 2.0 / TILE_SPAN;
    let corner = |middle: f64, size: usize| (side / 2.0 + middle * px - size as f64 / 2.0).round() as isize;
    let middles = grid.middles(scheme);
    middles
        .iter()
        .map(|(x, y)| glyphs.agree(picture, (corner(*y, ROWS), corner(*x, COLUMNS)), forms))
        .collect()
}

/// A normalised tile in the sizes at which characters are as high as the drawn ones.
struct Pictures {
    tile: Array2<f32>,
    sizes: BTreeMap<usize, Picture>,
}

impl Pictures {
    /// The tile with characters of `height` floor radii drawn [`HEIGHT`] pixels high, to the nearest even side.
    fn at(&mut self, height: f64) -> &Picture {
        let side = 2 * (HEIGHT as f64 / height * TILE_SPAN).round() as usize;
        self.sizes.entry(side).or_insert_with(|| Picture::new(scaled(&self.tile, side)))
    }
}

/// A picture with another side, averaged where it becomes smaller.
fn scaled(picture: &Array2<f32>, side: usize) -> Array2<f32> {
    let (h, w) = picture.dim();
    let from = ImageBuffer::from_fn(w as u32, h as u32, |x, y| Luma([picture[[y as usize, x as usize]]]));
    let to = resize(&from, side as u32, side as u32, FilterType::Triangle);
    Array2::from_shape_fn((side, side), |(y, x)| to[(x as u32, y as u32)][0])
}

#[cfg(test)]
mod tests;
