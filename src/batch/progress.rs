//! Progress on stderr: a bar on a terminal, else a line every 30 seconds.

use super::names::printable;
use super::record::{Record, word};
use crate::pipeline::decode::Status;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two lines where stderr is no terminal: a night's batch fills some hundred lines of a log.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows how far a batch has come.
#[derive(Debug)]
pub struct Progress {
    total: usize,
    done: usize,
    failed: usize,
    /// How many photographs have each word of warning.
    warned: BTreeMap<String, usize>,
    started: Instant,
    next_line: Instant,
    bar: Option<ProgressBar>,
    quiet: bool,
    silent: bool,
}

impl Progress {
    /// Starts at none of `total`; a quiet one only names the failures.
    pub fn start(total: usize, quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let template = "{bar:30} {pos}/{len} {per_sec} {msg} eta {eta}";
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total as u64).with_style(style)
        });
        let now = Instant::now();
        Self {
            total,
            done: 0,
            failed: 0,
            warned: BTreeMap::new(),
            started: now,
            next_line: now + LINE_EVERY,
            bar,
            quiet,
            silent: false,
        }
    }

    /// Shows nothing, not even failures: where the same photographs are read over and over.
    pub fn silent(total: usize) -> Self {
        Self { silent: true, ..Self::start(total, true) }
    }

    /// Counts one photograph, and names it if it failed.
    pub fn done(&mut self, record: &Record) {
        self.done += 1;
        for word in &record.warnings {
            *self.warned.entry(word.clone()).or_default() += 1;
        }
        if let Some(failure) = &record.failure {
            self.failed += 1;
            let [path, reason, hint] = [&record.path, &failure.reason, &failure.hint].map(|t| printable(t));
            self.say(&format!("{path}: {reason} (try: {hint})"));
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if self.failed > 0 {
                bar.set_message(format!("{} failed", self.failed));
            }
        }
    }

    /// To be called now and then: writes the line when it is due.
    pub fn tick(&mut self) {
        let now = Instant::now();
        if self.quiet || self.bar.is_some() || now < self.next_line {
            return;
        }
        self.next_line = now + LINE_EVERY;
        let rate = self.done as f64 / (now - self.started).as_secs_f64();
        let left = (self.total - self.done) as f64 / rate;
        let left =
            if left.is_finite() { format!(", about {:.0} min left", left / 60.0) } else { String::new() };
        self.say(&format!(
            "{} of {} photographs, {} failed, {rate:.1} a second{left}",
            self.done, self.total, self.failed
        ));
    }

    /// Takes the bar away and sums up in a line, and the warnings in another; `before` photographs of the run were read
    /// before this one began to count.
    pub fn finish(&self, counts: &[(Status, usize)], before: usize) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if !self.quiet {
            let all = counts.iter().map(|(_, n)| n).sum();
            let counts: Vec<String> = counts.iter().map(|(s, n)| format!("{n} {}", word(*s))).collect();
            say!("{}: {}", photographs(all, before + self.done), counts.join(", "));
            if !self.warned.is_empty() {
                let warned: Vec<String> =
                    self.warned.iter().map(|(word, n)| format!("{n} {}", printable(word))).collect();
                let of = if all == self.done { "" } else { " of what was read now" };
                say!("warnings{of}: {}", warned.join(", "));
            }
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            _ if self.silent => {}
            Some(bar) => bar.suspend(|| say!("{line}")),
            None => say!("{line}"),
        }
    }
}

/// How many photographs the results hold, and how many of them this run read where an earlier one read the others.
fn photographs(all: usize, now: usize) -> String {
    if all == now {
        format!("{all} photographs")
    } else {
        format!("{all} photographs, {now} of them read now")
    }
}

#[cfg(test)]
mod tests {
    use super::photographs;

    #[test]
    fn a_continued_run_counts_what_the_results_hold() {
        assert_eq!(photographs(30, 30), "30 photographs");
        assert_eq!(photographs(30, 17), "30 photographs, 17 of them read now");
    }
}
