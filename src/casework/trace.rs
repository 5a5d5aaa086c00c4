//! From a code to the records of firearms that may have borne it, each with its probability.
//!
//! Before anything is asked, the code is in no registry with a stated probability, and then it was issued
//! at random; else it is that of one of the N registered records, each as likely as the next. A reading
//! then counts for each record by the probability that it gives to the record's code:
//!
//! | hypothesis | weight |
//! |---|---|
//! | record r, mark found as it is | (1 - u) / N * (1 - a) * p(code of r) |
//! | not registered, mark found as it is | u * (1 - a) / 33^n |
//! | not read: mark found wrongly, or a code less probable than those searched | (a + (1 - a)(1 - u)(1 - c)) / 33^n |
//!
//! with u the share of unregistered codes, a [`Question::astray`], c [`Wanted::covered`], n characters of
//! 33 symbols. Posteriors are weights over their sum. With u = 1/2 and a typed code, what is not registered
//! gets x / (x + m), where m records fit and x would by chance.

use super::entry::Entry;
use super::log::{self, Actor, Event, Log};
use super::population::{Filter, Population};
use super::question::Question;
use super::search::Wanted;
use super::store::Database;
use crate::error::Fatal;
use serde::{Serialize, Serializer};

/// Version of the layout of a line of `traces.jsonl`.
pub const SCHEMA: u32 = 1;
/// Stated share of codes that are in no registry, where nothing better is known: neither way is favoured.
pub const UNREGISTERED: f64 = 0.5;
/// Records fetched with one statement.
const FETCH: usize = 200;

/// A record that may have borne the code.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Probability that the mark is of this record.
    #[serde(serialize_with = "rounded")]
    pub posterior: f64,
    /// Characters that were read as sure and are others in the record: a wrong reading, or another firearm.
    pub differs: usize,
    /// The record.
    #[serde(flatten)]
    pub entry: Entry,
}

/// The answer to one question: a line of `traces.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The code, `?` where not known.
    pub asked: String,
    /// Photograph it was read from; null for a code that was typed.
    pub path: Option<String>,
    /// Of that photograph.
    pub sha256: Option<String>,
    /// Probability that its most probable code is right, as the reader gave it, whatever is registered.
    pub reading_p: Option<f64>,
    /// Probability that the code is in no registry.
    #[serde(serialize_with = "rounded")]
    pub not_registered: f64,
    /// Probability that the reading says nothing about the code.
    #[serde(serialize_with = "rounded")]
    pub unread: f64,
    /// Share of unregistered codes that was assumed.
    pub unregistered_share: f64,
    /// Records that were compared.
    pub records: i64,
    /// Registered records that are compatible, all of which are in `candidates`.
    pub compatible: usize,
    /// Records that would be if all of them bore codes issued at random.
    #[serde(serialize_with = "rounded")]
    pub by_chance: f64,
    /// Why nothing was looked up, where too much would have come back.
    pub refused: Option<String>,
    /// The compatible records, most probable first.
    pub candidates: Vec<Candidate>,
}

/// Nine decimals: beyond them the assumptions weigh more than the figure.
fn rounded<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((x * 1e9).round() / 1e9)
}

/// What is assumed and asked for beside the code.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// What narrows the records down.
    pub filter: Filter,
    /// Share of codes that are in no registry, 0-1.
    pub unregistered: f64,
}

/// Answers one question, without logging it.
///
/// # Errors
/// [`Fatal`] where the store is gone.
pub fn answer(
    database: &mut dyn Database,
    population: &Population,
    question: &Question,
    terms: &Terms,
) -> Result<Trace, Fatal> {
    let records = population.records(&question.formats, &terms.filter);
    let wanted = Wanted::new(question);
    let by_chance = wanted.by_chance(question, records);
    let source = question.reading.as_ref();
    let mut trace = Trace {
        schema: SCHEMA,
        asked: question.asked.clone(),
        path: source.map(|s| s.path.clone()),
        sha256: source.and_then(|s| s.sha256.clone()),
        reading_p: source.map(|s| s.reading_p),
        not_registered: terms.unregistered,
        unread: 0.0,
        unregistered_share: terms.unregistered,
        records,
        compatible: 0,
        by_chance,
        refused: None,
        candidates: Vec::new(),
    };
    // What has to be looked at for the answer does not depend on the filter.
    let all = population.records(&question.formats, &Filter::default());
    let Some(found) = wanted.find(question, database, all)? else {
        let back = thousands(wanted.by_chance(question, all).round() as i64);
        trace.refused = Some(format!("about {back} registered codes would come back: too many to be a lead"));
        return Ok(trace);
    };
    let (u, a) = (terms.unregistered, question.astray);
    let each = (1.0 - u) / records.max(1) as f64 * (1.0 - a);
    let mut candidates = Vec::new();
    for entry in fetch(database, &found)? {
        if question.formats.contains(&entry.format) && terms.filter.takes(&entry) {
            let pairs = question.asked.chars().zip(entry.code.chars());
            candidates.push(Candidate {
                posterior: each * question.probability(&entry.code),
                differs: pairs.filter(|(asked, there)| *asked != '?' && asked != there).count(),
                entry,
            });
        }
    }
    let not_registered = u * (1.0 - a) * question.random();
    let unread = (a + (1.0 - a) * (1.0 - u) * (1.0 - wanted.covered)) * question.random();
    let sum = not_registered + unread + candidates.iter().map(|c| c.posterior).sum::<f64>();
    let share = |weight: f64| if sum > 0.0 { weight / sum } else { 0.0 };
    candidates.iter_mut().for_each(|c| c.posterior = share(c.posterior));
    candidates.sort_by(|a, b| b.posterior.total_cmp(&a.posterior).then_with(|| a.entry.cmp(&b.entry)));
    trace.not_registered = share(not_registered);
    trace.unread = share(unread);
    trace.compatible = candidates.len();
    trace.candidates = candidates;
    Ok(trace)
}

/// Answers questions and logs each of them, before anybody sees an answer.
///
/// # Errors
/// [`Fatal`] where the store is gone or the log cannot be written; then no answer is given.
pub fn trace(
    database: &mut dyn Database,
    questions: &[Question],
    terms: &Terms,
    actor: &Actor,
) -> Result<Vec<Trace>, Fatal> {
    let population = Population::count(database)?;
    let mut traces = Vec::new();
    let mut events = Vec::new();
    for question in questions {
        let trace = answer(database, &population, question, terms)?;
        let of = match (&trace.path, &trace.sha256) {
            (Some(path), Some(sha256)) => format!(" {path} sha256 {sha256}"),
            (Some(path), None) => format!(" {path}"),
            _ => String::new(),
        };
        events.push(Event {
            verb: "trace",
            asked: format!("{}{of}{}", trace.asked, terms.filter.words()),
            came_back: trace.compatible as i64,
        });
        traces.push(trace);
    }
    log::append_alone(database, Log::Registry, actor, &events)?;
    Ok(traces)
}

/// The records with these ids.
fn fetch(database: &mut dyn Database, found: &[(i64, String)]) -> Result<Vec<Entry>, Fatal> {
    let mut entries = Vec::new();
    let columns = Entry::COLUMNS.join(", ");
    for ids in found.chunks(FETCH) {
        // Statements of two lengths only, so that they stay prepared: a lone record's, and a full chunk's.
        let places = if ids.len() == 1 { 1 } else { FETCH };
        let marks: Vec<String> = (1..=places).map(|i| format!("${i}")).collect();
        let sql = format!("SELECT {columns} FROM record WHERE id IN ({})", marks.join(", "));
        let last = ids[ids.len() - 1].0;
        let values: Vec<_> = (0..places).map(|i| ids.get(i).map_or(last, |(id, _)| *id).into()).collect();
        database.query(&sql, &values, &mut |row| {
            entries.push(Entry::from_cells(row.iter().map(super::store::Value::text)));
            Ok(())
        })?;
    }
    Ok(entries)
}

/// A number with a comma before every three digits.
pub fn thousands(n: i64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0
            && (digits.len() - i).is_multiple_of(3)
            && c.is_ascii_digit()
            && digits.as_bytes()[i - 1] != b'-'
        {
            text.push(',');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn numbers_have_a_comma_before_every_three_digits() {
        let shown = [0, 999, 1_000, 12_345_678, -1_234].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "12,345,678", "-1,234"]);
    }
}
