//! Photographs in parallel, results in the order of the inputs.

use super::inputs::Photograph;
use super::lanes::{LOOK, Lane, Lanes, open};
use super::manifest::Counts;
use super::output::Output;
use super::progress::Progress;
use super::record::Record;
use super::timing::{Noted, Stopwatch, Timed};
use crate::error::{Failure, Fatal};
use crate::pipeline::photo::{self, Asked};
use crate::pipeline::{Pipeline, Watch};
use crate::settings::PhotoSettings;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};

/// What a run needs beside its photographs. Its threads share it, and one that hangs keeps it.
#[derive(Clone)]
pub struct Run {
    /// Reads each photograph.
    pub pipeline: Arc<Pipeline>,
    /// Limits of what is opened.
    pub photo: PhotoSettings,
    /// What the user says of the photographs.
    pub asked: Asked,
    /// Threads over photographs.
    pub threads: usize,
    /// Set from outside to stop after the photographs at hand.
    pub stop: Arc<AtomicBool>,
    /// Threads that were given up and still live, over all parts of the run.
    pub hanging: Arc<AtomicUsize>,
}

/// Takes the rows of a run in the order of the inputs: a photograph's number from 0, its line, and the
/// milliseconds of its stages.
pub type Sink<'s> = dyn FnMut(usize, Record, &[f64]) -> Result<(), Fatal> + 's;

/// What a lane sends.
enum Sent {
    Row(usize, Box<Record>, Stopwatch),
    /// It finds no photograph any more.
    Ended,
}

/// Reads `photographs` and writes their lines in order, each as soon as those before it are there.
///
/// # Errors
/// As [`run_into`]; [`Fatal`] too where a line cannot be written, and lines before it are whole then.
pub fn run(
    run: &Run,
    photographs: &[Photograph],
    output: &mut Output,
    progress: &mut Progress,
) -> Result<Counts, Fatal> {
    let mut counts = Counts::default();
    run_into(run, photographs, progress, &mut |_, record, ms| {
        counts.add(record.status);
        output.write(&record, ms)
    })?;
    Ok(counts)
}

/// Reads `photographs` and hands their rows over in order. Only rows that wait for an earlier one are
/// held in memory. A photograph that takes longer than `photo.max_seconds` is given up and has failed.
///
/// # Errors
/// [`Fatal`] where threads cannot be started, too many photographs hang, or `sink` gives one.
pub fn run_into(
    run: &Run,
    photographs: &[Photograph],
    progress: &mut Progress,
    sink: &mut Sink<'_>,
) -> Result<(), Fatal> {
    let (sender, receiver) = mpsc::channel();
    let work = {
        let (run, photographs, next) = (run.clone(), photographs.to_vec(), AtomicUsize::new(0));
        move |lane: &Lane| {
            // One at a time and in order, so that lines can be written early.
            while !run.stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(photograph) = photographs.get(index) else { break };
                lane.begin(index);
                let (record, watch) = read_noted(&run, photograph, &mut (), &lane.noted);
                // Nobody listens any more where writing has failed.
                if !lane.end() || sender.send(Sent::Row(index, Box::new(record), watch)).is_err() {
                    return;
                }
            }
            let _ = sender.send(Sent::Ended);
        }
    };
    let mut lanes = Lanes::start(run.threads, run.photo.max_seconds, Arc::clone(&run.hanging), work)?;
    let (mut waiting, mut due, mut open_lanes) = (BTreeMap::new(), 0, run.threads);
    while open_lanes > 0 {
        match receiver.recv_timeout(LOOK) {
            Ok(Sent::Row(index, record, watch)) => {
                progress.done(&record);
                waiting.insert(index, (record, watch.ms().to_vec()));
            }
            Ok(Sent::Ended) => open_lanes -= 1,
            // Lanes say when they end: without one there is nothing to wait for.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        for (index, noted) in lanes.give_up_late()? {
            let record = given_up(&photographs[index].name, noted, run.photo.max_seconds);
            progress.done(&record);
            waiting.insert(index, (Box::new(record), Vec::new()));
        }
        while let Some((record, ms)) = waiting.remove(&due) {
            sink(due, *record, &ms)?;
            due += 1;
        }
        progress.tick();
    }
    Ok(())
}

fn given_up(name: &str, noted: Noted, seconds: f64) -> Record {
    let hint =
        "look at it with `microstamp inspect`, or raise photo.max_seconds in --config on a slow machine";
    let failure = Failure::new(noted.stage(), format!("given up after {seconds} seconds"), hint);
    Record::failed(name, noted.sha256, failure)
}

/// Reads one photograph and gives its line, whatever happens: a panic becomes a `failed` one.
/// `other` looks on, and its time is not counted.
pub fn read(run: &Run, photograph: &Photograph, other: &mut dyn Watch) -> (Record, Stopwatch) {
    read_noted(run, photograph, other, &Mutex::default())
}

/// The same, with what is known on the way noted where others can see it.
fn read_noted(
    run: &Run,
    photograph: &Photograph,
    other: &mut dyn Watch,
    noted: &Mutex<Noted>,
) -> (Record, Stopwatch) {
    let mut watch = Timed { clock: Stopwatch::start(), noted, other };
    let name = &photograph.name;
    // What a panic leaves half-done is this photograph's own: the pipeline keeps no state.
    let result = catch_unwind(AssertUnwindSafe(|| {
        let bytes = contents(photograph, &run.photo)?;
        let sha256 = photo::sha256(&bytes);
        open(noted).sha256 = Some(sha256.clone());
        let mut photo = photo::load(name, &sha256, bytes, &run.asked, &run.photo)?;
        watch.lap();
        let reading = run.pipeline.read(&photo, &mut watch)?;
        watch.lap();
        photo.check_scale(reading.primer.as_ref());
        Ok(Record::new(&photo, reading))
    }));
    let known = || open(noted).clone();
    let record = match result {
        Ok(Ok(record)) => record,
        Ok(Err(failure)) => Record::failed(name, known().sha256, failure),
        Err(panic) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(ToString::to_string)
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "no message".into());
            let hint =
                "a fault of microstamp: please report it with this photograph, or try another --engine";
            let failure = Failure::new(known().stage(), format!("internal error: {what}"), hint);
            Record::failed(name, known().sha256, failure)
        }
    };
    (record, watch.clock)
}

/// The bytes of a photograph, which is opened for reading only.
fn contents(photograph: &Photograph, settings: &PhotoSettings) -> Result<Vec<u8>, Failure> {
    let unreadable = |e: std::io::Error| {
        Failure::new(
            "load",
            format!("cannot open the file: {e}"),
            "check that it is still there and may be read",
        )
    };
    let too_large = |bytes: f64| {
        Failure::new(
            "load",
            format!("the file has {:.0} MB, more than {}", bytes / 1e6, settings.max_file_mb),
            "crop the picture, or raise photo.max_file_mb in --config if it is genuine",
        )
    };
    // Before it is opened: opening a pipe would wait for its other end.
    if !std::fs::metadata(&photograph.path).map_err(unreadable)?.is_file() {
        return Err(Failure::new("load", "this is no regular file", "give a photograph or a folder"));
    }
    let file = File::open(&photograph.path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let most = settings.max_file_mb * 1e6;
    if size as f64 > most {
        return Err(too_large(size as f64));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    // It may grow while it is read.
    file.take((most as u64).saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as f64 > most {
        return Err(too_large(bytes.len() as f64));
    }
    Ok(bytes)
}
