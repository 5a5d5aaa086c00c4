//! The folder of pages.
//!
//! | file | what |
//! |---|---|
//! | `index.html` | counts, settings, hashes, scenes, failures |
//! | `list-001.html`, ... | the photographs, 100 a page; a script filters and sorts over the whole batch |
//! | `photographs/00001.html`, ... | a page a photograph, numbered in the order of the results |
//! | `groups.html`, `leads.html`, `traces.html` | where there are groups, leads and traces |
//! | `pictures`, `assets`, `rows.js` | what the pages show |

use super::batch::{Batch, Original};
use super::casework::Casework;
use super::facts;
use super::picture::{self, Wanted};
use super::site::Site;
use super::view::{self, Page, Row, Shown};
use crate::batch::manifest::Counts;
use crate::batch::record::word;
use crate::error::{Failure, Fatal};
use crate::pipeline::heights::lit::lit;
use crate::pipeline::net::Networks;
use crate::pipeline::photo::{self, Asked};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Photographs on a page of the list.
const PAGE: usize = 100;
/// Rows of a table on the index: more are a click away in the list.
const ON_INDEX: usize = 200;
/// Bars of the histogram of confidence.
const BARS: usize = 10;

/// What a report is made with.
pub struct Setup<'a> {
    /// Called when a photograph is done.
    pub done: &'a (dyn Fn() + Sync),
}

/// Writes the report of a batch into the empty folder `folder`.
///
/// # Errors
/// [`Fatal`] where a file cannot be written.
pub fn write(
    batch: &Batch,
    casework: &Casework,
    folder: &Path,
    setup: &Setup<'_>,
) -> Result<Vec<Shown>, Fatal> {
    let assets = ["report.css", "viewer.js", "list.js", "photograph.js"];
    let site = Site::begin(folder, &["pictures", "photographs"], &assets)?;
    let networks = networks_that_read(batch)?;
    let wanted = Wanted { straightened: true, networks, lit: None };
    let shown = pictures(batch, &site, wanted, setup)?;
    let alike = view::alike(&batch.records);
    let mentions = casework.mentions();
    let head = |title: &str, root: &str| json!({ "title": title, "root": root, "together": casework.has_groups(), "leads": casework.has_leads(), "traces": casework.has_traces() });
    (0..batch.records.len()).into_par_iter().try_for_each(|i| {
        let page = Page::new(batch, &shown, i, &alike[i]);
        let name = view::file(i);
        let head = head(&view::text(&batch.records[i].path), "../");
        let hash = batch.records[i].sha256.as_deref().unwrap_or_default();
        let of = mentions.get(hash);
        site.page(
            &format!("photographs/{name}.html"),
            "photograph.html",
            json!({ "head": head, "page": page, "run": run_facts(batch), "mentions": of }),
        )
    })?;
    let rows: Vec<Row> =
        batch.records.iter().enumerate().map(|(i, r)| Row::new(i, r, shown[i].pictures.is_some())).collect();
    lists(batch, &site, &rows, &head)?;
    casework.write(&site, batch, &head)?;
    // Last, so that a folder with an index is whole.
    index(batch, &site, &shown, &head("Report", ""))?;
    Ok(shown)
}

/// The networks of this build, if it was they that read: another's ink map would explain nothing.
fn networks_that_read(batch: &Batch) -> Result<Option<&'static Networks>, Fatal> {
    let networks = Networks::built_in()?;
    Ok(Some(networks).filter(|n| batch.run["engine"]["weights_sha256"] == n.sha256.as_str()))
}

/// Makes the pictures of every photograph that is still the one that was read.
///
/// # Errors
/// [`Fatal`] where a picture cannot be written.
pub fn pictures(
    batch: &Batch,
    site: &Site,
    wanted: Wanted<'_>,
    setup: &Setup<'_>,
) -> Result<Vec<Shown>, Fatal> {
    let folder = site.path("pictures");
    let one = |i: usize| {
        let record = &batch.records[i];
        let without = |original: String| Shown { pictures: None, original };
        let shown = match batch.original(record) {
            Original::Absent => {
                without("The photograph was not found, so that nothing of it is shown.".into())
            }
            Original::TooLarge => without(format!(
                "The file of this name is larger than {} MB, the most that the run was to open. It is not shown.",
                batch.settings.photo.max_file_mb
            )),
            Original::Differs(found) => without(format!(
                "The file of this name is not the one that was read: its SHA-256 is {found}. It is not shown."
            )),
            Original::Same(bytes) => {
                let hash = record.sha256.as_deref().unwrap_or_default();
                let page = record.page.map(|p| p.page.map_or(p.asked, photo::Page::Number));
                let asked = Asked { um_per_px: None, page };
                let under_a_lamp = record.heights.is_some() && wanted.straightened;
                // A decoder that panics on a broken file takes one picture with it, not the report.
                let loaded = catch_unwind(AssertUnwindSafe(|| -> Result<_, Failure> {
                    let lit = under_a_lamp.then(|| lit(&bytes, &batch.settings.photo)).transpose()?;
                    Ok((photo::load(&record.path, hash, bytes, &asked, &batch.settings.photo)?, lit))
                }));
                match loaded {
                    Ok(Ok((photo, lit))) => Shown {
                        pictures: Some(picture::make(
                            &photo,
                            record,
                            Wanted { lit: lit.as_ref(), ..wanted },
                            &folder,
                            &view::file(i),
                        )?),
                        original: "The file is the one that was read: its SHA-256 is the same.".into(),
                    },
                    Ok(Err(failure)) => without(format!(
                        "The file is the one that was read. It cannot be shown: {}.",
                        failure.reason
                    )),
                    Err(_) => without(
                        "The file is the one that was read. It cannot be shown: its decoder failed.".into(),
                    ),
                }
            }
        };
        (setup.done)();
        Ok(shown)
    };
    (0..batch.records.len()).into_par_iter().map(one).collect()
}

/// Name and value of what `run.json` says of the run.
pub fn run_facts(batch: &Batch) -> Vec<(&'static str, String)> {
    let run = &batch.run;
    let word = |v: &Value| match v {
        Value::String(s) => view::text(s),
        Value::Null => "not stated".into(),
        Value::Array(list) => {
            list.iter().map(|v| v.as_str().map_or(v.to_string(), view::text)).collect::<Vec<_>>().join(" ")
        }
        other => view::text(&other.to_string()),
    };
    let engine = &run["engine"];
    let mut facts = vec![
        ("Read by", format!("microstamp {}, commit {}", word(&run["version"]), word(&run["commit"]))),
        ("Engine", format!("{} {}", word(&engine["name"]), word(&engine["version"]))),
        ("SHA-256 of its weights", word(&engine["weights_sha256"])),
        ("Formats expected", word(&run["formats"])),
        ("Command", typed(&run["command"])),
        ("Inputs", word(&run["inputs"])),
        ("Begun", word(&run["started"])),
        ("Ended", word(&run["finished"])),
    ];
    let left_out = run["left_out"].as_object().into_iter().flatten();
    let left_out: Vec<String> = left_out.map(|(why, n)| format!("{n} {}", view::text(why))).collect();
    if !left_out.is_empty() {
        facts.push(("Left out of the inputs", left_out.join(", ")));
    }
    let bars = run["bars"].as_object().into_iter().flatten();
    let bars: Vec<String> =
        bars.map(|(id, bars)| format!("{} {}, characters {}", view::text(id), bars[0], bars[1])).collect();
    if !bars.is_empty() {
        facts.push(("Acceptance bars", bars.join("; ")));
    }
    let changed = batch.settings.changed();
    if !changed.is_empty() {
        facts.push(("Changed settings", view::text(&changed.join("; "))));
    }
    if let Some(all) = batch.unfinished() {
        facts.push(("Not complete", format!("{} of {all} photographs have a line", batch.records.len())));
    }
    for (name, hash) in &batch.hashes {
        facts.push(match (*name, batch.results_as_stated) {
            ("run.json", _) => (
                "SHA-256 of run.json",
                match batch.run_as_sealed {
                    Some(true) => format!("{hash}, as its seal says"),
                    Some(false) => format!("{hash}; its seal is broken: the file was changed"),
                    None => format!("{hash}; it has no seal"),
                },
            ),
            (_, None) => ("SHA-256 of results.jsonl", format!("{hash}; run.json states none")),
            (_, Some(true)) => ("SHA-256 of results.jsonl", format!("{hash}, as run.json states")),
            (_, Some(false)) => {
                let stated = word(&run["outputs"]["results.jsonl"]);
                (
                    "SHA-256 of results.jsonl",
                    format!("{hash}; run.json states another, {stated}: the file was changed"),
                )
            }
        });
    }
    facts
}

/// A command as it can be typed again: what a shell would take apart is quoted.
fn typed(command: &Value) -> String {
    let words = command.as_array().into_iter().flatten().filter_map(Value::as_str);
    match shlex::try_join(words) {
        Ok(line) if !line.is_empty() => view::text(&line),
        _ => "not stated".into(),
    }
}

/// The list's pages, and its rows for the script.
fn lists(batch: &Batch, site: &Site, rows: &[Row], head: &dyn Fn(&str, &str) -> Value) -> Result<(), Fatal> {
    let mut scenes: Vec<String> = batch.records.iter().map(|r| view::scene(&r.path)).collect();
    scenes.sort();
    scenes.dedup();
    let compact: Vec<String> = rows
        .iter()
        .zip(&batch.records)
        .map(|(row, r)| {
            let scene = scenes.binary_search(&view::scene(&r.path)).unwrap_or_default();
            row.compact(scene).to_string()
        })
        .collect();
    let script = format!("const SCENES = {};\nconst ROWS = [\n{}\n];\n", json!(scenes), compact.join(",\n"));
    site.write("rows.js", &script)?;
    let pages = rows.len().div_ceil(PAGE).max(1);
    for number in 1..=pages {
        let part = rows.iter().skip((number - 1) * PAGE).take(PAGE).collect::<Vec<_>>();
        site.page(
            &format!("list-{number:03}.html"),
            "list.html",
            json!({ "head": head("Photographs", ""), "rows": part, "number": number, "pages": pages, "total": rows.len() }),
        )?;
    }
    Ok(())
}

fn index(batch: &Batch, site: &Site, shown: &[Shown], head: &Value) -> Result<(), Fatal> {
    let mut counts = Counts::default();
    let mut scenes: BTreeMap<String, Counts> = BTreeMap::new();
    let mut confidence = [0usize; BARS];
    for record in &batch.records {
        counts.add(record.status);
        scenes.entry(view::scene(&record.path)).or_default().add(record.status);
        if record.best.is_some() {
            confidence[((record.confidence * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
    }
    let statuses: Vec<Value> = counts
        .list()
        .iter()
        .map(|(s, n)| json!({ "word": word(*s), "meaning": facts::meaning(*s), "count": n }))
        .collect();
    let failures: Vec<Value> = batch
        .records
        .iter()
        .enumerate()
        .filter_map(|(i, r)| {
            let f = r.failure.as_ref()?;
            Some(json!({
                "file": view::file(i), "path": view::text(&r.path), "stage": view::text(&f.stage),
                "reason": view::text(&f.reason), "hint": view::text(&f.hint),
            }))
        })
        .collect();
    let unseen = shown.iter().zip(&batch.records).enumerate();
    let unseen: Vec<Value> = unseen
        .filter(|(_, (s, r))| s.pictures.is_none() && r.failure.is_none())
        .map(|(i, (s, r))| {
            json!({ "file": view::file(i), "path": view::text(&r.path), "original": s.original })
        })
        .collect();
    let scenes: Vec<Value> = scenes
        .iter()
        .map(|(name, counts)| json!({ "name": name, "counts": counts.list().map(|(_, n)| n) }))
        .collect();
    let settings = serde_json::to_string_pretty(&batch.run["settings"]).unwrap_or_default();
    let cut = |list: &[Value]| list.iter().take(ON_INDEX).cloned().collect::<Vec<_>>();
    site.page(
        "index.html",
        "index.html",
        json!({ "head": head, "total": batch.records.len(), "unfinished": batch.unfinished(), "most": counts.list().iter().map(|(_, n)| *n).max().unwrap_or(0).max(1), "statuses": statuses, "confidence": confidence.to_vec(), "most_confidence": confidence.iter().copied().max().unwrap_or(0).max(1), "scenes": cut(&scenes), "scene_count": scenes.len(), "failures": cut(&failures), "failure_count": failures.len(), "unseen": cut(&unseen), "unseen_count": unseen.len(), "run": run_facts(batch), "settings": settings, "unlike_calibrated": !batch.settings.unlike_calibrated().is_empty(), "altered": batch.altered(), "version": env!("CARGO_PKG_VERSION") }),
    )
}
