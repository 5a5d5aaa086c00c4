//! Seed in, simulated photographs with truth out.
//!
//! A height map of a fired case head in micrometres, pressed by a pin that bears
//! a code, is lit, photographed and written to a file. No reader module depends
//! on this one, and the photographs are called simulated wherever they are used.

pub mod blur;
pub mod camera;
pub mod draw;
pub mod folder;
pub mod framing;
pub mod gun;
pub mod imprint;
pub mod instrument;
pub mod light;
pub mod noise;
pub mod profile;
pub mod scene;
pub mod shadow;
pub mod shot;
pub mod surface;
pub mod truth;
pub mod wear;
pub mod write;
pub mod x3p;
