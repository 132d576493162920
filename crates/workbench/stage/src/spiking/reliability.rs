//! `[analysis.*] kind = "timing-reliability"`: a neuron under a constant and under a frozen fluctuating current (Mainen & Sejnowski 1995).

use rand::Rng;
use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::Seed;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::neuron::{Lif, LifState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, main_output};

/// Parameters of `timing-reliability`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimingReliabilityParameters {
    /// The neuron.
    pub neuron: Lif,
    /// Constant input in mV.
    pub constant_mv: f64,
    /// Mean and standard deviation of the fluctuating input in mV.
    pub fluctuating_mv: [f64; 2],
    /// Correlation time of the fluctuating input in ms.
    pub correlation_ms: f64,
    /// Noise of each trial's own: standard deviation of the free voltage in mV.
    pub intrinsic_mv: f64,
    /// Trials.
    #[serde(default = "trials")]
    #[schemars(range(min = 2, max = 10_000))]
    pub trials: usize,
    /// Duration in ms; the second half counts.
    #[serde(default = "duration")]
    pub duration_ms: f64,
    /// Width of the smoothing in ms.
    #[serde(default = "smoothing")]
    pub smoothing_ms: f64,
}

fn trials() -> usize {
    25
}
fn duration() -> f64 {
    1000.0
}
fn smoothing() -> f64 {
    2.0
}

const DT_MS: f64 = 0.1;

/// Reliability of spike timing.
pub struct TimingReliability;

impl Kind for TimingReliability {
    type Parameters = TimingReliabilityParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "timing-reliability";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "correlation of spike trains over trials under a constant and a frozen fluctuating current";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("spike trains over trials")];

    fn check(p: &TimingReliabilityParameters) -> Vec<Complaint> {
        let neuron = p.neuron.check("the neuron").err().map(|e| e.to_string());
        let time = (p.correlation_ms <= 0.0 || p.duration_ms <= 10.0 || p.smoothing_ms <= 0.0)
            .then(|| "correlation_ms, smoothing_ms and duration_ms must be positive (10 ms or more)".to_owned());
        neuron.or(time).map(|m| complaint(&["neuron"], m, "mend this parameter")).into_iter().collect()
    }

    fn run(p: &TimingReliabilityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let steps = (p.duration_ms / DT_MS) as usize;
        let frozen = fluctuation(p, steps, &context.seed.child("current"));
        let constant = vec![p.constant_mv; steps];
        let mut found = Vec::new();
        for (name, current) in [("constant", &constant), ("frozen", &frozen)] {
            let trains: Vec<Vec<f64>> =
                (0..p.trials).map(|k| trial(p, current, &context.seed.child(name).index(k))).collect();
            let spikes: usize = trains.iter().map(Vec::len).sum();
            let rate = spikes as f64 / p.trials as f64 / (0.5e-3 * p.duration_ms);
            let correlation = mean_correlation(p, &trains);
            found.push(correlation);
            metric(&mut outcome, &format!("{name}_rate_hz"), rate, ("rate", "Hz"), (spikes, "spikes"));
            metric(
                &mut outcome,
                &format!("{name}_reliability"),
                correlation,
                ("mean correlation of trials", ""),
                (p.trials, "trials"),
            );
            let points = trains.iter().enumerate().flat_map(|(k, t)| t.iter().map(move |t| (*t, k as f64))).collect();
            let caption = format!("Spikes of {} trials under the {name} current, second half.", p.trials);
            let title = format!("Trials, {name} current");
            chart(
                &mut outcome,
                [name, &title, &caption],
                ["time (ms)", "trial"],
                vec![series(name, points, Marks::Points)],
            )?;
        }
        metric(&mut outcome, "ratio", found[1] / found[0], ("frozen over constant", ""), (p.trials, "trials"));
        Ok(outcome)
    }
}

/// An Ornstein-Uhlenbeck current, exact in each step.
fn fluctuation(p: &TimingReliabilityParameters, steps: usize, seed: &Seed) -> Vec<f64> {
    let keep = (-DT_MS / p.correlation_ms).exp();
    let mut stream = seed.stream();
    let normal = |stream: &mut dyn Rng| -> f64 { StandardNormal.sample(stream) };
    let mut x = normal(&mut stream);
    (0..steps)
        .map(|_| {
            x = keep * x + (1.0 - keep * keep).sqrt() * normal(&mut stream);
            p.fluctuating_mv[0] + p.fluctuating_mv[1] * x
        })
        .collect()
}

/// Spike times of the second half in ms.
fn trial(p: &TimingReliabilityParameters, current: &[f64], seed: &Seed) -> Vec<f64> {
    let mut state = LifState::at_rest(&p.neuron);
    let mut stream = seed.stream();
    // In each step the noise adds what keeps the free voltage's standard deviation.
    let kick = p.intrinsic_mv * (1.0 - (-2.0 * DT_MS / p.neuron.tau_ms).exp()).sqrt();
    let mut spikes = Vec::new();
    for (step, input) in current.iter().enumerate() {
        let normal: f64 = StandardNormal.sample(&mut stream);
        state.v += kick * normal;
        if state.step(&p.neuron, DT_MS, *input) && 2 * step >= current.len() {
            spikes.push((step + 1) as f64 * DT_MS);
        }
    }
    spikes
}

/// Mean correlation of all pairs of trains, smoothed by a Gaussian and seen every half millisecond.
fn mean_correlation(p: &TimingReliabilityParameters, trains: &[Vec<f64>]) -> f64 {
    let points = (p.duration_ms / 2.0 / 0.5) as usize;
    let smooth = |train: &Vec<f64>| -> Vec<f64> {
        let mut y = vec![0.0; points];
        for t in train {
            for (k, y) in y.iter_mut().enumerate() {
                let x = (0.5 * p.duration_ms + 0.5 * k as f64 - t) / p.smoothing_ms;
                if x.abs() < 5.0 {
                    *y += (-0.5 * x * x).exp();
                }
            }
        }
        y
    };
    let smoothed: Vec<Vec<f64>> = trains.iter().map(smooth).collect();
    let (mut sum, mut pairs) = (0.0, 0);
    for a in 0..smoothed.len() {
        for b in a + 1..smoothed.len() {
            if let Some(r) = rheobase_core::statistics::pearson(&smoothed[a], &smoothed[b]) {
                sum += r;
                pairs += 1;
            }
        }
    }
    sum / f64::from(pairs)
}
