#![allow(clippy::unwrap_used)]
use super::*;
use std::io::Write;

/// Uniform numbers in 0..1 from a linear congruential generator (Knuth's MMIX constants).
fn numbers(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    }
}

#[test]
fn every_drawn_face_has_ink_for_all_36_characters_within_its_box() {
    let mut unit = numbers(1);
    for _ in 0..200 {
        let style = Style::draw(&mut unit);
        let face = Face::parametric(&style);
        for c in CHARACTERS.chars() {
            let (px, margin) = (30.0, 8);
            let d = face.distance(c, px, margin);
            assert_eq!(d.nrows(), 46);
            assert!(d.iter().all(|v| v.is_finite()), "{c} {style:?}");
            let ink = d.iter().filter(|v| **v < 0.0).count() as f32 / (px * px);
            assert!((0.06..0.75).contains(&ink), "{c} covers {ink}: {style:?}");
            let rim = |r: usize| d.row(r).iter().all(|v| *v > 0.0);
            assert!(rim(margin - 2) && rim(46 - margin + 1), "{c} leaves its box: {style:?}");
        }
    }
}

#[test]
fn the_distance_falls_with_slope_one_across_a_stroke() {
    let face = Face::parametric(&Style { stroke: 0.16, ..Style::default() });
    let d = face.distance('L', 50.0, 10);
    // Row through the middle of the stem, whose left edge is the box's left side.
    let row = d.row(35);
    assert!((row[9] - 0.01).abs() < 1e-4 && (row[10] + 0.01).abs() < 1e-4, "{row}");
    assert!((row[4] - 0.11).abs() < 1e-4, "{row}");
}

#[test]
fn characters_of_no_face_are_ground() {
    let face = Face::parametric(&Style::default());
    assert_eq!(face.advance('?'), 0.0);
    assert!(face.distance('?', 10.0, 2).iter().all(|v| *v == 1.0));
}

#[test]
fn a_file_that_is_no_font_is_refused_with_its_name() {
    assert!(Face::truetype(b"not a font", "x.ttf").unwrap_err().contains("x.ttf"));
}

#[test]
fn a_system_font_gives_the_same_geometry_as_its_outline() {
    let path = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
    let Ok(bytes) = std::fs::read(path) else {
        // Straight to stderr: what a test prints that passes is not shown.
        let _ = writeln!(std::io::stderr(), "skipped: {path} is absent (Debian: fonts-dejavu-core)");
        return;
    };
    let face = Face::truetype(&bytes, "DejaVu Sans").unwrap();
    assert_eq!(face.name(), "DejaVu Sans");
    let d = face.distance('O', 40.0, 4);
    let (h, w) = d.dim();
    // The counter of O is ground although it lies inside the outer outline; its stroke is ink.
    assert!(d[[h / 2, w / 2]] > 0.1);
    assert!(d[[h / 2, 7]] < 0.0);
    assert!(d[[0, 0]] > 0.0);
}
