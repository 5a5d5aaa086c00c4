//! Notes the commit that is built, for `run.json`.

use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|o| o.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A checkout of its own only: a copy inside another repository has no commit.
    let own = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty());
    if let (true, Some(commit)) = (own, git(&["rev-parse", "HEAD"])) {
        println!("cargo:rustc-env=MICROSTAMP_COMMIT={commit}");
        if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
            println!("cargo:rerun-if-changed={log}");
        }
    }
}
