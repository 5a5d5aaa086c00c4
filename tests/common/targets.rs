//! What is fuzzed: input from outside in, nothing but an answer or a refusal out. Each panics where that fails.

use crate::seeds::x3p_of;
use microstamp::batch::Record;
use microstamp::batch::results;
use microstamp::casework::source::Source;
use microstamp::pipeline::heights::STEPS_UM;
use microstamp::pipeline::photo;
use microstamp::{Settings, settings::PhotoSettings};
use std::io::Write;

/// Limits so low that a file which gets round one of them is noticed by what it costs.
fn small() -> PhotoSettings {
    PhotoSettings {
        max_megapixels: 0.25,
        max_file_mb: 1.0,
        max_pages: 50,
        max_million_points: 0.25,
        ..PhotoSettings::default()
    }
}

/// A photograph's file: PNG, JPEG, TIFF, BMP, or none of them.
pub fn photograph(bytes: &[u8]) {
    let settings = small();
    match photo::load("fuzz", "00", bytes.to_vec(), &Default::default(), &settings) {
        Ok(photo) => {
            let (h, w) = photo.pixels.dim();
            assert!(h > 0 && w > 0 && (h * w) as f64 <= settings.max_megapixels * 1e6);
            let credible = settings.min_um_per_px..=settings.max_um_per_px;
            // An instrument's is as fine or coarse as instruments are.
            let believed = |s: &photo::Scale| match s.from.as_str() {
                "x3p" => STEPS_UM.contains(&s.um_per_px),
                _ => credible.contains(&s.um_per_px),
            };
            assert!(photo.scale.as_ref().is_none_or(believed));
        }
        Err(failure) => {
            assert!(failure.stage == "load" && !failure.reason.is_empty() && !failure.hint.is_empty())
        }
    }
}

/// `main.xml` of a height map, whose MD5 is right whatever it says.
pub fn height_map(xml: &[u8]) {
    photograph(&x3p_of(&String::from_utf8_lossy(xml), &[0; 48]));
}

/// The description of a TIFF: OME-XML, ImageJ's lines, or anything.
pub fn metadata(text: &[u8]) {
    // A tag's text cannot hold a zero.
    let text: Vec<u8> = text.iter().copied().filter(|b| *b != 0).take(60_000).collect();
    photograph(&with_description(&text));
}

/// A TIFF of one grey pixel with a description and 100 pixels a unit.
fn with_description(text: &[u8]) -> Vec<u8> {
    let (text_at, entries) = (8u32, 10u16);
    let ratio_at = text_at + text.len() as u32 + 1;
    let pixel_at = ratio_at + 8;
    let mut out = b"II*\0".to_vec();
    out.extend((pixel_at + 1).to_le_bytes());
    out.extend(text);
    out.push(0);
    out.extend([100u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
    out.push(7);
    out.extend(entries.to_le_bytes());
    // Tag, type (2 text, 4 number, 5 fraction), count, value or where it lies.
    let words: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, 1),
        (257, 4, 1, 1),
        (258, 4, 1, 8),
        (259, 4, 1, 1),
        (262, 4, 1, 1),
        (270, 2, text.len() as u32 + 1, text_at),
        (273, 4, 1, pixel_at),
        (279, 4, 1, 1),
        (282, 5, 1, ratio_at),
        (283, 5, 1, ratio_at),
    ];
    for (tag, kind, count, value) in words {
        out.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        out.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    out.extend([0; 4]);
    out
}

/// A file of settings.
pub fn settings(bytes: &[u8]) {
    match Settings::parse(&String::from_utf8_lossy(bytes)) {
        Ok(settings) => {
            let again = toml::to_string(&settings).unwrap();
            assert_eq!(Settings::parse(&again).unwrap(), settings);
            let manifest = serde_json::to_string(&settings).unwrap();
            assert_eq!(serde_json::from_str::<Settings>(&manifest).unwrap(), settings);
        }
        Err(fatal) => assert!(!fatal.what.is_empty() && !fatal.hint.is_empty()),
    }
}

/// A `results.jsonl`.
pub fn results(bytes: &[u8]) {
    match results::parse(&String::from_utf8_lossy(bytes)) {
        Ok(records) => {
            for record in records {
                assert!((0.0..=1.0).contains(&record.confidence));
                let line = serde_json::to_string(&record).unwrap();
                let again: Record = serde_json::from_str(&line).unwrap();
                assert_eq!(serde_json::to_string(&again).unwrap(), line);
            }
        }
        Err(fatal) => assert!(!fatal.what.is_empty() && !fatal.hint.is_empty()),
    }
}

/// A file of entries for the registry, as CSV and as JSON lines.
pub fn registry(bytes: &[u8]) {
    for ending in [".csv", ".jsonl"] {
        let mut file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut source = match Source::open(file.path()) {
            Ok(source) => source,
            Err(fatal) => {
                assert!(!fatal.what.is_empty() && !fatal.hint.is_empty());
                continue;
            }
        };
        // A row takes at least a byte.
        for row in 0..=bytes.len() + 1 {
            assert!(row <= bytes.len(), "rows without end");
            match source.next_row() {
                Ok(Some(read)) => {
                    if let Ok(entry) = read.entry {
                        assert!(entry.cells().iter().all(|cell| !cell.chars().any(char::is_control)));
                    }
                }
                Ok(None) | Err(_) => break,
            }
        }
    }
}
