//! Whether a stated confidence is what it says, and what a bar on it would buy.

use super::interval::{Interval, Rate, Tally, wilson};
use super::pair::Pair;
use serde::Serialize;

/// Bins of the reliability table, of equal width.
const BINS: usize = 10;

/// Stated confidence against the share that is right, over the photographs with a `best`.
///
/// A `best` on a photograph without a microstamp counts as wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Photographs with a `best`.
    pub photographs: u64,
    /// Mean stated confidence, 0-1; `None` without photographs.
    pub mean_confidence: Option<f64>,
    /// Those whose `best` is right.
    pub right: Rate,
    /// Expected calibration error with 10 bins of equal width (C. Guo et al., ICML 2017, eq. 3): the
    /// mean over photographs of the distance between their bin's mean confidence and its share right,
    /// 0-1; `None` without photographs.
    pub ece: Option<f64>,
    /// The error that a confidence which is right would show on average of as many photographs, by chance alone, 0-1:
    /// few photographs show one even then. Photographs are taken as independent.
    pub ece_by_chance: Option<f64>,
    /// The bins that hold photographs, lowest first.
    pub reliability: Vec<Bin>,
}

/// One bin of the reliability table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Lower end of the confidence, belongs to the bin.
    pub from: f64,
    /// Upper end, belongs to the next bin (to this one at 1).
    pub to: f64,
    /// Mean stated confidence.
    pub mean_confidence: f64,
    /// Those whose `best` is right, of those in the bin.
    pub right: Rate,
}

/// Works out the calibration of the photographs with a `best`.
pub fn calibration(pairs: &[Pair<'_>]) -> Calibration {
    let mut all = Tally::default();
    let mut sum = 0.0;
    // Sum of the confidences, variance of the number of right ones if they are right, and which were.
    let mut bins: [(f64, f64, Tally<'_>); BINS] = Default::default();
    for pair in pairs {
        let Some(right) = pair.best_right() else { continue };
        let confidence = pair.result.confidence;
        sum += confidence;
        all.one(pair.gun(), right);
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += confidence;
        bin.1 += confidence * (1.0 - confidence);
        bin.2.one(pair.gun(), right);
    }
    let right = all.rate();
    let (mut error, mut by_chance) = (0.0, 0.0);
    let mut reliability = Vec::new();
    for (i, (confidence, variance, tally)) in bins.iter().enumerate() {
        let right = tally.rate();
        by_chance += deviation(*variance);
        let Some(share) = right.share else { continue };
        let mean_confidence = confidence / right.of as f64;
        error += right.of as f64 * (mean_confidence - share).abs();
        let width = BINS as f64;
        reliability.push(Bin { from: i as f64 / width, to: (i + 1) as f64 / width, mean_confidence, right });
    }
    let mean = |total: f64| (right.of > 0).then(|| total / right.of as f64);
    Calibration {
        photographs: right.of,
        mean_confidence: mean(sum),
        ece: mean(error),
        ece_by_chance: mean(by_chance),
        right,
        reliability,
    }
}

/// Mean distance of a number of right ones from what is expected, from its variance: that of a normal number, and where
/// there are too few for one no more than the sum of the single distances.
fn deviation(variance: f64) -> f64 {
    (2.0 * variance / std::f64::consts::PI).sqrt().min(2.0 * variance)
}

/// What would be accepted, and how much of it wrong, for every bar on the confidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskCoverage {
    /// One point a distinct confidence, highest bar first.
    pub points: Vec<Point>,
    /// Mean risk over the ranked photographs (Y. Geifman, R. El-Yaniv, ICLR 2019: area under the
    /// curve), 0-1, smaller is better; `None` without photographs that have a `best`.
    pub area: Option<f64>,
    /// Where the run's own acceptance lies; `None` where nothing was accepted.
    pub accepted: Option<Point>,
}

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Lowest confidence accepted.
    pub confidence: f64,
    /// Photographs accepted.
    pub accepted: u64,
    /// Those with a wrong code.
    pub wrong: u64,
    /// Accepted among all photographs, 0-1.
    pub coverage: f64,
    /// Wrong among the accepted, 0-1.
    pub risk: f64,
    /// Wilson interval of the risk.
    pub wilson: Option<Interval>,
}

impl Point {
    fn new(confidence: f64, accepted: u64, wrong: u64, photographs: usize) -> Self {
        let risk = wrong as f64 / accepted as f64;
        Self {
            confidence,
            accepted,
            wrong,
            coverage: accepted as f64 / photographs as f64,
            risk,
            wilson: wilson(risk, accepted as f64),
        }
    }
}

/// Ranks the photographs with a `best` by confidence; photographs of equal confidence enter together.
pub fn risk_coverage(pairs: &[Pair<'_>]) -> RiskCoverage {
    let mut ranked: Vec<(f64, bool)> =
        pairs.iter().filter_map(|p| p.best_right().map(|right| (p.result.confidence, right))).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut points: Vec<Point> = Vec::new();
    let (mut accepted, mut wrong, mut area) = (0, 0, 0.0);
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        accepted += tied.len() as u64;
        wrong += tied.iter().filter(|(_, right)| !right).count() as u64;
        let point = Point::new(tied[0].0, accepted, wrong, pairs.len());
        area += point.risk * tied.len() as f64;
        points.push(point);
    }
    let own: Vec<&Pair<'_>> = pairs.iter().filter(|p| p.accepted()).collect();
    let bar = own.iter().map(|p| p.result.confidence).reduce(f64::min);
    let false_codes = own.iter().filter(|p| !p.agrees()).count() as u64;
    RiskCoverage {
        area: (!ranked.is_empty()).then(|| area / ranked.len() as f64),
        points,
        accepted: bar.map(|bar| Point::new(bar, own.len() as u64, false_codes, pairs.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chance_shows_is_near_what_can_be_counted() {
        for (photographs, p) in [(1, 0.02), (5, 0.9), (40, 0.03), (100, 0.3), (300, 0.97)] {
            // The probability of every number of right ones, a photograph at a time.
            let mut numbers = vec![1.0];
            for _ in 0..photographs {
                let mut next = vec![0.0; numbers.len() + 1];
                for (right, share) in numbers.iter().enumerate() {
                    next[right] += share * (1.0 - p);
                    next[right + 1] += share * p;
                }
                numbers = next;
            }
            let expected = f64::from(photographs) * p;
            let truth: f64 =
                numbers.iter().enumerate().map(|(n, share)| share * (n as f64 - expected).abs()).sum();
            let found = deviation(expected * (1.0 - p));
            assert!((found / truth - 1.0).abs() < 0.2, "{photographs} of {p}: {found}, {truth}");
        }
    }
}
