//! A line of `results.jsonl`.

use crate::error::Failure;
use crate::pipeline::decode::{GearReading, Position, Reading, Status, ViewScores};
use crate::pipeline::geometry::Ellipse;
use crate::pipeline::heights::Measured;
use crate::pipeline::photo::{Chosen, Photo, is_uncounted};
use serde::{Deserialize, Deserializer, Serialize};

/// Version of the line's layout.
pub const SCHEMA: u32 = 1;
/// How every line begins that this program writes: with its schema.
pub const BEGINNING: &[u8] = b"{\"schema\":";

/// One photograph's line. Fields stand in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this layout: [`SCHEMA`].
    pub schema: u32,
    /// Relative to its INPUT folder, `/` between the parts.
    pub path: String,
    /// Of the file's bytes, lower-case hex; null where they could not be read.
    pub sha256: Option<String>,
    /// How far it was read.
    pub status: Status,
    /// The code, `?` where not sure; null for `no_mark`, `failed` and the warning `other_format`.
    pub code: Option<String>,
    /// The most probable whole code; null where there is no mark.
    pub best: Option<String>,
    /// Calibrated probability that `best` is the whole code, 0-1; 0 without `best`, where other
    /// programs may write null.
    #[serde(default, deserialize_with = "null_is_default")]
    pub confidence: f64,
    /// Format id.
    pub format: Option<String>,
    /// Characters in reading order.
    #[serde(default)]
    pub positions: Vec<Position>,
    /// The gear ring, where there is one.
    pub gear: Option<GearReading>,
    /// Edge of the visible primer face, pixels.
    pub primer: Option<Ellipse>,
    /// Rim of the crater, pixels.
    pub impression: Option<Ellipse>,
    /// The crater's floor as the straightened mark has it, a circle, pixels; null where no mark is read.
    #[serde(default)]
    pub floor: Option<Ellipse>,
    /// Counter-clockwise from upright, degrees, 0-360.
    pub rotation_deg: Option<f64>,
    /// Whether the mark is mirrored.
    pub mirrored: Option<bool>,
    /// Micrometres per pixel; null if unknown.
    pub um_per_px: Option<f64>,
    /// Where the scale came from, e.g. `tiff`.
    pub um_per_px_from: Option<String>,
    /// What a height map states of itself; null for a photograph.
    #[serde(default)]
    pub heights: Option<Measured>,
    /// What was read of a file that holds several pictures of the same size; null for one picture.
    #[serde(default)]
    pub page: Option<Chosen>,
    /// Words such as `gear_disagrees`.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Why there is no reading; null unless `failed`.
    pub failure: Option<Failure>,
    /// What `confidence` was worked out from, for calibration; see [`Reading::evidence`].
    #[serde(default)]
    pub evidence: Vec<f64>,
    /// The likeliest ways in which the mark may lie, the best first, each with the scores of all symbols:
    /// what several photographs are read together from.
    #[serde(default)]
    pub views: Vec<ViewScores>,
    /// Probability that the mark is of a format that was not asked for, 0-1.
    #[serde(default)]
    pub other_formats: f64,
}

/// Decimals of a probability: finer than any calibration.
const P: i32 = 6;
/// Decimals of a pixel coordinate or an angle in degrees: finer than any edge is found.
const PX: i32 = 2;
/// Decimals of a natural logarithm in `views`: a tenth is far below what several photographs differ in.
const LOG: i32 = 1;
/// Decimals of a scale in micrometres per pixel.
const UM: i32 = 5;

impl Record {
    /// Whether it is of a kind that curves and bars were not counted on: see [`is_uncounted`].
    pub fn is_uncounted(&self) -> bool {
        is_uncounted(self.heights.as_ref(), self.page.as_ref(), &self.warnings)
    }

    /// The line of a photograph that was read, numbers rounded so that they carry no noise.
    pub fn new(photo: &Photo, reading: Reading) -> Self {
        let scale = photo.scale.as_ref();
        let mut warnings: Vec<String> = Vec::new();
        for word in photo.warnings.iter().chain(&reading.warnings) {
            if !warnings.contains(word) {
                warnings.push(word.clone());
            }
        }
        let rounded = |(c, p): (char, f64)| (c, round(p, P));
        let position = |p: Position| Position {
            p: round(p.p, P),
            alternatives: p.alternatives.into_iter().map(rounded).collect(),
            by_characters: p.by_characters.map(rounded),
            by_gear: p.by_gear.map(rounded),
            quad: p.quad.map(|(x, y)| (round(x, PX), round(y, PX))),
            ..p
        };
        Self {
            schema: SCHEMA,
            path: photo.id.clone(),
            sha256: Some(photo.sha256.clone()),
            status: reading.status,
            code: reading.code,
            best: reading.best,
            confidence: round(reading.confidence, P),
            format: reading.format,
            positions: reading.positions.into_iter().map(position).collect(),
            gear: reading.gear,
            primer: reading.primer.map(ellipse),
            impression: reading.impression.map(ellipse),
            floor: reading.floor.map(ellipse),
            rotation_deg: reading.rotation_deg.map(|d| round(d, PX).rem_euclid(360.0)),
            mirrored: reading.mirrored,
            um_per_px: scale.map(|s| round(s.um_per_px, UM)),
            um_per_px_from: scale.map(|s| s.from.clone()),
            heights: photo.heights.clone().map(measured),
            page: photo.page,
            warnings,
            failure: None,
            evidence: reading.evidence.into_iter().map(|x| round(x, P)).collect(),
            views: reading.views.into_iter().map(view).collect(),
            other_formats: round(reading.other_formats, P),
        }
    }

    /// The line of a photograph that failed.
    pub fn failed(path: &str, sha256: Option<String>, failure: Failure) -> Self {
        Self {
            schema: SCHEMA,
            path: path.into(),
            sha256,
            status: Status::Failed,
            code: None,
            best: None,
            confidence: 0.0,
            format: None,
            positions: Vec::new(),
            gear: None,
            primer: None,
            impression: None,
            floor: None,
            rotation_deg: None,
            mirrored: None,
            um_per_px: None,
            um_per_px_from: None,
            heights: None,
            page: None,
            warnings: Vec::new(),
            failure: Some(failure),
            evidence: Vec::new(),
            views: Vec::new(),
            other_formats: 0.0,
        }
    }
}

fn view(v: ViewScores) -> ViewScores {
    ViewScores {
        rotation_deg: round(v.rotation_deg, PX).rem_euclid(360.0),
        log_p: round(v.log_p, LOG),
        scores: v.scores.into_iter().map(|s| s.into_iter().map(|x| round(x, LOG)).collect()).collect(),
        ..v
    }
}

fn null_is_default<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A probability with two decimals that is never rounded up to certainty or down to impossibility.
pub fn share(p: f64) -> String {
    match p {
        p if p > 0.99 && p < 1.0 => format!("{:.4}", (p * 1e4).floor() / 1e4),
        p if p > 0.0 && p < 0.005 => "< 0.01".into(),
        p => format!("{p:.2}"),
    }
}

/// A status as results.jsonl writes it.
pub fn word(status: Status) -> &'static str {
    match status {
        Status::Read => "read",
        Status::Partial => "partial",
        Status::Unreadable => "unreadable",
        Status::NoMark => "no_mark",
        Status::Failed => "failed",
    }
}

fn ellipse(e: Ellipse) -> Ellipse {
    Ellipse {
        cx: round(e.cx, PX),
        cy: round(e.cy, PX),
        rx: round(e.rx, PX),
        ry: round(e.ry, PX),
        angle_deg: round(e.angle_deg, PX),
    }
}

fn measured(m: Measured) -> Measured {
    let (x, y) = m.spacing_um;
    Measured { spacing_um: (round(x, UM), round(y, UM)), missing: round(m.missing, P), ..m }
}

/// Rounds to `decimals`; adding zero turns -0 into 0.
fn round(x: f64, decimals: i32) -> f64 {
    let factor = 10f64.powi(decimals);
    (x * factor).round() / factor + 0.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::decode::Source;
    use crate::pipeline::photo::{Pixels, Scale};

    fn reading() -> Reading {
        Reading {
            status: Status::Partial,
            code: Some("A?".into()),
            best: Some("A7".into()),
            confidence: 0.123_456_789,
            format: Some("ifm8".into()),
            positions: vec![Position {
                char: 'A',
                p: 0.999_999_9,
                alternatives: vec![('A', 0.999_999_9), ('4', 1e-9)],
                from: Source::Both,
                by_characters: Some(('4', 0.500_000_4)),
                by_gear: None,
                quad: [(1.004, -0.001), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0)],
            }],
            gear: Some(GearReading { present: true, symbols: "A7".into(), agrees: true }),
            primer: None,
            impression: Some(Ellipse::circle(1.234_567, 2.0, 3.0)),
            floor: Some(Ellipse::circle(1.0, 2.0, 2.5)),
            rotation_deg: Some(359.999),
            mirrored: Some(false),
            warnings: vec!["out_of_focus".into(), "implausible_scale".into()],
            evidence: vec![0.25, -1.5],
            views: vec![ViewScores {
                format: "ifm8".into(),
                rotation_deg: 359.999,
                mirrored: false,
                log_p: -0.123_4,
                scores: vec![vec![0.0, -9.06]],
            }],
            other_formats: 0.000_000_4,
        }
    }

    #[test]
    fn fields_are_those_of_the_contract_in_its_order() {
        let photo = Photo {
            id: "a/b.png".into(),
            pixels: Pixels::Eight(ndarray::Array2::zeros((1, 1))),
            scale: Some(Scale { um_per_px: 2.5, from: "tiff".into() }),
            sha256: "00".into(),
            warnings: vec!["implausible_scale".into()],
            heights: None,
            page: None,
        };
        let record = Record::new(&photo, reading());
        let text = serde_json::to_string(&record).unwrap();
        let mut at = 0;
        for field in [
            "schema",
            "path",
            "sha256",
            "status",
            "code",
            "best",
            "confidence",
            "format",
            "positions",
            "gear",
            "primer",
            "impression",
            "floor",
            "rotation_deg",
            "mirrored",
            "um_per_px",
            "um_per_px_from",
            "heights",
            "page",
            "warnings",
            "failure",
            "evidence",
            "views",
            "other_formats",
        ] {
            let next = text[at..].find(&format!("\"{field}\":")).unwrap_or_else(|| panic!("{field}"));
            at += next;
        }
        assert!(text.contains(r#""status":"partial""#));
        assert!(
            text.contains(r#""alternatives":[["A",1.0],["4",0.0]],"from":"both","by_characters":["4",0.5],"by_gear":null,"quad":[[1.0,0.0],"#),
            "{text}"
        );
        assert!(text.contains(r#""rotation_deg":0.0"#));
        assert!(text.contains(r#""log_p":-0.1,"scores":[[0.0,-9.1]]"#), "{text}");
        assert!(text.contains(r#""warnings":["implausible_scale","out_of_focus"]"#));
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn a_failed_photograph_keeps_its_place_with_nulls() {
        let record = Record::failed("x", None, Failure::new("load", "empty", "copy"));
        let text = serde_json::to_string(&record).unwrap();
        assert!(text.contains(r#""sha256":null,"status":"failed","code":null,"best":null"#));
        assert!(text.ends_with(
            r#""failure":{"stage":"load","reason":"empty","hint":"copy"},"evidence":[],"views":[],"other_formats":0.0}"#
        ));
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn rows_of_other_programs_may_leave_out_what_they_do_not_know() {
        let text = r#"{"schema":1,"path":"x","status":"no_mark","confidence":null}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        assert_eq!((record.status, record.confidence, record.best), (Status::NoMark, 0.0, None));
    }
}
