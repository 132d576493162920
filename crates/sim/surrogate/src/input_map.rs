//! What input precedes a spike, synapse by synapse, in the neuron and in its surrogate; and inputs that are cut off.
//!
//! The spike-triggered average of an input at a lag is its mean number of spikes that long before a spike less its mean at any time (de Boer &
//! Kuyper 1968). A surrogate says a chance of a spike; every millisecond counts by its chance, which is the average over all spike trains it
//! could have drawn.

use ndarray::Array2;

use crate::spikes::InputSpikes;
use crate::{Error, Result};

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
    fn a_cut_input_is_silent_and_the_others_stay() {
        let trial = InputSpikes::new(3, 5, vec![(0, 1), (2, 0), (2, 1), (4, 2)]).unwrap();
        let cut = without(&trial, |input| input == 1);
        assert_eq!(cut.events().collect::<Vec<_>>(), [(2, 0), (4, 2)]);
        assert_eq!((cut.inputs(), cut.steps()), (3, 5));
    }
}
