//! Self-consistent rates of networks of leaky neurons with delta synapses (Amit & Brunel 1997; Brunel 2000).
//!
//! Each population sees a mean mu = V_rest + RI + tau sum J nu and noise sigma^2 = tau sum J^2 nu, summed over its inputs, and answers
//! with the Siegert rate; the rates are those that reproduce themselves.

use std::collections::BTreeMap;

use crate::network::{NetworkDescription, Receptor};
use crate::neuron::Neuron;
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
    let mut rates: Vec<f64> = vec![start_hz; names.len()];
    let (mut iterations, mut residual_hz) = (0, f64::INFINITY);
    let mut moments = vec![(0.0, 0.0); names.len()];
    while residual_hz > 1e-9 && iterations < 100_000 {
        residual_hz = 0.0;
        let mut next = rates.clone();
        for (k, name) in names.iter().enumerate() {
            let Neuron::Lif(lif) = &network.populations[*name].neuron else {
                let problem = format!("population {name} is not leaky; this theory is for leaky neurons");
                return Err(Error::Description(problem));
            };
            moments[k] = input(network, k, &rates)?;
            let found = siegert_rate_hz(lif, moments[k].0, moments[k].1.sqrt(), 0.0);
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

/// Mean in mV and sigma^2 in mV^2 of a population's input.
fn input(network: &NetworkDescription, population: usize, rates_hz: &[f64]) -> Result<(f64, f64)> {
    let Some((name, described)) = network.populations.iter().nth(population) else { return Ok((0.0, 0.0)) };
    let Neuron::Lif(lif) = &described.neuron else { return Ok((0.0, 0.0)) };
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
    for projection in network.projections.iter().filter(|p| p.to == *name) {
        jump(&projection.receptor)?;
        let (from, source) = network.population(&projection.from)?;
        let inputs = Inputs::new(projection, source.size, described.size)?;
        mean += lif.tau_ms * inputs.moment(1) * rates_hz[from] * 1e-3;
        variance += lif.tau_ms * inputs.moment(2) * rates_hz[from] * 1e-3;
    }
    Ok((mean, variance))
}
