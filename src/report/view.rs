//! A line of results as the words and numbers that its page shows.

use super::batch::Batch;
use super::overlay::{self, Drawing};
use super::picture::{Pictures, Stretch};
use crate::batch::Record;
use crate::batch::names::printable;
use crate::batch::record::{share, word};
use crate::pipeline::decode::{CONTRADICTED, GearReading, Position, Source, Status};
use crate::pipeline::heights::lit;
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

/// What a status says, for those who see the word for the first time.
pub fn meaning(status: Status) -> &'static str {
    match status {
        Status::Read => "the whole code is above its acceptance bar",
        Status::Partial => "some characters are above their acceptance bar, the whole code is not",
        Status::Unreadable => "something was taken for a mark, and no character is above its acceptance bar",
        Status::NoMark => "no mark was seen: there is none, there is no primer, or it was missed",
        Status::Failed => "the file or the program failed",
    }
}

/// Why a character is withheld though its probability is no less than that of one which is shown; empty where none is.
fn withheld(record: &Record) -> &'static str {
    let code = record.code.as_deref().unwrap_or_default();
    let p = |shown: bool| {
        let places = code.chars().zip(&record.positions);
        places.filter(move |(c, _)| (*c != '?') == shown).map(|(_, position)| position.p)
    };
    let least_shown = p(true).fold(f64::INFINITY, f64::min);
    if p(false).all(|p| p < least_shown) {
        return "";
    }
    "; where the code is right each character is, so none is less probable than the code, but which are shown is decided by \
     what each looks like alone, and where all would be, the weakest is withheld with the code"
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
            meaning: format!("{}{}", meaning(record.status), withheld(record)),
            places: places
                .map(|(i, p)| Place::new(i, p, code.get(i).copied().unwrap_or('?'), window(i)))
                .collect(),
            drawing,
            straight,
            beside: beside.collect(),
            more_beside: alike.len().saturating_sub(BESIDE),
            notes: pictures.map(|p| notes(p, record)).unwrap_or_default(),
            warnings: record.warnings.iter().map(|w| explained(w)).collect(),
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

fn stretched(s: &Stretch) -> String {
    format!("grey values {} to {} of {} are shown as black to white", s.black, s.white, s.most)
}

/// What was done to the photograph to show it.
pub fn notes(pictures: &Pictures, record: &Record) -> Vec<String> {
    let (width, height) = pictures.size;
    let mut notes = vec![format!(
        "The photograph has {width} x {height} pixels. It is shown in grey, as the reader sees it, as JPEG, {}.",
        if pictures.step > 1.0 {
            format!("each pixel the mean of {0:.2} x {0:.2}", pictures.step)
        } else {
            "pixel by pixel".into()
        }
    )];
    if pictures.close.is_some() {
        notes.push("The impression lies over it at the photograph's own fineness.".into());
    }
    notes.push(match &pictures.stretch {
        Some(s) => format!("16 bits on a screen of 8: {}.", stretched(s)),
        None => "Its grey values are not changed.".into(),
    });
    if let Some((side, s)) = &pictures.mark {
        let how = if record.positions.is_empty() { "enlarged, not turned" } else { "straightened" };
        notes.push(format!("The impression is {how} to {side} x {side} pixels; {}.", stretched(s)));
    }
    if pictures.ink {
        notes.push(
            "The ink map is what the engine's network sees as strokes, made again from the photograph by the \
             network that read it; no character was read for it."
                .into(),
        );
    }
    if record.heights.is_some() {
        notes.push(
            "It is no photograph but the slopes of a height map, as the reader takes them. Points that were not measured are \
             filled in from those around, and look like smooth metal."
                .into(),
        );
    }
    if pictures.lit {
        notes.push(format!(
            "Lit: the same heights, {} times as high, under one lamp {} degrees over the map's upper left, black \
             where nothing was measured. It is for the eye; nothing was read from it.",
            lit::RAISED,
            lit::ELEVATION_DEG
        ));
    }
    if pictures.mark.is_some() && record.gear.as_ref().is_some_and(|g| g.present) {
        notes.push(
            "The gear ring is drawn where one usually lies on the floor; its own width is not measured."
                .into(),
        );
    }
    notes
}

fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let none = || "none".to_string();
    let scale = record.um_per_px.map_or("not known".to_string(), |um| {
        let from = record.um_per_px_from.as_deref().map_or(none(), text);
        let odd = if is_implausible(record) { "; by it the primer has no primer's size" } else { "" };
        format!("{um} µm per pixel, from {from}{odd}")
    });
    let unlaid = match record.status {
        Status::Failed => "not looked for",
        Status::NoMark => "no mark",
        _ => "not straightened",
    };
    let lies = record.rotation_deg.map_or(unlaid.to_string(), |deg| {
        let mirrored = if record.mirrored == Some(true) { ", mirrored" } else { "" };
        format!("turned {deg}° counter-clockwise{mirrored}")
    });
    let gear =
        record.gear.as_ref().map_or(none(), |g| format!("{}, {}", text(&g.symbols), agrees(g, record)));
    vec![
        ("SHA-256", record.sha256.clone().map_or("not recorded".into(), |s| text(&s))),
        ("Format", record.format.as_deref().map_or(none(), text)),
        ("Most probable code", record.best.as_deref().map_or(none(), text)),
        ("Confidence in it", record.best.as_ref().map_or(none(), |_| share(record.confidence))),
        ("Gear ring", gear),
        ("Mark", lies),
        ("Scale", scale),
        ("Picture", picture(record)),
        ("Warnings", if record.warnings.is_empty() { none() } else { text(&record.warnings.join(", ")) }),
    ]
}

/// Whether the scale that was asked for or measured contradicts the primer: no bar is drawn by it.
pub fn is_implausible(record: &Record) -> bool {
    record.warnings.iter().any(|w| w == "implausible_scale")
}

/// What a word of warning means.
fn explained(warning: &str) -> String {
    let meaning = match warning {
        "several_images" => "the file holds pictures of other sizes besides",
        "damaged_file" => "the file cannot be read without gaps",
        "implausible_scale" => {
            "by the stated scale the primer would be less than half or more than twice as wide as primers are"
        }
        "no_impression_measured" => "a height map without its crater",
        "other_format" => "a mark, but of none of the formats asked for",
        "gear_disagrees" => {
            return format!(
                "{warning} (the ring is sure of another character than the code or the characters alone: what it is sure \
                 against needs a probability of {CONTRADICTED} to be shown)"
            );
        }
        "ambiguous_rotation_or_format" => "another way of reading is nearly as good",
        _ => return text(warning),
    };
    format!("{warning} ({meaning})")
}

/// How what the ring says stands to the code, and in which places not as the characters do.
fn agrees(gear: &GearReading, record: &Record) -> String {
    // Nothing contradicts them, but nothing confirms them either.
    if gear.symbols.chars().all(|c| c == '?') {
        return "none of its symbols is sure".into();
    }
    let sure = || gear.symbols.chars().zip(&record.positions).enumerate().filter(|(_, (c, _))| *c != '?');
    let places = |others: &dyn Fn(char, &Position) -> bool| {
        let numbers = sure().filter(|(_, (c, p))| others(*c, p)).map(|(i, _)| (i + 1).to_string());
        numbers.collect::<Vec<_>>().join(", ")
    };
    let differs = places(&|c, p| p.char != c);
    // Where the code has the ring's symbol, the characters alone had another.
    let taken = places(&|c, p| p.char == c && p.from == Source::Gear);
    let taken = if taken.is_empty() { taken } else { format!("; the ring was followed at {taken}") };
    match differs.as_str() {
        _ if gear.agrees => format!("agrees with what the characters are sure of{taken}"),
        "" => format!("contradicts the characters{taken}"),
        differs => format!("contradicts the code at {differs}{taken}"),
    }
}

/// What was read: a photograph, one of several pictures in a file, or a height map.
fn picture(record: &Record) -> String {
    if let Some(h) = &record.heights {
        let ((columns, rows), (x, y)) = (h.grid, h.spacing_um);
        let missing = share(h.missing);
        return format!(
            "slopes of a height map of {columns} x {rows} points, {x} x {y} µm apart, {missing} not measured"
        );
    }
    let other = record.warnings.iter().any(|w| w == "several_images");
    let alone = if other {
        "the only one of its size; others of the file were not read"
    } else {
        "the first or only one of the file"
    };
    record.page.map_or(alone.into(), |p| match p.page {
        Some(page) => format!("{page} of {} in the file, asked for: {}", p.of, p.asked),
        None => format!("{} of {} in the file, fused by focus", p.planes, p.of),
    })
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
