//! The networks that the crate carries.

use super::file::{WeightsError, WeightsFile};
use super::{Abreast, Network};
use crate::error::Fatal;
use crate::pipeline::photo::sha256;
use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;

/// Side of the finder's input, pixels: the letterboxed small copy.
pub const FINDER_PX: usize = crate::pipeline::denoise::SMALL_PX;
/// Classes of the finder: outside, rounded edge of the cup, flat face, crater wall, crater floor.
pub const CLASSES: usize = 5;
/// Side of the finder's map of classes: every pixel covers 2 x 2 of its input.
pub const CLASS_PX: usize = FINDER_PX / 2;
/// Side of the poser's input, pixels: the crater's surroundings.
pub const POSER_PX: usize = 128;
/// Bins of the mark's rotation, for straight and for mirrored marks.
pub const ROTATION_BINS: usize = 120;
/// Columns that repeat the other end on either side of the unrolled floor.
pub const REPEATED: usize = 24;
/// Rows and columns of the unrolled floor, one column a degree.
pub const UNROLLED: (usize, usize) = (48, 360 + 2 * REPEATED);
/// Side of the upright tile, pixels: the floor.
pub const TILE_PX: usize = crate::pipeline::mark::TILE_PX;
/// Side of the picture of strokes.
pub const INK_PX: usize = TILE_PX / 2;
/// Side of a character's cell, pixels: about as fine as the tile it is cut from.
pub const CELL_PX: usize = 64;
/// Rows and columns of the unrolled gear ring: sixteen columns a sector, six sectors repeated at either end.
pub const STRIP: (usize, usize) = (64, 16 * (MOST_SECTORS + 12));
/// Sectors of the longest gear ring.
pub const MOST_SECTORS: usize = 52;

/// The networks, and what their file says of them.
#[derive(Debug)]
pub struct Networks {
    /// Whole photograph to `classes`, `present`.
    pub finder: Network,
    /// Crater to `rim`, `floor`, `mark`.
    pub poser: Network,
    /// The unrolled floor to `rotation`.
    pub turn: Network,
    /// What reads; `None` where the weights only find marks.
    pub reader: Option<Reader>,
    /// Symbols in the order of the `symbols` output.
    pub alphabet: String,
    /// Format ids in the order of the `format` output.
    pub formats: Vec<String>,
    /// SHA-256 of the weights, lower-case hex.
    pub sha256: String,
    /// That of their whole file: beside the tensors it covers the header.
    pub file_sha256: String,
}

/// The networks that read a mark.
#[derive(Debug)]
pub struct Reader {
    /// Upright floor to `ok`, `format`, `gear`, `pose`, `cells`, `ink`.
    pub layout: Network,
    /// A character's cell to `symbol` (the last one is none) and `offset`.
    pub glyph: Abreast,
    /// The unrolled gear ring to `teeth` and `offset`.
    pub ring: Network,
}

impl Networks {
    /// Loads the networks from the bytes of a file of weights.
    ///
    /// # Errors
    /// The file is damaged, or made for another version of this crate.
    pub fn parse(bytes: &[u8]) -> Result<Self, WeightsError> {
        // A program that reads one photograph waits for this: what can be done side by side is.
        std::thread::scope(|scope| {
            let hash = scope.spawn(|| sha256(bytes));
            Self::build(&WeightsFile::parse(bytes)?, hash)
        })
    }

    fn build(file: &WeightsFile<'_>, hash: ScopedJoinHandle<'_, String>) -> Result<Self, WeightsError> {
        let header = &file.header;
        let reads = header.networks.contains_key("glyph");
        let sides = [
            ("finder", [FINDER_PX; 2]),
            ("poser", [POSER_PX; 2]),
            ("turn", [UNROLLED.0, UNROLLED.1]),
            ("layout", [TILE_PX; 2]),
            ("glyph", [CELL_PX; 2]),
            ("ring", [STRIP.0, STRIP.1]),
        ];
        for (name, wanted) in &sides[..if reads { 6 } else { 3 }] {
            let found = header.tile.get(*name);
            if found != Some(wanted) {
                return Err(WeightsError::new(format!(
                    "the input of {name} is {found:?} pixels high and wide, not {wanted:?}"
                )));
            }
        }
        let (formats, symbols) = (header.formats.len(), header.alphabet.chars().count());
        let network = |at: usize, wanted: &[(&str, &[usize])]| {
            let (name, [high, wide]) = sides[at];
            // Characters and ring have a channel more: see `tile::finer`.
            let channels = if at < 4 { 2 } else { 3 };
            Network::new(file, name, &[channels, high, wide], wanted)
        };
        let reader = || {
            Ok(Reader {
                layout: network(
                    3,
                    &[
                        ("ok", &[1]),
                        ("format", &[formats]),
                        ("gear", &[1]),
                        ("pose", &[4]),
                        ("cells", &[formats, 5]),
                        ("ink", &[1, INK_PX, INK_PX]),
                    ],
                )?,
                glyph: Abreast::new(
                    file,
                    "glyph",
                    [3, CELL_PX, CELL_PX],
                    &[("symbol", symbols + 1), ("offset", 4)],
                )?,
                ring: network(5, &[("teeth", &[MOST_SECTORS]), ("offset", &[4])])?,
            })
        };
        std::thread::scope(|scope| {
            let reader = reads.then(|| scope.spawn(reader));
            Ok(Self {
                finder: network(0, &[("classes", &[CLASSES, CLASS_PX, CLASS_PX]), ("present", &[2])])?,
                poser: network(1, &[("rim", &[5]), ("floor", &[5]), ("mark", &[1])])?,
                turn: network(2, &[("rotation", &[2 * ROTATION_BINS])])?,
                reader: reader
                    .map(|made| made.join().map_err(|_| WeightsError::new("its reader cannot be made"))?)
                    .transpose()?,
                alphabet: header.alphabet.clone(),
                formats: header.formats.clone(),
                sha256: header.sha256.clone(),
                file_sha256: hash.join().map_err(|_| WeightsError::new("it cannot be hashed"))?,
            })
        })
    }

    /// The networks compiled into this program, loaded on first use.
    ///
    /// # Errors
    /// The weights are damaged.
    pub fn built_in() -> Result<&'static Self, Fatal> {
        static NETWORKS: OnceLock<Result<Networks, WeightsError>> = OnceLock::new();
        let load = || Networks::parse(BUILT_IN);
        NETWORKS.get_or_init(load).as_ref().map_err(|e| {
            Fatal::new(
                format!("the weights src/pipeline/engine/learned.weights cannot be used: {e}"),
                "git checkout src/pipeline/engine/learned.weights, then build again",
            )
        })
    }
}

/// The file of weights that is compiled in.
const BUILT_IN: &[u8] = include_bytes!("../engine/learned.weights");

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::pipeline::scheme::Scheme;

    #[test]
    fn the_built_in_weights_load_and_know_every_format_and_symbol() {
        let networks = Networks::built_in().unwrap();
        let schemes = Scheme::all();
        assert_eq!(networks.formats, schemes.iter().map(|s| s.id.clone()).collect::<Vec<_>>());
        assert!(schemes.iter().all(|s| s.alphabet == networks.alphabet));
        assert!(BUILT_IN.len() <= 8_000_000);
    }

    #[test]
    fn a_network_answers_alike_on_every_thread_and_every_time() {
        let networks = Networks::built_in().unwrap();
        let input: Vec<f32> = (0..2 * POSER_PX * POSER_PX).map(|i| ((i * 31) % 17) as f32 * 0.1).collect();
        let first = networks.poser.run(&input);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let run = || {
                // Another network in between leaves its values in the thread's buffers.
                let _ = networks.finder.run(&vec![3.0; 2 * FINDER_PX * FINDER_PX]);
                networks.poser.run(&input)
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|a| *a == first));
    }

    #[test]
    fn cells_that_are_run_side_by_side_are_answered_as_one_after_the_other() {
        let file = WeightsFile::parse(BUILT_IN).unwrap();
        let networks = Networks::built_in().unwrap();
        let symbols = networks.alphabet.len() + 1;
        let cells: Vec<Vec<f32>> = (0..19)
            .map(|n| (0..3 * CELL_PX * CELL_PX).map(|i| ((i * (7 + n)) % 19) as f32 * 0.1 - 0.9).collect())
            .collect();
        let wanted: [(&str, &[usize]); 2] = [("symbol", &[symbols]), ("offset", &[4])];
        let plain = Network::new(&file, "glyph", &[3, CELL_PX, CELL_PX], &wanted).unwrap();
        let glyph = &networks.reader.as_ref().unwrap().glyph;
        let together = glyph.run(&cells);
        assert_ne!(together[0], together[1]);
        for (cell, answer) in cells.iter().zip(&together) {
            // Alone to the bit; by the other road but for rounding.
            assert_eq!(&glyph.run(&[cell])[0], answer);
            for (a, b) in answer.iter().flatten().zip(plain.run(cell).iter().flatten()) {
                assert!((a - b).abs() < 1e-3, "{a} {b}");
            }
        }
        assert!(glyph.run::<Vec<f32>>(&[]).is_empty());
    }
}
