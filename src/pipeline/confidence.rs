//! Evidence to calibrated probabilities, and the bars for acceptance: a data file, fitted on
//! guns of its own by `microstamp calibrate`.

mod file;

pub use file::{Curves, Fitted};

use super::fuse::{Fused, MOST, logit};
use serde::{Deserialize, Serialize};

/// Names of what is measured about a whole code, in the order of a reading's evidence. All are in natural
/// logarithms, larger for a better reading, so that none has a weight below 0. Chosen on 14,693 readings with the gun left
/// out: with the second-least probable character, what ring and characters say the same, and whether there is a ring
/// besides, 6,171 are accepted in place of 6,156, but only where these may have weights below 0.
///
/// | name | meaning |
/// |---|---|
/// | `whole` | log-odds of the whole code as characters and ring give it, times the probability of a mark |
/// | `weakest` | log-odds of the least probable character |
/// | `presence` | log-odds that there is a mark at all |
/// | `contradiction` | the ring's log-likelihood ratio for the character that it supports least; 0 without a ring |
pub const FEATURES: [&str; 4] = ["whole", "weakest", "presence", "contradiction"];

/// Log-odds from which on a character's curve has a slope of its own: 0.95. A character that stands in the wrong place, or
/// in a code of the wrong format, is wrong however clearly it is seen, which hardly matters where characters are in doubt.
const CLEAR: f64 = 3.0;

/// A logistic curve over [`FEATURES`], one over a single character's log-odds, and the bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// Log-odds where all features are 0.
    pub bias: f64,
    /// Log-odds a unit of each feature.
    pub weights: Vec<f64>,
    /// Least probability at which a whole code is accepted.
    pub accept: f64,
    /// Log-odds where a character's own log-odds are 0, then what a unit of them is worth, and how much more one above 3.
    pub character: [f64; 3],
    /// Least probability at which a character of a partial code is shown.
    pub accept_character: f64,
}

impl Curve {
    /// Probability that the whole code is right, from the values that the weights are for.
    pub fn whole(&self, evidence: &[f64]) -> f64 {
        limited(self.bias + self.weights.iter().zip(evidence).map(|(w, f)| w * f).sum::<f64>())
    }

    /// The same curve, accepting whole codes from `least` on at the least.
    pub fn accepting_from(self, least: f64) -> Self {
        Self { accept: self.accept.max(least), ..self }
    }

    /// Probability that a character with these log-odds is right.
    pub fn one(&self, log_odds: f64) -> f64 {
        let [bias, slope, more] = self.character;
        let [all, clear] = character(log_odds);
        limited(bias + slope * all + more * clear)
    }
}

/// A probability from log-odds, no surer than any evidence can be.
fn limited(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds.clamp(-MOST, MOST)).exp())
}

impl Fitted for Curve {
    const FEATURES: &'static [&'static str] = &FEATURES;
    const BUILT_IN: &'static str = include_str!("calibration.toml");

    fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Takes the scores at their word and accepts only what they are very sure of. One wrong in 1,000 may pass.
    fn unfitted() -> Self {
        let weights = FEATURES.map(|f| f64::from(u8::from(f == "whole"))).to_vec();
        Self { bias: 0.0, weights, accept: 0.999, character: [0.0, 1.0, 0.0], accept_character: 0.999 }
    }

    fn check(&self) -> Result<(), String> {
        let [bias, slope, more] = self.character;
        if !self.weights.iter().chain([&self.bias]).all(|w| w.is_finite()) {
            return Err("a curve whose weights are no numbers".into());
        }
        if self.weights.iter().any(|w| *w < 0.0) {
            return Err(format!("a curve that does not rise with its evidence: {:?}", self.weights));
        }
        // Or what is seen more clearly would count as less sure.
        if !(bias.is_finite() && slope > 0.0 && slope + more > 0.0) {
            return Err(format!("a curve of characters that does not rise: {:?}", self.character));
        }
        if ![self.accept, self.accept_character].iter().all(|bar| (0.0..=1.0).contains(bar)) {
            return Err("bars are probabilities, 0-1".into());
        }
        Ok(())
    }
}

/// The curves by format.
pub type Calibration = Curves<String, Curve>;

/// What a character's curve is over: its log-odds, and how far they lie above [`CLEAR`].
pub(crate) fn character(log_odds: f64) -> [f64; 2] {
    [log_odds, (log_odds - CLEAR).max(0.0)]
}

/// Log-odds of each character's most probable symbol, and the least of them; 0 where there is none.
pub(crate) fn characters(best: &[usize], positions: &[Vec<f64>], presence: f64) -> (Vec<f64>, f64) {
    let each: Vec<f64> = best.iter().zip(positions).map(|(b, p)| logit(presence * p[*b])).collect();
    let least = each.iter().copied().reduce(f64::min).unwrap_or(0.0);
    (each, least)
}

/// What is known about a reading: the [`FEATURES`] of the whole code, then the log-odds of each
/// character's most probable symbol. Four decimals, so that a record holds exactly what was used.
pub(super) fn evidence(fused: &Fused<'_>, best: &[usize], presence: f64) -> Vec<f64> {
    let (each, weakest) = characters(best, &fused.positions, presence);
    let whole = [logit(presence * fused.whole), weakest, logit(presence), fused.contradiction];
    whole.into_iter().chain(each).map(|x| (x * 1e4).round() / 1e4).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::net::Networks;
    use crate::pipeline::photo::sha256;
    use std::collections::BTreeMap;

    #[test]
    fn the_built_in_calibration_parses_and_its_bars_are_probabilities() {
        for curve in Calibration::built_in().engine.values().flat_map(BTreeMap::values) {
            // No code is to be wrong more than once in 50 by itself.
            assert!((0.98..=1.0).contains(&curve.accept) && (0.5..=1.0).contains(&curve.accept_character));
        }
    }

    #[test]
    fn the_built_in_curves_are_those_of_the_built_in_networks() {
        let networks = &Networks::built_in().unwrap().file_sha256;
        let calibration = Calibration::built_in();
        assert!(calibration.is_of("learned", networks), "fit them anew: src/pipeline/README.md");
        // Nor with other settings.
        assert_eq!(calibration.settings["learned"], sha256(crate::Settings::default().reading().as_bytes()));
        // What other networks say is not worth what these say.
        assert_ne!(calibration.curve("learned", networks, "ifm8"), Curve::unfitted());
        assert_eq!(calibration.curve("learned", "0", "ifm8"), Curve::unfitted());
    }

    #[test]
    fn curves_of_other_networks_do_not_stay_beside_those_that_are_fitted_anew() {
        let mut file = Calibration::default();
        file.of_reader("own", "1", "s").insert("ifm8".into(), Curve::unfitted());
        file.of_reader("other", "1", "s").insert("ifm8".into(), Curve::unfitted());
        file.of_reader("own", "1", "s").insert("ifm6".into(), Curve::unfitted());
        assert_eq!(file.engine["own"].len(), 2);
        file.of_reader("own", "2", "s").insert("ifm6".into(), Curve::unfitted());
        assert_eq!(file.engine["own"].keys().collect::<Vec<_>>(), ["ifm6"]);
        assert!(file.is_of("own", "2") && file.is_of("other", "1") && file.engine["other"].len() == 1);
        file.of_reader("own", "2", "t");
        assert!(file.engine["own"].is_empty());
    }

    #[test]
    fn an_engine_without_a_calibration_is_taken_at_its_word() {
        let curve = Calibration::built_in().curve("nobody", "0", "ifm8");
        let mut evidence = vec![0.0; FEATURES.len()];
        evidence[0] = logit(0.75);
        assert!((curve.whole(&evidence) - 0.75).abs() < 1e-9);
        assert!((curve.one(logit(0.3)) - 0.3).abs() < 1e-9);
    }

    #[test]
    fn a_bar_is_raised_and_never_lowered() {
        let networks = &Networks::built_in().unwrap().file_sha256;
        let curve = Calibration::built_in().curve("learned", networks, "ifm8");
        assert_eq!(curve.clone().accepting_from(0.0), curve);
        let stricter = curve.clone().accepting_from(0.995);
        assert!(curve.accept < 0.995 && stricter.accept == 0.995);
        assert_eq!(stricter.accept_character, curve.accept_character);
    }

    #[test]
    fn a_calibration_for_other_features_is_refused() {
        assert!(Calibration::parse("features = [\"sum\"]").unwrap_err().contains("whole"));
        let short = format!(
            "features = {FEATURES:?}\n[engine.learned.ifm8]\nbias = 0.0\nweights = [1.0]\n\
             accept = 0.9\ncharacter = [0.0, 1.0, 0.0]\naccept_character = 0.9"
        );
        assert!(Calibration::parse(&short).unwrap_err().contains("1 weights"));
    }

    #[test]
    fn a_curve_that_calls_a_clearer_character_less_sure_is_refused() {
        let mut file = Calibration::default();
        let mut refusal = |curve: Curve| {
            file.engine = BTreeMap::from([("own".into(), BTreeMap::from([("ifm8".into(), curve)]))]);
            Calibration::parse(&toml::to_string(&file).unwrap()).err()
        };
        let curve = Curve::unfitted();
        assert_eq!(refusal(curve.clone()), None);
        for character in [[0.0, -0.1, 0.5], [0.0, 0.4, -0.5]] {
            assert!(refusal(Curve { character, ..curve.clone() }).unwrap().contains("does not rise"));
        }
        assert!(refusal(Curve { accept: 1.5, ..curve.clone() }).unwrap().contains("bars"));
        let weights = vec![1.0, 0.0, -0.1, 0.0];
        assert!(refusal(Curve { weights, ..curve }).unwrap().contains("rise with its evidence"));
    }
}
