//! A comparison as text: Markdown that reads as well on a terminal.

use super::Comparison;
use crate::batch::record::share;
use crate::score::interval::Rate;
use crate::score::table::{count, interval, percent, table};
use std::fmt::Write;

/// The comparison as Markdown, disagreements first.
pub fn markdown(c: &Comparison) -> String {
    let mut text = format!("## {} readings of examiners, {} photographs unread\n\n", c.verdicts, c.unread);
    let mut rates = table(&["figure", "count", "share", "95 % photographs", "95 % guns", "of"]);
    let mut row = |name: &str, rate: &Rate, of: &str| {
        rates.add_row([
            name.to_string(),
            count(rate),
            percent(rate.share),
            interval(rate.wilson),
            interval(rate.over_guns),
            of.to_string(),
        ]);
    };
    for (relation, rate) in &c.relations {
        row(relation.words(), rate, "readings");
    }
    row("characters that agree", &c.characters_agree, "positions sure to both");
    row("other than the machine's most probable", &c.differs_from_best, "readings with a sure character");
    row("after another of the scene was compared", &c.maybe_not_blind, "readings");
    row("changed after seeing", &c.changed, "readings compared");
    if let Some(t) = &c.against_truth {
        row("examiner right", &t.examiner_right, "marked photographs read");
        row("machine right", &t.machine_right, "the same");
        row("examiner's sure characters wrong", &t.examiner_characters_wrong, "characters");
        row("machine's sure characters wrong", &t.machine_characters_wrong, "characters");
    }
    let _ = writeln!(text, "{rates}\n\n## Disagreements first\n");
    let mut list = table(&[
        "relation",
        "photograph",
        "examiner",
        "reading",
        "machine",
        "status",
        "best",
        "confidence",
        "differ at",
        "changed to",
        "truth",
    ]);
    for r in &c.readings {
        let at: Vec<String> = r.differ.iter().map(ToString::to_string).collect();
        // No mark is a reading too.
        let or_none = |s: &str| if s.is_empty() { "no mark".to_string() } else { s.to_string() };
        let or_dash = |s: Option<&str>| s.filter(|s| !s.is_empty()).unwrap_or("-").replace('|', "\\|");
        list.add_row([
            r.relation.words().to_string(),
            or_dash(Some(&r.path)),
            or_dash(Some(&r.examiner)),
            or_none(&r.reading),
            or_dash(r.code.as_deref()),
            r.status.to_string(),
            or_dash(r.best.as_deref()),
            r.best.as_ref().map_or("-".into(), |_| share(r.confidence)),
            or_dash(Some(&at.join(" "))),
            r.changed_to.as_deref().map_or_else(|| "-".into(), or_none),
            or_dash(r.truth.as_deref()),
        ]);
    }
    let _ = writeln!(text, "{list}");
    text
}
