//! What several photographs say together, to calibrated probabilities: a data file, fitted on guns of its
//! own by `microstamp calibrate --groups`.

use super::joint::Joint;
use super::reading::Kind;
use crate::batch::Record;
use crate::pipeline::confidence::{Curve, Curves, FEATURES as SINGLE, Fitted, characters};
use crate::pipeline::fuse::logit;
use serde::{Deserialize, Serialize};

/// Names of what is measured about a joint reading, in the order of its evidence. Logarithms are natural, and none has a
/// weight below 0. Few, since wrong groups are few: with the gun left out, 1,418 groups of an earlier simulation gave a log
/// loss of 0.106 with these and the odds of rotation and format, and of 0.112 with seven more (second-least character,
/// presence, members, those left out, agreement, contradiction, ring).
///
/// | name | meaning |
/// |---|---|
/// | `whole` | log-odds of the whole code, times the probability of a mark |
/// | `weakest` | log-odds of the least probable character |
pub const FEATURES: [&str; 2] = ["whole", "weakest"];

/// Photographs of the groups that curves were fitted to, at the most. More of them count as so many: what is wrong with a
/// pin is on all of its cases, and nobody has seen that a twentieth tells more of it than a fourth.
pub const MOST_COUNTED: usize = 4;

/// How photographs of one kind of group are added up, and what their sum is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JointCurve {
    /// Correlation of what two photographs of a group get wrong, 0-1: of n, each counts 1 / (1 + (n - 1) of it).
    pub dependence: f64,
    /// Probability, 0-0.5, that a photograph with a mark whose own reading is sure says nothing about the group's code: one
    /// that is sure of nothing does twice as often.
    pub astray: f64,
    /// Over [`FEATURES`].
    pub curve: Curve,
}

impl JointCurve {
    /// Weight of the scores of each of `n` photographs, 0-1.
    pub fn weight(&self, n: usize) -> f64 {
        let counted = n.clamp(1, MOST_COUNTED) as f64;
        counted / (n.max(1) as f64 * (1.0 + (counted - 1.0) * self.dependence))
    }

    /// Probability that a photograph whose own reading has this confidence says nothing about the group's code.
    pub fn astray(&self, confidence: f64) -> f64 {
        self.astray * (2.0 - confidence)
    }
}

impl Fitted for JointCurve {
    const FEATURES: &'static [&'static str] = &FEATURES;
    const BUILT_IN: &'static str = include_str!("calibration.toml");

    fn weights(&self) -> &[f64] {
        &self.curve.weights
    }

    /// n photographs count as one, and only what is very sure is accepted.
    fn unfitted() -> Self {
        let weights = FEATURES.map(|f| f64::from(u8::from(f == "whole"))).to_vec();
        Self { dependence: 1.0, astray: 0.1, curve: Curve { weights, ..Curve::unfitted() } }
    }

    fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.dependence) || !(0.0..0.5).contains(&self.astray) || self.astray == 0.0
        {
            return Err("dependence and astray are shares: 0-1, and above 0 and below 0.5".into());
        }
        self.curve.check()
    }
}

/// The curves by kind of group.
pub type Calibration = Curves<Kind, JointCurve>;

/// What is known about a joint reading: the [`FEATURES`] of the whole code, then the log-odds of each
/// character's most probable symbol; four decimals.
pub(super) fn evidence(joint: &Joint<'_>, members: &[&Record]) -> Vec<f64> {
    let taken = members.iter().zip(&joint.parts).filter(|(_, part)| part.view.is_some());
    let presence = SINGLE.iter().position(|f| *f == "presence").unwrap_or(0);
    let presences = taken.filter_map(|(member, _)| member.evidence.get(presence)).copied();
    let log_presence = presences.reduce(f64::max).unwrap_or(0.0);
    let presence = 1.0 / (1.0 + (-log_presence).exp());
    let (each, weakest) = characters(&joint.best, &joint.positions, presence);
    let whole = [logit(presence * joint.whole), weakest];
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
        for joint in Calibration::built_in().engine.values().flat_map(BTreeMap::values) {
            let curve = &joint.curve;
            // What too few groups were there to count is accepted from 0.997 on.
            assert!((0.997..=1.0).contains(&curve.accept) && (0.5..=1.0).contains(&curve.accept_character));
        }
    }

    #[test]
    fn the_built_in_curves_are_those_of_the_built_in_networks() {
        let networks = &Networks::built_in().unwrap().file_sha256;
        let calibration = Calibration::built_in();
        assert!(calibration.is_of("learned", networks), "fit them anew: src/groups/README.md");
        assert_eq!(calibration.settings["learned"], sha256(crate::Settings::default().reading().as_bytes()));
    }

    #[test]
    fn photographs_that_depend_on_each_other_count_as_fewer() {
        let at = |dependence: f64| JointCurve { dependence, ..JointCurve::unfitted() };
        assert_eq!(at(0.0).weight(4), 1.0);
        assert_eq!(at(0.5).weight(1), 1.0);
        assert!((4.0 * at(0.5).weight(4) - 1.6).abs() < 1e-12);
        assert_eq!(4.0 * at(1.0).weight(4), 1.0);
        // Twenty that share a pin's fault are no surer of it than four.
        assert!((20.0 * at(0.5).weight(20) - 4.0 * at(0.5).weight(4)).abs() < 1e-12);
    }

    #[test]
    fn a_calibration_for_other_features_or_without_sense_is_refused() {
        assert!(Calibration::parse("features = [\"sum\"]").unwrap_err().contains("whole"));
        let file = |dependence: f64, weights: &[f64]| {
            format!(
                "features = {FEATURES:?}\n[engine.learned.gun]\ndependence = {dependence:?}\nastray = 0.1\n\
                 [engine.learned.gun.curve]\nbias = 0.0\nweights = {weights:?}\naccept = 0.9\n\
                 character = [0.0, 1.0, 0.0]\naccept_character = 0.9"
            )
        };
        assert!(Calibration::parse(&file(0.5, &[1.0; 2])).is_ok());
        assert!(Calibration::parse(&file(0.5, &[1.0])).unwrap_err().contains("1 weights"));
        assert!(Calibration::parse(&file(1.5, &[1.0; 2])).unwrap_err().contains("shares"));
    }
}
