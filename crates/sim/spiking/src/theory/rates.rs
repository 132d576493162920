//! The rates of a network by whichever theory covers it: jumps of the voltage (white noise), or conductances (coloured noise).

use std::collections::BTreeMap;

use super::{ConductanceTheory, Search, Strong, mean_field};
use crate::network::{NetworkDescription, Receptor};
use crate::{Error, Result};

/// Self-consistent rates, and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct TheoryRates {
    /// Rate of each population in Hz.
    pub rates_hz: BTreeMap<String, f64>,
    /// The theory.
    pub theory: &'static str,
    /// Largest difference between a rate and the one it makes, in Hz.
    pub residual_hz: f64,
}

/// Rates between which a conductance network's states are looked for, in Hz, and how many of them are tried.
const RANGE_HZ: [f64; 2] = [0.05, 400.0];
const POINTS: usize = 60;

/// Self-consistent rates near `start_hz`; strong synapses act one by one in networks of conductances.
///
/// # Errors
/// Naming what no theory covers, or if a conductance network has no state that lasts.
pub fn theory_rates(network: &NetworkDescription, start_hz: f64, strong: Option<Strong>) -> Result<TheoryRates> {
    let jumps = network.populations.values().flat_map(|p| p.receptors.values()).all(|r| matches!(r, Receptor::Delta));
    if jumps {
        let found = mean_field(network, start_hz)?;
        let theory = "white-noise mean field (Siegert)";
        return Ok(TheoryRates { rates_hz: found.rates_hz, theory, residual_hz: found.residual_hz });
    }
    let theory = ConductanceTheory::new(network, strong)?;
    // The population that excites itself decides between states.
    let excites = |p: &crate::network::Projection| {
        let receptor = network.populations[&p.to].receptors[&p.receptor];
        p.from == p.to && receptor.reversal_mv().is_some_and(|e| e > -55.0)
    };
    let held =
        network.projections.iter().find(|p| excites(p)).map_or(Ok(0), |p| network.population(&p.to).map(|f| f.0))?;
    let roots = theory.roots(&Search { population: held, range_hz: RANGE_HZ, points: POINTS });
    let away = |rates: &[f64]| (rates[held] / start_hz).ln().abs();
    let lasting = roots.iter().filter(|r| r.stable);
    let Some(root) = lasting.min_by(|a, b| away(&a.rates_hz).total_cmp(&away(&b.rates_hz))) else {
        return Err(Error::Description(format!(
            "theory finds no state that lasts between {} and {} Hz among {} self-consistent ones: leave theory_from_hz out",
            RANGE_HZ[0],
            RANGE_HZ[1],
            roots.len()
        )));
    };
    let off = |k: usize| (theory.response_hz(k, &root.rates_hz) - root.rates_hz[k]).abs();
    Ok(TheoryRates {
        residual_hz: (0..theory.populations()).map(off).fold(0.0, f64::max),
        theory: if strong.is_some() {
            "coloured-noise mean field, strong synapses one by one"
        } else {
            "coloured-noise mean field of conductances"
        },
        rates_hz: network.populations.keys().cloned().zip(root.rates_hz.iter().copied()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theory_is_chosen_by_the_receptors() {
        let network = |receptor: &str, weight: f64| -> NetworkDescription {
            let text = format!(
                r#"{{ "populations": {{ "a": {{ "size": 100, "neuron": {{ "kind": "lif", "rest_mv": -70, "threshold_mv": -50, "reset_mv": -60 }},
                   "receptors": {{ "x": {receptor} }}, "input": [{{ "receptor": "x", "rate_hz": 8000, "weight": {weight} }}] }} }} }}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let jumps = theory_rates(&network(r#"{ "kind": "delta" }"#, 0.1), 5.0, None).unwrap();
        assert!(jumps.theory.starts_with("white-noise"), "{}", jumps.theory);
        let conductance = r#"{ "kind": "exponential-conductance", "tau_ms": 2, "e_mv": 0 }"#;
        let found = theory_rates(&network(conductance, 0.025), 5.0, None).unwrap();
        assert!(found.theory.starts_with("coloured"), "{}", found.theory);
        // Nothing feeds back: the rate is the response itself.
        assert!(found.residual_hz < 1e-6 * found.rates_hz["a"] && found.rates_hz["a"] > 0.1, "{found:?}");
        let current = network(r#"{ "kind": "exponential-current", "tau_ms": 2 }"#, 0.1);
        assert!(theory_rates(&current, 5.0, None).unwrap_err().to_string().contains("exponential conductances"));
    }
}
