//! Every registered code that a question leaves possible, without reading all of them.
//!
//! A typed code leaves open all that agree with its known characters. A reading leaves none out for
//! certain; searched are its most probable codes, as many as hold [`COVERED`] of its probability. Either way
//! the codes lie in a tree by their first characters, or by their last, and only those branches are
//! followed whose most probable code is among them.

use super::question::Question;
use super::store::{Database, End};
use crate::error::Fatal;

/// Share of a reading's probability that the searched codes hold; the rest is counted as not read.
pub const COVERED: f64 = 0.999;
/// Steps of the cost of a code, natural logarithm of its probability: 1 %.
const STEP: f64 = 0.01;
/// Cost of an impossible symbol, steps: more than a code of the least probable symbols can have.
const IMPOSSIBLE: usize = 1_000_000;
/// Time of one look into an index in rows read from it: measured, 2.5 microseconds against 0.2.
const LOOK: f64 = 12.0;
/// Most branches that are looked up, about 0.6 s in a file.
const MOST_BRANCHES: usize = 250_000;
/// Most registered codes that may come back, or be expected to: more would be no lead.
pub const MOST_CODES: usize = 10_000;
/// Most rows read from an index, about 0.6 s in a file.
const MOST_ROWS: f64 = 3_000_000.0;

/// What a search gives.
#[derive(Debug)]
pub enum Found {
    /// Ids and codes of the records, in the order of the codes.
    Codes(Vec<(i64, String)>),
    /// More than [`MOST_CODES`] of them.
    TooMany,
    /// Too much would have to be read.
    TooWide,
}

/// The codes to search for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Number of codes.
    pub codes: f64,
    /// Probability that the true one is among them, if the mark was found as it should be.
    pub covered: f64,
    /// Cost of each symbol in each place, steps.
    costs: Vec<Vec<usize>>,
    /// Most cost of a code.
    bound: usize,
}

impl Wanted {
    /// The most probable codes of a question.
    pub fn new(question: &Question) -> Self {
        let costs: Vec<Vec<usize>> = question
            .places
            .iter()
            .map(|place| place.iter().map(|p| ((-p.ln() / STEP).round() as usize).min(IMPOSSIBLE)).collect())
            .collect();
        // Number and probability of the codes of each cost, place by place.
        let mut of_cost = vec![(1.0, 1.0)];
        for (place, costs) in question.places.iter().zip(&costs) {
            let most = costs.iter().filter(|c| **c < IMPOSSIBLE).max().copied().unwrap_or(0);
            let mut next = vec![(0.0, 0.0); of_cost.len() + most];
            for (p, cost) in place.iter().zip(costs).filter(|(_, cost)| **cost < IMPOSSIBLE) {
                for (before, (codes, sum)) in
                    of_cost.iter().enumerate().filter(|(_, (codes, _))| *codes > 0.0)
                {
                    next[before + cost].0 += codes;
                    next[before + cost].1 += sum * p;
                }
            }
            of_cost = next;
        }
        let (mut codes, mut covered, mut bound) = (0.0, 0.0, 0);
        for (cost, (n, sum)) in of_cost.iter().enumerate().filter(|(_, (n, _))| *n > 0.0) {
            codes += n;
            covered += sum;
            bound = cost;
            if covered >= COVERED {
                break;
            }
        }
        // What a typed code leaves open is searched whole: its codes all have one cost.
        Self { codes, covered: covered.min(1.0), costs, bound }
    }

    /// How many of `records` codes that were issued at random would be among these.
    pub fn by_chance(&self, question: &Question, records: i64) -> f64 {
        records as f64 * self.codes * question.random()
    }

    /// Whether more of `records` codes would be among these than are a lead.
    pub fn too_many(&self, question: &Question, records: i64) -> bool {
        self.by_chance(question, records) > MOST_CODES as f64
    }

    /// Whether a code is among these.
    pub fn has(&self, code: &str, alphabet: &[char]) -> bool {
        let mut cost = 0;
        let mut places = self.costs.iter();
        for c in code.chars() {
            let (Some(place), Some(symbol)) = (places.next(), alphabet.iter().position(|a| *a == c)) else {
                return false;
            };
            cost += place[symbol];
        }
        places.next().is_none() && cost <= self.bound
    }

    /// The branches of the tree that have to be followed: prefixes as they stand in the index of `end`.
    /// `None` where there are too many at every depth.
    fn branches(&self, end: End, alphabet: &[char], records: f64) -> Option<(f64, Vec<String>)> {
        let mut costs: Vec<&Vec<usize>> = self.costs.iter().collect();
        if end == End::Last {
            costs.reverse();
        }
        // Least cost of what follows each depth.
        let mut least = vec![0; costs.len() + 1];
        for depth in (0..costs.len()).rev() {
            least[depth] = least[depth + 1] + costs[depth].iter().min().copied().unwrap_or(0);
        }
        let mut level = vec![(0, String::new())];
        let mut best: Option<(f64, Vec<String>)> = None;
        for depth in 0..=costs.len() {
            let rows = level.len() as f64 * records / (alphabet.len() as f64).powi(depth as i32);
            let work = LOOK * level.len() as f64 + rows;
            if rows <= MOST_ROWS && best.as_ref().is_none_or(|(least, _)| work < *least) {
                best = Some((work, level.iter().map(|(_, prefix)| prefix.clone()).collect()));
            }
            let Some(place) = costs.get(depth) else { break };
            let mut next = Vec::new();
            for (cost, prefix) in &level {
                for (symbol, own) in alphabet.iter().zip(place.iter()) {
                    if cost + own + least[depth + 1] <= self.bound {
                        next.push((cost + own, format!("{prefix}{symbol}")));
                    }
                }
                // Each branch has at least one more below it, so that deeper levels only cost more.
                let enough = best.as_ref().is_some_and(|(least, _)| LOOK * next.len() as f64 > *least);
                if enough || next.len() > MOST_BRANCHES {
                    return best;
                }
            }
            level = next;
        }
        best
    }

    /// The records that bear one of these codes.
    ///
    /// # Errors
    /// [`Fatal`] where the store is gone.
    pub fn find(
        &self,
        question: &Question,
        database: &mut dyn Database,
        records: i64,
    ) -> Result<Found, Fatal> {
        if self.too_many(question, records) {
            return Ok(Found::TooMany);
        }
        let alphabet = &question.alphabet;
        let plans = [End::First, End::Last].map(|end| (end, self.branches(end, alphabet, records as f64)));
        let chosen = plans
            .into_iter()
            .filter_map(|(end, plan)| plan.map(|(work, prefixes)| (work, end, prefixes)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, end, prefixes)) = chosen else { return Ok(Found::TooWide) };
        let mut found = Vec::new();
        database.starting_with(end, &prefixes, &mut |id, text| {
            let code = match end {
                End::First => text.to_string(),
                End::Last => text.chars().rev().collect(),
            };
            // Codes that are issued in sequence come in thousands where chance would give a few.
            if found.len() <= MOST_CODES && self.has(&code, alphabet) {
                found.push((id, code));
            }
        })?;
        if found.len() > MOST_CODES {
            return Ok(Found::TooMany);
        }
        found.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.cmp(&b.0)));
        Ok(Found::Codes(found))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::casework::entry::Entry;
    use crate::casework::import;
    use crate::casework::log::Actor;
    use crate::casework::store;
    use crate::pipeline::scheme::Scheme;

    fn typed(text: &str) -> Question {
        Question::typed(text, &Scheme::all()).unwrap()
    }

    #[test]
    fn a_typed_code_leaves_33_codes_open_for_each_unknown_character() {
        for (text, codes) in [("A7CK2MP4", 1.0), ("A7?K2MP4", 33.0), ("?7?K2M?4", 35_937.0)] {
            let wanted = Wanted::new(&typed(text));
            assert!((wanted.codes - codes).abs() < 1e-6 && wanted.covered > 0.999_999, "{wanted:?}");
        }
        let question = typed("A7?K2MP4");
        let chance = Wanted::new(&question).by_chance(&question, 10_000_000);
        assert!((chance - 1e7 / 33f64.powi(7)).abs() < 1e-12);
    }

    #[test]
    fn the_searched_codes_of_a_reading_are_its_most_probable_ones() {
        let mut question = typed("A7CK2MP4");
        for (i, p) in [(0, 0.7), (3, 0.9)] {
            let rest = (1.0 - p) / 32.0;
            question.places[i].iter_mut().for_each(|q| *q = if *q > 0.5 { p } else { rest });
        }
        let wanted = Wanted::new(&question);
        // Both places are needed in all their symbols: 0.3 * 0.1 of the probability has both of them wrong.
        assert_eq!(wanted.codes, 33.0 * 33.0);
        let alphabet = &question.alphabet;
        assert!(wanted.has("A7CK2MP4", alphabet) && wanted.has("Z7CZ2MP4", alphabet));
        assert!(!wanted.has("AZCK2MP4", alphabet) && !wanted.has("A7CK2MP", alphabet));
        question.places[3] =
            question.places[3].iter().map(|q| if *q > 0.5 { 0.9999 } else { 1e-4 / 32.0 }).collect();
        assert_eq!(Wanted::new(&question).codes, 33.0);
    }

    #[test]
    fn every_record_that_fits_is_found_from_either_end() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("r.sqlite").to_string_lossy().into_owned();
        let mut database = store::create(&place).unwrap();
        let actor = Actor { who: "t".into(), why: "t".into() };
        let codes = ["A7CK2MP4", "A7CK2MP5", "B7CK2MP4", "ZZZZZZZZ", "A8CK2MP4", "4PM2KC7A"];
        for code in codes {
            let entry = Entry {
                code: code.into(),
                format: "ifm8".into(),
                make: "M".into(),
                serial: "1".into(),
                ..Entry::default()
            };
            import::add(&mut *database, &entry, false, &actor).unwrap();
        }
        for text in ["A7CK2MP4", "?7CK2MP4", "A7CK2MP?", "?7CK2MP?", "A??K2M?4", "????????", "??Z???Z?"] {
            let question = typed(text);
            let fits = |code: &&str| text.chars().zip(code.chars()).all(|(t, c)| t == '?' || t == c);
            let mut expected: Vec<&str> = codes.iter().filter(|c| fits(c)).copied().collect();
            expected.sort_unstable();
            // Whatever the planner believes about the number of records, which decides end and depth.
            for records in [1, 1_000, 10_000_000] {
                let wanted = Wanted::new(&question);
                let Found::Codes(found) = wanted.find(&question, &mut *database, records).unwrap() else {
                    assert!(wanted.too_many(&question, records), "{text} {records}");
                    continue;
                };
                let found: Vec<&str> = found.iter().map(|(_, code)| code.as_str()).collect();
                assert_eq!(found, expected, "{text} {records}");
            }
        }
    }
}
