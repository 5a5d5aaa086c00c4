//! A folder of simulated photographs with `truth.csv` and `run.json`.

use super::camera::{File, ScaleTag};
use super::draw::Draw;
use super::framing::{LABORATORY, LONG_PX, frame};
use super::gun::Faces;
use super::instrument::Instrument;
use super::profile::Profile;
use super::scene::{Counts, Scene};
use super::truth::Truth;
use super::{write, x3p};
use crate::error::Fatal;
use crate::pipeline::scheme::Scheme;
use crate::typeface::Face;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// What to make.
#[derive(Clone, Debug)]
pub struct Order {
    /// Photographs.
    pub count: u64,
    /// Seed of everything that is drawn.
    pub seed: u64,
    /// Profiles, taking turns by gun.
    pub profiles: Vec<Profile>,
    /// Cases a gun and photographs a case.
    pub counts: Counts,
    /// Longer side of most photographs, pixels; the others keep their proportion to it.
    pub long_px: u16,
    /// Height maps in place of photographs.
    pub heights: bool,
    /// Focus stacks of so many planes in place of photographs; 0 for photographs.
    pub planes: u16,
}

/// Distance between the lowest and the highest plane of a focus stack, µm: an impression's depth.
const STACK_UM: f32 = 400.0;

/// Photographs rendered between two writes of the truth, so that memory does not grow with the count.
const BLOCK: u64 = 64;

/// Writes the folder `out`, which must be new or empty.
///
/// # Errors
/// [`Fatal`] where nothing can be written, or a photograph cannot.
pub fn write_folder(order: &Order, faces: &Faces, out: &Path) -> Result<(), Fatal> {
    let cannot = |what: &Path, e: &dyn std::fmt::Display| {
        Fatal::new(format!("cannot write {}: {e}", what.display()), "another folder with -o OUT")
    };
    std::fs::create_dir_all(out).map_err(|e| cannot(out, &e))?;
    if std::fs::read_dir(out).map_err(|e| cannot(out, &e))?.next().is_some() {
        return Err(Fatal::new(format!("{} is not empty", out.display()), "a new folder with -o OUT"));
    }
    let schemes = Scheme::all();
    let truth_path = out.join("truth.csv");
    let mut truth = csv::Writer::from_path(&truth_path).map_err(|e| cannot(&truth_path, &e))?;
    let mut start = 0;
    while start < order.count {
        let end = (start + BLOCK).min(order.count);
        let rows: Vec<Result<Truth, Fatal>> =
            (start..end).into_par_iter().map(|i| photograph(order, i, faces, &schemes, out)).collect();
        for row in rows {
            truth.serialize(row?).map_err(|e| cannot(&truth_path, &e))?;
        }
        start = end;
    }
    truth.flush().map_err(|e| cannot(&truth_path, &e))?;
    let run = serde_json::json!({
        "made_by": concat!("microstamp ", env!("CARGO_PKG_VERSION")),
        "simulated": true,
        "photographs": order.count,
        "seed": order.seed,
        "profiles": order.profiles.iter().map(|p| p.name()).collect::<Vec<_>>(),
        "cases_per_gun": order.counts.cases_per_gun,
        "long_px": order.long_px,
        "photos_per_case": order.counts.photos_per_case,
        "heights": order.heights,
        "planes": order.planes,
        "split": faces.split_name(),
        "typeface_files": faces.file_names(),
    });
    let run_path = out.join("run.json");
    std::fs::write(&run_path, format!("{run:#}\n")).map_err(|e| cannot(&run_path, &e))
}

fn photograph(
    order: &Order,
    index: u64,
    faces: &Faces,
    schemes: &[Scheme],
    out: &Path,
) -> Result<Truth, Fatal> {
    let mut scene = Scene::draw(order.seed, index, &order.profiles, order.counts, faces, schemes);
    let folder = format!("{}-{:05}-{:02}", scene.profile.name(), scene.gun_index, scene.case + 1);
    let name = |ending: &str| format!("{folder}/{folder}_{}.{ending}", scene.shot_no + 1);
    if order.heights {
        // An instrument measures what lies under it.
        scene.mirrored = false;
        let mut d = Draw::new(order.seed, "instrument", index);
        let instrument = Instrument::draw(&mut d, &scene, order.long_px.into());
        let z = instrument.measure(&scene.surface(&instrument.window, schemes));
        let path = name("x3p");
        let bytes = x3p::encode(&z, &instrument).map_err(|e| cannot(&path, &e))?;
        put(out, &folder, &path, &bytes)?;
        return Ok(
            Truth::new(&scene, &instrument.window, &path, &folder, schemes).of_heights(instrument.stored)
        );
    }
    let window = frame(
        &mut Draw::new(order.seed, "frame", index),
        &scene,
        LONG_PX / f32::from(order.long_px),
        &LABORATORY,
    );
    if scene.camera.scale == ScaleTag::True && scene.camera.file == File::Bmp {
        // The encoder writes no resolution into a BMP.
        scene.camera.scale = ScaleTag::None;
    }
    if order.planes > 0 {
        let step = STACK_UM / f32::from(order.planes.max(2) - 1);
        // The lowest plane lies at the floor or up to a quarter of the stack below it.
        let below = Draw::new(order.seed, "stack", index).range(0.0, STACK_UM / 4.0);
        let lowest = scene.cartridge.seat_um - scene.gun.pin.depth_um - below;
        let focus: Vec<f32> = (0..order.planes).map(|i| lowest + step * f32::from(i)).collect();
        let planes = scene.render_stack(&window, schemes, &focus);
        let path = name("tif");
        let bytes =
            write::encode_stack(&planes, &window, scene.camera.bits, step).map_err(|e| cannot(&path, &e))?;
        put(out, &folder, &path, &bytes)?;
        let floor = scene.cartridge.seat_um - scene.gun.pin.depth_um;
        let nearest = focus.iter().map(|f| (f - floor).abs()).fold(f32::INFINITY, f32::min);
        return Ok(Truth::new(&scene, &window, &path, &folder, schemes).of_stack(nearest));
    }
    let path = name(write::ending(scene.camera.file));
    let rendered = scene.render(&window, schemes);
    let bytes = write::encode(&scene, &rendered, &window).map_err(|e| cannot(&path, &e))?;
    put(out, &folder, &path, &bytes)?;
    Ok(Truth::new(&scene, &window, &path, &folder, schemes))
}

fn cannot(path: &str, e: &dyn std::fmt::Display) -> Fatal {
    Fatal::new(format!("cannot write {path}: {e}"), "free space, or another folder with -o OUT")
}

fn put(out: &Path, folder: &str, path: &str, bytes: &[u8]) -> Result<(), Fatal> {
    std::fs::create_dir_all(out.join(folder)).map_err(|e| cannot(path, &e))?;
    std::fs::write(out.join(path), bytes).map_err(|e| cannot(path, &e))
}

/// The TrueType files of a folder, in the order of their names; none for no folder.
///
/// # Errors
/// [`Fatal`] where the folder cannot be read or holds no usable file.
pub fn read_faces(folder: Option<&Path>) -> Result<Vec<Arc<Face>>, Fatal> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let bad = |e: String| {
        Fatal::new(format!("{}: {e}", folder.display()), "a folder of .ttf files with --faces DIR")
    };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .map_err(|e| bad(e.to_string()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| {
            p.extension().is_some_and(|e| e.eq_ignore_ascii_case("ttf") || e.eq_ignore_ascii_case("otf"))
        })
        .collect();
    paths.sort();
    let mut faces = Vec::new();
    for path in paths {
        let name = path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let bytes = std::fs::read(&path).map_err(|e| bad(e.to_string()))?;
        // A typeface without the 36 characters is left out: folders of typefaces hold symbols too.
        if let Ok(face) = Face::truetype(&bytes, &name) {
            faces.push(Arc::new(face));
        }
    }
    if faces.is_empty() { Err(bad("no typeface with A-Z and 0-9 in it".into())) } else { Ok(faces) }
}
