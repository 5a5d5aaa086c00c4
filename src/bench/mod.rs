//! How fast a folder is read, beside the floor: reading and decoding the same files and nothing else.
//!
//! Machines are shared and noisy, so that what is reported are ratios of times taken in turn in one run.

mod floor;
pub mod table;

use crate::batch::inputs::Photograph;
use crate::batch::output::Output;
use crate::batch::progress::Progress;
use crate::batch::runner::{self, Run};
use crate::batch::timing::STAGES;
use crate::error::Fatal;
use crate::pipeline::Pipeline;
use crate::pipeline::photo::Asked;
use crate::score::figures::Figures as Accuracy;
use crate::score::pair::read_results;
use crate::score::score;
use crate::score::truth::Truth;
use crate::settings::Settings;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What is measured, and how often.
pub struct Order<'a> {
    /// Photographs, in the order in which they are read.
    pub photographs: &'a [Photograph],
    /// Threads over photographs.
    pub threads: usize,
    /// Rounds after one to warm up.
    pub runs: usize,
    /// What the user says of the photographs.
    pub asked: Asked,
    /// Table of truth, for the accuracy.
    pub truth: Option<&'a Path>,
}

/// A figure measured once a round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Middle one of the rounds.
    pub median: f64,
    /// Least.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

/// Time of one stage over photographs and rounds, milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Its name, or `total`.
    pub name: String,
    /// Half of the photographs took less.
    pub median_ms: f64,
    /// Nineteen of twenty took less.
    pub p95_ms: f64,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Version of this structure as JSON.
    pub schema: u32,
    /// Photographs read in each round.
    pub photographs: usize,
    /// Threads over photographs.
    pub threads: usize,
    /// Rounds.
    pub runs: usize,
    /// Photographs a second, in the middle round.
    pub photographs_per_second: f64,
    /// Wall time of `decode` over that of reading and decoding the same files on as many threads, in the middle round.
    pub floor_ratio: f64,
    /// Its spread over the rounds.
    pub floor_ratio_spread: Spread,
    /// Wall time on one thread over that on all, in the middle round.
    pub thread_scaling: f64,
    /// Its spread over the rounds.
    pub thread_scaling_spread: Spread,
    /// Seconds of `decode` on all threads.
    pub decode_seconds: Spread,
    /// Seconds of `decode` on one thread.
    pub one_thread_seconds: Spread,
    /// Seconds of the floor on all threads.
    pub floor_seconds: Spread,
    /// Most memory that the process held after reading all photographs once, MB; null where the system does not tell.
    pub peak_memory_mb: Option<f64>,
    /// Photographs that failed: they cost next to nothing and spoil the figures.
    pub failed: usize,
    /// Files that the floor's decoder could not decode; they cost the floor next to nothing.
    pub floor_undecoded: usize,
    /// Times of the stages on all threads.
    pub stages: Vec<Stage>,
    /// What was read, where a table of truth is given.
    pub accuracy: Option<Accuracy>,
}

/// Reads the photographs once to warm up, then in each round on all threads, on one, and the floor.
///
/// # Errors
/// [`Fatal`] where threads cannot be started, the temporary folder cannot be written, or the truth does not fit.
pub fn measure(order: &Order<'_>, pipeline: &Arc<Pipeline>, settings: &Settings) -> Result<Figures, Fatal> {
    let scratch = tempfile::tempdir().map_err(|e| {
        Fatal::new(
            format!("cannot make a temporary folder: {e}"),
            "TMPDIR with a folder on a disk that has room",
        )
    })?;
    let mut folders = 0;
    let mut decode = |threads: usize| -> Result<Once, Fatal> {
        let out = scratch.path().join(folders.to_string());
        folders += 1;
        decode_once(order, pipeline, settings, threads, out)
    };
    let Once { out: warm, failed, .. } = decode(order.threads)?;
    // Before the floor, whose decoder has a memory of its own.
    let peak_memory_mb = peak_memory_mb();
    let accuracy = match order.truth {
        Some(truth) => {
            let (results, truth) = (read_results(&warm)?, Truth::with_sizes(truth)?);
            Some(score(&results, &truth, &[], None)?.overall)
        }
        None => None,
    };
    let (_, floor_undecoded) = floor::floor(order.photographs, order.threads)?;
    let (mut all, mut one, mut floors, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..order.runs.max(1) {
        let Once { seconds, out, .. } = decode(order.threads)?;
        all.push(seconds);
        times.extend(stage_times(&out)?);
        floors.push(floor::floor(order.photographs, order.threads)?.0);
        one.push(if order.threads == 1 { seconds } else { decode(1)?.seconds });
    }
    let ratios = |a: &[f64], b: &[f64]| spread(a.iter().zip(b).map(|(a, b)| a / b.max(1e-9)).collect());
    let (floor_ratio, scaling) = (ratios(&all, &floors), ratios(&one, &all));
    let n = order.photographs.len();
    let decode_seconds = spread(all);
    Ok(Figures {
        schema: 1,
        photographs: n,
        threads: order.threads,
        runs: order.runs.max(1),
        photographs_per_second: n as f64 / decode_seconds.median.max(1e-9),
        floor_ratio: floor_ratio.median,
        floor_ratio_spread: floor_ratio,
        thread_scaling: scaling.median,
        thread_scaling_spread: scaling,
        decode_seconds,
        one_thread_seconds: spread(one),
        floor_seconds: spread(floors),
        peak_memory_mb,
        failed,
        floor_undecoded,
        stages: stages(&times),
        accuracy,
    })
}

/// One run.
struct Once {
    seconds: f64,
    /// Photographs that failed.
    failed: usize,
    /// What it wrote.
    out: PathBuf,
}

/// One run into the new folder `out`.
fn decode_once(
    order: &Order<'_>,
    pipeline: &Arc<Pipeline>,
    settings: &Settings,
    threads: usize,
    out: PathBuf,
) -> Result<Once, Fatal> {
    let start = Instant::now();
    crate::batch::output::make_folder(&out)?;
    let mut output = Output::create(&out)?;
    let run = Run {
        pipeline: Arc::clone(pipeline),
        photo: settings.photo.clone(),
        asked: order.asked,
        threads,
        stop: Arc::default(),
        hanging: Arc::default(),
    };
    let mut progress = Progress::silent(order.photographs.len());
    let counts = runner::run(&run, order.photographs, &mut output, &mut progress)?;
    Ok(Once { seconds: start.elapsed().as_secs_f64(), failed: counts.failed, out })
}

/// The rows of `timings.csv`: a time for each of [`STAGES`] and the total; `None` where a stage did not run.
fn stage_times(out: &Path) -> Result<Vec<Vec<Option<f64>>>, Fatal> {
    let path = out.join("timings.csv");
    let unreadable =
        |e: csv::Error| Fatal::new(format!("cannot read {}: {e}", path.display()), "the same command again");
    let mut table = csv::Reader::from_path(&path).map_err(unreadable)?;
    table
        .records()
        .map(|row| Ok(row.map_err(unreadable)?.iter().skip(1).map(|cell| cell.parse().ok()).collect()))
        .collect()
}

fn stages(times: &[Vec<Option<f64>>]) -> Vec<Stage> {
    let names = STAGES.iter().copied().chain(["total"]);
    let of = |k: usize| {
        let mut ms: Vec<f64> = times.iter().filter_map(|row| row.get(k).copied().flatten()).collect();
        ms.sort_by(f64::total_cmp);
        ms
    };
    names
        .enumerate()
        .map(|(k, name)| (name, of(k)))
        .filter(|(_, ms)| !ms.is_empty())
        .map(|(name, ms)| Stage {
            name: name.into(),
            median_ms: quantile(&ms, 0.5),
            p95_ms: quantile(&ms, 0.95),
        })
        .collect()
}

/// The value below which a share `q` of the sorted `values` lies: of the nearest rank, not below it.
fn quantile(values: &[f64], q: f64) -> f64 {
    let rank = (q * values.len() as f64).ceil() as usize;
    values[rank.clamp(1, values.len()) - 1]
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    Spread { median: quantile(&values, 0.5), min: values[0], max: values[values.len() - 1] }
}

/// Most resident memory of this process so far, MB, where Linux tells it.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.95)), (2.0, 4.0));
        assert_eq!(quantile(&[7.0], 0.05), 7.0);
    }

    #[test]
    fn a_stage_that_some_photographs_never_reached_counts_those_that_did() {
        let row = |load: f64, engine: Option<f64>| {
            vec![Some(load), None, None, None, engine, None, Some(load + engine.unwrap_or(0.0))]
        };
        let found = stages(&[row(5.0, None), row(7.0, Some(20.0))]);
        let names: Vec<&str> = found.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["load", "engine", "total"]);
        assert_eq!((found[1].median_ms, found[2].p95_ms), (20.0, 27.0));
    }
}
