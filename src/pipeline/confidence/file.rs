//! A calibration as a file: curves by engine and by what they hold for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::collections::BTreeMap;

/// A curve over named features that a file holds.
pub trait Fitted: Clone + DeserializeOwned {
    /// Names of the features, in the order of their weights.
    const FEATURES: &'static [&'static str];
    /// The file that is compiled in.
    const BUILT_IN: &'static str;

    /// One weight a feature.
    fn weights(&self) -> &[f64];

    /// What holds for an engine that was never calibrated.
    fn unfitted() -> Self;

    /// A sentence where its other numbers cannot be.
    ///
    /// # Errors
    /// That sentence.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The curves of all engines, by engine and by key: a format, or a kind of group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    bound(
        serialize = "K: Serialize, C: Serialize",
        deserialize = "K: Deserialize<'de> + Ord, C: Deserialize<'de>"
    )
)]
pub struct Curves<K, C> {
    /// Must be the curves' features.
    pub features: Vec<String>,
    /// By engine, then by key.
    #[serde(default = "BTreeMap::new")]
    pub engine: BTreeMap<String, BTreeMap<K, C>>,
}

impl<K, C: Fitted> Default for Curves<K, C> {
    fn default() -> Self {
        Self { features: C::FEATURES.iter().map(ToString::to_string).collect(), engine: BTreeMap::new() }
    }
}

impl<K: DeserializeOwned + Ord, C: Fitted> Curves<K, C> {
    /// The calibration that is compiled in.
    pub fn built_in() -> Self {
        #[allow(clippy::expect_used)] // the file is compiled in, and a test parses it
        Self::parse(C::BUILT_IN).expect("built-in calibration")
    }

    /// Reads a calibration file.
    ///
    /// # Errors
    /// A sentence where the text is no TOML, has other features, or a curve that cannot be.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        if read.features != C::FEATURES {
            return Err(format!(
                "its features are {:?}, this program measures {:?}",
                read.features,
                C::FEATURES
            ));
        }
        for curve in read.engine.values().flat_map(BTreeMap::values) {
            let n = curve.weights().len();
            if n != C::FEATURES.len() {
                return Err(format!("{n} weights, {} are needed", C::FEATURES.len()));
            }
            curve.check()?;
        }
        Ok(read)
    }

    /// The curve for an engine and a key.
    pub fn curve<Q: Ord + ?Sized>(&self, engine: &str, key: &Q) -> C
    where
        K: Borrow<Q>,
    {
        let fitted = self.engine.get(engine).and_then(|curves| curves.get(key));
        fitted.cloned().unwrap_or_else(C::unfitted)
    }
}
