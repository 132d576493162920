//! How well a surrogate predicts spikes and voltage.
//!
//! The area under the receiver operating characteristic is the chance that a millisecond with a spike gets a higher score than one
//! without, ties counting half (Hanley & McNeil 1982). The functional complexity index of a neuron is
//! log10(1000 (1 - AUC)) / 2 of a fixed surrogate (Aizenbud et al. 2024): 1 at .9, .5 at .99, 0 at .999.

use rheobase_core::Interval;
use rheobase_core::special::student_t_quantile;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Scores of all milliseconds, and which of them had a spike.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    /// Score of each millisecond; higher for spikes.
    pub scores: Vec<f32>,
    /// Whether there was a spike.
    pub spikes: Vec<bool>,
}

/// What the scores say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Discrimination {
    /// Area under the receiver operating characteristic.
    pub auc: f64,
    /// Its standard error (DeLong, DeLong & Clarke-Pearson 1988), as if milliseconds were independent.
    pub auc_standard_error: f64,
    /// Share of spikes found at the threshold at which this share of other milliseconds are taken for spikes.
    pub true_positives: f64,
    /// The share of false positives at which it was read.
    pub at_false_positives: f64,
    /// Milliseconds with a spike.
    pub spikes: usize,
    /// Milliseconds without.
    pub others: usize,
}

impl Discrimination {
    /// 95 % interval of the area, as if milliseconds were independent: DeLong's standard error, carried to the logit, where the area is
    /// closer to normal and no bound leaves 0 to 1 (Pepe 2003), and Student's t with the rarer kind less one as degrees of freedom.
    /// `None` where the area is 0 or 1 or there are fewer than 2 of a kind.
    ///
    /// For Gaussian scores it holds the area within 2 % of 95 from 100 spikes on at .95 and from 400 on at .98 (1.96 standard errors at
    /// either side: 92 and 93 to 95 %). Fewer spikes on higher areas are held less often, with 100 at .98 in 91 %: the highest of the others,
    /// which such an area depends on, may not have been seen.
    pub fn interval(&self) -> Option<Interval> {
        let rarer = self.spikes.min(self.others);
        let slope = self.auc * (1.0 - self.auc);
        if rarer < 2 || slope <= 0.0 {
            return None;
        }
        let logit = (self.auc / (1.0 - self.auc)).ln();
        let half = student_t_quantile(0.975, (rarer - 1) as f64) * self.auc_standard_error / slope;
        let back = |l: f64| 1.0 / (1.0 + (-l).exp());
        Some(Interval {
            low: back(logit - half),
            high: back(logit + half),
            level: 0.95,
            method: "logit, standard error of DeLong et al. 1988".into(),
        })
    }
}

impl Scores {
    /// Area under the curve and the spikes found at a share of false positives.
    ///
    /// # Errors
    /// If there is no spike or nothing else, the lengths differ, or a score is not a number.
    pub fn discrimination(&self, at_false_positives: f64) -> Result<Discrimination> {
        let spikes = self.spikes.iter().filter(|s| **s).count();
        let others = self.spikes.len() - spikes;
        if self.scores.len() != self.spikes.len() {
            let (a, b) = (self.scores.len(), self.spikes.len());
            return Err(Error::Data(format!("{a} scores for {b} milliseconds")));
        }
        if spikes == 0 || others == 0 {
            let what = if spikes == 0 { "no spike" } else { "nothing but spikes" };
            return Err(Error::Data(format!(
                "the {} milliseconds to be told apart hold {what}: give more trials, or input that makes the neuron fire now and then",
                self.spikes.len()
            )));
        }
        if let Some(k) = self.scores.iter().position(|s| s.is_nan()) {
            return Err(Error::Data(format!("score {k} is not a number")));
        }
        let mut order: Vec<u32> = (0..self.scores.len() as u32).collect();
        order.sort_by(|a, b| self.scores[*b as usize].total_cmp(&self.scores[*a as usize]));
        let (n, m) = (spikes as f64, others as f64);
        let allowed = at_false_positives * m;
        // Downwards through groups of equal scores: spikes and others above, and sums of what DeLong's variance needs.
        let (mut above_spikes, mut above_others) = (0.0, 0.0);
        let (mut by_spike, mut by_other) = (Moments::default(), Moments::default());
        let mut found = 0.0;
        let mut first = 0;
        while first < order.len() {
            let score = self.scores[order[first] as usize];
            let group = order[first..].iter().take_while(|k| self.scores[**k as usize] == score);
            let (mut here_spikes, mut here_others) = (0.0, 0.0);
            for k in group {
                if self.spikes[*k as usize] { here_spikes += 1.0 } else { here_others += 1.0 }
            }
            by_spike.add(1.0 - (above_others + here_others / 2.0) / m, here_spikes);
            by_other.add((above_spikes + here_spikes / 2.0) / n, here_others);
            // Within a group of ties the curve is a straight line.
            if above_others <= allowed {
                let share = if here_others > 0.0 { ((allowed - above_others) / here_others).min(1.0) } else { 1.0 };
                found = above_spikes + share * here_spikes;
            }
            first += (here_spikes + here_others) as usize;
            above_spikes += here_spikes;
            above_others += here_others;
        }
        Ok(Discrimination {
            auc: by_spike.mean(),
            auc_standard_error: (by_spike.variance() / n + by_other.variance() / m).sqrt(),
            true_positives: found / n,
            at_false_positives,
            spikes,
            others,
        })
    }

    /// Expected calibration error (Naeini et al. 2015), the difference between predicted and observed chance averaged over
    /// milliseconds, and (predicted, observed) of each bin. Scores are probabilities; bins hold equal numbers of expected spikes, because almost
    /// all milliseconds have a chance near zero.
    ///
    /// # Errors
    /// If there are fewer milliseconds than bins, or no spike is expected anywhere.
    pub fn calibration(&self, bins: usize) -> Result<(f64, Vec<(f64, f64)>)> {
        let total = self.scores.len();
        let expected: f64 = self.scores.iter().map(|s| f64::from(*s)).sum();
        if bins == 0 || total < bins || expected.is_nan() || expected <= 0.0 {
            return Err(Error::Data(format!(
                "{total} milliseconds with {expected} expected spikes cannot fill {bins} bins"
            )));
        }
        let mut order: Vec<usize> = (0..total).collect();
        order.sort_by(|a, b| self.scores[*a].total_cmp(&self.scores[*b]));
        let (mut curve, mut error) = (Vec::with_capacity(bins), 0.0);
        let (mut seen, mut count, mut predicted, mut observed) = (0.0, 0.0, 0.0, 0.0);
        for (k, &i) in order.iter().enumerate() {
            let score = f64::from(self.scores[i]);
            (seen, count, predicted) = (seen + score, count + 1.0, predicted + score);
            observed += f64::from(self.spikes[i]);
            let full = seen >= expected * (curve.len() + 1) as f64 / bins as f64;
            if k + 1 == total || (full && curve.len() + 1 < bins) {
                error += f64::abs(predicted - observed) / total as f64;
                curve.push((predicted / count, observed / count));
                (count, predicted, observed) = (0.0, 0.0, 0.0);
            }
        }
        Ok((error, curve))
    }
}

#[derive(Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64, times: f64) {
        self.count += times;
        self.sum += times * value;
        self.squares += times * value * value;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    fn variance(&self) -> f64 {
        if self.count < 2.0 {
            return 0.0;
        }
        ((self.squares - self.sum * self.sum / self.count) / (self.count - 1.0)).max(0.0)
    }
}

/// log10(1000 (1 - AUC)) / 2 (Aizenbud et al. 2024).
pub fn functional_complexity_index(auc: f64) -> f64 {
    (1000.0 * (1.0 - auc)).log10() / 2.0
}

/// Share of the variance of `found` that `predicted` explains: 1 - mean squared error / variance.
///
/// # Errors
/// If the lengths differ, there are fewer than two values, or `found` does not vary.
pub fn explained_variance(found: &[f32], predicted: &[f32]) -> Result<f64> {
    if found.len() != predicted.len() || found.len() < 2 {
        return Err(Error::Data(format!("{} values to be predicted, {} predictions", found.len(), predicted.len())));
    }
    let mean = found.iter().map(|v| f64::from(*v)).sum::<f64>() / found.len() as f64;
    let spread: f64 = found.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum();
    if spread == 0.0 {
        return Err(Error::Data("the voltage to be predicted does not vary".into()));
    }
    let rest: f64 = found.iter().zip(predicted).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    Ok(1.0 - rest / spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rheobase_core::Seed;
    use rheobase_core::special::normal_quantile;

    fn scores(values: &[(f32, bool)]) -> Scores {
        Scores { scores: values.iter().map(|v| v.0).collect(), spikes: values.iter().map(|v| v.1).collect() }
    }

    #[test]
    fn the_area_is_the_chance_that_a_spike_scores_higher() {
        let mut stream = Seed::root(2).stream();
        let values: Vec<(f32, bool)> = (0..60)
            .map(|_| {
                let spike = stream.random::<f64>() < 0.3;
                ((stream.random_range(0..12) + i32::from(spike) * 3) as f32, spike)
            })
            .collect();
        let pairs = values.iter().filter(|v| v.1).flat_map(|a| values.iter().filter(|v| !v.1).map(move |b| (a.0, b.0)));
        let wins: Vec<f64> = pairs
            .map(|(a, b)| {
                if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                }
            })
            .collect();
        let direct = wins.iter().sum::<f64>() / wins.len() as f64;
        let found = scores(&values).discrimination(0.1).unwrap();
        assert!((found.auc - direct).abs() < 1e-12, "{found:?} {direct}");
    }

    #[test]
    fn the_standard_error_is_the_spread_over_repetitions() {
        let draw = |k: usize| {
            let mut stream = Seed::root(3).index(k).stream();
            let values: Vec<(f32, bool)> =
                (0..300).map(|i| (stream.random::<f32>() + if i < 60 { 0.3 } else { 0.0 }, i < 60)).collect();
            scores(&values).discrimination(0.1).unwrap()
        };
        let all: Vec<Discrimination> = (0..400).map(draw).collect();
        let aucs: Vec<f64> = all.iter().map(|d| d.auc).collect();
        let spread = rheobase_core::statistics::variance(&aucs, 1).sqrt();
        let mean_error = all.iter().map(|d| d.auc_standard_error).sum::<f64>() / 400.0;
        // The spread of 400 repetitions is itself known to 3.5 %; three times that.
        assert!((mean_error / spread - 1.0).abs() < 0.11, "{mean_error} {spread}");
    }

    #[test]
    fn the_interval_of_the_area_covers() {
        // Spikes score higher by what gives the area: normal_cdf(shift / sqrt(2)).
        for (area, spikes) in [(0.8, 100), (0.95, 100), (0.98, 400)] {
            let shift = std::f64::consts::SQRT_2 * normal_quantile(area);
            let holds = |set: &usize| {
                let mut stream = Seed::root(4).index(*set).stream();
                let mut one = |spike: bool| {
                    let score = normal_quantile(stream.random_range(1e-12..1.0)) + if spike { shift } else { 0.0 };
                    (score as f32, spike)
                };
                let values: Vec<(f32, bool)> = (0..3000).map(|k| one(k < spikes)).collect();
                let interval = scores(&values).discrimination(0.1).unwrap().interval().unwrap();
                interval.low <= area && area <= interval.high
            };
            let covered = (0..1000).filter(holds).count() as f64 / 1000.0;
            assert!((covered - 0.95).abs() <= 0.02, "{area} with {spikes} spikes: {covered}");
        }
        assert!(
            scores(&[(1.0, true), (2.0, true), (0.0, false), (0.5, false)])
                .discrimination(0.1)
                .unwrap()
                .interval()
                .is_none()
        );
    }

    #[test]
    fn true_positives_are_read_where_the_curve_crosses() {
        // In order of score: spike, spike, other, spike, other x 3. At one false positive of four: three spikes of three.
        let values = [(9.0, true), (8.0, true), (7.0, false), (6.0, true), (5.0, false), (4.0, false), (3.0, false)];
        let read = |at| scores(&values).discrimination(at).unwrap().true_positives;
        assert!((read(0.0) - 2.0 / 3.0).abs() < 1e-12 && (read(0.25) - 1.0).abs() < 1e-12);
        // Everything tied: the curve is the diagonal.
        let tied: Vec<(f32, bool)> = (0..10).map(|i| (1.0, i < 5)).collect();
        let found = scores(&tied).discrimination(0.4).unwrap();
        assert!((found.true_positives - 0.4).abs() < 1e-12 && (found.auc - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_complexity_index_has_its_published_values() {
        for (auc, index) in [(0.9, 1.0), (0.99, 0.5), (0.999, 0.0)] {
            assert!((functional_complexity_index(auc) - index).abs() < 1e-12);
        }
    }

    #[test]
    fn probabilities_that_are_true_are_calibrated_and_others_are_not() {
        let mut stream = Seed::root(6).stream();
        let values: Vec<(f32, bool)> = (0..40_000)
            .map(|_| {
                let p: f64 = 0.2 * stream.random::<f64>();
                (p as f32, stream.random::<f64>() < p)
            })
            .collect();
        let (error, curve) = scores(&values).calibration(10).unwrap();
        assert!(error < 0.006 && curve.len() == 10, "{error}");
        let double: Vec<(f32, bool)> = values.iter().map(|(p, s)| (2.0 * p, *s)).collect();
        assert!((scores(&double).calibration(10).unwrap().0 - 0.1).abs() < 0.01);
    }

    #[test]
    fn silence_and_constant_voltage_are_refused() {
        let error = scores(&[(0.1, false), (0.2, false)]).discrimination(0.1).unwrap_err().to_string();
        assert!(error.contains("hold no spike"), "{error}");
        assert!(explained_variance(&[1.0, 1.0], &[1.0, 2.0]).unwrap_err().to_string().contains("does not vary"));
        assert_eq!(explained_variance(&[1.0, 3.0], &[1.0, 3.0]).unwrap(), 1.0);
        assert_eq!(explained_variance(&[1.0, 3.0], &[2.0, 2.0]).unwrap(), 0.0);
    }
}
