//! Mutual information of stimuli and responses, in bits, with corrections for few trials (Panzeri et al. 2007).

use ndarray::Array2;
use rand::seq::SliceRandom;
use rheobase_core::Seed;

use crate::entropy::{miller_madow, nsb, plug_in};
use crate::{Error, Result};

use std::f64::consts::LN_2;

/// How often each response came to each stimulus, (stimuli, responses).
#[derive(Debug, Clone, PartialEq)]
pub struct JointCounts(Array2<f64>);

impl JointCounts {
    /// Counts trials by stimulus and response, both numbered from 0.
    ///
    /// # Errors
    /// If the lists differ in length or are empty.
    pub fn of(stimuli: &[usize], responses: &[usize]) -> Result<Self> {
        if stimuli.len() != responses.len() {
            return Err(Error::Mismatch { what: "stimuli and responses", left: stimuli.len(), right: responses.len() });
        }
        let size = |labels: &[usize]| labels.iter().max().map(|m| m + 1);
        let (Some(rows), Some(columns)) = (size(stimuli), size(responses)) else {
            return Err(Error::TooFew { what: "mutual information", of: "trials", needed: 1, found: 0 });
        };
        let mut counts = Array2::zeros((rows, columns));
        stimuli.iter().zip(responses).for_each(|(&s, &r)| counts[[s, r]] += 1.0);
        Ok(Self(counts))
    }

    /// Takes counts (or probabilities), (stimuli, responses).
    ///
    /// # Errors
    /// If one is negative or not finite, or all are 0.
    pub fn from_table(counts: Array2<f64>) -> Result<Self> {
        plug_in(counts.as_standard_layout().as_slice().unwrap_or_default())?;
        Ok(Self(counts))
    }

    fn total(&self) -> f64 {
        self.0.sum()
    }

    fn responses(&self) -> Vec<f64> {
        self.0.columns().into_iter().map(|c| c.sum()).collect()
    }

    /// H(R) - H(R|S) of the observed frequencies; biased up.
    pub fn plug_in(&self) -> f64 {
        self.with_entropy(|counts| plug_in(counts).unwrap_or(0.0))
    }

    /// The same with any estimator of entropy.
    fn with_entropy(&self, entropy: impl Fn(&[f64]) -> f64) -> f64 {
        let n = self.total();
        let noise: f64 =
            self.0.outer_iter().filter(|row| row.sum() > 0.0).map(|row| row.sum() / n * entropy(&row.to_vec())).sum();
        entropy(&self.responses()) - noise
    }

    /// Bias of the plug-in after Panzeri & Treves (1996): [sum over stimuli (R_s - 1) - (R - 1)] / (2 N ln 2), with R_s the
    /// responses that occurred to a stimulus.
    pub fn panzeri_treves_bias(&self) -> f64 {
        let occupied = |counts: &[f64]| counts.iter().filter(|c| **c > 0.0).count() as f64 - 1.0;
        let rows = self.0.outer_iter().filter(|row| row.sum() > 0.0);
        let by_stimulus: f64 = rows.map(|row| occupied(&row.to_vec())).sum();
        (by_stimulus - occupied(&self.responses())) / (2.0 * self.total() * LN_2)
    }
}

/// What is done about the bias of few trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// Nothing: the plug-in.
    None,
    /// Panzeri & Treves' analytic bias is subtracted.
    PanzeriTreves,
    /// Quadratic extrapolation over halves and quarters of the trials (Strong et al. 1998).
    QuadraticExtrapolation,
    /// Entropies by Nemenman, Shafee & Bialek. Few trials with responses that are all equally likely leave a bias up, because an
    /// estimate within a bounded range cannot scatter around its upper end.
    Nsb,
}

impl Correction {
    /// Name for cards.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "plug-in",
            Self::PanzeriTreves => "Panzeri-Treves",
            Self::QuadraticExtrapolation => "quadratic extrapolation",
            Self::Nsb => "NSB entropies",
        }
    }
}

/// Mutual information of stimuli and responses, both numbered from 0, in bits. Corrected values can be a little below 0.
///
/// # Errors
/// If the lists differ in length, are empty, or have fewer than 8 trials for extrapolation.
pub fn mutual_information(stimuli: &[usize], responses: &[usize], correction: Correction, seed: &Seed) -> Result<f64> {
    let joint = JointCounts::of(stimuli, responses)?;
    Ok(match correction {
        Correction::None => joint.plug_in(),
        Correction::PanzeriTreves => joint.plug_in() - joint.panzeri_treves_bias(),
        Correction::Nsb => joint.with_entropy(|counts| nsb(counts).unwrap_or(0.0)),
        Correction::QuadraticExtrapolation => extrapolated(stimuli, responses, &joint, seed)?,
    })
}

/// I(N) = I + a/N + b/N^2 through the whole, the mean of two halves and the mean of four quarters: (8 I1 - 6 I2 + I4) / 3.
fn extrapolated(stimuli: &[usize], responses: &[usize], whole: &JointCounts, seed: &Seed) -> Result<f64> {
    const REPEATS: usize = 20;
    let n = stimuli.len();
    if n < 8 {
        return Err(Error::TooFew { what: "quadratic extrapolation", of: "trials", needed: 8, found: n });
    }
    let (mut halves, mut quarters) = (0.0, 0.0);
    for repeat in 0..REPEATS {
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut seed.child("extrapolation").index(repeat).stream());
        // Stimuli in equal shares in every part: the sort is stable.
        order.sort_by_key(|&i| stimuli[i]);
        let of_part = |part: usize, parts: usize| -> Result<f64> {
            let own: Vec<usize> = order.iter().copied().skip(part).step_by(parts).collect();
            let pick = |labels: &[usize]| own.iter().map(|&i| labels[i]).collect::<Vec<_>>();
            Ok(JointCounts::of(&pick(stimuli), &pick(responses))?.plug_in())
        };
        for part in 0..2 {
            halves += of_part(part, 2)? / (2 * REPEATS) as f64;
        }
        for part in 0..4 {
            quarters += of_part(part, 4)? / (4 * REPEATS) as f64;
        }
    }
    Ok((8.0 * whole.plug_in() - 6.0 * halves + quarters) / 3.0)
}

/// Mutual information of stimuli and words of several symbols, with the shuffling estimator (Montemurro et al. 2007): the bias of
/// the noise entropy of words is cancelled by that of words whose symbols were shuffled between trials of one stimulus,
/// I_sh = H(R) - H_ind(R|S) + H_sh(R|S) - H(R|S). The entropies whose bias does not cancel, H(R) and H_ind, are corrected after
/// Miller & Madow. `words` is (trials, symbols).
///
/// # Errors
/// If the lists differ in length or are empty.
pub fn shuffling_estimator(stimuli: &[usize], words: &[Vec<usize>], seed: &Seed) -> Result<f64> {
    if stimuli.len() != words.len() {
        return Err(Error::Mismatch { what: "stimuli and words", left: stimuli.len(), right: words.len() });
    }
    let Some(length) = words.first().map(Vec::len) else {
        return Err(Error::TooFew { what: "mutual information", of: "trials", needed: 1, found: 0 });
    };
    if let Some(odd) = words.iter().find(|w| w.len() != length) {
        return Err(Error::Mismatch { what: "lengths of words", left: length, right: odd.len() });
    }
    let joint = JointCounts::of(stimuli, &dense(words))?;
    let n = stimuli.len() as f64;
    let responses = joint.responses();
    let mut information = joint.plug_in() + miller_madow(&responses)? - plug_in(&responses)?;
    for stimulus in 0..=stimuli.iter().copied().max().unwrap_or(0) {
        let own: Vec<usize> = (0..stimuli.len()).filter(|&i| stimuli[i] == stimulus).collect();
        if own.is_empty() {
            continue;
        }
        let share = own.len() as f64 / n;
        let mut shuffled: Vec<Vec<usize>> = vec![Vec::new(); own.len()];
        for symbol in 0..length {
            let mut column: Vec<usize> = own.iter().map(|&i| words[i][symbol]).collect();
            let counts = JointCounts::of(&vec![0; column.len()], &column)?;
            information -= share * miller_madow(&counts.responses())?;
            column.shuffle(&mut seed.child("shuffling").index(stimulus).index(symbol).stream());
            shuffled.iter_mut().zip(column).for_each(|(word, value)| word.push(value));
        }
        let counts = JointCounts::of(&vec![0; own.len()], &dense(&shuffled))?;
        information += share * plug_in(&counts.responses())?;
    }
    Ok(information)
}

/// Numbers symbols from 0 in their order, so that equal ones get equal numbers.
pub fn dense<T: Ord + Clone>(symbols: &[T]) -> Vec<usize> {
    let mut known = symbols.to_vec();
    known.sort();
    known.dedup();
    symbols.iter().map(|s| known.binary_search(s).unwrap_or(0)).collect()
}

/// Synergy: information of two responses together beyond the sum of each, in bits; negative for redundancy.
///
/// # Errors
/// As for [`mutual_information`].
pub fn synergy(stimuli: &[usize], a: &[usize], b: &[usize], correction: Correction, seed: &Seed) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::Mismatch { what: "two responses", left: a.len(), right: b.len() });
    }
    let together: Vec<(usize, usize)> = a.iter().copied().zip(b.iter().copied()).collect();
    let information = |r: &[usize]| mutual_information(stimuli, r, correction, seed);
    Ok(information(&dense(&together))? - information(a)? - information(b)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rand::RngExt;

    #[test]
    fn hand_cases() {
        let joint = JointCounts::from_table(array![[0.4, 0.1], [0.1, 0.4]]).unwrap();
        assert!((joint.plug_in() - 0.278_071_905_112_637_74).abs() < 1e-12);
        let twenty = JointCounts::from_table(array![[8.0, 2.0], [2.0, 8.0]]).unwrap();
        assert!((twenty.panzeri_treves_bias() - 0.036_067_376_022_224_08).abs() < 1e-15);
    }

    fn channel(flip: f64, n: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let mut stream = Seed::root(seed).stream();
        (0..n)
            .map(|i| {
                let s = i % 2;
                (s, if stream.random_bool(flip) { 1 - s } else { s })
            })
            .unzip()
    }

    #[test]
    fn a_binary_symmetric_channel_and_independent_data() {
        let seed = Seed::root(1);
        let (s, r) = channel(0.1, 40_000, 2);
        for correction in
            [Correction::None, Correction::PanzeriTreves, Correction::QuadraticExtrapolation, Correction::Nsb]
        {
            let bits = mutual_information(&s, &r, correction, &seed).unwrap();
            assert!((bits - 0.531).abs() < 0.01, "{correction:?} {bits}");
        }
        // Eight responses that have nothing to do with four stimuli, 200 trials: the plug-in says .08 bit. Mean over 60 draws.
        let mean = |correction| {
            (0..60)
                .map(|draw| {
                    let mut stream = Seed::root(3).index(draw).stream();
                    let s: Vec<usize> = (0..200).map(|i| i % 4).collect();
                    let r: Vec<usize> = (0..200).map(|_| stream.random_range(0..8)).collect();
                    mutual_information(&s, &r, correction, &Seed::root(4).index(draw)).unwrap()
                })
                .sum::<f64>()
                / 60.0
        };
        assert!(mean(Correction::None) > 0.06);
        for correction in [Correction::PanzeriTreves, Correction::QuadraticExtrapolation] {
            assert!(mean(correction).abs() < 0.01, "{correction:?}: {}", mean(correction));
        }
        // Equally likely responses are the estimator's worst case; with more trials it gets there too.
        assert!(mean(Correction::Nsb) < 0.8 * mean(Correction::None));
        let mut stream = Seed::root(8).stream();
        let s: Vec<usize> = (0..4000).map(|i| i % 4).collect();
        let r: Vec<usize> = (0..4000).map(|_| stream.random_range(0..8)).collect();
        assert!(mutual_information(&s, &r, Correction::Nsb, &seed).unwrap().abs() < 0.01);
    }

    #[test]
    fn shuffling_takes_the_bias_out_of_words() {
        // Words of six binary symbols, independent of the stimulus, 150 trials of each of two.
        let mut stream = Seed::root(5).stream();
        let stimuli: Vec<usize> = (0..300).map(|i| i % 2).collect();
        let words: Vec<Vec<usize>> = (0..300).map(|_| (0..6).map(|_| stream.random_range(0..2)).collect()).collect();
        let plain = mutual_information(&stimuli, &dense(&words), Correction::None, &Seed::root(0)).unwrap();
        let shuffled = shuffling_estimator(&stimuli, &words, &Seed::root(6)).unwrap();
        assert!(plain > 0.12 && shuffled.abs() < 0.04, "{plain} {shuffled}");
    }

    #[test]
    fn exclusive_or_is_synergy_and_a_copy_is_redundancy() {
        let a: Vec<usize> = (0..400).map(|i| i % 2).collect();
        let b: Vec<usize> = (0..400).map(|i| (i / 2) % 2).collect();
        let xor: Vec<usize> = a.iter().zip(&b).map(|(a, b)| a ^ b).collect();
        let seed = Seed::root(0);
        assert!((synergy(&xor, &a, &b, Correction::None, &seed).unwrap() - 1.0).abs() < 1e-12);
        assert!((synergy(&a, &a, &a, Correction::None, &seed).unwrap() + 1.0).abs() < 1e-12);
        assert!(mutual_information(&a, &b[1..], Correction::None, &seed).is_err());
    }
}
