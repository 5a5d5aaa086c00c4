//! The learned engine: `layout` says whether a tile is upright, which format it has and where the
//! cells are; `glyph` reads each cell and says how far it is off its character; `ring` reads the
//! unrolled gear ring.

mod cells;
mod drafts;
mod floor;
mod glyphs;
mod ink;

pub use ink::strokes;

use cells::{Block, Cell, Ring, along};
use drafts::likeliest;
use floor::Floor;

use super::{Engine, Identity, Scores};
use crate::error::{Failure, Fatal};
use crate::pipeline::geometry::Pose;
use crate::pipeline::mark::{Hypothesis, Mark};
use crate::pipeline::net::networks::{Networks, Reader};
use crate::pipeline::net::{log_softmax, sigmoid};
use crate::pipeline::scheme::Scheme;
use crate::pipeline::tile::{Prepared, prepare};
use crate::settings::LearnedSettings;
use ndarray::Array2;

/// Reads with the networks that the crate carries.
pub struct Learned {
    networks: &'static Networks,
    reader: &'static Reader,
    /// The formats in the order of the network's outputs.
    schemes: Vec<Scheme>,
    settings: LearnedSettings,
}

/// What `layout` says of one tile.
struct Said {
    /// Log-odds that this is an upright mark.
    ok: f32,
    /// Log-probability of each format.
    formats: Vec<f32>,
    /// Probability of a ring.
    ring: f32,
    /// Shift in floor radii, logarithm of the size, turn in radians: from the tile's pose to the true one.
    pose: Vec<f32>,
    /// For each format the middle of the mark, column and row pitch, height, in floor radii.
    cells: Vec<f32>,
    ink: Vec<f32>,
}

/// A hypothesis that was looked at.
struct Looked<'a> {
    hypothesis: &'a Hypothesis,
    pose: Pose,
    said: Said,
}

impl Looked<'_> {
    /// Log-probability that the mark lies so, from what was seen and from what was expected.
    fn weight(&self) -> f32 {
        log_sigmoid(self.said.ok) + self.hypothesis.log_prior
    }
}

impl Learned {
    /// The engine with the built-in weights.
    ///
    /// # Errors
    /// The weights are damaged, hold no reader, or were trained for other formats.
    pub fn new(settings: &LearnedSettings) -> Result<Self, Fatal> {
        let networks = Networks::built_in()?;
        let reader = networks.reader.as_ref().ok_or_else(|| {
            Fatal::new(
                "the built-in weights find marks but hold no trained reader",
                "--engine template, or train one: src/train/README.md",
            )
        })?;
        let all = Scheme::all();
        // Outputs have the order that they were trained in: a format that is gone, or other symbols, would shift what they say.
        let known = |id: &String| {
            all.iter().find(|s| s.id == *id && s.alphabet == networks.alphabet).cloned().ok_or_else(|| {
                Fatal::new(
                    format!("the built-in weights read {id} with the symbols {}, and src/formats has none such", networks.alphabet),
                    "the formats as they were when the weights were trained, or train them anew: src/train/README.md",
                )
            })
        };
        let schemes = networks.formats.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self { networks, reader, schemes, settings: settings.clone() })
    }

    fn look<'a>(&self, hypothesis: &'a Hypothesis, tile: &Array2<f32>, pose: Pose) -> Option<Looked<'a>> {
        let outputs = self.reader.layout.run(&prepare(tile));
        let [ok, formats, gear, shift, cells, ink]: [Vec<f32>; 6] = outputs.try_into().ok()?;
        let said = Said {
            ok: ok[0],
            formats: log_softmax(&formats),
            ring: sigmoid(gear[0]),
            pose: shift,
            cells,
            ink,
        };
        Some(Looked { hypothesis, pose, said })
    }

    /// Looks at a hypothesis again with its pose set right; keeps the second look unless it is clearly the worse.
    fn again<'a>(&self, mark: &Mark, first: Looked<'a>) -> Looked<'a> {
        let pose = set_right(&first.pose, &first.said.pose);
        match self.look(first.hypothesis, &mark.tile(&pose), pose) {
            Some(second) if second.said.ok >= first.said.ok - self.settings.second_look_loss => second,
            _ => first,
        }
    }

    /// Log-odds of a tooth in each sector. The ring is unrolled once more where it says that it lies elsewhere.
    fn teeth(&self, floor: &Prepared, ring: &Ring, sectors: usize) -> Vec<f32> {
        let read = |ring: &Ring| self.reader.ring.run(&ring.strip(floor, sectors));
        let mut seen = read(ring);
        if seen[1].iter().any(|off| off.abs() > self.settings.ring_still) {
            seen = read(&ring.set_right(&seen[1]));
        }
        let mut teeth = seen.swap_remove(0);
        teeth.truncate(sectors);
        teeth
    }

    /// Probability that there is a mark, of three opinions on one question: of the poser, the layout and the cells.
    /// The first two look at the whole floor and err together: their log-odds are averaged.
    fn presence(&self, mark: &Mark, ok: f32, cells: f32) -> f32 {
        let poser = mark.presence.clamp(1e-6, 1.0 - 1e-6);
        sigmoid(0.5 * ((poser / (1.0 - poser)).ln() + ok) + self.settings.cell_presence * cells)
    }
}

impl Engine for Learned {
    fn identity(&self) -> Identity {
        Identity {
            name: "learned".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            weights_sha256: Some(self.networks.sha256.clone()),
        }
    }

    /// Every hypothesis is looked at once, the likeliest first; where the first is beyond doubt, it is
    /// the only one. Those that are not clearly worse than the best are looked at a second time, with
    /// the pose set right by what the first look said. The cells of the likeliest ways and formats are
    /// read; those that then are not clearly worse than the best are set right and read again, and of the likeliest
    /// among them cells that leave doubt a third time.
    fn read(&self, mark: &Mark) -> Result<Scores, Failure> {
        let nothing = Scores { presence: mark.presence, ..Scores::default() };
        if mark.presence < self.settings.presence_bar {
            return Ok(nothing);
        }
        let mut looked = Vec::new();
        for hypothesis in &mark.hypotheses {
            let Some(look) = self.look(hypothesis, &hypothesis.tile, hypothesis.pose) else { continue };
            looked.push(look);
            let sure = sigmoid(looked[0].said.ok) >= self.settings.sure
                && looked[0].hypothesis.log_prior.exp() >= self.settings.sure_share;
            if sure {
                break;
            }
        }
        looked.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        let Some(bar) = looked.first().map(|l| l.weight() - self.settings.second_look_within) else {
            return Ok(nothing);
        };
        let mut looked: Vec<Looked<'_>> = looked
            .into_iter()
            .enumerate()
            .filter(|(i, look)| *i == 0 || (*i < self.settings.second_looks && look.weight() >= bar))
            .map(|(_, look)| self.again(mark, look))
            .collect();
        looked.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
        let Some(best) = looked.first() else { return Ok(nothing) };
        let (ok, ink) = (best.said.ok, &best.said.ink);
        let floors: Vec<Floor> = looked.iter().map(|l| Floor::new(mark, &l.pose)).collect();
        let bare = |presence: f32| Scores { presence, ink: Some(ink::enlarged(ink)), ..Scores::default() };
        let mut drafts = self.drafts(&looked, &floors);
        let Some(best) = likeliest(&drafts) else { return Ok(bare(0.0)) };
        // On a floor that is bare most likely, setting the cells right only costs time.
        let presence = self.presence(mark, ok, best.evidence);
        if presence < self.settings.bare_first {
            return Ok(bare(presence));
        }
        let bar = best.weight() - self.settings.second_reading_within;
        drafts.retain(|d| d.weight() >= bar);
        self.read_again(&mut drafts);
        let cells = likeliest(&drafts).map_or(0.0, |d| d.evidence);
        let presence = self.presence(mark, ok, cells);
        if presence < self.settings.bare_below {
            return Ok(bare(presence));
        }
        let views = self.views(drafts);
        let best = views.iter().max_by(|a, b| a.0.log_weight.total_cmp(&b.0.log_weight));
        let presence = self.presence(mark, ok, best.map_or(0.0, |v| v.1));
        if presence < self.settings.bare_below {
            return Ok(bare(presence));
        }
        // Cells may prefer another way of lying than the look that was likeliest before they were read.
        let shown = looked.iter().find(|l| best.is_some_and(|(view, _)| view.pose == l.pose));
        let ink = shown.map(|l| ink::enlarged(&l.said.ink));
        Ok(Scores { views: views.into_iter().map(|v| v.0).collect(), presence, ink })
    }
}

/// The cells of a format as `layout` saw them.
fn block(pose: &[f32], cells: &[f32]) -> Block {
    let [u, v, column, row, height]: [f64; 5] = std::array::from_fn(|i| f64::from(cells[i]));
    Block {
        middle: (u, v),
        column,
        row,
        height: height.clamp(0.05, 0.8),
        turn: f64::from(pose[3].clamp(-0.4, 0.4)),
    }
}

/// The pose that `shift` makes of `pose`: a shift in the mark's frame, a size, a turn. None is cut to less than `layout`
/// was trained to see (`layout.tile.jitter` of the recipe).
fn set_right(pose: &Pose, shift: &[f32]) -> Pose {
    let shift: Vec<f64> = shift.iter().map(|v| f64::from(*v)).collect();
    let (cx, cy) = pose.to_photo(shift[0].clamp(-0.2, 0.2), shift[1].clamp(-0.2, 0.2));
    let turn = shift[3].clamp(-0.4, 0.4).to_degrees();
    // Seen in a mirrored photograph, a turn goes the other way.
    let turn = if pose.mirrored { -turn } else { turn };
    Pose {
        cx,
        cy,
        radius: pose.radius * shift[2].clamp(-0.3, 0.3).exp(),
        rotation_deg: (pose.rotation_deg + turn).rem_euclid(360.0),
        mirrored: pose.mirrored,
    }
}

/// A character's width over its height: upright sans faces with their side bearings.
const WIDTH: f64 = 0.74;

/// Corners of the characters' cells in reading order.
fn quads(scheme: &Scheme, block: &Block) -> Vec<[(f64, f64); 4]> {
    let corner = |cell: &Cell, right: f64, down: f64| {
        let (x, y) = along(cell.turn, right * cell.height * WIDTH / 2.0, down * cell.height / 2.0);
        (cell.middle.0 + x, cell.middle.1 + y)
    };
    let quad =
        |c: &Cell| [corner(c, -1.0, -1.0), corner(c, 1.0, -1.0), corner(c, 1.0, 1.0), corner(c, -1.0, 1.0)];
    block.cells(scheme).iter().map(quad).collect()
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, v)| *sum += v);
}

fn log_sigmoid(x: f32) -> f32 {
    x.min(0.0) - (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::geometry::Ellipse;
    use crate::pipeline::mark::TILE_PX;
    use crate::pipeline::photo::Pixels;
    use crate::pipeline::tile::Patch;

    #[test]
    fn a_pose_is_set_right_by_what_the_tile_shows() {
        // The true pose, and a tile taken a little beside it.
        for mirrored in [false, true] {
            let shown = Pose { cx: 300.0, cy: 200.0, radius: 100.0, rotation_deg: 350.0, mirrored };
            let found = set_right(&shown, &[0.05, -0.1, 0.1, 0.2]);
            // A point of the true mark, seen in the tile turned counter-clockwise, larger and shifted.
            let (u, v) = (0.3, -0.4);
            let (s, c) = 0.2f64.sin_cos();
            let size = 0.1f64.exp();
            let seen = (0.05 + size * (c * u + s * v), -0.1 + size * (-s * u + c * v));
            let (a, b) = (found.to_photo(u, v), shown.to_photo(seen.0, seen.1));
            assert!((a.0 - b.0).hypot(a.1 - b.1) < 1e-4, "{mirrored} {a:?} {b:?}");
        }
    }

    #[test]
    fn cells_of_the_format_with_two_characters_in_its_middle_row() {
        let scheme = &Scheme::all()[2];
        let quads = quads(scheme, &block(&[0.0; 4], &[0.1, 0.0, 0.3, 0.5, 0.4]));
        assert_eq!(quads.len(), 8);
        let middle = |q: &[(f64, f64); 4]| ((q[0].0 + q[2].0) / 2.0, (q[0].1 + q[2].1) / 2.0);
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1) < 1e-6;
        assert!(close(middle(&quads[0]), (-0.2, -0.5)) && close(middle(&quads[2]), (0.4, -0.5)));
        assert!(close(middle(&quads[3]), (-0.05, 0.0)) && close(middle(&quads[4]), (0.25, 0.0)));
        assert!((quads[0][3].1 - quads[0][0].1 - 0.4).abs() < 1e-6);
    }

    #[test]
    fn scores_have_every_format_place_symbol_and_sector() {
        let pixels = Pixels::Eight(Array2::from_shape_fn((300, 300), |(y, x)| ((x * 7 + y * 3) % 251) as u8));
        let floor = Ellipse::circle(150.0, 150.0, 90.0);
        let patch = Patch::new(&pixels, (150.0, 150.0), 140.0, 1.2);
        let pose = Pose { cx: 150.0, cy: 150.0, radius: 90.0, rotation_deg: 30.0, mirrored: true };
        let tile = patch.sample(&pose, 1.08, TILE_PX);
        let hypotheses = vec![Hypothesis { pose, log_prior: -0.1, tile }];
        let mark = Mark { rim: floor.scaled(1.3), floor, presence: 0.9, hypotheses, patch };
        let settings = LearnedSettings {
            least_format: 0.0,
            ring_bar: 0.0,
            second_reading_within: 1e9,
            bare_first: 0.0,
            bare_below: 0.0,
            ..LearnedSettings::default()
        };
        let engine = Learned::new(&settings).unwrap();
        let seen = engine.read(&mark).unwrap();
        assert_eq!(seen.views.len(), 4);
        for scheme in Scheme::all() {
            let view = seen.views.iter().find(|v| v.format == scheme.id).unwrap();
            assert_eq!((view.symbols.len(), view.quads.len()), (scheme.len(), scheme.len()));
            for p in &view.symbols {
                assert!((p.iter().map(|p| p.exp()).sum::<f32>() - 1.0).abs() < 1e-4 && p.len() == 33);
            }
            let sectors = scheme.gear_sectors(&"A".repeat(scheme.len())).map(|s| s.len());
            assert_eq!(view.gear.as_ref().map(Vec::len), sectors);
        }
        assert_eq!(seen.ink.unwrap().dim(), (TILE_PX, TILE_PX));
        // A floor that the poser is sure about is not read at all.
        let mark = Mark { presence: 0.0, ..mark };
        assert!(engine.read(&mark).unwrap().views.is_empty());
    }
}
