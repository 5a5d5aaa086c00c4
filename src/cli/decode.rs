//! `microstamp decode`: a folder in, codes out.

use super::group::{self, Grouping, Reader};
use super::{Common, Outcome, calibration_sha256, print, remark_if_several};
use crate::batch::inputs::{Inputs, LeftOut, Links};
use crate::batch::manifest::{self, Manifest, Setup, signature_of};
use crate::batch::names::printable;
use crate::batch::output::{self, Output};
use crate::batch::progress::Progress;
use crate::batch::resume::{self, Earlier, Replaced, Saved};
use crate::batch::signature::{self, SigningKey};
use crate::batch::{Photograph, inputs, runner};
use crate::engines;
use crate::error::Fatal;
use crate::groups::{FILES, naming};
use crate::pipeline::Pipeline;
use crate::pipeline::confidence::Calibration;
use crate::pipeline::decode::Status;
use crate::pipeline::net::Networks;
use crate::pipeline::scheme::Scheme;
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Failed photographs that are read again before their new lines are written: what an interruption
/// costs at the most, against writing `results.jsonl` anew each time.
const RETRIED_AT_ONCE: usize = 500;

/// Read the microstamps in photographs and folders of photographs
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Read the microstamps in photographs and folders of photographs.\n\n\
        Photographs are PNG, JPEG, TIFF or BMP, height maps X3P, recognised by their content, and only ever \
        opened for reading. Hidden files and files that are no pictures are left out and counted. Results are \
        written in the order of the relative paths, one line a photograph, the same bytes for any \
        number of threads, and after an interruption that --resume continued.",
    after_help = "Examples:\n  \
        microstamp decode testdata/lab -o out\n  \
        microstamp decode testdata/lab -o out --resume\n  \
        microstamp decode evidence/case-17 photo.tif -o out --format ifm8 --um-per-px 3.45\n  \
        microstamp decode testdata/lab --dry-run"
)]
pub struct Args {
    /// Photographs or folders; folders are searched recursively
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Folder for the results, outside of every INPUT; must be new or empty unless --resume is given
    #[arg(short, long, value_name = "OUT", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Continue the run in OUT after a crash, a kill or ctrl-C; it must have had the same version,
    /// settings, engine, formats and photographs. Starts anew where OUT is new or empty
    #[arg(long)]
    resume: bool,
    /// As --resume, and read again what failed
    #[arg(long)]
    retry_failed: bool,
    /// Follow symbolic links that lead out of an INPUT too
    #[arg(long)]
    follow_links: bool,
    /// Sign run.json with this Ed25519 private key (PEM), for `verify --key`
    #[arg(long, value_name = "FILE.pem")]
    sign_key: Option<PathBuf>,
    #[command(flatten)]
    grouping: Grouping,
    /// Only list which files would be read and which are left out, and why
    #[arg(long)]
    dry_run: bool,
}

pub fn run(args: &Args, common: &Common) -> Result<Outcome, Fatal> {
    let settings = common.settings()?;
    let schemes = common.schemes()?;
    let asked = common.asked(&settings)?;
    let links = if args.follow_links { Links::Anywhere } else { Links::Inside };
    let found = inputs::find(&args.inputs, links)?;
    let Some(out) = args.out.as_deref().filter(|_| !args.dry_run) else {
        remark_without(&found);
        return list(&found);
    };
    if found.taken.is_empty() {
        let what = format!("no photograph in the input ({} files left out)", found.left_out.len());
        return Err(Fatal::new(
            what,
            match found.left_out.is_empty() {
                true => "a folder with photographs (PNG, JPEG, TIFF, BMP) or height maps (X3P)",
                false => "the same command with --dry-run lists what is left out and why",
            },
        ));
    }
    inputs::keep_apart(&args.inputs, out)?;
    let key = args.sign_key.as_deref().map(signature::private_key).transpose()?;
    let by = args.grouping.by()?;
    if let Some(by) = &by {
        remark_if_several(args.inputs.len(), common);
        // Before anything is read: a pattern that fits nothing would be found out hours later.
        let paths: Vec<&str> = found.taken.iter().map(|p| p.name.as_str()).collect();
        naming::name(&paths, by)?;
    }
    if !common.quiet {
        remark_unusual(&found, &settings);
    }
    let engine = engines::by_name(&common.engine, &settings)?;
    let networks = &Networks::built_in()?.file_sha256;
    let calibration = Calibration::built_in();
    if !common.quiet {
        remark_if_unfitted(&calibration, &common.engine, networks);
    }
    let mut manifest = Manifest::start(Setup {
        command: std::env::args_os().map(|a| crate::batch::names::text(&a)).collect(),
        inputs: &args.inputs,
        found: &found,
        settings: &settings,
        asked,
        engine: engine.identity(),
        weights_sha256: networks.clone(),
        formats: schemes.iter().map(|s| s.id.clone()).collect(),
        grouping: by.as_ref().map(|by| args.grouping.text(by)),
        bars: bars(&calibration, &common.engine, networks, &schemes),
        calibration_sha256: calibration_sha256(),
        threads: common.threads(),
    });
    let run = runner::Run {
        pipeline: Arc::new(Pipeline::new(settings.clone(), schemes, engine)?),
        photo: settings.photo,
        asked,
        threads: common.threads(),
        stop: stop_on_interrupt(),
        hanging: Arc::default(),
    };
    let resumes = args.resume || args.retry_failed;
    if !resumes || output::is_free(out) {
        output::make_folder(out).map_err(|fatal| {
            if !out.join(manifest::NAME).exists() {
                return fatal;
            }
            let hint = format!("--resume to continue the run in it, or {}", fatal.hint);
            Fatal::new(fatal.what, hint)
        })?;
    }
    let _held = output::hold(out)?;
    if by.is_some() {
        group::keep_tables(out)?;
    }
    let earlier = if resumes { resume::look(out, &manifest, &found.taken, args.retry_failed)? } else { None };
    if let Some(earlier) = earlier.as_ref().filter(|e| is_done(e, args.retry_failed)) {
        say!("microstamp: every photograph of {} is read already", out.display());
        sign(out, key.as_ref())?;
        return Ok(if earlier.manifest.counts.failed == 0 { Outcome::Done } else { Outcome::SomeFailed });
    }
    let (mut saved, mut retried) = (0, 0);
    if let Some(earlier) = &earlier {
        take_up(out, earlier, &mut manifest, key.is_some())?;
        let again = if args.retry_failed { failed(&earlier.saved) } else { Vec::new() };
        if !retry(&run, &found.taken, out, &again, common.quiet)? {
            say!(
                "microstamp: interrupted; what failed and was not read again stays failed\n  \
                 try: the same command with --retry-failed"
            );
            return Ok(Outcome::Interrupted);
        }
        retried = again.len();
        manifest.kept -= retried;
        if earlier.saved.torn && !common.quiet {
            say!("microstamp: the last line of results.jsonl was torn, and its photograph is read again");
        }
        saved = earlier.saved.rows.len();
    } else {
        manifest.write(out)?;
    }
    let mut output = if earlier.is_some() { Output::reopen(out)? } else { Output::create(out)? };
    let rest = &found.taken[saved..];
    let mut progress = Progress::start(rest.len(), common.quiet);
    runner::run(&run, rest, &mut output, &mut progress)?;
    output.sync()?;
    drop(output);
    manifest.finish(out)?;
    let mut groups = Vec::new();
    if let Some(by) = by.filter(|_| manifest.complete) {
        let bar = settings.decode.uncounted_bar;
        let reader = Reader { engine: &common.engine, networks: Some(networks), uncounted_bar: bar };
        groups = group::make(out, &by, &args.grouping, &reader, out, common.quiet)?;
        manifest.finish(out)?;
    }
    progress.finish(&manifest.counts.list(), retried);
    if !groups.is_empty() && !common.quiet {
        say!("{}: {}", group::counts(&groups), printable(&out.join(FILES[1]).display().to_string()));
    }
    let hash = manifest.write(out)?;
    sign(out, key.as_ref())?;
    if !common.quiet {
        say!("SHA-256 of run.json, which names all other files: {hash}");
    }
    if !manifest.complete {
        let done = manifest.counts.list().iter().map(|(_, n)| n).sum::<usize>();
        say!(
            "microstamp: interrupted after {done} of {} photographs\n  try: the same command with --resume",
            manifest.photographs
        );
    }
    Ok(match (manifest.complete, manifest.counts.failed) {
        (false, _) => Outcome::Interrupted,
        (true, 0) => Outcome::Done,
        (true, _) => Outcome::SomeFailed,
    })
}

/// Least probability of a whole code, and of a character of a partial one, by format.
fn bars(
    calibration: &Calibration,
    engine: &str,
    networks: &str,
    schemes: &[Scheme],
) -> BTreeMap<String, [f64; 2]> {
    let bars = |id: &str| {
        let curve = calibration.curve(engine, networks, id);
        [curve.accept, curve.accept_character]
    };
    schemes.iter().map(|s| (s.id.clone(), bars(&s.id))).collect()
}

/// Says what is unusual about the photographs and how they are read.
fn remark_unusual(found: &Inputs, settings: &Settings) {
    remark_without(found);
    remark_left_out(found);
    if let Some((first, more)) = settings.unlike_calibrated().split_first() {
        say!(
            "microstamp: {first}{}: confidences and bars were fitted with the usual settings, and say less of these\n  \
             try: `microstamp calibrate` with photographs read likewise",
            if more.is_empty() { String::new() } else { format!(" and {} settings more", more.len()) }
        );
    }
    if found.alike() > 0 {
        say!(
            "microstamp: {} photographs have a name that another INPUT has too; in the results only their SHA-256 \
             tells them apart\n  try: one INPUT, the folder above them",
            found.alike()
        );
    }
}

/// Says so where curves and bars were fitted with other weights than this program's, as they are after a training.
fn remark_if_unfitted(calibration: &Calibration, engine: &str, networks: &str) {
    if calibration.is_of_others(engine, networks) {
        say!(
            "microstamp: the curves of `{engine}` were fitted to what other weights read, and are not used: readings are taken \
             at their word, and held to strict bars\n  \
             try: `microstamp calibrate`, as src/pipeline/README.md has it, then build again"
        );
    }
}

/// Says which INPUTs hold nothing: a folder of evidence may be missing.
fn remark_without(found: &Inputs) {
    for input in &found.without {
        say!("microstamp: no photograph in {}", printable(&input.display().to_string()));
    }
}

/// Says what of the input is not read, but for what is read under another name.
fn remark_left_out(found: &Inputs) {
    let counts = found.left_out_counts();
    let count = |why: LeftOut| counts.get(why.reason());
    if let Some(no_picture) = count(LeftOut::NoPicture) {
        say!("microstamp: {no_picture} files are no pictures and left out; --dry-run names them");
    }
    if let Some(links) = count(LeftOut::Outside) {
        say!(
            "microstamp: {links} symbolic links lead out of the input and are left out\n  \
             try: --follow-links reads what they lead to; --dry-run names them"
        );
    }
    let others = [LeftOut::Hidden, LeftOut::Dangling, LeftOut::NoFile, LeftOut::Output].into_iter();
    let others: Vec<String> =
        others.filter_map(|why| Some(format!("{} {}", count(why)?, why.reason()))).collect();
    if !others.is_empty() {
        say!("microstamp: left out: {}; --dry-run names them", others.join(", "));
    }
}

/// Goes on from an earlier run: keeps its manifest, and brings the tables in line with what it has read.
fn take_up(out: &Path, earlier: &Earlier, manifest: &mut Manifest, signs: bool) -> Result<(), Fatal> {
    let was_signed = signature_of(&out.join(manifest::NAME)).exists();
    let anew = earlier.made_anew.join(", ");
    let gone = resume::follow(out, earlier, manifest)?;
    remark_taken_up(out, was_signed && !signs, &anew, &gone);
    manifest.kept = earlier.saved.rows.len();
    manifest.write(out)?;
    resume::bring_in_line(out, &earlier.saved, &Replaced::new())
}

/// Says what an earlier run had and this one has not: a signature, files as they were, groups.
fn remark_taken_up(out: &Path, unsigned: bool, anew: &str, gone: &[&str]) {
    let folder = printable(&out.display().to_string());
    if unsigned {
        say!(
            "microstamp: the run in {folder} was signed, and what is written now will not be\n  \
             try: the same command with --sign-key"
        );
    }
    if !anew.is_empty() {
        say!("microstamp: not as the run left them in {folder}, and made anew: {anew}");
    }
    if !gone.is_empty() {
        say!(
            "microstamp: {} stemmed from the readings before, and are removed\n  \
             try: `microstamp group {folder}` once more, when this has ended",
            gone.join(" and ")
        );
    }
}

fn sign(out: &Path, key: Option<&SigningKey>) -> Result<(), Fatal> {
    key.map_or(Ok(()), |key| signature::sign(out, key))
}

/// Whether nothing is left to do: a table that is gone, or is not as the run left it, is made again.
fn is_done(earlier: &Earlier, retry_failed: bool) -> bool {
    earlier.manifest.complete
        && earlier.saved.rows.len() == earlier.manifest.photographs
        && earlier.made_anew.is_empty()
        && !(retry_failed && earlier.manifest.counts.failed > 0)
}

/// The lines of photographs that failed.
fn failed(saved: &Saved) -> Vec<usize> {
    (0..saved.rows.len()).filter(|i| saved.rows[*i].status == Status::Failed).collect()
}

/// Reads the photographs of the lines `failed` again and puts their new lines in the place of the old ones; false where an
/// interrupt came before the last of them.
fn retry(
    run: &runner::Run,
    all: &[Photograph],
    out: &Path,
    failed: &[usize],
    quiet: bool,
) -> Result<bool, Fatal> {
    if failed.is_empty() {
        return Ok(true);
    }
    let mut progress = Progress::start(failed.len(), quiet);
    for some in failed.chunks(RETRIED_AT_ONCE) {
        let photographs: Vec<Photograph> = some.iter().map(|i| all[*i].clone()).collect();
        let mut replaced = Replaced::new();
        runner::run_into(run, &photographs, &mut progress, &mut |i, record, ms| {
            replaced.insert(some[i], (record, ms.to_vec()));
            Ok(())
        })?;
        let now = resume::saved(out, all.iter().map(|p| p.name.as_str()))?;
        let whole = replaced.len() == some.len();
        resume::bring_in_line(out, &now, &replaced)?;
        if !whole {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first interrupt lets the photographs at hand end; the second ends the program.
fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without a handler an interrupt ends the program at once; the lines written are whole then too.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}

/// `--dry-run`: a line a file on stdout.
fn list(found: &inputs::Inputs) -> Result<Outcome, Fatal> {
    let mut text = String::new();
    for photograph in &found.taken {
        text += &format!("read\t{}\n", printable(&photograph.name));
    }
    for (name, why) in &found.left_out {
        text += &format!("left out\t{}\t{}\n", printable(name), why.reason());
    }
    text += &format!("{} photographs, {} files left out\n", found.taken.len(), found.left_out.len());
    print(&text)?;
    Ok(Outcome::Done)
}
