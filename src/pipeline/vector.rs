//! Exponential and logarithm that a compiler makes vector code of: loops ask for hundreds of thousands of them.

/// e^x for x <= 0, right to 2e-7 of it. Taylor's series of 2^f for f within half of 0, times a whole power of 2.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Below, the result is smaller than any normal number.
    let x = x.max(-87.0);
    let powers = x * std::f32::consts::LOG2_E;
    // Adding and taking off 1.5 * 2^23 rounds to a whole number.
    let whole = (powers + 12_582_912.0) - 12_582_912.0;
    // ln 2 in two parts, the first exact in few bits.
    let f = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let series =
        1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f / 720.0)))));
    series * f32::from_bits(((whole as i32 + 127) << 23) as u32)
}

/// The natural logarithm of a normal number above 0, right to 2e-7 of it or, near 1, of its distance from 1.
///
/// With s = (m - 1) / (m + 1), ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...), for m within a factor of the root of 2 of 1.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // So that the mantissa, 1 to 2, comes to lie between the root of a half and the root of 2.
    let bits = x.to_bits().wrapping_sub(ROOT_OF_HALF);
    let power = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_OF_HALF));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q / 11.0)))));
    // ln 2 in two parts, the first exact in few bits.
    power * 0.693_359_4 + (series - power * 2.121_944_4e-4)
}

/// The bits of the root of a half.
const ROOT_OF_HALF: u32 = 0x3f35_04f3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_the_last_digits() {
        for i in 0..87_000 {
            let x = -i as f32 * 1e-3;
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) / truth - 1.0).abs() < 3e-7, "{x}");
        }
        assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) >= 0.0);
    }

    #[test]
    fn the_logarithm_is_right_to_the_last_digits() {
        for i in 1..200_000 {
            let x = i as f32 * 1e-5;
            let (truth, found) = (f64::from(x).ln(), f64::from(ln(x)));
            assert!((found - truth).abs() <= 3e-7 * truth.abs().max(1e-3), "{x} {found} {truth}");
        }
        assert_eq!((ln(1.0), ln(f32::MIN_POSITIVE) < -87.0, ln(1e30) > 69.0), (0.0, true, true));
    }
}
