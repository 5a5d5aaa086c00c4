//! Figures as text: Markdown that reads as well on a terminal.

use super::{Figures, Spread};
use crate::score::table::{rates, table};

/// The tables.
pub fn markdown(figures: &Figures) -> String {
    let mut main = table(&["figure", "median", "least", "most"]);
    let row = |name: &str, s: &Spread, digits: usize| {
        [name.to_string()]
            .into_iter()
            .chain([s.median, s.min, s.max].map(|v| format!("{v:.digits$}")))
            .collect::<Vec<_>>()
    };
    main.add_row(row("decode, s", &figures.decode_seconds, 3));
    main.add_row(row("reading and decoding the files alone, s", &figures.floor_seconds, 3));
    main.add_row(row("decode over files alone", &figures.floor_ratio_spread, 2));
    if figures.threads > 1 {
        main.add_row(row("decode on one thread, s", &figures.one_thread_seconds, 3));
        main.add_row(row("one thread over all", &figures.thread_scaling_spread, 2));
    }
    let mut stages = table(&["stage", "median, ms", "95th percentile, ms"]);
    for s in &figures.stages {
        stages.add_row([s.name.clone(), format!("{:.1}", s.median_ms), format!("{:.1}", s.p95_ms)]);
    }
    let memory = figures.peak_memory_mb.map_or_else(|| "unknown".into(), |mb| format!("{mb:.0} MB"));
    let mut text = format!(
        "## {} photographs, {} threads, {} rounds\n\n{:.1} photographs a second. Peak memory {memory}.\n\n{main}\n\n{stages}\n",
        figures.photographs, figures.threads, figures.runs, figures.photographs_per_second,
    );
    if figures.failed > 0 {
        text += &format!("\n{} photographs failed, and cost next to nothing.\n", figures.failed);
    }
    if figures.floor_undecoded > 0 {
        text += &format!("\n{} files could not be decoded for the floor.\n", figures.floor_undecoded);
    }
    if let Some(all) = &figures.accuracy {
        text += &format!("\n{}\n", rates(all));
    }
    text
}
