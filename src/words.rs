//! Figures and answers in words: alike on a terminal and on a page, so that nobody reads two answers.

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

/// How many of what: `1 record`, `2,000 records`.
pub fn counted(n: i64, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// A probability as a share of a hundred, never rounded up to certainty or down to impossibility.
pub fn percent(p: f64) -> String {
    match p * 100.0 {
        x if x > 0.0 && x < 0.01 => "< 0.01 %".into(),
        x if x > 99.99 && x < 100.0 => "> 99.99 %".into(),
        // Cut off where a probability is cut off: not another figure on every page, and none that is too high.
        x if x > 99.0 => format!("{:.2} %", (x * 100.0).floor() / 100.0),
        x => format!("{x:.2} %"),
    }
}

/// An expected number, to two figures where it is small.
pub fn expected(x: f64) -> String {
    match x {
        x if x >= 100.0 => thousands(x.round() as i64),
        0.0 => "none".into(),
        x if x >= 0.1 => format!("{x:.1}"),
        x if x >= 1e-6 => format!("{x:.0$}", (1.0 - x.log10()).floor() as usize + 1),
        _ => "less than 0.000001".into(),
    }
}

/// Said where a firearm stands in several rows of an answer.
pub const TIMES: &str = "A firearm that bore its code over several times, or is spelled in several ways, has a row for each, and each row \
    shows the probability of the firearm.";

/// Why a record or another reading is hardly a lead, where less than half of the reading `code` is sure: then its
/// probabilities rest on how codes are taken to be issued, and on what was doubtful.
pub fn hardly(code: &str) -> Option<String> {
    let (sure, places) = (code.chars().filter(|c| *c != '?').count(), code.chars().count());
    (2 * sure < places).then(|| match sure {
        0 => "no character is sure".into(),
        1 => "only 1 character is sure".into(),
        n => format!("only {n} characters are sure"),
    })
}

/// How many leads are hardly leads by themselves, in a sentence; empty where none is.
pub fn hardly_leads(n: usize) -> String {
    let rest = match n {
        0 => return String::new(),
        1 => {
            "is with a reading of which less than half of the characters are sure, and hardly a lead by itself."
        }
        _ => {
            "are with a reading of which less than half of the characters are sure, and hardly leads by themselves."
        }
    };
    format!("{n} of them {rest}")
}

/// Places, from 1, where a character that `code` is sure of is another one in `other`.
pub fn contradictions(code: &str, other: &str) -> Vec<i64> {
    let pairs = (1..).zip(code.chars().zip(other.chars()));
    pairs.filter(|(_, (sure, there))| *sure != '?' && sure != there).map(|(place, _)| place).collect()
}

/// Where a record's code has other characters than the most probable code `best`, as `X for V at 4`; empty where
/// nowhere, or where no code is the most probable.
pub fn unlike_best(best: &str, code: &str) -> String {
    let pairs = best.chars().zip(code.chars()).enumerate();
    let others = pairs.filter(|(_, (best, there))| best != there);
    others.map(|(i, (best, there))| format!("{there} for {best} at {}", i + 1)).collect::<Vec<_>>().join(", ")
}

/// The days from and to which a component was in a firearm; empty where neither is known.
pub fn days(from: &str, to: &str) -> String {
    match (from, to) {
        ("", "") => String::new(),
        (from, "") => format!("from {from}"),
        ("", to) => format!("to {to}"),
        (from, to) => format!("{from} to {to}"),
    }
}

/// Where a registry's log has a question, and what its hash is good for.
pub fn logged(row: &str, time: &str, sha256: &str) -> String {
    format!(
        "Row {row} of the registry's log, {time}. `registry log --registry FILE --verify --since {sha256}` shows whether it stands there \
         as it did."
    )
}

/// Which records a question was narrowed to, as it stands behind "records"; empty where to none.
pub fn narrowing(formats: &[String], make: Option<&str>, calibre: Option<&str>, on: Option<&str>) -> String {
    let formats = (!formats.is_empty()).then(|| formats.join(" or "));
    let named = [("format", formats.as_deref()), ("make", make), ("calibre", calibre)];
    let named: Vec<String> =
        named.iter().filter_map(|(name, value)| value.map(|v| format!("{name} {v}"))).collect();
    let mut parts = Vec::new();
    if !named.is_empty() {
        parts.push(format!("of {}", named.join(" and ")));
    }
    // A record without days says nothing of this one, and is taken all the same.
    parts.extend(on.map(|day| format!("in the firearm on {day} or without days")));
    parts.join(", ")
}

/// The hypothesis that no record compared is the right one. Of a narrowed question it says nothing about
/// the rest of the registry, and must not sound as if it did.
pub fn in_none(narrowing: &str) -> String {
    if narrowing.is_empty() { "not registered".into() } else { format!("in no record {narrowing}") }
}

/// What a narrowing left out, in a sentence; `left_out` is `None` where it was not counted. `better`: one of them fits the
/// reading better than all that were compared.
pub fn left_out(narrowing: &str, left_out: Option<i64>, better: bool) -> String {
    let better = |which: &str| match better {
        true => format!(" {which} fits the code better than every record that was compared."),
        false => String::new(),
    };
    match left_out {
        Some(1) => format!("Left out: 1 compatible record that is not {narrowing}.{}", better("It")),
        Some(n) => format!(
            "Left out: {} compatible records that are not {narrowing}.{}",
            thousands(n),
            better("One of them")
        ),
        None => format!("Left out, and not counted: compatible records that are not {narrowing}."),
    }
}

/// What an answer about some records takes for granted; `beside`: the probabilities of all records stand beside it.
pub fn granted(narrowing: &str, beside: bool) -> String {
    let beside = if beside { " Beside each probability stands what it is of all records." } else { "" };
    format!("Taken for granted: that the record is one {narrowing}.{beside}")
}

/// Compatible records of other formats than the reading's, in a sentence; empty where there are none.
pub fn of_other_formats(n: i64) -> String {
    match n {
        0 => String::new(),
        1 => "Not compared: 1 record of another format whose code is compatible.".into(),
        n => format!("Not compared: {} records of other formats whose codes are compatible.", thousands(n)),
    }
}

/// Sure characters of a reading that are others in a record, and their places, from 1; empty where there are none.
pub fn differing(n: i64, places: &[i64]) -> String {
    let at = places.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let only = if at.is_empty() { at } else { format!(": only if character {at} was misread") };
    match n {
        0 => String::new(),
        1 => format!("1 sure character differs{only}"),
        n => format!("{n} sure characters differ{only}"),
    }
}

/// What was assumed before anything was looked up: the share of unregistered codes, and that of them which differ from a
/// registered one in one character, where it is known.
pub fn assumed(share: f64, next_to: Option<f64>, narrowing: &str) -> String {
    let none = if narrowing.is_empty() { "in no registry".into() } else { in_none(narrowing) };
    let issued = next_to.map_or_else(String::new, |share| {
        format!(
            "; of these {} differ from a registered one in one character, and the others were issued at random",
            percent(share)
        )
    });
    format!("Assumed before: {} of codes are {none}{issued}.", percent(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_before_every_three_digits() {
        let shown = [0, 999, 1_000, 12_345_678, -1_234].map(thousands);
        assert_eq!(shown, ["0", "999", "1,000", "12,345,678", "-1,234"]);
        assert_eq!([1, 2].map(|n| counted(n, "photograph")), ["1 photograph", "2 photographs"]);
    }

    #[test]
    fn small_expected_numbers_are_shown_to_two_figures_and_never_as_nothing() {
        let shown = [277_000.4, 8.41, 0.2555, 0.0077, 0.000_234, 1e-9, 0.0].map(expected);
        assert_eq!(shown, ["277,000", "8.4", "0.3", "0.0077", "0.00023", "less than 0.000001", "none"]);
    }

    #[test]
    fn a_share_that_is_not_all_is_never_shown_as_all_or_nothing() {
        let shown = [1.0, 0.999_999, 0.996_551, 0.5, 0.000_01, 0.0].map(percent);
        assert_eq!(shown, ["100.00 %", "> 99.99 %", "99.65 %", "50.00 %", "< 0.01 %", "0.00 %"]);
    }

    #[test]
    fn a_reading_of_which_less_than_half_is_sure_is_hardly_a_lead() {
        let said = ["A7CK2MP4", "A7CK????", "A7C?????", "???K????", "??????"].map(hardly);
        let few = |text: &str| Some(text.to_string());
        let expected = [None, None, few("only 3 characters are sure"), few("only 1 character is sure")];
        assert_eq!((&said[..4], &said[4]), (&expected[..], &few("no character is sure")));
    }

    #[test]
    fn a_record_of_another_code_than_the_most_probable_one_says_where() {
        assert_eq!(unlike_best("A7CK2MP4", "A7CK2MP4"), "");
        assert_eq!(unlike_best("A7CK2MP4", "A7CX2MP5"), "X for K at 4, 5 for 4 at 8");
        assert_eq!(unlike_best("", "A7CX2MP5"), "");
    }

    #[test]
    fn an_answer_about_some_records_never_sounds_like_one_about_all() {
        let all = narrowing(&[], None, None, None);
        assert_eq!((in_none(&all).as_str(), all.as_str()), ("not registered", ""));
        let some = narrowing(&[], Some("Glock"), Some("9mm"), Some("2024-05-31"));
        assert_eq!(
            in_none(&some),
            "in no record of make Glock and calibre 9mm, in the firearm on 2024-05-31 or without days"
        );
        let formats = ["ifm8", "ifm8-323"].map(String::from);
        assert_eq!(
            narrowing(&formats, Some("Glock"), None, None),
            "of format ifm8 or ifm8-323 and make Glock"
        );
        assert!(!assumed(0.5, None, &some).contains("registry"));
        assert!(
            left_out(&some, Some(0), false)
                .starts_with("Left out: 0 compatible records that are not of make")
        );
    }
}
