//! From a code to the records of firearms that may have borne it, each with its probability.
//!
//! Before anything is asked, the code is in no registry with a stated probability, and then it was issued at random but for
//! a share v of such codes, [`NEXT_TO`], which differ from a registered one in one character, as codes issued in sequence
//! do; else it is that of one of the N registered records, each as likely as the next. A reading then counts for each
//! record by the probability that it gives to the record's code:
//!
//! | hypothesis | weight |
//! |---|---|
//! | record r, mark found as it is | (1 - u) / N * (1 - a) * p(code of r) |
//! | not registered, mark found as it is | u * (1 - a) * ((1 - v) / 33^n + v / N * sum over the compatible records of q(r)) |
//! | not read: mark found wrongly, or a code less probable than those searched | (a + (1 - a)(1 - u)(1 - c)) / 33^n |
//!
//! with u the share of unregistered codes, a [`Question::astray`], c [`Wanted::covered`], n characters of 33 symbols, q(r)
//! [`Question::next_to`]. Posteriors are weights over their sum. Without v the record of a neighbouring code would be all
//! but certain wherever the true one is not registered, however surely the reader tells the two apart: among 33^n codes
//! hardly one is like a registered one by chance.
//!
//! Where a filter narrows the records down, N and r are those that it takes, and "not registered" means in
//! none of them: that the firearm is one that the filter takes is taken for granted. What each record would have
//! without it stands beside it, where the others were counted.
//!
//! A firearm that has borne its code over several times has a record for each, which share what one would have.

use super::entry::{self, Entry};
use super::log::{self, Actor, Event, Log, Logged};
use super::population::{Filter, Population};
use super::question::Question;
use super::search::{Found, MOST_CODES, Wanted};
use super::store::Database;
use crate::error::Fatal;
use crate::words::{self, thousands};
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

/// Version of the layout of a line of `traces.jsonl`.
pub const SCHEMA: u32 = 1;
/// Stated share of codes that are in no registry, where nothing better is known: neither way is favoured.
pub const UNREGISTERED: f64 = 0.5;
/// Share of the codes in no registry that differ from a registered one in one character. Nobody has counted them; one in
/// ten keeps a record of eight characters at 0.91 or less where the reader is at least 0.996 sure of another character.
pub const NEXT_TO: f64 = 0.1;
/// Records fetched with one statement.
const FETCH: usize = 200;

/// A record that may have borne the code.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Probability that the mark is of this record, of the records that were compared.
    #[serde(serialize_with = "nine")]
    pub posterior: f64,
    /// The same of all records of its firearm with this code: another than `posterior` where it bore it over several times.
    #[serde(serialize_with = "nine")]
    pub firearm_posterior: f64,
    /// That among all records, where they were narrowed down and the others counted.
    #[serde(serialize_with = "nine_or_none")]
    pub unnarrowed: Option<f64>,
    /// Characters that were read as sure and are others in the record: a wrong reading, or another firearm.
    pub differs: usize,
    /// Their places, from 1.
    pub differs_at: Vec<i64>,
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
    /// Photograph it was read from; null for a code that was typed or read from several.
    pub path: Option<String>,
    /// Group of photographs it was read from together, else null.
    pub group: Option<String>,
    /// Of that photograph.
    pub sha256: Option<String>,
    /// The reading's most probable code; null for a code that was typed, and where none is put forward.
    pub best: Option<String>,
    /// Probability that this code is right, as the reader gave it, whatever is registered.
    pub reading_p: Option<f64>,
    /// Probability that the code is in no registry; of a narrowed question, in none of the records compared.
    #[serde(serialize_with = "nine")]
    pub not_registered: f64,
    /// Probability that the reading says nothing about the code.
    #[serde(serialize_with = "nine")]
    pub unread: f64,
    /// Share of such codes that was assumed.
    pub unregistered_share: f64,
    /// Share of these that was taken to differ from a registered code in one character: [`NEXT_TO`].
    pub next_to_share: f64,
    /// Records that were compared: all of the code's formats that the narrowing takes.
    pub records: i64,
    /// Those that are compatible, all of which are in `candidates`.
    pub compatible: usize,
    /// Records that would be if all of them bore codes issued at random.
    #[serde(serialize_with = "nine")]
    pub by_chance: f64,
    /// What the records were narrowed to; null where to nothing.
    pub narrowed: Option<Filter>,
    /// Compatible records that the narrowing left out; null where there is none, or they were not counted.
    pub left_out: Option<usize>,
    /// Whether one of them fits the reading better than every record that was compared.
    pub left_out_fits_better: bool,
    /// Records of other formats whose code is compatible: not compared, since the mark was read in another; but a format
    /// may be registered wrongly, or read wrongly. Null where they were not counted.
    pub other_format: Option<usize>,
    /// Why nothing was looked up, where too much would have come back.
    pub refused: Option<String>,
    /// Where the registry's log has the question; null where it was not logged.
    pub log: Option<Logged>,
    /// The compatible records, those of the most probable firearm first.
    pub candidates: Vec<Candidate>,
}

/// Nine decimals, beyond which the assumptions weigh more than the figure; but what is not certain or
/// impossible never becomes so.
pub fn rounded(x: f64) -> f64 {
    let nine = (x * 1e9).round() / 1e9;
    if nine == 0.0 || nine == 1.0 { x } else { nine }
}

fn nine<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(rounded(*x))
}

#[allow(clippy::ref_option)] // what serde hands over
fn nine_or_none<S: Serializer>(x: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    x.map(rounded).serialize(to)
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
    population: &mut Population,
    question: &Question,
    terms: &Terms,
) -> Result<Trace, Fatal> {
    let (formats, filter) = (&question.formats, &terms.filter);
    let records = population.records(database, formats, filter)?;
    let wanted = Wanted::new(question);
    let by_chance = wanted.by_chance(question, records);
    let source = question.reading.as_ref();
    let mut trace = Trace {
        schema: SCHEMA,
        asked: question.asked.clone(),
        path: source.and_then(|s| s.path.clone()),
        group: source.and_then(|s| s.group.clone()),
        sha256: source.and_then(|s| s.sha256.clone()),
        best: source.and_then(|s| s.best.clone()),
        reading_p: source.map(|s| s.reading_p),
        not_registered: terms.unregistered,
        unread: 0.0,
        unregistered_share: terms.unregistered,
        next_to_share: NEXT_TO,
        records,
        compatible: 0,
        by_chance,
        narrowed: (!filter.is_none()).then(|| filter.clone()),
        left_out: None,
        left_out_fits_better: false,
        other_format: None,
        refused: None,
        log: None,
        candidates: Vec::new(),
    };
    if let Some(why) = question.withheld {
        trace.refused = Some(why.into());
        // What is not put forward as a code is none here either.
        (trace.best, trace.reading_p) = (None, None);
        return Ok(trace);
    }
    let codes = format!("registered codes {}", filter.narrowing());
    let codes = codes.trim_end();
    if wanted.too_many(question, records) {
        let back = thousands(by_chance.round() as i64);
        trace.refused = Some(format!("about {back} {codes} would come back: too many to be a lead"));
        return Ok(trace);
    }
    let most = thousands(MOST_CODES as i64);
    let too_many = format!("more than {most} {codes} come back: too many to be a lead");
    // The indexes know codes alone: what they give is narrowed down after.
    let all = population.records(database, formats, &Filter::default())?;
    let found = wanted.find(question, database, all)?;
    let counted = matches!(found, Found::Codes(_));
    let found = match found {
        Found::Codes(found) => found,
        _ if trace.narrowed.is_some() => among(database, population, (question, &wanted), filter)?,
        // The indexes count codes of other formats too.
        Found::TooMany if population.total() > all => {
            among(database, population, (question, &wanted), filter)?
        }
        Found::TooMany => {
            trace.refused = Some(too_many);
            return Ok(trace);
        }
        Found::TooWide => {
            trace.refused = Some("too little is known of its first and of its last characters".into());
            return Ok(trace);
        }
    };
    if found.len() > MOST_CODES {
        trace.refused = Some(too_many);
        return Ok(trace);
    }
    let mut entries = fetch(database, &found)?;
    // Sums of the same numbers in one order are the same, from whatever store they come.
    entries.sort();
    let (compared, others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| formats.contains(&entry.format));
    trace.other_format = counted.then(|| others.iter().filter(|entry| filter.takes(entry)).count());
    let (taken, left): (Vec<Entry>, Vec<Entry>) = compared.into_iter().partition(|entry| filter.takes(entry));
    let surest =
        |entries: &[Entry]| entries.iter().map(|e| question.probability(&e.code)).fold(0.0, f64::max);
    trace.left_out_fits_better = surest(&left) > surest(&taken);
    trace.left_out = (counted && trace.narrowed.is_some()).then_some(left.len());
    // Of a typed code everything that it leaves open is searched.
    let missed = if source.is_some() { 1.0 - wanted.covered } else { 0.0 };
    let account = |entries: Vec<&Entry>, records| {
        Account::of(question, &entries, records, (terms.unregistered, missed))
    };
    let narrowed = account(taken.iter().collect(), records);
    let unnarrowed = trace.left_out.map(|_| account(taken.iter().chain(&left).collect(), all));
    trace.not_registered = narrowed.share(narrowed.not_registered);
    trace.unread = narrowed.share(narrowed.unread);
    trace.compatible = taken.len();
    let candidate = |(i, entry): (usize, Entry)| {
        let differs_at = words::contradictions(&question.asked, &entry.code);
        Candidate {
            posterior: narrowed.share(narrowed.records[i]),
            firearm_posterior: narrowed.share(narrowed.firearms[&firearm(&entry)]),
            unnarrowed: unnarrowed.as_ref().map(|all| all.share(all.firearms[&firearm(&entry)])),
            differs: differs_at.len(),
            differs_at,
            entry,
        }
    };
    trace.candidates = taken.into_iter().enumerate().map(candidate).collect();
    trace.candidates.sort_by(|a, b| {
        (b.firearm_posterior.total_cmp(&a.firearm_posterior))
            .then_with(|| firearm(&a.entry).cmp(&firearm(&b.entry)))
            .then_with(|| a.entry.cmp(&b.entry))
    });
    Ok(trace)
}

/// What makes a firearm with a code: code and format, and what tells firearms apart.
type Firearm = (String, String, [String; 2]);

fn firearm(entry: &Entry) -> Firearm {
    (entry.code.clone(), entry.format.clone(), entry::firearm(&entry.make, &entry.serial))
}

impl Trace {
    /// Whether a firearm among the candidates bore its code over several times.
    pub fn has_times(&self) -> bool {
        self.candidates.windows(2).any(|two| firearm(&two[0].entry) == firearm(&two[1].entry))
    }

    /// Firearms that are as probable as the first one.
    pub fn alike(&self) -> usize {
        let Some(most) = self.candidates.first().map(|c| c.firearm_posterior) else { return 0 };
        let alike = self.candidates.iter().filter(|c| c.firearm_posterior == most);
        alike.map(|c| firearm(&c.entry)).collect::<BTreeSet<_>>().len() - 1
    }
}

/// The weights of all hypotheses, as the head of this file has them.
struct Account {
    /// Of each record. Those of one firearm, which has borne its code over several times, share what one would have.
    records: Vec<f64>,
    /// Of each firearm with all its records.
    firearms: BTreeMap<Firearm, f64>,
    not_registered: f64,
    unread: f64,
    sum: f64,
}

impl Account {
    /// `entries` are the compatible ones of `among` records; with the share of codes in no registry, and what of a reading's
    /// probability no searched code has.
    fn of(question: &Question, entries: &[&Entry], among: i64, (u, missed): (f64, f64)) -> Self {
        let (a, among) = (question.astray, among.max(1) as f64);
        let mut times: BTreeMap<Firearm, f64> = BTreeMap::new();
        for entry in entries {
            *times.entry(firearm(entry)).or_default() += 1.0;
        }
        let times: Vec<f64> = entries.iter().map(|entry| times[&firearm(entry)]).collect();
        let each = (1.0 - u) / among * (1.0 - a);
        let weight = |entry: &Entry| each * question.probability(&entry.code);
        let firearms = entries.iter().map(|entry| (firearm(entry), weight(entry))).collect();
        let record = |(entry, times): (&&Entry, &f64)| weight(entry) / times;
        let records: Vec<f64> = entries.iter().zip(&times).map(record).collect();
        let next_to: f64 =
            entries.iter().zip(&times).map(|(e, times)| question.next_to(&e.code) / times).sum();
        let issued = (1.0 - NEXT_TO) * question.random() + NEXT_TO / among * next_to;
        let not_registered = u * (1.0 - a) * issued;
        let unread = (a + (1.0 - a) * (1.0 - u) * missed) * question.random();
        let sum = not_registered + unread + records.iter().sum::<f64>();
        Self { records, firearms, not_registered, unread, sum }
    }

    fn share(&self, weight: f64) -> f64 {
        if self.sum > 0.0 { weight / self.sum } else { 0.0 }
    }
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
    let mut population = Population::count(database)?;
    let mut traces = Vec::new();
    let mut events = Vec::new();
    for question in questions {
        let trace = answer(database, &mut population, question, terms)?;
        let of = match (&trace.path, &trace.sha256) {
            (Some(path), Some(sha256)) => format!(" {path} sha256 {sha256}"),
            (Some(path), None) => format!(" {path}"),
            _ => trace.group.as_ref().map_or_else(String::new, |group| format!(" read together: {group}")),
        };
        // The usual assumption goes without saying.
        let assumed = match terms.unregistered {
            UNREGISTERED => String::new(),
            share => format!(" unregistered {share}"),
        };
        events.push(Event {
            verb: "trace",
            asked: format!("{}{of}{}{assumed}", trace.asked, terms.filter.words()),
            came_back: trace.compatible as i64,
        });
        traces.push(trace);
    }
    let logged = log::append_alone(database, Log::Registry, actor, &events)?;
    traces.iter_mut().zip(logged).for_each(|(trace, logged)| trace.log = Some(logged));
    Ok(traces)
}

/// Ids and codes of the compatible ones among the records that a filter takes, in the order of the codes.
/// For a code that is known too little for the indexes: then its few records are looked at one by one.
fn among(
    database: &mut dyn Database,
    population: &Population,
    (question, wanted): (&Question, &Wanted),
    filter: &Filter,
) -> Result<Vec<(i64, String)>, Fatal> {
    let mut found = Vec::new();
    population.each(database, &question.formats, filter, &mut |id, code| {
        // One more than are shown says that there are too many.
        if found.len() <= MOST_CODES && wanted.has(code, &question.alphabet) {
            found.push((id, code.to_string()));
        }
    })?;
    found.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
    Ok(found)
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
