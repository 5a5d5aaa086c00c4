//! How far an import has come.

use crate::casework::import::Step;
use crate::words::thousands;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows how far an import has come: a bar on a terminal, else a line every 30 seconds.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    quiet: bool,
    next_line: Instant,
    started: Instant,
}

/// Between two lines where stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl Progress {
    pub(super) fn start(bytes: u64, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {msg} eta {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(bytes).with_style(style)
        });
        let now = Instant::now();
        Self { bar, quiet, next_line: now + LINE_EVERY, started: now }
    }

    pub(super) fn step(&mut self, step: Step) {
        let text = match step {
            Step::Reading { rows, .. } => format!("{} rows read", thousands(rows as i64)),
            Step::Comparing => "comparing with what is registered".into(),
            Step::Adding => "adding".into(),
            Step::Indexing => "making indexes".into(),
        };
        let now = Instant::now();
        if let Some(bar) = &self.bar {
            if let Step::Reading { bytes, .. } = step {
                bar.set_position(bytes);
            }
            bar.set_message(text);
        } else if !self.quiet && now >= self.next_line {
            self.next_line = now + LINE_EVERY;
            say!("{text}, {:.0} s", (now - self.started).as_secs_f64());
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
