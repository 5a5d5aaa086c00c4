//! What a line of results states and what a picture of it shows, in words.

use super::picture::{Pictures, Stretch};
use crate::batch::Record;
use crate::batch::names::printable;
use crate::batch::record::share;
use crate::pipeline::decode::{CONTRADICTED, GearReading, Position, Source, Status};
use crate::pipeline::heights::lit;

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

/// What a record's status says of it, and why a character of it is withheld.
pub fn status_of(record: &Record) -> String {
    format!("{}{}", meaning(record.status), withheld(record))
}

/// What a record was warned of, and what that means.
pub fn warnings(record: &Record) -> Vec<String> {
    record.warnings.iter().map(|w| explained(w)).collect()
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

/// Name and value of what the line states: the list under a page's pictures.
pub fn facts(record: &Record) -> Vec<(&'static str, String)> {
    let none = || "none".to_string();
    let scale = record.um_per_px.map_or("not known".to_string(), |um| {
        let from = record.um_per_px_from.as_deref().map_or(none(), printable);
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
        record.gear.as_ref().map_or(none(), |g| format!("{}, {}", printable(&g.symbols), agrees(g, record)));
    vec![
        ("SHA-256", record.sha256.clone().map_or("not recorded".into(), |s| printable(&s))),
        ("Format", record.format.as_deref().map_or(none(), printable)),
        ("Most probable code", record.best.as_deref().map_or(none(), printable)),
        ("Confidence in it", record.best.as_ref().map_or(none(), |_| share(record.confidence))),
        ("Gear ring", gear),
        ("Mark", lies),
        ("Scale", scale),
        ("Picture", picture(record)),
        (
            "Warnings",
            if record.warnings.is_empty() { none() } else { printable(&record.warnings.join(", ")) },
        ),
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
        "ambiguous_rotation_or_format" => {
            "another way of reading is nearly as good, or a doubtful mark lies in another way where its floor is taken to be larger or smaller"
        }
        _ => return printable(warning),
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
