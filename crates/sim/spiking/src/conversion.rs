//! A trained network of rectified units as integrate-and-fire neurons (Diehl et al. 2015 IJCNN; Rueckauer et al. 2017 Front Neurosci
//! 11:682).
//!
//! Each layer's weights are divided by a high percentile of its activations and multiplied by that of the layer before, so that the
//! largest activation becomes one spike per step; neurons add their input in each step and subtract 1 at a spike. After T steps
//! rates differ from activations by 1/T.

use crate::Error;
use crate::error::{Result, require_range};

/// One layer of rectified units, or the linear output.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Weights by unit, then by input.
    pub weights: Vec<Vec<f64>>,
    /// Bias of each unit.
    pub biases: Vec<f64>,
}

/// The network as spiking neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    layers: Vec<Layer>,
    scales: Vec<f64>,
}

impl Layer {
    fn input(&self, x: &[f64]) -> Vec<f64> {
        let unit = |(row, bias): (&Vec<f64>, &f64)| bias + row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        self.weights.iter().zip(&self.biases).map(unit).collect()
    }
}

/// Activations of all layers; the last is linear.
pub fn activations(layers: &[Layer], input: &[f64]) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = Vec::new();
    for (k, layer) in layers.iter().enumerate() {
        let mut values = layer.input(all.last().map_or(input, |v| v));
        if k + 1 < layers.len() {
            values.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        all.push(values);
    }
    all
}

/// What spiking neurons answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Rates of hidden layers in the units of activations.
    pub rates: Vec<Vec<f64>>,
    /// Sum of the output's input per step.
    pub output: Vec<f64>,
}

impl Converted {
    /// Normalises a network by its activations for some inputs.
    ///
    /// # Errors
    /// If layers do not fit each other or there are no inputs.
    pub fn new(layers: &[Layer], inputs: &[Vec<f64>], percentile: f64) -> Result<Self> {
        require_range("percentile", percentile, 50.0, 100.0)?;
        if layers.is_empty() || inputs.is_empty() {
            return Err(Error::Description("conversion needs layers and inputs".into()));
        }
        let mut size = inputs[0].len();
        for (k, layer) in layers.iter().enumerate() {
            if layer.weights.iter().any(|row| row.len() != size) || layer.weights.len() != layer.biases.len() {
                let problem = format!("layer {k} does not take {size} inputs, or has other biases than units");
                return Err(Error::Description(problem));
            }
            size = layer.weights.len();
        }
        let all: Vec<Vec<Vec<f64>>> = inputs.iter().map(|x| activations(layers, x)).collect();
        let mut scales = vec![1.0];
        for k in 0..layers.len() - 1 {
            let values: Vec<f64> = all.iter().flat_map(|a| a[k].iter().copied()).collect();
            scales.push(rheobase_core::statistics::quantile(&values, percentile / 100.0).max(1e-12));
        }
        let scaled = |(k, layer): (usize, &Layer)| {
            let (before, own) = (scales[k], scales.get(k + 1).copied().unwrap_or(1.0));
            Layer {
                weights: layer.weights.iter().map(|row| row.iter().map(|w| w * before / own).collect()).collect(),
                biases: layer.biases.iter().map(|b| b / own).collect(),
            }
        };
        Ok(Self { layers: layers.iter().enumerate().map(scaled).collect(), scales })
    }

    /// Runs the neurons for some steps; the input is a constant current, the output only adds up.
    pub fn run(&self, input: &[f64], steps: usize) -> Answer {
        let hidden = self.layers.len() - 1;
        // Half a threshold at the start turns rounding down into rounding.
        let mut v: Vec<Vec<f64>> = self.layers[..hidden].iter().map(|l| vec![0.5; l.biases.len()]).collect();
        let mut counts: Vec<Vec<f64>> = v.iter().map(|l| vec![0.0; l.len()]).collect();
        let mut output = vec![0.0; self.layers[hidden].biases.len()];
        for _ in 0..steps {
            let mut spikes = input.to_vec();
            for k in 0..hidden {
                let current = self.layers[k].input(&spikes);
                spikes = vec![0.0; current.len()];
                for (i, current) in current.into_iter().enumerate() {
                    v[k][i] += current;
                    if v[k][i] >= 1.0 {
                        v[k][i] -= 1.0;
                        spikes[i] = 1.0;
                        counts[k][i] += 1.0;
                    }
                }
            }
            let out = self.layers[hidden].input(&spikes);
            output.iter_mut().zip(out).for_each(|(o, x)| *o += x / steps as f64);
        }
        let rate = |(k, counts): (usize, Vec<f64>)| {
            counts.into_iter().map(|c| c / steps as f64 * self.scales[k + 1]).collect()
        };
        Answer { rates: counts.into_iter().enumerate().map(rate).collect(), output }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_activations_up_to_one_spike() {
        let layers = [
            Layer { weights: vec![vec![1.0, -0.5], vec![0.3, 0.8]], biases: vec![0.1, -0.2] },
            Layer { weights: vec![vec![0.7, -0.4]], biases: vec![0.05] },
            Layer { weights: vec![vec![2.0]], biases: vec![0.0] },
        ];
        let inputs: Vec<Vec<f64>> = (0..50).map(|k| vec![f64::from(k) / 50.0, f64::from(k * 7 % 50) / 50.0]).collect();
        let converted = Converted::new(&layers, &inputs, 100.0).unwrap();
        for (steps, bound) in [(100, 0.06), (1000, 0.006)] {
            for x in &inputs {
                let (exact, found) = (activations(&layers, x), converted.run(x, steps));
                let error = (exact[1][0] - found.rates[1][0]).abs();
                assert!(error < bound, "{steps}: {error}");
            }
        }
        assert!(Converted::new(&layers[1..], &inputs, 100.0).is_ok());
        assert!(Converted::new(&layers[2..], &inputs, 100.0).is_err());
    }
}
