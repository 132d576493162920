//! Figures of a simulated network: spikes, rates beside theory, recorded values.

use rheobase_core::SpikeTrains;
use rheobase_data::Table;
use rheobase_data::recording::Signal;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use rheobase_spiking::network::Population;
use rheobase_spiking::neuron::{Method, Neuron};
use rheobase_spiking::theory::TheoryRates;

use super::SpikingNetworkParameters;
use crate::draw::{chart, series};
use crate::kind::failed;

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
        Neuron::Relay(_) => "cells, by milliseconds".into(),
        Neuron::HodgkinHuxley(_) => "exponential Euler, gates first".into(),
        Neuron::Renewal(_) | Neuron::SpikeTimes(_) | Neuron::ThresholdUnit(_) => "no differential equation".into(),
        _ => "Euler".into(),
    }
}

/// Time that is drawn at most, in ms, and spikes that can still be told apart.
const SHOWN_MS: f64 = 200.0;
const SHOWN_SPIKES: f64 = 5000.0;

/// Spikes of the first hundred neurons at the end.
pub(super) fn raster_points(end_ms: f64, trains: &SpikeTrains) -> Vec<(f64, f64)> {
    let from_ms = (end_ms - SHOWN_MS).max(0.0);
    (0..trains.units().min(100))
        .flat_map(|u| trains.unit(u).iter().map(move |t| (1e3 * t, u as f64)))
        .filter(|(t, _)| *t >= from_ms)
        .collect()
}

pub(super) fn figures(
    p: &SpikingNetworkParameters,
    end_ms: f64,
    raster: Vec<(String, Vec<(f64, f64)>)>,
    rates: &[(String, Vec<f64>)],
    theory: Option<&TheoryRates>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut base = 0.0;
    let mut series = Vec::new();
    let spikes = raster.iter().map(|(_, points)| points.len()).sum::<usize>() as f64;
    let shown_ms = SHOWN_MS.min(end_ms) * (SHOWN_SPIKES / spikes).min(1.0);
    for (name, points) in raster {
        let recent = points.into_iter().filter(|(t, _)| *t >= end_ms - shown_ms);
        let points = recent.map(|(t, u)| (t, u + base)).collect::<Vec<_>>();
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
        let caption = format!("The first hundred neurons of each population in the last {shown_ms:.0} ms.");
        outcome.figure("raster", "Spikes", &caption, chart.svg().map_err(failed)?);
    }
    let top = rates.iter().flat_map(|(_, r)| r.iter().copied()).fold(1.0, f64::max);
    // Rates are whole numbers of spikes over the duration: bins hold the same number of them each.
    let one_spike_hz = 1e3 / (end_ms - p.settle_ms);
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
    let caption = format!("Rates of all neurons over {} ms, and where theory puts their mean.", end_ms - p.settle_ms);
    outcome.figure("rates", "Rates", &caption, chart.svg().map_err(failed)?);
    let mut table = Table::new().with("population", rates.iter().map(|r| r.0.clone()).collect::<Vec<_>>())?;
    let mean = |r: &Vec<f64>| r.iter().sum::<f64>() / r.len() as f64;
    table = table.with("mean_rate_hz", rates.iter().map(|r| mean(&r.1)).collect::<Vec<_>>())?;
    let method = |(name, _): &(String, Vec<f64>)| p.network.populations.get(name).map_or_else(String::new, method_of);
    table = table.with("method", rates.iter().map(method).collect::<Vec<_>>())?;
    outcome.table("populations", table);
    Ok(())
}

/// Lines that are drawn of a recording, and samples of each: the last.
const DRAWN: usize = 5;
const SAMPLES: usize = 1000;

/// What was recorded, a chart for each recording.
pub(super) fn recorded(signals: &[(String, Signal)], outcome: &mut Outcome) -> Result<(), StageError> {
    for (name, signal) in signals.iter().filter(|(_, s)| !s.times_s.is_empty()) {
        let (shown, all) = (signal.values.ncols().min(DRAWN), signal.values.ncols());
        let skipped = signal.times_s.len().saturating_sub(SAMPLES);
        let line = |column: usize| {
            let samples = signal.times_s.iter().zip(signal.values.column(column)).skip(skipped);
            series(&column.to_string(), samples.map(|(t, v)| (1e3 * t, *v)).collect(), Marks::Line)
        };
        let title = name.replace('_', " ");
        let samples = signal.times_s.len();
        let caption = format!("{shown} of {all} recorded, the last {} of {samples} samples.", samples - skipped);
        let label = if signal.unit.is_empty() { title.clone() } else { format!("{title} ({})", signal.unit) };
        chart(outcome, [name, &title, &caption], ["time (ms)", &label], (0..shown).map(line).collect())?;
    }
    Ok(())
}
