//! The laboratory folder that lies beside the sources: the README's main job, held against its truth.
#![allow(clippy::unwrap_used)]

mod common;

use common::{decode, truth};
use microstamp::pipeline::decode::{Reading, Status};
use microstamp::pipeline::engine::{Engine, Identity, Scores, View};
use microstamp::pipeline::mark::Mark;
use microstamp::pipeline::scheme::Scheme;
use microstamp::pipeline::{Pipeline, photo};
use microstamp::{Failure, Settings};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Codes whose most probable reading is right, at the least. Below what is usual: a reader that has stopped
/// reading is noticed, a photograph more or less is not.
const LEAST_RIGHT: usize = 8;
/// Codes that are accepted, at the least, likewise.
const LEAST_READ: usize = 4;

#[test]
fn the_laboratory_folder_is_read_without_a_wrong_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let truth = truth(&folder);
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(records.iter().map(|r| &r.path).eq(truth.keys()), "a row a photograph, in order");
    let (mut right, mut read) = (0, 0);
    for record in &records {
        let code = truth[&record.path]["code"].as_str();
        assert_ne!(record.status, Status::Failed, "{}", record.path);
        if code.is_empty() {
            let named = record.code.as_ref().is_some_and(|c| c.chars().any(|c| c != '?'));
            assert!(!named, "{}: {:?} on an unmarked primer", record.path, record.code);
        } else if record.status == Status::Read {
            assert_eq!(record.code.as_deref(), Some(code), "{}", record.path);
            read += 1;
        }
        right += usize::from(!code.is_empty() && record.best.as_deref() == Some(code));
    }
    let marked = truth.values().filter(|row| !row["code"].is_empty()).count();
    println!("the most probable code is right for {right} of {marked}");
    assert!(right >= LEAST_RIGHT, "only {right} of {marked} right");
    assert!(read >= LEAST_READ, "only {read} of {marked} read");
}

/// Says one code, the surer the larger the floor is taken to be, and notes the floors.
struct SurerOnLargerFloors {
    floors: Arc<Mutex<Vec<f64>>>,
    presence: f32,
    /// Format of the mark on the floor as it was found; that of the others is the first.
    first: usize,
}

impl Engine for SurerOnLargerFloors {
    fn identity(&self) -> Identity {
        Identity { name: "none".into(), version: "0".into(), weights_sha256: None }
    }

    fn read(&self, mark: &Mark) -> Result<Scores, Failure> {
        let radius = mark.floor.major();
        let mut floors = self.floors.lock().unwrap();
        floors.push(radius);
        let scheme = &Scheme::all()[if floors.len() == 1 { self.first } else { 0 }];
        // Log-odds of each character: 0 on the floor as it was found, so that the first reading leaves doubt.
        let sure = 100.0 * (radius / floors[0]).ln() as f32;
        let mut symbols = vec![0.0; scheme.alphabet.len()];
        symbols[floors.len()] = sure.max(0.0);
        let view = View {
            format: scheme.id.clone(),
            pose: mark.hypotheses[0].pose,
            log_weight: 0.0,
            symbols: vec![symbols; scheme.len()],
            gear: None,
            quads: vec![[(0.0, 0.0); 4]; scheme.len()],
        };
        Ok(Scores { views: vec![view], presence: self.presence, ink: None })
    }
}

/// A clean photograph read by an engine that says how probable a mark is: the reading, and the floors in tenths of the
/// first one.
fn read_by(presence: f32) -> (Reading, Vec<i32>) {
    read_as(Scheme::all(), (0, presence), &[0.8, 1.1, 1.2, 1.3])
}

/// The same where formats are asked for, the engine takes the mark for one of the format `first` to begin with, and floors
/// of other sizes are looked at.
fn read_as(schemes: Vec<Scheme>, (first, presence): (usize, f32), sizes: &[f64]) -> (Reading, Vec<i32>) {
    let file = "testdata/lab/clean-00000-01/clean-00000-01_1.png";
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let mut settings = Settings::default();
    settings.mark.other_sizes = sizes.to_vec();
    let photo = photo::load("a", "0", bytes, &Default::default(), &settings.photo).unwrap();
    let floors = Arc::default();
    let engine = Box::new(SurerOnLargerFloors { floors: Arc::clone(&floors), presence, first });
    let reading = Pipeline::new(settings, schemes, engine).unwrap().read(&photo, &mut ()).unwrap();
    let floors = floors.lock().unwrap();
    (reading, floors.iter().map(|r| (10.0 * r / floors[0]).round() as i32).collect())
}

#[test]
fn a_mark_that_leaves_doubt_is_read_on_floors_of_other_sizes_until_one_does_not() {
    let (reading, sizes) = read_by(1.0);
    assert_eq!(sizes, [10, 8, 11], "the third reading is sure, and the last");
    assert_eq!(reading.best.as_deref(), Some("DDDDDDDD"), "its code");
}

#[test]
fn a_floor_that_is_bare_most_likely_is_read_once() {
    let (reading, sizes) = read_by(0.4);
    assert_eq!((reading.status, sizes), (Status::NoMark, vec![10]));
    let (_, sizes) = read_by(0.6);
    assert!(sizes.len() > 1, "what may be a mark is looked for on other floors");
}

#[test]
fn a_mark_of_another_format_is_none_that_was_asked_for_because_it_may_be_on_another_floor() {
    let asked = || vec![Scheme::all().remove(0)];
    let (reading, sizes) = read_as(asked(), (1, 1.0), &[0.8, 0.9]);
    assert_eq!(sizes[..3], [10, 8, 9]);
    assert!(reading.is_of_other_format() && reading.best.is_none(), "{reading:?}");
    let (reading, _) = read_as(asked(), (1, 1.0), &[0.8, 1.1]);
    assert_eq!(reading.best.as_deref(), Some("DDDDDDDD"), "there it leaves no doubt");
}
