//! What codes and readings lead to.

use crate::common::microstamp;
use crate::lab::{Lab, labs, lines, many, whole};
use microstamp::casework::population::{self, Filter, Population};
use microstamp::casework::question::Question;
use microstamp::casework::store;
use microstamp::casework::trace::{self, Terms, UNREGISTERED};
use microstamp::pipeline::scheme::Scheme;
use std::collections::BTreeMap;
use std::path::Path;

/// A line of results with one probability for each character and an alternative.
fn reading(path: &str, sha256: &str, code: &str, best: &str, sure: f64, unsure: (f64, char)) -> String {
    let positions: Vec<_> = code
        .chars()
        .zip(best.chars())
        .map(|(shown, c)| {
            let (p, other) = if shown == '?' { unsure } else { (sure, '8') };
            let rest = if other == c { '7' } else { other };
            serde_json::json!({"char": c, "p": p, "alternatives": [[c, p], [rest, (1.0 - p) * 0.5]],
                "from": "characters", "quad": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]})
        })
        .collect();
    let status = match code.matches('?').count() {
        0 => "read",
        n if n == code.len() => "unreadable",
        _ => "partial",
    };
    serde_json::json!({"schema": 1, "path": path, "sha256": sha256, "status": status, "code": code, "best": best,
        "confidence": 0.7, "format": "ifm8", "positions": positions, "warnings": []})
    .to_string()
}

fn out_folder(lab: &Lab, name: &str, lines: &[String]) -> String {
    let out = lab.folder.path().join(name);
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("results.jsonl"), lines.join("\n") + "\n").unwrap();
    out.to_str().unwrap().into()
}

const NO_MARK: &str = r#"{"schema":1,"path":"z.png","status":"no_mark","confidence":null}"#;

#[test]
fn every_compatible_record_comes_back_with_the_share_of_none_of_them() {
    let mut answers: Vec<Vec<serde_json::Value>> = Vec::new();
    for lab in Lab::with_entries() {
        let mut all = lab.traces(&["A7?K2MP?"]);
        let codes: Vec<&str> =
            all[0]["candidates"].as_array().unwrap().iter().map(|c| c["code"].as_str().unwrap()).collect();
        assert_eq!(codes, ["A7CK2MP4", "A7CK2MP4", "A7DK2MP5", "A7EK2MP6"]);
        assert_eq!(all[0]["compatible"], 4);
        all.extend(lab.traces(&["a7ck2mp4"]));
        assert_eq!(all[1]["compatible"], 2);
        all.extend(lab.traces(&["A7CK2MP4", "--format", "ifm8"]));
        assert_eq!(all[2]["compatible"], 1);
        all.extend(lab.traces(&["A7?K2MP?", "--calibre", "9MM"]));
        assert_eq!((&all[3]["compatible"], &all[3]["records"]), (&2.into(), &3.into()));
        all.extend(lab.traces(&["A7?K2MP?", "--make", "beretta", "--on", "2025-01-31"]));
        assert_eq!(all[4]["compatible"], 1);
        all.extend(lab.traces(&["A7?K2MP?", "--make", "beretta", "--on", "2025-02-01"]));
        assert_eq!(all[5]["compatible"], 0);
        all.extend(lab.traces(&["ZZZZZZZZ"]));
        assert_eq!((&all[6]["not_registered"], &all[6]["compatible"]), (&1.0.into(), &0.into()));
        for trace in &all {
            assert!((whole(trace) - 1.0).abs() < 1e-6, "{trace}");
        }
        // Each registry has a log of its own.
        all.iter_mut().for_each(|trace| drop(trace.as_object_mut().unwrap().remove("log")));
        // On a terminal a partial code never has an answer without the number of others and of none.
        let text = lab.ok(&["trace", "A7?K2MP?", "--why", "case 1"]);
        let words = [
            "4 of 5 records of the formats ifm8, ifm8-323, ifm8-narrow compatible",
            "by chance alone",
            "not registered",
            "A record is a lead",
        ];
        for words in words.into_iter().chain(["of the registry's log"]) {
            assert!(text.contains(words), "{text}");
        }
        answers.push(all);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "both stores answer alike");
}

#[test]
fn a_reading_leads_to_its_record_by_the_probabilities_of_its_characters() {
    for lab in Lab::with_entries() {
        let lines = [
            // The third and the last character are unsure, and each is more probably another.
            reading("s1/a.png", "01", "A7?K2MP?", "A7XK2MPX", 0.9995, (0.5, 'D')),
            reading("s1/b.png", "02", "ZZZZ2222", "ZZZZ2222", 0.9999, (0.5, 'D')),
            reading("s1/c.png", "03", "????????", "KKKK7777", 0.9, (0.3, 'D')),
            NO_MARK.into(),
            // Registered as of another format of as many characters.
            reading("s1/d.png", "04", "ZZZZ3333", "ZZZZ3333", 0.9999, (0.5, 'D')),
        ];
        let add = ["--code", "ZZZZ3333", "--format", "ifm8-narrow", "--make", "Colt", "--serial", "C3"];
        lab.ok(&[&["registry", "add"], &add[..]].concat());
        let out = out_folder(&lab, "out", &lines);
        let mut traces = lab.traces(&[&out]);
        let last = traces.pop().unwrap();
        assert_eq!((traces.len(), &last["compatible"], &last["other_format"]), (3, &0.into(), &1.into()));
        assert!(traces.iter().all(|t| t["other_format"] == 0 || t["path"] == "s1/a.png"), "{traces:?}");
        let first = &traces[0]["candidates"][0];
        assert_eq!((&first["code"], &first["serial"]), (&"A7DK2MP5".into(), &"GLK1".into()));
        assert_eq!((&traces[0]["reading_p"], &traces[0]["path"]), (&0.7.into(), &"s1/a.png".into()));
        assert!(traces[0]["candidates"].as_array().unwrap().iter().all(|c| c["format"] == "ifm8"));
        assert!(traces[1]["not_registered"].as_f64().unwrap() > 0.99, "{}", traces[1]);
        // Hardly anything was read, and nothing like it is registered: the mark may have been found wrongly.
        assert!(traces[2]["unread"].as_f64().unwrap() > 0.1, "{}", traces[2]);
        for trace in &traces {
            assert!((whole(trace) - 1.0).abs() < 1e-6, "{trace}");
        }
        let row = &lab.rows()[0];
        assert_eq!((row["sha256"].as_str(), row["records"].as_str()), ("01", "4"));
        assert_eq!((row["unregistered_share"].as_str(), row["differs"].as_str()), ("0.5", "0"));
        assert!(row["refused"].is_empty() && row["narrowed_make"].is_empty() && row["left_out"].is_empty());
        let text = lab.ok(&["trace", &out, "--why", "x"]);
        assert!(text.contains("none; 1 compatible record of another format"), "{text}");
        assert!(
            text.contains("| unread") && text.contains("4 photographs looked up, 1 without a code."),
            "{text}"
        );
        assert_eq!(lab.traces(&[&out, "--photo", "s1/b.png"]).len(), 1);
        // What was not asked for is not counted.
        let text = lab.ok(&["trace", &out, "--why", "x", "--photo", "s1/b.png"]);
        assert!(text.contains("\n1 photograph looked up. ") && !text.contains("without a code"), "{text}");
        lab.refused(&["trace", &out, "--why", "x", "--photo", "z.png"], "has no reading of `z.png`");
        lab.refused(&["trace", "A7CK2MP4", "--why", "x", "--photo", "a"], "chooses from a folder");
    }
}

/// The record of a neighbouring code is a lead where a code is not registered, and no more: codes issued in sequence have
/// neighbours.
#[test]
fn a_record_that_contradicts_a_sure_character_is_never_all_but_certain() {
    for lab in Lab::with_entries() {
        // Registered is A7DK2MP5: the last character is read as 4, sure but for a little that is left to 5.
        let line = reading("s1/a.png", "01", "A7DK2MP4", "A7DK2MP4", 0.996, (0.5, 'D'))
            .replace("[\"8\",", "[\"5\",");
        let out = out_folder(&lab, "next", &[line]);
        let trace = &lab.traces(&[&out])[0];
        let first = &trace["candidates"][0];
        assert_eq!((&first["code"], &first["differs_at"]), (&"A7DK2MP5".into(), &serde_json::json!([8])));
        let p = first["posterior"].as_f64().unwrap();
        assert!((0.5..0.95).contains(&p), "{trace}");
        let text = lab.ok(&["trace", &out, "--why", "x"]);
        assert!(text.contains("only if character 8 was misread"), "{text}");
    }
}

#[test]
fn how_common_symbols_are_is_counted_for_each_format_however_its_rows_came() {
    for lab in labs() {
        // A format's few rows between many of another.
        let few = "AAAAAA,ifm6,Colt,X1\nAAAAA2,ifm6,Colt,X2\nAAAA22,ifm6,Colt,X3\n";
        let table = many(3000, 0) + few + &many(3000, 3000)["code,format,make,serial\n".len()..];
        lab.ok(&["registry", "import", &lab.file("all.csv", &table), "--quiet"]);
        let mut database = store::open(&lab.place).unwrap();
        let mut of = |format: &str, length: usize| {
            let alphabet: Vec<char> = Scheme::all()[0].alphabet.chars().collect();
            population::shares(&mut *database, format, &alphabet, length).unwrap()
        };
        let shares = of("ifm6", 6).unwrap();
        assert!(
            (shares[0][0] - 4.0 / 36.0).abs() < 1e-9 && (shares[5][0] - 2.0 / 36.0).abs() < 1e-9,
            "{shares:?}"
        );
        assert!((of("ifm8", 8).unwrap()[0][0] - 1.0 / 33.0).abs() < 1e-3);
        assert_eq!(of("ifm8-narrow", 8), None);
    }
}

#[test]
fn a_question_narrowed_down_says_so_and_what_it_left_out() {
    for lab in Lab::with_entries() {
        // Registered, under other makes.
        let trace = lab.traces(&["A7CK2MP4", "--make", "Glock"]).remove(0);
        let narrowed = serde_json::json!({"formats": [], "make": "Glock", "calibre": null, "on": null});
        assert_eq!((&trace["narrowed"], &trace["left_out"]), (&narrowed, &2.into()));
        assert_eq!((&trace["records"], &trace["compatible"]), (&1.into(), &0.into()));
        let row = &lab.rows()[0];
        assert_eq!((row["narrowed_make"].as_str(), row["left_out"].as_str()), ("Glock", "2"));
        // Registered, in another format.
        let asked = ["A7DK2MP5", "--format", "ifm8-323"];
        let trace = lab.traces(&[&asked[..], &["--unregistered", "0.1"]].concat()).remove(0);
        assert_eq!((&trace["records"], &trace["left_out"]), (&1.into(), &1.into()));
        assert_eq!(lab.rows()[0]["narrowed_formats"], "ifm8-323");
        let log = lab.ok(&["registry", "log"]);
        assert!(log.contains("A7DK2MP5 format ifm8-323 unregistered 0.1\t0"), "{log}");
        let text = lab.ok(&["trace", "A7DK2MP5", "--why", "x", "--format", "ifm8-323"]);
        assert!(
            text.contains("in no record of format ifm8-323") && !text.contains("not registered"),
            "{text}"
        );
        lab.refused(&["trace", "A7DK2MP5", "--why", "x", "--format", "ifm6"], "ifm6 has 6");
        let text = lab.ok(&["trace", "A7CK2MP4", "--why", "x", "--format", "ifm8", "--make", "Glock"]);
        for words in [
            "0 of 1 record of format ifm8 and make Glock compatible",
            "Left out: 2 compatible records that are not of format ifm8 and make Glock.",
            "in no record of format ifm8 and make Glock",
        ] {
            assert!(text.contains(words), "{text}");
        }
        let answer = text.split("\nRow ").next().unwrap();
        assert!(!answer.contains("not registered") && !answer.contains("registry"), "{text}");
        let out =
            out_folder(&lab, "out", &[reading("a.png", "01", "A7CK2MP4", "A7CK2MP4", 0.9995, (0.5, 'D'))]);
        let text = lab.ok(&["trace", &out, "--why", "x", "--make", "Glock"]);
        assert!(text.contains("left out") && !text.contains("not registered"), "{text}");
        let text = lab.ok(&["trace", &out, "--why", "x", "--make", "Glok"]);
        assert!(text.contains("The registry holds no record of make Glok"), "{text}");
        // Records of a day are counted like those of a make: A7CK2MP4 had left the Beretta by then.
        let trace = lab.traces(&["A7?K2MP?", "--format", "ifm8", "--on", "2025-02-01"]).remove(0);
        assert_eq!(
            (&trace["records"], &trace["compatible"], &trace["left_out"]),
            (&3.into(), &2.into(), &2.into())
        );
        let trace = lab.traces(&["A7?K2MP?", "--make", "BERETTA", "--on", "2025-01-31"]).remove(0);
        assert_eq!(
            (&trace["records"], &trace["compatible"], &trace["left_out"]),
            (&1.into(), &1.into(), &3.into())
        );
        let trace = lab.traces(&["A7CK2MP4"]).remove(0);
        assert_eq!(
            (&trace["narrowed"], &trace["left_out"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        // The Glock is the more probable one, and a make does not make another so.
        let lines = [reading("s1/a.png", "01", "A7?K2MP?", "A7DK2MP5", 0.9995, (0.5, 'D'))];
        let out = out_folder(&lab, "narrow", &lines);
        let trace = lab.traces(&[&out, "--make", "Beretta"]).remove(0);
        assert_eq!(
            (&trace["left_out_fits_better"], &trace["best"]),
            (&true.into(), &"A7DK2MP5".into()),
            "{trace}"
        );
        let trace = lab.traces(&[&out, "--make", "Glock"]).remove(0);
        assert_eq!(trace["left_out_fits_better"], false);
        // Not quite certain, and so it must stay in the files.
        let first = trace["candidates"][0]["posterior"].as_f64().unwrap();
        assert!(trace["not_registered"].as_f64().unwrap() > 0.0 && first < 1.0, "{trace}");
    }
}

#[test]
fn a_code_of_which_too_little_is_known_is_refused_with_the_number_that_would_come_back() {
    for lab in labs() {
        let file = lab.file("many.csv", &many(12_000, 0));
        lab.ok(&["registry", "import", &file, "--quiet"]);
        lab.refused(&["trace", "????????", "--why", "x"], "about 12,000 registered codes would come back");
        assert!(lab.ok(&["registry", "log"]).contains("????????"), "a refused question is logged too");
        // Issued in sequence, all of them fit where chance would give none.
        lab.refused(&["trace", "???AAAAA", "--why", "x"], "more than 10,000 registered codes come back");
        assert!(lab.ok(&["trace", "A???????", "--why", "x"]).contains("of 12,000 records of the formats"));
        // In the files too a refusal is none of the answers.
        let out = lab.path("leads");
        lab.refused(&["trace", "????????", "--why", "x", "-o", &out], "would come back");
        let trace = lines(&Path::new(&out).join("traces.jsonl")).remove(0);
        assert!(trace["refused"].as_str().unwrap().contains("too many to be a lead"), "{trace}");
        let table = csv::Reader::from_path(Path::new(&out).join("traces.csv")).unwrap();
        let row: BTreeMap<String, String> = table.into_deserialize().next().unwrap().unwrap();
        assert!(row["refused"].contains("about 12,000"), "{row:?}");
        assert!(row["compatible"].is_empty() && row["not_registered"].is_empty(), "{row:?}");
        // Few of the records are of this make and day: then they come back.
        let more = "code,format,make,serial,from\nZZZZ2222,ifm8,Ruger,R1,2024-01-01\nZZZZ2223,ifm8,Ruger,R2,2025-01-01\n";
        lab.ok(&["registry", "import", &lab.file("more.csv", more), "--quiet"]);
        let trace = lab.traces(&["????????", "--make", "ruger"]).remove(0);
        assert_eq!((&trace["records"], &trace["compatible"]), (&2.into(), &2.into()));
        assert!(trace["left_out"].is_null() && trace["refused"].is_null(), "{trace}");
        let trace = lab.traces(&["????????", "--make", "ruger", "--on", "2024-06-01"]).remove(0);
        assert_eq!(trace["candidates"][0]["code"], "ZZZZ2222");
        assert_eq!(trace["compatible"], 1);
        lab.refused(
            &["trace", "????????", "--why", "x", "--make", "Colt"],
            "codes of make Colt would come back",
        );
    }
}

/// Naming a make must not make a lead of nothing.
#[test]
fn what_a_filter_takes_for_granted_is_said_and_what_holds_without_it_stands_beside() {
    for lab in Lab::with_entries() {
        let of = |trace: &serde_json::Value, field: &str| {
            let candidates = trace["candidates"].as_array().unwrap();
            candidates.iter().find(|c| c["make"] == "Colt").unwrap()[field].clone()
        };
        let all = lab.traces(&["A7?K2MP?", "--format", "ifm8", "--calibre", ".45"]).remove(0);
        let none = lab.traces(&["A7?K2MP?"]).remove(0);
        let [narrowed, beside, without] =
            [of(&all, "posterior"), of(&all, "unnarrowed"), of(&none, "posterior")]
                .map(|p| p.as_f64().unwrap());
        assert!(narrowed > 0.9 && beside < 0.4, "{narrowed} {beside}");
        assert!((beside - without).abs() < 0.1 && of(&none, "unnarrowed").is_null(), "{beside} {without}");
        let row = &lab.rows()[0];
        assert!(
            row["unnarrowed"].is_empty() && row["differs_at"].is_empty() && row["next_to_share"] == "0.1"
        );
        let text = lab.ok(&["trace", "A7?K2MP?", "--make", "Colt", "--why", "x"]);
        assert!(text.contains("Taken for granted: that the record is one of make Colt."), "{text}");
        assert!(text.contains("| of all records |"), "{text}");
    }
}

#[test]
fn a_firearm_counts_once_over_however_many_times_it_bore_its_code() {
    for lab in labs() {
        let entries = "code,format,make,serial,from,to\n\
            A7CK2MP8,ifm8,Beretta,B7,2020-01-01,2021-01-01\n\
            A7CK2MP8,ifm8,BERETTA,b7,2022-01-01,2023-01-01\n\
            A7CK2MP8,ifm8,Beretta,B7,2024-01-01,\n\
            A7DK2MP8,ifm8,Glock,G7,2020-01-01,\n";
        lab.ok(&["registry", "import", &lab.file("times.csv", entries)]);
        let trace = lab.traces(&["A7?K2MP8"]).remove(0);
        let candidates = trace["candidates"].as_array().unwrap();
        let of = |serial: &str| -> f64 {
            let rows =
                candidates.iter().filter(|c| c["serial"].as_str().unwrap().eq_ignore_ascii_case(serial));
            rows.map(|c| c["posterior"].as_f64().unwrap()).sum()
        };
        assert_eq!(candidates.len(), 4);
        assert!((of("B7") - of("G7")).abs() < 1e-8 && of("G7") > 0.3, "{trace}");
        assert!((whole(&trace) - 1.0).abs() < 1e-6);
    }
}

#[test]
fn codes_that_are_not_registered_are_never_called_registered() {
    for lab in Lab::with_entries() {
        let mut database = store::open(&lab.place).unwrap();
        let mut population = Population::count(&mut *database).unwrap();
        let terms = Terms { filter: Filter::default(), unregistered: UNREGISTERED };
        let schemes = Scheme::all();
        for row in many(1000, 5_000_000).lines().skip(1) {
            let question = Question::typed(&row[..8], &schemes).unwrap();
            let trace = trace::answer(&mut *database, &mut population, &question, &terms).unwrap();
            assert!(trace.not_registered > 0.5 && trace.candidates.is_empty(), "{row}");
        }
    }
}

#[test]
fn a_reading_beside_a_registered_code_may_be_of_one_that_is_not_registered() {
    for lab in Lab::with_entries() {
        // B most likely, of which no code is registered; an A makes it one that is.
        let not_registered = |name: &str, b: f64| {
            let line = reading("case/a.png", name, "?7DK2MP5", "B7DK2MP5", 0.9995, (b, 'A'));
            let trace = lab.traces(&[&out_folder(&lab, name, &[line])]).remove(0);
            assert_eq!(trace["candidates"][0]["code"], "A7DK2MP5");
            trace["not_registered"].as_f64().unwrap()
        };
        let (doubtful, likely) = (not_registered("01", 0.6), not_registered("02", 0.98));
        assert!(doubtful > 1e-4 && likely > 0.01 && likely > 5.0 * doubtful, "{doubtful}, {likely}");
    }
}

#[test]
fn readings_of_one_pin_are_linked_across_scenes_and_runs_without_any_registry() {
    let lab = &labs()[0];
    let read =
        |path: &str, sha: &str, code: &str, best: &str| reading(path, sha, code, best, 0.9995, (0.3, 'W'));
    let march = out_folder(
        lab,
        "march",
        &[
            read("scene-1/a.png", "01", "A7CK2MP4", "A7CK2MP4"),
            read("scene-1/b.png", "02", "A7CK2M??", "A7CK2MXX"),
            read("scene-2/c.png", "03", "ZZZZ2222", "ZZZZ2222"),
            NO_MARK.into(),
        ],
    );
    let april = out_folder(
        lab,
        "april",
        &[
            read("scene-3/d.png", "04", "??CK2MP4", "XXCK2MP4"),
            // Fits the first code where both were read, and another that was read whole.
            read("scene-4/e.png", "05", "?7CK2MP4", "H7CK2MP4"),
            read("scene-4/f.png", "06", "B7CK2MP4", "B7CK2MP4"),
            // The same photograph as in March, of which another reader made less.
            read("scene-1/a.png", "01", "A???????", "A7CK2MP4"),
        ],
    );
    let leads = lab.path("leads");
    let run = microstamp().args(["link", &march, &april, "-o", &leads]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.contains("1 photographs given twice") && text.contains("A7CK2MP4"), "{text}");
    let file = std::fs::read(Path::new(&leads).join("leads.jsonl")).unwrap();
    let lines = lines(&Path::new(&leads).join("leads.jsonl"));
    let pairs_of = |order: [&str; 2]| {
        let again = lab.path("again");
        microstamp().args(["link"]).args(order).args(["-o", &again]).assert().code(0);
        std::fs::read_to_string(Path::new(&again).join("leads.jsonl")).unwrap().matches("\"pair\"").count()
    };
    assert_eq!(pairs_of([&april, &march]), String::from_utf8_lossy(&file).matches("\"pair\"").count());
    let sha = |v: &serde_json::Value| v["sha256"].as_str().unwrap().to_string();
    let pairs: BTreeMap<(String, String), f64> = lines
        .iter()
        .filter(|l| l["kind"] == "pair")
        .map(|l| ((sha(&l["a"]), sha(&l["b"])), l["log10_lr"].as_f64().unwrap()))
        .collect();
    let key = |a: &str, b: &str| (a.to_string(), b.to_string());
    assert!(pairs[&key("01", "02")] > 8.0 && pairs[&key("01", "04")] > 8.0, "{pairs:?}");
    assert!(!pairs.contains_key(&key("01", "06")), "two whole codes that differ: {pairs:?}");
    assert!(pairs.keys().all(|(a, b)| a != "03" && b != "03"), "{pairs:?}");
    let groups: Vec<Vec<String>> = lines
        .iter()
        .filter(|l| l["kind"] == "group")
        .map(|l| l["members"].as_array().unwrap().iter().map(sha).collect())
        .collect();
    // The partial reading that fits both codes joins one of them and does not tie them together.
    assert!(groups.iter().all(|g| !(g.contains(&"01".into()) && g.contains(&"06".into()))), "{groups:?}");
    let first = lines.iter().find(|l| l["kind"] == "pair").unwrap();
    assert_eq!((&first["a"]["scene"], &first["a"]["out"]), (&"scene-1".into(), &march.as_str().into()));
    let rows = csv::Reader::from_path(Path::new(&leads).join("leads.csv")).unwrap().into_records().count();
    let members: usize = groups.iter().map(Vec::len).sum();
    assert_eq!(rows, pairs.len() + members);
}
