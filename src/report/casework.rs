//! Groups, leads and traces of casework as pages: tables, and scenes as a graph.

use super::batch::Batch;
use super::site::Site;
use super::together::{self, Joint};
use super::view::text;
use crate::batch::disk::sha256_of;
use crate::error::Fatal;
use crate::groups;
use crate::words;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

mod graph;
mod leads;
mod traces;

use leads::leads;
use traces::{Around, Trace, trace};

/// Lines shown on a page; the file holds the rest.
const MOST: usize = 1000;

/// What `link`, `trace` and `group` write.
pub const FILES: [&str; 3] = ["leads.jsonl", "traces.jsonl", groups::FILES[0]];

/// The lines of [`FILES`], where these exist.
#[derive(Debug, Default)]
pub struct Casework {
    together: Option<Vec<groups::Group>>,
    /// SHA-256 of each of [`FILES`] that there is.
    hashes: BTreeMap<String, String>,
    leads: Option<Vec<Value>>,
    traces: Option<Vec<Value>>,
}

/// Where a photograph stands in groups, leads and traces.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Mentions {
    /// Groups that it was read in.
    pub groups: Vec<Joint>,
    /// Questions that these ask.
    pub group_traces: usize,
    /// Number, from 1, of the first of them that the page of traces shows.
    pub first_group_trace: Option<usize>,
    /// Pairs that it is one of.
    pub leads: usize,
    /// Questions that it asks.
    pub traces: usize,
    /// Number, from 1, of the first of them that the page of traces shows.
    pub first_trace: Option<usize>,
}

impl Casework {
    /// Reads [`FILES`], each of the first of `folders` that has it; what none has is not shown.
    /// `results_sha256`: of the results that the report shows.
    ///
    /// # Errors
    /// [`Fatal`] where one of them cannot be read, a line is no JSON, or the groups are those of other results.
    pub fn read(folders: &[&Path], results_sha256: &str) -> Result<Self, Fatal> {
        let of = |name: &str| folders.iter().find(|folder| folder.join(name).exists());
        let [leads, traces, together] = FILES;
        let hash = |name: &str| Some((name.to_string(), sha256_of(&of(name)?.join(name)).ok()?));
        Ok(Self {
            hashes: FILES.iter().filter_map(|name| hash(name)).collect(),
            together: of(together).map(|folder| groups::read_groups(folder, results_sha256)).transpose()?,
            leads: of(leads).map(|folder| lines(&folder.join(leads), "link")).transpose()?,
            traces: of(traces).map(|folder| lines(&folder.join(traces), "trace")).transpose()?,
        })
    }

    fn hash(&self, name: &str) -> &str {
        self.hashes.get(name).map_or("-", String::as_str)
    }

    /// Whether there are photographs that were read together.
    pub fn has_groups(&self) -> bool {
        self.together.is_some()
    }

    /// Whether there are leads to show.
    pub fn has_leads(&self) -> bool {
        self.leads.is_some()
    }

    /// Whether there are traces to show.
    pub fn has_traces(&self) -> bool {
        self.traces.is_some()
    }

    /// In which groups, and how many leads and traces, each photograph is, by its SHA-256.
    pub fn mentions(&self) -> BTreeMap<String, Mentions> {
        let mut mentions: BTreeMap<String, Mentions> = BTreeMap::new();
        let groups = self.together.as_deref().unwrap_or_default();
        for (hash, groups) in together::by_photograph(groups) {
            mentions.entry(hash.into()).or_default().groups = groups;
        }
        let named = self.named();
        for pair in self.leads.iter().flatten().filter(|line| line["kind"] == "pair") {
            for hash in [&pair["a"]["sha256"], &pair["b"]["sha256"]].into_iter().filter_map(Value::as_str) {
                mentions.entry(hash.into()).or_default().leads += 1;
            }
        }
        for (i, trace) in self.traces.iter().flatten().enumerate() {
            let shown = (i < MOST).then_some(i + 1);
            if let Some(group) = trace["group"].as_str().and_then(|name| named.get(name)) {
                for hash in group.members.iter().filter_map(|m| m.sha256.as_ref()) {
                    let of = mentions.entry(hash.clone()).or_default();
                    of.group_traces += 1;
                    of.first_group_trace = of.first_group_trace.or(shown);
                }
            }
            let Some(hash) = trace["sha256"].as_str() else { continue };
            let of = mentions.entry(hash.into()).or_default();
            of.traces += 1;
            of.first_trace = of.first_trace.or(shown);
        }
        mentions
    }

    /// The groups by name, which is how a trace states them: one of another name may be another folder's.
    fn named(&self) -> BTreeMap<&str, &groups::Group> {
        self.together.iter().flatten().map(|group| (group.group.as_str(), group)).collect()
    }

    /// Leads and traces about photographs of this run that were made from other results than these: they say so, or
    /// give a photograph another code.
    pub fn outdated(&self, batch: &Batch) -> (usize, usize) {
        let read = batch.records.iter().filter_map(|r| Some((r.sha256.as_deref()?, r.code.as_deref())));
        let codes: BTreeMap<&str, Option<&str>> = read.collect();
        let other = |hash: &Value, code: &Value| {
            hash.as_str().and_then(|hash| codes.get(hash)).is_some_and(|now| *now != code.as_str())
        };
        let differs = |member: &Value| other(&member["sha256"], &member["code"]);
        let ours = |member: &Value| member["sha256"].as_str().is_some_and(|hash| codes.contains_key(hash));
        let lead = |line: &&Value| {
            let members = || {
                [&line["a"], &line["b"]].into_iter().chain(line["members"].as_array().into_iter().flatten())
            };
            // Where two runs were compared, the other's reading of a photograph may be the one that was kept.
            match line["results_sha256"].as_array() {
                Some(compared) => {
                    compared.iter().all(|hash| hash != batch.results_sha256()) && members().any(ours)
                }
                None => members().any(differs),
            }
        };
        let named = self.named();
        let joint = |line: &Value| {
            let group = line["group"].as_str().and_then(|name| named.get(name));
            group.is_some_and(|group| group.code.as_deref() != line["asked"].as_str())
        };
        let trace = |line: &&Value| other(&line["sha256"], &line["asked"]) || joint(line);
        (self.leads.iter().flatten().filter(lead).count(), self.traces.iter().flatten().filter(trace).count())
    }

    /// Traces of photographs that this run has not.
    pub fn foreign_traces(&self, batch: &Batch) -> usize {
        let pages = batch.pages();
        let is_foreign = |line: &&Value| {
            line["path"].is_string() && line["sha256"].as_str().is_none_or(|hash| !pages.contains_key(hash))
        };
        self.traces.iter().flatten().filter(is_foreign).count()
    }

    /// Writes the pages that there are.
    ///
    /// # Errors
    /// [`Fatal`] where a page cannot be written.
    pub fn write(&self, site: &Site, batch: &Batch, head: &dyn Fn(&str, &str) -> Value) -> Result<(), Fatal> {
        let around = Around::new(batch, self.together.as_deref().unwrap_or_default());
        let (old_leads, old_traces) = self.outdated(batch);
        if let Some(groups) = &self.together {
            let head = head("Read together", "");
            together::write(groups, &around.pages, site, &head, self.hash(FILES[2]))?;
        }
        if let Some(lines) = &self.leads {
            let (pairs, groups) = leads(lines, &around.pages);
            let scenes = graph::panels(&pairs);
            site.page(
                "leads.html",
                "leads.html",
                json!({
                    "head": head("Leads", ""),
                    "sha256": self.hash(FILES[0]),
                    "panels": scenes.panels,
                    "left_out": scenes.left_out,
                    "outdated": old_leads,
                    "hardly": words::hardly_leads(pairs.iter().filter(|pair| pair.is_hardly()).count()),
                    "pair_count": pairs.len(),
                    "group_count": groups.len(),
                    "compared": lines.first().and_then(|line| line["compared"].as_i64()).map(words::thousands),
                    "bar": lines.first().map(|line| number(line, "log10_bar", 1)),
                    "pairs": pairs.iter().take(MOST).collect::<Vec<_>>(),
                    "groups": groups.iter().take(MOST).collect::<Vec<_>>(),
                }),
            )?;
        }
        if let Some(lines) = &self.traces {
            let traces: Vec<Trace> = lines.iter().take(MOST).map(|line| trace(line, &around)).collect();
            let head = head("Traces", "");
            site.page(
                "traces.html",
                "traces.html",
                json!({
                    "head": head,
                    "sha256": self.hash(FILES[1]),
                    "traces": traces,
                    "count": lines.len(),
                    "outdated": old_traces,
                }),
            )?;
        }
        Ok(())
    }
}

fn lines(path: &Path, verb: &str) -> Result<Vec<Value>, Fatal> {
    let again = || format!("`microstamp {verb}` once more");
    let text = std::fs::read_to_string(path)
        .map_err(|e| Fatal::new(format!("cannot read {}: {e}", path.display()), again()))?;
    let mut values = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line)
            .map_err(|e| Fatal::new(format!("{} line {}: {e}", path.display(), i + 1), again()))?;
        values.push(value);
    }
    Ok(values)
}

/// A field in words; a dash for null or nothing.
fn field(line: &Value, name: &str) -> String {
    match &line[name] {
        Value::String(s) if !s.is_empty() => text(s),
        Value::Null | Value::String(_) => "-".into(),
        other => text(&other.to_string()),
    }
}

/// A probability in words.
fn chance(line: &Value, name: &str) -> String {
    line[name].as_f64().map_or_else(|| "-".into(), words::percent)
}

/// A whole number in words.
fn whole(line: &Value, name: &str) -> String {
    line[name].as_i64().map_or_else(|| "-".into(), words::thousands)
}

/// A number with as many decimals as are worth reading.
fn number(line: &Value, name: &str, decimals: usize) -> String {
    line[name].as_f64().map_or_else(|| "-".into(), |v| format!("{v:.decimals$}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trace_says_of_a_purchaser_is_not_shown() {
        let line = json!({
            "asked": "A7?K2MP4", "path": null, "not_registered": 0.04, "compatible": 1, "by_chance": 0.04,
            "candidates": [{ "posterior": 0.9, "code": "A7BK2MP4", "make": "Acme", "purchaser": "Jane Doe",
                "purchaser_ref": "P-1", "from": "2020-01-01" }],
        });
        let shown = serde_json::to_string(&trace(&line, &Around::default())).unwrap();
        assert!(shown.contains("Acme") && shown.contains("from 2020-01-01"), "{shown}");
        assert!(!shown.contains("Jane") && !shown.contains("P-1"));
    }

    /// The page of one line of `traces.jsonl`.
    fn page(line: &Value) -> String {
        page_of(trace(line, &Around::default()))
    }

    fn page_of(trace: Trace) -> String {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::begin(dir.path(), &[], &[]).unwrap();
        let head =
            json!({ "title": "Traces", "root": "", "together": false, "leads": false, "traces": true });
        let traces = [trace];
        let all = json!({ "head": head, "traces": traces, "count": 1, "outdated": 0, "sha256": "00" });
        site.page("traces.html", "traces.html", all).unwrap();
        std::fs::read_to_string(dir.path().join("traces.html")).unwrap()
    }

    #[test]
    fn a_question_that_was_refused_never_looks_like_one_without_a_record() {
        let shown = page(&json!({
            "asked": "????????", "path": null, "not_registered": 0.5, "unread": 0.0, "records": 12000,
            "compatible": 0, "by_chance": 12000.0, "unregistered_share": 0.5, "narrowed": null,
            "left_out": null, "refused": "about 12,000 registered codes would come back", "candidates": [],
        }));
        assert!(shown.contains("Not looked up: <bdi>about 12,000 registered codes"), "{shown}");
        for words in ["No record", "compatible;", "not registered", "50.00 %"] {
            assert!(!shown.contains(words), "{words}: {shown}");
        }
    }

    #[test]
    fn an_answer_stands_on_its_page_in_the_words_of_the_terminal() {
        let narrowed = page(&json!({
            "asked": "A7CK2MP4", "path": null, "not_registered": 1.0, "unread": 0.0, "records": 2,
            "compatible": 0, "by_chance": 1.4e-12, "unregistered_share": 0.5, "refused": null,
            "narrowed": { "make": "<Glock>", "calibre": null, "on": null }, "left_out": 1, "candidates": [],
            "log": { "row": 17, "time": "2026-01-31T10:00:00Z", "sha256": "0a1b" },
        }));
        for words in [
            "log, 2026-01-31T10:00:00Z. `registry log --registry FILE --verify --since 0a1b` shows",
            "0 of 2 records <bdi>of make &lt;Glock&gt;</bdi> compatible",
            "1 compatible record that is not of make &lt;Glock&gt;",
            "<bdi>in no record of make &lt;Glock&gt;</bdi></dt><dd>100.00 %",
            "less than 0.000001",
        ] {
            assert!(narrowed.contains(words), "{words}: {narrowed}");
        }
        for words in ["not registered", "in no registry"] {
            assert!(!narrowed.contains(words), "{words}: {narrowed}");
        }
        let read = page(&json!({
            "asked": "A7?K2MP4", "path": "a.png", "reading_p": 0.7, "not_registered": 1e-7, "unread": 0.1234,
            "records": 5, "compatible": 1, "by_chance": 0.04, "unregistered_share": 0.25, "refused": null,
            "narrowed": null, "left_out": null,
            "candidates": [{ "posterior": 0.999999, "differs": 2, "differs_at": [4, 8], "code": "A7BK2MP5" }],
        }));
        for words in [
            "&gt; 99.99 %",
            "&lt; 0.01 %",
            "12.34 %",
            "only if character 4, 8 was misread",
            "25.00 %",
            "70.00 %",
        ] {
            assert!(read.contains(words), "{words}: {read}");
        }
        assert!(read.contains("not registered") && read.contains("of codes are in no registry"), "{read}");
    }

    /// A group of one photograph with the hash `aa`.
    fn group(code: &str, warnings: &[&str]) -> groups::Group {
        let member = json!({
            "path": "a.png", "sha256": "aa", "status": "partial", "code": "A7?K2MP4", "best": "A7VK2MP4", "confidence": 0.6,
            "weight": 0.5, "rotation_deg": 0.0, "mirrored": false, "support": [], "warnings": [],
        });
        let line = json!({
            "schema": 1, "group": "case 1", "kind": "case", "status": "read", "code": code, "best": code,
            "confidence": 0.99, "format": "ifm8", "positions": [], "members": [member], "warnings": warnings,
            "evidence": [], "results_sha256": "",
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn a_record_that_the_reading_or_its_group_speaks_against_does_not_stand_there_as_if_nothing_did() {
        let asked = json!({
            "asked": "A7?K2MP4", "path": "a.png", "sha256": "aa", "best": "A7VK2MP4", "reading_p": 0.6,
            "not_registered": 1e-4, "unread": 0.0, "records": 5, "compatible": 1, "by_chance": 0.04,
            "unregistered_share": 0.5, "refused": null, "narrowed": null, "left_out": null,
            "candidates": [{ "posterior": 0.9997, "differs": 0, "differs_at": [], "code": "A7XK2MP4" }],
        });
        let beside = |code: &str, warnings: &[&str]| {
            let groups = [group(code, warnings)];
            page_of(trace(&asked, &Around::of_groups(&groups)))
        };
        let shown = beside("A7VK2MP4", &[]);
        for words in [
            "does not have the most probable code of the reading, but X for V at 3",
            r##"<a href="groups.html#group-1"><bdi>case 1</bdi></a>: <span class="code">A7VK2MP4</span>"##,
            "contradicts the most probable record: other sure characters at 3",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(!beside("A7?K2MP4", &[]).contains("contradicts the most probable record"));
        // Of a group that contradicts itself no character is sure.
        let split = beside("A7VK2MP4", &["members_disagree"]);
        assert!(split.contains("no code, since its photographs contradict each other"), "{split}");
        assert!(!split.contains("contradicts the most probable record"), "{split}");
    }

    #[test]
    fn a_photograph_names_the_group_that_it_was_read_in_and_what_was_asked_of_it() {
        let casework = Casework {
            together: Some(vec![group("A7VK2MP4", &[])]),
            traces: Some(vec![json!({ "asked": "A7VK2MP4", "group": "case 1" }), json!({ "sha256": "bb" })]),
            ..Casework::default()
        };
        let mentions = casework.mentions();
        let of = &mentions["aa"];
        assert_eq!((of.groups[0].code.as_deref(), of.traces), (Some("A7VK2MP4"), 0));
        assert_eq!((of.group_traces, of.first_group_trace), (1, Some(1)));
        assert_eq!((mentions["bb"].groups.len(), mentions["bb"].first_trace), (0, Some(2)));
    }

    #[test]
    fn leads_with_hardly_a_sure_character_are_told_from_the_others() {
        let side = |code: &str| json!({ "out": "out", "scene": code, "path": code, "code": code });
        let pair = |a: &str, b: &str| json!({ "kind": "pair", "a": side(a), "b": side(b) });
        let group = json!({ "kind": "group", "members": [side("A7CK2MP4"), side("???K????")] });
        let lines = [pair("A7CK2MP4", "A7CK????"), pair("A7CK2MP4", "???K????"), group];
        let (pairs, groups) = leads(&lines, &BTreeMap::new());
        assert_eq!(pairs.iter().map(leads::Pair::is_hardly).collect::<Vec<_>>(), [false, true]);
        assert_eq!(groups[0].members.iter().map(|m| m.unsure).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn kinds_of_a_later_version_are_passed_over_and_broken_lines_are_named() {
        let (pairs, groups) =
            leads(&[json!({ "kind": "chain" }), json!({ "kind": "group" })], &BTreeMap::new());
        assert_eq!((pairs.len(), groups.len()), (0, 1));
        let dir = tempfile::tempdir().unwrap();
        assert!(!Casework::read(&[dir.path()], "").unwrap().has_leads());
        std::fs::write(dir.path().join("leads.jsonl"), "{}\n{").unwrap();
        let fatal = Casework::read(&[dir.path()], "").unwrap_err();
        assert!(fatal.what.contains("line 2") && fatal.hint.contains("microstamp link"), "{fatal}");
    }
}
