//! How many codes are registered, of which formats, makes and calibres, and how often each symbol stands
//! in each place of them.

use super::entry::Entry;
use super::store::{Database, Value};
use crate::error::Fatal;
use std::collections::BTreeMap;

/// Records looked at to count symbols: their shares are then known to about a thousandth.
const SAMPLE: i64 = 50_000;
/// Places in the registry from which they are taken.
const RUNS: i64 = 100;

/// Numbers of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    tally: BTreeMap<(String, String, String), i64>,
}

/// What narrows the records of a question down; nothing where nothing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Calibre, in any case of letters.
    pub calibre: Option<String>,
    /// Make, in any case of letters.
    pub make: Option<String>,
    /// Day on which the component was in the firearm.
    pub on: Option<String>,
}

impl Filter {
    /// Whether a record is one that is asked for.
    pub fn takes(&self, entry: &Entry) -> bool {
        self.of(&entry.make, &entry.calibre) && self.on.as_ref().is_none_or(|day| entry.bore_it_on(day))
    }

    fn of(&self, make: &str, calibre: &str) -> bool {
        let same = |asked: &Option<String>, there: &str| {
            asked.as_ref().is_none_or(|a| a.trim().to_lowercase() == there.to_lowercase())
        };
        same(&self.make, make) && same(&self.calibre, calibre)
    }

    /// As the log has it: what was asked beside the code.
    pub fn words(&self) -> String {
        [("calibre", &self.calibre), ("make", &self.make), ("on", &self.on)]
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|v| format!(" {name} {v}")))
            .collect()
    }
}

impl Population {
    /// Counts the records.
    ///
    /// # Errors
    /// [`Fatal`] where the store is gone.
    pub fn count(database: &mut dyn Database) -> Result<Self, Fatal> {
        let mut tally = BTreeMap::new();
        database.query("SELECT format, make, calibre, records FROM tally", &[], &mut |row| {
            let text = |i: usize| row[i].text().to_string();
            if row[3].int() > 0 {
                tally.insert((text(0), text(1), text(2)), row[3].int());
            }
            Ok(())
        })?;
        Ok(Self { tally })
    }

    /// Records of these formats that the filter takes. A day is not counted, since there is no number for
    /// each: then it is the most that they can be.
    pub fn records(&self, formats: &[String], filter: &Filter) -> i64 {
        self.tally
            .iter()
            .filter(|((format, make, calibre), _)| formats.contains(format) && filter.of(make, calibre))
            .map(|(_, records)| records)
            .sum()
    }

    /// All records.
    pub fn total(&self) -> i64 {
        self.tally.values().sum()
    }

    /// Records by format (0), make (1) or calibre (2), the most first.
    pub fn by(&self, column: usize) -> Vec<(String, i64)> {
        let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
        for ((format, make, calibre), records) in &self.tally {
            *sums.entry([format, make, calibre][column.min(2)]).or_default() += records;
        }
        let mut list: Vec<(String, i64)> = sums.into_iter().map(|(k, n)| (k.to_string(), n)).collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        list
    }
}

/// The share of each symbol in each place among the registered codes of a format, from an even sample;
/// `None` where the format has none. One is added to each count, so that no symbol has the share 0.
///
/// # Errors
/// [`Fatal`] where the store is gone.
pub fn shares(
    database: &mut dyn Database,
    format: &str,
    alphabet: &[char],
    length: usize,
) -> Result<Option<Vec<Vec<f64>>>, Fatal> {
    let mut last = 0;
    database.query("SELECT id FROM record ORDER BY id DESC LIMIT 1", &[], &mut |row| {
        last = row[0].int();
        Ok(())
    })?;
    let mut counts = vec![vec![1.0; alphabet.len()]; length];
    let mut seen = 0;
    // Ids that follow each other are read at once; such runs lie evenly over all.
    let runs = last.clamp(1, RUNS);
    let length_of_run = (last.min(SAMPLE) / runs).max(1);
    for run in 0..runs {
        let from = last * run / runs;
        let to = from + length_of_run;
        let sql = "SELECT code FROM record WHERE id > $1 AND id <= $2 AND format = $3";
        database.query(sql, &[from.into(), to.into(), Value::from(format)], &mut |row| {
            seen += 1;
            for (place, c) in counts.iter_mut().zip(row[0].text().chars()) {
                if let Some(symbol) = alphabet.iter().position(|a| *a == c) {
                    place[symbol] += 1.0;
                }
            }
            Ok(())
        })?;
    }
    for place in &mut counts {
        let sum: f64 = place.iter().sum();
        place.iter_mut().for_each(|n| *n /= sum);
    }
    Ok((seen > 0).then_some(counts))
}
