//! Impression to straightened mark: where rim and floor of the crater lie, and the hypotheses
//! about the mark's rotation and mirroring that are worth reading.

use super::denoise::Clean;
use super::edge::{Sought, sharpen};
use super::face::Face;
use super::geometry::{Ellipse, Pose};
use super::net::networks::{POSER_PX, REPEATED, ROTATION_BINS, UNROLLED};
use super::net::{Network, sigmoid, softmax};
use super::photo::Pixels;
use super::tile::{Patch, Prepared, prepare, sample};
use crate::settings::MarkSettings;
use ndarray::Array2;

/// One way in which the mark may lie.
#[derive(Clone, Debug)]
pub struct Hypothesis {
    /// Rotation, mirroring, place and size.
    pub pose: Pose,
    /// Log-probability of this hypothesis before anything was read.
    pub log_prior: f32,
    /// Upright tile, `TILE_PX` square, from -`TILE_SPAN` to `TILE_SPAN` of the floor's radius, grey 0-1.
    pub tile: Array2<f32>,
}

/// A straightened mark, in a few hypotheses, the likeliest first.
#[derive(Clone, Debug)]
pub struct Mark {
    /// Rim of the crater, photograph pixels.
    pub rim: Ellipse,
    /// Floor of the crater, photograph pixels.
    pub floor: Ellipse,
    /// Probability that the floor bears a mark at all, before anything was read.
    pub presence: f32,
    /// Ways in which it may lie.
    pub hypotheses: Vec<Hypothesis>,
    /// The floor and its surroundings, from which tiles of other poses are taken.
    pub patch: Patch,
}

impl Mark {
    /// The upright tile of a pose near a hypothesis.
    pub fn tile(&self, pose: &Pose) -> Array2<f32> {
        self.patch.sample(pose, TILE_SPAN, TILE_PX)
    }

    /// The same at `FINE_PX`.
    pub fn fine_tile(&self, pose: &Pose) -> Array2<f32> {
        self.patch.sample(pose, TILE_SPAN, FINE_PX)
    }
}

/// Side of an upright tile, pixels: characters of 90-250 µm are then 12-40 pixels high.
pub const TILE_PX: usize = 160;
/// Side of the tile that characters are read from, pixels: some 4 µm each, as fine as most photographs are.
pub const FINE_PX: usize = 2 * TILE_PX;
/// Half the side of an upright tile in floor radii: the whole floor with a margin for errors of place.
pub const TILE_SPAN: f64 = 1.08;

/// Radii of the first and last row of the unrolled floor, floor radii.
const UNROLLED_RADII: (f64, f64) = (0.06, 1.06);
/// Half the side of the poser's picture in larger semi-axes of the rim.
const CROP_SPAN: f64 = 1.3;
/// The poser looks again where it was shown a crater off its middle, or of another size, by more than
/// this share of its radius: the nearer the crop, the better it sees.
const LOOK_AGAIN: f64 = 0.06;
/// Looks at the most.
const LOOKS: usize = 3;
/// The face is brighter than the wall that falls from it.
const RIM: Sought = Sought { bright_inside: false, size: 0.08, shift: 0.05, half: false };
/// A rim in the picture is believed from this clearness on.
const CLEAR: f64 = 0.45;
/// Under low light from one side only the wall that lies in its own shadow shows where the rim is,
/// and the network is further off.
const SHADED: Sought = Sought { size: 0.16, shift: 0.09, half: true, ..RIM };
/// Half an edge is easier found by chance.
const CLEAR_HALF: f64 = 0.5;
/// A rim that left the first one by more than this share of its radius is something else.
const ASTRAY: f64 = 0.6;

/// The crater that a firing pin left, photograph pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crater {
    /// Its rim.
    pub rim: Ellipse,
    /// Its floor.
    pub floor: Ellipse,
    /// Probability that the floor bears a mark at all, before anything was read.
    pub presence: f32,
}

/// Rim and floor of the impression; `None` where there is no impression.
pub fn find_crater(clean: &Clean<'_>, face: &Face, poser: &Network) -> Option<Crater> {
    let pixels = &clean.photo.pixels;
    let first = face.impression?;
    let mut said = look(pixels, &first, poser)?;
    let mut shown = first;
    for _ in 1..LOOKS {
        if apart(&said.rim, &first) > ASTRAY || apart(&said.rim, &shown) < LOOK_AGAIN {
            break;
        }
        shown = said.rim;
        said = look(pixels, &shown, poser)?;
    }
    if apart(&said.rim, &first) > ASTRAY {
        said = look(pixels, &first, poser)?;
        said.rim = first;
    }
    Some(said)
}

/// Straightens the mark on the crater's floor, which is taken to be `size` times as large as it was found.
pub fn straighten(
    clean: &Clean<'_>,
    crater: &Crater,
    size: f64,
    turn: &Network,
    settings: &MarkSettings,
) -> Mark {
    let pixels = &clean.photo.pixels;
    let floor = crater.floor.scaled(size);
    let radius = floor.major();
    // The turned tile's corners, and room for poses that are set right by a tenth of the radius.
    let half = radius * (TILE_SPAN * std::f64::consts::SQRT_2 + 0.1);
    let patch = Patch::new(pixels, (floor.cx, floor.cy), half, 2.0 * TILE_SPAN * radius / TILE_PX as f64);
    let unturned = Pose { cx: floor.cx, cy: floor.cy, radius, rotation_deg: 0.0, mirrored: false };
    let tile = Prepared::new(&patch.sample(&unturned, TILE_SPAN, TILE_PX), TILE_SPAN);
    let mut rotation = turn.run(&unrolled(&tile)).swap_remove(0);
    softmax(&mut rotation);
    expect(&mut rotation, settings.mirrored_share);
    let hypotheses = ways(&rotation, settings)
        .into_iter()
        .map(|way| {
            let Way { rotation_deg, mirrored, share } = way;
            let pose = Pose { cx: floor.cx, cy: floor.cy, radius, rotation_deg, mirrored };
            Hypothesis { pose, log_prior: share.ln(), tile: patch.sample(&pose, TILE_SPAN, TILE_PX) }
        })
        .collect();
    Mark { rim: crater.rim, floor, presence: crater.presence, hypotheses, patch }
}

/// How far two rims are apart: of centre and of size together, in mean radii.
fn apart(a: &Ellipse, b: &Ellipse) -> f64 {
    let (r, s) = (a.mean_radius(), b.mean_radius());
    (a.cx - b.cx).hypot(a.cy - b.cy) / r.min(s) + (r / s).ln().abs()
}

/// The floor unrolled counter-clockwise from 12 o'clock, a column a degree, from the middle to its edge.
fn unrolled(tile: &Prepared) -> Vec<f32> {
    let (high, wide) = UNROLLED;
    let (low, far) = UNROLLED_RADII;
    let ways: Vec<(f64, f64)> =
        (0..wide).map(|column| (column as f64 - REPEATED as f64).to_radians().sin_cos()).collect();
    tile.sample((0..high * wide).map(|i| {
        let r = low + (far - low) * (i / wide) as f64 / (high - 1) as f64;
        let (s, c) = ways[i % wide];
        (-r * s, -r * c)
    }))
}

fn look(pixels: &Pixels, rim: &Ellipse, poser: &Network) -> Option<Crater> {
    let crop =
        Pose { cx: rim.cx, cy: rim.cy, radius: CROP_SPAN * rim.major(), rotation_deg: 0.0, mirrored: false };
    let tile = sample(pixels, &crop, 1.0, POSER_PX);
    let outputs = poser.run(&prepare(&tile));
    let [rim, floor, mark] = &outputs[..] else { return None };
    let (rim, floor) = (in_photo(&crop, rim), in_photo(&crop, floor));
    Some(Crater { rim: set_right(&tile, &crop, &rim), floor, presence: sigmoid(mark[0]) })
}

/// The rim as the crop itself shows it, where it does so clearly.
fn set_right(tile: &Array2<f32>, crop: &Pose, rim: &Ellipse) -> Ellipse {
    let unit = 2.0 * crop.radius / POSER_PX as f64;
    let middle = (POSER_PX as f64 - 1.0) / 2.0;
    let start = Ellipse {
        cx: (rim.cx - crop.cx) / unit + middle,
        cy: (rim.cy - crop.cy) / unit + middle,
        ..rim.scaled(1.0 / unit)
    };
    let seen = sharpen(tile, &start, RIM)
        .filter(|seen| seen.clearness >= CLEAR)
        .or_else(|| sharpen(tile, &start, SHADED).filter(|seen| seen.clearness >= CLEAR_HALF));
    let Some(seen) = seen else { return *rim };
    let e = seen.ellipse.scaled(unit);
    let place = |v: f64, centre: f64| (v - middle) * unit + centre;
    Ellipse { cx: place(e.cx, crop.cx), cy: place(e.cy, crop.cy), ..e }
}

/// An ellipse in the crop's frame (1 = half its side) to photograph pixels: centre, logarithm of the
/// mean radius, flatness. Numbers beyond anything in the crop are cut.
fn in_photo(crop: &Pose, v: &[f32]) -> Ellipse {
    let v: Vec<f64> = v.iter().map(|v| f64::from(*v)).collect();
    let (cx, cy) = crop.to_photo(v[0].clamp(-1.0, 1.0), v[1].clamp(-1.0, 1.0));
    let r = crop.radius * v[2].clamp(-3.0, 0.5).exp();
    Ellipse::from_flatness(cx, cy, r, (v[3].clamp(-1.0, 1.0), v[4].clamp(-1.0, 1.0)))
}

/// A way in which the mark may lie, and its share of the probability.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Way {
    rotation_deg: f64,
    mirrored: bool,
    share: f32,
}

/// Bins on either side that belong to one way, 9 degrees: the reader sets such errors right.
const REACH: usize = 3;
const BIN_DEG: f64 = 360.0 / ROTATION_BINS as f64;

/// Probabilities that were learned on as many straight as mirrored marks, where the share `mirrored` is.
fn expect(bins: &mut [f32], mirrored: f32) {
    let share = |i: usize| if i < ROTATION_BINS { 1.0 - mirrored } else { mirrored };
    let total: f32 = bins.iter().enumerate().map(|(i, p)| p * share(i)).sum();
    bins.iter_mut().enumerate().for_each(|(i, p)| *p *= share(i) / total.max(f32::MIN_POSITIVE));
}

/// The peaks of the distribution, the likeliest first. Behind the first comes its half turn where
/// that is at all likely: many codes look much the same upside down.
fn ways(bins: &[f32], settings: &MarkSettings) -> Vec<Way> {
    let around = |bin: usize, d: usize| {
        let (half, bin) = (bin / ROTATION_BINS, bin % ROTATION_BINS);
        half * ROTATION_BINS + (bin + ROTATION_BINS + d - REACH) % ROTATION_BINS
    };
    let way = |bin: usize| {
        let share: f32 = (0..=2 * REACH).map(|d| bins[around(bin, d)]).sum();
        let lean: f32 = (0..=2 * REACH).map(|d| (d as f32 - REACH as f32) * bins[around(bin, d)]).sum();
        let middle = (bin % ROTATION_BINS) as f64 + 0.5 + f64::from(lean / share.max(f32::MIN_POSITIVE));
        Way {
            rotation_deg: (middle * BIN_DEG).rem_euclid(360.0),
            mirrored: bin >= ROTATION_BINS,
            share: share.max(f32::MIN_POSITIVE),
        }
    };
    let mut free = vec![true; bins.len()];
    let mut found: Vec<Way> = Vec::new();
    while found.len() < settings.hypotheses {
        let peak = (0..bins.len()).filter(|b| free[*b]).reduce(|a, b| if bins[b] > bins[a] { b } else { a });
        let Some(peak) = peak else { break };
        let here = way(peak);
        if !found.is_empty() && here.share < settings.least_share {
            break;
        }
        // Twice the reach: the flank of a peak is no peak of its own.
        for d in 0..=2 * REACH {
            free[around(around(peak, 0), d)] = false;
            free[around(around(peak, 2 * REACH), d)] = false;
        }
        found.push(here);
    }
    if let Some(first) = found.first().copied() {
        let opposite = (first.rotation_deg + 180.0).rem_euclid(360.0);
        let half = usize::from(first.mirrored) * ROTATION_BINS;
        let twin = way(half + ((opposite / BIN_DEG) as usize).min(ROTATION_BINS - 1));
        let near = |w: &Way| {
            let turn = (w.rotation_deg - opposite).rem_euclid(360.0);
            w.mirrored == first.mirrored && turn.min(360.0 - turn) < 2.0 * REACH as f64 * BIN_DEG
        };
        if !found.iter().any(near) && twin.share >= settings.least_twin_share {
            found.truncate(settings.hypotheses.max(2) - 1);
            found.push(Way { rotation_deg: opposite, ..twin });
        }
    }
    found.sort_by(|a, b| b.share.total_cmp(&a.share));
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bins(peaks: &[(usize, f32)]) -> Vec<f32> {
        let mut bins = vec![0.0; 2 * ROTATION_BINS];
        for (bin, share) in peaks {
            bins[*bin] += share;
        }
        bins
    }

    fn settings() -> MarkSettings {
        MarkSettings { hypotheses: 3, least_share: 0.02, ..MarkSettings::default() }
    }

    #[test]
    fn unrolled_columns_run_counter_clockwise_from_the_top() {
        // A floor whose brightest side lies 30 degrees counter-clockwise from 12 o'clock.
        let (s, c) = 30f64.to_radians().sin_cos();
        let tile = Array2::from_shape_fn((TILE_PX, TILE_PX), |(y, x)| {
            let (u, v) = (x as f64 / 80.0 - 1.0, y as f64 / 80.0 - 1.0);
            (0.5 + 0.3 * (-u * s - v * c)) as f32
        });
        let columns = unrolled(&Prepared::new(&tile, TILE_SPAN));
        let (high, wide) = UNROLLED;
        let last = &columns[(high - 1) * wide..high * wide];
        let brightest = (REPEATED..REPEATED + 360).max_by(|a, b| last[*a].total_cmp(&last[*b])).unwrap();
        assert!((brightest as i32 - REPEATED as i32 - 30).abs() <= 2, "{brightest}");
        // What stands before the first column is what stands behind the last one.
        assert!((last[0] - last[360]).abs() < 1e-5);
    }

    #[test]
    fn peaks_come_with_their_flanks_and_in_order() {
        let found = ways(&bins(&[(0, 0.25), (119, 0.25), (61, 0.1), (200, 0.39), (203, 0.01)]), &settings());
        assert_eq!(found.len(), 3);
        // Two equal bins on either side of upright; their common edge is 0 degrees.
        assert!(found[0].rotation_deg < 1e-4 || found[0].rotation_deg > 359.999, "{found:?}");
        assert!((found[0].share - 0.5).abs() < 1e-6 && !found[0].mirrored);
        assert!(found[1].mirrored && (found[1].rotation_deg - 241.5).abs() < 0.3);
        assert!((found[1].share - 0.4).abs() < 1e-6);
        assert!((found[2].rotation_deg - 184.5).abs() < 1e-4);
    }

    #[test]
    fn a_cast_is_believed_only_on_more_evidence_than_a_case() {
        let mut even = bins(&[(10, 0.5), (130, 0.5)]);
        expect(&mut even, 0.04);
        assert!((even[10] - 0.96).abs() < 1e-6 && (even[130] - 0.04).abs() < 1e-6);
        let mut clear = bins(&[(10, 0.001), (130, 0.999)]);
        expect(&mut clear, 0.04);
        assert!(clear[130] > 0.97);
    }

    #[test]
    fn the_half_turn_is_kept_although_unlikely_but_not_when_ruled_out() {
        let found = ways(&bins(&[(10, 0.9), (30, 0.06), (50, 0.03), (70, 0.002)]), &settings());
        assert_eq!(found.iter().map(|w| w.rotation_deg as i32).collect::<Vec<_>>(), [31, 91, 211]);
        let found = ways(&bins(&[(10, 0.95), (70, 0.0005)]), &settings());
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn an_even_distribution_still_gives_something_to_read() {
        let found = ways(&vec![1.0 / 240.0; 240], &settings());
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|w| w.share.is_finite() && w.rotation_deg.is_finite()));
        assert_eq!(ways(&vec![0.0; 240], &settings()).len(), 1);
    }

    #[test]
    fn the_posers_numbers_become_an_ellipse_about_the_crop() {
        let crop = Pose { cx: 100.0, cy: 200.0, radius: 50.0, rotation_deg: 0.0, mirrored: false };
        let e = in_photo(&crop, &[0.1, -0.2, 0.5f32.ln(), 0.0, 0.2]);
        assert!((e.cx - 105.0).abs() < 1e-4 && (e.cy - 190.0).abs() < 1e-4);
        assert!((e.mean_radius() - 25.0).abs() < 1e-4 && (e.angle_deg - 45.0).abs() < 1e-4);
        assert!((e.rx / e.ry - 0.2f64.exp()).abs() < 1e-4);
        let wild = in_photo(&crop, &[1e30, -1e30, 1e30, -1e30, 0.0]);
        assert!([wild.cx, wild.cy, wild.rx, wild.ry].iter().all(|v| v.abs() < 1e3));
    }
}
