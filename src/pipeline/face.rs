//! The primer's face and the impression's rim in it, as ellipses.

use super::denoise::Clean;
use super::geometry::Ellipse;
use crate::settings::FaceSettings;

/// What was found of the primer.
#[derive(Clone, Debug, Default)]
pub struct Face {
    /// Edge of the visible primer face; `None` where it lies outside the frame or there is none.
    pub primer: Option<Ellipse>,
    /// Rim of the firing pin's impression; `None` where there is none.
    pub impression: Option<Ellipse>,
    /// Probability that there is a primer with an impression, 0-1.
    pub confidence: f32,
    /// Words such as `out_of_focus`.
    pub warnings: Vec<String>,
}

/// Finds the primer and the impression on the small copy.
pub fn find_face(clean: &Clean<'_>, settings: &FaceSettings) -> Face {
    let _ = (clean, settings);
    Face::default()
}
