//! The least that any reader of these files has to do: read them and decode their pixels.

use crate::batch::inputs::Photograph;
use crate::batch::pool;
use crate::error::Fatal;
use std::hint::black_box;
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Seconds that the `image` crate takes to decode the photographs on `threads` threads, and how many it cannot.
pub(super) fn floor(photographs: &[Photograph], threads: usize) -> Result<(f64, usize), Fatal> {
    let pool = pool(threads)?;
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Instant::now();
    // Handed out as the reader hands them out: one at a time, in order.
    pool.broadcast(|_| {
        while let Some(photograph) = photographs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !decodes(photograph) {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    Ok((start.elapsed().as_secs_f64(), failed.into_inner()))
}

fn decodes(photograph: &Photograph) -> bool {
    let Ok(bytes) = std::fs::read(&photograph.path) else { return false };
    let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    match reader.map(image::ImageReader::decode) {
        Ok(Ok(picture)) => {
            black_box(picture);
            true
        }
        _ => false,
    }
}
