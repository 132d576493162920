//! The rate network that stands for a network of leaky neurons: each neuron becomes r = f(mu), where f is the gain curve of its
//! population under its own noise and mu = V_rest + RI + sum_j w_ij q r_j its mean input, with q the charge of an event (Dayan & Abbott
//! 2001, chapter 7).
//!
//! Left out: the noise that the synapses themselves add, correlations, and everything faster than the mean.

use std::collections::BTreeMap;

use rheobase_core::{Seed, Silent};

use super::GainCurve;
use crate::network::{NetworkDescription, PoissonInput, Population, Receptor};
use crate::neuron::{Lif, Neuron};
use crate::{Error, Result, Simulation};

/// How a gain curve is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct CurveMeasurement {
    /// Mean inputs in mV.
    pub inputs_mv: Vec<f64>,
    /// Neurons at each input.
    pub neurons: usize,
    /// Duration in ms, after [`Self::settle_ms`].
    pub duration_ms: f64,
    /// Beginning that is left out, in ms.
    pub settle_ms: f64,
}

/// mV x ms of steady depolarisation that an event of weight 1 brings.
fn charge_mv_ms(receptor: &Receptor, tau_ms: f64, what: &str) -> Result<f64> {
    match receptor {
        Receptor::Delta => Ok(tau_ms),
        Receptor::ExponentialCurrent { tau_ms } => Ok(*tau_ms),
        Receptor::DoubleExponentialCurrent { rise_ms, decay_ms } => {
            Ok(Receptor::filling(*rise_ms, *decay_ms) * rise_ms * decay_ms)
        }
        Receptor::AlphaCurrent { tau_ms } => Ok(Receptor::filling(*tau_ms, *tau_ms) * tau_ms * tau_ms),
        _ => Err(Error::Description(format!(
            "{what} is a conductance, which changes the neuron's time constant: the rate equivalent is for currents and jumps"
        ))),
    }
}

/// Names of the populations that answer to their input; the others are sources of spikes.
///
/// # Errors
/// Naming the population that is neither leaky nor a source, whose neurons differ, or that has a conductance; or the projection whose
/// synapses fail, change with use or are not stored.
pub fn answering(network: &NetworkDescription) -> Result<Vec<&String>> {
    let mut all = Vec::new();
    for (name, population) in &network.populations {
        let Neuron::Lif(lif) = &population.neuron else {
            if matches!(population.neuron, Neuron::Renewal(_) | Neuron::SpikeTimes(_)) {
                continue;
            }
            let problem = "is neither leaky nor a source of spikes; a rate equivalent is made of these";
            return Err(Error::Description(format!("population {name} {problem}")));
        };
        if let Some(parameter) = population.vary.keys().next() {
            let problem = format!("{parameter} of population {name} varies: one gain curve serves all its neurons");
            return Err(Error::Description(problem));
        }
        for (receptor, kind) in &population.receptors {
            charge_mv_ms(kind, lif.tau_ms, &format!("receptor {receptor} of population {name}"))?;
        }
        all.push(name);
    }
    for p in &network.projections {
        if p.failure.is_some() || p.short_term.is_some() || p.procedural {
            let what = p.name();
            let problem =
                "has synapses that fail, change with use or are not stored; a rate equivalent has none of these";
            return Err(Error::Description(format!("{what} {problem}")));
        }
    }
    Ok(all)
}

/// Rates in Hz of neurons of a population, cut off from the network but with their noise and their input from outside, at mean inputs.
/// The drive of the population and the mean of its input from outside are part of the mean input.
///
/// # Errors
/// If there is no such leaky population.
pub fn measure_curve(
    network: &NetworkDescription,
    name: &str,
    measurement: &CurveMeasurement,
    seed: &Seed,
    threads: usize,
) -> Result<Vec<f64>> {
    let (_, population) = network.population(name)?;
    let Neuron::Lif(lif) = &population.neuron else {
        return Err(Error::Description(format!("population {name} is not leaky")));
    };
    let outside_mv = outside_mv(population, lif.tau_ms)?;
    rheobase_core::parallel::try_map(measurement.inputs_mv.len(), threads, |k| {
        let mut own = population.clone();
        own.vary.clear();
        own.names = None;
        own.size = measurement.neurons;
        let drive_mv = measurement.inputs_mv[k] - lif.rest_mv - outside_mv;
        own.neuron = Neuron::Lif(Lif { drive_mv, ..*lif });
        let alone = NetworkDescription {
            dt_ms: network.dt_ms,
            precision: network.precision,
            populations: BTreeMap::from([(name.to_owned(), own)]),
            projections: vec![],
        };
        let mut simulation = Simulation::new(&alone, &seed.child("gain curve").child(name).index(k), 1)?;
        simulation.run_ms(measurement.settle_ms + measurement.duration_ms, &Silent)?;
        let counts = simulation.spike_counts(name, measurement.settle_ms)?;
        let spikes: u32 = counts.iter().sum();
        Ok(1e3 * f64::from(spikes) / (measurement.neurons as f64 * measurement.duration_ms))
    })
}

/// Mean input in mV that a population has from outside.
fn outside_mv(population: &Population, tau_ms: f64) -> Result<f64> {
    let of = |i: &PoissonInput| -> Result<f64> {
        let charge = charge_mv_ms(&population.receptors[&i.receptor], tau_ms, &i.receptor)?;
        Ok(1e-3 * charge * i.weight * i.rate_hz)
    };
    population.input.iter().map(of).sum()
}

/// Rates that reproduce themselves, and the mean inputs behind them; populations are in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct RateEquivalent {
    /// Rate of each neuron of each population in Hz; those of sources as given.
    pub rates_hz: Vec<Vec<f64>>,
    /// Mean input of each neuron of each population in mV; none for sources.
    pub inputs_mv: Vec<Vec<f64>>,
    /// Passes over the network.
    pub passes: usize,
    /// Largest difference between a rate and the one it makes, in Hz.
    pub residual_hz: f64,
}

/// Most passes, and the difference in Hz at which they end.
const PASSES: usize = 2000;
const TOLERANCE_HZ: f64 = 1e-6;

/// Synapses of a projection with the mean input in mV that each makes of a rate of 1 Hz: source, target, input.
struct Drive {
    from: usize,
    to: usize,
    synapses: Vec<(u32, u32, f64)>,
}

fn drives(simulation: &Simulation, answering: &[&String]) -> Result<Vec<Drive>> {
    let network = simulation.network();
    let mut all = Vec::new();
    for (number, projection) in network.projections.iter().enumerate().filter(|(_, p)| answering.contains(&&p.to)) {
        let (from, _) = network.population(&projection.from)?;
        let (to, population) = network.population(&projection.to)?;
        let Neuron::Lif(lif) = &population.neuron else { continue };
        let receptor = &population.receptors[&projection.receptor];
        let charge = 1e-3 * charge_mv_ms(receptor, lif.tau_ms, &projection.receptor)?;
        let scaled = |(source, target, weight): (u32, u32, f32)| (source, target, charge * f64::from(weight));
        all.push(Drive { from, to, synapses: simulation.synapses_of(number).into_iter().map(scaled).collect() });
    }
    Ok(all)
}

/// The rates that a network's own synapses make of its sources' rates, by the gain curves of its populations: relaxed in steps of a half
/// from silence, so that networks with feedback end in the state that they reach from it. `sources_hz` and `curves` have an entry for each
/// population, in the order of their names: rates of each neuron for sources, a curve for the others.
///
/// # Errors
/// As [`answering`], and if a curve is missing.
pub fn rate_equivalent(
    simulation: &Simulation,
    curves: &[Option<GainCurve>],
    sources_hz: &[Vec<f64>],
) -> Result<RateEquivalent> {
    let network = simulation.network();
    let answering = answering(network)?;
    let drives = drives(simulation, &answering)?;
    let (mut rates, mut steady, mut curve_of) =
        (sources_hz.to_vec(), vec![vec![]; network.populations.len()], Vec::new());
    for name in answering {
        let (k, population) = network.population(name)?;
        let Neuron::Lif(lif) = &population.neuron else { continue };
        let curve = curves.get(k).copied().flatten();
        curve_of.push((k, curve.ok_or_else(|| Error::Description(format!("population {name} has no gain curve")))?));
        steady[k] = vec![lif.rest_mv + lif.drive_mv + outside_mv(population, lif.tau_ms)?; population.size];
        rates[k] = vec![0.0; population.size];
    }
    let (mut passes, mut residual_hz, mut inputs) = (0, f64::INFINITY, steady.clone());
    while residual_hz > TOLERANCE_HZ && passes < PASSES {
        inputs.clone_from(&steady);
        for drive in &drives {
            for (source, target, input) in &drive.synapses {
                inputs[drive.to][*target as usize] += input * rates[drive.from][*source as usize];
            }
        }
        residual_hz = 0.0;
        for (k, curve) in &curve_of {
            for (rate, input) in rates[*k].iter_mut().zip(&inputs[*k]) {
                let miss = curve.rate_hz(*input) - *rate;
                residual_hz = residual_hz.max(miss.abs());
                *rate += 0.5 * miss;
            }
        }
        passes += 1;
    }
    Ok(RateEquivalent { rates_hz: rates, inputs_mv: inputs, passes, residual_hz })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::siegert_rate_hz;

    fn network(text: &str) -> NetworkDescription {
        serde_json::from_str(text).expect("a network")
    }

    /// White noise: the measured curve is Siegert's. An event of any current brings its charge.
    #[test]
    fn a_measured_curve_is_that_of_theory() {
        let described = network(
            r#"{ "populations": { "a": { "size": 3, "noise_mv": 4, "neuron": { "kind": "lif", "rest_mv": -3, "drive_mv": 7 },
                 "receptors": { "x": { "kind": "alpha-current", "tau_ms": 2 } },
                 "input": [{ "receptor": "x", "rate_hz": 500, "weight": 0.01 }] } }, "dt_ms": 0.02 }"#,
        );
        let inputs_mv = vec![14.0, 20.0, 30.0];
        let measurement = CurveMeasurement { inputs_mv, neurons: 50, duration_ms: 4000.0, settle_ms: 100.0 };
        let found = measure_curve(&described, "a", &measurement, &Seed::root(3), 2).unwrap();
        assert_eq!(found, measure_curve(&described, "a", &measurement, &Seed::root(3), 1).unwrap());
        // The description's noise is the deviation of the free voltage, Siegert's is sqrt 2 times that.
        let lif = Lif { rest_mv: 0.0, drive_mv: 0.0, ..Lif::default() };
        for (rate, input) in found.iter().zip([14.0, 20.0, 30.0]) {
            let exact = siegert_rate_hz(&lif, input, 4.0 * 2.0_f64.sqrt(), 0.0);
            // Thresholds are looked at once a step, which lowers rates by 2 to 3 % here.
            assert!((rate / exact - 1.0).abs() < 0.06, "{input}: {rate} {exact}");
        }
        // The area of t / tau e^(1 - t / tau) is e tau.
        let charge = charge_mv_ms(&Receptor::AlphaCurrent { tau_ms: 2.0 }, 20.0, "x").unwrap();
        assert!((charge - 2.0 * std::f64::consts::E).abs() < 1e-12, "{charge}");
    }

    #[test]
    fn rates_reproduce_themselves_with_feedback() {
        let described = network(
            r#"{ "populations": {
                 "in": { "size": 2, "neuron": { "kind": "renewal", "rate_hz": 40 } },
                 "out": { "size": 2, "neuron": { "kind": "lif" }, "receptors": { "x": { "kind": "delta" } } } },
               "projections": [
                 { "from": "in", "to": "out", "receptor": "x", "rule": { "kind": "one-to-one" },
                   "weight": { "kind": "constant", "value": 2 }, "delay_ms": { "kind": "constant", "value": 1 } },
                 { "from": "out", "to": "out", "receptor": "x", "rule": { "kind": "all-to-all" },
                   "weight": { "kind": "constant", "value": -3 }, "delay_ms": { "kind": "constant", "value": 1 } }] }"#,
        );
        let curve = GainCurve { amplitude_hz: 10.0, threshold_mv: 0.0, width_mv: 1.0, power: 1.0 };
        let simulation = Simulation::new(&described, &Seed::root(1), 1).unwrap();
        let sources = vec![vec![40.0, 10.0], vec![]];
        let found = rate_equivalent(&simulation, &[None, Some(curve)], &sources).unwrap();
        assert!(found.residual_hz < 1e-6 && found.passes < PASSES, "{found:?}");
        // 20 ms of membrane, jumps of 2 and of -3 from the other neuron.
        for (own, other, source) in [(0, 1, 40.0), (1, 0, 10.0)] {
            let input = 0.02 * (2.0 * source - 3.0 * found.rates_hz[1][other]);
            assert!((found.rates_hz[1][own] - curve.rate_hz(input)).abs() < 1e-5, "{found:?}");
        }
    }

    #[test]
    fn what_has_no_rate_equivalent_is_refused_by_name() {
        let population = |extra: &str| network(&format!(r#"{{ "populations": {{ "a": {{ "size": 2, {extra} }} }} }}"#));
        let refused = |extra: &str| answering(&population(extra)).unwrap_err().to_string();
        assert!(refused(r#""neuron": { "kind": "adaptive" }"#).contains("population a is neither leaky nor a source"));
        let conductance = r#""neuron": { "kind": "lif" }, "receptors": { "x": { "kind": "alpha-conductance", "tau_ms": 2, "e_mv": 0 } }"#;
        assert!(refused(conductance).contains("receptor x of population a is a conductance"));
        let varied =
            r#""neuron": { "kind": "lif" }, "vary": { "tau_ms": { "kind": "uniform", "low": 10, "high": 20 } }"#;
        assert!(refused(varied).contains("tau_ms of population a varies"));
    }
}
