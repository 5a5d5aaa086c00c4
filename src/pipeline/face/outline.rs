//! Where a probability crosses one half, finer than a pixel.

use image::{GrayImage, Luma};
use imageproc::region_labelling::{Connectivity, connected_components};
use ndarray::Array2;
use std::ops::Range;

/// The part of a map of classes that shows the photograph and not the padding beside it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// A region in which a probability is above one half.
#[derive(Clone, Debug)]
pub(super) struct Region {
    /// Points of its outer outline, map pixels; where it is cut by the edge there are none.
    pub(super) outline: Vec<(f64, f64)>,
    /// Sum of the probabilities in it: its area where the network is sure.
    pub(super) area: f64,
    /// Its centre of gravity, map pixels.
    pub(super) centre: (f64, f64),
    /// Column and row of its most probable pixel.
    pub(super) inner: (usize, usize),
}

/// Probabilities are kept this far from 0 and 1, so that their logarithms are finite.
const LEAST: f32 = 1e-4;

/// The largest region of `part` in which `p` is above one half, or the one that `must` lies in;
/// `None` where there is none. Holes in it do not count: a specular spot is no outline.
pub(super) fn region(p: &Array2<f32>, part: &Part, must: Option<(usize, usize)>) -> Option<Region> {
    let (x0, y0) = (part.columns.start, part.rows.start);
    let (w, h) = (part.columns.len() as u32, part.rows.len() as u32);
    let at = |x: u32, y: u32| p[[y0 + y as usize, x0 + x as usize]];
    let mask = GrayImage::from_fn(w, h, |x, y| Luma([u8::from(at(x, y) > 0.5)]));
    // No pixel has the value 2, so outside regions get labels too.
    let labels = connected_components(&mask, Connectivity::Four, Luma([2]));
    let count = labels.pixels().map(|l| l[0]).max().map_or(0, |l| l as usize + 1);

    let mut area = vec![0.0f64; count];
    let mut moment = vec![(0.0, 0.0); count];
    let mut inner = vec![(0.0f32, 0, 0); count];
    let mut open = vec![false; count];
    for (x, y, label) in labels.enumerate_pixels() {
        let label = label[0] as usize;
        if mask.get_pixel(x, y)[0] == 1 {
            let p = at(x, y);
            area[label] += f64::from(p);
            moment[label].0 += f64::from(p) * (f64::from(x) + x0 as f64);
            moment[label].1 += f64::from(p) * (f64::from(y) + y0 as f64);
            if p > inner[label].0 {
                inner[label] = (p, x0 + x as usize, y0 + y as usize);
            }
        } else if x == 0 || y == 0 || x + 1 == w || y + 1 == h {
            open[label] = true;
        }
    }
    let wanted = must.and_then(|(x, y)| {
        let (x, y) = (x.checked_sub(x0)? as u32, y.checked_sub(y0)? as u32);
        (x < w && y < h && mask.get_pixel(x, y)[0] == 1).then(|| labels.get_pixel(x, y)[0] as usize)
    });
    let largest = || (0..count).reduce(|a, b| if area[b] > area[a] { b } else { a });
    let chosen = wanted.or_else(largest).filter(|l| area[*l] > 0.0)?;

    let logit = |x: u32, y: u32| {
        let p = at(x, y).clamp(LEAST, 1.0 - LEAST);
        f64::from((p / (1.0 - p)).ln())
    };
    let mut outline = Vec::new();
    let mut cross = |a: (u32, u32), b: (u32, u32)| {
        let (la, lb) = (labels.get_pixel(a.0, a.1)[0] as usize, labels.get_pixel(b.0, b.1)[0] as usize);
        if (la == chosen && open[lb]) || (lb == chosen && open[la]) {
            let (va, vb) = (logit(a.0, a.1), logit(b.0, b.1));
            let t = va / (va - vb);
            let place =
                |a: u32, b: u32, zero: usize| f64::from(a) + t * (f64::from(b) - f64::from(a)) + zero as f64;
            outline.push((place(a.0, b.0, x0), place(a.1, b.1, y0)));
        }
    };
    for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
        if x + 1 < w {
            cross((x, y), (x + 1, y));
        }
        if y + 1 < h {
            cross((x, y), (x, y + 1));
        }
    }
    let centre = (moment[chosen].0 / area[chosen], moment[chosen].1 / area[chosen]);
    Some(Region { outline, area: area[chosen], centre, inner: (inner[chosen].1, inner[chosen].2) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn an_outline_lies_between_pixels_and_holes_do_not_count() {
        let (o, i) = (0.2, 0.8);
        let p =
            array![[o, o, o, o, o], [o, i, i, i, o], [o, i, o, i, o], [o, i, i, i, o], [o, o, o, o, 0.9],];
        let region = region(&p, &Part { rows: 0..5, columns: 0..5 }, None).unwrap();
        assert_eq!(region.outline.len(), 12);
        assert!((region.area - 6.4).abs() < 1e-5);
        for (x, y) in &region.outline {
            // Halfway between 0.2 and 0.8, on one side of the square 0.5-3.5.
            let side = (x - 2.0).abs().max((y - 2.0).abs());
            assert!((side - 1.5).abs() < 1e-5, "{x} {y}");
        }
    }

    #[test]
    fn a_region_cut_by_the_edge_has_no_outline_there() {
        let p = array![[0.9, 0.9, 0.1], [0.9, 0.9, 0.1], [0.9, 0.9, 0.1]];
        let all = region(&p, &Part { rows: 0..3, columns: 0..3 }, None).unwrap();
        assert_eq!(all.outline.len(), 3);
        assert!(all.outline.iter().all(|(x, _)| (x - 1.5).abs() < 1e-6));
        // Padding beside the photograph is no outline either.
        let inner = region(&p, &Part { rows: 0..3, columns: 0..2 }, None).unwrap();
        assert!(inner.outline.is_empty());
    }

    #[test]
    fn the_region_asked_for_is_taken_before_a_larger_one() {
        let p = array![[0.9, 0.1, 0.9, 0.9], [0.1, 0.1, 0.9, 0.9]];
        let part = Part { rows: 0..2, columns: 0..4 };
        assert_eq!(region(&p, &part, None).unwrap().outline.len(), 2);
        assert!((region(&p, &part, Some((0, 0))).unwrap().area - 0.9).abs() < 1e-6);
        assert!(region(&Array2::zeros((4, 4)), &Part { rows: 0..4, columns: 0..4 }, None).is_none());
    }
}
