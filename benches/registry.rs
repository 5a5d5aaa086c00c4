//! A registry of many records: time and memory of its import, and of every kind of question.
//!
//! ```text
//! cargo bench --bench registry -- --records 10000000 --folder TMP [--registry postgres://...]
//!     [--readings OUT --truth truth.csv]
//! ```
//!
//! The records are random codes of `ifm8` with made-up firearms, and with `--readings` the true codes of
//! those photographs among them. TMP should lie on a disk with 5 GB of room; it is left empty.
#![allow(clippy::unwrap_used)]

use microstamp::casework::import::{self, Order};
use microstamp::casework::log::Actor;
use microstamp::casework::population::{Filter, Population};
use microstamp::casework::question::Question;
use microstamp::casework::results;
use microstamp::casework::store::{self, Database};
use microstamp::casework::trace::{self, Terms, Trace, UNREGISTERED};
use microstamp::pipeline::scheme::Scheme;
use microstamp::score::interval::wilson;
use microstamp::score::truth::Truth;
use microstamp::synth::draw::Draw;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Questions of each kind.
const QUESTIONS: usize = 1000;
/// Questions of each kind in a new connection.
const COLD: usize = 20;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let flag = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).cloned();
    let records: u64 = flag("--records").map_or(100_000, |n| n.parse().unwrap());
    let kept;
    let folder = match flag("--folder") {
        Some(folder) => PathBuf::from(folder),
        None => {
            kept = tempfile::tempdir().unwrap();
            kept.path().into()
        }
    };
    std::fs::create_dir_all(&folder).unwrap();
    let place =
        flag("--registry").unwrap_or_else(|| folder.join("bench.sqlite").to_string_lossy().into_owned());
    let readings = flag("--readings").map(|out| (out, flag("--truth").unwrap()));
    let truth = readings.as_ref().map(|(_, truth)| Truth::read(Path::new(truth)).unwrap());

    let file = folder.join("records.csv");
    let registered = write_records(&file, records, truth.as_ref());
    let actor = Actor { who: "bench".into(), why: "measurement".into() };
    let mut database = store::create(&place).unwrap();
    let order = Order { file: &file, rejects: folder.join("rejects.csv"), replace: false, actor: &actor };
    for what in ["import", "the same file again"] {
        let start = Instant::now();
        let counts = import::import(&mut *database, &order, &mut |_| {}).unwrap();
        println!("{what}: {:.1} s, {counts:?}, peak memory {} MB", start.elapsed().as_secs_f64(), peak_mb());
    }
    std::fs::remove_file(&file).unwrap();
    drop(database);
    if Path::new(&place).exists() {
        println!("size: {} MB", std::fs::metadata(&place).unwrap().len() / 1_000_000);
    }

    ask(&place, &registered, &actor);
    if let (Some((out, _)), Some(truth)) = (&readings, &truth) {
        trace_readings(&place, Path::new(out), truth, &actor);
    }
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{place}{end}"));
    }
}

/// Writes the file of records, and gives some of their codes.
fn write_records(file: &Path, records: u64, truth: Option<&Truth>) -> Vec<String> {
    const MAKES: [(&str, &str, &str); 6] = [
        ("Beretta", "92FS", "9mm"),
        ("Glock", "19", "9mm"),
        ("Ruger", "LCP", ".380"),
        ("Sig Sauer", "P226", ".40"),
        ("Smith & Wesson", "M&P", "9mm"),
        ("Colt", "1911", ".45"),
    ];
    let alphabet: Vec<char> = Scheme::all()[0].alphabet.chars().collect();
    let true_codes: Vec<(String, String)> = truth.map_or_else(Vec::new, |truth| {
        let codes: BTreeSet<_> =
            truth.rows.iter().filter_map(|row| Some((row.code.clone()?, row.format.clone()?))).collect();
        codes.into_iter().collect()
    });
    let apart = (records / (true_codes.len() as u64 + 1)).max(1);
    let mut draw = Draw::new(1, "registry", 0);
    let mut out = std::io::BufWriter::new(std::fs::File::create(file).unwrap());
    writeln!(
        out,
        "code,format,make,model,calibre,serial,importer,dealer,sale_date,country,state,status,from,to"
    )
    .unwrap();
    let mut some = Vec::new();
    for i in 0..records {
        let truth = i.is_multiple_of(apart).then(|| true_codes.get((i / apart) as usize)).flatten();
        let random: String = (0..8).map(|_| draw.pick(&alphabet)).collect();
        let (code, format) = truth.map_or((random.as_str(), "ifm8"), |(code, format)| (code, format));
        if i.is_multiple_of((records / QUESTIONS as u64).max(1)) && format == "ifm8" {
            some.push(code.to_string());
        }
        let (make, model, calibre) = draw.pick(&MAKES);
        let (dealer, year, month, day) =
            (draw.below(5000), 2015 + draw.below(11), 1 + draw.below(12), 1 + draw.below(28));
        writeln!(
            out,
            "{code},{format},{make},{model},{calibre},S{i:08},{make} Inc,Dealer {dealer},\
             {year}-{month:02}-{day:02},US,CA,sold,{year}-{month:02}-{day:02},"
        )
        .unwrap();
    }
    out.flush().unwrap();
    some
}

/// Everything that is asked by a code.
fn ask(place: &str, registered: &[String], actor: &Actor) {
    let schemes = Scheme::all();
    let alphabet: Vec<char> = schemes[0].alphabet.chars().collect();
    let terms = Terms { filter: Filter::default(), unregistered: UNREGISTERED };
    let mut draw = Draw::new(2, "questions", 0);
    for unknown in 0..=6 {
        let cold = cold(place, registered, unknown, &mut draw, actor);
        let mut database = store::open(place).unwrap();
        let mut times = Vec::new();
        let mut first = 0;
        let mut came_back = 0;
        let mut refused = 0;
        let asked = if unknown < 5 { registered.len() } else { registered.len().min(100) };
        for code in &registered[..asked] {
            let text = hidden(code, unknown, &mut draw);
            let start = Instant::now();
            let question = Question::typed(&text, &schemes).unwrap();
            let found = trace::trace(&mut *database, &[question], &terms, actor).unwrap();
            times.push(start.elapsed());
            refused += usize::from(found[0].refused.is_some());
            came_back += found[0].compatible;
            first += usize::from(found[0].candidates.first().is_some_and(|c| c.entry.code == *code));
        }
        println!(
            "{unknown} unknown: cold {cold}; warm {}; {:.2} came back on average, the asked one first in {first} of {asked}, {refused} refused",
            spread(&mut times),
            came_back as f64 / asked as f64,
        );
    }
    let mut database = store::open(place).unwrap();
    for unknown in 0..=3 {
        let (mut wrong, mut compatible) = (0, 0);
        let mut asked = 0;
        while asked < QUESTIONS {
            let code: String = (0..8).map(|_| draw.pick(&alphabet)).collect();
            let whole = answer(&mut *database, &code, &terms);
            if whole.compatible > 0 {
                continue;
            }
            asked += 1;
            let found = answer(&mut *database, &hidden(&code, unknown, &mut draw), &terms);
            wrong += usize::from(found.candidates.iter().map(|c| c.posterior).sum::<f64>() > 0.5);
            compatible += usize::from(found.compatible > 0);
        }
        println!(
            "{QUESTIONS} codes that are not registered, {unknown} unknown: {compatible} have compatible records, {wrong} called registered with more than 50 %"
        );
    }
}

/// The code with so many of its characters unknown.
fn hidden(code: &str, unknown: usize, draw: &mut Draw) -> String {
    let mut symbols: Vec<char> = code.chars().collect();
    while symbols.iter().filter(|c| **c == '?').count() < unknown {
        symbols[draw.below(8)] = '?';
    }
    symbols.iter().collect()
}

/// Questions in new connections, of whose file the system holds nothing; their opening is not counted.
fn cold(place: &str, registered: &[String], unknown: usize, draw: &mut Draw, actor: &Actor) -> String {
    let terms = Terms { filter: Filter::default(), unregistered: UNREGISTERED };
    let mut times = Vec::new();
    for code in registered.iter().step_by((registered.len() / COLD).max(1)) {
        let question = Question::typed(&hidden(code, unknown, draw), &Scheme::all()).unwrap();
        forget(place);
        let mut database = store::open(place).unwrap();
        let start = Instant::now();
        trace::trace(&mut *database, &[question], &terms, actor).unwrap();
        times.push(start.elapsed());
    }
    spread(&mut times)
}

fn answer(database: &mut dyn Database, code: &str, terms: &Terms) -> Trace {
    let mut population = Population::count(database).unwrap();
    let question = Question::typed(code, &Scheme::all()).unwrap();
    trace::answer(database, &mut population, &question, terms).unwrap()
}

/// Readings whose true codes are registered, then as if they were not.
fn trace_readings(place: &str, out: &Path, truth: &Truth, actor: &Actor) {
    let code_of: BTreeMap<&str, Option<&str>> =
        truth.rows.iter().map(|row| (row.path.as_str(), row.code.as_deref())).collect();
    let terms = Terms { filter: Filter::default(), unregistered: UNREGISTERED };
    let mut database = store::open(place).unwrap();
    let read = results::read(out).unwrap();
    let questions: Vec<Question> = read.readings.into_iter().map(|r| r.question).collect();
    for (what, least, most) in [("six or more characters sure", 6, 8), ("fewer sure", 0, 5)] {
        let mut times = Vec::new();
        let (mut first, mut n, mut refused, mut partial, mut not_registered) = (0, 0, 0, 0, 0);
        for question in questions.iter().filter(|q| (least..=most).contains(&q.sure())) {
            let path = question.reading.as_ref().unwrap().path.as_ref().unwrap();
            let Some(Some(code)) = code_of.get(path.as_str()) else { continue };
            let start = Instant::now();
            let found = trace::trace(&mut *database, std::slice::from_ref(question), &terms, actor).unwrap();
            times.push(start.elapsed());
            n += 1;
            partial += usize::from(question.asked.contains('?'));
            refused += usize::from(found[0].refused.is_some());
            first += usize::from(found[0].candidates.first().is_some_and(|c| c.entry.code == *code));
            // The same, had the true code not been registered.
            let rest: f64 =
                found[0].candidates.iter().filter(|c| c.entry.code != *code).map(|c| c.posterior).sum();
            let sum = rest + found[0].not_registered + found[0].unread;
            not_registered += usize::from(sum > 0.0 && rest / sum > 0.5);
        }
        let interval = wilson(first as f64 / n as f64, n as f64).map_or((0.0, 1.0), |i| (i.low, i.high));
        println!(
            "readings with {what}: {n}, {partial} of them partial; true record first in {first} ({:.1}-{:.1} %); {refused} refused; {}; \
             without the true record another one is called registered with more than 50 % in {not_registered}",
            interval.0 * 100.0,
            interval.1 * 100.0,
            spread(&mut times),
        );
    }
}

/// Median, 99th percentile and most of some times.
fn spread(times: &mut [Duration]) -> String {
    times.sort();
    let at = |share: f64| {
        let i = ((times.len() as f64 - 1.0) * share).round() as usize;
        times.get(i).map_or(0.0, |t| t.as_secs_f64() * 1e3)
    };
    format!("median {:.2} ms, 99th percentile {:.2} ms, most {:.2} ms", at(0.5), at(0.99), at(1.0))
}

/// Most memory that this process had, megabytes.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().split(' ').next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1000
}

/// Asks the system to forget what it holds of a registry's file.
fn forget(place: &str) {
    let file = format!("of={place}");
    let dd = ["oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"];
    if Path::new(place).exists() {
        let _ =
            std::process::Command::new("dd").arg(file).args(dd).stdin(std::process::Stdio::null()).status();
    }
}
