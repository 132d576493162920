//! Random numbers by counter: the number of a neuron and a step, not a stream, so that any thread can draw any of them.
//!
//! Philox 4x32 with ten rounds (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11).

use crate::Float;

/// Neurons drawn at once: 16 counters of four numbers.
pub(crate) const BLOCK: usize = 64;

const LANES: usize = BLOCK / 4;

/// One 32-bit number for each of 64 neurons; `block` numbers the 64, `step` the time.
#[inline(always)]
pub(crate) fn philox_block(key: [u32; 2], block: u32, step: u64, input: u32) -> [u32; BLOCK] {
    let mut c = [[0_u32; LANES]; 4];
    for (lane, slot) in c[0].iter_mut().enumerate() {
        *slot = block * LANES as u32 + lane as u32;
    }
    c[1] = [step as u32; LANES];
    c[2] = [(step >> 32) as u32; LANES];
    c[3] = [input; LANES];
    let mut k = key;
    for _ in 0..10 {
        philox_round(&mut c, k);
        k[0] = k[0].wrapping_add(0x9E37_79B9);
        k[1] = k[1].wrapping_add(0xBB67_AE85);
    }
    let mut out = [0; BLOCK];
    for (quarter, values) in c.iter().enumerate() {
        out[quarter * LANES..(quarter + 1) * LANES].copy_from_slice(values);
    }
    out
}

/// One number for each of 64 counters of two words, the other two words being the same for all. Seven rounds, the fewest that pass
/// the tests of the paper, because every synaptic event takes one.
#[inline(always)]
pub(crate) fn philox_each(key: [u32; 2], counters: &[[u32; BLOCK]; 2], others: [u32; 2]) -> [u32; BLOCK] {
    let mut c = [counters[0], counters[1], [others[0]; BLOCK], [others[1]; BLOCK]];
    let mut k = key;
    for _ in 0..7 {
        philox_round(&mut c, k);
        k[0] = k[0].wrapping_add(0x9E37_79B9);
        k[1] = k[1].wrapping_add(0xBB67_AE85);
    }
    c[0]
}

#[inline(always)]
fn philox_round<const N: usize>(c: &mut [[u32; N]; 4], k: [u32; 2]) {
    for lane in 0..N {
        let a = 0xD251_1F53_u64 * u64::from(c[0][lane]);
        let b = 0xCD9E_8D57_u64 * u64::from(c[2][lane]);
        let (x, y) = (c[1][lane], c[3][lane]);
        c[0][lane] = (b >> 32) as u32 ^ x ^ k[0];
        c[1][lane] = b as u32;
        c[2][lane] = (a >> 32) as u32 ^ y ^ k[1];
        c[3][lane] = a as u32;
    }
}

/// A standard normal number for each of 64 neurons (Box & Muller 1958), two neurons to a pair of numbers.
pub(crate) fn normal_block(key: [u32; 2], block: u32, step: u64) -> [f64; BLOCK] {
    let bits = philox_block(key, block, step, u32::MAX - 1);
    let mut out = [0.0; BLOCK];
    for i in 0..BLOCK / 2 {
        let unit = |bits: u32| (f64::from(bits) + 0.5) / 4_294_967_296.0;
        let radius = (-2.0 * rheobase_core::math::ln(unit(bits[i]))).sqrt();
        let angle = std::f64::consts::TAU * unit(bits[i + BLOCK / 2]);
        out[2 * i] = radius * libm::cos(angle);
        out[2 * i + 1] = radius * libm::sin(angle);
    }
    out
}

/// Draws Poisson numbers by inversion: as many thresholds as the uniform number reaches.
#[derive(Debug, Clone)]
pub(crate) struct PoissonTable {
    thresholds: Vec<u32>,
}

impl PoissonTable {
    /// For a mean; probabilities below 2^-32 are cut.
    pub fn new(mean: f64) -> Self {
        let mut thresholds = Vec::new();
        let (mut k, mut term, mut sum) = (0.0_f64, (-mean).exp(), 0.0_f64);
        loop {
            sum += term;
            let threshold = sum * 4_294_967_296.0;
            if threshold >= 4_294_967_295.0 || (k > mean && term < 1e-11) {
                return Self { thresholds };
            }
            thresholds.push(threshold as u32);
            k += 1.0;
            term *= mean / k;
        }
    }

    /// Adds `weight` times a Poisson number to every value.
    #[inline(always)]
    pub fn add<F: Float>(&self, uniform: &[u32; BLOCK], weight: f64, values: &mut [F; BLOCK]) {
        let mut counts = [0_u32; BLOCK];
        for &threshold in &self.thresholds {
            for (count, u) in counts.iter_mut().zip(uniform) {
                *count += u32::from(*u >= threshold);
            }
        }
        for (value, count) in values.iter_mut().zip(counts) {
            *value += F::of(weight * f64::from(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answer of the Random123 distribution: counter and key of zeros.
    #[test]
    fn philox_gives_its_published_numbers() {
        let block = philox_block([0, 0], 0, 0, 0);
        let first = [block[0], block[LANES], block[2 * LANES], block[3 * LANES]];
        assert_eq!(first, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    }

    #[test]
    fn poisson_numbers_have_their_mean_and_variance() {
        for mean in [0.05, 2.0, 11.0] {
            let table = PoissonTable::new(mean);
            let mut all = Vec::new();
            for step in 0..2000 {
                let mut values = [0.0; BLOCK];
                table.add(&philox_block([7, 9], 3, step, 0), 1.0, &mut values);
                all.extend(values);
            }
            let n = all.len() as f64;
            let m = all.iter().sum::<f64>() / n;
            let v = all.iter().map(|x| (x - m).powi(2)).sum::<f64>() / n;
            // Standard errors for 128,000 draws: sqrt(mean / n), and about mean sqrt((2 + 1 / mean) / n) for the variance.
            assert!((m - mean).abs() < 4.0 * (mean / n).sqrt(), "{mean}: {m}");
            assert!((v - mean).abs() < 4.0 * mean * ((2.0 + 1.0 / mean) / n).sqrt(), "{mean}: {v}");
        }
    }

    #[test]
    fn numbers_of_neurons_and_of_steps_are_independent() {
        // Sums over 64 neurons, and over 64 steps of one neuron: variances 64 times the mean, standard error sqrt(2 / n).
        let table = PoissonTable::new(2.0);
        let draw = |block: u32, step: u64, input: u32| {
            let mut values = [0.0; BLOCK];
            table.add(&philox_block([11, 5], block, step, input), 1.0, &mut values);
            values
        };
        let over_neurons: Vec<f64> = (0..20_000).map(|s| draw(1, s, 0).iter().sum()).collect();
        let over_blocks: Vec<f64> =
            (0..5000).map(|s| (0..64).map(|b| draw(b, s, 64)[(s % 64) as usize]).sum()).collect();
        let over_steps: Vec<f64> = (0..5000).map(|b| (0..64).map(|s| draw(b, s, 3)[7]).sum()).collect();
        for sums in [over_neurons, over_blocks, over_steps] {
            let n = sums.len() as f64;
            let m = sums.iter().sum::<f64>() / n;
            let v = sums.iter().map(|x| (x - m).powi(2)).sum::<f64>() / n;
            assert!((v / 128.0 - 1.0).abs() < 4.5 * (2.0 / n).sqrt(), "{v}");
            assert!((m / 128.0 - 1.0).abs() < 4.5 * (1.0 / (128.0 * n)).sqrt(), "{m}");
        }
    }
}
