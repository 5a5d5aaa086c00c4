//! Ways and formats in which a mark may be read, and how they are.

use super::cells::{self, Block, Cell, Ring};
use super::floor::Floor;
use super::glyphs::{Glyphs, Listed};
use super::{Learned, Looked, block, quads};
use crate::pipeline::engine::View;
use crate::pipeline::scheme::Scheme;

/// Cells that are read first, as many as the widest registers hold side by side: all of the likeliest way and format, and
/// an equal share of the others. Most of those are out of the running by then.
const FIRST: usize = 16;

/// A format in a way that was looked at, its cells read once.
pub(super) struct Draft<'a> {
    looked: &'a Looked<'a>,
    floor: &'a Floor,
    scheme: &'a Scheme,
    /// Log-probability before its cells were read, and what they added.
    before: f32,
    pub(super) evidence: f32,
    /// Its cells, set right.
    block: Block,
    /// The first reading, where the cells lay right already.
    glyphs: Option<Glyphs>,
}

impl Draft<'_> {
    /// Log-probability that the mark lies so and has this format.
    pub(super) fn weight(&self) -> f32 {
        self.before + self.evidence
    }
}

/// The draft of the largest weight.
pub(super) fn likeliest<'a, 'd>(drafts: &'d [Draft<'a>]) -> Option<&'d Draft<'a>> {
    drafts.iter().max_by(|a, b| a.weight().total_cmp(&b.weight()))
}

/// Cells of one floor.
fn listed<'a>(floor: &'a Floor, cells: &[Cell]) -> Listed<'a> {
    cells.iter().map(|cell| (&floor.plain, *cell)).collect()
}

impl Learned {
    /// The likeliest ways and formats, each with its cells set right by a first reading.
    pub(super) fn drafts<'a>(&'a self, looked: &'a [Looked<'a>], floors: &'a [Floor]) -> Vec<Draft<'a>> {
        let least = self.settings.least_format.ln();
        let mut likely: Vec<(f32, usize, usize)> = Vec::new();
        for (l, look) in looked.iter().enumerate() {
            let formats = look.said.formats.iter().enumerate().filter(|(_, p)| **p >= least);
            likely.extend(formats.map(|(f, p)| (look.weight() + p, l, f)));
        }
        likely.sort_by(|a, b| b.0.total_cmp(&a.0));
        likely.truncate(self.settings.drafts);
        let drafts = likely.into_iter().map(|(_, l, f)| {
            let (looked, floor, scheme) = (&looked[l], &floors[l], &self.schemes[f]);
            let block = block(&looked.said.pose, &looked.said.cells[5 * f..5 * f + 5]);
            // How sure the look was adds nothing to what the cells say.
            let before = self.settings.way_weight * (looked.hypothesis.log_prior + looked.said.formats[f]);
            Draft { looked, floor, scheme, before, evidence: 0.0, block, glyphs: None }
        });
        let mut drafts = self.worth(drafts.collect());
        for draft in &mut drafts {
            let Some(seen) = draft.glyphs.take() else { continue };
            let right = draft.block.set_right(draft.scheme, &seen.offsets, self.settings.cell_hold);
            if draft.block.apart(&right, draft.scheme) <= self.settings.cell_still {
                draft.glyphs = Some(seen);
            } else {
                draft.block = right;
            }
        }
        let wider = self.wider(&drafts);
        drafts.extend(wider);
        drafts
    }

    /// The drafts with their first reading, less those that cannot come near the likeliest any more whatever stands in the
    /// cells that were not read.
    fn worth<'a>(&self, mut drafts: Vec<Draft<'a>>) -> Vec<Draft<'a>> {
        let cells: Vec<Vec<Cell>> = drafts.iter().map(|d| d.block.cells(d.scheme)).collect();
        let spare = FIRST.saturating_sub(cells.first().map_or(0, Vec::len));
        let others = drafts.len().saturating_sub(1).max(1);
        let first = |i: usize| match i {
            0 => cells[i].len(),
            // The first of them have what is left over.
            _ => (spare / others + usize::from(i <= spare % others)).min(cells[i].len()),
        };
        let lists = drafts.iter().enumerate().map(|(i, d)| listed(d.floor, &cells[i][..first(i)]));
        let seen = self.glyphs(&lists.collect::<Vec<_>>());
        let evidence = |glyphs: &Glyphs| glyphs.evidence(&self.settings);
        let Some(best) = drafts.iter().zip(&seen).next().map(|(d, g)| d.before + evidence(g)) else {
            return drafts;
        };
        let most = |i: usize, d: &Draft<'_>| {
            let left = Glyphs::most(cells[i].len() - first(i), &self.settings);
            d.before + evidence(&seen[i]) + left + self.beside(d.scheme)
        };
        let bar = best - self.settings.second_reading_within;
        let kept: Vec<bool> = drafts.iter().enumerate().map(|(i, d)| i == 0 || most(i, d) >= bar).collect();
        let rest = drafts.iter().enumerate().map(|(i, d)| match kept[i] {
            true => listed(d.floor, &cells[i][first(i)..]),
            false => Listed::new(),
        });
        let rest = self.glyphs(&rest.collect::<Vec<_>>());
        for ((draft, mut glyphs), rest) in drafts.iter_mut().zip(seen).zip(rest) {
            glyphs.extend(rest);
            draft.evidence = evidence(&glyphs);
            draft.glyphs = Some(glyphs);
        }
        drafts.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(draft, _)| draft).collect()
    }

    /// The most that columns beside those of a format can add to its log-probability.
    fn beside(&self, scheme: &Scheme) -> f32 {
        let columns = self.schemes.iter().filter_map(|whole| cells::missed(scheme, whole, 0.5));
        let most =
            columns.map(|missed| Glyphs::most(missed.len(), &self.settings) - self.settings.column_missed);
        most.fold(0.0, f32::max)
    }

    /// The same ways in a format of which a draft's is a part, where a column beside the draft's shows characters beyond
    /// doubt: a mark that was cut off by a shadow or a shifted rim is not to be taken for a whole one of fewer.
    fn wider<'a>(&'a self, drafts: &[Draft<'a>]) -> Vec<Draft<'a>> {
        let mut found = Vec::new();
        let mut lists = Vec::new();
        for draft in drafts {
            for (scheme, by) in self.schemes.iter().flat_map(|s| [(s, -0.5), (s, 0.5)]) {
                let Some(missed) = cells::missed(draft.scheme, scheme, by) else { continue };
                let block = draft.block.moved(-by);
                let cells = block.cells(scheme);
                lists.push(listed(draft.floor, &missed.iter().map(|i| cells[*i]).collect::<Vec<_>>()));
                let before = draft.before - self.settings.column_missed;
                found.push(Draft { scheme, block, before, glyphs: None, ..*draft });
            }
        }
        let beside = self.glyphs(&lists);
        let found = found.into_iter().zip(beside).filter_map(|(draft, beside)| {
            let there = beside.there.iter().all(|t| *t >= self.settings.column_there);
            there.then(|| Draft { evidence: draft.evidence + beside.evidence(&self.settings), ..draft })
        });
        found.collect()
    }

    /// Reads the cells that were set right anew.
    pub(super) fn read_again(&self, drafts: &mut [Draft<'_>]) {
        let mut moved: Vec<&mut Draft<'_>> = drafts.iter_mut().filter(|d| d.glyphs.is_none()).collect();
        let lists: Vec<Listed<'_>> =
            moved.iter().map(|d| listed(d.floor, &d.block.cells(d.scheme))).collect();
        for (draft, glyphs) in moved.iter_mut().zip(self.glyphs(&lists)) {
            draft.evidence = glyphs.evidence(&self.settings);
            draft.glyphs = Some(glyphs);
        }
    }

    /// Drafts read to their end: the views, and the evidence of their cells. Of those that are clearly behind, cells that
    /// leave doubt are not read from aside.
    pub(super) fn views(&self, mut drafts: Vec<Draft<'_>>) -> Vec<(View, f32)> {
        let bar = likeliest(&drafts).map_or(0.0, Draft::weight) - self.settings.third_reading_within;
        let near: Vec<bool> = drafts.iter().map(|d| d.weight() >= bar).collect();
        let readings = drafts
            .iter_mut()
            .zip(&near)
            .map(|(d, near)| {
                let cells = if *near { d.block.cells(d.scheme) } else { Vec::new() };
                (d.glyphs.take().unwrap_or_default(), d.floor, cells)
            })
            .collect();
        let glyphs = self.averaged(readings);
        drafts.iter().zip(glyphs).map(|(draft, glyphs)| self.view(draft, glyphs)).collect()
    }

    fn view(&self, draft: &Draft<'_>, glyphs: Glyphs) -> (View, f32) {
        let Draft { looked, floor, scheme, before, ref block, .. } = *draft;
        let said = &looked.said;
        let gear = scheme.sectors().filter(|_| said.ring >= self.settings.ring_bar).map(|sectors| {
            let ring = Ring {
                centre: (f64::from(said.pose[0]), f64::from(said.pose[1])),
                radius: f64::from(said.pose[2]).exp(),
                turn: block.turn,
            };
            self.teeth(&floor.plain, &ring, sectors)
        });
        let evidence = glyphs.evidence(&self.settings);
        let view = View {
            format: scheme.id.clone(),
            pose: looked.pose,
            log_weight: before + evidence,
            quads: quads(scheme, block),
            symbols: glyphs.symbols,
            gear,
        };
        (view, evidence)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::geometry::Pose;
    use crate::pipeline::mark::{FINE_PX, Hypothesis, TILE_PX};
    use crate::settings::LearnedSettings;
    use ndarray::Array2;

    #[test]
    fn only_what_can_no_longer_come_near_the_likeliest_is_left_unread() {
        let settings = LearnedSettings::default();
        let engine = Learned::new(&settings).unwrap();
        let texture = |side: usize| {
            Array2::from_shape_fn((side, side), |(y, x)| ((x * 7 + y * 3) % 251) as f32 / 251.0)
        };
        let pose = Pose { cx: 0.0, cy: 0.0, radius: 1.0, rotation_deg: 0.0, mirrored: false };
        let hypothesis = Hypothesis { pose, log_prior: 0.0, tile: texture(TILE_PX) };
        let looked = engine.look(&hypothesis, &hypothesis.tile, pose).unwrap();
        let floor = Floor::of(texture(FINE_PX));
        let draft = |before: f32, at: f64| Draft {
            looked: &looked,
            floor: &floor,
            scheme: &engine.schemes[0],
            before,
            evidence: 0.0,
            block: Block { middle: (at, 0.0), column: 0.2, row: 0.3, height: 0.25, turn: 0.0 },
            glyphs: None,
        };
        let alone = |before: f32, at: f64| engine.worth(vec![draft(before, at)]).remove(0);
        let (first, second) = (alone(0.0, 0.0), alone(-1.0, 0.1));
        // The likeliest, one that may come near it, and one that cannot whatever it shows.
        let hopeless = first.weight() - settings.second_reading_within - Glyphs::most(8, &settings) * 2.0;
        let kept = engine.worth(vec![draft(0.0, 0.0), draft(-1.0, 0.1), draft(hopeless - 9.0, 0.0)]);
        assert_eq!(kept.len(), 2);
        for (kept, alone) in kept.iter().zip([&first, &second]) {
            assert_eq!(kept.evidence, alone.evidence);
            assert_eq!(kept.glyphs.as_ref().unwrap().symbols, alone.glyphs.as_ref().unwrap().symbols);
        }
    }
}
