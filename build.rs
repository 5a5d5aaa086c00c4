//! Notes the commit that is built, for `run.json`.

use std::process::Command;

/// What a program is made of: changed since the commit, it is another program.
const SOURCES: [&str; 4] = ["src", "build.rs", "Cargo.toml", "Cargo.lock"];

/// What lies among them and is no part of it.
const NO_SOURCES: [&str; 2] = [":!src/**/*.md", ":!src/train/*.py"];

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

fn main() {
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    // A checkout of its own only: a copy inside another repository has no commit.
    let own = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    if let (true, Some(commit)) = (own, git(&["rev-parse", "HEAD"])) {
        let status =
            ["--no-optional-locks", "-c", "core.fileMode=false", "status", "--porcelain", "-uno", "--"];
        let changed = git(&[&status[..], &SOURCES, &NO_SOURCES].concat());
        let changed = if changed.is_some_and(|files| files.is_empty()) { "" } else { "+changed" };
        println!("cargo:rustc-env=MICROSTAMP_COMMIT={commit}{changed}");
        if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
            println!("cargo:rerun-if-changed={log}");
        }
    }
}
