//! Every tunable with its unit, reason and default; read from TOML, where an unknown key is an error.

use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Small copy and noise.
    pub denoise: DenoiseSettings,
    /// Primer and impression.
    pub face: FaceSettings,
    /// Straightening.
    pub mark: MarkSettings,
    /// Acceptance.
    pub decode: DecodeSettings,
}

/// Settings of the small copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DenoiseSettings {}

/// Settings of the search for primer and impression.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaceSettings {}

/// Settings of the straightening.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarkSettings {}

/// Settings of acceptance and refusal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeSettings {}
