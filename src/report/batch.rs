//! What a report is made of: the lines of results, the run's own record, and the photographs.

use crate::batch::Record;
use crate::batch::disk::sha256_of;
use crate::batch::inputs::{self, Links};
use crate::batch::manifest::is_sealed;
use crate::batch::results::{self, Results};
use crate::error::Fatal;
use crate::groups;
use crate::pipeline::photo::sha256;
use crate::settings::Settings;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A run, read again.
#[derive(Debug)]
pub struct Batch {
    /// The lines of `results.jsonl`.
    pub records: Vec<Record>,
    /// `run.json` as it stands: a report is to open the runs of other versions too.
    pub run: Value,
    /// Name and SHA-256 of each file of OUT that was read.
    pub hashes: [(&'static str, String); 2],
    /// Whether `run.json` states the hash that `results.jsonl` has; `None` where it states none.
    pub results_as_stated: Option<bool>,
    /// The same of the run's `groups.jsonl`; `None` where it has made none, or there is none.
    pub groups_as_stated: Option<bool>,
    /// Whether `run.json` is as it was written, by the seal in it; `None` where it has none.
    pub run_as_sealed: Option<bool>,
    /// The run's settings; those of this version where `run.json` states them in another's terms.
    pub settings: Settings,
    /// Where the photographs were looked for.
    pub inputs: Vec<PathBuf>,
    /// Where photographs of a name lie, in the order of the INPUTs.
    places: BTreeMap<String, Vec<PathBuf>>,
}

/// What became of a photograph since it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Original {
    /// The file whose hash the results state.
    Same(Vec<u8>),
    /// A file of its name, with another hash.
    Differs(String),
    /// A file of its name that is larger than the run would have opened.
    TooLarge,
    /// No file of its name, or none that can be opened.
    Absent,
}

impl Batch {
    /// Reads OUT, and looks for the photographs in `inputs`, or where `run.json` says they were.
    ///
    /// # Errors
    /// [`Fatal`] where `results.jsonl` or `run.json` cannot be read or believed, or a folder of
    /// `inputs` cannot be listed.
    pub fn read(out: &Path, inputs: &[PathBuf]) -> Result<Self, Fatal> {
        let Results { records, sha256: hash } = results::read(out)?;
        let run = open(out, "run.json")?;
        let manifest: Value =
            serde_json::from_slice(&run).map_err(|e| broken(out, "run.json", &e.to_string()))?;
        let groups = groups::FILES[0];
        let groups_as_stated = manifest["outputs"][groups]
            .as_str()
            .and_then(|stated| Some(sha256_of(&out.join(groups)).ok()? == stated));
        let inputs = if inputs.is_empty() { stated_inputs(&manifest) } else { inputs.to_vec() };
        Ok(Self {
            places: places(&inputs)?,
            records,
            results_as_stated: manifest["outputs"]["results.jsonl"].as_str().map(|stated| stated == hash),
            groups_as_stated,
            run_as_sealed: manifest.get("seal").map(|_| is_sealed(&run)),
            settings: serde_json::from_value(manifest["settings"].clone()).unwrap_or_default(),
            run: manifest,
            hashes: [("results.jsonl", hash), ("run.json", sha256(&run))],
            inputs,
        })
    }

    /// Whether one of its files is not as the run left it.
    pub fn altered(&self) -> bool {
        [self.run_as_sealed, self.results_as_stated, self.groups_as_stated].contains(&Some(false))
    }

    /// How many photographs the run was to read, where it has not read all of them.
    pub fn unfinished(&self) -> Option<usize> {
        let all = self.run["photographs"].as_u64().filter(|_| self.run["complete"] == false);
        all.and_then(|all| usize::try_from(all).ok())
    }

    /// Where the photographs stand in the results, from 0, by SHA-256: the first of equals.
    pub fn pages(&self) -> BTreeMap<&str, usize> {
        let mut pages = BTreeMap::new();
        for (i, record) in self.records.iter().enumerate() {
            if let Some(hash) = &record.sha256 {
                pages.entry(hash.as_str()).or_insert(i);
            }
        }
        pages
    }

    /// SHA-256 of `results.jsonl`.
    pub fn results_sha256(&self) -> &str {
        &self.hashes[0].1
    }

    /// The photograph of a line, by name and hash. Files that are larger than the run would have opened are not opened.
    pub fn original(&self, record: &Record) -> Original {
        let mut other = Original::Absent;
        for path in self.places.get(&record.path).into_iter().flatten() {
            if std::fs::metadata(path).is_ok_and(|m| m.len() as f64 > self.settings.photo.max_file_mb * 1e6) {
                other = Original::TooLarge;
                continue;
            }
            let Ok(bytes) = std::fs::read(path) else { continue };
            let found = sha256(&bytes);
            if record.sha256.as_ref() == Some(&found) {
                return Original::Same(bytes);
            }
            if !matches!(other, Original::Differs(_)) {
                other = Original::Differs(found);
            }
        }
        other
    }
}

fn open(out: &Path, name: &str) -> Result<Vec<u8>, Fatal> {
    let path = out.join(name);
    std::fs::read(&path).map_err(|e| {
        Fatal::new(
            format!("cannot read {}: {e}", path.display()),
            "the folder that `microstamp decode PHOTOGRAPHS -o OUT` wrote",
        )
    })
}

fn broken(out: &Path, name: &str, why: &str) -> Fatal {
    Fatal::new(
        format!("{}: {why}", out.join(name).display()),
        "`microstamp decode` once more into a new folder",
    )
}

/// INPUTs of the run that still exist: one that has moved leaves its photographs absent, which their pages say.
fn stated_inputs(manifest: &Value) -> Vec<PathBuf> {
    let stated = manifest["inputs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    stated.map(PathBuf::from).filter(|input| input.exists()).collect()
}

/// Photographs are found as `decode` found them, so that a line can name no file outside its INPUT.
fn places(inputs: &[PathBuf]) -> Result<BTreeMap<String, Vec<PathBuf>>, Fatal> {
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    // The hash says whether a file is the one: links that were followed then are followed now.
    for photograph in inputs::find(inputs, Links::Anywhere)?.taken {
        places.entry(photograph.name).or_default().push(photograph.path);
    }
    Ok(places)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Failure;

    #[test]
    fn a_photograph_is_known_by_its_hash_and_never_sought_outside_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("secret.png", b"secret");
        put("photos/a.png", b"one");
        put("photos/b.png", b"changed");
        let line = |path: &str, bytes: &[u8]| {
            let record = Record::failed(path, Some(sha256(bytes)), Failure::new("load", "", ""));
            serde_json::to_string(&record).unwrap() + "\n"
        };
        let lines = [
            line("a.png", b"one"),
            line("b.png", b"two"),
            line("c.png", b"three"),
            line("../secret.png", b"secret"),
        ];
        put("out/results.jsonl", lines.concat().as_bytes());
        let inputs = serde_json::json!({ "inputs": [dir.path().join("photos")] });
        put("out/run.json", inputs.to_string().as_bytes());
        let seen = |inputs: &[PathBuf]| {
            let batch = Batch::read(&dir.path().join("out"), inputs).unwrap();
            batch.records.iter().map(|r| batch.original(r)).collect::<Vec<_>>()
        };
        let (same, differs) = (Original::Same(b"one".into()), Original::Differs(sha256(b"changed")));
        assert_eq!(seen(&[]), [same.clone(), differs.clone(), Original::Absent, Original::Absent]);
        assert_eq!(seen(&[dir.path().join("photos")]), [same, differs, Original::Absent, Original::Absent]);
        assert_eq!(seen(&[dir.path().join("out")]), vec![Original::Absent; 4]);
        // Nothing larger than the run was to open, which is not the same as not there.
        let settings = serde_json::json!({ "photo": { "max_file_mb": 2e-6 } });
        let run = serde_json::json!({ "inputs": [dir.path().join("photos")], "settings": settings });
        put("out/run.json", run.to_string().as_bytes());
        assert_eq!(seen(&[])[..3], [Original::TooLarge, Original::TooLarge, Original::Absent]);
        assert!(Batch::read(&dir.path().join("photos"), &[]).unwrap_err().hint.contains("decode"));
    }
}
