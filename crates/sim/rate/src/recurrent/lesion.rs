//! Lesions of a recurrent network: what others and the read-out see of some units is replaced, in some steps of each trial; or weights are
//! removed for good.
//!
//! A lesioned unit keeps its own state (a silenced neuron still has a membrane potential), so that it is back at once when a lesion in
//! time ends, as after optogenetic silencing.

use std::ops::Range;

use rheobase_core::{LesionManner, Seed};
use rheobase_task::Trial;

use super::loss::{Batch, Response};
use super::network::{RecurrentNetwork, Wiring};
use super::replacement::{Replacement, spread};
use crate::{Error, Result};

/// A network with trials that it solved intact.
#[derive(Debug)]
pub struct Intact<'a> {
    network: &'a RecurrentNetwork,
    parameters: &'a [Vec<f32>],
    batch: Batch<'a>,
    threads: usize,
    /// What it did in each trial.
    pub responses: Vec<Response<f32>>,
    /// Mean output of each unit over steps and trials.
    pub mean: Vec<f64>,
    /// Standard deviation of each.
    pub sd: Vec<f64>,
}

impl<'a> Intact<'a> {
    /// Runs the trials; `noise` is the seed of the units' private noise, which all lesions share.
    pub fn run(
        network: &'a RecurrentNetwork,
        parameters: &'a [Vec<f32>],
        trials: &'a [Trial],
        noise: &Seed,
        threads: usize,
    ) -> Self {
        let batch = Batch { trials, noise: *noise };
        let responses = batch.run(network, parameters, threads);
        let outputs: Vec<&[f32]> = responses.iter().map(|r| &r.units[network.units..]).collect();
        let (mean, sd) = spread(&outputs, network.units);
        Self { network, parameters, batch, threads, responses, mean, sd }
    }

    /// What the network does while `units` are lesioned in the steps `when` gives for each trial; the same seed gives the same lesion.
    ///
    /// # Errors
    /// If a unit does not exist.
    pub fn lesioned(
        &self,
        units: &[usize],
        when: impl Fn(&Trial) -> Range<usize>,
        manner: LesionManner,
        seed: &Seed,
    ) -> Result<Vec<Response<f32>>> {
        let n = self.network.units;
        if let Some(unit) = units.iter().find(|u| **u >= n) {
            return Err(Error::Architecture(format!("there is no unit {unit} to lesion; the network has {n}, from 0")));
        }
        let windows: Vec<Range<usize>> = self.batch.trials.iter().map(when).collect();
        let outputs: Vec<&[f32]> = self.responses.iter().map(|r| &r.units[n..]).collect();
        let replacement = Replacement::new(units, manner, seed, &outputs, (&self.mean, &self.sd));
        let changed = self.batch.run_with(self.network, self.parameters, self.threads, |trial, step, outputs| {
            if windows[trial].contains(&step) {
                replacement.apply(trial, step, outputs);
            }
        });
        Ok(changed)
    }
}

/// Parameters without some recurrent weights, numbered as in `recurrent.weight` (units from, gates x units to).
///
/// # Errors
/// If the recurrent weights are a product of two factors, or a weight does not exist.
pub fn without_weights(
    network: &RecurrentNetwork,
    parameters: &[Vec<f32>],
    weights: &[usize],
) -> Result<Vec<Vec<f32>>> {
    if let Wiring::LowRank { .. } = network.wiring {
        let message = "single weights of a low-rank network are sums over its factors and cannot be removed alone";
        return Err(Error::Architecture(message.into()));
    }
    let index = network.index_of("recurrent.weight").unwrap_or(1);
    let mut parameters = parameters.to_vec();
    let count = parameters[index].len();
    for &weight in weights {
        let slot = parameters[index].get_mut(weight).ok_or_else(|| {
            Error::Architecture(format!("there is no recurrent weight {weight} to remove; there are {count}, from 0"))
        })?;
        *slot = 0.0;
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use rheobase_task::Task;
    use rheobase_task::decision::PerceptualDecision;

    use super::*;
    use crate::recurrent::{Cell, Initial, Nonlinearity, initial_parameters};

    fn network() -> (RecurrentNetwork, Vec<Vec<f32>>, Vec<Trial>) {
        let task = PerceptualDecision::default();
        let cell = Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha: 0.3 };
        let network = RecurrentNetwork {
            cell,
            inputs: task.inputs().len(),
            units: 7,
            outputs: task.outputs().len(),
            bottleneck: 0,
            encoder: 0,
            wiring: Wiring::Free,
            masked: false,
            noise_sd: 0.0,
        };
        let seed = Seed::root(4);
        let parameters = initial_parameters(
            &network,
            &Initial::SpectralRadius { radius: 1.2, density: 1.0 },
            1.0,
            None,
            None,
            &seed,
        )
        .unwrap();
        // More trials than one group holds.
        let trials = (0..40).map(|k| task.trial(&seed.child("trial").index(k))).collect();
        (network, parameters, trials)
    }

    #[test]
    fn a_unit_silenced_throughout_is_one_without_weights_and_nothing_is_lost_outside_a_window() {
        let (network, parameters, trials) = network();
        let intact = Intact::run(&network, &parameters, &trials, &Seed::root(1), 2);
        let seed = Seed::root(2);
        let silent = intact.lesioned(&[3], |t| 0..t.steps(), LesionManner::Silence, &seed).unwrap();
        // The same by hand: no weights from it to others or to the read-out, and a start at 0.
        let mut edited = parameters.clone();
        for (name, width) in [("recurrent.weight", 7), ("output.weight", network.outputs)] {
            let index = network.index_of(name).unwrap();
            edited[index][3 * width..4 * width].fill(0.0);
        }
        let by_hand = Batch { trials: &trials, noise: Seed::root(1) }.run(&network, &edited, 1);
        for (a, b) in silent.iter().zip(&by_hand) {
            assert!(a.read_outs.iter().zip(&b.read_outs).all(|(x, y)| (x - y).abs() < 1e-5));
        }
        let late = intact.lesioned(&[3], |t| 5..t.steps(), LesionManner::Silence, &seed).unwrap();
        for (a, b) in late.iter().zip(&intact.responses) {
            assert_eq!(a.read_outs[..5 * network.outputs], b.read_outs[..5 * network.outputs]);
            assert_ne!(a.read_outs, b.read_outs);
        }
        let never = intact.lesioned(&[3], |_| 0..0, LesionManner::Silence, &seed).unwrap();
        assert_eq!(never, intact.responses);
    }

    #[test]
    fn manners_do_what_they_say_on_any_number_of_threads() {
        let (network, parameters, trials) = network();
        let one = Intact::run(&network, &parameters, &trials, &Seed::root(1), 1);
        let two = Intact::run(&network, &parameters, &trials, &Seed::root(1), 2);
        for manner in [LesionManner::ClampToMean, LesionManner::Noise { relative_sd: 1.0 }, LesionManner::Permute] {
            let run = |intact: &Intact<'_>| intact.lesioned(&[0, 5], |t| 0..t.steps(), manner, &Seed::root(3)).unwrap();
            assert_eq!(run(&one), run(&two), "{manner:?}");
        }
        let clamped = one.lesioned(&[5], |t| 0..t.steps(), LesionManner::ClampToMean, &Seed::root(3)).unwrap();
        assert!(clamped.iter().all(|r| r.units.chunks_exact(7).skip(1).all(|u| u[5] == one.mean[5] as f32)));
        let message = one.lesioned(&[7], |t| 0..t.steps(), LesionManner::Silence, &Seed::root(3)).unwrap_err();
        assert!(message.to_string().contains("unit 7") && message.to_string().contains('7'), "{message}");
    }

    #[test]
    fn weights_are_removed_and_missing_ones_named() {
        let (network, parameters, _) = network();
        let index = network.index_of("recurrent.weight").unwrap();
        let fewer = without_weights(&network, &parameters, &[0, 48]).unwrap();
        let changed: Vec<usize> = (0..49).filter(|k| fewer[index][*k] != parameters[index][*k]).collect();
        assert_eq!(changed, [0, 48]);
        assert!(without_weights(&network, &parameters, &[49]).unwrap_err().to_string().contains("49"));
    }
}
