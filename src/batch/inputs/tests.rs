//! What is taken of folders and links, and what is kept apart.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn a_file_of_two_inputs_is_read_once_and_equal_names_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a/x.png", "b/x.png", "b/y.png"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    let found = collect(&[a.clone(), b.clone(), a.clone(), b.join("y.png")]).unwrap();
    assert_eq!(found.taken.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["x.png", "x.png", "y.png"]);
    assert_eq!(found.alike(), 2);
    assert_eq!(found.left_out, [("x.png".into(), LeftOut::Twice), ("y.png".into(), LeftOut::Twice)]);
    assert_eq!(collect(&[b]).unwrap().alike(), 0);
}

#[test]
fn content_or_name_takes_a_file_and_order_is_bytewise() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    let png = b"\x89PNG\r\n\x1a\n";
    put("b/1.png", png);
    put("b.png", b"");
    put("B.dat", png);
    put("a/10.tif", b"text");
    put("a/9.tif", b"text");
    put("notes.txt", b"text");
    put("phone.HEIC", b"not read, but a photograph");
    put(".hidden.png", png);
    put(".cache/x.png", png);
    put("out/results.jsonl", b"{\"schema\":1,\"path\":\"1.png\"}\n");
    put("out/1-small.png", png);
    let found = collect(&[dir.path().to_path_buf()]).unwrap();
    let names: Vec<_> = found.taken.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["B.dat", "a/10.tif", "a/9.tif", "b.png", "b/1.png", "phone.HEIC"]);
    assert_eq!(
        found.left_out,
        [
            (".cache".into(), LeftOut::Hidden),
            (".hidden.png".into(), LeftOut::Hidden),
            ("notes.txt".into(), LeftOut::NoPicture),
            ("out".into(), LeftOut::Output)
        ]
    );
    assert_eq!(
        found.left_out_counts(),
        BTreeMap::from([("hidden", 2), ("no picture", 1), ("output of an earlier run", 1)])
    );

    let alone = collect(&[dir.path().join("notes.txt")]).unwrap();
    assert_eq!(alone.taken[0].name, "notes.txt");
    assert!(collect(&[dir.path().join("absent")]).is_err());
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_inside_and_outside_only_where_asked() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let lab = dir.path().join("lab");
    for path in ["lab/a.png", "lab/case/b.png", "lab/.store/c", "outside/d.png", "outside/deep/e.png"] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"\x89PNG\r\n\x1a\n").unwrap();
    }
    let link = |to: &str, name: &str| symlink(dir.path().join(to), lab.join(name)).unwrap();
    link("lab/a.png", "again.png");
    link("lab/.store/c", "stored.png");
    link("lab", "case/circle");
    link("lab/self", "self");
    link("nowhere", "nothing.png");
    link("outside", "far");
    link("outside/d.png", "far.png");
    symlink(&lab, dir.path().join("outside/back")).unwrap();
    let names = |found: &Inputs| found.taken.iter().map(|p| p.name.clone()).collect::<Vec<_>>();

    let found = collect(std::slice::from_ref(&lab)).unwrap();
    assert_eq!(names(&found), ["a.png", "case/b.png", "stored.png"]);
    let left: BTreeMap<_, _> = found.left_out.iter().map(|(n, w)| (n.as_str(), *w)).collect();
    assert_eq!(left["again.png"], LeftOut::Again);
    assert_eq!(left["case/circle"], LeftOut::Again);
    assert_eq!((left["nothing.png"], left["self"]), (LeftOut::Dangling, LeftOut::Dangling));
    assert_eq!((left["far"], left["far.png"]), (LeftOut::Outside, LeftOut::Outside));

    let found = find(std::slice::from_ref(&lab), Links::Anywhere).unwrap();
    assert_eq!(names(&found), ["a.png", "case/b.png", "far/d.png", "far/deep/e.png", "stored.png"]);
    // The INPUT itself may be a link.
    symlink(&lab, dir.path().join("entry")).unwrap();
    assert_eq!(collect(&[dir.path().join("entry")]).unwrap().taken.len(), 3);
}

#[cfg(unix)]
#[test]
fn out_inside_an_input_and_an_input_inside_out_are_refused_through_links_too() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("lab/case")).unwrap();
    std::fs::create_dir_all(at("elsewhere")).unwrap();
    symlink(at("lab"), at("link")).unwrap();
    symlink(at("elsewhere"), at("lab/door")).unwrap();
    let lab = [at("lab")];
    for out in ["lab", "lab/out", "lab/case/new/out", "link/out", "elsewhere/../lab/out", "new/../lab/out"] {
        let fatal = keep_apart(&lab, &at(out)).unwrap_err();
        assert!(
            fatal.hint.starts_with("-o ") && keep_apart(&lab, Path::new(&fatal.hint[3..])).is_ok(),
            "{out}"
        );
    }
    assert!(keep_apart(&[at("link/case")], &at("lab")).is_err(), "INPUT inside OUT");
    for out in ["out", "lab-2", "lab/door/out", "laboratory"] {
        assert!(keep_apart(&lab, &at(out)).is_ok(), "{out}");
    }
}

#[test]
fn pages_of_a_report_are_no_photographs() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["case/a.png", "case/report-17/pictures/00001.png", "case/report-17/assets/report.css"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"\x89PNG\r\n\x1a\n").unwrap();
    }
    let found = collect(&[dir.path().join("case")]).unwrap();
    assert_eq!(found.taken.len(), 1);
    assert_eq!(found.left_out, [("report-17".into(), LeftOut::Output)]);
    let pages = collect(&[dir.path().join("case/report-17")]).unwrap();
    assert!(pages.taken.is_empty() && pages.left_out[0].1 == LeftOut::Output);
}
