//! Settings from a TOML file: unknown keys and values that nothing could be read with are refused by name.

use super::Settings;
use crate::error::Fatal;
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

impl Settings {
    /// Reads a TOML file; a key that it does not name keeps its default.
    ///
    /// # Errors
    /// [`Fatal`] where the file cannot be read, is no TOML, has an unknown key (the nearest known
    /// one is named), or a value of the wrong type or out of range.
    pub fn read(path: &Path) -> Result<Self, Fatal> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Fatal::new(
                format!("cannot read settings {}: {e}", path.display()),
                "--config with an existing file",
            )
        })?;
        Self::parse(&text).map_err(|f| Fatal::new(format!("settings {}: {}", path.display(), f.what), f.hint))
    }

    /// Settings from TOML text.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn parse(text: &str) -> Result<Self, Fatal> {
        let no_toml = |e: toml::de::Error| {
            let before = |at: usize| text.bytes().take(at).filter(|b| *b == b'\n').count();
            let line = e.span().map_or(1, |span| 1 + before(span.start));
            let why = e.message().lines().collect::<Vec<_>>().join(" ");
            Fatal::new(format!("line {line}: {why}"), "correct this line of the settings")
        };
        let table: Table = text.parse().map_err(no_toml)?;
        let known = Self::keys();
        let mut given = Vec::new();
        leaves(&table, "", &mut given);
        for (key, _) in given.iter().filter(|(key, _)| !known.contains(key)) {
            // A whole table that is known but empty is no mistake.
            if known.iter().any(|k| k.starts_with(&format!("{key}."))) {
                continue;
            }
            return Err(match nearest(key, &known) {
                Some(near) => {
                    Fatal::new(format!("there is no setting `{key}`"), format!("`{near}` in its place"))
                }
                None => Fatal::new(format!("there is no setting `{key}`"), "delete this key"),
            });
        }
        let settings: Self = toml::from_str(text).map_err(no_toml)?;
        settings.check()?;
        Ok(settings)
    }

    /// Refuses values that no photograph could be read with.
    fn check(&self) -> Result<(), Fatal> {
        let Self { photo, face, mark, learned, decode } = self;
        let positive = [
            ("photo.max_megapixels", photo.max_megapixels),
            ("photo.max_file_mb", photo.max_file_mb),
            ("photo.max_pages", photo.max_pages as f64),
            ("photo.max_ratio", photo.max_ratio),
            ("photo.max_seconds", photo.max_seconds),
            ("photo.min_um_per_px", photo.min_um_per_px),
            ("photo.max_um_per_px", photo.max_um_per_px),
            ("photo.max_million_points", photo.max_million_points),
            ("photo.half_slope", photo.half_slope),
            ("photo.smooth_um", photo.smooth_um),
            ("decode.character_temper", decode.character_temper),
            ("decode.ring_temper", decode.ring_temper),
            ("decode.ring_weight", decode.ring_weight),
            ("decode.alternatives", decode.alternatives as f64),
            // Logarithms are taken of what lies on the floors.
            ("decode.character_floor", decode.character_floor),
            ("decode.ring_floor", decode.ring_floor),
            ("mark.hypotheses", mark.hypotheses as f64),
            ("learned.drafts", learned.drafts as f64),
            // What a weight of 0 or less makes of the cells is no reading.
            ("learned.cell_most", learned.cell_most.into()),
            ("learned.cell_weight", learned.cell_weight.into()),
            ("learned.way_weight", learned.way_weight.into()),
            ("learned.cell_hold", learned.cell_hold),
        ];
        // Distances and log-odds: 0 is one.
        let not_negative = [
            ("learned.second_look_within", f64::from(learned.second_look_within)),
            ("learned.second_look_loss", learned.second_look_loss.into()),
            ("learned.ring_still", learned.ring_still.into()),
            ("learned.second_reading_within", learned.second_reading_within.into()),
            ("learned.third_reading_within", learned.third_reading_within.into()),
            ("learned.cell_still", learned.cell_still),
            ("learned.cell_sure", learned.cell_sure.into()),
            ("learned.cell_presence", learned.cell_presence.into()),
            ("learned.column_there", learned.column_there.into()),
            ("learned.column_missed", learned.column_missed.into()),
        ];
        let shares = [
            ("face.primer_bar", face.primer_bar.into()),
            ("face.impression_bar", face.impression_bar.into()),
            ("face.unlikely_bar", face.unlikely_bar.into()),
            ("face.closer_bar", face.closer_bar.into()),
            ("mark.least_share", mark.least_share.into()),
            ("mark.least_twin_share", mark.least_twin_share.into()),
            ("mark.mirrored_share", mark.mirrored_share.into()),
            ("mark.doubtful_below", mark.doubtful_below),
            ("learned.presence_bar", learned.presence_bar.into()),
            ("learned.sure", learned.sure.into()),
            ("learned.sure_share", learned.sure_share.into()),
            ("learned.least_format", learned.least_format.into()),
            ("learned.ring_bar", learned.ring_bar.into()),
            ("learned.bare_first", learned.bare_first.into()),
            ("learned.bare_below", learned.bare_below.into()),
            ("decode.character_floor", decode.character_floor),
            ("decode.ring_floor", decode.ring_floor),
            ("decode.presence_bar", decode.presence_bar),
            ("decode.uncounted_bar", decode.uncounted_bar),
            ("decode.gear_bar", decode.gear_bar),
        ];
        let wrong = |key: &str, value: f64, range: &str| {
            Err(Fatal::new(format!("the setting {key} = {value} is not {range}"), "a value in this range"))
        };
        if let Some((key, value)) = positive.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return wrong(key, value, "above 0");
        }
        if let Some((key, value)) = not_negative.into_iter().find(|(_, v)| !(v.is_finite() && *v >= 0.0)) {
            return wrong(key, value, "0 or above");
        }
        if let Some((key, value)) = shares.into_iter().find(|(_, v)| !(0.0..=1.0).contains(v)) {
            return wrong(key, value, "between 0 and 1");
        }
        if let Some(size) = mark.other_sizes.iter().find(|v| !(0.1..=10.0).contains(*v)) {
            return wrong("mark.other_sizes", *size, "between 0.1 and 10");
        }
        if photo.min_um_per_px > photo.max_um_per_px {
            return wrong("photo.min_um_per_px", photo.min_um_per_px, "below photo.max_um_per_px");
        }
        Ok(())
    }

    /// Settings that are not the usual ones: key, value, and the usual value in brackets.
    pub fn changed(&self) -> Vec<String> {
        let usual: BTreeMap<String, String> = Self::default().values().into_iter().collect();
        let differs = |(key, now): (String, String)| {
            let usual = usual.get(&key)?;
            (now != *usual).then(|| format!("{key} = {now} (usually {usual})"))
        };
        self.values().into_iter().filter_map(differs).collect()
    }

    /// Those of [`Settings::changed`] that change how a mark is read, so that curves and bars were not fitted to it. The
    /// others limit what is opened, or raise a bar.
    pub fn unlike_calibrated(&self) -> Vec<String> {
        let limits = self.limits();
        let limit = |changed: &String| limits.iter().any(|key| changed.starts_with(&format!("{key} ")));
        self.changed().into_iter().filter(|changed| !limit(changed)).collect()
    }

    /// The settings that change how a mark is read, a key and its value a line: curves are those of one such text.
    pub fn reading(&self) -> String {
        let limits = self.limits();
        let read = self.values().into_iter().filter(|(key, _)| !limits.contains(key));
        read.map(|(key, value)| format!("{key} = {value}\n")).collect()
    }

    /// Keys of those that change nothing in how a mark is read.
    fn limits(&self) -> Vec<String> {
        let mut limits: Vec<String> = Self::keys().into_iter().filter(|k| k.starts_with("photo.")).collect();
        limits.retain(|key| !["photo.half_slope", "photo.smooth_um"].contains(&key.as_str()));
        limits.push("decode.alternatives".into());
        if self.decode.uncounted_bar >= Self::default().decode.uncounted_bar {
            limits.push("decode.uncounted_bar".into());
        }
        limits
    }

    /// All keys, dotted, in the order of the structs.
    pub fn keys() -> Vec<String> {
        Self::default().values().into_iter().map(|(key, _)| key).collect()
    }

    /// All keys, dotted, in the order of the structs, with their values.
    pub fn values(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        if let Ok(Value::Table(table)) = Value::try_from(self) {
            leaves(&table, "", &mut values);
        }
        values
    }
}

fn leaves(table: &Table, prefix: &str, into: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => leaves(inner, &path, into),
            // As short as it was written, whichever of both widths it has.
            Value::Float(x) if f64::from(*x as f32) == *x => into.push((path, (*x as f32).to_string())),
            other => into.push((path, other.to_string())),
        }
    }
}

/// The known key that looks most like `key`: by its last part first, since a key under the wrong
/// heading is the commonest mistake after a misspelt one; where none is alike, one under its own heading.
fn nearest<'k>(key: &str, known: &'k [String]) -> Option<&'k str> {
    fn parts(key: &str) -> (&str, &str) {
        key.rsplit_once('.').unwrap_or(("", key))
    }
    let (table, last) = parts(key);
    known
        .iter()
        .map(|k| {
            let (its_table, its_last) = parts(k);
            let far = strsim::damerau_levenshtein(its_last, last);
            let unlike = 2 * far > last.chars().count();
            ((unlike && its_table != table, far, strsim::damerau_levenshtein(k, key)), k.as_str())
        })
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::PhotoSettings;

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let settings = Settings::parse("[photo]\nmax_megapixels = 20.0\n").unwrap();
        assert_eq!(settings.photo.max_megapixels, 20.0);
        assert_eq!(settings.photo.max_um_per_px, PhotoSettings::default().max_um_per_px);
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
        assert_eq!(Settings::parse("[photo]\n").unwrap(), Settings::default());
    }

    #[test]
    fn a_mistake_is_named_with_the_line_on_which_it_stands() {
        let twice = Settings::parse("[photo]\nmax_megapixels = 20.0\nmax_megapixels = 30.0\n").unwrap_err();
        assert!(twice.what.starts_with("line 3: "), "{twice}");
        let broken = Settings::parse("x = = 1").unwrap_err();
        assert!(broken.what.starts_with("line 1: "), "{broken}");
    }

    #[test]
    fn a_misspelt_key_names_its_nearest_neighbour() {
        let fatal = Settings::parse("[photo]\nmax_megapixel = 20.0\n").unwrap_err();
        assert!(fatal.what.contains("photo.max_megapixel"), "{fatal}");
        assert!(fatal.hint.contains("photo.max_megapixels"), "{fatal}");
        let fatal = Settings::parse("max_um_per_px = 20.0\n").unwrap_err();
        assert!(fatal.hint.contains("photo.max_um_per_px"), "{fatal}");
        // What is like none stays under its heading.
        let fatal = Settings::parse("[photo]\nbad = 1\n").unwrap_err();
        assert!(fatal.hint.contains("`photo."), "{fatal}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        assert!(Settings::parse("[photo]\nmax_megapixels = \"many\"\n").is_err());
        assert!(Settings::parse("[photo\n").is_err());
    }

    #[test]
    fn a_value_out_of_range_is_refused_by_name() {
        for (text, key) in [
            ("[photo]\nmax_megapixels = 0.0\n", "photo.max_megapixels"),
            ("[photo]\nmax_file_mb = nan\n", "photo.max_file_mb"),
            ("[photo]\nmin_um_per_px = 50.0\n", "photo.min_um_per_px"),
            ("[decode]\npresence_bar = 50.0\n", "decode.presence_bar"),
            ("[decode]\ngear_bar = nan\n", "decode.gear_bar"),
            ("[face]\nimpression_bar = 50.0\n", "face.impression_bar"),
            ("[mark]\nother_sizes = [0.8, 0.0]\n", "mark.other_sizes"),
            ("[learned]\nbare_below = -1.0\n", "learned.bare_below"),
            ("[learned]\nsecond_look_within = inf\n", "learned.second_look_within"),
            ("[learned]\ncell_weight = nan\n", "learned.cell_weight"),
            ("[decode]\nalternatives = 0\n", "decode.alternatives"),
        ] {
            let fatal = Settings::parse(text).unwrap_err();
            assert!(fatal.what.contains(key), "{text}: {fatal}");
        }
    }

    /// A number that JSON does not know would leave a run.json that nobody can read again.
    #[test]
    fn no_number_of_any_setting_may_be_infinite() {
        for key in Settings::keys() {
            let (table, name) = key.split_once('.').unwrap();
            for value in ["inf", "nan", "[inf]"] {
                let read = Settings::parse(&format!("[{table}]\n{name} = {value}\n"));
                assert!(read.is_err(), "{key} = {value}");
            }
        }
    }

    #[test]
    fn what_earlier_runs_state_can_still_be_read() {
        let earlier = toml::to_string(&Settings::default()).unwrap().replace("uncounted_bar", "heights_bar");
        assert_eq!(toml::from_str::<Settings>(&earlier).unwrap(), Settings::default());
    }

    #[test]
    fn settings_that_are_not_the_usual_ones_are_named_and_limits_are_told_from_how_marks_are_read() {
        assert!(Settings::default().changed().is_empty());
        let text = "[photo]\nmax_pages = 7\n[learned]\ncell_weight = 3.0\n[mark]\nother_sizes = [0.5]\n";
        let settings = Settings::parse(text).unwrap();
        assert!(settings.changed().contains(&"photo.max_pages = 7 (usually 1000)".to_string()));
        let read = settings.unlike_calibrated();
        assert_eq!(read.len(), 2, "{read:?}");
        assert!(read.contains(&"learned.cell_weight = 3 (usually 0.3)".to_string()), "{read:?}");
    }

    #[test]
    fn defaults_survive_being_written_and_read() {
        let text = toml::to_string(&Settings::default()).unwrap();
        assert_eq!(Settings::parse(&text).unwrap(), Settings::default());
    }
}
