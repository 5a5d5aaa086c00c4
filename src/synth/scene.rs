//! One photograph: who is drawn once for a gun, a case and a photograph, and
//! the order in which height, light, lens and camera make it.

use super::camera::{self, Camera};
use super::draw::Draw;
use super::gun::{Faces, Gun};
use super::imprint::{Imprint, cell_centres};
use super::light::{self, Rig};
use super::profile::Profile;
use super::shot::{Cartridge, Shot};
use super::surface::{self, Crater, Surface, Window};
use crate::pipeline::geometry::Ellipse;
use crate::pipeline::scheme::Scheme;

/// How many cases a gun leaves and how often each is photographed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Cases a gun.
    pub cases_per_gun: usize,
    /// Photographs a case.
    pub photos_per_case: usize,
}

/// Everything that is drawn for one photograph.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Number of the gun.
    pub gun_index: u64,
    /// Number of the case within the gun.
    pub case: usize,
    /// Number of the photograph within the case.
    pub shot_no: usize,
    /// Profile.
    pub profile: Profile,
    /// Firearm.
    pub gun: Gun,
    /// Cartridge.
    pub cartridge: Cartridge,
    /// Firing.
    pub shot: Shot,
    /// Light.
    pub rig: Rig,
    /// Camera.
    pub camera: Camera,
    /// Whether the photograph is of a mirrored cast.
    pub mirrored: bool,
}

/// A rendered photograph before it is written to a file.
pub struct Rendered {
    /// Grey 0-1 after the camera's tone.
    pub grey: Vec<f32>,
    /// The surface it shows.
    pub surface: Surface,
}

impl Scene {
    /// Photograph `index` of run `seed`. The profiles take turns by gun.
    pub fn draw(
        seed: u64,
        index: u64,
        profiles: &[Profile],
        counts: Counts,
        faces: &Faces,
        schemes: &[Scheme],
    ) -> Self {
        let per_gun = (counts.cases_per_gun * counts.photos_per_case) as u64;
        let gun_index = index / per_gun;
        let case = (index % per_gun) as usize / counts.photos_per_case;
        let shot_no = (index % per_gun) as usize % counts.photos_per_case;
        let profile = profiles[(gun_index % profiles.len() as u64) as usize];
        let mut gun = Gun::draw(seed, gun_index, profile, faces, schemes);
        let case_key = gun_index * 4096 + case as u64;
        let cartridge = Cartridge::draw(&mut Draw::new(seed, "cartridge", case_key), profile);
        let shot = Shot::draw(&mut Draw::new(seed, "shot", case_key), &gun, profile, case);
        gun.turn(shot.turn);
        let mut d = Draw::new(seed, "photograph", index);
        let rig = Rig::draw(&mut d, profile);
        let camera = Camera::draw(&mut d, &gun, &cartridge, profile);
        let mirrored = d.chance(0.04);
        Self { gun_index, case, shot_no, profile, gun, cartridge, shot, rig, camera, mirrored }
    }

    /// Takes the strike back: a primer that never met a firing pin.
    pub fn smooth(&mut self) {
        self.gun.code = None;
        self.gun.pin.depth_um = 0.0;
        self.gun.pin.dome_um = 0.0;
        self.gun.pin.turning_um = None;
        self.gun.breech.rings.clear();
        self.gun.breech.aperture = None;
        self.shot.drag.0 = 0.0;
        self.cartridge.pressed = 1.0;
    }

    /// Radius of the crater's rim along its long axis, µm.
    pub fn rim_um(&self) -> f32 {
        self.gun.pin.rx_um * self.gun.pin.rim_ratio
    }

    /// The surface in `window`. A mirrored one is the mirror image of its window's mirror image.
    pub fn surface(&self, window: &Window, schemes: &[Scheme]) -> Surface {
        let texel = (0.8 * window.um_per_px).max(1.6);
        let imprint =
            self.gun.code.as_ref().map(|code| Imprint::draw(&self.gun, code, &self.shot, schemes, texel));
        let flipped = Window { x0: -(window.x0 + (window.w - 1) as f32 * window.um_per_px), ..*window };
        let real = if self.mirrored { &flipped } else { window };
        let mut surface = surface::build(&self.gun, &self.cartridge, &self.shot, imprint.as_ref(), real);
        if self.mirrored {
            surface.mirror(window.w);
        }
        surface
    }

    /// Renders `window`.
    pub fn render(&self, window: &Window, schemes: &[Scheme]) -> Rendered {
        let surface = self.surface(window, schemes);
        let lit = light::shade(&surface, window, &self.rig, &self.cartridge.cup, &self.cartridge.case);
        let grey = self.photograph(lit, &surface, window, &self.camera);
        Rendered { grey, surface }
    }

    /// Renders `window` once for each height in focus, µm over the case head.
    pub fn render_stack(&self, window: &Window, schemes: &[Scheme], focus_um: &[f32]) -> Vec<Vec<f32>> {
        let surface = self.surface(window, schemes);
        let lit = light::shade(&surface, window, &self.rig, &self.cartridge.cup, &self.cartridge.case);
        let one = |(i, focus_um): (usize, &f32)| {
            // The sensor's noise is another in each picture.
            let key = self.camera.key ^ (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let camera = Camera { focus_um: *focus_um, key, ..self.camera.clone() };
            self.photograph(lit.clone(), &surface, window, &camera)
        };
        focus_um.iter().enumerate().map(one).collect()
    }

    fn photograph(&self, mut lit: Vec<f32>, surface: &Surface, window: &Window, camera: &Camera) -> Vec<f32> {
        camera::defocus(&mut lit, surface, window, camera, self.cartridge.seat_um);
        camera::expose(&mut lit, surface, window, camera);
        lit
    }

    /// The mark counter-clockwise from upright in the photograph, degrees 0-360.
    pub fn rotation_deg(&self) -> f32 {
        // Mirroring the photograph turns a counter-clockwise angle into a clockwise one.
        let r = if self.mirrored { -self.shot.rotation } else { self.shot.rotation };
        r.to_degrees().rem_euclid(360.0)
    }

    /// Middle of the crater in `window`, pixels.
    pub fn crater_px(&self, window: &Window) -> (f32, f32) {
        let (x, y) = self.gun.pin.offset_um;
        window.px(if self.mirrored { -x } else { x }, y)
    }

    fn ellipse(&self, window: &Window, factor: f32) -> Ellipse {
        let (cx, cy) = self.crater_px(window);
        let scale = f64::from(factor / window.um_per_px);
        // The long axis stands upright in the upright mark.
        Ellipse {
            cx: cx.into(),
            cy: cy.into(),
            rx: f64::from(self.gun.pin.rx_um) * scale,
            ry: f64::from(self.gun.pin.ry_um) * scale,
            angle_deg: f64::from(self.rotation_deg() + 90.0).rem_euclid(180.0),
        }
    }

    /// Rim of the crater, pixels of `window`.
    pub fn rim(&self, window: &Window) -> Ellipse {
        self.ellipse(window, Crater::new(&self.gun, &self.shot).rim())
    }

    /// Floor of the crater, pixels of `window`.
    pub fn floor(&self, window: &Window) -> Ellipse {
        self.ellipse(window, 1.0)
    }

    /// Middle of the block of characters in `window`, pixels.
    pub fn mark_px(&self, window: &Window, schemes: &[Scheme]) -> Option<(f32, f32)> {
        let code = self.gun.code.as_ref()?;
        let cells = cell_centres(code, schemes);
        let n = cells.len() as f32;
        let (u, v) = cells.iter().fold((0.0, 0.0), |a, c| (a.0 + c.0 / n, a.1 + c.1 / n));
        let u = if self.mirrored { -u } else { u };
        let (s, c) = self.rotation_deg().to_radians().sin_cos();
        let (cx, cy) = self.crater_px(window);
        Some((cx + (c * u + s * v) / window.um_per_px, cy + (-s * u + c * v) / window.um_per_px))
    }
}
