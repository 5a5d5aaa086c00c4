//! A line of results as the words and numbers that its page shows.

use super::batch::Batch;
use super::facts::{facts, notes, status_of, warnings};
use super::overlay::{self, Drawing};
use super::picture::Pictures;
use crate::batch::Record;
use crate::batch::names::printable;
use crate::batch::record::{share, word};
use crate::pipeline::decode::{Position, Source};
use serde::Serialize;
use serde_json::Value;

/// Where a photograph stands that lies in no folder of its INPUT.
pub const NO_FOLDER: &str = "(no folder)";
/// Least share of a code's characters that two readings must both be sure of, and agree in, to be
/// shown side by side: with half of eight characters two codes of a population agree once in 10^6.
const SHARED: f64 = 0.5;
/// Readings shown side by side at the most.
const BESIDE: usize = 12;

/// A name from a file or a table: control characters are made visible.
pub fn text(name: &str) -> String {
    printable(name)
}

/// The scene of a photograph: the first folder below its INPUT.
pub fn scene(path: &str) -> String {
    path.split_once('/').map_or_else(|| NO_FOLDER.into(), |(scene, _)| text(scene))
}

/// The name of a photograph's files and page: its place in the results, from 1.
pub fn file(index: usize) -> String {
    format!("{:05}", index + 1)
}

/// A photograph in a table.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    number: usize,
    file: String,
    path: String,
    scene: String,
    status: &'static str,
    code: Option<String>,
    best: Option<String>,
    /// Two decimals; nothing without a reading.
    confidence: Option<String>,
    /// The same as a number, rounded down.
    #[serde(skip)]
    p: Option<f64>,
    format: Option<String>,
    warnings: Vec<String>,
    /// Whether there is a small picture.
    small: bool,
}

impl Row {
    /// The row of the line at `index`.
    pub fn new(index: usize, record: &Record, small: bool) -> Self {
        Self {
            number: index + 1,
            file: file(index),
            path: text(&record.path),
            scene: scene(&record.path),
            status: word(record.status),
            code: record.code.as_deref().map(text),
            best: record.best.as_deref().map(text),
            confidence: record.best.as_ref().map(|_| share(record.confidence)),
            p: record.best.as_ref().map(|_| (record.confidence * 1e4).floor() / 1e4),
            format: record.format.as_deref().map(text),
            warnings: record.warnings.iter().map(|w| text(w)).collect(),
            small,
        }
    }

    /// The row as the page's script has it: path, scene, status, code, best, confidence, warnings, small picture, confidence in words.
    pub fn compact(&self, scene: usize) -> Value {
        serde_json::json!([
            self.path,
            scene,
            self.status,
            self.code,
            self.best,
            self.p,
            self.warnings.join(" "),
            u8::from(self.small),
            self.confidence
        ])
    }
}

/// One character with its alternatives.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    number: usize,
    /// As the code shows it: `?` below the bar.
    shown: char,
    best: char,
    p: String,
    from: &'static str,
    by_characters: String,
    by_gear: String,
    alternatives: Vec<Alternative>,
    /// Left, top, width, height of its cell in the straightened impression.
    window: Option<[f64; 4]>,
}

/// A symbol that may stand at a place.
#[derive(Clone, Debug, Serialize)]
struct Alternative {
    character: char,
    p: String,
    /// Length of its bar, 0-100.
    bar: f64,
}

impl Place {
    fn new(index: usize, position: &Position, shown: char, window: Option<[f64; 4]>) -> Self {
        let alternative = |(character, p): &(char, f64)| Alternative {
            character: *character,
            p: share(*p),
            bar: (p.clamp(0.0, 1.0) * 1000.0).round() / 10.0,
        };
        let alone = |said: Option<(char, f64)>| said.map_or("-".into(), |(c, p)| format!("{c} {}", share(p)));
        Self {
            number: index + 1,
            shown,
            by_characters: alone(position.by_characters),
            by_gear: alone(position.by_gear),
            best: position.char,
            p: share(position.p),
            from: match position.from {
                Source::Characters => "the character",
                Source::Gear => "the gear ring",
                Source::Both => "character and gear ring",
            },
            alternatives: position.alternatives.iter().map(alternative).collect(),
            window,
        }
    }
}

/// Another photograph whose sure characters agree.
#[derive(Clone, Debug, Serialize)]
pub struct Beside {
    row: Row,
    /// Whether it is the same file under another name.
    same_file: bool,
    drawing: Option<Drawing>,
    straight: Option<Drawing>,
}

/// All that a photograph's page shows.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    row: Row,
    meaning: String,
    drawing: Option<Drawing>,
    straight: Option<Drawing>,
    places: Vec<Place>,
    beside: Vec<Beside>,
    /// How many more agree than are shown.
    more_beside: usize,
    /// How the pictures were made from the photograph.
    notes: Vec<String>,
    /// Words of warning, with what they mean.
    warnings: Vec<String>,
    /// What became of the photograph.
    original: String,
    /// Whether it is the one that was read.
    same: bool,
    failure: Option<crate::error::Failure>,
    facts: Vec<(&'static str, String)>,
    line: String,
    previous: Option<String>,
    next: Option<String>,
}

/// A photograph's pictures, and what became of the file.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The pictures, where it is the one that was read.
    pub pictures: Option<Pictures>,
    /// What became of it, in a sentence.
    pub original: String,
}

impl Page {
    /// The page of the line at `index`; `alike` are the lines whose sure characters agree with it.
    pub fn new(batch: &Batch, shown: &[Shown], index: usize, alike: &[usize]) -> Self {
        let record = &batch.records[index];
        let pictures = shown[index].pictures.as_ref();
        let drawn = |i: usize| {
            let (record, pictures) = (&batch.records[i], shown[i].pictures.as_ref());
            let name = file(i);
            (
                pictures.map(|p| overlay::photograph(record, p, &name)),
                pictures.and_then(|p| overlay::straightened(record, p, &name)),
            )
        };
        let row = |i: usize| Row::new(i, &batch.records[i], shown[i].pictures.is_some());
        let (drawing, straight) = drawn(index);
        let code: Vec<char> = record.code.iter().flat_map(|c| c.chars()).collect();
        let windows = overlay::windows(record);
        let window = |i: usize| straight.as_ref().and_then(|_| windows.get(i).copied());
        let places = record.positions.iter().enumerate();
        let beside = alike.iter().take(BESIDE).map(|i| {
            let (drawing, straight) = drawn(*i);
            let same_file = record.sha256.is_some() && record.sha256 == batch.records[*i].sha256;
            Beside { row: row(*i), same_file, drawing, straight }
        });
        Self {
            row: row(index),
            meaning: status_of(record),
            places: places
                .map(|(i, p)| Place::new(i, p, code.get(i).copied().unwrap_or('?'), window(i)))
                .collect(),
            drawing,
            straight,
            beside: beside.collect(),
            more_beside: alike.len().saturating_sub(BESIDE),
            notes: pictures.map(|p| notes(p, record)).unwrap_or_default(),
            warnings: warnings(record),
            original: shown[index].original.clone(),
            same: pictures.is_some(),
            failure: record.failure.clone(),
            facts: facts(record),
            line: serde_json::to_string_pretty(record)
                .unwrap_or_default()
                .lines()
                .map(text)
                .collect::<Vec<_>>()
                .join("\n"),
            previous: index.checked_sub(1).map(file),
            next: (index + 1 < batch.records.len()).then(|| file(index + 1)),
        }
    }
}

/// For each line the others whose sure characters agree with its own in every place that both are
/// sure of, and that share at least half of the places.
pub fn alike(records: &[Record]) -> Vec<Vec<usize>> {
    let codes: Vec<Option<(&str, Vec<char>)>> =
        records.iter().map(|r| Some((r.format.as_deref()?, r.code.as_deref()?.chars().collect()))).collect();
    let agree = |a: &[char], b: &[char]| {
        let both = || a.iter().zip(b).filter(|(a, b)| **a != '?' && **b != '?');
        a.len() == b.len() && both().all(|(a, b)| a == b) && both().count() as f64 >= SHARED * a.len() as f64
    };
    let others = |i: usize| {
        let Some((format, code)) = &codes[i] else { return Vec::new() };
        let same = |j: &usize| {
            *j != i && codes[*j].as_ref().is_some_and(|(f, other)| f == format && agree(code, other))
        };
        (0..codes.len()).filter(same).collect()
    };
    use rayon::prelude::*;
    (0..records.len()).into_par_iter().map(others).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn a_probability_never_looks_certain_that_is_not() {
        assert_eq!(
            [1.0, 0.999_999, 0.995, 0.5, 0.001, 0.0].map(share),
            ["1.00", "0.9999", "0.9950", "0.50", "< 0.01", "0.00"]
        );
    }

    #[test]
    fn readings_stand_side_by_side_where_nothing_contradicts_and_half_is_shared() {
        let record = |code: &str| Record {
            code: Some(code.into()),
            format: Some("ifm8".into()),
            ..Record::failed("x", None, Failure::new("", "", ""))
        };
        let records = ["A7BKT2MP", "A7?KT???", "A7BKT2M9", "????T2MP", "????????"].map(record);
        assert_eq!(alike(&records), [vec![1, 3], vec![0, 2], vec![1], vec![0], vec![]]);
    }

    #[test]
    fn a_scene_is_the_first_folder() {
        assert_eq!(scene("case 7/light 2/a.png"), "case 7");
        assert_eq!(scene("a.png"), NO_FOLDER);
    }
}
