//! Purchaser data: sealed, shown to whoever has the key, and logged.

use crate::common::microstamp;
use crate::lab::Lab;
use microstamp::casework::store;

#[test]
fn purchaser_data_need_their_own_key_and_are_shown_nowhere_else() {
    for lab in Lab::with_entries() {
        let (key, other) = (lab.path("authority.key"), lab.path("other.key"));
        for key in [&key, &other] {
            microstamp().args(["registry", "purchaser", "new-key", key]).assert().code(0);
        }
        let buyers =
            lab.file("buyers.csv", "make,serial,sale_date,name\nBeretta,BER1,2024-05-31,Jane Buyer\n");
        let with = ["--key", &key, "--why", "warrant 7"];
        let ask = ["registry", "purchaser", "show", "--make", "Beretta", "--serial", "BER1"];
        // Who asks before anything is sealed does not make his key the registry's.
        lab.ok(&[&ask[..], &["--key", &other, "--why", "too early"]].concat());
        for _ in 0..2 {
            lab.ok(&[&["registry", "purchaser", "import", &buyers], &with[..]].concat());
        }
        assert!(lab.ok(&[&ask[..], &with].concat()).contains("name: Jane Buyer"));
        // A warrant is answered however it spells the firearm, and in words where there is nothing.
        let spelt = ["registry", "purchaser", "show", "--make", "beretta", "--serial", "ber1 "];
        let shown = lab.ok(&[&spelt[..], &with].concat());
        assert!(shown.contains("Beretta BER1 sold 2024-05-31") && shown.contains("a lead."), "{shown}");
        let none = ["registry", "purchaser", "show", "--make", "Beretta", "--serial", "BER9", "--quiet"];
        assert!(lab.ok(&[&none[..], &with].concat()).contains("no purchaser data for Beretta BER9"));
        lab.refused(&[&ask[..], &["--key", &other, "--why", "curious"]].concat(), "is not the key");

        let mut shown = lab.ok(&["trace", "A7CK2MP4", "--why", "case 1"]);
        shown += &lab.traces(&["A7CK2MP4"])[0].to_string();
        shown += &lab.ok(&["registry", "stats"]);
        shown += &lab.ok(&["registry", "log"]);
        let log = lab.ok(&["registry", "purchaser", "log"]);
        shown += &log;
        assert!(!shown.contains("Jane"), "{shown}");
        for words in
            ["warrant 7", "show\tBeretta BER1\t1", "refused", "curious", "too early", "the registry's key"]
        {
            assert!(log.contains(words), "{log}");
        }
        lab.ok(&["registry", "purchaser", "log", "--verify"]);
        if lab.server.is_none() {
            let bytes = std::fs::read(&lab.place).unwrap();
            assert!(!bytes.windows(4).any(|w| w == b"Jane"), "the name stands in the file");
        }

        let two = lab.file("two.csv", "make,serial,name\nRuger,RUG1,Ann\nRuger,RUG1,Ann\nRuger,RUG1,Bob\n");
        let import = ["registry", "purchaser", "import", &two, "--replace"];
        lab.refused(
            &[&import[..], &with].concat(),
            "rows 2 and 4 say different things of one sale, Ruger RUG1",
        );
        let again = lab.file("again.csv", "make,serial,sale_date,name\nBeretta,BER1,2024-05-31,Joan\n");
        lab.ok(&[&["registry", "purchaser", "import", &again, "--replace"], &with[..]].concat());
        assert!(lab.ok(&["registry", "purchaser", "log"]).contains("; replaced 1"));

        let capitals = lab.file("capitals.csv", "Make,Serial,name\nRuger,RUG1,Ann\n");
        lab.refused(
            &[&["registry", "purchaser", "import", &capitals], &with[..]].concat(),
            "there is no column `make`",
        );
        // Nobody's purchase is sealed, and shown, with another's.
        let open = "make,serial,name\nRuger,RUG1,\"Bull Smith\nRuger,RUG2,Ann Other\n";
        lab.refused(
            &[&["registry", "purchaser", "import", &lab.file("open.csv", open)], &with[..]].concat(),
            "row 2 goes on to other lines, from a quotation mark on",
        );
        let spread = lab.file("spread.csv", "make;serial;name\nRuger;RUG1;Ann\n");
        lab.refused(&[&["registry", "purchaser", "import", &spread], &with[..]].concat(), "semicolons");
        let gap = lab.file("gap.csv", "make,serial,name\nRuger,RUG1,Ann\n\nRuger,,Bob\n");
        lab.refused(
            &[&["registry", "purchaser", "import", &gap], &with[..]].concat(),
            "row 4 names no firearm",
        );

        let twice = lab.file("twice.csv", "make,serial,sale_date,name,name\nRuger,RUG1,,Ann,Bob\n");
        lab.refused(&[&["registry", "purchaser", "import", &twice], &with[..]].concat(), "called `name`");

        // A sealed row that is moved to another firearm does not open there.
        let mut database = store::open(&lab.place).unwrap();
        database.execute("UPDATE purchaser SET serial = $1", &["BER2".into()]).unwrap();
        drop(database);
        let moved = ["registry", "purchaser", "show", "--make", "Beretta", "--serial", "BER2"];
        let asked = || lab.ok(&["registry", "purchaser", "log"]).matches("show\tBeretta BER2").count();
        let before = asked();
        lab.refused(&[&moved[..], &with].concat(), "tampered with");
        assert_eq!(asked(), before + 1, "who asked is noted all the same");

        let cyrillic = lab.file("cyrillic.csv", "make,serial,name\nБайкал,АБ1234,Ann\n");
        lab.ok(&[&["registry", "purchaser", "import", &cyrillic], &with[..]].concat());
        let spelt = ["registry", "purchaser", "show", "--make", "байкал", "--serial", "аб1234"];
        assert!(lab.ok(&[&spelt[..], &with].concat()).contains("name: Ann"));
    }
}
