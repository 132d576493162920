//! `[analysis.*] kind = "spiking-network"`: a network of point neurons, simulated, and the theory of the same description.

use rheobase_core::{Estimate, SpikeTrains};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use rheobase_spiking::network::{NetworkDescription, Population};
use rheobase_spiking::neuron::{Method, Neuron};
use rheobase_spiking::theory::{MeanField, mean_field};
use rheobase_spiking::{Error, Simulation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::{counts, last_spike_s, mean_cv, pair_correlation, peak_frequency_hz, unit_rates};
use super::transmission::{Transmission, transmission};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `spiking-network`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikingNetworkParameters {
    /// The network.
    pub network: NetworkDescription,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Beginning that is left out of the statistics, in ms.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub settle_ms: f64,
    /// Bin of the population's count in ms.
    #[serde(default = "bin")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub bin_ms: f64,
    /// Rate in Hz from which the self-consistent theory starts; none for networks that it does not cover.
    #[serde(default)]
    pub theory_from_hz: Option<f64>,
    /// How well spikes of one projection cross its synapses.
    #[serde(default)]
    pub transmission: Option<Transmission>,
    /// Threads; the results are the same for any number.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub threads: usize,
}

fn bin() -> f64 {
    5.0
}

fn one() -> usize {
    1
}

/// A network of point neurons.
pub struct SpikingNetwork;

impl Kind for SpikingNetwork {
    type Parameters = SpikingNetworkParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "spiking-network";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "a network of point neurons, simulated, with rates, irregularity and the theory of its rates";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("spikes of a network")];

    fn check(p: &SpikingNetworkParameters) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if let Err(error) = p.network.check() {
            complaints.push(complaint(&["network"], error.to_string(), "mend this part of the network"));
        }
        if p.settle_ms >= p.duration_ms {
            let message = format!("settle_ms {} leaves nothing of {} ms", p.settle_ms, p.duration_ms);
            complaints.push(complaint(&["settle_ms"], message, "make it shorter than duration_ms"));
        }
        complaints
    }

    fn memory_mib(p: &SpikingNetworkParameters) -> u64 {
        // Building holds the synapses twice.
        p.network.estimate().map_or(256, |(synapses, bytes)| 64 + ((bytes + 8.0 * synapses) / 1e6) as u64)
    }

    fn run(p: &SpikingNetworkParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut simulation = Simulation::new(&p.network, &context.seed, p.threads).map_err(stopped)?;
        simulation.run_ms(p.duration_ms, context.progress).map_err(stopped)?;
        let theory = p.theory_from_hz.map(|start| mean_field(&p.network, start)).transpose().map_err(failed)?;
        let mut outcome = Outcome::default();
        let synapses = simulation.synapses() as f64;
        outcome.metric("synapses", Estimate::new(synapses, "synapses", "counted", 1, "networks"));
        let (mut raster, mut rates) = (vec![], vec![]);
        for name in p.network.populations.keys() {
            let trains = simulation.spike_trains(name).map_err(stopped)?;
            measure(p, name, &trains, theory.as_ref(), &mut outcome);
            voltages(name, &simulation.voltages_mv(name).map_err(stopped)?, &mut outcome);
            raster.push((name.clone(), raster_points(p, &trains)));
            rates.push((name.clone(), unit_rates(&trains, 1e-3 * p.settle_ms)));
        }
        if let Some(request) = &p.transmission {
            transmission(request, &p.network, &simulation, p.settle_ms, &mut outcome)?;
        }
        figures(p, raster, &rates, theory.as_ref(), &mut outcome)?;
        Ok(outcome)
    }
}

pub(super) fn stopped(error: Error) -> StageError {
    if error == Error::Interrupted { StageError::Interrupted } else { failed(error) }
}

/// How a population's neurons are integrated; models given as text get the best method that their equations allow.
fn method_of(population: &Population) -> String {
    let conductances = population.receptors.values().any(|r| r.reversal_mv().is_some());
    match &population.neuron {
        Neuron::Described(model) => match model.chosen_method(conductances) {
            Ok(Method::Exact) => "text: exact (matrix exponential)".into(),
            Ok(Method::ExponentialEuler) => "text: exponential Euler".into(),
            Ok(Method::Euler) => "text: Euler".into(),
            Err(error) => error.to_string(),
        },
        Neuron::Lif(_) | Neuron::Graded(_) if conductances => "exact for the mean conductance of a step".into(),
        Neuron::Lif(_) | Neuron::Graded(_) => "exact".into(),
        Neuron::HodgkinHuxley(_) => "exponential Euler, gates first".into(),
        Neuron::Renewal(_) | Neuron::SpikeTimes(_) | Neuron::ThresholdUnit(_) => "no differential equation".into(),
        _ => "Euler".into(),
    }
}

/// Voltages at the end.
fn voltages(name: &str, all: &[f64], outcome: &mut Outcome) {
    let mean = rheobase_core::statistics::mean(all);
    let sd = rheobase_core::statistics::variance(all, 0).sqrt();
    for (what, value) in [("v_mean_mv", mean), ("v_sd_mv", sd)] {
        let estimate = Estimate::new(value, "voltage at the end", "over neurons", all.len(), "neurons");
        outcome.metric(&format!("{name}_{what}"), estimate.with_unit("mV"));
    }
}

fn measure(
    p: &SpikingNetworkParameters,
    name: &str,
    trains: &SpikeTrains,
    theory: Option<&MeanField>,
    outcome: &mut Outcome,
) {
    let from_s = 1e-3 * p.settle_ms;
    let number = |value: f64, what: &str, (n, of): (usize, &str), unit: &str| {
        Estimate::new(value, what, "after settling", n, of).with_unit(unit)
    };
    let rates = unit_rates(trains, from_s);
    let mean = rates.iter().sum::<f64>() / rates.len() as f64;
    outcome.metric(&format!("{name}_rate_hz"), number(mean, "mean rate", (rates.len(), "neurons"), "Hz"));
    let (cv, units) = mean_cv(trains, from_s);
    outcome.metric(&format!("{name}_cv"), number(cv, "mean CV of the intervals", (units, "neurons"), ""));
    let counted = counts(trains, from_s, 1e-3 * p.bin_ms);
    let m = counted.iter().sum::<f64>() / counted.len() as f64;
    let fano = counted.iter().map(|c| (c - m).powi(2)).sum::<f64>() / counted.len() as f64 / m;
    let fano = number(fano, "Fano factor of the population's count", (counted.len(), "bins"), "");
    outcome.metric(&format!("{name}_population_fano"), fano.with_constant("bin_ms", p.bin_ms));
    let last = number(1e3 * last_spike_s(trains), "time of the last spike", (trains.units(), "neurons"), "ms");
    outcome.metric(&format!("{name}_last_spike_ms"), last);
    let (correlation, pairs) = pair_correlation(trains, from_s, 1e-3 * p.bin_ms);
    let correlation = number(correlation, "mean correlation of counts", (pairs, "pairs"), "");
    outcome.metric(&format!("{name}_pair_correlation"), correlation.with_constant("bin_ms", p.bin_ms));
    let logs: Vec<f64> = rates.iter().filter(|r| **r > 0.0).map(|r| r.ln()).collect();
    let skew = number(skewness(&logs), "skewness of the logarithm of rates", (logs.len(), "neurons"), "");
    outcome.metric(&format!("{name}_log_rate_skewness"), skew);
    let seconds = counts(trains, from_s, 1.0);
    let spread = seconds.iter().map(|c| (c * seconds.len() as f64 / seconds.iter().sum::<f64>() - 1.0).abs());
    let drift = number(spread.fold(0.0, f64::max), "largest deviation of a second's rate", (seconds.len(), "s"), "");
    outcome.metric(&format!("{name}_drift"), drift);
    let milliseconds = (1e3 * (trains.span_s().1 - from_s)) as usize;
    let peak = peak_frequency_hz(trains, from_s);
    let peak = number(peak, "frequency of most power in the count", (milliseconds, "bins of 1 ms"), "Hz");
    outcome.metric(&format!("{name}_peak_hz"), peak);
    if let Some(theory) = theory {
        let rate = theory.rates_hz[name];
        let what = "self-consistent rate (Siegert)";
        let estimate = Estimate::new(rate, what, "white-noise mean field", theory.iterations, "iterations");
        let estimate = estimate.with_constant("residual_hz", theory.residual_hz).with_unit("Hz");
        outcome.metric(&format!("{name}_theory_hz"), estimate);
    }
}

fn skewness(x: &[f64]) -> f64 {
    let mean = rheobase_core::statistics::mean(x);
    let sd = rheobase_core::statistics::variance(x, 0).sqrt();
    x.iter().map(|v| ((v - mean) / sd).powi(3)).sum::<f64>() / x.len() as f64
}

/// Spikes of the first hundred neurons in the last 200 ms.
fn raster_points(p: &SpikingNetworkParameters, trains: &SpikeTrains) -> Vec<(f64, f64)> {
    let from_ms = (p.duration_ms - 200.0).max(0.0);
    (0..trains.units().min(100))
        .flat_map(|u| trains.unit(u).iter().map(move |t| (1e3 * t, u as f64)))
        .filter(|(t, _)| *t >= from_ms)
        .collect()
}

fn figures(
    p: &SpikingNetworkParameters,
    raster: Vec<(String, Vec<(f64, f64)>)>,
    rates: &[(String, Vec<f64>)],
    theory: Option<&MeanField>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut base = 0.0;
    let mut series = Vec::new();
    for (name, points) in raster {
        let points = points.into_iter().map(|(t, u)| (t, u + base)).collect::<Vec<_>>();
        base += 100.0;
        if !points.is_empty() {
            series.push(Series { name, points, marks: Marks::Points });
        }
    }
    if !series.is_empty() {
        let chart = Chart {
            title: "spikes".into(),
            x_label: "time (ms)".into(),
            y_label: "neuron".into(),
            x_range: None,
            y_range: None,
            series,
        };
        let caption = "The first hundred neurons of each population in the last 200 ms.";
        outcome.figure("raster", "Spikes", caption, chart.svg().map_err(failed)?);
    }
    let top = rates.iter().flat_map(|(_, r)| r.iter().copied()).fold(1.0, f64::max);
    // Rates are whole numbers of spikes over the duration: bins hold the same number of them each.
    let one_spike_hz = 1e3 / (p.duration_ms - p.settle_ms);
    let width = one_spike_hz * (top / 40.0 / one_spike_hz).ceil();
    let mut series = Vec::new();
    let mut highest = 0.0_f64;
    for (name, rates) in rates {
        let mut bins = vec![0.0; 41];
        rates.iter().for_each(|r| bins[((r / width + 1e-9) as usize).min(40)] += 1.0 / rates.len() as f64);
        highest = bins.iter().copied().fold(highest, f64::max);
        let points = bins.iter().enumerate().map(|(k, share)| (k as f64 * width, *share)).collect();
        series.push(Series { name: name.clone(), points, marks: Marks::Line });
    }
    for (name, rate) in theory.iter().flat_map(|t| &t.rates_hz) {
        let points = vec![(*rate, 0.0), (*rate, highest)];
        series.push(Series { name: format!("theory: {name}"), points, marks: Marks::Dashed });
    }
    let chart = Chart {
        title: "rates".into(),
        x_label: "rate of a neuron (Hz)".into(),
        y_label: "share of neurons".into(),
        x_range: None,
        y_range: None,
        series,
    };
    let caption =
        format!("Rates of all neurons over {} ms, and where theory puts their mean.", p.duration_ms - p.settle_ms);
    outcome.figure("rates", "Rates", &caption, chart.svg().map_err(failed)?);
    let mut table = Table::new().with("population", rates.iter().map(|r| r.0.clone()).collect::<Vec<_>>())?;
    let mean = |r: &Vec<f64>| r.iter().sum::<f64>() / r.len() as f64;
    table = table.with("mean_rate_hz", rates.iter().map(|r| mean(&r.1)).collect::<Vec<_>>())?;
    let method = |(name, _): &(String, Vec<f64>)| p.network.populations.get(name).map_or_else(String::new, method_of);
    table = table.with("method", rates.iter().map(method).collect::<Vec<_>>())?;
    outcome.table("populations", table);
    Ok(())
}
