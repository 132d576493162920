//! The same networks as judges of spike patterns: one output for each class, averaged over time (Spieler et al. 2023 on spoken digits).
//!
//! The loss is the cross-entropy of softmax of the outputs' mean over the milliseconds after a burn-in.

use rand::RngExt;
use rheobase_core::parallel;
use rheobase_rate::training::EpochRecord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::learner::{Learner, Placed};
use crate::network::Network;
use crate::schedule::Schedule;
use crate::spikes::{InputSpikes, SpikeBatch};
use crate::training::Surroundings;
use crate::{Error, Result};

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PatternTraining {
    /// Steps of training; with none the network stays as it was drawn, for controls.
    pub iterations: usize,
    /// Patterns of a step.
    pub batch: usize,
    /// Step size at the beginning.
    pub rate: f64,
    /// Step size at the end; it falls along half a cosine.
    pub final_rate: f64,
    /// Share of the weights that is lost a step, over the step size.
    pub weight_decay: f64,
    /// First milliseconds that do not count.
    pub burn_in: usize,
    /// Iterations between reports.
    pub report_every: usize,
}

impl Default for PatternTraining {
    fn default() -> Self {
        Self {
            iterations: 1000,
            batch: 32,
            rate: 5e-3,
            final_rate: 1e-5,
            weight_decay: 0.0,
            burn_in: 0,
            report_every: 50,
        }
    }
}

/// Patterns of equal length and their classes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patterns {
    /// The patterns.
    pub patterns: Vec<InputSpikes>,
    /// Their classes.
    pub classes: Vec<usize>,
}

/// A network that tells classes of spike patterns apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpikeClassifier {
    /// The network, with a head for each class.
    pub network: Network,
    /// Its weights.
    pub weights: Vec<Vec<f32>>,
    /// First milliseconds that do not count.
    pub burn_in: usize,
}

impl PatternTraining {
    fn schedule(&self) -> Schedule {
        let Self { iterations, rate, final_rate, weight_decay, report_every, .. } = *self;
        Schedule { iterations, rate, final_rate, weight_decay, report_every }
    }

    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the setting and what would be right.
    pub fn check(&self, network: &Network, data: &Patterns) -> Result<()> {
        self.schedule().check()?;
        network.check()?;
        let Some(first) = data.patterns.first().filter(|_| self.batch > 0) else {
            return Err(Error::Description("there are no patterns, or batch is 0: at least 1 of each".into()));
        };
        if data.patterns.len() != data.classes.len() {
            let (patterns, classes) = (data.patterns.len(), data.classes.len());
            return Err(Error::Data(format!("{patterns} patterns and {classes} classes: one class for each")));
        }
        if self.burn_in >= first.steps() {
            return Err(Error::Description(format!(
                "the first {} ms of patterns of {} ms do not count: nothing is left to learn",
                self.burn_in,
                first.steps()
            )));
        }
        match data.classes.iter().find(|c| **c >= network.heads()) {
            Some(class) => {
                Err(Error::Data(format!("a pattern of class {class} for {} classes, counted from 0", network.heads())))
            }
            None => Ok(()),
        }
    }

    /// Trains a network; returns the classifier and a record for each report.
    ///
    /// # Errors
    /// If the network does not fit the patterns, training diverges, or the user interrupts.
    pub fn run(
        &self,
        network: Network,
        data: &Patterns,
        surroundings: Surroundings<'_>,
    ) -> Result<(SpikeClassifier, Vec<EpochRecord>)> {
        self.check(&network, data)?;
        let Surroundings { seed, threads, progress, checkpoints, .. } = surroundings;
        let schedule = self.schedule();
        let learner = Learner::new(network.clone(), crate::loss::Loss::default(), &seed.child("weights"))?;
        let (learner, state) = schedule.begin(learner.with_decay(self.weight_decay), checkpoints, progress)?;
        // The loss is not one of those that have a form on a device.
        let mut placed = Placed::new(learner, None);
        let heads = network.heads();
        let state = schedule.run(&mut placed, state, (checkpoints, progress), |placed, iteration, rate| {
            let mut stream = seed.child("patterns").index(iteration).stream();
            let chosen: Vec<usize> = (0..self.batch).map(|_| stream.random_range(0..data.patterns.len())).collect();
            let batch: Vec<InputSpikes> = chosen.iter().map(|k| data.patterns[*k].clone()).collect();
            let classes: Vec<usize> = chosen.iter().map(|k| data.classes[*k]).collect();
            let loss = |outputs: &[f32]| cross_entropy(outputs, heads, self.burn_in, &classes);
            placed.step_by(&SpikeBatch::new(&batch)?, rate, threads, loss)
        })?;
        Ok((SpikeClassifier { network, weights: state.parameters, burn_in: self.burn_in }, state.history))
    }
}

/// Mean of the outputs over time, (rows, heads).
fn averaged(outputs: &[f32], rows: usize, heads: usize, burn_in: usize) -> Vec<Vec<f64>> {
    let block = outputs.len() / rows.max(1);
    let mean = |own: &[f32]| {
        let counted = &own[burn_in * heads..];
        let steps = (counted.len() / heads) as f64;
        (0..heads).map(|h| counted.iter().skip(h).step_by(heads).map(|y| f64::from(*y)).sum::<f64>() / steps).collect()
    };
    outputs.chunks_exact(block.max(1)).map(mean).collect()
}

/// The mean loss of rows, and its slope by the outputs.
fn cross_entropy(outputs: &[f32], heads: usize, burn_in: usize, classes: &[usize]) -> (f64, Vec<f32>) {
    let rows = classes.len();
    let block = outputs.len() / rows;
    let counted = (block / heads - burn_in) as f64;
    let mut slope = vec![0.0; outputs.len()];
    let mut value = 0.0;
    let means = averaged(outputs, rows, heads, burn_in);
    for ((logits, class), own) in means.iter().zip(classes).zip(slope.chunks_exact_mut(block)) {
        let top = logits.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = logits.iter().map(|y| (y - top).exp()).sum();
        value += sum.ln() + top - logits[*class];
        let by: Vec<f32> = logits
            .iter()
            .enumerate()
            .map(|(k, y)| (((y - top).exp() / sum - f64::from(k == *class)) / counted / rows as f64) as f32)
            .collect();
        own[burn_in * heads..].chunks_exact_mut(heads).for_each(|step| step.copy_from_slice(&by));
    }
    (value / rows as f64, slope)
}

impl SpikeClassifier {
    /// The class that each pattern is taken for.
    ///
    /// # Errors
    /// If patterns are not those of the network's inputs, or differ in length.
    pub fn classify(&self, patterns: &[InputSpikes], threads: usize) -> Result<Vec<usize>> {
        const BATCH: usize = 32;
        let inputs = self.network.inputs();
        if let Some(pattern) = patterns.iter().find(|p| p.inputs() != inputs || p.steps() <= self.burn_in) {
            return Err(Error::Data(format!(
                "a pattern of {} inputs and {} ms for a classifier of {inputs} inputs that counts from {} ms on",
                pattern.inputs(),
                pattern.steps(),
                self.burn_in
            )));
        }
        let heads = self.network.heads();
        let pieces = parallel::try_map(patterns.len().div_ceil(BATCH), threads, |k| -> Result<Vec<usize>> {
            let piece = &patterns[k * BATCH..patterns.len().min((k + 1) * BATCH)];
            let outputs = self.network.forward(&self.weights, &SpikeBatch::new(piece)?, 1).0;
            let best = |logits: Vec<f64>| (0..heads).fold(0, |best, k| if logits[k] > logits[best] { k } else { best });
            Ok(averaged(&outputs, piece.len(), heads, self.burn_in).into_iter().map(best).collect())
        })?;
        Ok(pieces.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_loss() {
        let (heads, steps, burn_in, classes) = (3, 4, 1, [2, 0]);
        let outputs: Vec<f32> = (0..24).map(|k| (k as f32 * 0.7).sin()).collect();
        let value = |outputs: &[f32]| cross_entropy(outputs, heads, burn_in, &classes);
        let (_, slope) = value(&outputs);
        for k in 0..outputs.len() {
            let moved = |by: f32| {
                let mut moved = outputs.clone();
                moved[k] += by;
                value(&moved).0
            };
            let expected = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            assert!((f64::from(slope[k]) - expected).abs() < 1e-5, "{k}: {} {expected}", slope[k]);
            // What is not counted has no slope.
            assert_eq!(slope[k] == 0.0, k % (steps * heads) < heads, "{k}");
        }
        // Outputs that are alike tell nothing: ln 3.
        assert!((value(&[0.5; 24]).0 - 3.0_f64.ln()).abs() < 1e-9);
    }
}
