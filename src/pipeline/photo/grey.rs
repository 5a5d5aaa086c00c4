//! Samples of any colour to grey values.

use super::Pixels;

/// Folds interleaved 8-bit samples to grey: one or two channels (grey, grey and alpha) keep the
/// first, three or four (RGB, RGB and alpha) are weighed. Alpha is dropped.
pub fn fold8(samples: &[u8], channels: usize, grey: &mut Vec<u8>) {
    match channels {
        1 => grey.extend_from_slice(samples),
        2 => grey.extend(samples.chunks_exact(2).map(|p| p[0])),
        n => grey.extend(samples.chunks_exact(n).map(|p| luma8(p[0], p[1], p[2]))),
    }
}

/// As [`fold8`] for samples of 16 bits, which `word` makes of two bytes each.
pub fn fold16(bytes: &[u8], channels: usize, word: fn([u8; 2]) -> u16, grey: &mut Vec<u16>) {
    let at = |p: &[u8], i: usize| word([p[2 * i], p[2 * i + 1]]);
    match channels {
        1 | 2 => grey.extend(bytes.chunks_exact(2 * channels).map(|p| at(p, 0))),
        n => grey.extend(bytes.chunks_exact(2 * n).map(|p| luma16(at(p, 0), at(p, 1), at(p, 2)))),
    }
}

/// Rec. 601 luma of 8-bit channels, rounded; the weights are 65536ths and sum to one.
pub fn luma8(r: u8, g: u8, b: u8) -> u8 {
    (luma(r.into(), g.into(), b.into())) as u8
}

/// Rec. 601 luma of 16-bit channels, rounded.
pub fn luma16(r: u16, g: u16, b: u16) -> u16 {
    (luma(r.into(), g.into(), b.into())) as u16
}

fn luma(r: u32, g: u32, b: u32) -> u32 {
    // 65535 * 65536 + 32768 is below 2^32.
    (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
}

/// Shifts values of 16 bits up until the largest fills its word.
///
/// Scientific cameras of 10, 12 or 14 bits store their values in the low bits of 16; read as
/// fractions of 65535 such a photograph would be almost black. A shift loses nothing, and a dark
/// photograph of 16 true bits only gets brighter by a power of two.
pub fn fill_range(pixels: Pixels) -> Pixels {
    match pixels {
        Pixels::Sixteen(mut a) => {
            let empty = a.iter().fold(0, |bits, v| bits | v).leading_zeros();
            if empty > 0 && empty < 16 {
                a.mapv_inplace(|v| v << empty);
            }
            Pixels::Sixteen(a)
        }
        eight => eight,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn grey_stays_and_colour_is_weighed() {
        let mut grey = Vec::new();
        fold8(&[7, 7, 7, 255, 255, 255, 255, 0, 0], 3, &mut grey);
        assert_eq!(grey, [7, 255, 76]);
        let mut grey = Vec::new();
        fold16(&[0xff, 0xff, 0, 0], 2, u16::from_be_bytes, &mut grey);
        assert_eq!(grey, [65535]);
        assert_eq!(luma16(65535, 65535, 65535), 65535);
    }

    #[test]
    fn twelve_bits_in_sixteen_fill_the_range() {
        let Pixels::Sixteen(a) = fill_range(Pixels::Sixteen(array![[0, 4095, 2048]])) else { panic!() };
        assert_eq!(a, array![[0, 65520, 32768]]);
        let Pixels::Sixteen(a) = fill_range(Pixels::Sixteen(array![[0, 0]])) else { panic!() };
        assert_eq!(a, array![[0, 0]]);
    }
}
