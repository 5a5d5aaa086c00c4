//! Code formats: alphabet, rows, gear ring. A format is a data file in `src/formats`.

use serde::Deserialize;

/// The gear ring of a format: `start + gap + bits * characters` equal sectors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gear {
    /// Sectors of the start tooth, all relief.
    pub start: usize,
    /// Sectors of gap behind it.
    pub gap: usize,
    /// Sectors a character, most significant bit first, tooth = 1.
    pub bits: usize,
    /// A symbol's value is its index in this string.
    pub values: String,
}

/// One code format.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// Id as in results, e.g. `ifm8`.
    pub id: String,
    /// Symbols that issued codes use.
    pub alphabet: String,
    /// Characters in each row, top to bottom.
    pub rows: Vec<usize>,
    /// `round` or `elliptic`.
    pub pin: String,
    /// The gear ring, where the format may have one.
    pub gear: Option<Gear>,
}

const FORMATS: [&str; 4] = [
    include_str!("../formats/ifm8.toml"),
    include_str!("../formats/ifm6.toml"),
    include_str!("../formats/ifm8-323.toml"),
    include_str!("../formats/ifm8-narrow.toml"),
];

impl Scheme {
    /// All formats that this build knows, in a fixed order.
    pub fn all() -> Vec<Self> {
        #[allow(clippy::expect_used)] // the files are compiled in, and a test parses each
        FORMATS.iter().map(|text| toml::from_str(text).expect("built-in format")).collect()
    }

    /// Those that are none of `schemes`.
    pub fn others(schemes: &[Self]) -> Vec<Self> {
        Self::all().into_iter().filter(|other| schemes.iter().all(|s| s.id != other.id)).collect()
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.rows.iter().sum()
    }

    /// Whether the format has no characters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where each character stands, in column and row pitches from the middle: right and down, in reading order.
    pub fn places(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let middle = (self.rows.len() as f64 - 1.0) / 2.0;
        self.rows.iter().enumerate().flat_map(move |(r, n)| {
            (0..*n).map(move |c| (c as f64 - (*n as f64 - 1.0) / 2.0, r as f64 - middle))
        })
    }

    /// Number of sectors of the ring, where the format may have one.
    pub fn sectors(&self) -> Option<usize> {
        self.gear.as_ref().map(|g| g.start + g.gap + g.bits * self.len())
    }

    /// The ring's sectors for `code`, clockwise from 12 o'clock: true = tooth.
    /// `None` where the format has no ring or a symbol has no value.
    pub fn gear_sectors(&self, code: &str) -> Option<Vec<bool>> {
        let gear = self.gear.as_ref()?;
        let mut sectors = vec![true; gear.start];
        sectors.extend(std::iter::repeat_n(false, gear.gap));
        for symbol in code.chars() {
            let value = gear.values.chars().position(|v| v == symbol)?;
            sectors.extend((0..gear.bits).rev().map(|bit| value >> bit & 1 == 1));
        }
        Some(sectors)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_format_parses_and_its_ring_has_4_plus_6_sectors_a_character() {
        let all = Scheme::all();
        assert_eq!(
            all.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(),
            ["ifm8", "ifm6", "ifm8-323", "ifm8-narrow"]
        );
        for s in all.iter().filter(|s| s.gear.is_some()) {
            assert_eq!(s.gear_sectors(&"A".repeat(s.len())).unwrap().len(), 4 + 6 * s.len());
        }
    }

    #[test]
    fn nine_is_value_35_most_significant_bit_first() {
        let s = &Scheme::all()[1];
        let sectors = s.gear_sectors("9AAAAA").unwrap();
        assert_eq!(&sectors[..10], [true, true, true, false, true, false, false, false, true, true]);
    }
}
