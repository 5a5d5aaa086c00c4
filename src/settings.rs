//! Every tunable with its unit, reason and default; read from TOML, where an unknown key is an error.
//!
//! A stage's settings stand in a struct of their own. No setting is an `Option`: the list of known
//! keys, from which a misspelt key's nearest neighbour is found, is made from the defaults.

mod file;

use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is opened at all, and which scales are believed.
    pub photo: PhotoSettings,
    /// Primer and impression.
    pub face: FaceSettings,
    /// Straightening.
    pub mark: MarkSettings,
    /// The learned engine.
    pub learned: LearnedSettings,
    /// Acceptance.
    pub decode: DecodeSettings,
}

/// Limits of what is opened, and of the scales that are believed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhotoSettings {
    /// Largest photograph, millions of pixels. Microscope cameras have 2-20, the largest single-shot
    /// ones on a macro stand 61; the decoders then stay under 1 GB.
    pub max_megapixels: f64,
    /// Largest file, megabytes (10^6 bytes): an uncompressed 16-bit colour photograph of
    /// `max_megapixels` has 384, with alpha 512.
    pub max_file_mb: f64,
    /// Most pictures in one file: a stack of focus steps has some hundred.
    pub max_pages: usize,
    /// Most bytes that a byte of the file may unpack to, once a picture has `RATIO_FROM` bytes unpacked. Noise
    /// keeps a camera's pictures below 20 without loss and below 100 as JPEG.
    pub max_ratio: f64,
    /// Largest height map, millions of points. Instruments measure 1-5 at a time and stitch up to 20; the
    /// reader then stays under 1 GB.
    pub max_million_points: f64,
    /// Slope of a height map, rise over run, that is shown half as bright as what is level. Edges of
    /// strokes have 0.3-1.5; domed floors stay below 0.2.
    pub half_slope: f64,
    /// Standard deviation of the Gaussian that a height map is smoothed with before its slopes are taken,
    /// micrometres: a third of the narrowest stroke, and wider than the grains of an instrument's noise.
    pub smooth_um: f64,
    /// Longest time for one photograph, seconds: the largest take some five on a slow core.
    pub max_seconds: f64,
    /// Finest scale believed, micrometres per pixel: light cannot resolve less than about 0.2.
    pub min_um_per_px: f64,
    /// Coarsest scale believed, micrometres per pixel: there a primer of 4.45 mm is 110 pixels wide
    /// and a character 2-6 high. Defaults that programs write unasked are coarser: 72, 96 and
    /// 300 dpi are 353, 265 and 85 micrometres per pixel.
    pub max_um_per_px: f64,
}

impl Default for PhotoSettings {
    fn default() -> Self {
        Self {
            max_megapixels: 64.0,
            max_file_mb: 600.0,
            max_pages: 1000,
            max_ratio: 250.0,
            max_million_points: 25.0,
            half_slope: 0.3,
            smooth_um: 4.0,
            max_seconds: 120.0,
            min_um_per_px: 0.2,
            max_um_per_px: 40.0,
        }
    }
}

/// Settings of the search for primer and impression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaceSettings {
    /// Least probability of a primer, 0-1, for its edge to be looked for.
    pub primer_bar: f32,
    /// Least probability of an impression, 0-1, for its rim to be looked for.
    pub impression_bar: f32,
    /// Least probability of an impression, 0-1, for it to be read where nothing likelier can be.
    pub unlikely_bar: f32,
    /// Least probability of an impression in the whole photograph, 0-1, for its middle to be looked at closer where the
    /// whole does not show one: an empty primer pocket, which looks like a crater from near, leaves less doubt from afar.
    pub closer_bar: f32,
}

impl Default for FaceSettings {
    fn default() -> Self {
        Self { primer_bar: 0.5, impression_bar: 0.5, unlikely_bar: 0.1, closer_bar: 0.1 }
    }
}

/// Settings of the straightening.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MarkSettings {
    /// Ways in which the mark may lie that are handed on at the most; each costs the engine a look.
    pub hypotheses: usize,
    /// Least probability, 0-1, of a way that is handed on beside the likeliest.
    pub least_share: f32,
    /// The same for the half turn of the likeliest: codes of H, N, S, X, Z, 0 and 8 look the same upside
    /// down, so it is kept for longer.
    pub least_twin_share: f32,
    /// Share of photographs, 0-1, that show a mark mirrored, as those of casts do: the network was shown
    /// as many of either.
    pub mirrored_share: f32,
    /// Confidence, 0-1, below which the mark is read again on floors of other sizes, then where else the impression may be.
    pub doubtful_below: f64,
    /// Sizes of the floor, over the one that was found, that are tried one after the other until a reading is not
    /// doubtful; the surest reading is kept. Where the rim is hidden a floor is found too large or too small, and small
    /// marks lie on large floors: of 900 mixed photographs of guns to calibrate with, 315 were doubtful, of which 24 in
    /// place of 7 were right for it.
    pub other_sizes: Vec<f64>,
}

impl Default for MarkSettings {
    fn default() -> Self {
        Self {
            hypotheses: 6,
            least_share: 0.01,
            least_twin_share: 0.001,
            mirrored_share: 0.04,
            doubtful_below: 0.2,
            other_sizes: vec![0.8, 1.2, 0.7],
        }
    }
}

/// Settings of the learned engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnedSettings {
    /// Least probability of a mark, 0-1, for which the network looks at all: below, an unmarked primer
    /// costs no time and cannot be misread.
    pub presence_bar: f32,
    /// Probability of an upright mark, 0-1, at which the first way in which it may lie is the only one
    /// looked at, provided that it had at least the share `sure_share` before.
    pub sure: f32,
    /// See `sure`.
    pub sure_share: f32,
    /// Ways that are looked at a second time with their pose set right, at the most.
    pub second_looks: usize,
    /// Ways whose log-probability is lower than the best one's by more than this are not looked at again.
    pub second_look_within: f32,
    /// Loss of log-odds at which the second look is thrown away: then the pose was set wrong.
    pub second_look_loss: f32,
    /// Least probability of a format, 0-1, for it to be put forward.
    pub least_format: f32,
    /// Ways and formats whose cells are read, at the most: on 500 photographs of other guns none that was right
    /// stood behind the third before.
    pub drafts: usize,
    /// Least probability of a gear ring, 0-1, for its sectors to be used.
    pub ring_bar: f32,
    /// Shift and size (shares of the floor's radius) and turn (radians) by which a ring may be off and is still not
    /// unrolled again: a third of a column of the unrolled ring.
    pub ring_still: f32,
    /// Ways and formats whose log-probability after the first reading of their cells is lower than the best
    /// one's by more than this are not read again: setting cells right is worth less.
    pub second_reading_within: f32,
    /// The same after the second reading: cells of such ways and formats that leave doubt are not read from aside.
    pub third_reading_within: f32,
    /// Weight of the cells' old places when they are set right, in characters.
    pub cell_hold: f64,
    /// Distance (character heights; ln of the size, radians) by which no cell may have been set right for its first
    /// reading to count: the network was trained on cells that are further off.
    pub cell_still: f64,
    /// Log-odds of a cell's symbol from which on it is not read from aside as well: of 7,143 simulated characters above it
    /// 5 were wrong, and reading them again changed none.
    pub cell_sure: f32,
    /// What the log-probabilities of a way and a format are multiplied by once their cells are read: `turn` and `layout`
    /// are surer than they are right. This, `cell_weight` and `decode.ring_weight` are those of the best logistic choice
    /// among what was read of 1,044 simulated marks of guns to calibrate with; how upright `layout` called the tile and how
    /// sharp the characters are bring it next to nothing.
    pub way_weight: f32,
    /// Most log-odds, either way, that one cell counts for or against a view.
    pub cell_most: f32,
    /// What a cell's log-odds are multiplied by: cells of one mark err together.
    pub cell_weight: f32,
    /// What the best view's cells count for that there is a mark at all, as a share of what they count for the view.
    pub cell_presence: f32,
    /// Least log-odds of each cell of a column that was not counted, for it to be read: beside 330 marks of six
    /// characters no two cells said more than 3.5, in columns that were missed they said 4.
    pub column_there: f32,
    /// Log-odds against such a column before its cells are looked at.
    pub column_missed: f32,
    /// Probability of a mark after the first reading, 0-1, below which a floor is taken for bare: reading cells again
    /// brings those of a mark less than that.
    pub bare_first: f32,
    /// Probability of a mark, 0-1, below which a floor is taken for bare: the cells of a bare floor look
    /// like characters now and then.
    pub bare_below: f32,
}

impl Default for LearnedSettings {
    fn default() -> Self {
        Self {
            presence_bar: 0.01,
            sure: 0.98,
            sure_share: 0.9,
            second_looks: 4,
            second_look_within: 6.0,
            second_look_loss: 2.0,
            least_format: 0.01,
            drafts: 4,
            ring_bar: 0.5,
            ring_still: 0.005,
            second_reading_within: 6.0,
            third_reading_within: 3.0,
            cell_hold: 1.0,
            cell_still: 0.02,
            cell_sure: 5.0,
            way_weight: 0.8,
            cell_most: 8.0,
            cell_weight: 0.3,
            cell_presence: 0.45,
            column_there: 3.5,
            column_missed: 0.8,
            bare_first: 0.5,
            bare_below: 0.95,
        }
    }
}

/// Settings of acceptance and refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecodeSettings {
    /// What the characters' log-probabilities are multiplied by before they are added to the ring's:
    /// 1 takes the engine at its word, less trusts it less.
    pub character_temper: f64,
    /// The same for the log-odds of the ring's sectors. Both are where 4,330 characters beside a ring, of guns to
    /// calibrate with, are likeliest: 0.59 nats each in place of 0.61.
    pub ring_temper: f64,
    /// What it counts for a view that characters and ring agree: neighbours err together.
    pub ring_weight: f64,
    /// Share of characters, 0-1, that no engine can be right about (a chip that makes another
    /// character): keeps a single score from ruling a symbol out.
    pub character_floor: f64,
    /// Share of the ring's symbols, 0-1, that are spoilt whatever their sectors look like: the ring
    /// wears two to three times faster than the characters, and must not overrule all of them.
    pub ring_floor: f64,
    /// Least probability of a mark, 0-1, below which a photograph shows none and is not read on floors of other sizes: of
    /// 200 unmarked primers 123 were below it at once, of 900 marks 9, all severe, and none of those was right for being
    /// read on. The learned engine's own bar, `learned.bare_below`, is higher.
    pub presence_bar: f64,
    /// Least confidence, 0-1, for a code to be accepted of what curves and bars were not counted on, which were whole
    /// photographs: of height maps, of focus stacks that were fused, and of damaged files.
    #[serde(alias = "heights_bar")]
    pub uncounted_bar: f64,
    /// Least probability, 0-1, at which a symbol of the ring alone is written down: of those, 2 in 100 are wrong.
    pub gear_bar: f64,
    /// Symbols listed for each position, the read one among them.
    pub alternatives: usize,
}

impl Default for DecodeSettings {
    fn default() -> Self {
        Self {
            character_temper: 0.9,
            ring_temper: 0.65,
            ring_weight: 0.3,
            character_floor: 1e-4,
            ring_floor: 0.01,
            presence_bar: 0.5,
            uncounted_bar: 0.995,
            gear_bar: 0.75,
            alternatives: 5,
        }
    }
}
