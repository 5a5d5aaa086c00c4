//! Readings that stem from one firearm's pin: a likelihood ratio for each pair, and groups in which every
//! reading is compatible with every other.
//!
//! The ratio compares two accounts of a pair: that both marks bear one code, drawn from the codes in use,
//! and that each bears a code of its own. With L the likelihood of each symbol and f its share among the
//! codes in use, both are products over the places:
//!
//! ```text
//! LR = product over places of  sum_s f(s) La(s) Lb(s) / (sum_s f(s) La(s) * sum_s f(s) Lb(s))
//! ```
//!
//! Codes may be issued in sequence, and then two pins share all characters but one far more often than
//! chance would have it. So where both readings show a character as sure and the two differ, the codes are
//! two, whatever the other places say: their ratio is 0.
//!
//! A reading that was found wrongly says nothing, so that its ratio is 1: the ratio is mixed with 1 by the
//! probability of that. Each reading is expected to have one partner among the n - 1 others: that makes
//! the odds before anything was compared 1 to n - 1, and a pair is a lead where the odds after it are at
//! least [`SURE`].

use super::results::MarkRead;
use rayon::prelude::*;
use std::cmp::Ordering;

/// Least probability of one code at which a pair is a lead: one false lead in a thousand.
pub const SURE: f64 = 0.999;
/// Least probability, by all readings together, at which a character that one of them is sure of stands in the code that
/// they share.
const SHOWN: f64 = 0.99;

/// Ratio, as its logarithm to base 10, below which two readings speak against being of one pin: 10 to 1.
/// Readings of which hardly anything was read lie about 0 with any other.
const AGAINST: f64 = -1.0;

/// Share of each symbol in each place, for every format.
pub type Shares<'a> = &'a dyn Fn(&str) -> Option<Vec<Vec<f64>>>;

/// Two readings that are a lead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Number of the first reading.
    pub a: usize,
    /// Number of the second, larger.
    pub b: usize,
    /// Logarithm to base 10 of the likelihood ratio.
    pub log10_lr: f64,
}

/// What was found among readings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// Leads, the strongest first.
    pub pairs: Vec<Pair>,
    /// Readings of one pin by groups of two or more, the largest first; their numbers ascend.
    pub groups: Vec<Vec<usize>>,
    /// Pairs compared.
    pub compared: u64,
    /// Least ratio of a lead, as its logarithm to base 10.
    pub bar: f64,
}

/// One reading, or several that are taken for one pin, ready for comparison.
#[derive(Clone, Debug)]
struct Mark {
    /// Likelihood of each symbol over that of a code in use, place after place.
    likelihood: Vec<f64>,
    /// The same times the symbol's share.
    weighted: Vec<f64>,
    places: usize,
    astray: f64,
}

/// Readings ready for comparison.
pub struct Linker<'a> {
    readings: &'a [MarkRead],
    marks: Vec<Mark>,
    shares: Vec<Vec<Vec<f64>>>,
}

impl<'a> Linker<'a> {
    /// Prepares readings; symbols are even where `shares` knows nothing of a format.
    pub fn new(readings: &'a [MarkRead], shares: Shares<'_>) -> Self {
        let mut known: Vec<(String, Vec<Vec<f64>>)> = Vec::new();
        let mut of_reading = Vec::new();
        for read in readings {
            let question = &read.question;
            let format = question.formats.first().cloned().unwrap_or_default();
            let at = known.iter().position(|(f, _)| *f == format).unwrap_or_else(|| {
                let even = || {
                    vec![
                        vec![1.0 / question.alphabet.len() as f64; question.alphabet.len()];
                        question.places.len()
                    ]
                };
                known.push((format.clone(), shares(&format).unwrap_or_else(even)));
                known.len() - 1
            });
            of_reading.push(known[at].1.clone());
        }
        let marks = readings
            .iter()
            .zip(&of_reading)
            .map(|(read, shares)| Mark::new(&read.question.places, shares, read.question.astray))
            .collect();
        Self { readings, marks, shares: of_reading }
    }

    /// Logarithm to base 10 of the likelihood ratio of two readings.
    pub fn log10_lr(&self, a: usize, b: usize) -> f64 {
        let (ra, rb) = (&self.readings[a].question, &self.readings[b].question);
        let contradict = ra.asked.chars().zip(rb.asked.chars()).any(|(a, b)| a != b && a != '?' && b != '?');
        let possible = ra.formats == rb.formats && !contradict;
        let same = if possible { self.marks[a].ratio(&self.marks[b]) } else { 0.0 };
        mixed(same, self.marks[a].astray, self.marks[b].astray).log10()
    }

    /// The code that readings share: the characters that one of them at least is sure of and that all together leave
    /// probable, else `?`. What several unsure readings add up to is for a joint reading to say, which is calibrated.
    pub fn shared(&self, members: &[usize]) -> String {
        let Some(&first) = members.first() else { return String::new() };
        let pooled = self.pooled(members);
        let alphabet = &self.readings[first].question.alphabet;
        let sure = |at: usize| {
            let mut asked = members.iter().map(|m| &self.readings[*m].question.asked);
            asked.find_map(|code| code.chars().nth(at).filter(|c| *c != '?'))
        };
        let places = pooled.weighted.chunks(alphabet.len()).enumerate();
        places
            .map(|(at, place)| {
                let sum: f64 = place.iter().sum();
                let own = sure(at).and_then(|c| alphabet.iter().position(|a| *a == c));
                own.filter(|own| place[*own] >= SHOWN * sum).map_or('?', |own| alphabet[own])
            })
            .collect()
    }

    /// Places where two readings show the same character as sure.
    pub fn agree(&self, a: usize, b: usize) -> usize {
        let (a, b) = (&self.readings[a].question.asked, &self.readings[b].question.asked);
        a.chars().zip(b.chars()).filter(|(a, b)| a == b && *a != '?').count()
    }

    /// Compares all pairs and groups them.
    pub fn link(&self) -> Links {
        let n = self.marks.len();
        let bar = (SURE / (1.0 - SURE) * n.saturating_sub(1).max(1) as f64).log10();
        let mut pairs: Vec<Pair> = (0..n)
            .into_par_iter()
            .flat_map_iter(|a| (a + 1..n).map(move |b| (a, b)))
            .map(|(a, b)| Pair { a, b, log10_lr: self.log10_lr(a, b) })
            .filter(|pair| pair.log10_lr >= bar)
            .collect();
        pairs.sort_by(stronger);
        let groups = self.groups(&pairs, bar);
        Links { pairs, groups, compared: (n * n.saturating_sub(1) / 2) as u64, bar }
    }

    /// Joins leads, the strongest first, into groups. Two groups are joined only where no reading of one
    /// speaks against any of the other, and what each says together makes them a lead: a partial reading
    /// that fits two codes joins one of them, never both.
    fn groups(&self, pairs: &[Pair], bar: f64) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = (0..self.marks.len()).map(|i| vec![i]).collect();
        let mut group_of: Vec<usize> = (0..self.marks.len()).collect();
        for pair in pairs {
            let (a, b) = (group_of[pair.a], group_of[pair.b]);
            if a == b {
                continue;
            }
            let against = groups[a]
                .iter()
                .any(|i| groups[b].iter().any(|j| self.log10_lr((*i).min(*j), (*i).max(*j)) < AGAINST));
            if against || self.together(&groups[a], &groups[b]) < bar {
                continue;
            }
            let moved = std::mem::take(&mut groups[b]);
            for i in moved {
                group_of[i] = a;
                groups[a].push(i);
            }
        }
        groups.retain(|group| group.len() > 1);
        groups.iter_mut().for_each(|group| group.sort_unstable());
        groups.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        groups
    }

    /// The ratio of two groups, each taken for one pin.
    fn together(&self, a: &[usize], b: &[usize]) -> f64 {
        let (a, b) = (self.pooled(a), self.pooled(b));
        mixed(a.ratio(&b), a.astray, b.astray).log10()
    }

    /// Readings of one pin as one: their likelihoods multiplied.
    fn pooled(&self, members: &[usize]) -> Mark {
        let shares = &self.shares[members[0]];
        let mut places: Vec<Vec<f64>> = shares.iter().map(|place| vec![1.0; place.len()]).collect();
        for member in members {
            for (place, own) in places.iter_mut().zip(&self.readings[*member].question.places) {
                place.iter_mut().zip(own).for_each(|(p, own)| *p *= own);
                let sum: f64 = place.iter().sum();
                place.iter_mut().for_each(|p| *p /= sum);
            }
        }
        let astray = members.iter().map(|m| self.marks[*m].astray).fold(1.0, f64::min);
        Mark::new(&places, shares, astray)
    }
}

impl Mark {
    /// From probabilities that were worked out with all symbols alike.
    fn new(places: &[Vec<f64>], shares: &[Vec<f64>], astray: f64) -> Self {
        let mut mark = Self { likelihood: Vec::new(), weighted: Vec::new(), places: places.len(), astray };
        for (place, shares) in places.iter().zip(shares) {
            let sum: f64 = place.iter().zip(shares).map(|(p, f)| p * f).sum();
            mark.likelihood.extend(place.iter().map(|p| p / sum));
            mark.weighted.extend(place.iter().zip(shares).map(|(p, f)| p * f / sum));
        }
        mark
    }

    fn ratio(&self, other: &Self) -> f64 {
        let symbols = self.likelihood.len() / self.places.max(1);
        self.likelihood
            .chunks(symbols.max(1))
            .zip(other.weighted.chunks(symbols.max(1)))
            .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>())
            .product()
    }
}

/// A ratio of two readings of which each may have been found wrongly.
fn mixed(ratio: f64, astray_a: f64, astray_b: f64) -> f64 {
    let both = (1.0 - astray_a) * (1.0 - astray_b);
    both * ratio + (1.0 - both)
}

fn stronger(a: &Pair, b: &Pair) -> Ordering {
    b.log10_lr.total_cmp(&a.log10_lr).then(a.a.cmp(&b.a)).then(a.b.cmp(&b.b))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::casework::question::{Question, Source};
    use crate::pipeline::decode::Status;
    use crate::pipeline::scheme::Scheme;

    fn readings(codes: &[&str]) -> Vec<MarkRead> {
        codes
            .iter()
            .map(|code| {
                let question = Question::typed(code, &Scheme::all()[..1]).unwrap();
                let reading = Some(Source {
                    path: Some("x".into()),
                    group: None,
                    sha256: None,
                    best: None,
                    reading_p: 1.0,
                });
                MarkRead {
                    out: "out".into(),
                    status: Status::Partial,
                    question: Question { reading, astray: 1e-6, ..question },
                }
            })
            .collect()
    }

    fn links(codes: &[&str]) -> Links {
        let readings = readings(codes);
        Linker::new(&readings, &|_| None).link()
    }

    #[test]
    fn agreement_counts_33_to_1_a_character_and_nothing_where_one_is_unknown() {
        let readings = readings(&["A7CK2MP4", "A7CK2M??", "??CK2MP4", "A7CK2MP5"]);
        let linker = Linker::new(&readings, &|_| None);
        let of = |n: f64| n * 33f64.log10();
        assert!((linker.log10_lr(0, 1) - of(6.0)).abs() < 1e-3);
        assert!((linker.log10_lr(1, 2) - of(4.0)).abs() < 1e-3);
        // One character that differs leaves only that a mark was found wrongly.
        assert!(linker.log10_lr(0, 3) < -5.0);
        assert_eq!((linker.shared(&[1, 2]).as_str(), linker.agree(1, 2)), ("A7CK2MP4", 4));
    }

    #[test]
    fn what_no_reading_is_sure_of_is_not_shown_though_all_of_them_together_would_be() {
        let mut both = readings(&["A7CK2MP4", "A7CK2MP4"]);
        for read in &mut both {
            let place = &mut read.question.places[7];
            place.iter_mut().for_each(|p| *p = 0.05 / 32.0 + *p * (0.95 - 0.05 / 32.0));
            read.question.asked = "A7CK2MP?".into();
        }
        assert_eq!(Linker::new(&both, &|_| None).shared(&[0, 1]), "A7CK2MP?");
    }

    #[test]
    fn a_symbol_that_is_common_in_the_registry_counts_for_less() {
        let readings = readings(&["AA??????", "AA??????"]);
        let common = |format: &str| {
            assert_eq!(format, "ifm8");
            Some(vec![(0..33).map(|s| if s == 0 { 0.5 } else { 0.5 / 32.0 }).collect::<Vec<f64>>(); 8])
        };
        let ratio = Linker::new(&readings, &common).log10_lr(0, 1);
        assert!((ratio - 2.0 * 2f64.log10()).abs() < 1e-3, "{ratio}");
    }

    #[test]
    fn a_partial_reading_does_not_chain_two_codes_together() {
        let links = links(&["A7CK2MP4", "?7CK2MP4", "B7CK2MP4", "A7CK2MP4"]);
        assert!(links.groups.iter().all(|g| !(g.contains(&0) && g.contains(&2))), "{links:?}");
        assert!(links.groups.iter().any(|g| g.contains(&0) && g.contains(&3)));
    }

    #[test]
    fn a_whole_reading_ties_two_partial_ones_that_share_nothing() {
        // 33^4 is a lead among three readings; the outer two have no character in common.
        let links = links(&["A7CK????", "A7CK2MP4", "????2MP4"]);
        assert_eq!(links.groups, [vec![0, 1, 2]]);
        assert_eq!(links.pairs.len(), 2);
    }

    #[test]
    fn too_little_in_common_is_no_lead() {
        assert!(links(&["A7??????", "A7??????", "A7?K????"]).pairs.is_empty());
        assert_eq!(links(&[]), Links { bar: links(&[]).bar, ..Links::default() });
    }
}
