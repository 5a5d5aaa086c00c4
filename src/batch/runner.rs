//! Photographs in parallel, results in the order of the inputs.

use super::inputs::Photograph;
use super::manifest::Counts;
use super::output::Output;
use super::progress::Progress;
use super::record::Record;
use super::timing::{Stopwatch, Timed};
use crate::error::{Failure, Fatal};
use crate::pipeline::{Pipeline, Watch, photo};
use crate::settings::PhotoSettings;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// How often the progress is looked at while no photograph ends.
const TICK: Duration = Duration::from_secs(1);

/// What a run needs beside its photographs.
pub struct Run<'a> {
    /// Reads each photograph.
    pub pipeline: &'a Pipeline,
    /// Limits of what is opened.
    pub photo: &'a PhotoSettings,
    /// Scale of `--um-per-px`.
    pub um_per_px: Option<f64>,
    /// Threads over photographs.
    pub threads: usize,
    /// Set from outside to stop after the photographs at hand.
    pub stop: &'a AtomicBool,
}

/// Reads `photographs` and writes their lines in order, each as soon as those before it are there.
/// Only lines that wait for an earlier one are held in memory.
///
/// # Errors
/// [`Fatal`] where threads cannot be started or a line cannot be written; lines before it are whole.
pub fn run(
    run: &Run<'_>,
    photographs: &[Photograph],
    output: &mut Output,
    progress: &mut Progress,
) -> Result<Counts, Fatal> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(run.threads)
        .build()
        .map_err(|e| Fatal::new(format!("cannot start {} threads: {e}", run.threads), "--threads 1"))?;
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let pool = &pool;
        let next = &next;
        scope.spawn(move || {
            pool.broadcast(|_| {
                // One at a time and in order, so that lines can be written early.
                while !run.stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(photograph) = photographs.get(index) else { break };
                    let (record, watch) = read(run, photograph, &mut ());
                    if sender.send((index, record, watch)).is_err() {
                        break;
                    }
                }
            });
        });
        let written = write_in_order(&receiver, output, progress);
        // The workers end at their next photograph where writing failed.
        drop(receiver);
        written
    })
}

fn write_in_order(
    receiver: &mpsc::Receiver<(usize, Record, Stopwatch)>,
    output: &mut Output,
    progress: &mut Progress,
) -> Result<Counts, Fatal> {
    let mut counts = Counts::default();
    let mut waiting = BTreeMap::new();
    let mut due = 0;
    loop {
        match receiver.recv_timeout(TICK) {
            Ok((index, record, watch)) => {
                progress.done(&record);
                waiting.insert(index, (record, watch));
                while let Some((record, watch)) = waiting.remove(&due) {
                    output.write(&record, watch.ms())?;
                    counts.add(record.status);
                    due += 1;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(counts),
        }
        progress.tick();
    }
}

/// Reads one photograph and gives its line, whatever happens: a panic becomes a `failed` one.
/// `other` looks on, and its time is not counted.
pub fn read(run: &Run<'_>, photograph: &Photograph, other: &mut dyn Watch) -> (Record, Stopwatch) {
    let mut watch = Timed { clock: Stopwatch::start(), other };
    let mut hash = None;
    let name = &photograph.name;
    // What a panic leaves half-done is this photograph's own: the pipeline keeps no state.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let bytes = open(photograph, run.photo)?;
        let sha256 = photo::sha256(&bytes);
        hash = Some(sha256.clone());
        let mut photo = photo::load(name, &sha256, bytes, run.um_per_px, run.photo)?;
        watch.clock.lap();
        let reading = run.pipeline.read(&photo, &mut watch)?;
        watch.clock.lap();
        photo.check_scale(reading.primer.as_ref());
        Ok(Record::new(name, &sha256, photo.scale.as_ref(), &photo.warnings, reading))
    }));
    let record = match result {
        Ok(Ok(record)) => record,
        Ok(Err(failure)) => Record::failed(name, hash, failure),
        Err(panic) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".into());
            let hint =
                "a fault of microstamp: please report it with this photograph, or try another --engine";
            Record::failed(
                name,
                hash,
                Failure::new(watch.clock.stage(), format!("internal error: {what}"), hint),
            )
        }
    };
    (record, watch.clock)
}

fn open(photograph: &Photograph, settings: &PhotoSettings) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| {
        Failure::new(
            "load",
            format!("cannot open the file: {e}"),
            "check that it is still there and may be read",
        )
    };
    let meta = std::fs::metadata(&photograph.path).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(Failure::new("load", "this is no regular file", "give a photograph or a folder"));
    }
    let megabytes = meta.len() as f64 / 1e6;
    if megabytes > settings.max_file_mb {
        return Err(Failure::new(
            "load",
            format!("the file has {megabytes:.0} MB, more than {}", settings.max_file_mb),
            "crop the picture, or raise photo.max_file_mb in --config if it is genuine",
        ));
    }
    std::fs::read(&photograph.path).map_err(unreadable)
}
