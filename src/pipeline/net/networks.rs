//! The three networks that the crate carries.

use super::Network;
use super::file::{WeightsError, WeightsFile};
use crate::error::Fatal;
use std::sync::OnceLock;

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
/// Side of the reader's input, pixels: the upright floor.
pub const READER_PX: usize = crate::pipeline::mark::TILE_PX;
/// Side of the reader's picture of strokes.
pub const INK_PX: usize = READER_PX / 2;
/// Sectors of the gear ring of formats with eight and with six characters.
pub const TEETH: [usize; 2] = [52, 40];

/// The networks, and what their file says of them.
#[derive(Debug)]
pub struct Networks {
    /// Whole photograph to `classes`, `present`.
    pub finder: Network,
    /// Crater to `rim`, `floor`, `mark`, `rotation`.
    pub poser: Network,
    /// Upright floor to `ok`, `format`, `gear`, `pose`, `symbols`, `teeth8`, `teeth6`, `cells`, `ink`;
    /// `None` where the weights find marks but do not read them.
    pub reader: Option<Network>,
    /// Symbols in the order of the `symbols` output.
    pub alphabet: String,
    /// Format ids in the order of the `format` output.
    pub formats: Vec<String>,
    /// SHA-256 of the weights, lower-case hex.
    pub sha256: String,
}

impl Networks {
    /// Loads the networks from the bytes of a file of weights; `lengths` gives the number of
    /// characters of a format id.
    ///
    /// # Errors
    /// The file is damaged, or made for another version of this crate.
    pub fn parse(bytes: &[u8], lengths: impl Fn(&str) -> Option<usize>) -> Result<Self, WeightsError> {
        let file = WeightsFile::parse(bytes)?;
        let header = &file.header;
        let reads = header.networks.contains_key("reader");
        for (name, side) in [("finder", FINDER_PX), ("poser", POSER_PX), ("reader", READER_PX)] {
            let found = header.tile.get(name);
            if (name != "reader" || reads) && found != Some(&side) {
                return Err(WeightsError::new(format!(
                    "the input of {name} is {found:?} pixels wide, not {side}"
                )));
            }
        }
        let lengths: Option<Vec<usize>> = header.formats.iter().map(|id| lengths(id)).collect();
        let queries: usize = lengths
            .ok_or_else(|| WeightsError::new(format!("a format of {:?} is not known", header.formats)))?
            .iter()
            .sum();
        let (formats, symbols) = (header.formats.len(), header.alphabet.chars().count());
        let network =
            |name, side, wanted: &[(&str, &[usize])]| Network::new(&file, name, &[2, side, side], wanted);
        let reader_outputs: [(&str, &[usize]); 9] = [
            ("ok", &[1]),
            ("format", &[formats]),
            ("gear", &[1]),
            ("pose", &[4]),
            ("symbols", &[queries, symbols]),
            ("teeth8", &[TEETH[0]]),
            ("teeth6", &[TEETH[1]]),
            ("cells", &[formats, 5]),
            ("ink", &[1, INK_PX, INK_PX]),
        ];
        let reader = if reads { Some(network("reader", READER_PX, &reader_outputs)?) } else { None };
        Ok(Self {
            finder: network(
                "finder",
                FINDER_PX,
                &[("classes", &[CLASSES, CLASS_PX, CLASS_PX]), ("present", &[2])],
            )?,
            poser: network(
                "poser",
                POSER_PX,
                &[("rim", &[5]), ("floor", &[5]), ("mark", &[1]), ("rotation", &[2 * ROTATION_BINS])],
            )?,
            reader,
            alphabet: header.alphabet.clone(),
            formats: header.formats.clone(),
            sha256: header.sha256.clone(),
        })
    }

    /// The networks compiled into this program, loaded on first use.
    ///
    /// # Errors
    /// The weights are damaged.
    pub fn built_in() -> Result<&'static Self, Fatal> {
        static NETWORKS: OnceLock<Result<Networks, WeightsError>> = OnceLock::new();
        let load = || {
            let schemes = crate::pipeline::scheme::Scheme::all();
            let length = |id: &str| schemes.iter().find(|s| s.id == id).map(|s| s.len());
            Networks::parse(include_bytes!("../engine/learned.weights"), length)
        };
        NETWORKS.get_or_init(load).as_ref().map_err(|e| {
            Fatal::new(
                format!("the weights src/pipeline/engine/learned.weights cannot be used: {e}"),
                "git checkout src/pipeline/engine/learned.weights, then build again",
            )
        })
    }
}

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
        assert!(include_bytes!("../engine/learned.weights").len() <= 8_000_000);
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
}
