//! What input precedes a spike, synapse by synapse, in the neuron and in its surrogate; what the first layer takes from it; and inputs that
//! are cut off.
//!
//! The spike-triggered average of an input at a lag is its mean number of spikes that long before a spike less its mean at any time (de Boer &
//! Kuyper 1968). A surrogate says a chance of a spike; every millisecond counts by its chance, which is the average over all spike trains it
//! could have drawn.

use ndarray::Array2;

use crate::network::Network;
use crate::spikes::InputSpikes;
use crate::{Error, Result, Surrogate};

/// Spike-triggered average (inputs, lags of 1 ms, the present first) of trials whose milliseconds count by `weights`; the first `from` of
/// each trial do not count.
///
/// # Errors
/// If trials and weights do not fit each other, or nothing counts.
pub fn triggered_average(
    trials: &[&InputSpikes],
    weights: &[Vec<f32>],
    lags: usize,
    from: usize,
) -> Result<Array2<f64>> {
    let Some(first) = trials.first() else { return Err(Error::Data("no trial to average".into())) };
    if trials.len() != weights.len() || trials.iter().zip(weights).any(|(t, w)| t.steps() != w.len()) {
        return Err(Error::Data(format!(
            "{} trials and weights of {}: one weight a millisecond",
            trials.len(),
            weights.len()
        )));
    }
    let from = from.max(lags.saturating_sub(1));
    let mut triggered = Array2::<f64>::zeros((first.inputs(), lags));
    let (mut always, mut weight, mut steps) = (vec![0.0; first.inputs()], 0.0, 0.0);
    for (trial, weights) in trials.iter().zip(weights) {
        weight += weights[from.min(weights.len())..].iter().map(|w| f64::from(*w)).sum::<f64>();
        steps += trial.steps().saturating_sub(from) as f64;
        for (step, input) in trial.events() {
            for lag in from.saturating_sub(step)..lags.min(trial.steps() - step) {
                triggered[[input, lag]] += f64::from(weights[step + lag]);
            }
            if step >= from {
                always[input] += 1.0;
            }
        }
    }
    if weight <= 0.0 || steps == 0.0 {
        return Err(Error::Data(format!(
            "no spike after the first {from} ms of {} trials: nothing to average",
            trials.len()
        )));
    }
    for (mut row, always) in triggered.outer_iter_mut().zip(&always) {
        row.mapv_inplace(|v| v / weight - always / steps);
    }
    Ok(triggered)
}

/// What each unit of the first layer takes from each input, (units, inputs): weights of a convolution summed over lags, or the weights
/// through which an expressive leaky memory neuron's traces reach its hidden units. None for other networks.
pub fn first_layer(surrogate: &Surrogate) -> Option<Array2<f64>> {
    let inputs = surrogate.network.inputs();
    let weight = |k: usize, place: usize| f64::from(surrogate.weights[k][place]);
    match &surrogate.network {
        Network::Tcn(tcn) => {
            let (lags, width) = (tcn.kernels[0], tcn.width);
            let sum = |(unit, input): (usize, usize)| {
                (0..lags).map(|lag| weight(0, (input * lags + lag) * width + unit)).sum::<f64>()
            };
            Some(Array2::from_shape_fn((width, inputs), sum))
        }
        Network::Elm(elm) if elm.branches.is_none() => {
            let sign = |input: usize| f64::from(elm.signs.get(input).copied().unwrap_or(1));
            let taken = |(unit, input): (usize, usize)| {
                weight(0, input).max(0.0) * sign(input) * weight(1, input * elm.hidden + unit)
            };
            Some(Array2::from_shape_fn((elm.hidden, inputs), taken))
        }
        Network::Elm(_) | Network::Recurrent(_) => None,
    }
}

/// Share of the variance of values that lies between groups (eta squared, Fisher 1925); none if they do not vary or there is one group.
pub fn share_between(values: &[f64], group_of: &[usize]) -> Option<f64> {
    let groups = group_of.iter().max()? + 1;
    let (mut sums, mut counts) = (vec![0.0; groups], vec![0.0; groups]);
    for (value, group) in values.iter().zip(group_of) {
        sums[*group] += value;
        counts[*group] += 1.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let total: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    let between: f64 =
        sums.iter().zip(&counts).filter(|(_, n)| **n > 0.0).map(|(s, n)| n * (s / n - mean).powi(2)).sum();
    (total > 0.0 && counts.iter().filter(|n| **n > 0.0).count() > 1).then(|| between / total)
}

/// Whether an input excites, by the name that its neuron gave it.
pub fn excites(name: &str) -> bool {
    !(name.starts_with("inhibitory") || name.starts_with("weight -"))
}

/// The same trial without the spikes of some inputs.
pub fn without(trial: &InputSpikes, cut: impl Fn(usize) -> bool) -> InputSpikes {
    let kept = trial.events().filter(|(_, input)| !cut(*input)).map(|(step, input)| (step as u32, input as u32));
    InputSpikes::new(trial.inputs(), trial.steps(), kept.collect()).expect("events of a trial lie in it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rheobase_core::Seed;

    #[test]
    fn the_average_is_that_of_windows_cut_out_one_by_one() {
        let mut stream = Seed::root(4).stream();
        let events = (0..600).map(|_| (stream.random_range(0..200), stream.random_range(0..3))).collect();
        let trial = InputSpikes::new(3, 200, events).unwrap();
        let mut weights = vec![0.0_f32; 200];
        [3, 40, 41, 120, 199].iter().for_each(|t: &usize| weights[*t] = 1.0);
        let found = triggered_average(&[&trial], std::slice::from_ref(&weights), 5, 10).unwrap();
        let count = |step: usize, input: usize| trial.at(step).iter().filter(|i| **i as usize == input).count() as f64;
        for input in 0..3 {
            let mean = (10..200).map(|t| count(t, input)).sum::<f64>() / 190.0;
            for lag in 0..5 {
                // The spike at 3 ms lies in what does not count.
                let direct = [40, 41, 120, 199].iter().map(|t| count(t - lag, input)).sum::<f64>() / 4.0 - mean;
                assert!((found[[input, lag]] - direct).abs() < 1e-12, "{input} {lag}");
            }
        }
        assert!(triggered_average(&[&trial], &[vec![0.0; 200]], 5, 10).unwrap_err().to_string().contains("no spike"));
        assert!(triggered_average(&[&trial], &[vec![0.0; 20]], 5, 10).is_err());
    }

    #[test]
    fn the_share_between_groups_is_one_for_groups_alike_and_none_for_groups_of_equal_means() {
        assert!((share_between(&[1.0, 1.0, 3.0, 3.0], &[0, 0, 2, 2]).unwrap() - 1.0).abs() < 1e-12);
        assert!(share_between(&[1.0, 3.0, 3.0, 1.0], &[0, 0, 1, 1]).unwrap().abs() < 1e-12);
        // Sums of squares by hand: 1 + 1 + 9 + 9 about 0 in all, of which (1 + 1) within.
        assert!((share_between(&[-3.0, -1.0, 1.0, 3.0], &[0, 0, 1, 1]).unwrap() - 0.8).abs() < 1e-12);
        assert_eq!(share_between(&[2.0, 2.0], &[0, 1]), None);
        assert_eq!(share_between(&[2.0, 1.0], &[1, 1]), None);
    }

    #[test]
    fn a_cut_input_is_silent_and_the_others_stay() {
        let trial = InputSpikes::new(3, 5, vec![(0, 1), (2, 0), (2, 1), (4, 2)]).unwrap();
        let cut = without(&trial, |input| input == 1);
        assert_eq!(cut.events().collect::<Vec<_>>(), [(2, 0), (4, 2)]);
        assert_eq!((cut.inputs(), cut.steps()), (3, 5));
    }
}
