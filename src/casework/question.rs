//! What is known about a code: the probability of every symbol in every place.

use crate::batch::Record;
use crate::error::Fatal;
use crate::groups::Group;
use crate::pipeline::scheme::Scheme;

/// Least probability of a symbol: the last decimal of results.jsonl. Keeps a number that was rounded to
/// nothing from ruling a symbol out.
const LEAST: f64 = 1e-6;

/// A code, whole, partial, or as probable as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The code, `?` where not known.
    pub asked: String,
    /// Formats that it may have, which share alphabet and length.
    pub formats: Vec<String>,
    /// Symbols of the formats, in their order.
    pub alphabet: Vec<char>,
    /// For each place in reading order the probability of each symbol, if the mark was found and laid
    /// straight as it should be. Before anything was read all symbols are alike.
    pub places: Vec<Vec<f64>>,
    /// Probability that it was not, so that `places` says nothing: read the wrong way round, in another
    /// format, or where there is no mark. 0 for a code that was typed.
    pub astray: f64,
    /// Why nothing is asked of photographs that were read together, where nothing is.
    pub withheld: Option<&'static str>,
    /// What was read, where it was.
    pub reading: Option<Source>,
}

/// Which photograph a question comes from, or which photographs that were read together.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The photograph, as in the results; `None` for several.
    pub path: Option<String>,
    /// The group's name; `None` for one photograph.
    pub group: Option<String>,
    /// Of the photograph, as in the results.
    pub sha256: Option<String>,
    /// The most probable code.
    pub best: Option<String>,
    /// Probability that it is right, as the reader gave it.
    pub reading_p: f64,
}

impl Question {
    /// A code that somebody types: letters in either case, `?` for each unknown character.
    ///
    /// # Errors
    /// [`Fatal`] where it cannot be a code of any of `schemes`.
    pub fn typed(text: &str, schemes: &[Scheme]) -> Result<Self, Fatal> {
        let asked = text.trim().to_ascii_uppercase();
        let length = asked.chars().count();
        let hint =
            "8 characters such as A7?K2MP4, `?` for each that is unknown, or the folder that `decode` wrote";
        let Some(first) = schemes.iter().find(|s| s.len() == length) else {
            let mut known: Vec<String> =
                schemes.iter().map(|s| format!("{} has {}", s.id, s.len())).collect();
            known.sort();
            return Err(Fatal::new(
                format!(
                    "`{text}` is neither a folder nor a code: it has {length} characters; {}",
                    known.join(", ")
                ),
                hint,
            ));
        };
        let alphabet: Vec<char> = first.alphabet.chars().collect();
        if let Some(wrong) = asked.chars().find(|c| *c != '?' && !alphabet.contains(c)) {
            return Err(Fatal::new(
                format!("`{text}` is no code: `{wrong}` is never issued; codes use {}", first.alphabet),
                hint,
            ));
        }
        let places = asked.chars().map(|c| certain(c, &alphabet)).collect();
        let formats = schemes
            .iter()
            .filter(|s| s.len() == length && s.alphabet == first.alphabet)
            .map(|s| s.id.clone());
        Ok(Self {
            asked,
            formats: formats.collect(),
            places,
            alphabet,
            astray: 0.0,
            withheld: None,
            reading: None,
        })
    }

    /// What a line of results says; `None` where it holds no code.
    ///
    /// # Errors
    /// A sentence where it contradicts itself or its format.
    pub fn read(record: &Record, schemes: &[Scheme]) -> Result<Option<Self>, String> {
        let (Some(code), Some(format)) = (&record.code, &record.format) else { return Ok(None) };
        let positions = record.positions.iter().map(|p| listed(p.char, p.p, &p.alternatives));
        let source = Source {
            path: Some(record.path.clone()),
            group: None,
            sha256: record.sha256.clone(),
            best: record.best.clone(),
            reading_p: record.confidence,
        };
        Self::of((code, format), &positions.collect::<Vec<_>>(), source, schemes).map(Some)
    }

    /// What photographs that were read together say; `None` where they hold no code.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn joint(group: &Group, schemes: &[Scheme]) -> Result<Option<Self>, String> {
        let (Some(code), Some(format)) = (&group.code, &group.format) else { return Ok(None) };
        let positions = group.positions.iter().map(|p| listed(p.char, p.p, &p.alternatives));
        let source = Source {
            path: None,
            group: Some(group.group.clone()),
            sha256: None,
            best: group.best.clone(),
            reading_p: group.confidence,
        };
        let question = Self::of((code, format), &positions.collect::<Vec<_>>(), source, schemes)?;
        Ok(Some(Self { withheld: group.withheld(), ..question }))
    }

    /// A code as it was read in a format, with the symbols that are listed for each place.
    fn of(
        (code, format): (&str, &str),
        positions: &[Vec<(char, f64)>],
        source: Source,
        schemes: &[Scheme],
    ) -> Result<Self, String> {
        let scheme = schemes
            .iter()
            .find(|s| s.id == *format)
            .ok_or_else(|| format!("no code format is called `{format}`"))?;
        let alphabet: Vec<char> = scheme.alphabet.chars().collect();
        if code.chars().count() != scheme.len() {
            return Err(format!("code `{code}` does not have the {} characters of {format}", scheme.len()));
        }
        if let Some(c) = code.chars().find(|c| *c != '?' && !alphabet.contains(c)) {
            return Err(format!("code `{code}`: `{c}` is never issued in {format}"));
        }
        let confidence = source.reading_p;
        let (asked, formats, reading) = (code.to_string(), vec![format.to_string()], Some(source));
        if positions.is_empty() {
            // A program that gives no probabilities is taken at its word.
            let places = code.chars().map(|c| certain(c, &alphabet)).collect();
            return Ok(Self { asked, formats, alphabet, places, astray: 0.0, withheld: None, reading });
        }
        if positions.len() != scheme.len() {
            return Err(format!("{} positions, {format} has {}", positions.len(), scheme.len()));
        }
        if let Some((c, _)) = positions.iter().flatten().find(|(_, p)| !(0.0..=1.0).contains(p)) {
            return Err(format!("a probability of `{c}` is not between 0 and 1"));
        }
        let mut places: Vec<Vec<f64>> = positions.iter().map(|listed| spread(listed, &alphabet)).collect();
        let astray = astray(&places, confidence);
        for place in &mut places {
            straighten(place, astray);
        }
        Ok(Self { asked, formats, alphabet, places, astray, withheld: None, reading })
    }

    /// Characters that are known or were read as sure.
    pub fn sure(&self) -> usize {
        self.asked.chars().filter(|c| *c != '?').count()
    }

    /// Probability of one code if the mark was found as it should be; 0 for one of another length or alphabet.
    pub fn probability(&self, code: &str) -> f64 {
        let mut p = if code.chars().count() == self.places.len() { 1.0 } else { 0.0 };
        for (c, place) in code.chars().zip(&self.places) {
            p *= self.alphabet.iter().position(|a| *a == c).map_or(0.0, |i| place[i]);
        }
        p
    }

    /// Probability, if the mark was found as it should be, of a code that differs from this one in one character, each
    /// such code being as likely before; 0 as for [`Self::probability`].
    pub fn next_to(&self, code: &str) -> f64 {
        let of = |(c, place): (char, &Vec<f64>)| self.alphabet.iter().position(|a| *a == c).map(|i| place[i]);
        let own: Option<Vec<f64>> = code.chars().zip(&self.places).map(of).collect();
        let Some(own) = own.filter(|own| own.len() == self.places.len()) else { return 0.0 };
        let but = |i: usize| own.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, p)| p).product::<f64>();
        let others = (self.alphabet.len().max(2) - 1) as f64 * own.len().max(1) as f64;
        own.iter().enumerate().map(|(i, p)| but(i) * (1.0 - p)).sum::<f64>() / others
    }

    /// Probability of one code before anything was read, if codes are issued at random.
    pub fn random(&self) -> f64 {
        (self.alphabet.len() as f64).powi(-(self.places.len() as i32))
    }
}

/// The symbols that are listed for a place, the most probable one among them.
fn listed(top: char, p: f64, alternatives: &[(char, f64)]) -> Vec<(char, f64)> {
    let top = (!alternatives.iter().any(|(c, _)| *c == top)).then_some((top, p));
    alternatives.iter().copied().chain(top).collect()
}

/// A character that is known, or one that is not at all.
fn certain(c: char, alphabet: &[char]) -> Vec<f64> {
    let each = 1.0 / alphabet.len() as f64;
    alphabet.iter().map(|a| if c == '?' { each } else { f64::from(u8::from(*a == c)) }).collect()
}

/// The probabilities that are listed, what they leave shared out evenly among the other symbols.
fn spread(listed: &[(char, f64)], alphabet: &[char]) -> Vec<f64> {
    let of = |a: &char| listed.iter().find(|(c, _)| c == a).map(|(_, p)| *p);
    let given: f64 = alphabet.iter().filter_map(of).sum();
    let others = alphabet.iter().filter(|a| of(a).is_none()).count().max(1) as f64;
    let rest = (1.0 - given).max(0.0) / others;
    let all: Vec<f64> = alphabet.iter().map(|a| of(a).unwrap_or(rest).max(LEAST)).collect();
    let sum: f64 = all.iter().sum();
    all.into_iter().map(|p| p / sum).collect()
}

/// Most probability that a mark read like this may have been found wrongly. Had it been, each symbol would
/// be as likely as any other; so the surest character bounds it, and so does a whole code's own probability.
fn astray(places: &[Vec<f64>], confidence: f64) -> f64 {
    let surest = places.iter().flatten().fold(0.0, |a: f64, b| a.max(*b));
    let symbols = places.first().map_or(1, Vec::len) as f64;
    let by_characters = (1.0 - surest) * symbols / (symbols - 1.0).max(1.0);
    by_characters.min(1.0 - confidence).clamp(LEAST, 1.0 - LEAST)
}

/// Takes out of a place what it owes to marks found wrongly.
fn straighten(place: &mut [f64], astray: f64) {
    let share = astray / place.len() as f64;
    for p in place.iter_mut() {
        *p = (*p - share).max(LEAST);
    }
    let sum: f64 = place.iter().sum();
    for p in place.iter_mut() {
        *p /= sum;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(p: &[f64], confidence: f64) -> Record {
        let positions: Vec<_> = p
            .iter()
            .map(|p| {
                serde_json::json!({"char": "A", "p": p, "alternatives": [["A", p], ["4", (1.0 - p) / 2.0]],
                    "from": "both", "quad": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]})
            })
            .collect();
        serde_json::from_value(
            serde_json::json!({"schema": 1, "path": "x", "status": "partial", "code": "AAA???",
            "best": "AAAAAA", "confidence": confidence, "format": "ifm6", "positions": positions}),
        )
        .unwrap()
    }

    #[test]
    fn what_the_list_leaves_is_shared_out_among_the_other_symbols() {
        let record = record(&[0.999, 0.999, 0.999, 0.5, 0.5, 0.5], 0.2);
        let question = Question::read(&record, &Scheme::all()).unwrap().unwrap();
        let of =
            |i: usize, c: char| question.places[i][question.alphabet.iter().position(|a| *a == c).unwrap()];
        assert!((of(3, '4') - 0.25).abs() < 1e-3 && (of(3, 'Z') - 0.25 / 31.0).abs() < 1e-4);
        for place in &question.places {
            assert!((place.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        // 0.1 % is left even for the surest character: so much may be owed to a mark found wrongly, no more.
        assert!((question.astray - 0.001 * 33.0 / 32.0).abs() < 1e-6, "{}", question.astray);
        assert!(of(0, 'A') > 0.9994);
        assert_eq!(question.sure(), 3);
    }

    #[test]
    fn what_stands_next_to_a_code_is_every_code_with_another_character_in_one_place() {
        let record = record(&[0.999, 0.9, 0.8, 0.7, 0.6, 0.5], 0.2);
        let question = Question::read(&record, &Scheme::all()).unwrap().unwrap();
        let (mut sum, mut codes) = (0.0, 0);
        for (i, other) in (0..6).flat_map(|i| question.alphabet.iter().map(move |c| (i, *c))) {
            let code: String =
                "A4AZAB".chars().enumerate().map(|(j, c)| if i == j { other } else { c }).collect();
            if code != "A4AZAB" {
                (sum, codes) = (sum + question.probability(&code), codes + 1);
            }
        }
        assert!((question.next_to("A4AZAB") / (sum / f64::from(codes)) - 1.0).abs() < 1e-9);
        assert_eq!((question.next_to("A4AZA"), question.next_to("A4AZAO")), (0.0, 0.0));
    }

    #[test]
    fn a_whole_code_that_is_sure_was_not_found_wrongly() {
        let question = Question::read(&record(&[0.99; 6], 0.9995), &Scheme::all()).unwrap().unwrap();
        assert!((question.astray - 0.0005).abs() < 1e-9);
    }

    #[test]
    fn a_line_that_contradicts_its_format_is_refused() {
        let schemes = Scheme::all();
        let good = record(&[0.9; 6], 0.2);
        let short = Record { code: Some("AAA".into()), ..good.clone() };
        assert!(Question::read(&short, &schemes).unwrap_err().contains("6 characters"));
        let other = Record { format: Some("ifm9".into()), ..good.clone() };
        assert!(Question::read(&other, &schemes).unwrap_err().contains("ifm9"));
        assert!(Question::read(&record(&[0.9; 5], 0.2), &schemes).unwrap_err().contains("5 positions"));
        assert!(
            Question::read(&record(&[1.5; 6], 0.2), &schemes).unwrap_err().contains("not between 0 and 1")
        );
        let none = Record { code: None, ..good };
        assert_eq!(Question::read(&none, &schemes), Ok(None));
    }
}
