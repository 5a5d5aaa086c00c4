//! Broken and hostile files, and faults inside: each photograph gets its row, the run goes on.
#![allow(clippy::unwrap_used)]

mod common;

use common::{crc32, decode, microstamp, picture, records};
use microstamp::batch::progress::Progress;
use microstamp::batch::{Photograph, Record, inputs, runner};
use microstamp::engines;
use microstamp::pipeline::decode::Status;
use microstamp::pipeline::engine::{Engine, Identity, Scores, View};
use microstamp::pipeline::mark::Mark;
use microstamp::pipeline::scheme::Scheme;
use microstamp::pipeline::{Made, Pipeline, Watch};
use microstamp::{Failure, Settings};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// A PNG that claims a size and holds nothing.
fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    out.extend(13u32.to_be_bytes());
    out.extend(&header);
    out.extend(crc32(&header).to_be_bytes());
    out
}

/// A JPEG whose frame header claims a size.
fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8];
    out.extend(height.to_be_bytes());
    out.extend(width.to_be_bytes());
    out.extend([1, 1, 0x11, 0, 0xff, 0xd9]);
    out
}

/// A little-endian TIFF of one strip of `data`, 8 bit grey.
fn tiff(width: u32, height: u32, compression: u16, data: &[u8]) -> Vec<u8> {
    let mut out = b"II*\0".to_vec();
    out.extend((8 + data.len() as u32).to_le_bytes());
    out.extend(data);
    let entries: [(u16, u32); 8] = [
        (256, width),
        (257, height),
        (258, 8),
        (259, compression.into()),
        (262, 1),
        (273, 8),
        (277, 1),
        (279, data.len() as u32),
    ];
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(4u16.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    out.extend([0; 4]);
    out
}

/// PackBits: each pair of bytes stands for 128 zeros.
fn packed_zeros(bytes: usize) -> Vec<u8> {
    [0x81, 0x00].repeat(bytes.div_ceil(128))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::File::create(folder.join(name)).unwrap().write_all(bytes).unwrap();
}

/// Name, whether it fails, and the content of every broken or hostile file.
fn hostile(folder: &Path) -> Vec<(&'static str, bool)> {
    picture(&folder.join("whole.png"), 200, 150);
    let whole = std::fs::read(folder.join("whole.png")).unwrap();
    write(folder, "truncated.png", &whole[..whole.len() / 2]);
    write(folder, "empty.jpg", b"");
    write(folder, "misnamed.jpg", &whole);
    write(folder, "text.tif", b"this is no TIFF");
    image::GrayImage::from_pixel(1, 1, image::Luma([7])).save(folder.join("one.png")).unwrap();
    image::GrayImage::new(300, 300).save(folder.join("black.png")).unwrap();
    image::GrayImage::from_pixel(300, 300, image::Luma([255])).save(folder.join("white.png")).unwrap();
    image::GrayImage::from_pixel(1, 5000, image::Luma([9])).save(folder.join("thin.png")).unwrap();
    write(folder, "claims.png", &png_claiming(20_000, 20_000));
    write(folder, "claims.jpg", &jpeg_claiming(65_500, 65_500));
    write(folder, "claims.tif", &tiff(20_000, 20_000, 1, &[0; 16]));
    write(folder, "claims-little.tif", &tiff(8_000, 8_000, 1, &[0; 16]));
    // A few kilobytes that unpack to the largest size that is allowed, and beyond what is claimed.
    write(folder, "bomb.tif", &tiff(8_000, 8_000, 32_773, &packed_zeros(64_000_000)));
    write(folder, "bomb-claimed-small.tif", &tiff(100, 100, 32_773, &packed_zeros(64_000_000)));
    write(folder, "offset.tif", b"II*\0\xff\xff\xff\x7f");
    vec![
        ("black.png", false),
        ("bomb-claimed-small.tif", false),
        ("bomb.tif", false),
        ("claims-little.tif", true),
        ("claims.jpg", true),
        ("claims.png", true),
        ("claims.tif", true),
        ("empty.jpg", true),
        ("misnamed.jpg", false),
        ("offset.tif", true),
        ("one.png", false),
        ("text.tif", true),
        ("thin.png", false),
        ("truncated.png", true),
        ("white.png", false),
        ("whole.png", false),
    ]
}

#[test]
fn every_broken_file_gets_a_row_with_stage_reason_and_hint() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    let expected = hostile(&lab);
    let found = decode(&lab, &dir.path().join("out"), &[], 1);
    let seen: Vec<_> = found.iter().map(|r| (r.path.as_str(), r.status == Status::Failed)).collect();
    assert_eq!(seen, expected);
    for record in &found {
        match &record.failure {
            Some(f) => assert!(f.stage == "load" && !f.reason.is_empty() && !f.hint.is_empty(), "{f}"),
            None => assert_eq!(record.status, Status::NoMark, "{}", record.path),
        }
        assert!(record.sha256.is_some() && record.code.is_none());
    }
    let failures = csv::Reader::from_path(dir.path().join("out/failures.csv")).unwrap().records().count();
    assert_eq!(failures, expected.iter().filter(|e| e.1).count());
}

/// The same under a limit of the address space, which counts more than the memory in use.
#[cfg(target_os = "linux")]
#[test]
fn hostile_files_take_less_than_a_gigabyte() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    let expected = hostile(&lab);
    let program = microstamp().get_program().to_owned();
    assert_cmd::Command::new("sh")
        .args(["-c", "ulimit -v 1000000; exec \"$0\" decode \"$1\" -o \"$2\" --threads 1 --quiet"])
        .arg(program)
        .arg(&lab)
        .arg(dir.path().join("out"))
        .assert()
        .code(1);
    assert_eq!(records(&dir.path().join("out")).len(), expected.len());
}

/// Stands for a fault anywhere in the recipe.
struct Panics;

impl Watch for Panics {
    fn made(&mut self, made: Made<'_>) {
        if let Made::Face(_) = made {
            panic!("a fault for the test");
        }
    }
}

/// A run on one thread with an engine of the test's own.
fn run_with(engine: Box<dyn Engine>, settings: Settings) -> runner::Run {
    runner::Run {
        photo: settings.photo.clone(),
        pipeline: Arc::new(Pipeline::new(settings, Scheme::all(), engine).unwrap()),
        asked: Default::default(),
        threads: 1,
        stop: Arc::default(),
        hanging: Arc::default(),
    }
}

/// Reads one photograph with an engine and a watcher of the test's own.
fn read(photograph: &Photograph, engine: Box<dyn Engine>, watch: &mut dyn Watch) -> Record {
    let run = run_with(engine, Settings::default());
    runner::read(&run, photograph, watch).0
}

#[test]
fn a_panic_becomes_a_failed_row_that_names_the_stage() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    picture(&path, 64, 48);
    let photograph = Photograph { name: "a.png".into(), path, bytes: 0 };
    let engine = || engines::by_name(engines::DEFAULT, &Settings::default()).unwrap();
    let record = read(&photograph, engine(), &mut Panics);
    let failure = record.failure.unwrap();
    assert_eq!((record.status, failure.stage.as_str()), (Status::Failed, "mark"));
    assert!(failure.reason.contains("a fault for the test"));
    assert!(record.sha256.is_some());
    let record = read(&photograph, engine(), &mut ());
    assert_eq!(record.status, Status::NoMark, "the next photograph is none the worse");
}

/// An engine whose answer is the test's.
struct Faulty(fn(&Mark) -> Scores);

impl Engine for Faulty {
    fn identity(&self) -> Identity {
        Identity { name: "faulty".into(), version: "0".into(), weights_sha256: None }
    }

    fn read(&self, mark: &Mark) -> Result<Scores, Failure> {
        Ok((self.0)(mark))
    }
}

/// A view of the first format with `count` characters, each symbol's log-probability `p`.
fn view(mark: &Mark, count: usize, p: f32) -> Scores {
    let scheme = &Scheme::all()[0];
    let view = View {
        format: scheme.id.clone(),
        pose: mark.hypotheses[0].pose,
        log_weight: 0.0,
        symbols: vec![vec![p; scheme.alphabet.len()]; count],
        gear: None,
        quads: vec![[(0.0, 0.0); 4]; count],
    };
    Scores { views: vec![view], presence: 1.0, ink: None }
}

#[test]
fn engines_that_panic_or_give_nonsense_cost_one_photograph_each() {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let photographs = inputs::collect(&[lab]).unwrap().taken;
    let says = |answer: fn(&Mark) -> Scores, photograph: &Photograph| {
        read(photograph, Box::new(Faulty(answer)), &mut ())
    };
    // The engine is asked only where there is a mark.
    let marked = photographs
        .iter()
        .find(|p| says(|_| panic!("asked"), p).failure.is_some_and(|f| f.stage == "engine"))
        .unwrap();
    let faults: [fn(&Mark) -> Scores; 3] =
        [|mark| view(mark, 7, -3.5), |mark| view(mark, 8, f32::NAN), |mark| view(mark, 8, f32::INFINITY)];
    for fault in faults {
        let record = says(fault, marked);
        assert_eq!(record.status, Status::Failed);
        assert_eq!(record.failure.unwrap().stage, "engine");
    }
    // Nothing to say is no fault, and no code.
    let silent: [fn(&Mark) -> Scores; 2] = [|_| Scores::default(), |mark| view(mark, 8, -(33f32.ln()))];
    for nothing in silent {
        let record = says(nothing, marked);
        assert!(record.failure.is_none(), "{:?}", record.failure);
        assert!(record.code.is_none_or(|c| c.chars().all(|c| c == '?')));
    }
}

#[test]
fn photographs_that_hang_are_given_up_and_the_others_read() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..6 {
        picture(&dir.path().join(format!("{i}.png")), 40 + i, 30);
    }
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let mut photographs = inputs::collect(&[dir.path().into()]).unwrap().taken;
    let plain = photographs.len();
    // Those on which the engine is asked, first: both threads are lost at once.
    let marked = inputs::collect(&[lab]).unwrap().taken;
    let asked = |p: &&Photograph| read(p, Box::new(Faulty(|_| panic!("asked"))), &mut ()).failure.is_some();
    let marked: Vec<_> = marked.iter().filter(asked).take(2).cloned().collect();
    assert_eq!(marked.len(), 2);
    photographs.splice(0..0, marked);

    let mut settings = Settings::default();
    // Long enough for the plain ones on a machine that does much else.
    settings.photo.max_seconds = 15.0;
    // On the plain ones, of 40 pixels, it has nothing to say.
    let hangs = Faulty(|mark| {
        while mark.floor.major() > 40.0 {
            std::thread::park();
        }
        Scores::default()
    });
    let mut run = run_with(Box::new(hangs), settings);
    run.threads = 2;
    let mut rows = Vec::new();
    let mut progress = Progress::start(photographs.len(), true);
    runner::run_into(&run, &photographs, &mut progress, &mut |i, record, _| {
        assert_eq!(i, rows.len(), "in order");
        rows.push(record);
        Ok(())
    })
    .unwrap();
    assert_eq!(rows.len(), photographs.len());
    for (row, photograph) in rows.iter().zip(&photographs) {
        assert_eq!(row.path, photograph.name);
        assert!(row.sha256.is_some());
    }
    for row in &rows[..rows.len() - plain] {
        let failure = row.failure.as_ref().unwrap();
        assert_eq!(failure.stage, "engine");
        assert!(
            failure.reason.contains("15 seconds") && failure.hint.contains("photo.max_seconds"),
            "{failure}"
        );
    }
    assert!(rows[rows.len() - plain..].iter().all(|r| r.status == Status::NoMark));
}

#[test]
fn every_limit_is_a_failure_of_its_own_that_names_its_setting() {
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    picture(&lab.join("pixels.png"), 1200, 900);
    // Black: some kilobytes that unpack to 17 million bytes.
    let mut bomb = png::Encoder::new(std::fs::File::create(lab.join("ratio.png")).unwrap(), 4100, 4100);
    bomb.set_color(png::ColorType::Grayscale);
    bomb.set_compression(png::Compression::High);
    bomb.write_header().unwrap().write_image_data(&vec![0; 4100 * 4100]).unwrap();
    write(&lab, "bytes.bmp", &vec![0; 2_100_000]);
    // A directory that is its own next one.
    let mut circle = tiff(10, 10, 1, &[7; 100]);
    let end = circle.len() - 4;
    circle[end..].copy_from_slice(&108u32.to_le_bytes());
    write(&lab, "pages.tif", &circle);
    let config = dir.path().join("s.toml");
    let hints = |out: &str, more: &str| {
        std::fs::write(&config, format!("[photo]\nmax_file_mb = 2.0\n{more}")).unwrap();
        let records = decode(&lab, &dir.path().join(out), &["--config", config.to_str().unwrap()], 1);
        let hint = |r: &Record| r.failure.as_ref().map(|f| f.hint.clone()).unwrap_or_default();
        records.iter().map(|r| (r.path.clone(), hint(r))).collect::<Vec<_>>()
    };
    let found = hints("out", "");
    let named = |found: &[(String, String)], path: &str, setting: &str| {
        let (_, hint) = found.iter().find(|(p, _)| p == path).unwrap();
        assert!(hint.contains(setting), "{path}: {hint}");
    };
    named(&found, "bytes.bmp", "photo.max_file_mb");
    named(&found, "pages.tif", "photo.max_pages");
    named(&found, "ratio.png", "photo.max_ratio");
    assert!(found.contains(&("pixels.png".into(), String::new())), "{found:?}");
    named(&hints("fewer", "max_megapixels = 1.0\n"), "pixels.png", "photo.max_megapixels");
    // The setting that is named lets the photograph in.
    let raised = hints("raised", "max_ratio = 2000.0\n");
    assert!(raised.contains(&("ratio.png".into(), String::new())), "{raised:?}");
}
