//! The laboratory folder that lies beside the sources: the README's main job, held against its truth.
#![allow(clippy::unwrap_used)]

mod common;

use common::{assert_sure_are_true, decode, truth};
use microstamp::pipeline::decode::{Reading, Status};
use microstamp::pipeline::engine::{Engine, Identity, Scores, View};
use microstamp::pipeline::heights::Measured;
use microstamp::pipeline::mark::Mark;
use microstamp::pipeline::photo::{Chosen, Page, Photo};
use microstamp::pipeline::scheme::Scheme;
use microstamp::pipeline::{Pipeline, photo};
use microstamp::{Failure, Settings};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Codes whose most probable reading is right, at the least. Below what is usual: a reader that has stopped
/// reading is noticed, a photograph more or less is not.
const LEAST_RIGHT: usize = 10;
/// Codes that are accepted, at the least, likewise.
const LEAST_READ: usize = 6;
/// Marks that are taken for none, at the most, likewise.
const MOST_MISSED: usize = 5;

#[test]
fn the_laboratory_folder_is_read_without_a_wrong_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let truth = truth(&folder);
    let dir = tempfile::tempdir().unwrap();
    let records = decode(&folder, &dir.path().join("out"), &[], 0);
    assert!(records.iter().map(|r| &r.path).eq(truth.keys()), "a row a photograph, in order");
    let (mut right, mut read, mut missed) = (0, 0, 0);
    for record in &records {
        let code = truth[&record.path]["code"].as_str();
        assert_ne!(record.status, Status::Failed, "{}", record.path);
        assert_sure_are_true(record, code);
        read += usize::from(record.status == Status::Read);
        missed += usize::from(!code.is_empty() && record.status == Status::NoMark);
        right += usize::from(!code.is_empty() && record.best.as_deref() == Some(code));
    }
    let marked = truth.values().filter(|row| !row["code"].is_empty()).count();
    println!("the most probable code is right for {right} of {marked}");
    assert!(right >= LEAST_RIGHT, "only {right} of {marked} right");
    assert!(read >= LEAST_READ, "only {read} of {marked} read");
    assert!(missed <= MOST_MISSED, "{missed} of {marked} taken for unmarked");
}

#[test]
fn a_photograph_that_is_turned_or_mirrored_has_the_same_code_and_places_that_turn_with_it() {
    use image::imageops;
    type Point = (f64, f64);
    type Turned = image::ImageBuffer<image::Luma<u16>, Vec<u16>>;
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let truth = truth(&lab);
    let dir = tempfile::tempdir().unwrap();
    let (folder, out) = (dir.path().join("turned"), dir.path().join("out"));
    std::fs::create_dir(&folder).unwrap();
    let photographs = ["clean-00005-02/clean-00005-02_1.png", "field-00011-01/field-00011-01_1.png"];
    let ways: [fn(&Turned) -> Turned; 4] =
        [Turned::clone, imageops::flip_horizontal, imageops::rotate180, imageops::rotate90];
    let mut sizes = Vec::new();
    for (name, photograph) in ["clean", "field"].into_iter().zip(photographs) {
        let whole = image::open(lab.join(photograph)).unwrap().to_luma16();
        sizes.push((f64::from(whole.width()) - 1.0, f64::from(whole.height()) - 1.0));
        for (i, way) in ways.iter().enumerate() {
            way(&whole).save(folder.join(format!("{name}-{i}.png"))).unwrap();
        }
    }
    let records = decode(&folder, &out, &[], 0);
    for ((records, photograph), (right, bottom)) in records.chunks(4).zip(photographs).zip(sizes) {
        let row = &truth[photograph];
        let (rotation, whole) = (row["rotation"].parse::<f64>().unwrap(), &records[0]);
        let moved: [&dyn Fn(Point) -> Point; 4] = [
            &|(x, y)| (x, y),
            &|(x, y)| (right - x, y),
            &|(x, y)| (right - x, bottom - y),
            // Clockwise: what was at the left is at the top.
            &|(x, y)| (bottom - y, x),
        ];
        // Counter-clockwise as seen; a mirrored mark is turned the other way.
        let turned = [rotation, -rotation, rotation + 180.0, rotation - 90.0];
        for (i, record) in records.iter().enumerate() {
            assert_eq!(record.code.as_deref(), Some(row["code"].as_str()), "{}", record.path);
            assert_eq!(record.mirrored, Some(i == 1), "{}", record.path);
            let apart = (record.rotation_deg.unwrap() - turned[i] + 180.0).rem_euclid(360.0) - 180.0;
            assert!(apart.abs() < 5.0, "{}: {apart:.1} degrees beside the truth", record.path);
            let corners = |r: &microstamp::batch::Record| -> Vec<(f64, f64)> {
                r.positions.iter().flat_map(|p| p.quad).collect()
            };
            for (found, of_whole) in corners(record).into_iter().zip(corners(whole)) {
                let (x, y) = moved[i](of_whole);
                assert!((found.0 - x).hypot(found.1 - y) < 3.0, "{}: {found:?}, ({x}, {y})", record.path);
            }
        }
    }
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
        // Not where the primer is taken for the impression.
        let larger = Some(radius / floors[0]).filter(|larger| *larger < 1.5).unwrap_or(1.0);
        let sure = 100.0 * larger.ln() as f32;
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

/// As [`read_by`], of a photograph that is `changed` first, with a bar for uncounted kinds that nothing reaches.
fn status_of(changed: fn(&mut Photo)) -> Status {
    let mut settings = Settings::default();
    settings.mark.other_sizes = vec![1.3];
    settings.decode.uncounted_bar = 1.0;
    settings.decode.character_floor = 1e-9;
    let mut photo = clean(&settings);
    changed(&mut photo);
    let engine = Box::new(SurerOnLargerFloors { floors: Arc::default(), presence: 1.0, first: 0 });
    Pipeline::new(settings, Scheme::all(), engine).unwrap().read(&photo, &mut ()).unwrap().status
}

fn clean(settings: &Settings) -> Photo {
    let file = "testdata/lab/clean-00000-01/clean-00000-01_1.png";
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    photo::load("a", "0", bytes, &Default::default(), &settings.photo).unwrap()
}

/// The same where formats are asked for, the engine takes the mark for one of the format `first` to begin with, and floors
/// of other sizes are looked at.
fn read_as(schemes: Vec<Scheme>, (first, presence): (usize, f32), sizes: &[f64]) -> (Reading, Vec<i32>) {
    let mut settings = Settings::default();
    settings.mark.other_sizes = sizes.to_vec();
    let photo = clean(&settings);
    let floors = Arc::default();
    let engine = Box::new(SurerOnLargerFloors { floors: Arc::clone(&floors), presence, first });
    let reading = Pipeline::new(settings, schemes, engine).unwrap().read(&photo, &mut ()).unwrap();
    let floors = floors.lock().unwrap();
    (reading, floors.iter().map(|r| (10.0 * r / floors[0]).round() as i32).collect())
}

#[test]
fn kinds_of_pictures_that_no_curve_was_fitted_to_have_a_bar_of_their_own() {
    fn page(photo: &mut Photo, page: Option<usize>) {
        photo.page = Some(Chosen { of: 9, asked: Page::Fuse, page, planes: 9 });
    }
    assert_eq!(status_of(|_| ()), Status::Read);
    assert_eq!(
        status_of(|photo| page(photo, Some(1))),
        Status::Read,
        "one picture of a stack is a photograph"
    );
    let uncounted: [fn(&mut Photo); 3] = [
        |photo| page(photo, None),
        |photo| photo.warnings.push("damaged_file".into()),
        |photo| photo.heights = Some(Measured { grid: (1, 1), spacing_um: (1.0, 1.0), missing: 0.0 }),
    ];
    for changed in uncounted {
        assert_ne!(status_of(changed), Status::Read);
    }
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
