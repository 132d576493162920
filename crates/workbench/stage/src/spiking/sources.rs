//! `[analysis.*] kind = "spike-sources"`: irregularity of point processes.

use std::collections::BTreeMap;

use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{NetworkDescription, Population, Precision};
use rheobase_spiking::neuron::{Neuron, Renewal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, histogram, metric, series};
use super::statistics::{mean_cv, unit_rates};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `spike-sources`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeSourcesParameters {
    /// Processes by name.
    pub processes: BTreeMap<String, Renewal>,
    /// Trains of each.
    pub trains: usize,
    /// Duration in ms.
    pub duration_ms: f64,
    /// Step in ms.
    pub dt_ms: f64,
    /// Window of counts for the Fano factor in ms.
    #[serde(default = "window")]
    pub window_ms: f64,
}

fn window() -> f64 {
    100.0
}

/// Point processes.
pub struct SpikeSources;

fn network(p: &SpikeSourcesParameters) -> NetworkDescription {
    let population = |r: &Renewal| Population::new(p.trains, Neuron::Renewal(r.clone()));
    NetworkDescription {
        dt_ms: p.dt_ms,
        precision: Precision::Double,
        populations: p.processes.iter().map(|(name, r)| (name.clone(), population(r))).collect(),
        projections: vec![],
    }
}

impl Kind for SpikeSources {
    type Parameters = SpikeSourcesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "spike-sources";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "rates, CV, Fano factor and interval distribution of point processes";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("spike trains of point processes")];

    fn check(p: &SpikeSourcesParameters) -> Vec<Complaint> {
        let problem = network(p).check().err();
        problem.map(|e| complaint(&["processes"], e.to_string(), "mend this process")).into_iter().collect()
    }

    fn run(p: &SpikeSourcesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let mut simulation = Simulation::new(&network(p), &context.seed, 1).map_err(failed)?;
        simulation.run_ms(p.duration_ms, context.progress).map_err(super::network::stopped)?;
        let mut lines = Vec::new();
        for name in p.processes.keys() {
            let trains = simulation.spike_trains(name).map_err(failed)?;
            let rates = unit_rates(&trains, 0.0);
            let rate = rheobase_core::statistics::mean(&rates);
            metric(&mut outcome, &format!("{name}_rate_hz"), rate, ("mean rate", "Hz"), (p.trains, "trains"));
            let (cv, n) = mean_cv(&trains, 0.0);
            metric(&mut outcome, &format!("{name}_cv"), cv, ("mean CV of the intervals", ""), (n, "trains"));
            let window_s = 1e-3 * p.window_ms;
            let windows = (trains.span_s().1 / window_s + 1e-9) as usize;
            let mut counts = vec![0.0; windows * p.trains];
            let mut gaps = Vec::new();
            for unit in 0..trains.units() {
                let times = trains.unit(unit);
                times.iter().for_each(|t| counts[unit * windows + ((t / window_s) as usize).min(windows - 1)] += 1.0);
                gaps.extend(times.windows(2).map(|w| w[1] - w[0]));
            }
            let fano = rheobase_core::statistics::variance(&counts, 1) / rheobase_core::statistics::mean(&counts);
            metric(
                &mut outcome,
                &format!("{name}_fano"),
                fano,
                ("Fano factor of counts", ""),
                (counts.len(), "windows"),
            );
            // Kolmogorov-Smirnov against the exponential distribution, on 1000 intervals: with more, the step itself shows.
            gaps.truncate(1000);
            let p_value = exponential_p(&gaps, 1e-3 * p.dt_ms);
            metric(
                &mut outcome,
                &format!("{name}_exponential_p"),
                p_value,
                ("p of exponential intervals", ""),
                (gaps.len(), "intervals"),
            );
            lines.push(series(&name.replace('_', " "), histogram(&gaps, [0.0, 0.15], 30), Marks::Line));
        }
        let caption = "Intervals of the first trains.";
        chart(&mut outcome, ["intervals", "Intervals", caption], ["interval (s)", "share"], lines)?;
        Ok(outcome)
    }
}

/// Probability of a larger distance from the exponential distribution (Kolmogorov's series), intervals being rounded to steps.
fn exponential_p(gaps: &[f64], step_s: f64) -> f64 {
    let mut sorted = gaps.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (n, mean) = (sorted.len() as f64, rheobase_core::statistics::mean(gaps));
    let mut distance = 0.0_f64;
    let mut k = 0;
    while k < sorted.len() {
        // All intervals of one length together: their distribution is compared at the end of the step.
        let value = sorted[k];
        while k < sorted.len() && sorted[k] - value < 0.5 * step_s {
            k += 1;
        }
        distance = distance.max((k as f64 / n - (1.0 - (-(value + 0.5 * step_s) / mean).exp())).abs());
    }
    let lambda = (n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance;
    let term = |j: i32| (if j % 2 == 1 { 2.0 } else { -2.0 }) * (-2.0 * f64::from(j * j) * lambda * lambda).exp();
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}
