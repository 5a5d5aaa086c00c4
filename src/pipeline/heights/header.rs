//! `main.xml` of an X3P: axes, sizes, and where the points lie (ISO 25178-72, ISO 5436-2).

use super::{broken, unsupported};
use crate::error::Failure;
use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements inside one another: the standard has six.
const MAX_DEPTH: usize = 16;

/// How a coordinate is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// `I`: whole number, 16 bit.
    Short,
    /// `L`: whole number, 32 bit.
    Long,
    /// `F`: floating point, 32 bit.
    Float,
    /// `D`: floating point, 64 bit.
    Double,
}

impl Number {
    /// Bytes of one.
    pub fn bytes(self) -> usize {
        match self {
            Self::Short => 2,
            Self::Long | Self::Float => 4,
            Self::Double => 8,
        }
    }

    /// The number at the start of `bytes`, least significant byte first.
    pub fn read(self, bytes: &[u8]) -> f64 {
        match (self, bytes) {
            (Self::Short, [a, b, ..]) => i16::from_le_bytes([*a, *b]).into(),
            (Self::Long, [a, b, c, d, ..]) => i32::from_le_bytes([*a, *b, *c, *d]).into(),
            (Self::Float, [a, b, c, d, ..]) => f32::from_le_bytes([*a, *b, *c, *d]).into(),
            (Self::Double, [a, b, c, d, e, f, g, h, ..]) => {
                f64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
            }
            _ => f64::NAN,
        }
    }
}

/// One of the three axes. Lengths in metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Whether each point states its coordinate; else it follows from the point's place in the grid.
    pub absolute: bool,
    /// How the coordinate is stored.
    pub number: Number,
    /// Distance of two grid lines, or what a stored number is multiplied by.
    pub increment: f64,
    /// What is added then.
    pub offset: f64,
}

impl Axis {
    /// The coordinate in micrometres that `stored` stands for.
    pub fn um(&self, stored: f64) -> f64 {
        (stored * self.increment + self.offset) * 1e6
    }
}

/// How many points there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Columns and rows.
    Grid(usize, usize),
    /// Points in no order.
    List(usize),
}

impl Size {
    /// Points in all.
    pub fn points(self) -> usize {
        match self {
            Self::Grid(columns, rows) => columns.saturating_mul(rows),
            Self::List(n) => n,
        }
    }
}

/// A file inside the X3P and the MD5 that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its path in the archive.
    pub path: String,
    /// As stated, hexadecimal.
    pub md5: String,
}

/// What `main.xml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// x, y, z.
    pub axes: [Axis; 3],
    /// How many points.
    pub size: Size,
    /// Where the points are; `None` where they are a list in `main.xml` itself.
    pub points: Option<Link>,
    /// A bit a point, 1 where it was measured.
    pub valid: Option<Link>,
    /// Path of the file with the MD5 of `main.xml`.
    pub checksum: String,
    /// Whether the last row is the uppermost as seen. ISO 5436-2 put the first point at the upper left,
    /// ISO 25178-72 at the lower left; some programs say which with an element `Origin`.
    pub upwards: bool,
}

/// Text of the elements of interest, as they stood.
#[derive(Default)]
struct Said {
    revision: String,
    feature: String,
    origin: String,
    axes: [[String; 4]; 3],
    sizes: [String; 3],
    list: String,
    inline: bool,
    links: [String; 4],
    checksum: String,
}

impl Said {
    fn note(&mut self, path: &[String], text: &str) {
        let text = text.trim();
        let [.., parent, name] = path else { return };
        let to = match (parent.as_str(), name.as_str()) {
            ("Record1", "Revision") => &mut self.revision,
            ("Record1", "FeatureType") => &mut self.feature,
            (_, "Origin") => &mut self.origin,
            ("CX" | "CY" | "CZ", of) => {
                let axis = usize::from(parent.as_bytes()[1] - b'X');
                let Some(i) = ["AxisType", "DataType", "Increment", "Offset"].iter().position(|k| *k == of)
                else {
                    return;
                };
                &mut self.axes[axis][i]
            }
            ("MatrixDimension", "SizeX") => &mut self.sizes[0],
            ("MatrixDimension", "SizeY") => &mut self.sizes[1],
            ("MatrixDimension", "SizeZ") => &mut self.sizes[2],
            ("Record3", "ListDimension") => &mut self.list,
            ("DataLink", "PointDataLink") => &mut self.links[0],
            ("DataLink", "MD5ChecksumPointData") => &mut self.links[1],
            ("DataLink", "ValidPointsLink") => &mut self.links[2],
            ("DataLink", "MD5ChecksumValidPoints") => &mut self.links[3],
            ("Record4", "ChecksumFile") => &mut self.checksum,
            ("Record3", "DataList") => {
                self.inline = true;
                return;
            }
            _ => return,
        };
        // Whatever comes twice: the first counts.
        if to.is_empty() {
            text.clone_into(to);
        }
    }
}

/// Reads the header.
///
/// # Errors
/// A [`Failure`] of stage `load` for XML that is broken, has entities of its own, or says what cannot be.
pub fn read(xml: &str) -> Result<Header, Failure> {
    let mut said = Said::default();
    walk(xml, &mut |path, text| {
        said.note(path, text);
        Ok(())
    })?;
    if said.feature == "PRF" {
        return Err(unsupported("a profile, which is one line"));
    }
    let axes = [axis(&said.axes[0], "CX")?, axis(&said.axes[1], "CY")?, axis(&said.axes[2], "CZ")?];
    let size = if said.list.is_empty() {
        let count =
            |i: usize, name: &str| {
                said.sizes[i].parse::<u64>().ok().and_then(|n| usize::try_from(n).ok()).ok_or_else(|| {
                    broken(format!("{name} is {:?}, no number of points", short(&said.sizes[i])))
                })
            };
        let layers = if said.sizes[2].is_empty() { 1 } else { count(2, "SizeZ")? };
        if layers != 1 {
            return Err(unsupported(&format!("{layers} layers of points")));
        }
        Size::Grid(count(0, "SizeX")?, count(1, "SizeY")?)
    } else {
        let n = said.list.parse().map_err(|_| broken(format!("ListDimension is {:?}", short(&said.list))))?;
        Size::List(n)
    };
    if matches!(size, Size::List(_)) && !(axes[0].absolute && axes[1].absolute) {
        return Err(broken("a list of points without coordinates".into()));
    }
    let [points, points_md5, valid, valid_md5] = said.links;
    let link = |path: String, md5: String| (!path.is_empty()).then_some(Link { path, md5 });
    let points = link(points, points_md5);
    if points.is_none() && !said.inline {
        return Err(broken("main.xml has neither a DataLink nor a DataList".into()));
    }
    let upwards = match said.origin.to_ascii_uppercase().as_str() {
        "NW" => false,
        "SW" => true,
        // Taken for one of the left, it would show a mirrored mark.
        "NE" | "SE" => return Err(unsupported("points that begin at the right, as its Origin says")),
        _ => said.revision.contains("25178"),
    };
    let checksum = if said.checksum.is_empty() { "md5checksum.hex".into() } else { said.checksum };
    Ok(Header { axes, size, points, valid: link(valid, valid_md5), checksum, upwards })
}

fn axis([kind, number, increment, offset]: &[String; 4], name: &str) -> Result<Axis, Failure> {
    let absolute = match kind.as_str() {
        "I" => false,
        "A" => true,
        _ => return Err(broken(format!("the axis {name} is of type {:?}, not I or A", short(kind)))),
    };
    let number = match number.as_str() {
        "I" => Number::Short,
        "L" => Number::Long,
        "F" => Number::Float,
        "D" => Number::Double,
        // A grid axis stores nothing.
        "" if !absolute => Number::Double,
        _ => {
            return Err(broken(format!("the axis {name} has numbers {:?}, not I, L, F or D", short(number))));
        }
    };
    let length = |text: &str, what: &str, default: f64| {
        if text.is_empty() {
            return Ok(default);
        }
        let value = text.parse::<f64>().ok().filter(|v| v.is_finite());
        value.ok_or_else(|| broken(format!("the axis {name} has the {what} {:?}", short(text))))
    };
    let increment = length(increment, "increment", if absolute { 1.0 } else { f64::NAN })?;
    let is_grid = name != "CZ" && !absolute;
    // NaN where a grid axis states none.
    if is_grid && (increment.is_nan() || increment <= 0.0) {
        return Err(broken(format!("the axis {name} has the increment {increment}, not one above 0")));
    }
    // Some programs state 0 or nothing where nothing is to be multiplied.
    let increment = if increment == 0.0 || increment.is_nan() { 1.0 } else { increment };
    Ok(Axis { absolute, number, increment, offset: length(offset, "offset", 0.0)? })
}

/// What of a text fits into a message.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Hands every point of the list in `main.xml` over: its text, with the coordinates apart by `;`.
///
/// # Errors
/// As [`read`], and those of `visit`.
pub fn inline(xml: &str, visit: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    walk(xml, &mut |path, text| match path {
        [.., list, datum] if list == "DataList" && datum == "Datum" => visit(text.trim()),
        _ => Ok(()),
    })
}

/// Takes an element's path of names and its text.
type Visit<'v> = dyn FnMut(&[String], &str) -> Result<(), Failure> + 'v;

/// Calls `visit` with each element's path of names and its text, inner elements first.
fn walk(xml: &str, visit: &mut Visit<'_>) -> Result<(), Failure> {
    let mut reader = Reader::from_str(xml);
    let (mut path, mut text) = (Vec::<String>::new(), String::new());
    loop {
        match reader.read_event().map_err(|e| broken(format!("main.xml: {e}")))? {
            Event::Start(e) => {
                path.push(e.local_name().as_ref().to_owned());
                text.clear();
                if path.len() > MAX_DEPTH {
                    return Err(broken("main.xml: elements too deep inside one another".into()));
                }
            }
            Event::Empty(e) => {
                path.push(e.local_name().as_ref().to_owned());
                visit(&path, "")?;
                path.pop();
            }
            Event::End(_) => {
                visit(&path, &text)?;
                path.pop();
                text.clear();
            }
            Event::Text(e) => text.push_str(&e),
            Event::CData(e) => text.push_str(&e),
            // A document type defines entities, which may unfold without end; X3P has none.
            Event::DocType(_) => return Err(broken("main.xml has a document type, which no X3P has".into())),
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err(broken("main.xml ends too early".into())),
            Event::GeneralRef(e) => text.push(character(&e).ok_or_else(|| {
                // Left out, a number would become another.
                broken("main.xml has a character by a name that no X3P has".into())
            })?),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The character of a reference such as `&#49;` or `&amp;`.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Some(c);
    }
    let known = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\'')];
    known.iter().find(|(name, _)| reference.as_ref() == *name).map(|(_, c)| *c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn xml(axes: &str, record3: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><p:ISO5436_2 xmlns:p=\"x\"><Record1><Revision>ISO5436 - 2000</Revision>\
             <FeatureType>SUR</FeatureType><Axes>{axes}</Axes></Record1><Record3>{record3}</Record3></p:ISO5436_2>"
        )
    }

    const AXES: &str = "<CX><AxisType>I</AxisType><DataType>D</DataType><Increment>2e-6</Increment><Offset>1e-3</Offset></CX>\
        <CY><AxisType>I</AxisType><Increment>3e-6</Increment></CY>\
        <CZ><AxisType>A</AxisType><DataType>I</DataType><Increment>1e-8</Increment><Offset>5e-6</Offset></CZ>";
    const LINKED: &str = "<MatrixDimension><SizeX>4</SizeX><SizeY>3</SizeY><SizeZ>1</SizeZ></MatrixDimension>\
        <DataLink><PointDataLink>bindata/data.bin</PointDataLink><MD5ChecksumPointData>00</MD5ChecksumPointData></DataLink>";

    #[test]
    fn lengths_are_metres_in_the_file_and_micrometres_here() {
        let header = read(&xml(AXES, LINKED)).unwrap();
        let [x, y, z] = header.axes;
        assert_eq!((x.absolute, x.increment, x.offset), (false, 2e-6, 1e-3));
        assert_eq!((y.increment, z.number), (3e-6, Number::Short));
        assert!((z.um(100.0) - 6.0).abs() < 1e-9);
        assert_eq!(header.size, Size::Grid(4, 3));
        assert_eq!(header.points, Some(Link { path: "bindata/data.bin".into(), md5: "00".into() }));
        assert_eq!((header.checksum.as_str(), header.upwards), ("md5checksum.hex", false));
    }

    #[test]
    fn the_first_row_is_the_upper_one_of_the_old_standard_and_the_lower_one_of_the_new() {
        let old = xml(AXES, LINKED);
        let new = old.replace("ISO5436 - 2000", "ISO 25178 - 2017");
        assert!(!read(&old).unwrap().upwards && read(&new).unwrap().upwards);
        let stated = new.replace("</Axes>", "<Origin>NW</Origin></Axes>");
        assert!(!read(&stated).unwrap().upwards);
        let right = read(&stated.replace("NW", "SE")).unwrap_err();
        assert!(right.reason.contains("at the right"), "{right:?}");
    }

    #[test]
    fn axes_that_cannot_be_are_refused_by_name() {
        for (from, to, word) in [
            ("2e-6", "NaN", "CX"),
            ("2e-6", "0", "CX"),
            ("3e-6", "-3e-6", "CY"),
            ("<Increment>3e-6</Increment>", "", "CY"),
            ("<Offset>5e-6</Offset>", "<Offset>inf</Offset>", "CZ"),
            ("<DataType>I</DataType>", "<DataType>Q</DataType>", "CZ"),
            ("<AxisType>A</AxisType>", "<AxisType>B</AxisType>", "CZ"),
        ] {
            let failure = read(&xml(&AXES.replace(from, to), LINKED)).unwrap_err();
            assert!(failure.reason.contains(word), "{to}: {failure}");
        }
        for (from, to) in [("<SizeX>4", "<SizeX>-4"), ("<SizeY>3", "<SizeY>many"), ("<SizeZ>1", "<SizeZ>7")] {
            assert!(read(&xml(AXES, &LINKED.replace(from, to))).is_err(), "{to}");
        }
    }

    #[test]
    fn entities_and_endless_elements_are_refused() {
        let bomb = format!("<!DOCTYPE a [<!ENTITY b \"bb\">]>{}", xml(AXES, LINKED));
        assert!(read(&bomb).unwrap_err().reason.contains("document type"));
        assert!(read(&"<a>".repeat(100_000)).unwrap_err().reason.contains("deep"));
        assert!(read("<a><b>").unwrap_err().reason.contains("ends too early"));
        assert!(read("").is_err());
    }

    #[test]
    fn a_character_that_is_written_by_its_number_or_name_is_read() {
        let plain = xml(AXES, LINKED);
        let digit = plain.find("<Increment>").unwrap() + "<Increment>".len();
        let first = plain.as_bytes()[digit];
        let by_number = format!("{}&#{first};{}", &plain[..digit], &plain[digit + 1..]);
        assert_eq!(format!("{:?}", read(&by_number).unwrap()), format!("{:?}", read(&plain).unwrap()));
        let unknown = format!("{}&euro;{}", &plain[..digit], &plain[digit + 1..]);
        assert!(read(&unknown).unwrap_err().reason.contains("by a name"));
    }
}
