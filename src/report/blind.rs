//! A folder for a second reading by someone who has not seen the first.
//!
//! | file | what |
//! |---|---|
//! | `index.html` | the page: a photograph at a time, and the examiner's reading of it |
//! | `photographs.js` | names, hashes and sizes of the photographs; nothing that was read |
//! | `reveal/00001.js`, ... | what the machine read, a file a photograph, encoded; the page loads one only after the examiner's own reading of that photograph is kept |
//!
//! Whoever wants to cheat can decode `reveal`. Without that folder the page works all the same, and
//! nobody can look: `score OUT --verdicts` then compares.

use super::batch::Batch;
use super::facts;
use super::overlay;
use super::pages::{self, Setup};
use super::picture::{Pictures, Wanted};
use super::site::Site;
use super::view::{self, Shown};
use crate::batch::Record;
use crate::batch::names::cell;
use crate::batch::record::{share, word};
use crate::error::Fatal;
use crate::pipeline::photo::hex;
use crate::pipeline::scheme::Scheme;
use serde_json::{Value, json};
use std::path::Path;

/// The run's facts that a blind reader may see: who read and with what, not what was read.
const FACTS: [&str; 6] = [
    "Read by",
    "Engine",
    "SHA-256 of its weights",
    "Inputs",
    "SHA-256 of run.json",
    "SHA-256 of results.jsonl",
];

/// Writes the folder for a blind reading of a batch into the empty folder `folder`.
///
/// # Errors
/// [`Fatal`] where a file cannot be written.
pub fn write(batch: &Batch, folder: &Path, setup: &Setup<'_>) -> Result<Vec<Shown>, Fatal> {
    let site = Site::begin(folder, &["pictures", "reveal"], &["report.css", "blind.js"])?;
    let wanted = Wanted { straightened: false, networks: None, lit: None };
    let shown = pages::pictures(batch, &site, wanted, setup)?;
    let mut photographs = Vec::new();
    for (i, (record, shown)) in batch.records.iter().zip(&shown).enumerate() {
        // What cannot be shown cannot be read.
        let Some(pictures) = &shown.pictures else { continue };
        let file = view::file(i);
        photographs.push(photograph(record, pictures, &file));
        // Not to hide anything from anybody who looks for it: so that no code is seen by chance.
        let machine = json!(hex(machine(record, pictures, &file).to_string().as_bytes()));
        site.write(&format!("reveal/{file}.js"), &format!("reveal({}, {machine});\n", json!(file)))?;
    }
    let data = json!({
        "run": batch.results_sha256(),
        "lengths": lengths(batch),
        "photographs": photographs,
    });
    site.write("photographs.js", &format!("const BATCH = {data};\n"))?;
    let left_out = shown.iter().filter(|s| s.pictures.is_none()).count();
    let run: Vec<_> = pages::run_facts(batch).into_iter().filter(|(name, _)| FACTS.contains(name)).collect();
    site.page(
        "index.html",
        "blind.html",
        json!({ "total": photographs.len(), "unfinished": batch.unfinished(), "read": batch.records.len(), "left_out": left_out, "run": run }),
    )?;
    Ok(shown)
}

/// What the page needs to show a photograph.
fn photograph(record: &Record, pictures: &Pictures, file: &str) -> Value {
    json!({
        "file": file,
        "path": view::text(&record.path),
        "name": cell(&record.path),
        "sha256": record.sha256,
        "size": [pictures.size.0, pictures.size.1],
        "pictures": overlay::plain(pictures, file),
        "notes": facts::notes(pictures, record),
        // Where to look first: the rim's middle and larger semi-axis, as if there were always one.
        "rim": record.impression.map(|rim| [rim.cx, rim.cy, rim.major()].map(f64::round)),
    })
}

/// What the machine read, for after the verdict.
fn machine(record: &Record, pictures: &Pictures, file: &str) -> Value {
    let places = record.positions.iter().map(|p| {
        let others: Vec<Value> = p.alternatives.iter().map(|(c, p)| json!([c, share(*p)])).collect();
        json!(others)
    });
    json!({
        "status": word(record.status),
        "meaning": facts::status_of(record),
        "code": record.code,
        "best": record.best,
        "confidence": record.best.as_ref().map(|_| share(record.confidence)),
        "warnings": facts::warnings(record),
        "places": places.collect::<Vec<_>>(),
        "drawing": overlay::photograph(record, pictures, file),
    })
}

/// Lengths of the codes that were expected, ascending.
fn lengths(batch: &Batch) -> Vec<usize> {
    let expected = |id: &str| {
        batch.run["formats"].as_array().is_none_or(|list| list.iter().any(|f| f.as_str() == Some(id)))
    };
    let mut lengths: Vec<usize> = Scheme::all().iter().filter(|s| expected(&s.id)).map(Scheme::len).collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}
