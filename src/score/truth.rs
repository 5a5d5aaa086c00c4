//! `truth.csv`: what each photograph shows, one row a photograph.
//!
//! | column | meaning |
//! |---|---|
//! | `path` | as in the results, relative to the decoded folder; required |
//! | `code` | as stamped; empty for a photograph without a microstamp; required |
//! | `gun` | photographs with the same value are not independent |
//! | `format` or `layout` | id such as `ifm8`, or characters in each row: `2x4` (rows x columns), `3-2-3` |
//! | `gear` | 1 where a gear ring stands round the characters, else 0 |
//! | `primer_cx, primer_cy, primer_r, primer_face_r` | pixels: outer edge of the cup, and where its rounded edge begins |
//! | `pin_cx, pin_cy, pin_r` | pixels: rim of the crater, as a circle of the crater's area |
//! | `pin_angle` | direction of one of the crater's axes, degrees counter-clockwise from the x axis |
//! | `pin_aspect` | the other axis as a multiple of that one; 1 is round, and so is an empty cell |
//! | `width, height` | of the photograph, pixels; else its header is asked, if it lies beside the table |
//!
//! All but the first two may be missing, and so may a row's value: what
//! rests on it is then not counted. Further columns serve to group by.

use super::name_some;
use crate::batch::lines;
use crate::error::Fatal;
use crate::pipeline::geometry::Ellipse;
use crate::pipeline::scheme::Scheme;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// The whole table.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// One row a photograph, in the order of the file.
    pub rows: Vec<Row>,
}

/// What one photograph shows.
#[derive(Clone, Debug)]
pub struct Row {
    /// As in the results.
    pub path: String,
    /// As stamped; `None` without a microstamp.
    pub code: Option<String>,
    /// Whose cases are not independent.
    pub gun: Option<String>,
    /// Format id; `None` where neither `format` nor `layout` names a known one.
    pub format: Option<String>,
    /// Whether a gear ring is there; `None` where the truth does not say.
    pub gear: Option<bool>,
    /// The primer's circles.
    pub primer: Option<Primer>,
    /// The crater's rim.
    pub crater: Option<Crater>,
    /// Width and height of the photograph, pixels.
    pub size: Option<(u32, u32)>,
    /// The cells as written, in the order of the columns.
    pub cells: Vec<String>,
}

/// The primer as two circles about one centre, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Primer {
    /// Where the cup's rounded edge begins.
    pub face: Ellipse,
    /// Outer edge of the cup.
    pub cup: Ellipse,
}

/// The crater's rim, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crater {
    /// Its ellipse, or the circle of its area where the direction of its axes is unknown.
    pub rim: Ellipse,
    /// Whether `rim` stands for an ellipse whose direction is unknown.
    pub area_only: bool,
}

impl Truth {
    /// Reads a table.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be read, a required column is missing, a value is no number
    /// or out of range, a code does not fit its format, or a photograph has two rows.
    pub fn read(path: &Path) -> Result<Self, Fatal> {
        let text = std::fs::read(path).map_err(|e| {
            Fatal::new(
                format!("cannot read the truth {}: {e}", path.display()),
                "--truth with the truth.csv that lies beside the photographs",
            )
        })?;
        Self::parse(&text).map_err(|f| Fatal::new(format!("truth {}: {}", path.display(), f.what), f.hint))
    }

    /// Reads a table from the bytes of a CSV file.
    ///
    /// # Errors
    /// As [`Truth::read`].
    pub fn parse(csv: &[u8]) -> Result<Self, Fatal> {
        let broken = |e: csv::Error| Fatal::new(e.to_string(), "correct this line of the table");
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(csv);
        let names = reader.headers().map_err(broken)?.clone();
        let columns: Vec<String> =
            names.iter().map(|c| c.trim_start_matches('\u{feff}').to_string()).collect();
        let mut at = BTreeMap::new();
        for (i, column) in columns.iter().enumerate() {
            if at.insert(column.as_str(), i).is_some() {
                return Err(Fatal::new(format!("two columns are called `{column}`"), "rename one of them"));
            }
        }
        for required in ["path", "code"] {
            if !at.contains_key(required) {
                return Err(Fatal::new(
                    format!("there is no column `{required}`{}", lines::by_semicolons(&names)),
                    format!("a first line that names the columns; it has: {}", columns.join(", ")),
                ));
            }
        }
        let schemes = Scheme::all();
        let mut rows = Vec::new();
        for record in lines::rows(reader) {
            let (line, record) = record.map_err(broken)?;
            let cells = Cells { line, at: &at, values: record.iter().map(str::to_string).collect() };
            rows.push(cells.row(&schemes)?);
        }
        if rows.is_empty() {
            return Err(Fatal::new("the table has no rows", "a truth with one row a photograph"));
        }
        let mut seen = BTreeSet::new();
        let doubled: Vec<&str> =
            rows.iter().map(|row| row.path.as_str()).filter(|path| !seen.insert(*path)).collect();
        if !doubled.is_empty() {
            return Err(Fatal::new(
                format!("more than one row for {}", name_some(&doubled)),
                "keep one row for each photograph",
            ));
        }
        Ok(Self { columns, rows })
    }

    /// Reads a table, and sizes that it does not state from the headers of the photographs beside it; a photograph
    /// that is not there, or cannot be opened, has none.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn with_sizes(path: &Path) -> Result<Self, Fatal> {
        let mut truth = Self::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for row in truth.rows.iter_mut().filter(|row| row.size.is_none()) {
            row.size = size_of(&folder.join(&row.path));
        }
        Ok(truth)
    }

    /// The position of a column.
    ///
    /// # Errors
    /// [`Fatal`] where there is none of that name.
    pub fn column(&self, name: &str) -> Result<usize, Fatal> {
        self.columns.iter().position(|c| c == name).ok_or_else(|| {
            Fatal::new(
                format!("the truth has no column `{name}`"),
                format!("--by with one or more of: {}", self.columns.join(",")),
            )
        })
    }
}

/// One line being read.
struct Cells<'a> {
    line: u64,
    at: &'a BTreeMap<&'a str, usize>,
    values: Vec<String>,
}

impl Cells<'_> {
    /// The value of a column; `None` where it is empty or the table has no such column.
    fn text(&self, column: &str) -> Option<&str> {
        let value = self.values.get(*self.at.get(column)?)?.as_str();
        (!value.is_empty()).then_some(value)
    }

    fn wrong(&self, column: &str, expected: &str) -> Fatal {
        let value = self.text(column).unwrap_or_default();
        Fatal::new(format!("line {}: {column} `{value}` is not {expected}", self.line), "correct this value")
    }

    fn number(&self, column: &str) -> Result<Option<f64>, Fatal> {
        let Some(text) = self.text(column) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(self.wrong(column, "a number")),
        }
    }

    /// A radius, ratio or side: above 0.
    fn size(&self, column: &str) -> Result<Option<f64>, Fatal> {
        match self.number(column)? {
            Some(value) if value <= 0.0 => Err(self.wrong(column, "above 0")),
            other => Ok(other),
        }
    }

    fn flag(&self, column: &str) -> Result<Option<bool>, Fatal> {
        match self.text(column) {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(column, "1 or 0")),
        }
    }

    fn row(self, schemes: &[Scheme]) -> Result<Row, Fatal> {
        let path = self.text("path").ok_or_else(|| self.wrong("path", "a path"))?.to_string();
        let code = self.text("code").map(str::to_ascii_uppercase);
        let scheme = match (self.text("format"), self.text("layout")) {
            (Some(id), _) => schemes.iter().find(|s| s.id == id),
            (None, Some(layout)) => schemes.iter().find(|s| Some(&s.rows) == rows_of(layout).as_ref()),
            (None, None) => None,
        };
        if let (Some(code), Some(scheme)) = (&code, scheme)
            && code.chars().count() != scheme.len()
        {
            return Err(self.wrong("code", &format!("of {} characters, as {} has", scheme.len(), scheme.id)));
        }
        let mut alphabets = schemes.iter().filter(|s| scheme.is_none_or(|own| own.id == s.id));
        if let Some(code) = &code
            && !alphabets.any(|s| code.chars().all(|c| s.alphabet.contains(c)))
        {
            return Err(
                self.wrong("code", "a code of symbols that are issued, or empty without a microstamp")
            );
        }
        let side = |value: f64| value.round().min(f64::from(u32::MAX)) as u32;
        Ok(Row {
            gun: self.text("gun").map(str::to_string),
            format: scheme.map(|s| s.id.clone()),
            gear: self.flag("gear")?,
            primer: self.primer()?,
            crater: self.crater()?,
            size: self.size("width")?.zip(self.size("height")?).map(|(w, h)| (side(w), side(h))),
            path,
            code,
            cells: self.values,
        })
    }

    fn primer(&self) -> Result<Option<Primer>, Fatal> {
        let (x, y) = (self.number("primer_cx")?, self.number("primer_cy")?);
        let (cup, face) = (self.size("primer_r")?, self.size("primer_face_r")?);
        let (Some(x), Some(y), Some(r)) = (x, y, face.or(cup)) else { return Ok(None) };
        Ok(Some(Primer { face: Ellipse::circle(x, y, r), cup: Ellipse::circle(x, y, cup.unwrap_or(r)) }))
    }

    fn crater(&self) -> Result<Option<Crater>, Fatal> {
        let (x, y, r) = (self.number("pin_cx")?, self.number("pin_cy")?, self.size("pin_r")?);
        let (aspect, angle) = (self.size("pin_aspect")?.unwrap_or(1.0), self.number("pin_angle")?);
        let (Some(cx), Some(cy), Some(r)) = (x, y, r) else { return Ok(None) };
        Ok(Some(match angle {
            Some(angle_deg) => {
                let rim = Ellipse { cx, cy, rx: r / aspect.sqrt(), ry: r * aspect.sqrt(), angle_deg };
                Crater { rim, area_only: false }
            }
            None => Crater { rim: Ellipse::circle(cx, cy, r), area_only: aspect != 1.0 },
        }))
    }
}

/// Width and height from a photograph's header, pixels.
fn size_of(path: &Path) -> Option<(u32, u32)> {
    let file = BufReader::new(File::open(path).ok()?);
    let reader = image::ImageReader::new(file).with_guessed_format().ok()?;
    match reader.format()? {
        image::ImageFormat::Tiff => tiff::decoder::Decoder::new(reader.into_inner()).ok()?.dimensions().ok(),
        _ => reader.into_dimensions().ok(),
    }
}

/// Characters in each row of a layout: `2x4` is two rows of four, `3-2-3` lists them.
fn rows_of(layout: &str) -> Option<Vec<usize>> {
    if let Some((rows, characters)) = layout.split_once('x') {
        return Some(vec![characters.parse().ok()?; rows.parse::<u8>().ok()?.into()]);
    }
    layout.split('-').map(|n| n.parse().ok()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_four_layouts_name_the_four_formats() {
        let truth = Truth::parse(
            b"path,code,layout\na,ABCD1234,2x4\nb,ABC123,2x3\nc,ABCD1234,3-2-3\nd,ABCD1234,4x2\ne,AB,1x2\nf,,4x2\n",
        )
        .unwrap();
        let formats: Vec<Option<&str>> = truth.rows.iter().map(|r| r.format.as_deref()).collect();
        assert_eq!(
            formats,
            [Some("ifm8"), Some("ifm6"), Some("ifm8-323"), Some("ifm8-narrow"), None, Some("ifm8-narrow")]
        );
        assert_eq!(truth.rows[5].code, None);
        let small = Truth::parse(b"path,code\na,a7ck2mp4\n").unwrap();
        assert_eq!(small.rows[0].code.as_deref(), Some("A7CK2MP4"));
    }

    #[test]
    fn an_elliptic_crater_keeps_its_area_with_and_without_its_direction() {
        let truth = Truth::parse(
            b"path,code,pin_cx,pin_cy,pin_r,pin_aspect,pin_angle\na,,5,6,30,0.5,20\nb,,5,6,30,0.5,\nc,,5,6,30,1.0,\n",
        )
        .unwrap();
        let craters: Vec<Crater> = truth.rows.iter().map(|r| r.crater.unwrap()).collect();
        assert!((craters[0].rim.rx * craters[0].rim.ry - 900.0).abs() < 1e-9);
        assert!((craters[0].rim.rx / craters[0].rim.ry - 2.0).abs() < 1e-9);
        assert_eq!(craters[0].rim.angle_deg, 20.0);
        assert_eq!(craters.iter().map(|c| c.area_only).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(craters[1].rim, Ellipse::circle(5.0, 6.0, 30.0));
    }

    #[test]
    fn tables_that_cannot_be_believed_are_refused_with_line_and_column() {
        for (csv, named) in [
            ("file,code\na,b\n", "`path`"),
            ("path,code\n", "no rows"),
            ("path,code,code\na,b,c\n", "two columns"),
            ("path,code\na,X\nb,Y\na,X\n", "more than one row for a"),
            ("path,code\n,X\n", "line 2: path"),
            ("path,code,layout\na,ABC,2x4\n", "line 2: code `ABC` is not of 8"),
            ("path,code\na,A7?K2MP4\n", "line 2: code `A7?K2MP4` is not a code"),
            ("path,code,format\na,A7CK2MPO,ifm8\n", "line 2: code `A7CK2MPO` is not a code"),
            ("path,code,pin_cx\na,,left\n", "line 2: pin_cx `left`"),
            ("path,code,pin_r\na,,1\nb,,0\n", "line 3: pin_r `0`"),
            ("path,code,pin_r\r\na,,1\r\nb,,0\r\n", "line 3: pin_r `0`"),
            ("path,code,gear\na,,yes\n", "line 2: gear `yes`"),
            ("path,code\na\n", "line: 2"),
        ] {
            let fatal = Truth::parse(csv.as_bytes()).unwrap_err();
            assert!(fatal.what.contains(named), "{csv}: {fatal}");
        }
    }
}
