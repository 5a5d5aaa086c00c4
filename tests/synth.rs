//! What `synth` writes: the same bytes again, files that can be read, splits apart, refusals.
#![allow(clippy::unwrap_used)]

mod common;

use common::microstamp;
use microstamp::Settings;
use microstamp::pipeline::photo::{self, Photo, Pixels};
use microstamp::pipeline::scheme::Scheme;
use microstamp::synth::camera::{File, ScaleTag};
use microstamp::synth::draw::Draw;
use microstamp::synth::framing::{LABORATORY, frame};
use microstamp::synth::gun::{Faces, Split};
use microstamp::synth::profile::Profile;
use microstamp::synth::scene::{Counts, Scene};
use microstamp::synth::surface::Window;
use microstamp::synth::truth::Truth;
use microstamp::synth::write;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const TWO_CASES: Counts = Counts { cases_per_gun: 2, photos_per_case: 1 };

fn faces() -> Faces {
    Faces::new(Vec::new(), Split::Valid)
}

fn scene(seed: u64, index: u64, profile: Profile, counts: Counts) -> Scene {
    Scene::draw(seed, index, &[profile], counts, &faces(), &Scheme::all())
}

fn truth(scene: &Scene) -> Truth {
    let window = frame(&mut Draw::new(0, "frame", 0), scene, 1.0, &LABORATORY);
    Truth::new(scene, &window, "a/a.png", "a", &Scheme::all())
}

fn load(bytes: Vec<u8>) -> Photo {
    photo::load("simulated", "", bytes, &Default::default(), &Settings::default().photo).unwrap()
}

/// Every file below `folder`: relative path and bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|e| e.unwrap());
    files
        .filter(|e| e.file_type().is_file())
        .map(|e| {
            let name = e.path().strip_prefix(folder).unwrap().to_str().unwrap().to_string();
            (name, std::fs::read(e.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_one_and_two_threads_and_truth_lists_every_file() {
    let dir = tempfile::tempdir().unwrap();
    let made = |threads: &str, seed: &str| {
        let out = dir.path().join(format!("{threads}-{seed}"));
        let order = ["synth", "--count", "10", "--seed", seed, "--threads", threads, "--quiet", "-o"];
        microstamp().args(order).arg(&out).assert().code(0);
        contents(&out)
    };
    let first = made("1", "11");
    assert!(first == made("2", "11"), "another number of threads, other bytes");
    let rows: Vec<BTreeMap<String, String>> =
        csv::Reader::from_reader(&first["truth.csv"][..]).deserialize().map(|row| row.unwrap()).collect();
    let columns = "path tier gun scene code layout gear rotation mirrored um_per_px scale_in_file primer_cx primer_cy \
        primer_r primer_face_r pin_cx pin_cy pin_r pin_aspect light font sunken double drag_um smear_um wear transfer \
        case rounds ammunition";
    for column in columns.split_whitespace() {
        assert!(rows[0].contains_key(column), "{column}");
    }
    let listed: BTreeSet<&str> = rows.iter().map(|row| row["path"].as_str()).collect();
    let written = first.keys().map(String::as_str).filter(|f| !["truth.csv", "run.json"].contains(f));
    assert_eq!(listed, written.collect(), "a photograph without truth, or truth without a photograph");
    assert_eq!(rows.len(), 10);
    let run: serde_json::Value = serde_json::from_slice(&first["run.json"]).unwrap();
    assert_eq!(
        (&run["simulated"], &run["seed"], &run["photographs"]),
        (&true.into(), &11.into(), &10.into())
    );
    assert_eq!(run["split"], "valid");
    for (row, profile) in rows.iter().step_by(2).zip(Profile::IN_TURN.map(Profile::name)) {
        assert_eq!(row["tier"], profile, "the profiles take turns gun by gun");
        assert_eq!(row["code"].is_empty(), profile == "unmarked");
    }
    for row in &rows {
        let photo = load(first[&row["path"]].clone());
        assert!(photo.pixels.dim().0 >= 960, "{}", row["path"]);
        let sixteen = matches!(photo.pixels, Pixels::Sixteen(_));
        assert_eq!(sixteen, row["bits"] == "16", "{}", row["path"]);
        let um: f64 = row["um_per_px"].parse().unwrap();
        match photo.scale {
            Some(scale) => assert!((scale.um_per_px / um - 1.0).abs() < 0.005 && row["scale_in_file"] == "1"),
            None => assert_eq!(row["scale_in_file"], "0", "{}", row["path"]),
        }
    }
}

#[test]
fn the_first_photographs_of_a_long_run_are_those_of_a_short_one() {
    let dir = tempfile::tempdir().unwrap();
    let made = |count: &str| {
        let out = dir.path().join(count);
        let order = ["synth", "--count", count, "--seed", "12", "--long-px", "400", "--quiet", "-o"];
        microstamp().args(order).arg(&out).assert().code(0);
        let mut files = contents(&out);
        files.remove("run.json");
        let truth = String::from_utf8(files.remove("truth.csv").unwrap()).unwrap();
        (files, truth)
    };
    let ((short, short_truth), (long, long_truth)) = (made("4"), made("10"));
    assert_eq!((short.len(), long.len()), (4, 10));
    for (name, bytes) in &short {
        assert!(long[name] == *bytes, "{name}");
    }
    assert!(long_truth.starts_with(&short_truth));
}

#[test]
fn the_laboratory_folder_beside_the_sources_is_what_its_command_makes() {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/lab");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("lab");
    let order = ["synth", "--count", "30", "--seed", "2026", "--long-px", "800", "--quiet", "-o"];
    microstamp().args(order).arg(&out).assert().code(0);
    let (made, kept) = (contents(&out), contents(&lab));
    assert!(made.keys().eq(kept.keys()));
    for (name, bytes) in &made {
        assert!(*bytes == kept[name], "{name}");
    }
}

/// What is measured on was never trained on, nor fitted to.
#[test]
fn splits_share_no_code_and_no_typeface() {
    let drawn = [Split::Train, Split::Calibrate, Split::Valid].map(|split| {
        let faces = Faces::new(Vec::new(), split);
        let (mut codes, mut fonts) = (BTreeSet::new(), BTreeSet::new());
        for index in 0..300 {
            let scene = Scene::draw(5, index, &[Profile::Field], TWO_CASES, &faces, &Scheme::all());
            let truth = truth(&scene);
            codes.insert(truth.code.clone());
            fonts.insert(truth.font.clone());
        }
        (codes, fonts)
    });
    for (i, (codes, fonts)) in drawn.iter().enumerate() {
        assert!(codes.len() > 140 && fonts.len() > 100, "{} codes, {} typefaces", codes.len(), fonts.len());
        for (others, their_fonts) in &drawn[i + 1..] {
            assert!(codes.is_disjoint(others) && fonts.is_disjoint(their_fonts));
        }
    }
}

#[test]
fn every_kind_of_file_is_read_with_its_size_bits_greys_and_scale() {
    let schemes = Scheme::all();
    for (i, um_per_px) in [1.6f32, 2.4272, 5.0, 11.9].into_iter().enumerate() {
        let mut scene = scene(5, i as u64, Profile::Field, TWO_CASES);
        (scene.camera.bar, scene.camera.label) = (false, None);
        let window = Window { w: 97, h: 64, um_per_px, x0: -50.0 * um_per_px, y0: -30.0 * um_per_px };
        let rendered = scene.render(&window, &schemes);
        for (file, bits) in [
            (File::Png, 8),
            (File::Png, 16),
            (File::Tiff, 8),
            (File::Tiff, 16),
            (File::Jpeg(95), 8),
            (File::Bmp, 8),
        ] {
            for (colour, scale) in [
                (false, ScaleTag::True),
                (true, ScaleTag::True),
                (false, ScaleTag::None),
                (true, ScaleTag::Nonsense),
            ] {
                let camera = &mut scene.camera;
                (camera.file, camera.bits, camera.colour, camera.scale) = (file, bits, colour, scale);
                let case =
                    format!("{file:?} {bits} bit, colour {colour}, {scale:?}, {um_per_px} µm per pixel");
                let photo = load(write::encode(&scene, &rendered, &window).unwrap());
                assert_eq!(photo.pixels.dim(), (64, 97), "{case}");
                assert_eq!(matches!(photo.pixels, Pixels::Sixteen(_)), bits == 16, "{case}");
                // Encoders of BMP write no resolution, neither a true one nor a printer's.
                let tagged = file != File::Bmp;
                match photo.scale {
                    Some(found) => {
                        let off = (found.um_per_px / f64::from(um_per_px) - 1.0).abs();
                        assert!(scale == ScaleTag::True && tagged && off < 0.005, "{case}: {found:?}");
                    }
                    None => assert!(scale != ScaleTag::True || !tagged, "{case}: no scale"),
                }
                let warned = photo.warnings.iter().any(|w| w == "implausible_scale");
                assert_eq!(warned, scale == ScaleTag::Nonsense && tagged, "{case}");
                if !colour {
                    let step = if bits == 16 { 1.0 / 65535.0 } else { 1.0 / 255.0 };
                    let slack = if matches!(file, File::Jpeg(_)) { 0.15 } else { 1.01 * step };
                    for (k, grey) in rendered.grey.iter().enumerate() {
                        assert!((photo.pixels.at(k / 97, k % 97) - grey).abs() <= slack, "{case}, pixel {k}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_made_ends_with_2_one_message_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_string();
    std::fs::create_dir(path("full")).unwrap();
    std::fs::create_dir(path("no-faces")).unwrap();
    std::fs::write(path("full/notes.txt"), "mine").unwrap();
    std::fs::write(path("file"), "a file").unwrap();
    let (out, full, below) = (path("out"), path("full"), path("file/out"));
    let (no_faces, absent) = (path("no-faces"), path("absent"));
    let refused: [(&[&str], &[&str]); 9] = [
        (&["--count", "0", "-o", &out], &["0", "--count"]),
        (&["--count", "-3", "-o", &out], &["-3"]),
        (&["--count", "3", "--profile", "ugly", "-o", &out], &["ugly", "severe"]),
        (&["--count", "3"], &["--out"]),
        (&["--count", "3", "--guns", "4", "-o", &out], &["4 guns", "--guns"]),
        (&["--count", "3", "-o", &full], &["not empty", "full", "-o"]),
        (&["--count", "3", "-o", &below], &["file/out", "-o"]),
        (&["--count", "3", "--faces", &absent, "-o", &out], &["absent", "--faces"]),
        (&["--count", "3", "--faces", &no_faces, "-o", &out], &["no-faces", "A-Z"]),
    ];
    for (arguments, words) in refused {
        let output = microstamp().args(["synth", "--seed", "1"]).args(arguments).assert().code(2);
        let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
        for word in words {
            assert!(said.contains(word), "{arguments:?}: {said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        assert!(!dir.path().join("out").exists(), "{arguments:?} left a folder behind");
    }
    assert_eq!(contents(&dir.path().join("full")).len(), 1, "what lay there lies there still");
}
