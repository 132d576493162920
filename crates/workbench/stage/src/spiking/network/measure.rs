//! Numbers of a simulated network: rates, irregularity, synchrony, and the rates that theory gives.

use rheobase_core::{Estimate, SpikeTrains};
use rheobase_pipeline::Outcome;
use rheobase_spiking::theory::TheoryRates;

use super::super::statistics::{counts, last_spike_s, mean_cv, pair_correlation, peak_frequency_hz, unit_rates};
use super::SpikingNetworkParameters;

/// Voltages at the end.
pub(super) fn voltages(name: &str, all: &[f64], outcome: &mut Outcome) {
    let mean = rheobase_core::statistics::mean(all);
    let sd = rheobase_core::statistics::variance(all, 0).sqrt();
    for (what, value) in [("v_mean_mv", mean), ("v_sd_mv", sd)] {
        let estimate = Estimate::new(value, "voltage at the end", "over neurons", all.len(), "neurons");
        outcome.metric(&format!("{name}_{what}"), estimate.with_unit("mV"));
    }
}

pub(super) fn measure(
    p: &SpikingNetworkParameters,
    name: &str,
    trains: &SpikeTrains,
    theory: Option<&TheoryRates>,
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
        let what = "self-consistent rate";
        let estimate = Estimate::new(rate, what, theory.theory, 1, "state");
        let estimate = estimate.with_constant("residual_hz", theory.residual_hz).with_unit("Hz");
        outcome.metric(&format!("{name}_theory_hz"), estimate);
    }
}

fn skewness(x: &[f64]) -> f64 {
    let mean = rheobase_core::statistics::mean(x);
    let sd = rheobase_core::statistics::variance(x, 0).sqrt();
    x.iter().map(|v| ((v - mean) / sd).powi(3)).sum::<f64>() / x.len() as f64
}
