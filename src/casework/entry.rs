//! One registered code: which firearm it leads to.

use crate::pipeline::scheme::Scheme;
use serde::{Deserialize, Serialize};

/// Longest value of a field, characters: names and numbers are shorter, a text pasted by mistake is not.
const LONGEST: usize = 200;

/// A row of the registry. Nothing known is an empty text; dates are `YYYY-MM-DD`.
///
/// A firearm has one entry for each component that bore a code, over the time in which it was in the
/// firearm. Purchasers are not here: see [`super::purchaser`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The code, in reading order.
    pub code: String,
    /// Id of its format.
    pub format: String,
    /// Maker of the firearm.
    pub make: String,
    /// Model of the firearm.
    #[serde(default)]
    pub model: String,
    /// Calibre of the firearm.
    #[serde(default)]
    pub calibre: String,
    /// Serial number of the firearm.
    pub serial: String,
    /// Maker or importer that registered it.
    #[serde(default)]
    pub importer: String,
    /// Dealer that sold it last.
    #[serde(default)]
    pub dealer: String,
    /// Day of that sale.
    #[serde(default)]
    pub sale_date: String,
    /// Country of that sale.
    #[serde(default)]
    pub country: String,
    /// State or province of that sale.
    #[serde(default)]
    pub state: String,
    /// A word such as `sold`, `stolen`, `destroyed`.
    #[serde(default)]
    pub status: String,
    /// First day on which the component was in the firearm.
    #[serde(default)]
    pub from: String,
    /// Last such day; empty while it is.
    #[serde(default)]
    pub to: String,
}

impl Entry {
    /// Columns of a file, in the order of the fields. Those of [`Entry::REQUIRED`] must be there.
    pub const FIELDS: [&'static str; 14] = [
        "code",
        "format",
        "make",
        "model",
        "calibre",
        "serial",
        "importer",
        "dealer",
        "sale_date",
        "country",
        "state",
        "status",
        "from",
        "to",
    ];
    /// Fields without which an entry leads nowhere.
    pub const REQUIRED: [&'static str; 4] = ["code", "format", "make", "serial"];
    /// The same columns in the registry's tables, where `from` and `to` are words of the language.
    pub const COLUMNS: [&'static str; 14] = [
        "code",
        "format",
        "make",
        "model",
        "calibre",
        "serial",
        "importer",
        "dealer",
        "sale_date",
        "country",
        "state",
        "status",
        "from_date",
        "to_date",
    ];
    /// What makes two rows the same entry: a firearm, a code, and the time from which it bore it.
    pub const IDENTITY: [&'static str; 5] = ["code", "format", "make", "serial", "from_date"];

    /// The fields in the order of [`Entry::FIELDS`].
    pub fn cells(&self) -> [&str; 14] {
        [
            &self.code,
            &self.format,
            &self.make,
            &self.model,
            &self.calibre,
            &self.serial,
            &self.importer,
            &self.dealer,
            &self.sale_date,
            &self.country,
            &self.state,
            &self.status,
            &self.from,
            &self.to,
        ]
    }

    /// An entry from its fields in the order of [`Entry::FIELDS`]; missing ones are empty.
    pub fn from_cells<'a>(mut cells: impl Iterator<Item = &'a str>) -> Self {
        let mut next = || cells.next().unwrap_or_default().to_string();
        Self {
            code: next(),
            format: next(),
            make: next(),
            model: next(),
            calibre: next(),
            serial: next(),
            importer: next(),
            dealer: next(),
            sale_date: next(),
            country: next(),
            state: next(),
            status: next(),
            from: next(),
            to: next(),
        }
    }

    /// The same without blanks around its cells and with its code in capitals, as codes are issued: people write them
    /// in either.
    pub fn tidied(self) -> Self {
        let mut tidy = Self::from_cells(self.cells().into_iter().map(str::trim));
        tidy.code.make_ascii_uppercase();
        tidy
    }

    /// The code from its last character to its first.
    pub fn reversed(&self) -> String {
        self.code.chars().rev().collect()
    }

    /// Whether the component was, as far as is known, in the firearm on `day`.
    pub fn bore_it_on(&self, day: &str) -> bool {
        (self.from.is_empty() || self.from.as_str() <= day) && (self.to.is_empty() || day <= self.to.as_str())
    }

    /// Refuses an entry that cannot be registered.
    ///
    /// # Errors
    /// The reason, in a sentence.
    pub fn check(&self, schemes: &[Scheme]) -> Result<(), String> {
        for (field, cell) in Self::FIELDS.iter().zip(self.cells()) {
            if cell.is_empty() && Self::REQUIRED.contains(field) {
                return Err(format!("{field} is empty"));
            }
            if cell.chars().count() > LONGEST {
                return Err(format!("{field} is longer than {LONGEST} characters"));
            }
            if cell.chars().any(char::is_control) {
                return Err(format!("{field} has a control character in it"));
            }
        }
        let Some(scheme) = schemes.iter().find(|s| s.id == self.format) else {
            let known: Vec<&str> = schemes.iter().map(|s| s.id.as_str()).collect();
            return Err(format!("no code format is called `{}`: {}", self.format, known.join(", ")));
        };
        check_code(&self.code, scheme)?;
        for (field, day) in [("sale_date", &self.sale_date), ("from", &self.from), ("to", &self.to)] {
            if !day.is_empty() && !is_day(day) {
                return Err(format!("{field} `{day}` is no day such as 2024-05-31"));
            }
        }
        if !self.from.is_empty() && !self.to.is_empty() && self.to < self.from {
            return Err(format!("to {} lies before from {}", self.to, self.from));
        }
        Ok(())
    }
}

/// What tells firearms apart: make and serial, in whichever case of letters they are written.
pub fn firearm(make: &str, serial: &str) -> [String; 2] {
    [make, serial].map(str::to_lowercase)
}

/// Refuses a code that `scheme` cannot have issued.
fn check_code(code: &str, scheme: &Scheme) -> Result<(), String> {
    let length = code.chars().count();
    if length != scheme.len() {
        return Err(format!("code `{code}` has {length} characters, {} has {}", scheme.id, scheme.len()));
    }
    match code.chars().find(|c| !scheme.alphabet.contains(*c)) {
        Some(c) => Err(format!("code `{code}`: `{c}` is never issued in {}", scheme.id)),
        None => Ok(()),
    }
}

/// Whether `text` is a day of the calendar, as `YYYY-MM-DD`.
pub fn is_day(text: &str) -> bool {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    shape && {
        let number = |at: std::ops::Range<usize>| text[at].parse::<u32>().unwrap_or(0);
        let (year, month, day) = (number(0..4), number(5..7), number(8..10));
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            1..=12 => 31,
            _ => 0,
        };
        (1..=days).contains(&day)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            code: "A7CK2MP4".into(),
            format: "ifm8".into(),
            make: "Beretta".into(),
            serial: "B1".into(),
            from: "2020-02-29".into(),
            ..Entry::default()
        }
    }

    #[test]
    fn cells_and_fields_stand_in_one_order() {
        let names = Entry::from_cells(Entry::FIELDS.into_iter());
        assert_eq!(names.cells(), Entry::FIELDS);
        let json = serde_json::to_string(&names).unwrap();
        for field in Entry::FIELDS {
            assert!(json.contains(&format!("\"{field}\":\"{field}\"")), "{json}");
        }
    }

    #[test]
    fn what_cannot_be_registered_is_refused_with_its_reason() {
        let schemes = Scheme::all();
        assert_eq!(entry().check(&schemes), Ok(()));
        let wrong = [
            (Entry { code: "A7CK2MP".into(), ..entry() }, "7 characters"),
            (Entry { code: "A7CK2MPO".into(), ..entry() }, "`O` is never issued"),
            (Entry { code: "A7CK2MP?".into(), ..entry() }, "`?` is never issued"),
            (Entry { code: "a7ck2mp4".into(), ..entry() }, "`a` is never issued"),
            (Entry { format: "ifm9".into(), ..entry() }, "no code format is called `ifm9`"),
            (Entry { serial: String::new(), ..entry() }, "serial is empty"),
            (Entry { from: "2021-02-29".into(), ..entry() }, "from `2021-02-29` is no day"),
            (Entry { to: "2019-01-01".into(), ..entry() }, "to 2019-01-01 lies before"),
            (Entry { dealer: "a\nb".into(), ..entry() }, "control character"),
            (Entry { model: "x".repeat(201), ..entry() }, "longer than 200"),
        ];
        for (entry, reason) in wrong {
            let why = entry.check(&schemes).unwrap_err();
            assert!(why.contains(reason), "{why}");
        }
    }

    #[test]
    fn a_component_is_in_a_firearm_from_its_first_to_its_last_day() {
        let worn = Entry { to: "2021-06-30".into(), ..entry() };
        assert!(!worn.bore_it_on("2020-02-28") && worn.bore_it_on("2020-02-29"));
        assert!(worn.bore_it_on("2021-06-30") && !worn.bore_it_on("2021-07-01"));
        assert!(entry().bore_it_on("2099-01-01"));
    }
}
