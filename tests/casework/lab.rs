//! A laboratory's registry for one test, and what it is asked.

use crate::common::{microstamp, say_lacking};
use microstamp::pipeline::scheme::Scheme;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

pub const ENTRIES: &str = "\
code,format,make,model,calibre,serial,importer,dealer,sale_date,country,state,status,from,to
A7CK2MP4,ifm8,Beretta,92FS,9mm,BER1,Beretta USA,Smith Guns,2024-05-31,US,CA,sold,2024-03-01,2025-01-31
B7CK2MP4,ifm8,Beretta,92FS,9mm,BER1,Beretta USA,Smith Guns,2024-05-31,US,CA,sold,2025-02-01,
A7DK2MP5,ifm8,Glock,19,9mm,GLK1,Glock Inc,Ace,2024-06-01,US,NV,sold,2024-03-01,
A7EK2MP6,ifm8,Colt,1911,.45,CLT1,Colt,Ace,2024-06-01,US,NV,stolen,2024-03-01,
A7CK2MP4,ifm8-323,Sig Sauer,P226,.40,SIG1,,,,,,,,
ABC123,ifm6,Ruger,LCP,.380,RUG1,,,,,,,,
";

/// A registry of its own for one test, and a folder for the rest.
pub struct Lab {
    pub place: String,
    pub folder: TempDir,
    pub server: Option<(String, String)>,
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some((server, name)) = &self.server {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ =
                postgres::Client::connect(server, postgres::NoTls).and_then(|mut c| c.batch_execute(&drop));
        }
    }
}

/// New registries, made by `registry init`: a file, and a database where there is a server.
pub fn labs() -> Vec<Lab> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("lab.sqlite").to_str().unwrap().to_string();
    let mut labs = vec![Lab { place, folder, server: None }];
    match std::env::var("MICROSTAMP_TEST_POSTGRES") {
        Ok(server) => {
            let name = format!("microstamp_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let mut client = postgres::Client::connect(&server, postgres::NoTls).unwrap();
            client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
            let (address, _) = server.rsplit_once('/').unwrap();
            let place = format!("{address}/{name}");
            labs.push(Lab { place, folder: TempDir::new().unwrap(), server: Some((server, name)) });
        }
        Err(_) => say_lacking("the same on PostgreSQL, since MICROSTAMP_TEST_POSTGRES names no server"),
    }
    for lab in &labs {
        lab.ok(&["registry", "init"]);
    }
    labs
}

impl Lab {
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_string()
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self.path(name)
    }

    pub fn run(&self, args: &[&str]) -> Output {
        microstamp().args(args).args(["--registry", &self.place]).output().unwrap()
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let run = self.run(args);
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    }

    /// Exit code 2 and one message, which holds `words`.
    pub fn refused(&self, args: &[&str], words: &str) {
        let run = self.run(args);
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(words) && stderr.contains("try: "), "{args:?}: {stderr}");
        // The results of these tests are no run's, which is said beside it.
        let said = |l: &&str| l.starts_with("microstamp: ") && !l.contains("has no run.json");
        assert_eq!(stderr.lines().filter(said).count(), 1, "{stderr}");
        assert!(run.stdout.is_empty());
    }

    /// Exit code 1, and `words` on stderr; what was printed.
    pub fn differs(&self, args: &[&str], words: &str) -> String {
        let run = self.run(args);
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
        String::from_utf8(run.stdout).unwrap()
    }

    pub fn with_entries() -> Vec<Self> {
        let labs = labs();
        for lab in &labs {
            let file = lab.file("entries.csv", ENTRIES);
            lab.ok(&["registry", "import", &file]);
        }
        labs
    }

    pub fn stats(&self) -> serde_json::Value {
        serde_json::from_str(&self.ok(&["registry", "stats", "--json"])).unwrap()
    }

    pub fn records(&self) -> i64 {
        self.stats()["records"].as_i64().unwrap()
    }

    /// The rows of traces.csv after the last call of [`Lab::traces`], by column.
    pub fn rows(&self) -> Vec<BTreeMap<String, String>> {
        let table = csv::Reader::from_path(self.folder.path().join("answers/traces.csv")).unwrap();
        table.into_deserialize().map(Result::unwrap).collect()
    }

    /// What traces.jsonl holds after a trace.
    pub fn traces(&self, args: &[&str]) -> Vec<serde_json::Value> {
        let out = self.folder.path().join("answers");
        let _ = std::fs::remove_dir_all(&out);
        let more = ["--why", "case 1", "-o", out.to_str().unwrap()];
        self.ok(&[&["trace"], args, &more].concat());
        lines(&out.join("traces.jsonl"))
    }
}

pub fn lines(path: &Path) -> Vec<serde_json::Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Probabilities of all hypotheses of an answer.
pub fn whole(trace: &serde_json::Value) -> f64 {
    let of = |v: &serde_json::Value| v.as_f64().unwrap();
    let candidates = trace["candidates"].as_array().unwrap();
    of(&trace["not_registered"])
        + of(&trace["unread"])
        + candidates.iter().map(|c| of(&c["posterior"])).sum::<f64>()
}

/// Rows that take a while, and have few makes.
pub fn many(rows: usize, offset: usize) -> String {
    let alphabet: Vec<char> = Scheme::all()[0].alphabet.chars().collect();
    let mut text = String::from("code,format,make,serial\n");
    for i in offset..offset + rows {
        let mut rest = i;
        let code: String = (0..8)
            .map(|_| {
                let symbol = alphabet[rest % alphabet.len()];
                rest /= alphabet.len();
                symbol
            })
            .collect();
        text += &format!("{code},ifm8,Colt,S{i}\n");
    }
    text
}
