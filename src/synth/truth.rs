//! The row of `truth.csv` for one photograph.

use super::camera::{File, ScaleTag};
use super::imprint::wear;
use super::instrument::Stored;
use super::light::Kind;
use super::scene::Scene;
use super::surface::Window;
use crate::pipeline::scheme::Scheme;
use serde::Serialize;

/// What is true of one simulated photograph. Lengths in pixels of the photograph unless named otherwise.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)] // the names are the columns; testdata/README.md describes them
pub struct Truth {
    pub path: String,
    pub tier: &'static str,
    pub gun: String,
    pub scene: String,
    pub code: String,
    pub layout: String,
    pub gear: u8,
    pub rotation: f32,
    pub mirrored: u8,
    pub um_per_px: f32,
    pub scale_in_file: u8,
    pub primer_cx: f32,
    pub primer_cy: f32,
    pub primer_r: f32,
    pub primer_face_r: f32,
    pub pin_cx: f64,
    pub pin_cy: f64,
    pub pin_r: f64,
    pub pin_aspect: f64,
    pub pin_angle: f64,
    pub light: &'static str,
    pub font: String,
    pub sunken: u8,
    pub double: f32,
    pub drag_um: f32,
    pub smear_um: f32,
    pub wear: f32,
    pub transfer: f32,
    pub format: String,
    pub case: usize,
    pub photo: usize,
    pub rounds: u32,
    pub ammunition: String,
    pub partial: f32,
    pub tilt: f32,
    pub double_um: f32,
    pub double_deg: f32,
    pub drag_width: f32,
    pub relief_um: f32,
    pub char_height_um: f32,
    pub turning_um: f32,
    pub turning_pitch_um: f32,
    pub pin_depth_um: f32,
    pub dome_um: f32,
    pub breech: &'static str,
    pub texture_um: f32,
    pub soot: f32,
    pub film: f32,
    pub scratches: usize,
    pub dents: usize,
    pub corrosion: f32,
    pub defocus_um: f32,
    pub aperture: f32,
    pub elevation_deg: f32,
    pub crossed: u8,
    pub electrons: u32,
    pub vignette: f32,
    pub gamma: f32,
    pub sharpen: f32,
    pub jpeg: u8,
    pub bits: u8,
    pub colour: u8,
}

fn round(v: f32, digits: i32) -> f32 {
    let k = 10f32.powi(digits);
    (v * k).round() / k
}

fn round64(v: f64) -> f64 {
    (v * 100.0).round() / 100.0
}

impl Truth {
    /// The truth of `scene` in `window`, written to `path`.
    pub fn new(scene: &Scene, window: &Window, path: &str, folder: &str, schemes: &[Scheme]) -> Self {
        let code = scene.gun.code.as_ref();
        let scheme = &schemes[scene.gun.format];
        let (px, py) = window.px(0.0, 0.0);
        let rim = scene.rim(window);
        let um = window.um_per_px;
        let shot = &scene.shot;
        let drag_um = if shot.drag.0 > 0.0 { shot.drag.0 * 2.0 * scene.gun.pin.rx_um } else { 0.0 };
        // What goes over the mark shows nowhere else.
        let marked = f32::from(u8::from(code.is_some()));
        let double = shot.double.filter(|_| code.is_some());
        let rows: Vec<String> = scheme.rows.iter().map(ToString::to_string).collect();
        let layout = match rows.as_slice() {
            [a, .., b] if scheme.rows.iter().all(|r| *r == scheme.rows[0]) && a == b => {
                format!("{}x{a}", rows.len())
            }
            _ => rows.join("-"),
        };
        Self {
            path: path.to_owned(),
            tier: scene.profile.name(),
            gun: format!("{}{:05}", scene.profile.name()[..1].to_uppercase(), scene.gun_index),
            scene: folder.to_owned(),
            code: code.map_or_else(String::new, |c| c.text.clone()),
            layout,
            gear: u8::from(code.is_some_and(|c| c.ring.is_some())),
            rotation: round(scene.rotation_deg(), 2),
            mirrored: u8::from(scene.mirrored),
            um_per_px: round(um, 4),
            scale_in_file: u8::from(
                scene.camera.scale == ScaleTag::True && super::write::ending(scene.camera.file) != "bmp",
            ),
            primer_cx: round(px, 1),
            primer_cy: round(py, 1),
            primer_r: round(scene.cartridge.cup_um / um, 1),
            primer_face_r: round(scene.cartridge.face_um / um, 1),
            pin_cx: round64(rim.cx),
            pin_cy: round64(rim.cy),
            pin_r: round64((rim.rx * rim.ry).sqrt()),
            pin_aspect: (rim.ry / rim.rx * 1000.0).round() / 1000.0,
            pin_angle: round64(rim.angle_deg),
            light: scene.rig.kind.name(),
            font: code.map_or_else(String::new, |c| c.face_name.clone()),
            sunken: u8::from(code.is_some_and(|c| c.sunken)),
            double: round(double.map_or(0.0, |d| d.3), 2),
            drag_um: round(drag_um, 1),
            smear_um: round(marked * shot.smear_um, 1),
            wear: round(wear(shot.rounds), 3),
            transfer: round(marked * shot.transfer, 3),
            format: scheme.id.clone(),
            case: scene.case,
            photo: scene.shot_no,
            rounds: shot.rounds as u32,
            ammunition: scene.cartridge.name.clone(),
            partial: round(marked * shot.partial, 3),
            tilt: round(marked * shot.tilt.1, 2),
            double_um: round(double.map_or(0.0, |d| d.0), 1),
            // Drawn clockwise, and left and right of a mirrored picture are swapped afterwards.
            double_deg: round(
                double.map_or(0.0, |d| if scene.mirrored { d.2 } else { -d.2 }.to_degrees()),
                1,
            ),
            drag_width: if shot.drag.0 > 0.0 { round(shot.drag.1, 2) } else { 0.0 },
            relief_um: round(code.map_or(0.0, |c| c.relief_um), 1),
            char_height_um: round(code.map_or(0.0, |c| c.height_um), 1),
            turning_um: round(scene.gun.pin.turning_um.map_or(0.0, |t| t.1), 1),
            turning_pitch_um: round(scene.gun.pin.turning_um.map_or(0.0, |t| t.0), 1),
            pin_depth_um: round(scene.gun.pin.depth_um, 0),
            dome_um: round(scene.gun.pin.dome_um, 0),
            breech: scene.gun.breech.kind.name(),
            texture_um: round(scene.cartridge.texture_um.1, 2),
            soot: round(shot.soot.0, 3),
            film: round(shot.film, 2),
            scratches: shot.scratches,
            dents: shot.dents,
            corrosion: round(shot.corrosion, 3),
            defocus_um: round(
                (scene.cartridge.seat_um - scene.gun.pin.depth_um - scene.camera.focus_um).abs(),
                0,
            ),
            aperture: round(scene.camera.aperture, 3),
            elevation_deg: match scene.rig.kind {
                Kind::Ring | Kind::Oblique => round(scene.rig.elevation_deg, 1),
                Kind::Coaxial => 90.0,
                Kind::Dome => 0.0,
            },
            crossed: u8::from(scene.rig.crossed),
            electrons: scene.camera.electrons.0 as u32,
            vignette: round(scene.camera.vignette, 2),
            gamma: round(scene.camera.gamma, 2),
            sharpen: round(scene.camera.sharpen, 2),
            jpeg: if let File::Jpeg(quality) = scene.camera.file { quality } else { 0 },
            bits: scene.camera.bits,
            colour: u8::from(scene.camera.colour),
        }
    }

    /// The same for a focus stack: grey, with its scale; its nearest plane lies `nearest_um` from the floor's edge.
    pub fn of_stack(self, nearest_um: f32) -> Self {
        Self { scale_in_file: 1, defocus_um: round(nearest_um, 0), jpeg: 0, colour: 0, ..self }
    }

    /// The same for a height map: there is no light and no camera, and the file states its scale.
    pub fn of_heights(self, stored: Stored) -> Self {
        Self {
            scale_in_file: 1,
            light: "none",
            defocus_um: 0.0,
            aperture: 0.0,
            elevation_deg: 0.0,
            crossed: 0,
            electrons: 0,
            vignette: 0.0,
            gamma: 1.0,
            sharpen: 0.0,
            jpeg: 0,
            bits: if stored == Stored::Double { 64 } else { 32 },
            colour: 0,
            ..self
        }
    }
}
