#![allow(clippy::unwrap_used)]
use super::*;
use crate::pipeline::geometry::{Ellipse, Pose};
use crate::pipeline::mark::{Hypothesis, TILE_PX};
use crate::pipeline::photo::Pixels;
use crate::pipeline::tile::Patch;
use crate::typeface::{Face, Style};

/// A floor with `code` in two rows, 26 pixels high, as light from the upper left shows relief; pixels
/// are `noise` times a fixed pattern beside it.
fn mark(code: &str, noise: f32) -> Mark {
    let (height, column, row) = (26.0f32, 0.86, 1.3);
    let face = Face::parametric(&Style { stroke: 0.14, width: 0.6, ..Style::default() });
    let mut relief = Array2::<f32>::zeros((TILE_PX, TILE_PX));
    let n = code.len() / 2;
    for (k, c) in code.chars().enumerate() {
        let d = face.distance(c, height, 3);
        let middle = |i: usize, n: usize, pitch: f32| {
            TILE_PX as f32 / 2.0 + (i as f32 - (n - 1) as f32 / 2.0) * pitch * height
        };
        let y0 = (middle(k / n, 2, row) - d.nrows() as f32 / 2.0) as usize;
        let x0 = (middle(k % n, n, column) - d.ncols() as f32 / 2.0) as usize;
        for ((y, x), d) in d.indexed_iter() {
            let v = (0.5 - d * height / 2.0).clamp(0.0, 1.0);
            relief[[y0 + y, x0 + x]] = relief[[y0 + y, x0 + x]].max(v);
        }
    }
    let mut state = 7u32;
    let tile = Array2::from_shape_fn((TILE_PX, TILE_PX), |(y, x)| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let grain = noise * ((state >> 8) as f32 / (1 << 24) as f32 - 0.5);
        if y == 0 || x == 0 {
            return 0.4 + grain;
        }
        0.4 + 0.25 * (2.0 * relief[[y, x]] - relief[[y - 1, x]] - relief[[y, x - 1]]) + grain
    });
    let floor = Ellipse::circle(0.0, 0.0, 100.0);
    let pose = Pose { cx: 0.0, cy: 0.0, radius: 100.0, rotation_deg: 0.0, mirrored: false };
    let patch = Patch::new(&Pixels::Eight(Array2::zeros((1, 1))), (0.0, 0.0), 1.0, 1.0);
    let hypotheses = vec![Hypothesis { pose, log_prior: 0.0, tile }];
    Mark { rim: floor, floor, presence: 1.0, hypotheses, patch }
}

fn best(seen: &Scores) -> (&View, String) {
    let view = seen.views.iter().max_by(|a, b| a.log_weight.total_cmp(&b.log_weight)).unwrap();
    let alphabet: Vec<char> = Scheme::all()[0].alphabet.chars().collect();
    let top = |s: &Vec<f32>| (0..s.len()).reduce(|a, b| if s[b] > s[a] { b } else { a }).unwrap();
    (view, view.symbols.iter().map(|s| alphabet[top(s)]).collect())
}

#[test]
fn clear_relief_is_read_in_its_place_in_both_round_formats() {
    for (code, id) in [("K7PR3XEH", "ifm8"), ("TL4ZN2", "ifm6")] {
        let seen = Template::default().read(&mark(code, 0.05)).unwrap();
        let (view, read) = best(&seen);
        assert_eq!(view.format, id);
        let right = read.chars().zip(code.chars()).filter(|(a, b)| a == b).count();
        assert!(right + 1 >= code.len(), "{read} for {code}");
        // The first cell's upper left corner lies within a fifth of a character of its place.
        let px = TILE_PX as f64 / 2.0 / TILE_SPAN;
        let columns = code.len() as f64 / 2.0;
        let (x, y) = view.quads[0][0];
        let (left, top) = (-((columns - 1.0) / 2.0 * 0.86 + 0.33) * 26.0, -(0.65 + 0.5) * 26.0);
        assert!((x * px - left).abs() < 5.2 && (y * px - top).abs() < 5.2, "{x} {y}");
    }
}

#[test]
fn a_bare_floor_leaves_every_character_open() {
    let seen = Template::default().read(&mark("", 0.3)).unwrap();
    for view in &seen.views {
        for scores in &view.symbols {
            let p: Vec<f32> = scores.iter().map(|s| s.exp()).collect();
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-4, "{p:?}");
            assert!(p.iter().all(|p| *p < 0.9), "one symbol of {} among {p:?}", view.format);
        }
    }
}

#[test]
fn a_floor_without_any_contrast_gives_numbers_and_no_panic() {
    let mut mark = mark("", 0.0);
    mark.hypotheses[0].tile.fill(0.0);
    let seen = Template::default().read(&mark).unwrap();
    assert!(
        seen.views
            .iter()
            .all(|v| v.log_weight.is_finite() && v.symbols.iter().flatten().all(|s| s.is_finite()))
    );
    mark.hypotheses.clear();
    assert!(Template::default().read(&mark).unwrap().views.is_empty());
}
