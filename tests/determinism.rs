//! The same bytes for any number of threads.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, picture};
use std::path::Path;

#[test]
fn one_two_and_eight_threads_give_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made");
    for i in 0..24 {
        picture(&made.join(format!("{}/{i}.png", i % 5)), 20 + 17 * (i % 7), 30 + 11 * (i % 4));
    }
    std::fs::write(made.join("broken.png"), "no picture").unwrap();
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    for (folder, code) in [(made.as_path(), 1), (lab.as_path(), 0)] {
        let files = |threads: &str| {
            let out = dir.path().join(format!("{code}-{threads}"));
            decode(folder, &out, &["--threads", threads], code);
            ["results.jsonl", "results.csv", "failures.csv"].map(|f| std::fs::read(out.join(f)).unwrap())
        };
        let one = files("1");
        assert!(!one[0].is_empty());
        for threads in ["2", "8"] {
            assert!(files(threads) == one, "{threads} threads in {}", folder.display());
        }
    }
}
