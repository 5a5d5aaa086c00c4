//! What goes into a registry, and what does not.

use crate::common::microstamp;
use crate::lab::{Lab, labs};
use microstamp::casework::store::{self, Value};

#[test]
fn a_file_goes_in_once_however_often_it_is_brought() {
    for lab in Lab::with_entries() {
        assert_eq!(lab.records(), 6);
        let file = lab.path("entries.csv");
        lab.ok(&["registry", "import", &file]);
        assert_eq!(lab.records(), 6);
        // The same as JSON lines, with one new entry twice.
        let new = r#"{"code":"ZZZZ2222","format":"ifm8","make":"Colt","serial":"CLT2"}"#;
        let json = lab.file("new.jsonl", &format!("{new}\n{new}\n"));
        lab.ok(&["registry", "import", &json]);
        let stats = lab.stats();
        assert_eq!(stats["records"], 7);
        assert_eq!(stats["makes"][0], serde_json::json!({"name": "Beretta", "records": 2}));
        assert_eq!(stats["log"]["whole"], true);
    }
}

#[test]
fn a_line_of_json_replaces_what_it_states_and_nothing_else() {
    for lab in Lab::with_entries() {
        let line = r#"{"code":"A7EK2MP6","format":"ifm8","make":"Colt","serial":"CLT1","status":"found"}"#;
        lab.ok(&["registry", "import", &lab.file("found.jsonl", line), "--replace"]);
        let colt = lab.traces(&["A7EK2MP6"]).remove(0)["candidates"][0].clone();
        assert_eq!((&colt["status"], &colt["dealer"]), (&"found".into(), &"Ace".into()), "{colt}");
        assert_eq!(colt["from"], "2024-03-01", "{colt}");
        // Of lines that state different fields nobody knows which are to be kept.
        let other = r#"{"code":"ABC123","format":"ifm6","make":"Ruger","serial":"RUG1","dealer":"Ace"}"#;
        let mixed = lab.file("mixed.jsonl", &format!("{line}\n{other}\n"));
        lab.refused(&["registry", "import", &mixed, "--replace"], "state fields that others do not");
    }
}

#[test]
fn codes_of_two_firearms_are_counted() {
    for lab in Lab::with_entries() {
        assert_eq!(lab.stats()["shared_codes"], 0);
        // A7DK2MP5 is a Glock's already; the Ruger is spelled anew, and a code of another format is another.
        let rows = "code,format,make,serial\nA7DK2MP5,ifm8,Colt,CLT9\nABC123,ifm6,RUGER,rug1\nA7EK2MP6,ifm8-323,Colt,C7\n";
        lab.ok(&["registry", "import", &lab.file("more.csv", rows)]);
        assert_eq!(lab.stats()["shared_codes"], 1);
        let said = lab.ok(&["registry", "stats"]);
        assert!(said.contains("codes of more than one firearm: 1, such as A7DK2MP5"), "{said}");
        // `trace` counts as `stats` does.
        let ruger = lab.traces(&["ABC123"]).remove(0);
        assert_eq!(ruger["candidates"][0]["firearm_posterior"], ruger["candidates"][1]["firearm_posterior"]);
        let posterior = |i: usize| ruger["candidates"][i]["posterior"].as_f64().unwrap();
        assert!(posterior(0) + posterior(1) < 1.0, "{ruger}");
    }
}

#[test]
fn tables_of_others_in_the_same_database_stay() {
    for lab in labs() {
        let other = |text: String| store::open(&lab.place).unwrap().execute(&text, &[]).unwrap();
        let names = ["staging", "verdict"];
        for name in names {
            other(format!("CREATE TABLE {name} (a INTEGER)"));
        }
        let entry = r#"{"code":"ZZZZ2222","format":"ifm8","make":"Colt","serial":"CLT2"}"#;
        let file = lab.file("new.jsonl", entry);
        // Twice: the second finds what the first has left behind.
        for _ in 0..2 {
            lab.ok(&["registry", "import", &file]);
        }
        assert_eq!(lab.records(), 1);
        for name in names {
            other(format!("INSERT INTO {name} VALUES (1)"));
        }
    }
}

#[test]
fn bad_rows_are_put_aside_with_their_reasons_and_good_ones_go_in() {
    for lab in Lab::with_entries() {
        let file = lab.file(
            "mixed.csv",
            "make,serial,code,format,dealer,to\nColt,C1,A7OK2MP4,ifm8,,\nColt,C2,AAAA2222,ifm9,,\nColt,C3,AAAA2222,ifm8,,\n\
             Colt,C3,AAAA2222,ifm8,other,\nColt,C4,AAAA2223,ifm8,,2024-13-01\nColt,C5,AAAA2224,ifm8\nRuger,RUG1,ABC123,ifm6,new dealer,\n",
        );
        let rejects = lab.path("bad.csv");
        let run = lab.run(&["registry", "import", &file, "--rejects", &rejects]);
        assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
        assert_eq!(lab.records(), 7);
        let rows: Vec<(u64, String, String)> =
            csv::Reader::from_path(&rejects).unwrap().deserialize().map(Result::unwrap).collect();
        let reason =
            |line: u64| &rows.iter().find(|r| r.0 == line).unwrap_or_else(|| panic!("{line}: {rows:?}")).1;
        assert!(reason(2).contains("`O` is never issued"));
        assert!(reason(3).contains("no code format is called `ifm9`"));
        assert!(reason(5).contains("in this file before, with other data"));
        assert!(reason(6).contains("2024-13-01"));
        assert!(reason(7).contains("4 cells"));
        assert!(reason(8).contains("registered already, with other data"));
        assert_eq!(rows.len(), 6);
        // Only what was asked for is replaced.
        let run = lab.run(&["registry", "import", &file, "--rejects", &rejects, "--replace"]);
        assert!(String::from_utf8_lossy(&run.stderr).contains("0 added, 1 known already, 1 replaced"));
        let found = lab.traces(&["ABC123"]);
        assert_eq!(found[0]["candidates"][0]["dealer"], "new dealer");
        assert_eq!(lab.records(), 7);
    }
}

#[test]
fn rows_are_the_same_whatever_wrote_the_file() {
    for lab in Lab::with_entries() {
        // Blanks around JSON's cells, and lines that end as those of an old spreadsheet.
        let json = r#"{"code":" zzzz2222","format":"ifm8","make":"Colt ","serial":"CLT2"}"#;
        lab.ok(&["registry", "import", &lab.file("blanks.jsonl", &format!("{json}\n"))]);
        let old =
            "code,format,make,serial\rZZZZ2222,ifm8,Colt,CLT2\rZZZZ2223,ifm8,Colt,CLT3\r=1+1,ifm8,Colt,C4\r";
        let rejects = lab.path("old.rejects.csv");
        lab.differs(
            &["registry", "import", &lab.file("old.csv", old), "--rejects", &rejects],
            "1 added, 1 known",
        );
        assert_eq!(lab.traces(&["ZZZZ2222", "--make", "Colt"])[0]["candidates"].as_array().unwrap().len(), 1);
        let empty = r#"{"code":"ZZZZ2224","format":"ifm8","make":"  ","serial":"CLT4"}"#;
        lab.differs(&["registry", "import", &lab.file("empty.jsonl", empty)], "1 row rejected");
        let rows: Vec<(u64, String, String)> =
            csv::Reader::from_path(&rejects).unwrap().deserialize().map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|r| (r.0, r.2.as_str())).collect::<Vec<_>>(), [(4, "'=1+1,ifm8,Colt,C4")]);
    }
}

#[test]
fn what_programs_put_around_rows_is_no_fault_of_the_rows() {
    for lab in Lab::with_entries() {
        let rows = "code,format,make,serial\n\nZZZZ2222,ifm8,Colt,C1\n\n\nZZZZ2223,ifm8,Colt,C2\n";
        lab.ok(&["registry", "import", &lab.file("blank lines.csv", rows)]);
        let row = "\u{feff}{\"code\":\"ZZZZ2224\",\"format\":\"ifm8\",\"make\":\"Colt\",\"serial\":\"C3\"}\n";
        lab.ok(&["registry", "import", &lab.file("marked.jsonl", row)]);
        assert_eq!(lab.records(), 9);
        for (name, text) in
            [("list.json", "[{\"code\":1}]"), ("pretty.json", "{\n \"code\": \"ZZZZ2225\"\n}\n")]
        {
            lab.refused(&["registry", "import", &lab.file(name, text)], "one object a line");
        }
        let utf16: Vec<u8> = "\u{feff}code,format\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let file = lab.path("utf16.csv");
        std::fs::write(&file, utf16).unwrap();
        lab.refused(&["registry", "import", &file], "UTF-16");
        assert_eq!(lab.records(), 9);
    }
}

/// One component that counts twice doubles its firearm's share of the probability.
#[test]
fn a_component_is_not_registered_twice_over_one_time() {
    for lab in Lab::with_entries() {
        let head = "code,format,make,serial,calibre,from,to\n";
        let put = |name: &str, rows: &str| lab.file(name, &format!("{head}{rows}"));
        // The Beretta bore it from 2024-03-01 to 2025-01-31.
        let corrected = put("corrected.csv", "A7CK2MP4,ifm8,Beretta,BER1,9 mm,2024-03-02,2025-01-31\n");
        lab.differs(&["registry", "import", &corrected], "1 row rejected");
        let rejects = std::fs::read_to_string(lab.path("corrected.csv.rejects.csv")).unwrap();
        assert!(rejects.contains("from another day on") && rejects.contains("--replace"), "{rejects}");
        lab.ok(&["registry", "import", &corrected, "--replace"]);
        let entry = &lab.traces(&["A7CK2MP4", "--make", "Beretta"])[0]["candidates"];
        assert_eq!((entry.as_array().unwrap().len(), &entry[0]["from"]), (1, &"2024-03-02".into()));
        assert_eq!((&entry[0]["calibre"], lab.records()), (&"9 mm".into(), 6));
        assert_eq!(
            lab.stats()["calibres"].as_array().unwrap().iter().filter(|c| c["name"] == "9 mm").count(),
            1
        );
        // A table says nothing of the columns that it has not, and without a first day it means the registered row.
        let status = "code,format,make,serial,status\nA7CK2MP4,ifm8,Beretta,BER1,destroyed\n";
        lab.ok(&["registry", "import", &lab.file("status.csv", status), "--replace"]);
        let entry = &lab.traces(&["A7CK2MP4", "--make", "Beretta"])[0]["candidates"][0];
        let of = |name: &str| entry[name].as_str().unwrap().to_string();
        assert_eq!(
            [of("status"), of("from"), of("to"), of("calibre")],
            ["destroyed", "2024-03-02", "2025-01-31", "9 mm"]
        );
        lab.ok(&["registry", "import", &lab.file("known.csv", status)]);
        let add = [
            "registry", "add", "--code", "A7CK2MP4", "--format", "ifm8", "--make", "Beretta", "--serial",
            "BER1",
        ];
        lab.ok(&[&add[..], &["--status", "stolen", "--replace"]].concat());
        let entry = &lab.traces(&["A7CK2MP4", "--make", "Beretta"])[0]["candidates"];
        assert_eq!((entry.as_array().unwrap().len(), &entry[0]["from"]), (1, &"2024-03-02".into()));
        assert_eq!((&entry[0]["status"], &entry[0]["model"]), (&"stolen".into(), &"92FS".into()));
        // Put back another time, it is a second entry.
        lab.ok(&["registry", "import", &put("later.csv", "A7CK2MP4,ifm8,Beretta,BER1,9mm,2025-06-01,\n")]);
        assert_eq!(lab.records(), 7);
        // Over both of them, nobody can tell which it replaces; twice in a file, neither.
        let over = put("over.csv", "A7CK2MP4,ifm8,Beretta,BER1,9mm,2024-01-01,\n");
        lab.differs(&["registry", "import", &over, "--replace"], "1 row rejected");
        // Nor may the first grow into the second.
        let longer = put("longer.csv", "A7CK2MP4,ifm8,Beretta,BER1,9mm,2024-03-02,2026-01-31\n");
        lab.differs(&["registry", "import", &longer, "--replace"], "1 row rejected");
        let rejects = std::fs::read_to_string(lab.path("longer.csv.rejects.csv")).unwrap();
        assert!(rejects.contains("its days would overlap"), "{rejects}");
        let shorter = put("shorter.csv", "A7CK2MP4,ifm8,Beretta,BER1,9mm,2024-03-02,2025-06-01\n");
        lab.ok(&["registry", "import", &shorter, "--replace"]);
        let twice =
            put("twice.csv", "ZZZZ2222,ifm8,Colt,C1,,2024-01-01,\nZZZZ2222,ifm8,Colt,C1,,2024-02-01,\n");
        lab.differs(&["registry", "import", &twice], "1 row rejected");
        assert_eq!(lab.records(), 8);
    }
}

#[test]
fn a_time_that_is_shortened_makes_room_for_the_next_in_the_same_file() {
    for lab in labs() {
        let head = "code,format,make,serial,from,to\n";
        let open = format!("{head}A7CK2MP4,ifm8,Beretta,BER1,2020-01-01,\n");
        lab.ok(&["registry", "import", &lab.file("open.csv", &open)]);
        let back = format!(
            "{head}A7CK2MP4,ifm8,Beretta,BER1,2020-01-01,2021-01-31\nA7CK2MP4,ifm8,Beretta,BER1,2022-06-01,\n"
        );
        lab.ok(&["registry", "import", &lab.file("back.csv", &back), "--replace"]);
        for (day, there) in [("2020-06-01", 1), ("2021-06-01", 0), ("2023-01-01", 1)] {
            let trace = lab.traces(&["A7CK2MP4", "--on", day]).remove(0);
            assert_eq!(trace["compatible"], there, "{day}: {trace}");
        }
        assert_eq!(lab.records(), 2);
    }
}

#[test]
fn records_that_were_taken_out_by_other_means_are_missed() {
    for lab in Lab::with_entries() {
        lab.ok(&["registry", "stats"]);
        let mut database = store::open(&lab.place).unwrap();
        database.execute("DELETE FROM record WHERE code = $1", &["ABC123".into()]).unwrap();
        drop(database);
        lab.differs(&["registry", "stats"], "6 records were registered, and 5 are there");
    }
}

#[test]
fn rejects_are_those_of_the_last_import_and_no_other_file_is_touched() {
    for lab in Lab::with_entries() {
        let rejects = lab.path("new.jsonl.rejects.csv");
        let bad = r#"{"code":"ZZZZ2222","format":"ifm8","make":"Colt"#;
        let file = lab.file("new.jsonl", &format!("\n{bad}\n"));
        lab.differs(&["registry", "import", &file], "1 row rejected");
        let rows = std::fs::read_to_string(&rejects).unwrap();
        assert!(rows.contains("\n2,EOF while parsing a string,"), "{rows}");
        // The corrected file, in small letters: nothing says any more that a row was rejected.
        let good = r#"{"code":"zzzz2222","format":"ifm8","make":"Colt","serial":"CLT2"}"#;
        let file = lab.file("new.jsonl", &format!("{good}\n"));
        lab.ok(&["registry", "import", &file]);
        assert!(!std::path::Path::new(&rejects).exists());
        lab.ok(&[
            "registry",
            "import",
            &lab.file("small.csv", "code,format,make,serial\nzzzz2222,ifm8,Colt,CLT2\n"),
        ]);
        assert_eq!(lab.records(), 7);
        assert_eq!(lab.traces(&["ZZZZ2222"])[0]["candidates"][0]["code"], "ZZZZ2222");
        // Neither a file of entries nor a folder of results is written into.
        let entries = lab.path("entries.csv");
        lab.refused(&["registry", "import", &file, "--rejects", &entries], "is no file of rejects");
        assert_eq!(std::fs::read_to_string(&entries).unwrap(), crate::lab::ENTRIES);
        let reading = r#"{"schema":1,"path":"a.png","status":"read","code":"A7CK2MP4"}"#;
        let results = lab.file("results.jsonl", &format!("{reading}\n"));
        lab.refused(&["registry", "import", &results], "a reading of results.jsonl");
        assert!(!std::path::Path::new(&lab.path("results.jsonl.rejects.csv")).exists());
    }
}

#[test]
fn rows_that_a_quotation_mark_swallows_or_that_are_no_text_can_be_found_in_the_rejects() {
    for lab in Lab::with_entries() {
        let file = lab.path("odd.csv");
        let rows = b"code,format,make,serial,dealer\nZZZZ2222,ifm8,Colt,C1,\"Shop\nZZZZ2223,ifm8,Colt,C2,x\nZZZZ2224,ifm8,Colt,C3,x\"\n\
            ZZZZ2225,ifm8,Colt,C4,K\xfchn\nZZZZ2226,ifm8,Colt,C5,Ace\n";
        std::fs::write(&file, rows).unwrap();
        lab.differs(&["registry", "import", &file], "2 rows rejected");
        let rejects = std::fs::read_to_string(lab.path("odd.csv.rejects.csv")).unwrap();
        assert!(rejects.contains("\n2,\"it goes on to line 4, from a quotation mark on"), "{rejects}");
        assert!(
            rejects.contains("5,its text is not UTF-8: save the file as CSV UTF-8")
                && rejects.contains("ZZZZ2225,ifm8,Colt,C4,K"),
            "{rejects}"
        );
        assert_eq!(lab.records(), 7);
    }
}

#[test]
fn what_a_question_cannot_mean_is_not_asked() {
    for lab in Lab::with_entries() {
        let out = lab.path("run");
        std::fs::create_dir(&out).unwrap();
        std::fs::write(format!("{out}/results.jsonl"), "").unwrap();
        let logged = lab.ok(&["registry", "log"]);
        lab.refused(&["trace", "A7CK2MP4", "--why", "case 1", "--make", " "], "--make is empty");
        lab.refused(&["trace", &out, "--why", "case 1", "--format", "ifm6"], "--format ifm6 says how a code");
        assert_eq!(lab.ok(&["registry", "log"]), logged);
        // What a record said before is gone: the log says that there was one.
        let add = [
            "registry", "add", "--code", "ABC123", "--format", "ifm6", "--make", "Ruger", "--serial", "RUG1",
        ];
        lab.ok(&[&add[..], &["--model", "LCP", "--status", "destroyed", "--replace"]].concat());
        assert!(lab.ok(&["registry", "log"]).contains("ABC123 ifm6 Ruger RUG1; replaced 1"));
    }
}

#[test]
fn each_question_is_logged_and_the_log_shows_what_was_changed() {
    for lab in Lab::with_entries() {
        lab.ok(&["trace", "A7?K2MP?", "--why", "case 26-117", "--who", "A. Examiner", "--calibre", "9mm"]);
        let log = lab.ok(&["registry", "log"]);
        let row = log.lines().nth(1).unwrap();
        for words in ["A. Examiner", "trace", "A7?K2MP? calibre 9mm", "\t2\t", "case 26-117"] {
            assert!(row.contains(words), "{row}");
        }
        lab.refused(&["trace", "A7CK2MP4", "--why", " "], "the log has to say why");
        let head = lab.stats()["log"]["head"].as_str().unwrap().to_string();
        lab.ok(&["trace", "ZZZZZZZZ", "--why", "case 2"]);
        lab.ok(&["registry", "log", "--verify", "--since", &head.to_uppercase()]);
        // Whoever keeps an answer has such a hash, of the row that asked it.
        let answer = lab.traces(&["A7CK2MP4"]).remove(0);
        assert_eq!(answer["log"]["row"], 4);
        assert_eq!(answer["log"]["sha256"], lab.stats()["log"]["head"]);
        assert_eq!(Some(lab.rows()[0]["log_sha256"].as_str()), answer["log"]["sha256"].as_str());
        // A hash that is no row's shows that something was cut off; a text that is no hash shows nothing.
        lab.differs(&["registry", "log", "--verify", "--since", &"0".repeat(64)], "changed or cut off");
        for text in ["deadbeef", &head[1..], "x"] {
            lab.refused(&["registry", "log", "--since", text], "is no SHA-256");
        }

        let mut database = store::open(&lab.place).unwrap();
        for change in ["UPDATE log SET asked = 'nothing' WHERE id = 2", "DELETE FROM log WHERE id = 2"] {
            let fatal = database.execute(change, &[]).unwrap_err();
            assert!(fatal.what.contains("append-only"), "{fatal}");
        }
        // Somebody with power over the store takes the guard away and the row with it.
        let guard =
            if lab.server.is_some() { "DROP TRIGGER log_keeps ON log" } else { "DROP TRIGGER log_stays" };
        database.execute(guard, &[]).unwrap();
        database.execute("DELETE FROM log WHERE id = 2", &[]).unwrap();
        drop(database);
        lab.differs(&["registry", "log", "--verify"], "row 3 does not follow");
        lab.differs(&["registry", "log", "--verify", "--since", &head], "broken");
        let stats: serde_json::Value =
            serde_json::from_str(&lab.differs(&["registry", "stats", "--json"], "")).unwrap();
        assert_eq!(stats["log"]["whole"], false);
        assert!(lab.differs(&["registry", "stats"], "").contains("BROKEN at row 3"));
    }
}

#[test]
fn what_cannot_be_done_is_one_message_and_changes_nothing() {
    for lab in Lab::with_entries() {
        let before = lab.stats();
        lab.refused(&["trace", "A7CK2MPO", "--why", "x"], "`O` is never issued");
        lab.refused(&["trace", "A7CK", "--why", "x"], "it has 4 characters");
        lab.refused(
            &["trace", "A7CK2MP4", "--why", "x", "--format", "ifm9"],
            "no code format is called `ifm9`",
        );
        lab.refused(&["trace", "A7CK2MP4", "--why", "x", "--on", "yesterday"], "is no day");
        let add = ["registry", "add", "--make", "Colt", "--serial", "C9"];
        lab.refused(&[&add[..], &["--code", "A7CK2MPO", "--format", "ifm8"]].concat(), "`O` is never issued");
        lab.refused(&[&add[..], &["--code", "A7CK2MP4", "--format", "ifm9"]].concat(), "`ifm9`");
        lab.refused(&[&add[..], &["--code", "A7CK2MP4"]].concat(), "--format ifm8, or --format ifm8-323");
        lab.refused(&[&add[..], &["--code", "A7CK2"]].concat(), "has 5 characters, and no format does");
        let differs = [
            "registry",
            "add",
            "--make",
            "Ruger",
            "--serial",
            "RUG1",
            "--code",
            "ABC123",
            "--format",
            "ifm6",
            "--calibre",
            "9mm",
        ];
        lab.refused(&differs, "registered already, with other data");
        let buyers = lab.file("buyers.csv", "code,format,make,serial,purchaser_name\n");
        lab.refused(&["registry", "import", &buyers], "no place for a column `purchaser_name`");
        lab.refused(&["registry", "import", &lab.path("none.csv")], "cannot read");
        lab.refused(&["registry", "init"], "already");
        assert_eq!(lab.stats(), before);

        // The same entry, its code in small letters.
        lab.ok(&[
            "registry",
            "add",
            "--make",
            "Sig Sauer",
            "--serial",
            "SIG1",
            "--code",
            "a7ck2mp4",
            "--format",
            "ifm8-323",
            "--model",
            "P226",
            "--calibre",
            ".40",
        ]);
        assert_eq!(lab.records(), 6);

        if let Some((server, _)) = &lab.server {
            let fatal = store::open(server).map(drop).unwrap_err();
            assert!(fatal.what.contains("is no registry"), "{fatal}");
        }
        let mut database = store::open(&lab.place).unwrap();
        database.execute("UPDATE about SET schema = $1", &[Value::Int(store::SCHEMA + 1)]).unwrap();
        drop(database);
        lab.refused(&["trace", "A7CK2MP4", "--why", "x"], "made by a newer microstamp");
        lab.refused(&["registry", "import", &lab.path("entries.csv")], "made by a newer microstamp");
    }
    let lab = &labs()[0];
    let other = |name: &str, bytes: &[u8]| {
        std::fs::write(lab.folder.path().join(name), bytes).unwrap();
        let run = microstamp()
            .args(["trace", "A7CK2MP4", "--why", "x", "--registry", &lab.path(name)])
            .output()
            .unwrap();
        assert_eq!(run.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&run.stderr).contains("is no registry"), "{run:?}");
        assert_eq!(std::fs::read(lab.folder.path().join(name)).unwrap(), bytes);
    };
    other("notes.txt", b"these are notes, and long enough to be mistaken for something else\n");
    other("empty", b"");
    let folder = lab.folder.path().to_str().unwrap().to_string();
    for act in ["init", "stats"] {
        let run = microstamp().args(["registry", act, "--registry", &folder]).output().unwrap();
        assert_eq!(run.status.code(), Some(2));
        assert!(
            String::from_utf8_lossy(&run.stderr).contains("is a folder, and a registry is a file"),
            "{run:?}"
        );
    }
    for (place, words) in [
        (lab.path("missing.sqlite"), "there is no registry"),
        ("postgres://nobody:secret@127.0.0.1:1/none".into(), "cannot connect to postgres://127.0.0.1:1/none"),
    ] {
        let run =
            microstamp().args(["trace", "A7CK2MP4", "--why", "x", "--registry", &place]).output().unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2));
        assert!(stderr.contains(words) && !stderr.contains("secret"), "{stderr}");
    }
}
