//! Several pictures in one file: which of them is read, or how they become one.

use super::Pixels;
use crate::error::Failure;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What to read of a file that holds several pictures of the same size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Page {
    /// The picture with this number, from 1.
    Number(usize),
    /// The one that is in focus best in the middle of the frame.
    Sharpest,
    /// All of them, each where it is in focus.
    Fuse,
}

impl FromStr for Page {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sharpest" => Ok(Self::Sharpest),
            "fuse" => Ok(Self::Fuse),
            number => match number.parse() {
                Ok(n) if n > 0 => Ok(Self::Number(n)),
                _ => Err("a page is a number from 1, `sharpest` or `fuse`".into()),
            },
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Sharpest => f.write_str("sharpest"),
            Self::Fuse => f.write_str("fuse"),
        }
    }
}

impl TryFrom<String> for Page {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Page> for String {
    fn from(page: Page) -> Self {
        page.to_string()
    }
}

/// What was read of a file that holds several pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Pictures of the same size in the file.
    pub of: usize,
    /// What was asked for.
    pub asked: Page,
    /// Number of the picture that was read, from 1; null where several were fused.
    pub page: Option<usize>,
    /// Pictures that it was chosen from, or that were fused: a stack's planes of the first channel.
    pub planes: usize,
}

/// The pages of a stack's first channel and first moment, from 0: what `sharpest` and `fuse` look at.
///
/// OME-XML and ImageJ say how many channels, planes and moments there are and which come first. A file
/// that says nothing of it is taken whole.
///
/// # Errors
/// A description of other pages than the file has, as where it tells of several series, and one without planes of focus:
/// pictures of several places, lights or moments are no stack.
pub fn planes(description: &str, pages: usize, samples: usize) -> Result<Vec<usize>, Failure> {
    let is_ome = description.contains("<OME");
    if !is_ome && !description.starts_with("ImageJ=") {
        return Ok((0..pages).collect());
    }
    let order = if is_ome { ome(description, samples) } else { imagej(description) };
    let total = order.as_ref().map(|order| order.iter().map(|(_, n)| n).product::<usize>());
    let Some(order) = order.filter(|_| total == Some(pages)) else {
        return Err(no_stack(pages, "which its description does not tell apart"));
    };
    if !order.iter().any(|(axis, n)| *axis == 'Z' && *n > 1) {
        return Err(no_stack(pages, "of several channels or moments and not of several planes of focus"));
    }
    let is_first = |page: &usize| {
        let mut rest = *page;
        order.iter().all(|(axis, n)| {
            let at = rest % n;
            rest /= n;
            *axis == 'Z' || at == 0
        })
    };
    Ok((0..pages).filter(is_first).collect())
}

fn no_stack(pages: usize, what: &str) -> Failure {
    let reason = format!("the file holds {pages} pictures of the same size, {what}");
    Failure::new("load", reason, format!("one of them with --page 1 to --page {pages}"))
}

/// Axes and their lengths, the fastest first, as the first `Pixels` element of OME-XML has them.
fn ome(xml: &str, samples: usize) -> Option<Vec<(char, usize)>> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    loop {
        match reader.read_event().ok()? {
            Event::Start(e) | Event::Empty(e) if e.local_name().as_ref() == "Pixels" => {
                let get = |name: &str| Some(e.try_get_attribute(name).ok().flatten()?.value.into_owned());
                let order = get("DimensionOrder")?;
                let size = |axis: char| {
                    let n = get(&format!("Size{axis}"))?.trim().parse::<usize>().ok().filter(|n| *n > 0)?;
                    // The channels of a colour picture share a page.
                    Some((axis, if axis == 'C' { n.div_ceil(samples) } else { n }))
                };
                return order.strip_prefix("XY")?.chars().map(size).collect();
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// The same of ImageJ's description: channels, then slices, then frames.
fn imagej(description: &str) -> Option<Vec<(char, usize)>> {
    let count = |key: &str| {
        let line = description.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().parse::<usize>().ok().filter(|n| *n > 0)
    };
    let order = [('C', "channels="), ('Z', "slices="), ('T', "frames=")];
    Some(order.map(|(axis, key)| (axis, count(key).unwrap_or(1))).to_vec())
}

/// Distance of the neighbours with which sharpness is measured, pixels: finer detail is mostly noise.
const REACH: usize = 2;
/// Half the side of the square over which it is averaged, pixels: a stroke and its edges.
const AROUND: usize = 8;
/// Power to which sharpness weighs a picture: near 4 the sharpest has its way, and where all are alike
/// their mean has less noise.
const POWER: i32 = 4;

/// How much each pixel departs from the mean of its neighbours, averaged around, grey 0-1.
fn sharpness(grey: &Array2<f32>) -> Array2<f32> {
    let (h, w) = grey.dim();
    let mut out = Array2::from_shape_fn((h, w), |(y, x)| {
        let (up, down) = (y.saturating_sub(REACH), (y + REACH).min(h - 1));
        let (left, right) = (x.saturating_sub(REACH), (x + REACH).min(w - 1));
        let here = 2.0 * grey[[y, x]];
        (here - grey[[y, left]] - grey[[y, right]]).abs() + (here - grey[[up, x]] - grey[[down, x]]).abs()
    });
    let mut line = Vec::new();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in out.lanes_mut(axis) {
            line.clear();
            // Sums up to each pixel.
            line.push(0.0f64);
            for v in &lane {
                line.push(line[line.len() - 1] + f64::from(*v));
            }
            let n = lane.len();
            for (i, to) in lane.iter_mut().enumerate() {
                let (low, high) = (i.saturating_sub(AROUND), (i + AROUND + 1).min(n));
                *to = ((line[high] - line[low]) / (high - low) as f64) as f32;
            }
        }
    }
    out
}

fn grey(pixels: &Pixels) -> Array2<f32> {
    match pixels {
        Pixels::Eight(a) => a.mapv(|v| f32::from(v) / 255.0),
        Pixels::Sixteen(a) => a.mapv(|v| f32::from(v) / 65535.0),
    }
}

/// How well a picture is in focus in the middle half of its width and height, where the impression is.
/// Each place counts by its contrast, so that a bright face does not drown a dark floor.
pub fn focus(pixels: &Pixels) -> f64 {
    let grey = grey(pixels);
    let (h, w) = grey.dim();
    let middle = |n: usize| n / 4..(n - n / 4);
    let part = grey.slice(ndarray::s![middle(h), middle(w)]).to_owned();
    let sharp = sharpness(&part);
    let sum: f64 = sharp.iter().zip(&part).map(|(s, v)| f64::from(s / (v + DARK))).sum();
    sum / sharp.len().max(1) as f64
}

/// Grey below which a place counts no more although it is darker: there noise is all the contrast.
const DARK: f32 = 0.05;

/// Pictures of a stack, added one after the other: each counts where it is in focus.
pub struct Fused {
    sums: Array2<f32>,
    weights: Array2<f32>,
    sixteen: bool,
}

impl Fused {
    /// The first picture.
    pub fn new(first: &Pixels) -> Self {
        let dim = first.dim();
        let sixteen = matches!(first, Pixels::Sixteen(_));
        let mut fused = Self { sums: Array2::zeros(dim), weights: Array2::zeros(dim), sixteen };
        fused.add(first);
        fused
    }

    /// One more of the same size.
    pub fn add(&mut self, pixels: &Pixels) {
        let grey = grey(pixels);
        let sharp = sharpness(&grey);
        ndarray::Zip::from(&mut self.sums).and(&mut self.weights).and(&grey).and(&sharp).for_each(
            |sum, total, v, s| {
                let weight = (s + EVEN).powi(POWER);
                *sum += weight * v;
                *total += weight;
            },
        );
    }

    /// The fused picture.
    pub fn finish(self) -> Pixels {
        let out = self.sums / self.weights;
        if self.sixteen {
            Pixels::Sixteen(out.mapv(|v| (v * 65535.0 + 0.5) as u16))
        } else {
            Pixels::Eight(out.mapv(|v| (v * 255.0 + 0.5) as u8))
        }
    }
}

/// Sharpness added everywhere, grey 0-1: half a step of 8 bits, so that even areas have weights too.
const EVEN: f32 = 0.002;

/// Largest pictures that are fused, millions of pixels: the sums of four planes of them stay under 1 GB.
const FUSED_MEGAPIXELS: f64 = 32.0;

/// Refuses pictures that are too large to be fused.
pub fn room((h, w): (usize, usize)) -> Result<(), Failure> {
    if h as f64 * w as f64 <= FUSED_MEGAPIXELS * 1e6 {
        return Ok(());
    }
    Err(Failure::new(
        "load",
        format!("pictures of {w} x {h} pixels are not fused"),
        "--page sharpest, or the stack cut to the primer",
    ))
}

/// A file of several pictures for which nobody said what to read.
pub fn undecided(pages: usize) -> Failure {
    Failure::new(
        "load",
        format!("the file holds {pages} pictures of the same size"),
        format!(
            "one of them with --page 1 to --page {pages}, or a focus stack with --page sharpest or --page fuse"
        ),
    )
}

/// A page that the file has not.
pub fn no_such(page: usize, pages: usize) -> Failure {
    let (held, hint) = match pages {
        1 => ("one picture".into(), "this file without --page".into()),
        n => (format!("{n} pictures"), format!("--page 1 to --page {n}, sharpest or fuse")),
    };
    Failure::new("load", format!("the file holds {held}, and page {page} was asked for"), hint)
}

/// A page that is not there beside pictures of other sizes, of which none is ever read.
pub fn no_such_of_size(page: usize, pages: usize) -> Failure {
    let what = format!(
        "page {page} was asked for, and of the file's pictures {pages} have the size of the first; others are not read"
    );
    Failure::new("load", what, "save the picture that is to be read as a file of its own")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_spelt_as_on_the_command_line() {
        for text in ["3", "sharpest", "fuse"] {
            assert_eq!(text.parse::<Page>().unwrap().to_string(), text);
        }
        for text in ["0", "-1", "all", ""] {
            assert!(text.parse::<Page>().is_err(), "{text}");
        }
    }

    #[test]
    fn planes_of_the_first_channel_are_found_in_either_order() {
        let ome = |order: &str| {
            format!("<OME><Pixels DimensionOrder=\"{order}\" SizeC=\"2\" SizeZ=\"3\" SizeT=\"1\"/></OME>")
        };
        assert_eq!(planes(&ome("XYCZT"), 6, 1).unwrap(), [0, 2, 4]);
        assert_eq!(planes(&ome("XYZCT"), 6, 1).unwrap(), [0, 1, 2]);
        // Two of the samples of a colour picture are no pages.
        assert_eq!(planes(&ome("XYCZT"), 3, 3).unwrap(), [0, 1, 2]);
        assert_eq!(planes("ImageJ=1.54f\nimages=6\nchannels=2\nslices=3\n", 6, 1).unwrap(), [0, 2, 4]);
        assert_eq!(planes("", 2, 1).unwrap(), [0, 1]);
    }

    #[test]
    fn pictures_of_several_lights_moments_or_places_are_no_focus_stack() {
        let ome = |z: usize, t: usize| {
            format!("<OME><Pixels DimensionOrder=\"XYZCT\" SizeC=\"1\" SizeZ=\"{z}\" SizeT=\"{t}\"/></OME>")
        };
        let refused = [
            planes("ImageJ=1.54f\nimages=3\nchannels=3\n", 3, 1),
            planes(&ome(1, 5), 5, 1),
            // The first of two series, each of three planes, and a description that cannot be read.
            planes(&ome(3, 1), 6, 1),
            planes("<OME><BinaryOnly/></OME>", 3, 1),
        ];
        for refused in refused {
            assert!(refused.unwrap_err().hint.contains("--page 1 to"));
        }
    }

    /// Bars on the left in focus in the first picture, on the right in the second.
    fn half_in_focus(left: bool) -> Pixels {
        Pixels::Sixteen(Array2::from_shape_fn((60, 120), |(_, x)| {
            let sharp = (x < 60) == left;
            let bar = x % 6 < 3;
            if !sharp {
                30_000
            } else if bar {
                50_000
            } else {
                10_000
            }
        }))
    }

    #[test]
    fn a_fused_picture_has_each_part_from_where_it_is_in_focus() {
        let (a, b) = (half_in_focus(true), half_in_focus(false));
        let mut fused = Fused::new(&a);
        fused.add(&b);
        let Pixels::Sixteen(fused) = fused.finish() else { panic!() };
        for x in (0..40).chain(80..120) {
            let wanted = if x % 6 < 3 { 50_000u16 } else { 10_000 };
            assert!(fused[[30, x]].abs_diff(wanted) < 600, "{x}: {}", fused[[30, x]]);
        }
    }

    #[test]
    fn the_picture_in_focus_in_the_middle_is_the_sharpest_however_bright_its_edge_is() {
        let dim = |sharp: bool| {
            Pixels::Eight(Array2::from_shape_fn((80, 80), |(y, x)| {
                let inner = (20..60).contains(&x) && (20..60).contains(&y);
                match (inner, sharp) {
                    (true, true) => 30 + 20 * u8::from(x % 6 < 3),
                    (true, false) => 40,
                    (false, true) => 200,
                    (false, false) => 140 + 100 * u8::from(x % 6 < 3),
                }
            }))
        };
        assert!(focus(&dim(true)) > 2.0 * focus(&dim(false)));
    }
}
