//! Threads over photographs that outlive a photograph which hangs.
//!
//! A thread cannot be killed. Each of the pool's threads is a lane: it takes the next photograph, notes
//! that it works on it, and sends what came out. Where a photograph takes longer than it may, its lane
//! is given up: another lane takes its place, and what the old one may still send is not wanted. Its
//! thread sleeps or spins until the program ends, or ends by itself when its photograph lets it go.

use super::timing::Noted;
use crate::error::Fatal;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A pool of `threads` threads.
///
/// # Errors
/// [`Fatal`] where the system does not give them.
pub fn pool(threads: usize) -> Result<ThreadPool, Fatal> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| Fatal::new(format!("cannot start {threads} threads: {e}"), "--threads 1"))
}

/// Lanes given up whose threads still live with which a run ends. Each keeps its photograph's memory: this many
/// of 10 megapixels have 10 GB or less.
const MOST_HANGING: usize = 200;

/// How often lanes are looked at: the error of the limit, and next to nothing to do.
pub const LOOK: Duration = Duration::from_millis(500);

/// What a lane is doing; shared between it and who watches over it.
#[derive(Default)]
pub struct Lane {
    state: Mutex<State>,
    /// What is known of the photograph so far.
    pub noted: Mutex<Noted>,
}

#[derive(Default)]
struct State {
    at_work_on: Option<usize>,
    given_up: bool,
}

impl Lane {
    /// Begins with the photograph of this number.
    pub fn begin(&self, index: usize) {
        *open(&self.noted) = Noted::default();
        open(&self.state).at_work_on = Some(index);
    }

    /// Ends with it; `false` where the lane was given up over it.
    pub fn end(&self) -> bool {
        let mut state = open(&self.state);
        state.at_work_on = None;
        !state.given_up
    }
}

/// A lock whose holder panicked is as good as any: what it guards is replaced whole.
pub fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A lane as it looks from outside.
struct Watched {
    lane: Arc<Lane>,
    index: Option<usize>,
    /// How long it has been at it, seconds.
    age: f64,
}

/// All lanes.
pub struct Lanes {
    /// What a lane does until there is no photograph left; then it says so.
    work: Arc<dyn Fn(&Lane) + Send + Sync>,
    watched: Vec<Watched>,
    hanging: Arc<AtomicUsize>,
    looked: Instant,
    /// Longest time of a photograph, seconds.
    limit: f64,
}

impl Lanes {
    /// Starts `threads` lanes that do `work`; `hanging` counts those that were given up and still live.
    ///
    /// # Errors
    /// [`Fatal`] where the threads cannot be started.
    pub fn start(
        threads: usize,
        limit: f64,
        hanging: Arc<AtomicUsize>,
        work: impl Fn(&Lane) + Send + Sync + 'static,
    ) -> Result<Self, Fatal> {
        let mut lanes =
            Self { work: Arc::new(work), watched: Vec::new(), hanging, looked: Instant::now(), limit };
        lanes.open(threads)?;
        Ok(lanes)
    }

    /// A pool of `threads` more lanes. They end, and the pool with them, when there is nothing left.
    fn open(&mut self, threads: usize) -> Result<(), Fatal> {
        let pool = pool(threads)?;
        let lanes: Vec<Arc<Lane>> = (0..threads).map(|_| Arc::default()).collect();
        self.watched.extend(lanes.iter().map(|lane| Watched {
            lane: Arc::clone(lane),
            index: None,
            age: 0.0,
        }));
        let (work, hanging) = (Arc::clone(&self.work), Arc::clone(&self.hanging));
        // Not one task a photograph: a thread that waits for a part of its own photograph would take
        // up another's whole.
        pool.spawn_broadcast(move |thread| {
            let lane = &lanes[thread.index()];
            work(lane);
            if open(&lane.state).given_up {
                hanging.fetch_sub(1, Ordering::Relaxed);
            }
        });
        Ok(())
    }

    /// Looks at the lanes when it is time, gives up those whose photograph has taken too long, and
    /// opens others for them. Gives these photographs' numbers with what is known of them.
    ///
    /// Time counts only while this is called: a program that was stopped and goes on, or a computer
    /// that slept, gives nothing up for that.
    ///
    /// # Errors
    /// [`Fatal`] where too many hang, or no thread can be started.
    pub fn give_up_late(&mut self) -> Result<Vec<(usize, Noted)>, Fatal> {
        let passed = self.looked.elapsed();
        if passed < LOOK {
            return Ok(Vec::new());
        }
        self.looked = Instant::now();
        let passed = passed.min(2 * LOOK).as_secs_f64();
        let (mut late, limit) = (Vec::new(), self.limit);
        self.watched.retain_mut(|watched| {
            let mut state = open(&watched.lane.state);
            if state.at_work_on.is_none() || state.at_work_on != watched.index {
                (watched.index, watched.age) = (state.at_work_on, 0.0);
                return true;
            }
            watched.age += passed;
            match state.at_work_on {
                Some(index) if watched.age > limit => {
                    state.given_up = true;
                    self.hanging.fetch_add(1, Ordering::Relaxed);
                    late.push((index, open(&watched.lane.noted).clone()));
                    false
                }
                _ => true,
            }
        });
        for _ in &late {
            self.open(1)?;
        }
        if self.hanging.load(Ordering::Relaxed) >= MOST_HANGING {
            return Err(Fatal::new(
                format!("{MOST_HANGING} photographs hang: the disk or the engine does not answer"),
                "look after the disk, or another --engine; then the same command with --resume",
            ));
        }
        Ok(late)
    }
}
