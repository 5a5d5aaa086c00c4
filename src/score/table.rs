//! A score as text: Markdown that reads as well on a terminal.

use super::Score;
use super::by::Split;
use super::calibration::Calibration;
use super::figures::{Figures, Spread};
use super::interval::{Interval, Rate};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use std::fmt::Write;

/// The whole score as Markdown.
pub fn markdown(score: &Score) -> String {
    let all = &score.overall;
    let mut text = String::new();
    let mut section = |title: &str, table: &Table, notes: &[String]| {
        let _ = writeln!(text, "## {title}\n\n{table}\n");
        for note in notes {
            let _ = writeln!(text, "{note}\n");
        }
    };
    section(
        &format!("{} photographs, {} guns", all.photographs, all.guns),
        &rates(all),
        &["Intervals are 95 %. *Photographs* takes each photograph as independent (Wilson); *guns* allows for the \
           photographs of a gun to fail together, and is the one to quote."
            .to_string()],
    );
    section("Primer and impression", &overlap_table(all), &overlap_notes(all));
    section("Calibration", &reliability_table(all), &calibration_notes(score));
    for (i, split) in score.by.iter().enumerate() {
        let note = (i + 1 == score.by.len()).then(|| SPLIT_NOTE.to_string());
        section(&format!("By {}", split.column), &split_table(split), note.as_slice());
    }
    for together in &score.together {
        let _ = writeln!(text, "{}", super::together::markdown(together));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A table of Markdown.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    table
}

/// Every rate with its intervals.
pub fn rates(all: &Figures) -> Table {
    let mut table = table(&["figure", "count", "share", "95 % photographs", "95 % guns", "of"]);
    let rows: [(&str, &Rate, &str); 16] = [
        ("code right", &all.code_right, "marked photographs"),
        ("right as `best`", &all.best_right, "marked photographs"),
        ("**wrong among the accepted**", &all.wrong_among_accepted, "status read"),
        ("partial leads true", &all.leads_true, "status partial"),
        ("partial leads false", &all.leads_false, "status partial"),
        ("refused", &all.refused, "marked photographs"),
        ("failed", &all.failed, "all photographs"),
        ("unmarked with a code", &all.unmarked_with_code, "unmarked photographs"),
        ("unmarked seen as such", &all.unmarked_no_mark, "unmarked photographs"),
        ("marked, called unmarked", &all.marked_no_mark, "marked photographs"),
        ("format right", &all.format_right, "marked photographs"),
        ("characters right in `best`", &all.characters_right, "characters"),
        ("sure characters wrong", &all.sure_characters_wrong, "characters given as sure"),
        ("gear symbols right", &all.gear_symbols_right, "symbols of rings"),
        ("gear symbols wrong", &all.gear_symbols_wrong, "symbols given as sure"),
        ("`best` right where given", &all.calibration.right, "photographs with a `best`"),
    ];
    for (name, rate, of) in rows {
        table.add_row([
            name.to_string(),
            count(rate),
            percent(rate.share),
            interval(rate.wilson),
            interval(rate.over_guns),
            of.to_string(),
        ]);
    }
    table
}

fn overlap_table(all: &Figures) -> Table {
    let mut table = table(&["overlap (IoU)", "photographs", "median", "10th percentile"]);
    let mut row = |name: &str, spread: &Spread| {
        table.add_row([
            name.to_string(),
            spread.photographs.to_string(),
            decimal(spread.median),
            decimal(spread.tenth),
        ]);
    };
    row("impression", &all.impression_iou);
    row("primer", &all.primer_iou);
    table
}

fn overlap_notes(all: &Figures) -> Vec<String> {
    let mut notes = vec![
        "Not found counts as 0. Primer: the better of face and cup edge, where the whole face lies in the frame."
            .to_string(),
    ];
    if all.impression_area_only > 0 {
        notes.push(format!(
            "{} elliptic impressions whose direction the truth lacks are compared as circles of equal area.",
            all.impression_area_only
        ));
    }
    if all.primer_frame_unknown > 0 {
        notes.push(format!(
            "{} primers are left out: the truth has no width and height, and no photograph that tells them lies beside it.",
            all.primer_frame_unknown
        ));
    }
    notes
}

fn reliability_table(all: &Figures) -> Table {
    let mut table = table(&[
        "confidence",
        "photographs",
        "mean confidence",
        "share right",
        "95 % photographs",
        "95 % guns",
    ]);
    for bin in &all.calibration.reliability {
        table.add_row([
            format!("{:.1} to {:.1}", bin.from, bin.to),
            bin.right.of.to_string(),
            decimal(Some(bin.mean_confidence)),
            decimal(bin.right.share),
            interval(bin.right.wilson),
            interval(bin.right.over_guns),
        ]);
    }
    table
}

fn calibration_notes(score: &Score) -> Vec<String> {
    let calibration = &score.overall.calibration;
    vec![format!(
        "Expected calibration error {} over 10 bins of equal width, in brackets what a right confidence shows of so few by \
         chance; {} photographs with a `best`, mean confidence {}, right {}. Area under the risk-coverage curve {}.",
        error_beside_chance(calibration),
        calibration.photographs,
        decimal(calibration.mean_confidence),
        decimal(calibration.right.share),
        decimal(score.risk_coverage.area),
    )]
}

/// The calibration error, and what a right confidence would show.
pub(super) fn error_beside_chance(calibration: &Calibration) -> String {
    match (calibration.ece, calibration.ece_by_chance) {
        (Some(error), Some(chance)) => format!("{error:.3} ({chance:.3})"),
        _ => "-".into(),
    }
}

fn split_table(split: &Split) -> Table {
    let mut table = table(&[
        &split.column,
        "n",
        "guns",
        "right",
        "95 %",
        "best",
        "wrong",
        "leads",
        "refused",
        "failed",
        "unmarked",
        "char.",
        "gear",
        "impr.",
        "primer",
        "ECE",
    ]);
    for group in &split.groups {
        let f = &group.figures;
        table.add_row([
            group.value.replace('|', "\\|"),
            f.photographs.to_string(),
            f.guns.to_string(),
            count(&f.code_right),
            interval(f.code_right.interval()),
            f.best_right.count.to_string(),
            count(&f.wrong_among_accepted),
            format!("{}+{}", f.leads_true.count, f.leads_false.count),
            f.refused.count.to_string(),
            f.failed.count.to_string(),
            count(&f.unmarked_with_code),
            percent(f.characters_right.share),
            percent(f.gear_symbols_right.share),
            decimal(f.impression_iou.median),
            decimal(f.primer_iou.median),
            error_beside_chance(&f.calibration),
        ]);
    }
    table
}

/// What the short headings of [`split_table`] stand for.
const SPLIT_NOTE: &str = "n photographs; code right of the marked, with its interval over guns (over photographs where \
    the truth names no gun); right as `best`; wrong among the accepted; partial leads true+false; refused; failed; unmarked \
    with a code; characters and gear symbols right; median overlap of impression and primer; calibration error and what a \
    right confidence shows of so few by chance.";

pub(super) fn count(rate: &Rate) -> String {
    if rate.of == 0 { "-".to_string() } else { format!("{}/{}", rate.count, rate.of) }
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_string(), |share| match 100.0 * share {
        // Never rounded to nothing or all.
        s if s > 0.0 && s < 0.05 => "< 0.1 %".into(),
        s if (99.95..100.0).contains(&s) => "> 99.9 %".into(),
        s => format!("{s:.1} %"),
    })
}

pub(super) fn interval(interval: Option<Interval>) -> String {
    // Outward, so that no limit is nearer than it was found; a hundredth of a step for what floats make of whole steps.
    let limit = |share: f64, round: fn(f64) -> f64, slack: f64| round(1000.0 * share + slack) / 10.0;
    interval.map_or("-".to_string(), |i| {
        format!("{:.1} to {:.1} %", limit(i.low, f64::floor, 0.01), limit(i.high, f64::ceil, -0.01))
    })
}

fn decimal(value: Option<f64>) -> String {
    value.map_or("-".to_string(), |v| format!("{v:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_never_rounded_to_nothing_or_all_and_limits_go_outward() {
        assert_eq!(
            [0.0, 0.000_3, 0.125, 0.999_7, 1.0].map(|s| percent(Some(s))),
            ["0.0 %", "< 0.1 %", "12.5 %", "> 99.9 %", "100.0 %"]
        );
        let shown = |low: f64, high: f64| interval(Some(Interval { low, high }));
        assert_eq!(shown(0.0, 0.000_43), "0.0 to 0.1 %");
        assert_eq!(shown(0.999_06, 0.999_99), "99.9 to 100.0 %");
        assert_eq!(shown(0.123, 0.456), "12.3 to 45.6 %");
    }
}
