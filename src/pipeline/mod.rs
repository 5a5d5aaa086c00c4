//! Photograph in, reading out: pure, with no folders, clock, randomness or registry.

pub mod confidence;
pub mod decode;
pub mod denoise;
mod edge;
pub mod engine;
pub mod face;
pub(crate) mod fuse;
pub mod geometry;
pub mod heights;
pub mod mark;
pub mod net;
pub mod photo;
pub mod scheme;
pub mod tile;
pub(crate) mod vector;

use crate::error::{Failure, Fatal};
use crate::settings::Settings;
use confidence::Calibration;
use decode::{Reading, Status};
use denoise::Clean;
use engine::{Engine, Scores};
use face::Face;
use mark::{Crater, Mark};
use net::Networks;
use photo::Photo;
use scheme::Scheme;

/// What a stage has made, shown to a [`Watch`] as soon as it exists.
#[derive(Debug)]
pub enum Made<'a> {
    /// The photograph with what is known of its noise.
    Clean(&'a Clean<'a>),
    /// Primer and impression.
    Face(&'a Face),
    /// The straightened mark; again for each further size of the floor that is tried.
    Mark(&'a Mark),
    /// The engine's scores, as often.
    Seen(&'a Scores),
}

/// Looks on while a photograph is read: timings, stage pictures and tests are watchers.
pub trait Watch {
    /// Called after each stage with what it made.
    fn made(&mut self, made: Made<'_>);
}

/// A watcher that looks away.
impl Watch for () {
    fn made(&mut self, _: Made<'_>) {}
}

/// Everything that reading needs, made once and shared by all threads.
pub struct Pipeline {
    settings: Settings,
    schemes: Vec<Scheme>,
    others: Vec<Scheme>,
    networks: &'static Networks,
    engine: Box<dyn Engine>,
    calibration: Calibration,
}

impl Pipeline {
    /// A pipeline that reads `schemes` with `engine`.
    ///
    /// # Errors
    /// The weights of the networks that find the mark are damaged.
    pub fn new(settings: Settings, schemes: Vec<Scheme>, engine: Box<dyn Engine>) -> Result<Self, Fatal> {
        let networks = Networks::built_in()?;
        let others = Scheme::others(&schemes);
        Ok(Self { settings, schemes, others, networks, engine, calibration: Calibration::built_in() })
    }

    /// The engine in use.
    pub fn engine(&self) -> &dyn Engine {
        self.engine.as_ref()
    }

    /// Reads one photograph.
    ///
    /// # Errors
    /// A [`Failure`] names the stage that gave up; a photograph without a mark is no failure.
    pub fn read(&self, photo: &Photo, watch: &mut dyn Watch) -> Result<Reading, Failure> {
        let s = &self.settings;
        if photo.warnings.iter().any(|w| w == photo::NO_IMPRESSION_MEASURED) {
            return Ok(Reading::no_mark(&Face::default()));
        }
        let clean = denoise::denoise(photo);
        watch.made(Made::Clean(&clean));
        let face = face::find_face(&clean, &self.networks.finder, &s.face);
        watch.made(Made::Face(&face));
        let uncounted = photo::is_uncounted(photo.heights.as_ref(), photo.page.as_ref(), &photo.warnings);
        let least = if uncounted { s.decode.uncounted_bar } else { 0.0 };
        let (engine, networks) = (self.engine.identity().name, &self.networks.file_sha256);
        let curve = |format: &str| self.calibration.curve(&engine, networks, format).accepting_from(least);
        // The reading, and whether the floor is bare most likely.
        let mut read_at = |face: &Face, crater: &Crater, size: f64| -> Result<(Reading, bool), Failure> {
            let mark = mark::straighten(&clean, crater, size, &self.networks.turn, &s.mark);
            watch.made(Made::Mark(&mark));
            let seen = self.engine.read(&mark)?;
            watch.made(Made::Seen(&seen));
            let reading = decode::decode(face, &mark, &seen, &self.schemes, &self.others, &curve, &s.decode)?;
            Ok((reading, f64::from(seen.presence) < s.decode.presence_bar))
        };
        let doubtful = |reading: &Reading| reading.confidence < s.mark.doubtful_below;
        let crater_in = |face: &Face| mark::find_crater(&clean, face, &self.networks.poser);
        let (mut surest, mut bare) = (Reading::no_mark(&face), false);
        // How the mark lay in each reading.
        let mut ways = Vec::new();
        if let Some(crater) = crater_in(&face) {
            (surest, bare) = read_at(&face, &crater, 1.0)?;
            ways.extend(surest.way());
            for size in &s.mark.other_sizes {
                if bare || !doubtful(&surest) {
                    break;
                }
                let (reading, _) = read_at(&face, &crater, *size)?;
                ways.extend(reading.way());
                // A mark of another format has no confidence either, but is more than none, and no other size at which it
                // is doubtfully one of those asked for makes it one.
                let better = match surest.status {
                    Status::NoMark => reading.status != Status::NoMark,
                    _ if surest.is_of_other_format() => !doubtful(&reading),
                    _ => reading.confidence > surest.confidence,
                };
                if better {
                    surest = reading;
                }
            }
        }
        for other in face.otherwise() {
            if bare || !doubtful(&surest) {
                break;
            }
            let Some(crater) = crater_in(&other) else { continue };
            let (reading, _) = read_at(&other, &crater, 1.0)?;
            // What is doubtful there as well says nothing about where the impression is.
            if !doubtful(&reading) {
                surest = reading;
            }
        }
        // The surest of several doubtful readings is no surer of how the mark lies than that they agree.
        let lies_otherwise = |way: &(f64, bool)| surest.way().is_some_and(|own| !fuse::same_way(own, *way));
        if doubtful(&surest) && ways.iter().any(lies_otherwise) {
            surest.warnings.push(decode::AMBIGUOUS_WAY.into());
        }
        Ok(surest)
    }
}
