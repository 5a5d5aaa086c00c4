//! How many codes are registered, of which formats, makes and calibres, and how often each symbol stands
//! in each place of them.

use super::entry::{Entry, firearm};
use super::store::{Database, Value};
use crate::error::Fatal;
use crate::words;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Records looked at to count symbols: their shares are then known to about a thousandth.
const SAMPLE: i64 = 50_000;
/// Ids times the first, modulo the second, have no pattern that a registry's rows could share.
const SCATTER: i64 = 7919;
const PRIME: i64 = 1_000_003;

/// Numbers of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Population {
    tally: BTreeMap<(String, String, String), i64>,
    /// Records of a format that a filter with a day takes, as far as they were counted.
    on_days: BTreeMap<(String, Filter), i64>,
}

/// What narrows the records of a question down; nothing where nothing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Filter {
    /// Formats of the code, where not all that it may have are asked for.
    pub formats: Vec<String>,
    /// Make, in any case of letters.
    pub make: Option<String>,
    /// Calibre, in any case of letters.
    pub calibre: Option<String>,
    /// Day on which the component was in the firearm.
    pub on: Option<String>,
}

impl Filter {
    /// Whether a record is one that is asked for.
    pub fn takes(&self, entry: &Entry) -> bool {
        self.of(&entry.format, &entry.make, &entry.calibre)
            && self.on.as_ref().is_none_or(|day| entry.bore_it_on(day))
    }

    fn of(&self, format: &str, make: &str, calibre: &str) -> bool {
        let same = |asked: &Option<String>, there: &str| {
            asked.as_ref().is_none_or(|a| a.trim().to_lowercase() == there.to_lowercase())
        };
        (self.formats.is_empty() || self.formats.iter().any(|asked| asked == format))
            && same(&self.make, make)
            && same(&self.calibre, calibre)
    }

    /// Whether it takes every record.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The records that it takes, as it stands behind "records"; empty where these are all.
    pub fn narrowing(&self) -> String {
        words::narrowing(&self.formats, self.make.as_deref(), self.calibre.as_deref(), self.on.as_deref())
    }

    /// As the log has it: what was asked beside the code.
    pub fn words(&self) -> String {
        let formats = self.formats.iter().map(|id| format!(" format {id}"));
        let others = [("calibre", &self.calibre), ("make", &self.make), ("on", &self.on)];
        let others = others.iter().filter_map(|(name, value)| value.as_ref().map(|v| format!(" {name} {v}")));
        formats.chain(others).collect()
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
        Ok(Self { tally, on_days: BTreeMap::new() })
    }

    /// Records of these formats that the filter takes. Of a day there is no number, so that all records have
    /// to be looked at; once for each format and filter.
    ///
    /// # Errors
    /// [`Fatal`] where the store is gone.
    pub fn records(
        &mut self,
        database: &mut dyn Database,
        formats: &[String],
        filter: &Filter,
    ) -> Result<i64, Fatal> {
        if filter.on.is_none() {
            let taken = |key: &(String, String, String)| {
                formats.contains(&key.0) && filter.of(&key.0, &key.1, &key.2)
            };
            return Ok(self.tally.iter().filter(|(key, _)| taken(key)).map(|(_, records)| records).sum());
        }
        let mut sum = 0;
        for format in formats {
            let key = (format.clone(), filter.clone());
            if let Some(records) = self.on_days.get(&key) {
                sum += records;
                continue;
            }
            let mut records = 0;
            if let Some((condition, values)) = self.condition(std::slice::from_ref(format), filter) {
                let count = format!("SELECT count(*) FROM record WHERE {condition}");
                database.query(&count, &values, &mut |row| {
                    records = row[0].int();
                    Ok(())
                })?;
            }
            self.on_days.insert(key, records);
            sum += records;
        }
        Ok(sum)
    }

    /// What a record of these formats that the filter takes fulfils, in SQL; `None` where none can. Makes and
    /// calibres stand in it as they are registered, since stores differ in what they take for one letter.
    fn condition(&self, formats: &[String], filter: &Filter) -> Option<(String, Vec<Value>)> {
        let mut values: Vec<Value> = Vec::new();
        let mut conditions = Vec::new();
        let keys: Vec<&(String, String, String)> = self
            .tally
            .keys()
            .filter(|(format, make, calibre)| formats.contains(format) && filter.of(format, make, calibre))
            .collect();
        let columns = [
            ("format", true, keys.iter().map(|k| &k.0).collect::<BTreeSet<_>>()),
            ("make", filter.make.is_some(), keys.iter().map(|k| &k.1).collect()),
            ("calibre", filter.calibre.is_some(), keys.iter().map(|k| &k.2).collect()),
        ];
        for (column, _, there) in columns.iter().filter(|(_, narrowed, _)| *narrowed) {
            let mut marks = Vec::new();
            for value in there {
                values.push(value.as_str().into());
                marks.push(format!("${}", values.len()));
            }
            conditions.push(format!("{column} IN ({})", marks.join(", ")));
        }
        if let Some(day) = &filter.on {
            let mut mark = || {
                values.push(day.as_str().into());
                format!("${}", values.len())
            };
            conditions.push(format!("(from_date = '' OR from_date <= {})", mark()));
            conditions.push(format!("(to_date = '' OR {} <= to_date)", mark()));
        }
        (!keys.is_empty()).then(|| (conditions.join(" AND "), values))
    }

    /// Hands id and code of every record of these formats that the filter takes, by looking at all records.
    ///
    /// # Errors
    /// [`Fatal`] where the store is gone.
    pub fn each(
        &self,
        database: &mut dyn Database,
        formats: &[String],
        filter: &Filter,
        each: &mut dyn FnMut(i64, &str),
    ) -> Result<(), Fatal> {
        let Some((condition, values)) = self.condition(formats, filter) else { return Ok(()) };
        let all = format!("SELECT id, code FROM record WHERE {condition}");
        database.query(&all, &values, &mut |row| {
            each(row[0].int(), row[1].text());
            Ok(())
        })
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

/// How many codes of a format stand for more than one firearm, and the first of them: issued twice, or registered wrongly.
///
/// # Errors
/// [`Fatal`] where the store is gone.
pub fn shared(database: &mut dyn Database) -> Result<(usize, Option<String>), Fatal> {
    let sql = "SELECT r.code, r.format, r.make, r.serial FROM record AS r JOIN (SELECT code, format FROM record \
               GROUP BY code, format HAVING count(*) > 1) AS d ON d.code = r.code AND d.format = r.format";
    let mut firearms: BTreeMap<[String; 2], BTreeSet<[String; 2]>> = BTreeMap::new();
    database.query(sql, &[], &mut |row| {
        let [code, format, make, serial] = [0, 1, 2, 3].map(|i| row[i].text());
        firearms.entry([code, format].map(String::from)).or_default().insert(firearm(make, serial));
        Ok(())
    })?;
    firearms.retain(|_, of| of.len() > 1);
    Ok((firearms.len(), firearms.into_keys().next().map(|[code, _]| code)))
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
    let registered = Population::count(database)?.by(0).into_iter().find(|(id, _)| id == format);
    let Some((_, registered)) = registered.filter(|(_, records)| *records > 0) else { return Ok(None) };
    let mut counts = vec![vec![1.0; alphabet.len()]; length];
    // Rows of a format may lie side by side or be every second one: ids are scattered before some are taken.
    let sql = format!("SELECT code FROM record WHERE format = $1 AND id * {SCATTER} % {PRIME} % $2 = 0");
    let one_in = (registered / SAMPLE).max(1);
    database.query(&sql, &[format.into(), one_in.into()], &mut |row| {
        for (place, c) in counts.iter_mut().zip(row[0].text().chars()) {
            if let Some(symbol) = alphabet.iter().position(|a| *a == c) {
                place[symbol] += 1.0;
            }
        }
        Ok(())
    })?;
    for place in &mut counts {
        let sum: f64 = place.iter().sum();
        place.iter_mut().for_each(|n| *n /= sum);
    }
    Ok(Some(counts))
}
