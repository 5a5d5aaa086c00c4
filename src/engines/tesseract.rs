//! The engine that asks the system's Tesseract 5, one row of cells a line.
//!
//! Tesseract finds no mark by itself: cells come from the learned engine, with its picture of the
//! strokes, or without trained weights from the strength of edges. Its letters are put into the
//! cells that they stand in; a cell without one stays open, and nothing is ever shifted.

use crate::error::{Failure, Fatal};
use crate::pipeline::engine::edges::{Edges, inside, normalise};
use crate::pipeline::engine::grid::{self, Sums};
use crate::pipeline::engine::learned::Learned;
use crate::pipeline::engine::{Engine, Identity, Scores, View};
use crate::pipeline::geometry::Pose;
use crate::pipeline::mark::{Mark, TILE_PX, TILE_SPAN};
use crate::pipeline::photo::sha256;
use crate::pipeline::scheme::Scheme;
use crate::settings::LearnedSettings;
use ndarray::Array2;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use tesseract_rs::{TessPageIteratorLevel, TessPageSegMode, TesseractAPI, TesseractError};

/// Where Debian and others put the language data; `TESSDATA_PREFIX` goes before them.
const FOLDERS: [&str; 4] = [
    "/usr/share/tesseract-ocr/5/tessdata",
    "/usr/share/tesseract-ocr/4.00/tessdata",
    "/usr/share/tessdata",
    "/usr/local/share/tessdata",
];
/// Character height in a line, pixels: Tesseract's networks were trained on 30-40.
const HEIGHT: f64 = 36.0;
/// Ground around a line, pixels.
const GROUND: f64 = 14.0;
/// Views that are shown to Tesseract: a line takes about 10 ms.
const VIEWS: usize = 4;
/// Half side of the box that grey values are normalised in, character heights.
const LOCAL: f64 = 0.6;
/// Share of an answer that is believed at most: the rest is spread evenly. Tesseract was never
/// shown relief, and says 90 % of much that is wrong.
const TRUST: f32 = 0.8;
/// Log-probability of a view for a character read with full confidence.
const WEIGHT: f32 = 2.0;

thread_local! {
    /// Starting an instance costs far more than reading a line, and an instance serves one thread only.
    static API: OnceCell<Result<TesseractAPI, TesseractError>> = const { OnceCell::new() };
}

/// Reads rows with the system's Tesseract.
pub struct Tesseract {
    data: PathBuf,
    sha256: String,
    learned: Option<Learned>,
    schemes: Vec<Scheme>,
}

impl Tesseract {
    /// Starts Tesseract once, so that a missing language file is found before any photograph is opened.
    ///
    /// # Errors
    /// [`Fatal`] where there is no English language data, or Tesseract cannot start with it.
    pub fn new(learned: &LearnedSettings) -> Result<Self, Fatal> {
        let prefix = std::env::var_os("TESSDATA_PREFIX").map(PathBuf::from);
        let folders = prefix.into_iter().chain(FOLDERS.iter().map(PathBuf::from));
        let found = folders.into_iter().find_map(|f| {
            let bytes = std::fs::read(f.join("eng.traineddata")).ok()?;
            Some((f, bytes))
        });
        let Some((data, bytes)) = found else {
            return Err(Fatal::new(
                "Tesseract's English language data (eng.traineddata) are not there",
                "apt-get install tesseract-ocr-eng, or set TESSDATA_PREFIX to their folder",
            ));
        };
        let sha256 = sha256(&bytes);
        let schemes = Scheme::all();
        // Weights without a reader leave the search for cells to the edges.
        let engine = Self { data, sha256, learned: Learned::new(learned).ok(), schemes };
        engine.with_api(|_| Ok(())).map_err(|e| {
            Fatal::new(format!("Tesseract cannot start: {e}"), "tesseract --list-langs, which must name eng")
        })?;
        Ok(engine)
    }

    fn with_api<T>(
        &self,
        work: impl FnOnce(&TesseractAPI) -> Result<T, TesseractError>,
    ) -> Result<T, String> {
        API.with(|api| match api.get_or_init(|| start(&self.data, &self.schemes[0].alphabet)) {
            Ok(api) => work(api).map_err(|e| e.to_string()),
            Err(e) => Err(e.to_string()),
        })
    }

    /// Where the cells may be: views without symbols, the likeliest first, and strokes in the first one's frame.
    fn layout(&self, mark: &Mark) -> Result<Scores, Failure> {
        if let Some(learned) = &self.learned {
            return learned.read(mark);
        }
        let mut views = Vec::new();
        for hypothesis in &mark.hypotheses {
            let inside = inside(&hypothesis.pose, &mark.floor, TILE_PX);
            let sums = Sums::new(&Edges::of(&normalise(&hypothesis.tile, &inside, TILE_PX / 14)));
            for scheme in &self.schemes {
                views.extend(grid::find(&sums, scheme, 1).into_iter().map(|grid| View {
                    format: scheme.id.clone(),
                    pose: hypothesis.pose,
                    log_weight: hypothesis.log_prior + 0.1 * grid.score as f32,
                    symbols: Vec::new(),
                    gear: None,
                    quads: grid.quads(scheme),
                }));
            }
        }
        Ok(Scores { views, presence: mark.presence, ink: None })
    }

    /// The view with what Tesseract reads in its cells.
    fn read_view(&self, mark: &Mark, view: &View, ink: Option<&Array2<f32>>) -> Result<Option<View>, String> {
        let Some(scheme) = self.schemes.iter().find(|s| s.id == view.format) else { return Ok(None) };
        let Some([a, _, _, d]) = view.quads.first() else { return Ok(None) };
        let height = d.1 - a.1;
        let px = HEIGHT / height;
        let tile = match ink {
            // Dark strokes on light ground.
            Some(ink) => ink.mapv(|v| 1.0 - v),
            None => normalised(mark, &view.pose, px),
        };
        let symbols = scheme.alphabet.chars().count();
        let mut log_weight = view.log_weight;
        let mut scores = vec![vec![(1.0 / symbols as f32).ln(); symbols]; scheme.len()];
        let mut first = 0;
        for n in &scheme.rows {
            let Some(cells) = view.quads.get(first..first + n) else { return Ok(None) };
            let line = Line::cut(&tile, cells, px);
            for (cell, answer) in self.with_api(|api| read_line(api, &line))?.into_iter().enumerate() {
                if let Some(answer) = answer {
                    scores[first + cell] = spread(&answer, &scheme.alphabet);
                    log_weight += WEIGHT * answer.iter().map(|a| a.1).fold(0.0, f32::max);
                }
            }
            first += n;
        }
        Ok(Some(View { log_weight, symbols: scores, gear: None, ..view.clone() }))
    }
}

impl Engine for Tesseract {
    fn identity(&self) -> Identity {
        let version = TesseractAPI::version();
        Identity { name: "tesseract".into(), version, weights_sha256: Some(self.sha256.clone()) }
    }

    fn read(&self, mark: &Mark) -> Result<Scores, Failure> {
        let mut layout = self.layout(mark)?;
        // Stable, so that views of equal weight keep their order.
        layout.views.sort_by(|a, b| b.log_weight.total_cmp(&a.log_weight));
        let mut views = Vec::new();
        let top = layout.views.first().map(|v| v.pose);
        for view in layout.views.iter().take(VIEWS) {
            let ink = layout.ink.as_ref().filter(|_| top == Some(view.pose));
            let read = self.read_view(mark, view, ink).map_err(|e| {
                Failure::new("engine", format!("Tesseract: {e}"), "--engine learned, or tesseract --version")
            })?;
            views.extend(read);
        }
        Ok(Scores { views, ..layout })
    }
}

/// An instance for this thread, for single lines of the codes' symbols.
fn start(data: &Path, alphabet: &str) -> Result<TesseractAPI, TesseractError> {
    one_thread();
    let api = TesseractAPI::new();
    api.init(data, "eng")?;
    api.set_variable("debug_file", "/dev/null")?;
    api.set_variable("tessedit_char_whitelist", alphabet)?;
    // Alternatives of every symbol.
    api.set_variable("lstm_choice_mode", "2")?;
    api.set_page_seg_mode(TessPageSegMode::PSM_SINGLE_LINE)?;
    Ok(api)
}

/// Keeps Tesseract from starting threads of its own under a caller that is already parallel, which
/// makes it many times slower. `OMP_THREAD_LIMIT` would do it, but is read before `main`.
#[allow(unsafe_code)]
fn one_thread() {
    #[link(name = "gomp")]
    unsafe extern "C" {
        fn omp_set_max_active_levels(levels: std::ffi::c_int);
    }
    // SAFETY: takes a number and sets one of this thread's OpenMP variables (OpenMP 5.0, 3.2.15); 0 is allowed.
    unsafe { omp_set_max_active_levels(0) };
}

/// The floor, normalised, with `px` pixels a floor radius; 0-1.
fn normalised(mark: &Mark, pose: &Pose, px: f64) -> Array2<f32> {
    let side = (2.0 * TILE_SPAN * px).round() as usize;
    let tile = mark.patch.sample(pose, TILE_SPAN, side);
    let inside = inside(pose, &mark.floor, side);
    normalise(&tile, &inside, (LOCAL * HEIGHT) as usize).mapv(|z| (0.5 + z / 6.0).clamp(0.0, 1.0))
}

/// A row of cells as a picture for Tesseract.
struct Line {
    grey: Vec<u8>,
    width: usize,
    height: usize,
    /// Middles of the cells, pixels from the left.
    middles: Vec<f64>,
    /// Distance from one to the next, pixels.
    pitch: f64,
}

impl Line {
    /// Cuts `cells` from an upright tile, `px` pixels a floor radius.
    fn cut(tile: &Array2<f32>, cells: &[[(f64, f64); 4]], px: f64) -> Self {
        let (first, last) = (cells[0], cells[cells.len() - 1]);
        let (left, top) = (first[0].0 - GROUND / px, first[0].1 - GROUND / px);
        let width = ((last[1].0 - first[0].0) * px + 2.0 * GROUND).round().max(1.0) as usize;
        let height = (HEIGHT + 2.0 * GROUND) as usize;
        let (h, w) = tile.dim();
        let place = |v: f64, side: usize| {
            ((v / TILE_SPAN + 1.0) / 2.0 * side as f64 - 0.5).clamp(0.0, (side - 1) as f64)
        };
        let grey = (0..height * width).map(|i| {
            let x = place(left + ((i % width) as f64 + 0.5) / px, w);
            let y = place(top + ((i / width) as f64 + 0.5) / px, h);
            let (x0, y0) = ((x as usize).min(w.saturating_sub(2)), (y as usize).min(h.saturating_sub(2)));
            let (fx, fy) = ((x - x0 as f64) as f32, (y - y0 as f64) as f32);
            let row = |y: usize| tile[[y, x0]] + (tile[[y, x0 + 1]] - tile[[y, x0]]) * fx;
            let v = row(y0) + (row(y0 + 1) - row(y0)) * fy;
            (255.0 * v.clamp(0.0, 1.0)) as u8
        });
        let middles: Vec<f64> = cells.iter().map(|c| ((c[0].0 + c[1].0) / 2.0 - left) * px).collect();
        let pitch = middles.windows(2).map(|m| m[1] - m[0]).next().unwrap_or(HEIGHT);
        Self { grey: grey.collect(), width, height, middles, pitch }
    }
}

/// Symbols with their confidences, 0-1.
type Answer = Vec<(char, f32)>;

/// What Tesseract reads in each cell of a line; `None` where it reads nothing.
fn read_line(api: &TesseractAPI, line: &Line) -> Result<Vec<Option<Answer>>, TesseractError> {
    let mut cells: Vec<Option<(f64, Answer)>> = vec![None; line.middles.len()];
    api.set_image(&line.grey, line.width as i32, line.height as i32, 1, line.width as i32)?;
    // Tesseract guesses a resolution otherwise, and complains.
    api.set_source_resolution(300)?;
    // An iterator over an empty page aborts the process.
    if api.get_utf8_text()?.trim().is_empty() {
        return Ok(vec![None; line.middles.len()]);
    }
    let level = TessPageIteratorLevel::RIL_SYMBOL;
    let symbols = api.get_iterator()?;
    loop {
        if let (Ok((left, _, right, _)), Ok(answer)) = (symbols.get_bounding_box(level), choices(&symbols)) {
            let x = f64::from(left + right) / 2.0;
            let off = |m: &f64| (m - x).abs();
            let nearest = (0..cells.len())
                .reduce(|a, b| if off(&line.middles[b]) < off(&line.middles[a]) { b } else { a })
                .filter(|i| off(&line.middles[*i]) < 0.5 * line.pitch);
            if let Some(i) = nearest {
                let off = off(&line.middles[i]);
                // Two symbols in one cell: the one nearer to its middle.
                if !answer.is_empty() && cells[i].as_ref().is_none_or(|(before, _)| off < *before) {
                    cells[i] = Some((off, answer));
                }
            }
        }
        if !symbols.next(level)? {
            break;
        }
    }
    Ok(cells.into_iter().map(|c| c.map(|(_, answer)| answer)).collect())
}

/// The current symbol and its alternatives.
fn choices(symbols: &tesseract_rs::ResultIterator) -> Result<Answer, TesseractError> {
    let level = TessPageIteratorLevel::RIL_SYMBOL;
    let text = symbols.get_utf8_text(level)?;
    let mut answer: Answer = Vec::new();
    let mut add = |text: &str, confidence: f32| {
        let confidence = (confidence / 100.0).clamp(0.0, 1.0);
        if let (Some(c), true) = (text.trim().chars().next(), confidence.is_finite()) {
            match answer.iter_mut().find(|a| a.0 == c) {
                Some(known) => known.1 = known.1.max(confidence),
                None => answer.push((c, confidence)),
            }
        }
    };
    add(&text, symbols.confidence(level)?);
    if let Ok(choice) = symbols.get_choice_iterator() {
        loop {
            if let Ok(text) = choice.get_utf8_text() {
                add(&text, choice.confidence()?);
            }
            if !choice.next()? {
                break;
            }
        }
    }
    Ok(answer)
}

/// Log-probabilities of all symbols from an answer, of which no more than [`TRUST`] is believed.
fn spread(answer: &[(char, f32)], alphabet: &str) -> Vec<f32> {
    let known = |c: char| answer.iter().find(|a| a.0 == c).map_or(0.0, |a| a.1);
    // Confidences of alternatives need not add up to one.
    let total: f32 = alphabet.chars().map(known).sum::<f32>().max(1.0);
    let symbols = alphabet.chars().count() as f32;
    let believed: f32 = alphabet.chars().map(|c| TRUST * known(c) / total).sum();
    alphabet.chars().map(|c| (TRUST * known(c) / total + (1.0 - believed) / symbols).ln()).collect()
}

#[cfg(test)]
mod tests;
