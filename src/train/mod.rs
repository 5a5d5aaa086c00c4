//! Generator to training tiles for the learned reader.
//!
//! Three kinds: `photo` tiles show a whole photograph on a small square, with the
//! class of every pixel; `mark` tiles show the crater at a fixed size, with the
//! strokes that are really there; `crater` tiles show it with what lies round it.

use crate::pipeline::scheme::Scheme;
use crate::synth::draw::Draw;
use crate::synth::framing::{LONG_PX, SCALES_UM, frame};
use crate::synth::gun::Faces;
use crate::synth::profile::Profile;
use crate::synth::scene::{Counts, Scene};
use crate::synth::shot::Pocket;
use crate::synth::surface::{Crater, Window};
use rayon::prelude::*;
use std::io::Write;

/// Which tiles are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Small copies of whole photographs.
    Photo,
    /// Craters.
    Mark,
    /// Craters with their surroundings, less fine.
    Crater,
}

/// Side of a photo tile, pixels: the finder's input.
const PHOTO_PX: usize = 192;
/// Side of a mark tile, pixels: the floor then has some 200 across, two thirds of the tile that cells are cut from.
const MARK_PX: usize = 384;
/// Half side of a mark tile in rim radii.
const MARK_SPAN: f32 = 1.3;
/// Side of a crater tile, pixels: as fine as the poser's crop of a rim that was found where it is.
const CRATER_PX: usize = 256;
/// Half side of a crater tile in rim radii: all that is seen round a rim that was found half as large again.
const CRATER_SPAN: f32 = 2.5;
/// Tiles rendered between two writes.
const BLOCK: u64 = 256;
/// Whole case heads are the hardest to find one's way about in, and so the most frequent: case head,
/// primer, impression alone.
const VIEWS: [f32; 3] = [0.3, 0.45, 0.25];
/// Class of padding beside a photograph that is not square.
const PADDING: u8 = 255;

const PHOTO_LABELS: &str = "primer_present impression_present marked um_per_px primer_cx primer_cy primer_r face_r \
    rim_cx rim_cy rim_rx rim_ry rim_angle_deg";
const MARK_LABELS: &str = "marked format gear mirrored rotation_deg rim_cx rim_cy rim_rx rim_ry rim_angle_deg \
    floor_cx floor_cy floor_rx floor_ry floor_angle_deg mark_cx mark_cy char_height col_pitch row_pitch tier gun \
    c0 c1 c2 c3 c4 c5 c6 c7";

impl Kind {
    /// The side that the learned reader takes, pixels.
    pub fn usual_px(self) -> usize {
        match self {
            Self::Photo => PHOTO_PX,
            Self::Mark => MARK_PX,
            Self::Crater => CRATER_PX,
        }
    }

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Mark => "mark",
            Self::Crater => "crater",
        }
    }
}

/// Writes `count` tiles of `kind`, `size` pixels a side, to `out`: a header, then grey, second plane and labels of each.
///
/// # Errors
/// When `out` cannot be written.
pub fn tiles(
    kind: Kind,
    size: usize,
    count: u64,
    seed: u64,
    faces: &Faces,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let schemes = Scheme::all();
    let labels = if kind == Kind::Photo { PHOTO_LABELS } else { MARK_LABELS };
    let names: Vec<&str> = labels.split_whitespace().collect();
    let header = serde_json::json!({
        "kind": kind.name(),
        "count": count, "size": size, "planes": 2, "labels": names,
    })
    .to_string();
    out.write_all(b"MSTILES1")?;
    out.write_all(&(header.len() as u32).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    let mut start = 0;
    while start < count {
        let end = (start + BLOCK).min(count);
        let block: Vec<Vec<u8>> = (start..end)
            .into_par_iter()
            .map(|i| match kind {
                Kind::Photo => photo_tile(seed, i, size, faces, &schemes),
                Kind::Mark => mark_tile(seed, i, size, MARK_SPAN, faces, &schemes),
                Kind::Crater => mark_tile(seed, i, size, CRATER_SPAN, faces, &schemes),
            })
            .collect();
        for record in block {
            out.write_all(&record)?;
        }
        start = end;
    }
    Ok(())
}

/// Marks of every profile, a third of them littered: there is most to learn from what an eye can read. One
/// floor in nine is unmarked.
const MIX: [Profile; 18] = [
    Profile::Clean,
    Profile::Littered,
    Profile::Field,
    Profile::Mixed,
    Profile::Littered,
    Profile::Severe,
    Profile::Field,
    Profile::Littered,
    Profile::Unmarked,
    Profile::Mixed,
    Profile::Littered,
    Profile::Field,
    Profile::Mixed,
    Profile::Littered,
    Profile::Clean,
    Profile::Severe,
    Profile::Littered,
    Profile::Unmarked,
];

fn finish(grey: &[f32], second: Vec<u8>, labels: &[f32]) -> Vec<u8> {
    let mut record: Vec<u8> = grey.iter().map(|v| (v * 255.0 + 0.5) as u8).collect();
    record.extend(second);
    record.extend(labels.iter().flat_map(|v| v.to_le_bytes()));
    record
}

/// A crater, with `span` rim radii from its middle to the tile's edge.
fn mark_tile(seed: u64, index: u64, size: usize, span: f32, faces: &Faces, schemes: &[Scheme]) -> Vec<u8> {
    // Two cases a gun, so that guns outnumber wear states.
    let counts = Counts { cases_per_gun: 2, photos_per_case: 1 };
    let scene = Scene::draw(seed, index, &MIX, counts, faces, schemes);
    let mut d = Draw::new(seed, "tile", index);
    // The photograph's own resolution: coarse ones are enlarged, as the reader has to.
    let side_um = 2.0 * span * scene.rim_um();
    let native = (side_um / d.log_range(SCALES_UM.0, SCALES_UM.1))
        .clamp((size as f32).min(110.0), size as f32) as usize;
    let um = side_um / native as f32;
    let (ox, oy) = scene.gun.pin.offset_um;
    let ox = if scene.mirrored { -ox } else { ox };
    let half = (native - 1) as f32 / 2.0 * um;
    let window = Window { w: native, h: native, um_per_px: um, x0: ox - half, y0: oy - half };
    let rendered = scene.render(&window, schemes);
    let grey = enlarge(&rendered.grey, native, size);
    let ink = enlarge(&rendered.surface.ink, native, size).iter().map(|v| (v * 255.0 + 0.5) as u8).collect();
    let to = size as f64 / native as f64;
    let place = |v: f64| (v + 0.5) * to - 0.5;
    let (rim, floor) = (scene.rim(&window), scene.floor(&window));
    let code = scene.gun.code.as_ref();
    let mark = scene.mark_px(&window, schemes).unwrap_or((rim.cx as f32, rim.cy as f32));
    let px = |v: f32| v / um * to as f32;
    let mut labels = vec![
        f32::from(u8::from(code.is_some())),
        code.map_or(-1.0, |c| c.format as f32),
        f32::from(u8::from(code.is_some_and(|c| c.ring.is_some()))),
        f32::from(u8::from(scene.mirrored)),
        scene.rotation_deg(),
    ];
    for e in [rim, floor] {
        labels.extend([place(e.cx), place(e.cy), e.rx * to, e.ry * to, e.angle_deg].map(|v| v as f32));
    }
    labels.extend([place(mark.0.into()) as f32, place(mark.1.into()) as f32]);
    labels.extend(code.map_or([0.0; 3], |c| [px(c.height_um), px(c.column_um), px(c.row_um)]));
    labels.push(Profile::ALL.iter().position(|(p, _)| *p == scene.profile).unwrap_or(0) as f32);
    labels.push(scene.gun_index as f32);
    for k in 0..8 {
        let symbol = code.and_then(|c| {
            let symbol = c.text.chars().nth(k)?;
            schemes[c.format].alphabet.chars().position(|a| a == symbol)
        });
        labels.push(symbol.map_or(-1.0, |s| s as f32));
    }
    finish(&grey, ink, &labels)
}

/// What a photo tile shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// A struck primer.
    Struck,
    /// A primer that was never struck.
    Unstruck,
    /// A pocket without its primer.
    Empty,
    /// A piece of case head or table without a primer in the frame.
    Elsewhere,
}

/// Half the diagonal of a window, µm.
fn half_diagonal_um(window: &Window) -> f32 {
    window.um_per_px * (window.w as f32).hypot(window.h as f32) / 2.0
}

fn photo_tile(seed: u64, index: u64, size: usize, faces: &Faces, schemes: &[Scheme]) -> Vec<u8> {
    let counts = Counts { cases_per_gun: 1, photos_per_case: 1 };
    let mut scene = Scene::draw(seed, index, &MIX, counts, faces, schemes);
    let mut d = Draw::new(seed, "tile", index);
    let kind = [Subject::Struck, Subject::Unstruck, Subject::Empty, Subject::Elsewhere]
        [d.weighted(&[0.8, 0.04, 0.12, 0.04])];
    match kind {
        Subject::Unstruck => scene.smooth(),
        Subject::Empty => scene.cartridge.empty = Some(Pocket::draw(&mut d)),
        Subject::Struck | Subject::Elsewhere => {}
    }
    // Rendered at about twice the tile's resolution, then averaged as the reader's small copy is.
    let mut window = frame(&mut d, &scene, LONG_PX / (2.0 * size as f32), &VIEWS);
    if kind == Subject::Elsewhere {
        // Headstamp, rim or table: the primer lies outside the frame.
        let far = scene.cartridge.cup_um + half_diagonal_um(&window) + d.range(0.0, 3000.0);
        let a = d.angle();
        window.x0 += far * a.cos();
        window.y0 += far * a.sin();
    }
    let rendered = scene.render(&window, schemes);
    let factor = window.w.max(window.h) as f32 / size as f32;
    let (w, h) = ((window.w as f32 / factor).round() as usize, (window.h as f32 / factor).round() as usize);
    let (left, top) = ((size - w.min(size)) / 2, (size - h.min(size)) / 2);
    let small = shrink(&rendered.grey, window.w, window.h, w, h);
    let mean = small.iter().sum::<f32>() / small.len() as f32;
    let mut grey = vec![mean; size * size];
    let mut class = vec![PADDING; size * size];
    let crater = Crater::new(&scene.gun, &scene.shot);
    for y in 0..h.min(size) {
        for x in 0..w.min(size) {
            let i = (top + y) * size + left + x;
            grey[i] = small[y * w + x];
            let (sx, sy) = ((x as f32 + 0.5) * factor - 0.5, (y as f32 + 0.5) * factor - 0.5);
            let (mut ux, uy) = (window.x0 + sx * window.um_per_px, window.y0 + sy * window.um_per_px);
            if scene.mirrored {
                ux = -ux;
            }
            let (r, level) = (ux.hypot(uy), crater.level(ux, uy));
            let struck = kind == Subject::Struck;
            class[i] = if kind == Subject::Empty {
                0
            } else if struck && level < 1.0 {
                4
            } else if struck && level < crater.rim() {
                3
            } else if r < scene.cartridge.face_um {
                2
            } else {
                u8::from(r < scene.cartridge.cup_um)
            };
        }
    }
    let place = |v: f64, offset: usize| ((v + 0.5) / f64::from(factor) - 0.5 + offset as f64) as f32;
    let (px, py) = window.px(0.0, 0.0);
    let rim = scene.rim(&window);
    let per = factor * window.um_per_px;
    let labels = [
        f32::from(u8::from(matches!(kind, Subject::Struck | Subject::Unstruck))),
        f32::from(u8::from(kind == Subject::Struck)),
        f32::from(u8::from(scene.gun.code.is_some())),
        per,
        place(px.into(), left),
        place(py.into(), top),
        scene.cartridge.cup_um / per,
        scene.cartridge.face_um / per,
        place(rim.cx, left),
        place(rim.cy, top),
        (rim.rx / f64::from(factor)) as f32,
        (rim.ry / f64::from(factor)) as f32,
        rim.angle_deg as f32,
    ];
    finish(&grey, class, &labels)
}

/// Enlarges a square plane bilinearly from `n` to `m` pixels a side.
fn enlarge(plane: &[f32], n: usize, m: usize) -> Vec<f32> {
    if n == m {
        return plane.to_vec();
    }
    let at = |v: usize| {
        let t = ((v as f32 + 0.5) * n as f32 / m as f32 - 0.5).clamp(0.0, (n - 1) as f32);
        let k = (t as usize).min(n - 2);
        (k, t - k as f32)
    };
    let mut out = Vec::with_capacity(m * m);
    for y in 0..m {
        let (ky, fy) = at(y);
        for x in 0..m {
            let (kx, fx) = at(x);
            let i = ky * n + kx;
            let top = plane[i] + (plane[i + 1] - plane[i]) * fx;
            let low = plane[i + n] + (plane[i + n + 1] - plane[i + n]) * fx;
            out.push(top + (low - top) * fy);
        }
    }
    out
}

/// Area average of a `w` x `h` plane onto `nw` x `nh`.
fn shrink(plane: &[f32], w: usize, h: usize, nw: usize, nh: usize) -> Vec<f32> {
    let spans = |n: usize, m: usize| -> Vec<Vec<(usize, f32)>> {
        let ratio = n as f32 / m as f32;
        (0..m)
            .map(|i| {
                let (a, b) = (i as f32 * ratio, (i + 1) as f32 * ratio);
                (a as usize..(b.ceil() as usize).min(n))
                    .map(|k| (k, ((k + 1) as f32).min(b) - (k as f32).max(a)))
                    .collect()
            })
            .collect()
    };
    let (xs, ys) = (spans(w, nw), spans(h, nh));
    let mut out = Vec::with_capacity(nw * nh);
    for row in &ys {
        for column in &xs {
            let (mut sum, mut weight) = (0.0, 0.0);
            for &(y, wy) in row {
                for &(x, wx) in column {
                    sum += plane[y * w + x] * wx * wy;
                    weight += wx * wy;
                }
            }
            out.push(sum / weight);
        }
    }
    out
}
