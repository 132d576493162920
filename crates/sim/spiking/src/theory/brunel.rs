//! Self-consistent rates of networks of leaky neurons with delta synapses (Amit & Brunel 1997; Brunel 2000).
//!
//! Each population sees a mean mu = V_rest + RI + tau sum J nu and noise sigma^2 = tau sum J^2 nu, summed over its inputs, and answers
//! with the Siegert rate; the rates are those that reproduce themselves.

use std::collections::BTreeMap;

use crate::network::{NetworkDescription, Receptor};
use crate::neuron::{Lif, Neuron};
use crate::{Error, Result};

use super::inputs::Inputs;
use super::siegert_rate_hz;

/// A self-consistent state.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanField {
    /// Rate of each population in Hz.
    pub rates_hz: BTreeMap<String, f64>,
    /// Mean of the free voltage of each population in mV.
    pub mean_mv: BTreeMap<String, f64>,
    /// sqrt 2 times its standard deviation in mV.
    pub sigma_mv: BTreeMap<String, f64>,
    /// Steps of the relaxation.
    pub iterations: usize,
    /// Largest difference between a rate and the one it makes, in Hz.
    pub residual_hz: f64,
}

/// Relaxes the rates from `start_hz`, the same for all populations, to a self-consistent state.
///
/// # Errors
/// If a population is not leaky, a receptor is not a jump of the voltage, or weights are not constant.
pub fn mean_field(network: &NetworkDescription, start_hz: f64) -> Result<MeanField> {
    network.check()?;
    let names: Vec<&String> = network.populations.keys().collect();
    let populations = names.iter().map(|name| Input::of(network, name)).collect::<Result<Vec<_>>>()?;
    let mut rates: Vec<f64> = vec![start_hz; names.len()];
    let (mut iterations, mut residual_hz) = (0, f64::INFINITY);
    let mut moments = vec![(0.0, 0.0); names.len()];
    while residual_hz > 1e-9 && iterations < 100_000 {
        residual_hz = 0.0;
        let mut next = rates.clone();
        for (k, population) in populations.iter().enumerate() {
            moments[k] = population.moments(&rates);
            let found = siegert_rate_hz(population.lif, moments[k].0, moments[k].1.sqrt(), 0.0);
            residual_hz = residual_hz.max((found - rates[k]).abs());
            // Relaxation in small steps: the state found is one that is stable to slow changes.
            next[k] = rates[k] + 0.05 * (found - rates[k]);
        }
        rates = next;
        iterations += 1;
    }
    let by_name = |values: Vec<f64>| names.iter().map(|n| (*n).clone()).zip(values).collect::<BTreeMap<String, f64>>();
    Ok(MeanField {
        rates_hz: by_name(rates),
        mean_mv: by_name(moments.iter().map(|m| m.0).collect()),
        sigma_mv: by_name(moments.iter().map(|m| m.1.sqrt()).collect()),
        iterations,
        residual_hz,
    })
}

/// What a leaky population hears: mean in mV and sigma^2 in mV^2 are linear in the rates.
struct Input<'a> {
    lif: &'a Lif,
    /// Mean and sigma^2 with all populations silent.
    outside: (f64, f64),
    /// Populations that are heard, with the sums of the weights of a target's synapses and of their squares.
    heard: Vec<(usize, [f64; 2])>,
}

impl<'a> Input<'a> {
    fn of(network: &'a NetworkDescription, name: &str) -> Result<Self> {
        let (_, described) = network.population(name)?;
        let Neuron::Lif(lif) = &described.neuron else {
            let problem = format!("population {name} is not leaky; this theory is for leaky neurons");
            return Err(Error::Description(problem));
        };
        let jump = |receptor: &str| match described.receptors.get(receptor) {
            Some(Receptor::Delta) => Ok(()),
            _ => Err(Error::Description(format!(
                "receptor {receptor} of population {name} is not `delta`; this theory is for jumps of the voltage"
            ))),
        };
        // The free voltage's variance is half of sigma^2.
        let (mut mean, mut variance) = (lif.rest_mv + lif.drive_mv, 2.0 * described.noise_mv.powi(2));
        for outside in &described.input {
            jump(&outside.receptor)?;
            mean += lif.tau_ms * outside.weight * outside.rate_hz * 1e-3;
            variance += lif.tau_ms * outside.weight.powi(2) * outside.rate_hz * 1e-3;
        }
        let mut heard = Vec::new();
        for projection in network.projections.iter().filter(|p| p.to == name) {
            jump(&projection.receptor)?;
            let (from, source) = network.population(&projection.from)?;
            let inputs = Inputs::new(projection, source.size, described.size)?;
            heard.push((from, [1, 2].map(|power| inputs.moment(power))));
        }
        Ok(Self { lif, outside: (mean, variance), heard })
    }

    /// Mean and sigma^2 at these rates.
    fn moments(&self, rates_hz: &[f64]) -> (f64, f64) {
        let (mut mean, mut variance) = self.outside;
        for &(from, [sum, squares]) in &self.heard {
            mean += self.lif.tau_ms * sum * rates_hz[from] * 1e-3;
            variance += self.lif.tau_ms * squares * rates_hz[from] * 1e-3;
        }
        (mean, variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulation;
    use crate::network::{PoissonInput, Population, Precision};
    use rheobase_core::{Seed, Silent};

    /// Leaky neurons below their threshold, with noise only.
    fn noisy(noise_mv: f64) -> NetworkDescription {
        let lif = Lif { drive_mv: 16.0, ..Lif::default() };
        let mut population = Population::new(400, Neuron::Lif(lif)).with_receptor("x", Receptor::Delta);
        population.noise_mv = noise_mv;
        NetworkDescription {
            dt_ms: 0.02,
            precision: Precision::Double,
            populations: [("a".to_owned(), population)].into(),
            projections: vec![],
        }
    }

    #[test]
    fn noise_of_the_voltage_is_that_of_as_many_small_jumps() {
        let of_noise = mean_field(&noisy(4.0), 5.0).unwrap();
        assert!((of_noise.sigma_mv["a"] - 32f64.sqrt()).abs() < 1e-12);
        // tau J^2 nu of jumps up and of jumps down add up to 2 noise^2, and their means cancel.
        let mut jumps = noisy(0.0);
        let population = jumps.populations.get_mut("a").unwrap();
        let Neuron::Lif(lif) = &population.neuron else { panic!("{population:?}") };
        let rate_hz = 16.0 / (lif.tau_ms * 0.01 * 1e-3);
        for weight in [0.1, -0.1] {
            let receptor = "x".to_owned();
            population.input.push(PoissonInput { receptor, weight, rate_hz, start_ms: 0.0, stop_ms: f64::MAX });
        }
        let of_jumps = mean_field(&jumps, 5.0).unwrap();
        assert!((of_noise.rates_hz["a"] - of_jumps.rates_hz["a"]).abs() < 1e-6, "{of_noise:?} {of_jumps:?}");
    }

    #[test]
    fn noise_of_the_voltage_makes_the_simulated_rate() {
        let network = noisy(4.0);
        let expected = mean_field(&network, 5.0).unwrap().rates_hz["a"];
        let mut simulation = Simulation::new(&network, &Seed::root(3), 1).unwrap();
        simulation.run_ms(2500.0, &Silent).unwrap();
        let trains = simulation.spike_trains("a").unwrap();
        let late = |unit: usize| trains.unit(unit).iter().filter(|t| **t > 0.5).count();
        let rate_hz = (0..trains.units()).map(late).sum::<usize>() as f64 / (400.0 * 2.0);
        // Some 9,000 spikes; what a step of 0.02 ms does not see of a crossing costs 2 %.
        assert!((rate_hz / expected - 1.0).abs() < 0.04, "{rate_hz} {expected}");
    }
}
