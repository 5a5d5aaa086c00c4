//! The bars from which on a code is accepted and a character is shown: so many of those above may be wrong, by what their
//! probabilities state and by what was counted.

/// Wrong codes among accepted ones that a bar may let through: one in 1,000.
const WRONG_CODES: f64 = 0.001;
/// Least probability of a code that is accepted, where the bar rests on counted ones, and of a character that is shown,
/// however many surer ones share the bar with it: each is somebody's door, and none is to be wrong more than once in 50
/// by itself.
const LEAST_COUNTED: f64 = 0.98;
/// That of a code where there were too few to count and the curve alone says where the bar lies: once in 300. At once in
/// 200, 1 of 755 groups of simulated photographs was read wrongly, at 0.9953: light from two sides made the same W of a U
/// that was struck twice.
const LEAST_HOPED: f64 = 0.997;
/// Wrong characters among those that partial codes show: two in 1,000, so that a partial code
/// with five of them is wrong once in 100.
const WRONG_CHARACTERS: f64 = 0.002;
/// What a curve states of those above a bar weighs as much as this many wrong ones, seen where as many were expected: it
/// is fitted to thousands of readings, but most lie below the bar, and above it is taken to be right within a half.
const TRUST: f64 = 4.0;
/// Quantile of the normal distribution to the one-sided level of the upper limit that a bar keeps below its share of wrong
/// ones: 80 %.
const LEVEL: f64 = 0.841_621;
/// Wrong ones that a bar must allow before its wrong ones can be said to be counted.
const COUNTABLE: f64 = 3.0;
/// Wrong ones that a format's bar must allow before what its curve states can excuse a wrong one above it.
const ENOUGH: f64 = 0.5;

/// The bar for codes of all formats together, from (probability, right), most probable first, and whether it rests on
/// counted ones.
pub(super) fn bar_for_codes(outcomes: &[(f64, bool)]) -> (f64, bool) {
    let (at, counted) = bar(outcomes, WRONG_CODES);
    (at.max(if counted { LEAST_COUNTED } else { LEAST_HOPED }), counted)
}

/// The same for characters of codes that are not accepted.
pub(super) fn bar_for_characters(outcomes: &[(f64, bool)]) -> (f64, bool) {
    let (at, counted) = bar(outcomes, WRONG_CHARACTERS);
    (at.max(LEAST_COUNTED), counted)
}

/// The lowest bar from `common` on, which holds for all formats together, above which no more of this one's were wrong
/// than may be, or are by what its curve states and was counted: a format that errs more often than its curve says pays for
/// it alone.
pub(super) fn own_bar(outcomes: &[(f64, bool)], common: f64) -> f64 {
    let mut at = 1.0;
    for cut in cuts(outcomes).take_while(|cut| cut.p >= common) {
        let allowed = WRONG_CODES * cut.above;
        if cut.wrong <= allowed || allowed >= ENOUGH && cut.at_most() <= allowed {
            at = if cut.next.is_none_or(|next| next < common) { common } else { round_up(cut.p) };
        }
    }
    at
}

/// The lowest bar above which at most `target` are wrong, and whether there are enough above it to count. The curve may be
/// wrong above a bar, and the few wrong ones there are chance: so what the probabilities expect is corrected by what was
/// counted, as far as [`TRUST`] lets it, and its upper limit kept below the target. Where the bar lets too few through to
/// count, it lies above every wrong one, where the probabilities expect no more than the target.
fn bar(outcomes: &[(f64, bool)], target: f64) -> (f64, bool) {
    let (mut counted, mut hoped) = (None, None);
    for cut in cuts(outcomes) {
        let allowed = target * cut.above;
        if cut.wrong == 0.0 && cut.expected <= allowed {
            hoped = Some(cut.p);
        }
        if allowed >= COUNTABLE && cut.wrong <= allowed && cut.at_most() <= allowed {
            counted = Some(cut.p);
        }
    }
    match (counted, hoped) {
        (Some(p), _) => (round_up(p), true),
        (None, Some(p)) => (round_up(p), false),
        // Not even the surest is sure enough.
        (None, None) => (1.0, false),
    }
}

/// A probability at which a bar may lie, and what lies above it or at it.
struct Cut {
    p: f64,
    /// The next lower one.
    next: Option<f64>,
    above: f64,
    /// Of those above, as counted.
    wrong: f64,
    /// Of those above, as their probabilities state.
    expected: f64,
}

impl Cut {
    /// Upper limit at [`LEVEL`] of the wrong ones above, by what is stated and by what was counted.
    fn at_most(&self) -> f64 {
        self.expected * worse_than_stated(self.wrong, self.expected)
    }
}

/// All places for a bar, the highest first: equals lie on one side of it.
fn cuts(outcomes: &[(f64, bool)]) -> impl Iterator<Item = Cut> {
    let (mut wrong, mut expected) = (0.0, 0.0);
    outcomes.iter().enumerate().filter_map(move |(i, (p, right))| {
        wrong += f64::from(u8::from(!right));
        expected += 1.0 - p;
        let next = outcomes.get(i + 1).map(|next| next.0);
        let cut = Cut { p: *p, next, above: (i + 1) as f64, wrong, expected };
        next.is_none_or(|next| next < *p).then_some(cut)
    })
}

/// Upper limit at [`LEVEL`] of how many times as many are wrong as the curve states, of which `wrong` were seen and
/// `expected` stated: of a gamma distribution of shape [`TRUST`] + `wrong`, by E. B. Wilson and M. M. Hilferty (P. Natl.
/// Acad. Sci. USA 17:684-688, 1931), which [`TRUST`] alone gives the mean 1. Never less than 1: a curve is not taken to be
/// too modest.
fn worse_than_stated(wrong: f64, expected: f64) -> f64 {
    let shape = TRUST + wrong;
    let limit = shape * (1.0 - 1.0 / (9.0 * shape) + LEVEL / (3.0 * shape.sqrt())).powi(3);
    (limit / (TRUST + expected)).max(1.0)
}

/// Five decimals, never lower than `p`.
fn round_up(p: f64) -> f64 {
    ((p * 1e5).ceil() / 1e5).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve that states half of what is wrong lets a wrong code through for each that was allowed, unless it is found out.
    #[test]
    fn a_curve_that_is_too_sure_gets_a_higher_bar_and_a_right_one_hardly() {
        // chi-square quantiles at 0.8 with 8 and 24 degrees of freedom, halved, over the means.
        assert!((worse_than_stated(0.0, 0.0) - 11.030 / 8.0).abs() < 0.005);
        assert!((worse_than_stated(8.0, 8.0) - 29.553 / 24.0).abs() < 0.005);
        assert!((1.0..1.1).contains(&worse_than_stated(400.0, 400.0)));
        assert!((2.0..2.3).contains(&worse_than_stated(40.0, 20.0)));
    }

    #[test]
    fn a_bar_is_counted_where_there_is_enough_and_lies_above_every_wrong_one_elsewhere() {
        // 5,000 that the curve is sure of and that are right, then every second one wrong, whatever the curve says.
        let p = |i: usize| 1.0 - i as f64 * 1e-7;
        let many: Vec<(f64, bool)> = (0..9000).map(|i| (p(i), i < 5000 || i % 2 == 0)).collect();
        let (at, counted) = bar(&many, WRONG_CODES);
        assert!(counted && at > p(5100) && at <= p(4900), "{at}");
        // All right, but the curve does not expect it of the second half: 5 in 1,000 of all.
        let doubted: Vec<(f64, bool)> =
            (0..10_000).map(|i| (if i < 5000 { 0.9995 } else { 0.99 }, true)).collect();
        assert_eq!(bar(&doubted, WRONG_CODES), (0.9995, true));
        let few: Vec<(f64, bool)> = vec![(0.9999, true), (0.9995, false), (0.999, true)];
        let (at, counted) = bar(&few, WRONG_CODES);
        assert!(!counted && at > 0.9995 && at <= 0.9999, "{at}");
        // 95 sure ones and 5 of which a hundredth is expected to be wrong: 6 in 10,000 of all.
        let mixed: Vec<(f64, bool)> = (0..100).map(|i| (if i < 95 { 0.9999 } else { 0.99 }, true)).collect();
        assert_eq!(bar(&mixed, WRONG_CODES), (0.99, false));
        assert_eq!(bar(&mixed[90..], WRONG_CODES), (0.9999, false));
        // Nothing is sure enough.
        assert_eq!(bar(&[(0.95, true)], WRONG_CODES), (1.0, false));
    }

    fn outcomes(of: impl Iterator<Item = (f64, bool)>) -> Vec<(f64, bool)> {
        of.collect()
    }

    #[test]
    fn no_code_is_accepted_that_by_itself_is_less_sure_than_the_least() {
        // Thousands that are right, most of them far above the others: on average nearly all could be accepted.
        let many = outcomes((0..4000).map(|i| (if i < 3970 { 0.9999 } else { 0.9 }, true)));
        assert_eq!(bar_for_codes(&many), (LEAST_COUNTED, true));
        // A hundred are too few to count.
        let few = outcomes((0..100).map(|i| (if i < 95 { 0.9999 } else { 0.99 }, true)));
        assert_eq!(bar_for_codes(&few), (LEAST_HOPED, false));
    }

    #[test]
    fn a_format_with_a_wrong_code_above_the_common_bar_gets_a_higher_one() {
        let p = |i: usize| 0.9999 - i as f64 * 1e-4;
        let right = outcomes((0..100).map(|i| (p(i), true)));
        assert_eq!(own_bar(&right, 0.993), 0.993);
        let one_wrong = outcomes((0..100).map(|i| (p(i), i != 40)));
        let at = own_bar(&one_wrong, 0.993);
        assert!(at > p(40) && at <= p(39), "{at}");
        // Among 900 of which 0.5 are expected to be wrong, one is no reason to raise it, five are.
        let of = |wrong: usize| {
            outcomes((0..900).map(|i| (0.9999 - i as f64 * 1e-6, i % 150 != 75 || i / 150 >= wrong)))
        };
        assert_eq!(own_bar(&of(1), 0.99), 0.99);
        assert!(own_bar(&of(5), 0.99) > 0.99);
        // The surest of all is wrong.
        assert_eq!(own_bar(&outcomes([(0.9999, false), (0.999, true)].into_iter()), 0.993), 1.0);
        assert_eq!(own_bar(&[], 0.993), 1.0);
    }
}
