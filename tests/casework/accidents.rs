//! What an accident leaves of a registry.

use crate::common::microstamp;
use crate::lab::{Lab, labs, many};
use microstamp::casework::store;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

fn import_in_background(lab: &Lab, file: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_microstamp"))
        .args(["registry", "import", file, "--registry", &lab.place])
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn an_import_that_is_killed_leaves_no_half_batch_and_no_lock() {
    const ROWS: usize = 20_000;
    for lab in Lab::with_entries() {
        let file = lab.file("whole.csv", &many(ROWS, 0));
        let start = Instant::now();
        lab.ok(&["registry", "import", &file, "--quiet"]);
        let whole = start.elapsed();
        let mut landed = 6 + ROWS as i64;
        let mut killed = 0;
        // From before the first row to after the last, in twentieths of what an import takes here.
        for (i, twentieths) in [1, 5, 10, 14, 17, 19, 21, 30].into_iter().enumerate() {
            let file = lab.file(&format!("{i}.csv"), &many(ROWS, (i + 1) * ROWS));
            let mut import = import_in_background(&lab, &file);
            std::thread::sleep(whole * twentieths / 20);
            import.kill().unwrap();
            killed += usize::from(!import.wait().unwrap().success());
            let now = lab.records();
            assert!(now == landed || now == landed + ROWS as i64, "{now} records, {landed} before");
            // The next one finds no lock, and does what the killed one did not.
            let (alone, rest) = (now - landed, ROWS as i64 - (now - landed));
            lab.ok(&["registry", "import", &file, "--quiet"]);
            landed = now + rest;
            assert_eq!(lab.records(), landed, "{alone} had landed");
        }
        assert!(killed > 0, "none was killed on its way");
        assert_eq!(lab.stats()["log"]["whole"], true);
    }
}

#[test]
fn two_writers_at_once_both_land_whole() {
    for lab in Lab::with_entries() {
        let files = [0, 3_000].map(|offset| lab.file(&format!("{offset}.csv"), &many(4_000, offset)));
        let mut imports: Vec<_> = files.iter().map(|file| import_in_background(&lab, file)).collect();
        // Questions go on meanwhile.
        lab.ok(&["trace", "A7CK2MP4", "--why", "case 1"]);
        for import in &mut imports {
            assert!(import.wait().unwrap().success());
        }
        assert_eq!(lab.records(), 6 + 7_000, "1,000 stand in both files");
        let stats = lab.stats();
        assert_eq!((&stats["log"]["whole"], &stats["log"]["rows"]), (&true.into(), &4.into()));
    }
}

#[test]
fn what_cannot_be_logged_is_neither_answered_nor_done() {
    for lab in Lab::with_entries() {
        let key = lab.path("authority.key");
        microstamp().args(["registry", "purchaser", "new-key", &key]).assert().code(0);
        let buyers = lab.file("buyers.csv", "make,serial,name\nBeretta,BER1,Jane Buyer\n");
        let warrant = ["--key", &key, "--why", "warrant 7"];
        lab.ok(&[&["registry", "purchaser", "import", &buyers], &warrant[..]].concat());
        let mut database = store::open(&lab.place).unwrap();
        for log in ["log", "purchaser_log"] {
            let full = if lab.server.is_some() {
                format!("ALTER TABLE {log} ADD CONSTRAINT full_{log} CHECK (false) NOT VALID")
            } else {
                format!(
                    "CREATE TRIGGER full_{log} BEFORE INSERT ON {log} BEGIN SELECT RAISE(ABORT, 'full'); END"
                )
            };
            database.execute(&full, &[]).unwrap();
        }
        drop(database);
        let out = lab.path("leads");
        let more = lab.file("more.csv", &many(10, 0));
        let purchaser = ["registry", "purchaser", "show", "--make", "Beretta", "--serial", "BER1"];
        for asked in [
            &["trace", "A7CK2MP4", "--why", "case 1"][..],
            &["trace", "A7CK2MP4", "--why", "case 1", "-o", &out],
            &["registry", "import", &more],
            &[&purchaser[..], &warrant].concat(),
        ] {
            let run = lab.run(asked);
            assert_eq!(run.status.code(), Some(2), "{asked:?}");
            assert!(run.stdout.is_empty(), "{asked:?}: {}", String::from_utf8_lossy(&run.stdout));
            let said = String::from_utf8_lossy(&run.stderr);
            assert!(!said.contains("BER1") && !said.contains("Jane"), "{said}");
        }
        assert!(!Path::new(&out).join("traces.jsonl").exists());
        assert_eq!(lab.records(), 6);
    }
}

#[test]
fn a_file_that_lost_a_bit_is_said_to_be_damaged() {
    for lab in Lab::with_entries().into_iter().filter(|lab| lab.server.is_none()) {
        assert_eq!(lab.stats()["damage"], serde_json::json!([]));
        // Of a code in an index: A7EK2MP6 is found no longer, and nothing fails.
        let mut bytes = std::fs::read(&lab.place).unwrap();
        let places: Vec<usize> =
            bytes.windows(8).enumerate().filter(|(_, w)| w == b"A7EK2MP6").map(|(at, _)| at).collect();
        assert!(places.len() > 1, "the record, and the index of its code");
        bytes[places[0]] ^= 2;
        std::fs::write(&lab.place, bytes).unwrap();
        lab.differs(&["registry", "stats"], "the registry is damaged, and its answers may be wrong");
    }
}

#[test]
fn a_question_to_an_empty_registry_is_not_answered_as_if_it_held_codes() {
    for lab in labs() {
        let said = lab.ok(&["trace", "A7CK2MP4", "--why", "case 1"]);
        assert!(said.contains("The registry holds no record of the formats ifm8, "), "{said}");
        assert!(said.contains("nothing was compared") && !said.contains("100.00 %"), "{said}");
    }
}

#[test]
fn a_code_with_a_character_forgotten_or_a_folder_mistyped_is_not_answered_as_if_it_were_whole() {
    for lab in Lab::with_entries() {
        // Six of eight characters are a code of another format.
        let said = lab.ok(&["trace", "A7CK2M", "--why", "case 1"]);
        assert!(said.contains("A7CK2M: 0 of 1 record of the format ifm6 compatible"), "{said}");
        assert!(
            said.contains("as a code of 6 characters: those that are missing are typed as `?`"),
            "{said}"
        );
        let said = lab.ok(&["trace", "A7CK2MP4", "--why", "case 1"]);
        assert!(!said.contains("that are missing"), "{said}");
        let run = lab.run(&["trace", "case0117", "--why", "case 1"]);
        let remark = String::from_utf8_lossy(&run.stderr);
        assert!(
            remark.contains("there is no folder case0117: it is taken for the code CASE0117"),
            "{remark}"
        );
    }
}

#[test]
fn a_lost_connection_is_one_message_and_nothing_is_kept() {
    for lab in Lab::with_entries().into_iter().filter(|lab| lab.server.is_some()) {
        let mut database = store::open(&lab.place).unwrap();
        database.begin().unwrap();
        database.execute("DELETE FROM record WHERE make = $1", &["Colt".into()]).unwrap();
        let (server, name) = lab.server.as_ref().unwrap();
        let mut other = postgres::Client::connect(server, postgres::NoTls).unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        other.execute(end, &[name]).unwrap();
        let fatal = database.execute("DELETE FROM record WHERE make = $1", &["Glock".into()]).unwrap_err();
        assert!(fatal.what.contains("was lost"), "{fatal}");
        assert_eq!(lab.records(), 6);
    }
}
