//! What a run wrote, against what lies there now.

use super::inputs::{self, Links};
use super::manifest::{self, Evidence, Manifest};
use super::names::{self, printable};
use super::output::{FILES, GROUP_FILES};
use super::signature::{self, VerifyingKey};
use super::{disk, resume};
use crate::error::Fatal;
use crate::pipeline::net::Networks;
use crate::pipeline::photo::sha256;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What is looked at beside OUT.
#[derive(Debug, Default)]
pub struct Order<'a> {
    /// The INPUTs, wherever they lie now; empty to leave the photographs alone.
    pub inputs: &'a [PathBuf],
    /// Whose signature the manifests must have.
    pub key: Option<VerifyingKey>,
    /// A file of weights to compare in the place of the program's own.
    pub weights: Option<&'a Path>,
    /// SHA-256 of the curves and bars to compare; `None` to leave them alone.
    pub calibration: Option<&'a str>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// What is not as the run left it: one sentence each.
    pub differences: Vec<String>,
    /// What was not looked at, or is no part of the run.
    pub remarks: Vec<String>,
    /// Files of OUT that are as the run left them.
    pub files: usize,
    /// Photographs that are as they were read.
    pub photographs: usize,
    /// SHA-256 of `run.json` as it is now.
    pub run_sha256: String,
}

impl Found {
    fn differs(&mut self, what: impl Into<String>) {
        self.differences.push(what.into());
    }
}

/// Hashes everything that the latest run of `out` names, and names what differs.
///
/// # Errors
/// [`Fatal`] where `out` is no folder of `decode`, or an INPUT cannot be listed.
pub fn verify(out: &Path, order: &Order<'_>) -> Result<Found, Fatal> {
    let mut found = Found::default();
    let bytes = match std::fs::read(out.join(manifest::NAME)) {
        Ok(bytes) => bytes,
        Err(e) if out.join(FILES[0]).exists() => {
            found.differs(format!("run.json: cannot be read: {e}"));
            return Ok(found);
        }
        Err(e) => {
            return Err(Fatal::new(
                format!("{} is no folder of results: run.json: {e}", out.display()),
                "the OUT of `microstamp decode PHOTOGRAPHS -o OUT`",
            ));
        }
    };
    found.run_sha256 = sha256(&bytes);
    if manifest::is_sealed(&bytes) {
        found.files += 1;
    } else {
        found.differs("run.json: changed since it was written: its seal does not fit");
    }
    let run = match Manifest::parse(&bytes) {
        Ok(run) => run,
        // Others write a run.json too: only beside results is it a manifest that was spoilt.
        Err(_) if !out.join(FILES[0]).exists() => {
            return Err(Fatal::new(
                format!(
                    "{} is no folder of results: its run.json is another program's or verb's",
                    out.display()
                ),
                "the OUT of `microstamp decode PHOTOGRAPHS -o OUT`",
            ));
        }
        Err(e) => {
            found.differs(format!("run.json: no manifest of this version: {e}"));
            return Ok(found);
        }
    };
    let chained = chain(out, &run, &mut found);
    signatures(out, &chained, order.key.as_ref(), &mut found);
    let was_signed = run.command.iter().any(|word| word == "--sign-key" || word.starts_with("--sign-key="));
    if was_signed && !out.join(manifest::SIGNATURE).exists() {
        found.remarks.push(format!("the run was asked to sign, and {} is not there", manifest::SIGNATURE));
    }
    outputs(out, &run, &mut found);
    weights(&run, order.weights, &mut found);
    calibration(&run, order.calibration, &mut found);
    if order.inputs.is_empty() {
        found.remarks.push("the photographs were not looked at: --inputs FOLDER".into());
    } else {
        photographs(&run, order.inputs, &mut found)?;
    }
    others(out, &run, &chained, &mut found);
    Ok(found)
}

/// The manifests of this run and those before it, by name, as far as the chain holds.
fn chain(out: &Path, run: &Manifest, found: &mut Found) -> BTreeSet<String> {
    let mut chained = BTreeSet::from([manifest::NAME.to_string()]);
    let mut previous = run.previous.clone();
    while let Some(link) = previous.take() {
        // A name with a folder in it would lead out of OUT.
        let is_plain = manifest::number(&link.file).is_some();
        if !is_plain || !chained.insert(link.file.clone()) {
            found.differs(format!("run.json: names {} as the run before it", printable(&link.file)));
            break;
        }
        match std::fs::read(out.join(&link.file)) {
            Ok(bytes) if sha256(&bytes) == link.sha256 => {
                if manifest::is_sealed(&bytes) {
                    found.files += 1;
                } else {
                    found.differs(format!(
                        "{}: changed before a run followed it: its seal does not fit",
                        link.file
                    ));
                }
                previous = Manifest::parse(&bytes).ok().and_then(|m| m.previous);
            }
            Ok(_) => found.differs(format!("{}: changed: the run after it names another hash", link.file)),
            Err(e) => found.differs(format!("{}: removed or unreadable: {e}", link.file)),
        }
    }
    chained
}

fn signatures(out: &Path, chained: &BTreeSet<String>, key: Option<&VerifyingKey>, found: &mut Found) {
    for name in chained {
        let path = manifest::signature_of(&out.join(name));
        match (std::fs::read(&path), key) {
            (Ok(_), None) => found.remarks.push(format!("{name} is signed: --key FILE.pem checks it")),
            (Err(e), Some(_)) if *name == manifest::NAME => {
                found.differs(format!("{}: no signature: {e}", manifest::SIGNATURE));
            }
            (Ok(signature), Some(key)) => {
                let bytes = std::fs::read(out.join(name)).unwrap_or_default();
                if !signature::holds(&bytes, &signature, key) {
                    found.differs(format!("{name}: the signature is not that of this file by this key"));
                }
            }
            (Err(_), _) => {}
        }
    }
}

fn outputs(out: &Path, run: &Manifest, found: &mut Found) {
    if run.finished.is_none() {
        found.differs("run.json: the run was cut off; `microstamp decode` with --resume continues it");
        return;
    }
    if !run.complete {
        let done: usize = run.counts.list().iter().map(|(_, n)| n).sum();
        found.remarks.push(format!("interrupted after {done} of {} photographs", run.photographs));
    }
    let groups = GROUP_FILES.iter().filter(|name| run.outputs.contains_key(**name));
    for name in FILES.iter().chain(groups).copied() {
        match (disk::sha256_of(&out.join(name)), run.outputs.get(name)) {
            (Ok(hash), Some(written)) if hash == *written => found.files += 1,
            (Ok(_), _) => found.differs(format!("{name}: changed since the run wrote it")),
            (Err(e), _) => found.differs(format!("{name}: removed or unreadable: {e}")),
        }
    }
    // Both may have been changed by the same hand.
    match resume::saved(out, run.evidence.iter().map(|e| e.path.as_str())) {
        Ok(saved) => {
            for (row, evidence) in saved.rows.iter().zip(&run.evidence) {
                if row.sha256 != evidence.sha256 {
                    let name = printable(&evidence.path);
                    found.differs(format!("results.jsonl: another hash of {name} than in run.json"));
                }
            }
            if run.complete && (saved.torn || saved.rows.len() != run.evidence.len()) {
                found.differs(format!(
                    "results.jsonl: {} lines where run.json names {} photographs",
                    saved.rows.len(),
                    run.evidence.len()
                ));
            }
        }
        Err(fatal) => found.differs(format!("results.jsonl: {}", fatal.what)),
    }
}

fn calibration(run: &Manifest, this: Option<&str>, found: &mut Found) {
    let Some(this) = this.filter(|this| *this != run.calibration_sha256) else { return };
    found.remarks.push(format!(
        "curves and bars of this program are others: SHA-256 {this}, not {} as in run.json",
        printable(&run.calibration_sha256)
    ));
}

fn weights(run: &Manifest, file: Option<&Path>, found: &mut Found) {
    let (whose, hash) = match file {
        Some(path) => match disk::sha256_of(path) {
            Ok(hash) => (path.display().to_string(), hash),
            Err(e) => return found.differs(format!("weights {}: cannot be read: {e}", path.display())),
        },
        None => match Networks::built_in() {
            Ok(networks) => ("this program".into(), networks.file_sha256.clone()),
            Err(fatal) => return found.differs(format!("weights of this program: {}", fatal.what)),
        },
    };
    if hash != run.weights_sha256 {
        let commit = run.commit.as_deref().unwrap_or("unknown");
        found.differs(format!(
            "weights of {}: SHA-256 {hash}, not {} as in run.json, which was written by version {} of commit {}",
            printable(&whose),
            printable(&run.weights_sha256),
            printable(&run.version),
            printable(commit)
        ));
    }
}

fn photographs(run: &Manifest, inputs: &[PathBuf], found: &mut Found) -> Result<(), Fatal> {
    // Equal names stem from different INPUTs, in their order.
    let mut there: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for photograph in inputs::find(inputs, Links::Anywhere)?.taken.into_iter().rev() {
        there.entry(photograph.name).or_default().push(photograph.path);
    }
    let pairs: Vec<_> = run.evidence.iter().map(|e| (e, there.get_mut(&e.path).and_then(Vec::pop))).collect();
    let differs: Vec<Option<String>> = pairs
        .par_iter()
        .map(|(evidence, path)| {
            let name = printable(&evidence.path);
            let Some(path) = path else { return Some(format!("photograph {name}: not there")) };
            match (disk::sha256_of(path), &evidence.sha256) {
                (Ok(hash), Some(read)) if hash == *read => None,
                (Ok(_), Some(_)) => Some(format!("photograph {name}: changed since it was read")),
                (Ok(_), None) => None,
                (Err(e), _) => Some(format!("photograph {name}: cannot be read: {e}")),
            }
        })
        .collect();
    let same = |((e, _), differs): &(&(&Evidence, Option<PathBuf>), &Option<String>)| {
        differs.is_none() && e.sha256.is_some()
    };
    found.photographs = pairs.iter().zip(&differs).filter(same).count();
    found.differences.extend(differs.into_iter().flatten());
    let unread = run.evidence.iter().filter(|e| e.sha256.is_none()).count();
    if unread > 0 {
        found.remarks.push(format!("{unread} photographs were not opened by the run, and have no hash"));
    }
    let more: Vec<_> = there.iter().filter(|(_, left)| !left.is_empty()).map(|(name, _)| name).collect();
    if let Some(first) = more.first() {
        let first = printable(first);
        found.remarks.push(format!("{} photographs were no part of the run, such as {first}", more.len()));
    }
    Ok(())
}

/// Files of OUT that the run did not write.
fn others(out: &Path, run: &Manifest, chained: &BTreeSet<String>, found: &mut Found) {
    let Ok(entries) = std::fs::read_dir(out) else { return };
    let mut all: Vec<String> = entries.flatten().map(|e| names::text(&e.file_name())).collect();
    all.sort();
    let mut unknown = Vec::new();
    for name in all {
        let plain = name.trim_end_matches(".sig");
        let is_output = FILES.contains(&name.as_str()) || run.outputs.contains_key(&name);
        if chained.contains(plain) || is_output {
            continue;
        }
        if manifest::number(plain).is_some() {
            found.differs(format!("{name}: of no run that led to run.json"));
        } else {
            unknown.push(printable(&name));
        }
    }
    if !unknown.is_empty() {
        found.remarks.push(format!("not written by `decode` and not looked at: {}", unknown.join(", ")));
    }
}
