#![allow(clippy::unwrap_used)]
use super::*;
use crate::typeface::{Face, Style};
use std::io::Write;

fn engine() -> Option<Tesseract> {
    match Tesseract::new(&LearnedSettings::default()) {
        Ok(engine) => Some(engine),
        Err(fatal) => {
            assert!(std::env::var_os("MICROSTAMP_TEST_ALL").is_none(), "{fatal}");
            // Straight to stderr: what a test prints that passes is not shown.
            let _ = std::io::stderr().write_all(format!("skipped: {fatal}\n").as_bytes());
            None
        }
    }
}

/// Dark characters on light ground in cells of a pitch of 32 pixels, blanks left open.
fn line(code: &str) -> Line {
    let (pitch, height) = (32.0, (HEIGHT + 2.0 * GROUND) as usize);
    let width = (pitch * code.len() as f64 + 2.0 * GROUND) as usize;
    let face = Face::parametric(&Style { stroke: 0.14, ..Style::default() });
    let middles: Vec<f64> = (0..code.len()).map(|i| GROUND + (i as f64 + 0.5) * pitch).collect();
    let mut grey = vec![235u8; width * height];
    for (c, middle) in code.chars().zip(&middles) {
        let d = face.distance(c, HEIGHT as f32, 2);
        let left = (middle - d.ncols() as f64 / 2.0) as usize;
        for ((y, x), d) in d.indexed_iter() {
            let ink = (0.5 - d * HEIGHT as f32).clamp(0.0, 1.0);
            if c != ' ' {
                grey[(GROUND as usize - 2 + y) * width + left + x] = (235.0 - 200.0 * ink) as u8;
            }
        }
    }
    Line { grey, width, height, middles, pitch }
}

fn best(answer: &Option<Answer>) -> char {
    let top = |a: &Answer| a.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
    answer.as_ref().and_then(top).map_or(' ', |a| a.0)
}

#[test]
fn symbols_stay_in_the_cells_that_they_stand_in() {
    let Some(engine) = engine() else { return };
    for code in ["KX4P", "K X4", "HT R", " M7E"] {
        let read = engine.with_api(|api| read_line(api, &line(code))).unwrap();
        let read: String = read.iter().map(best).collect();
        let right = read.chars().zip(code.chars()).filter(|(r, c)| r == c).count();
        assert!(right >= 3, "{read:?} for {code:?}");
        for (r, c) in read.chars().zip(code.chars()) {
            assert!(c != ' ' || r == ' ', "{read:?} for {code:?}");
        }
    }
}

#[test]
fn an_empty_line_reads_nothing_and_the_process_lives_on() {
    let Some(engine) = engine() else { return };
    let read = engine.with_api(|api| read_line(api, &line("    "))).unwrap();
    assert!(read.iter().all(Option::is_none));
}

#[test]
fn threads_have_instances_of_their_own() {
    let Some(engine) = engine() else { return };
    std::thread::scope(|scope| {
        let engine = &engine;
        let work = || engine.with_api(|api| read_line(api, &line("KX4P"))).unwrap();
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        let read: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        assert!(read.windows(2).all(|r| r[0] == r[1]));
    });
}

#[test]
fn an_answer_is_never_believed_wholly_and_never_rules_a_symbol_out() {
    let p = spread(&[('A', 1.0), ('4', 0.5), ('#', 1.0)], "A4B");
    let sum: f32 = p.iter().map(|p| p.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    assert!(p[0] > p[1] && p[1] > p[2] && p[2].is_finite() && p[0].exp() < 0.9);
}
