//! `verify`: whatever has changed is named, and a signature holds for its key alone.

use super::common::{decode, microstamp, picture, say_lacking};
use super::{cut_off, lab, manifest};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

/// Runs `verify` and gives its exit code and what it says.
fn verify(program: &Path, arguments: &[&Path]) -> (i32, String) {
    let mut command = Command::new(program);
    command.arg("verify");
    for (i, argument) in arguments.iter().enumerate() {
        match i {
            1 => command.arg("--inputs"),
            2 => command.arg("--key"),
            _ => &mut command,
        };
        command.arg(argument);
    }
    // A program that was just written is busy as long as a process that another test starts meanwhile holds its file open.
    let run = loop {
        match command.output() {
            Err(e) if e.kind() == ErrorKind::ExecutableFileBusy => sleep(Duration::from_millis(20)),
            run => break run.unwrap(),
        }
    };
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.code().unwrap(), said)
}

/// Turns one bit of a file, and gives what it was.
fn turn(path: &Path, at: usize) -> Vec<u8> {
    let whole = fs::read(path).unwrap();
    let mut other = whole.clone();
    other[at % whole.len()] ^= 1;
    fs::write(path, other).unwrap();
    whole
}

#[test]
fn verify_names_whatever_has_changed_by_one_byte() {
    let (dir, lab, whole) = lab();
    let program = PathBuf::from(microstamp().get_program());
    // A folder that a second run has continued, so that there is a chain.
    let out = dir.path().join("out");
    cut_off(&whole, &out, 100, 0);
    decode(&lab, &out, &["--resume"], 1);
    let check = || verify(&program, &[&out, &lab]);
    let (code, said) = check();
    assert!(code == 0 && said.contains("0 differences"), "{said}");

    for name in ["results.jsonl", "results.csv", "failures.csv", "timings.csv", "run.json", "run-1.json"] {
        for at in [0, 41, 97] {
            let before = turn(&out.join(name), at);
            let (code, said) = check();
            let named = said.lines().any(|l| l.starts_with("differs") && l.contains(&format!(" {name}:")));
            assert!(code == 1 && named, "{name}: {said}");
            fs::write(out.join(name), before).unwrap();
        }
    }
    for name in ["case-0/0.png", "case-1/3.png", "case-2/7.png"] {
        let before = turn(&lab.join(name), 5);
        let (code, said) = check();
        assert!(code == 1 && said.contains(&format!("differs  photograph {name}: changed")), "{said}");
        fs::write(lab.join(name), before).unwrap();
    }
    for name in ["results.jsonl", "failures.csv", "run.json", "run-1.json"] {
        let before = fs::read(out.join(name)).unwrap();
        fs::remove_file(out.join(name)).unwrap();
        let (code, said) = check();
        assert!(code == 1 && said.contains(&format!("differs  {name}: ")), "{name}: {said}");
        fs::write(out.join(name), before).unwrap();
    }
    fs::remove_file(lab.join("case-0/1.png")).unwrap();
    let (code, said) = check();
    assert!(code == 1 && said.contains("photograph case-0/1.png: not there"), "{said}");
    picture(&lab.join("case-0/1.png"), 30 + 9, 40);

    // What other verbs and people put there is no difference.
    fs::create_dir(out.join("report")).unwrap();
    fs::write(out.join("leads.jsonl"), "").unwrap();
    picture(&lab.join("late.png"), 8, 8);
    let (code, said) = check();
    assert!(code == 0 && said.contains("leads.jsonl, report") && said.contains("late.png"), "{said}");
    assert_eq!(verify(&program, &[&lab]).0, 2, "no folder of results");
}

#[test]
fn verify_names_weights_that_differ_by_one_byte() {
    let (dir, _, whole) = lab();
    let program = fs::read(microstamp().get_program()).unwrap();
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pipeline/engine/learned.weights");
    let file = fs::read(&weights).unwrap();
    let starts: Vec<usize> =
        program.windows(64).enumerate().filter(|(_, w)| *w == &file[..64]).map(|(i, _)| i).collect();
    assert!(!starts.is_empty(), "the weights lie in the program");
    // Among the tensors, and in the header's text about training, which no network needs.
    let recipe = file.windows(6).position(|w| w == b"recipe").unwrap();
    for at in [file.len() - 1000, recipe + 1] {
        let mut other = program.clone();
        for start in &starts {
            other[start + at] ^= 1;
        }
        let path = dir.path().join(format!("program-{at}"));
        fs::write(&path, other).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let (code, said) = verify(&path, &[&whole]);
        assert!(code == 1 && said.contains("differs  weights of this program: "), "{said}");
    }
    let copy = dir.path().join("copy.weights");
    fs::write(&copy, &file).unwrap();
    let of_file = || microstamp().arg("verify").arg(&whole).arg("--weights").arg(&copy).assert();
    of_file().code(0);
    turn(&copy, file.len() / 2);
    let said = of_file().code(1);
    assert!(String::from_utf8_lossy(&said.get_output().stdout).contains("copy.weights"));
}

/// The key of the first test vector in RFC 8032, section 7.1, and the public one of the third.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";
const OTHER_PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=
-----END PUBLIC KEY-----
";

#[test]
fn a_signature_holds_for_the_key_that_made_it_and_for_no_other_byte() {
    let (dir, lab, _) = lab();
    let at = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (private, public) = (at("key.pem", PRIVATE_KEY), at("public.pem", PUBLIC_KEY));
    let other = at("other.pem", OTHER_PUBLIC_KEY);
    let out = dir.path().join("out");
    decode(&lab, &out, &["--sign-key", private.to_str().unwrap()], 1);
    let program = PathBuf::from(microstamp().get_program());
    let check = |key: &Path| verify(&program, &[&out, &lab, key]);
    assert_eq!(check(&public).0, 0, "{}", check(&public).1);
    let (code, said) = check(&other);
    assert!(code == 1 && said.contains("run.json: the signature"), "{said}");

    // A hand that changes run.json and makes its seal fit again.
    let before = fs::read(out.join("run.json")).unwrap();
    let mut run = manifest(&out);
    run.command.push("--quiet".into());
    run.write(&out).unwrap();
    assert_eq!(verify(&program, &[&out, &lab]).0, 0, "without the key it cannot be seen");
    let (code, said) = check(&public);
    assert!(code == 1 && said.contains("run.json: the signature"), "{said}");
    fs::write(out.join("run.json"), before).unwrap();

    let openssl = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
        .arg(&public)
        .arg("-sigfile")
        .arg(out.join("run.json.sig"))
        .arg("-in")
        .arg(out.join("run.json"))
        .output();
    match openssl {
        Ok(run) => assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr)),
        Err(e) => say_lacking(&format!("openssl: {e}")),
    }
    turn(&out.join("run.json.sig"), 7);
    assert_eq!(check(&public).0, 1);
    fs::remove_file(out.join("run.json.sig")).unwrap();
    let (code, said) = check(&public);
    assert!(code == 1 && said.contains("no signature"), "{said}");
    // What is read already can be signed later.
    let key = private.to_str().unwrap();
    decode(&lab, &out, &["--resume", "--sign-key", key], 1);
    assert_eq!(check(&public).0, 0);
    for wrong in [&public, &lab.join("case-0/0.png")] {
        let next = dir.path().join("next");
        let run =
            microstamp().arg("decode").arg(&lab).arg("-o").arg(&next).arg("--sign-key").arg(wrong).assert();
        assert!(String::from_utf8_lossy(&run.code(2).get_output().stderr).contains("openssl genpkey"));
        assert!(!next.exists());
    }
}
