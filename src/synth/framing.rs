//! Where the camera points and how near: the whole case head, the primer, or the impression alone.

use super::draw::Draw;
use super::scene::Scene;
use super::surface::Window;

/// Longer side of most photographs, pixels.
pub const LONG_PX: f32 = 1600.0;
/// Picture sizes of laboratory cameras, pixels.
const SIZES: [(usize, usize); 5] = [(1600, 1200), (1440, 1080), (1280, 960), (1200, 1200), (1600, 1200)];
/// Limits of the scale, µm per pixel: stereo microscopes at 25-60x, and a margin for distant views.
pub const SCALES_UM: (f32, f32) = (1.6, 12.0);

/// How often a laboratory takes the whole case head, the primer, the impression alone.
pub const LABORATORY: [f32; 3] = [0.12, 0.6, 0.28];

/// The window of a photograph of `scene`, about `shrink` times smaller than a laboratory's; `views`: how
/// often it shows the whole case head, the primer, the impression alone.
pub fn frame(d: &mut Draw, scene: &Scene, shrink: f32, views: &[f32; 3]) -> Window {
    let (w, h) = d.pick(&SIZES);
    let (w, h) = ((w as f32 / shrink).round() as usize, (h as f32 / shrink).round() as usize);
    let short = w.min(h) as f32;
    let cup = scene.cartridge.cup_um;
    let (span, at) = match d.weighted(views) {
        0 => (2.0 * scene.cartridge.head_um * d.range(0.95, 1.5), (0.0, 0.0)),
        1 => (2.0 * cup * d.range(0.85, 1.9), (0.0, 0.0)),
        _ => (2.0 * scene.rim_um() * d.range(1.25, 3.2), scene.gun.pin.offset_um),
    };
    let um = (span / short).clamp(SCALES_UM.0 * shrink, SCALES_UM.1 * shrink);
    let at = (if scene.mirrored { -at.0 } else { at.0 }, at.1);
    // Never so far off that the crater leaves the frame.
    let (px, py) = if scene.mirrored {
        (-scene.gun.pin.offset_um.0, scene.gun.pin.offset_um.1)
    } else {
        scene.gun.pin.offset_um
    };
    let slack = |n: usize, off: f32| (n as f32 * um / 2.0 - scene.rim_um() * 1.1 - off.abs()).max(0.0);
    let (sx, sy) = (slack(w, px - at.0), slack(h, py - at.1));
    let shift = |d: &mut Draw, slack: f32, n: usize| (d.normal() * 0.07 * n as f32 * um).clamp(-slack, slack);
    let (cx, cy) = (at.0 + shift(d, sx, w), at.1 + shift(d, sy, h));
    Window { w, h, um_per_px: um, x0: cx - (w - 1) as f32 / 2.0 * um, y0: cy - (h - 1) as f32 / 2.0 * um }
}

/// Spacings of instruments with objectives of 20 to 5 times, µm.
const SPACINGS_UM: (f32, f32) = (0.9, 3.5);

/// The window of a height map of `scene` with at most `most` points a side: the crater with some of the
/// face round it, or the whole primer, stitched.
pub fn height_map_frame(d: &mut Draw, scene: &Scene, most: f32) -> Window {
    let (span, at) = if d.chance(0.7) {
        (2.0 * scene.rim_um() * d.range(1.15, 1.9), scene.gun.pin.offset_um)
    } else {
        (2.0 * scene.cartridge.cup_um * d.range(0.8, 1.1), (0.0, 0.0))
    };
    let um = d.log_range(SPACINGS_UM.0, SPACINGS_UM.1).max(span / most);
    let side = (span / um) as usize;
    let slack = 0.04 * span;
    let middle = (if scene.mirrored { -at.0 } else { at.0 }, at.1);
    let (cx, cy) = (middle.0 + d.range(-slack, slack), middle.1 + d.range(-slack, slack));
    let half = (side - 1) as f32 / 2.0 * um;
    Window { w: side, h: side, um_per_px: um, x0: cx - half, y0: cy - half }
}
