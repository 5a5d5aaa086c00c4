//! Reads the sources: what a module may import, and what none may hold.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

/// A module of `src` and the modules of the crate that it may name. Arrows point down: the command
/// line knows all, the pipeline knows nothing of folders, results or simulation.
const LAYERS: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("words", &[]),
    ("settings", &["error"]),
    ("typeface", &["error"]),
    ("pipeline", &["error", "settings", "typeface"]),
    ("engines", &["error", "settings", "pipeline", "typeface"]),
    ("canvas", &["error", "pipeline"]),
    ("batch", &["error", "settings", "pipeline"]),
    ("groups", &["error", "settings", "pipeline", "batch"]),
    ("casework", &["error", "settings", "pipeline", "batch", "groups", "words"]),
    ("report", &["error", "settings", "pipeline", "batch", "groups", "canvas", "words"]),
    ("score", &["error", "settings", "pipeline", "batch", "groups", "canvas"]),
    ("bench", &["error", "settings", "pipeline", "batch", "score"]),
    ("synth", &["error", "settings", "pipeline", "typeface"]),
    ("train", &["error", "settings", "pipeline", "typeface", "synth"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Modules of the crate that a source names: `crate::x`, and each of `crate::{x, y}`.
fn named(text: &str) -> Vec<String> {
    let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let (mut depth, mut start) = (0, true);
                for (i, c) in list.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && c.is_alphabetic() => {
                            names.push(word(&list[i..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => names.push(word(rest)),
        }
    }
    // Types of lower layers that the crate's root shows under a shorter name.
    let shown = [("Failure", "error"), ("Fatal", "error"), ("Settings", "settings")];
    for name in &mut names {
        if let Some((_, module)) = shown.iter().find(|(short, _)| short == name) {
            *name = (*module).into();
        }
    }
    names
}

#[test]
fn no_module_imports_upward() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_string();
        if ["lib", "main", "cli"].contains(&module.as_str()) {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            panic!("src/{module} stands in no layer: add it to this test");
        };
        for name in named(&std::fs::read_to_string(&path).unwrap()) {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: {name}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the arrows:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_this_test_sees_every_form_of_import() {
    let text =
        "use crate::batch::Record;\nuse crate::{score::x, pipeline::{y, z}};\nlet a = crate::Failure::new();";
    assert_eq!(named(text), ["batch", "score", "pipeline", "error"]);
}

#[test]
fn the_pipeline_knows_no_clock_no_folder_and_no_chance() {
    let pipeline = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pipeline");
    for path in sources(&pipeline) {
        let text = std::fs::read_to_string(&path).unwrap();
        // A file's tests stand at its end.
        let text = text.split("\nmod tests {").next().unwrap();
        if path.ends_with("tests.rs") {
            continue;
        }
        for word in
            ["fs::", "{fs", "SystemTime", "Instant::", "env::", "rand::", "rand_", "HashMap", "HashSet"]
        {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn nothing_but_the_command_prints() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        // How far a batch has come is said while it runs.
        let may = relative.starts_with("cli") || relative == Path::new("batch/progress.rs");
        if may || relative.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for line in
            text.split("\nmod tests {").next().unwrap().lines().filter(|l| !l.trim_start().starts_with("//"))
        {
            let prints = ["print!(", "println!(", "say!("].iter().any(|word| line.contains(word));
            assert!(!prints, "{}: {line}", path.display());
        }
    }
}
