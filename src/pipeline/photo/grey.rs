//! Samples of any colour to grey values.

use super::Pixels;

/// A sample of a picture.
pub trait Sample: Copy + Default {
    /// Rec. 601 luma, rounded.
    fn luma(r: Self, g: Self, b: Self) -> Self;
}

impl Sample for u8 {
    fn luma(r: u8, g: u8, b: u8) -> u8 {
        luma(r.into(), g.into(), b.into()) as u8
    }
}

impl Sample for u16 {
    fn luma(r: u16, g: u16, b: u16) -> u16 {
        luma(r.into(), g.into(), b.into()) as u16
    }
}

/// Folds interleaved channels to grey: one or two (grey, grey and alpha) keep the first, three or
/// four (RGB, RGB and alpha) are weighed. Alpha is dropped.
pub fn fold<T: Sample>(samples: &[T], channels: usize, grey: &mut [T]) {
    match channels {
        1 => grey.copy_from_slice(samples),
        2 => first(samples, channels, grey),
        n => rgb(samples, n, grey),
    }
}

/// Keeps the first of `channels` interleaved channels.
pub fn first<T: Sample>(samples: &[T], channels: usize, grey: &mut [T]) {
    for (grey, pixel) in grey.iter_mut().zip(samples.chunks_exact(channels)) {
        *grey = pixel[0];
    }
}

/// Weighs the first three of `channels` interleaved channels.
pub fn rgb<T: Sample>(samples: &[T], channels: usize, grey: &mut [T]) {
    for (grey, pixel) in grey.iter_mut().zip(samples.chunks_exact(channels)) {
        *grey = T::luma(pixel[0], pixel[1], pixel[2]);
    }
}

/// Bytes to words of 16 bits in `order`, in place of what `words` held.
pub fn words(bytes: &[u8], order: fn([u8; 2]) -> u16, words: &mut Vec<u16>) {
    words.clear();
    words.extend(bytes.chunks_exact(2).map(|b| order([b[0], b[1]])));
}

/// The weights are 65536ths and sum to one.
fn luma(r: u32, g: u32, b: u32) -> u32 {
    // 65535 * 65536 + 32768 is below 2^32.
    (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
}

/// Shifts values of 16 bits up until the largest fills its word.
///
/// Scientific cameras of 10, 12 or 14 bits store their values in the low bits of 16; read as
/// fractions of 65535 such a photograph would be almost black. A shift loses nothing, and a dark
/// photograph of 16 true bits only gets brighter by a power of two. 65535 itself does not count: where nothing lies between
/// it and what the camera gives, it is a scale bar or a text that was burned in.
pub fn fill_range(pixels: Pixels) -> Pixels {
    let empty = empty_bits(&pixels);
    shifted(pixels, empty)
}

/// Upper bits of the word that no value but 65535 uses; 0 for 8 bits, and for a picture that is black throughout.
pub fn empty_bits(pixels: &Pixels) -> u32 {
    match pixels {
        Pixels::Sixteen(a) => {
            let used = a.iter().fold(0, |bits, v| if *v == u16::MAX { bits } else { bits | v });
            used.leading_zeros() % u16::BITS
        }
        Pixels::Eight(_) => 0,
    }
}

/// Values of 16 bits shifted up by so many, and no higher than they go.
pub fn shifted(mut pixels: Pixels, bits: u32) -> Pixels {
    if let Pixels::Sixteen(a) = &mut pixels
        && bits > 0
    {
        a.mapv_inplace(|v| if v > u16::MAX >> bits { u16::MAX } else { v << bits });
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn grey_stays_and_colour_is_weighed() {
        let mut grey = [0u8; 3];
        fold(&[7, 7, 7, 255, 255, 255, 255, 0, 0], 3, &mut grey);
        assert_eq!(grey, [7, 255, 76]);
        let mut grey = [0u16];
        fold(&[65535, 0], 2, &mut grey);
        assert_eq!(grey, [65535]);
        assert_eq!(u16::luma(65535, 65535, 65535), 65535);
    }

    #[test]
    fn twelve_bits_in_sixteen_fill_the_range() {
        let Pixels::Sixteen(a) = fill_range(Pixels::Sixteen(array![[0, 4095, 2048]])) else { panic!() };
        assert_eq!(a, array![[0, 65520, 32768]]);
        // A scale bar that was burned in is no light that the camera saw.
        let Pixels::Sixteen(a) = fill_range(Pixels::Sixteen(array![[0, 4095, 65535]])) else { panic!() };
        assert_eq!(a, array![[0, 65520, 65535]]);
        let Pixels::Sixteen(a) = fill_range(Pixels::Sixteen(array![[4096, 4095, 65535]])) else { panic!() };
        assert_eq!(a, array![[32768, 32760, 65535]]);
        let Pixels::Sixteen(a) = fill_range(Pixels::Sixteen(array![[0, 0]])) else { panic!() };
        assert_eq!(a, array![[0, 0]]);
    }
}
