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

    /// What holds for an engine that was never calibrated, or whose networks were not.
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
    /// SHA-256 of the file of weights with which each engine read what its curves were fitted to.
    #[serde(default)]
    pub networks: BTreeMap<String, String>,
    /// SHA-256 of the settings with which each engine read it: see [`Settings::reading`].
    ///
    /// [`Settings::reading`]: crate::Settings::reading
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// By engine, then by key.
    #[serde(default = "BTreeMap::new")]
    pub engine: BTreeMap<String, BTreeMap<K, C>>,
}

impl<K, C: Fitted> Default for Curves<K, C> {
    fn default() -> Self {
        let features = C::FEATURES.iter().map(ToString::to_string).collect();
        Self { features, networks: BTreeMap::new(), settings: BTreeMap::new(), engine: BTreeMap::new() }
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

    /// Whether there are curves of `engine` that were fitted to what it reads with the `networks` of this hash.
    pub fn is_of(&self, engine: &str, networks: &str) -> bool {
        self.networks.get(engine).is_some_and(|fitted| fitted == networks)
    }

    /// The curve for a key and an engine that reads with the `networks` of this hash: evidence of other networks is worth
    /// something else.
    pub fn curve<Q: Ord + ?Sized>(&self, engine: &str, networks: &str, key: &Q) -> C
    where
        K: Borrow<Q>,
    {
        let curves = self.engine.get(engine).filter(|_| self.is_of(engine, networks));
        curves.and_then(|curves| curves.get(key)).cloned().unwrap_or_else(C::unfitted)
    }

    /// Whether there are curves of `engine`, but fitted to what other networks read than those of this hash.
    pub fn is_of_others(&self, engine: &str, networks: &str) -> bool {
        self.networks.contains_key(engine) && !self.is_of(engine, networks)
    }

    fn is_of_reader(&self, engine: &str, networks: &str, settings: &str) -> bool {
        self.is_of(engine, networks) && self.settings.get(engine).is_some_and(|fitted| fitted == settings)
    }

    /// Whether there are curves of `engine` that [`Curves::of_reader`] would take out.
    pub fn has_others(&self, engine: &str, networks: &str, settings: &str) -> bool {
        let there = self.engine.get(engine).is_some_and(|curves| !curves.is_empty());
        there && !self.is_of_reader(engine, networks, settings)
    }

    /// The curves of `engine`, to be fitted anew with `networks` and `settings` of these hashes: those of others are taken
    /// out.
    pub fn of_reader(&mut self, engine: &str, networks: &str, settings: &str) -> &mut BTreeMap<K, C> {
        if !self.is_of_reader(engine, networks, settings) {
            self.engine.remove(engine);
            self.networks.insert(engine.into(), networks.into());
            self.settings.insert(engine.into(), settings.into());
        }
        self.engine.entry(engine.into()).or_default()
    }
}
