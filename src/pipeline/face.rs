//! The primer's face and the impression's rim in it, as ellipses.

mod fit;
mod letterbox;
mod outline;

use super::denoise::Clean;
use super::edge::{Seen, Sought, disc_round, sharpen};
use super::geometry::Ellipse;
use super::net::Network;
use super::net::networks::{CLASS_PX, CLASSES};
use super::net::{sigmoid, softmax};
use super::tile::prepare;
use crate::settings::FaceSettings;
use fit::{Expected, Fit, fit};
use letterbox::Letterbox;
use ndarray::Array2;
use outline::{Part, Region, region};

/// What was found of the primer.
#[derive(Clone, Debug, Default)]
pub struct Face {
    /// Edge of the visible primer face; `None` where it lies outside the frame or there is none.
    pub primer: Option<Ellipse>,
    /// Rim of the firing pin's impression; `None` where there is none.
    pub impression: Option<Ellipse>,
    /// What would be its rim if there were one, where the network rather thinks that there is none.
    pub unlikely: Option<Ellipse>,
    /// Probability that there is a primer with an impression, 0-1.
    pub confidence: f32,
}

impl Face {
    /// The primer's edge, where what is read as the impression's rim can lie in it.
    pub fn primer_about(&self, rim: Option<&Ellipse>) -> Option<Ellipse> {
        const DIRECTIONS: usize = 24;
        let point = |rim: &Ellipse, k: usize| rim.point(k as f64 / DIRECTIONS as f64 * std::f64::consts::TAU);
        self.primer.filter(|primer| {
            let within = |(x, y): (f64, f64)| primer.level(x, y) < MOST_BEYOND;
            rim.is_none_or(|rim| (0..DIRECTIONS).all(|k| within(point(rim, k))))
        })
    }

    /// What else the impression may be, where what was found cannot be read: an unlikely one, since from near a dark floor
    /// in a bright face looks like a hole; and what was taken for the primer's edge, since from near a crater looks like a
    /// primer, and what it holds like the impression.
    pub fn otherwise(&self) -> impl Iterator<Item = Self> {
        let unlikely = self.unlikely.map(|rim| Self { impression: Some(rim), ..self.clone() });
        let nearer = self.primer.map(|rim| Self { primer: None, impression: Some(rim), ..self.clone() });
        unlikely.into_iter().chain(nearer)
    }
}

/// The network's classes, from outside to inside.
const CUP: usize = 1;
const FLAT: usize = 2;
const WALL: usize = 3;

/// A primer is round; seen a little obliquely ln(rx / ry) is some hundredths.
const PRIMER: Expected = Expected { flatness: 0.03, spread: 0.4 };
/// One impression in four is elliptic, 1.3 to 2 times as long as wide. Spreads are in pixels of the
/// map of classes, where the network places an edge to about a third of a pixel.
const IMPRESSION: Expected = Expected { flatness: 0.3, spread: 0.4 };
/// Less of the primer's edge than this share of its directions (55 degrees) does not tell where its centre is.
const LEAST_ARC: f64 = 0.15;
/// At least this share of an outline must lie on the primer's ellipse; else it is the outline of something else.
const LEAST_INLIERS: f64 = 0.4;
/// The flat face's edge is taken where it is at least this crisp beside the cup's: where a shallow
/// rounded edge shades gently, the network places the face's edge only by habit and its probability
/// falls off slowly.
const CRISP: f64 = 0.8;
/// Distance over which crispness is measured to either side of an edge, pixels of the map: an edge
/// that is seen falls from 1 to 0 within it.
const CRISP_REACH: f64 = 2.0;
/// Beyond the flat face and beyond the cup it gets darker. The flat face ends at 0.76-0.83 of the cup,
/// so that a search for one edge does not reach the other.
const PRIMER_EDGE: Sought = Sought { bright_inside: true, size: 0.1, shift: 0.06, half: false };
/// An edge in the picture is believed from this clearness on; chance gives up to 0.2.
const CLEAR: f64 = 0.3;
/// A disc that the network did not name is believed from this clearness on: every photograph has some
/// circle that is the clearest.
const CLEAR_DISC: f64 = 0.5;
/// It must be clearer by this much than what the network named.
const CLEARER: f64 = 0.1;
/// A face is at least 1.5 times as wide as the crater in it; what is hardly wider is the crater again.
const LEAST_WIDER: f64 = 1.2;
/// A rim may reach beyond the edge of the primer by this many of its radii: a strike at the very edge breaks it, and both
/// are found to some hundredths.
const MOST_BEYOND: f64 = 1.1;
/// How many times as large the middle of the photograph is looked at where the whole shows nothing.
const CLOSER: f64 = 2.0;
/// Area of an ellipse fitted to the outline of an impression over that of its region: a rim that is partly hidden leaves the
/// region short of it by up to half, and one that is said to be smaller than its region was fitted to something else.
const RIM_AREA: std::ops::Range<f64> = 0.7..2.5;
/// A region of fewer pixels of the map than this is no impression but an error of single pixels.
const LEAST_AREA: f64 = 8.0;

/// Finds the primer and the impression on the small copy; where that leaves doubt, in the middle of the photograph, twice
/// as large: beside a glaring case head a crater with a legible mark may be small and all one grey.
pub fn find_face(clean: &Clean<'_>, finder: &Network, settings: &FaceSettings) -> Face {
    let (whole, impression) = look(&clean.small, &Letterbox::whole(clean), finder, settings);
    if whole.impression.is_some() || impression < settings.closer_bar || clean.factor < CLOSER {
        return whole;
    }
    let (middle, frame) = Letterbox::middle(clean);
    let (closer, _) = look(&middle, &frame, finder, settings);
    // The primer's edge may lie outside the middle.
    if closer.impression.is_some() {
        Face { primer: whole.primer.or(closer.primer), ..closer }
    } else {
        Face { unlikely: whole.unlikely.or(closer.unlikely), ..whole }
    }
}

/// What a copy shows, and the probability of an impression in it.
fn look(small: &Array2<f32>, frame: &Letterbox, finder: &Network, settings: &FaceSettings) -> (Face, f32) {
    let [classes, present] = &finder.run(&prepare(&frame.tile(small)))[..] else {
        return (Face::default(), 0.0);
    };
    let [primer, impression] = [present[0], present[1]].map(sigmoid);
    let mut face = Face { confidence: primer.min(impression), ..Face::default() };
    let within = inside(classes);
    let (mut seed, mut crater) = (None, None);
    let likely = impression >= settings.impression_bar;
    if (likely || impression >= settings.unlikely_bar)
        && let Some(found) = region(&within[WALL], &frame.part(), None)
    {
        let seen = rim(&found).map(|e| frame.to_small(&e));
        let placed = seen.map(|e| frame.to_photo(&e));
        if likely {
            (seed, crater) = (Some(found.inner), seen);
            face.impression = placed;
        } else {
            face.unlikely = placed;
        }
    }
    if primer >= settings.primer_bar {
        let edges = edges(&within, &frame.part(), seed);
        let in_small = edges.iter().map(|e| frame.to_small(e)).collect::<Vec<_>>();
        face.primer = clearest(small, &in_small, crater.as_ref()).map(|e| frame.to_photo(&e));
    }
    (face, impression)
}

/// For each class the probability of it or of any farther in.
fn inside(logits: &[f32]) -> Vec<Array2<f32>> {
    let mut within = vec![Array2::zeros((CLASS_PX, CLASS_PX)); CLASSES];
    for i in 0..CLASS_PX * CLASS_PX {
        let mut p: [f32; CLASSES] = std::array::from_fn(|c| logits[c * CLASS_PX * CLASS_PX + i]);
        softmax(&mut p);
        let mut sum = 0.0;
        for c in (0..CLASSES).rev() {
            sum += p[c];
            within[c][[i / CLASS_PX, i % CLASS_PX]] = sum;
        }
    }
    within
}

/// The rim of the crater, in pixels of the map.
fn rim(found: &Region) -> Option<Ellipse> {
    if found.area < LEAST_AREA {
        return None;
    }
    // Where the outline is cut or ragged, the circle of the region's area still shows where to look.
    let circle = Ellipse::circle(found.centre.0, found.centre.1, (found.area / std::f64::consts::PI).sqrt());
    let sound = |fit: &Fit| {
        let share = fit.ellipse.rx * fit.ellipse.ry / (circle.rx * circle.ry);
        fit.inliers >= LEAST_INLIERS && RIM_AREA.contains(&share)
    };
    Some(fit(&found.outline, IMPRESSION).filter(sound).map_or(circle, |fit| fit.ellipse))
}

/// The edges of the primer's flat face and of its cup, in pixels of the map, the one that the network
/// is surer of first.
fn edges(within: &[Array2<f32>], part: &Part, seed: Option<(usize, usize)>) -> Vec<Ellipse> {
    let of = |class: usize| {
        let fit = fit(&region(&within[class], part, seed)?.outline, PRIMER)?;
        // The outline of a face that fills the frame may be a few errors far apart.
        let sound = fit.coverage >= LEAST_ARC
            && fit.inliers >= LEAST_INLIERS
            && fit.ellipse.major() < 4.0 * CLASS_PX as f64;
        sound.then(|| (crispness(&within[class], part, &fit.ellipse), fit.ellipse))
    };
    match (of(FLAT), of(CUP)) {
        (Some((flat, face)), Some((cup, outer))) if flat < CRISP * cup => vec![outer, face],
        (flat, cup) => [flat, cup].into_iter().flatten().map(|(_, ellipse)| ellipse).collect(),
    }
}

/// The edge that is seen most clearly in the picture, set right there. The network's are believed before
/// the clearest disc round the crater, which has to be beyond doubt and clearer than they are; where
/// nothing is clear, the first as the network gave it.
fn clearest(small: &Array2<f32>, edges: &[Ellipse], crater: Option<&Ellipse>) -> Option<Ellipse> {
    let seen = |e: &Ellipse| sharpen(small, e, PRIMER_EDGE);
    let holds = |e: &&Ellipse| crater.is_none_or(|rim| e.mean_radius() > LEAST_WIDER * rim.mean_radius());
    let edges: Vec<&Ellipse> = edges.iter().filter(holds).collect();
    let named = edges.iter().filter_map(|e| seen(e)).filter(|seen| seen.clearness >= CLEAR).reduce(clearer);
    let bar = named.map_or(CLEAR_DISC, |named| CLEAR_DISC.max(named.clearness + CLEARER));
    let disc = crater.and_then(|rim| seen(&disc_round(small, rim)?)).filter(|disc| disc.clearness >= bar);
    disc.or(named).map(|seen| seen.ellipse).or(edges.first().map(|e| **e))
}

fn clearer(a: Seen, b: Seen) -> Seen {
    if b.clearness > a.clearness { b } else { a }
}

/// How far a probability falls across an ellipse, 0-1: the mean over those of its directions that lie
/// in the photograph.
fn crispness(p: &Array2<f32>, part: &Part, e: &Ellipse) -> f64 {
    const DIRECTIONS: usize = 72;
    let at = |(x, y): (f64, f64)| {
        let (i, j) = (x.round(), y.round());
        let inside = i >= 0.0 && j >= 0.0;
        (inside && part.columns.contains(&(i as usize)) && part.rows.contains(&(j as usize)))
            .then(|| f64::from(p[[j as usize, i as usize]]))
    };
    let reach = CRISP_REACH / e.major();
    let falls: Vec<f64> = (0..DIRECTIONS)
        .map(|k| k as f64 / DIRECTIONS as f64 * std::f64::consts::TAU)
        .filter_map(|t| Some(at(e.scaled(1.0 - reach).point(t))? - at(e.scaled(1.0 + reach).point(t))?))
        .collect();
    if falls.is_empty() { 0.0 } else { falls.iter().sum::<f64>() / falls.len() as f64 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::net::networks::FINDER_PX;
    use crate::pipeline::photo::{Photo, Pixels};

    #[test]
    fn what_else_an_impression_may_be_is_never_the_same_outline_twice() {
        let [hole, edge, rim] = [20.0, 90.0, 40.0].map(|r| Ellipse::circle(100.0, 100.0, r));
        let face = Face { primer: Some(edge), unlikely: Some(hole), ..Face::default() };
        let others: Vec<Face> = face.otherwise().collect();
        assert_eq!(others.len(), 2);
        assert_eq!((others[0].primer, others[0].impression), (Some(edge), Some(hole)));
        // A crater that was taken for the primer leaves no primer.
        assert_eq!((others[1].primer, others[1].impression), (None, Some(edge)));
        let found = Face { impression: Some(rim), ..Face::default() };
        assert_eq!(found.otherwise().count(), 0);
    }

    #[test]
    fn an_edge_that_the_impression_crosses_is_not_called_the_primers() {
        let edge = Ellipse::circle(100.0, 100.0, 50.0);
        let face = Face { primer: Some(edge), ..Face::default() };
        let at = |x: f64| Ellipse { cx: x, cy: 100.0, rx: 25.0, ry: 15.0, angle_deg: 0.0 };
        assert_eq!(face.primer_about(Some(&at(120.0))), Some(edge));
        assert_eq!(face.primer_about(Some(&at(140.0))), None);
        assert_eq!(face.primer_about(None), Some(edge));
    }

    /// Share of the union of two ellipses that both cover.
    fn overlap(a: &Ellipse, b: &Ellipse) -> f64 {
        let reach = a.major().max(b.major()) * 1.5;
        let (mut both, mut any) = (0.0, 0.0);
        for i in 0..400 * 400 {
            let x = a.cx + reach * (f64::from(i % 400) / 200.0 - 1.0);
            let y = a.cy + reach * (f64::from(i / 400) / 200.0 - 1.0);
            let (a, b) = (a.level(x, y) < 1.0, b.level(x, y) < 1.0);
            both += f64::from(u8::from(a && b));
            any += f64::from(u8::from(a || b));
        }
        both / any
    }

    /// A scene in photograph pixels and what a perfect network would say of it.
    struct Drawn {
        size: (usize, usize),
        cup: Ellipse,
        flat: Ellipse,
        rim: Ellipse,
        floor: Ellipse,
    }

    impl Drawn {
        fn frame(&self) -> Letterbox {
            let (w, h) = self.size;
            let factor = w.max(h) as f64 / FINDER_PX as f64;
            let (width, height) =
                ((w as f64 / factor).round() as usize, (h as f64 / factor).round() as usize);
            Letterbox::new((height, width), factor, (0.0, 0.0))
        }

        /// Probabilities as shares of each pixel's area, as a network trained on areas gives them.
        fn within(&self) -> Vec<Array2<f32>> {
            let frame = self.frame();
            let all = Ellipse::circle(0.0, 0.0, 1e9);
            [all, self.cup, self.flat, self.rim, self.floor]
                .iter()
                .map(|e| {
                    Array2::from_shape_fn((CLASS_PX, CLASS_PX), |(j, i)| {
                        let mut share = 0.0;
                        for (dy, dx) in (0..8).flat_map(|dy| (0..8).map(move |dx| (dy, dx))) {
                            let at = |v: usize, d: usize, from: usize| {
                                let small = 2.0 * (v as f64 + (d as f64 + 0.5) / 8.0) - from as f64;
                                small * frame.factor - 0.5
                            };
                            let inside = e.level(at(i, dx, frame.left), at(j, dy, frame.top)) < 1.0;
                            share += f32::from(u8::from(inside)) / 64.0;
                        }
                        share
                    })
                })
                .collect()
        }

        fn found(&self) -> (Option<Ellipse>, Option<Ellipse>) {
            let (within, frame) = (self.within(), self.frame());
            let found = region(&within[WALL], &frame.part(), None);
            let seed = found.as_ref().map(|r| r.inner);
            let place = |e: &Ellipse| frame.to_photo(&frame.to_small(e));
            let primer = edges(&within, &frame.part(), seed).first().map(place);
            (primer, found.and_then(|r| rim(&r)).map(|e| place(&e)))
        }
    }

    fn drawn(size: (usize, usize), cx: f64, cy: f64, r: f64) -> Drawn {
        Drawn {
            size,
            cup: Ellipse::circle(cx, cy, r),
            flat: Ellipse::circle(cx, cy, 0.8 * r),
            rim: Ellipse { cx: cx + 0.08 * r, cy: cy - 0.05 * r, rx: 0.36 * r, ry: 0.3 * r, angle_deg: 40.0 },
            floor: Ellipse::circle(cx + 0.08 * r, cy - 0.05 * r, 0.22 * r),
        }
    }

    #[test]
    fn primer_and_impression_of_a_photograph_of_the_primer() {
        let scene = drawn((1600, 1200), 810.0, 590.0, 560.0);
        let (primer, impression) = scene.found();
        assert!(overlap(&primer.unwrap(), &scene.flat) > 0.99);
        assert!(overlap(&impression.unwrap(), &scene.rim) > 0.985);
    }

    #[test]
    fn a_photograph_of_the_whole_case_head_leaves_a_small_impression() {
        let scene = drawn((2592, 1944), 1290.0, 980.0, 330.0);
        let (primer, impression) = scene.found();
        assert!(overlap(&primer.unwrap(), &scene.flat) > 0.98);
        assert!(overlap(&impression.unwrap(), &scene.rim) > 0.96);
    }

    #[test]
    fn a_primer_cut_by_the_frame_is_completed() {
        // Off to one side, and higher than the frame: a third of the edge is to be seen.
        let scene = drawn((1600, 1200), 1150.0, 300.0, 900.0);
        let (primer, impression) = scene.found();
        assert!(overlap(&primer.unwrap(), &scene.flat) > 0.98);
        assert!(overlap(&impression.unwrap(), &scene.rim) > 0.98);
        // An impression cut by the frame, too.
        let scene = drawn((1600, 1200), 250.0, 600.0, 1000.0);
        let (_, impression) = scene.found();
        assert!(overlap(&impression.unwrap(), &scene.rim) > 0.98);
    }

    #[test]
    fn a_photograph_of_the_impression_alone_has_no_primer() {
        let scene = drawn((1000, 1000), 500.0, 500.0, 1500.0);
        let (primer, impression) = scene.found();
        assert_eq!(primer, None);
        assert!(overlap(&impression.unwrap(), &scene.rim) > 0.985);
    }

    #[test]
    fn where_the_face_shades_gently_into_its_edge_the_cup_counts() {
        let scene = drawn((1600, 1200), 810.0, 590.0, 560.0);
        let mut within = scene.within();
        let frame = scene.frame();
        // The network knows no better than that the flat face ends somewhere between 0.65 and 0.95 of the cup.
        for ((j, i), p) in within[FLAT].indexed_iter_mut() {
            let at = |v: usize, from: usize| (2.0 * v as f64 + 1.0 - from as f64) * frame.factor - 0.5;
            let level = scene.cup.level(at(i, frame.left), at(j, frame.top));
            *p = (((0.95 - level) / 0.3).clamp(0.0, 1.0)) as f32;
        }
        let seed = region(&within[WALL], &frame.part(), None).map(|r| r.inner);
        let found = edges(&within, &frame.part(), seed);
        assert!(overlap(&frame.to_photo(&frame.to_small(&found[0])), &scene.cup) > 0.98);
    }

    #[test]
    fn a_drag_lobe_beside_the_crater_does_not_move_its_rim() {
        let scene = drawn((1600, 1200), 810.0, 590.0, 560.0);
        let mut within = scene.within();
        let frame = scene.frame();
        // The network calls a tongue of 0.3 radii beside the crater a wall.
        let lobe = Ellipse { cx: 1060.0, cy: 560.0, rx: 110.0, ry: 70.0, angle_deg: 0.0 };
        for ((j, i), p) in within[WALL].indexed_iter_mut() {
            let at = |v: usize, from: usize| (2.0 * v as f64 + 1.0 - from as f64) * frame.factor - 0.5;
            if lobe.level(at(i, frame.left), at(j, frame.top)) < 1.0 {
                *p = 1.0;
            }
        }
        let found = rim(&region(&within[WALL], &frame.part(), None).unwrap()).unwrap();
        assert!(overlap(&frame.to_photo(&frame.to_small(&found)), &scene.rim) > 0.95);
    }

    #[test]
    fn what_is_found_in_the_middle_lies_there_in_the_photograph() {
        // A bright disc to the right of the middle and above it.
        for (h, w) in [(900, 1200), (1201, 1199), (300, 384)] {
            let disc = Ellipse::circle(w as f64 * 0.55, h as f64 * 0.45, h as f64 / 12.0);
            let shown = |(y, x): (usize, usize)| if disc.level(x as f64, y as f64) < 1.0 { 200 } else { 20 };
            let photo = Photo::of(Pixels::Eight(Array2::from_shape_fn((h, w), shown)));
            let clean = crate::pipeline::denoise::denoise(&photo);
            let (copy, frame) = Letterbox::middle(&clean);
            assert!(copy.nrows() <= FINDER_PX && copy.ncols() <= FINDER_PX);
            let (mut sum, mut cx, mut cy) = (0.0, 0.0, 0.0);
            for ((y, x), v) in copy.indexed_iter().filter(|(_, v)| **v > 0.3) {
                sum += f64::from(*v);
                cx += f64::from(*v) * x as f64;
                cy += f64::from(*v) * y as f64;
            }
            let seen = frame.to_photo(&Ellipse::circle(cx / sum, cy / sum, 1.0));
            let off = (seen.cx - disc.cx).hypot(seen.cy - disc.cy);
            assert!(off < 0.25 * clean.factor, "{h} x {w}: {off}");
        }
    }

    #[test]
    fn an_even_photograph_has_no_face() {
        use crate::pipeline::net::Networks;
        for dim in [(1, 1), (3, 900), (400, 300)] {
            for grey in [0, 128, 255] {
                let photo = Photo::of(Pixels::Eight(Array2::from_elem(dim, grey)));
                let clean = crate::pipeline::denoise::denoise(&photo);
                // Whatever the weights say: no ellipse with a number that is none.
                let face = find_face(&clean, &Networks::built_in().unwrap().finder, &FaceSettings::default());
                for e in [face.primer, face.impression].into_iter().flatten() {
                    assert!([e.cx, e.cy, e.rx, e.ry, e.angle_deg].iter().all(|v| v.is_finite()));
                }
            }
        }
    }
}
