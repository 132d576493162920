//! `[analysis.*] kind = "shunting-rate"`: firing rate against current with and without a shunt, in quiet and in noise.
//!
//! The neuron is leaky with an inhibitory conductance g_I (in units of the leak) at E_I: tau v' = (V_L - v) + g_I (E_I - v) + I + noise.
//! Noise is an Ornstein-Uhlenbeck current that gives the free membrane a standard deviation of sigma_V.

use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Estimate, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use rheobase_spiking::neuron::Lif;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `shunting-rate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShuntingRateParameters {
    /// The neuron; its drive is left out.
    pub neuron: Lif,
    /// Inhibitory conductance in units of the leak.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub shunt: f64,
    /// Its reversal potential in mV.
    pub e_inhibition_mv: f64,
    /// Standard deviation of the free voltage in mV.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub sigma_mv: f64,
    /// Time constant of the noise in ms.
    #[serde(default = "noise")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub tau_noise_ms: f64,
    /// Smallest and largest input in mV of steady depolarisation, and how many between.
    pub inputs_mv: [f64; 2],
    /// Number of inputs.
    #[serde(default = "points")]
    #[schemars(range(min = 5))]
    pub points: usize,
    /// Duration of each in s.
    #[serde(default = "seconds")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_s: f64,
    /// Rate in Hz from which on slopes are compared.
    #[serde(default = "from")]
    pub slope_from_hz: f64,
}

fn noise() -> f64 {
    5.0
}

fn points() -> usize {
    41
}

fn seconds() -> f64 {
    20.0
}

fn from() -> f64 {
    20.0
}

const DT_MS: f64 = 0.05;

/// Rates with and without a shunt.
pub struct ShuntingRate;

impl Kind for ShuntingRate {
    type Parameters = ShuntingRateParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "shunting-rate";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "firing rate of a leaky neuron with and without a shunt, in quiet or in noise: subtraction or division";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("F-I curves")];

    fn check(p: &ShuntingRateParameters) -> Vec<Complaint> {
        match p.neuron.check("the neuron") {
            Ok(()) => vec![],
            Err(error) => vec![complaint(&["neuron"], error.to_string(), "mend this parameter")],
        }
    }

    fn run(p: &ShuntingRateParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let [low, high] = p.inputs_mv;
        let inputs: Vec<f64> = (0..p.points).map(|k| low + (high - low) * k as f64 / (p.points - 1) as f64).collect();
        let (mut free, mut shunted) = (vec![], vec![]);
        for (k, input) in inputs.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let seed = context.seed.index(k);
            free.push(rate_hz(p, *input, 0.0, &seed));
            shunted.push(rate_hz(p, *input, p.shunt, &seed));
            context.progress.step("inputs", k + 1, inputs.len());
        }
        report(p, &inputs, &free, &shunted)
    }
}

/// Simulated rate under an input in mV, with exact steps for conductances that are constant within a step.
fn rate_hz(p: &ShuntingRateParameters, input_mv: f64, shunt: f64, seed: &Seed) -> f64 {
    let lif = &p.neuron;
    let mut stream = seed.stream();
    let total = 1.0 + shunt;
    let keep = (-DT_MS * total / lif.tau_ms).exp();
    let noise_keep = (-DT_MS / p.tau_noise_ms).exp();
    // An OU input of deviation s gives the membrane s sqrt(tau_n / (tau_n + tau)) without a shunt.
    let sigma = p.sigma_mv * ((p.tau_noise_ms + lif.tau_ms) / p.tau_noise_ms).sqrt();
    let kick = sigma * (1.0 - noise_keep * noise_keep).sqrt();
    let (mut v, mut noise, mut held, mut spikes) = (lif.rest_mv, 0.0, 0, 0_usize);
    let steps = (1000.0 * p.duration_s / DT_MS) as usize;
    for _ in 0..steps {
        if p.sigma_mv > 0.0 {
            let normal: f64 = StandardNormal.sample(&mut stream);
            noise = noise_keep * noise + kick * normal;
        }
        if held > 0 {
            held -= 1;
            continue;
        }
        let target = (lif.rest_mv + input_mv + noise + shunt * p.e_inhibition_mv) / total;
        v = target + (v - target) * keep;
        if v >= lif.threshold_mv {
            v = lif.reset_mv;
            held = (lif.refractory_ms / DT_MS).round() as usize;
            spikes += 1;
        }
    }
    spikes as f64 / p.duration_s
}

/// Slope and intercept of the straight line through points.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let slope = points.iter().map(|p| (p.0 - mx) * (p.1 - my)).sum::<f64>()
        / points.iter().map(|p| (p.0 - mx).powi(2)).sum::<f64>();
    (slope, my - slope * mx)
}

fn report(p: &ShuntingRateParameters, inputs: &[f64], free: &[f64], shunted: &[f64]) -> Result<Outcome, StageError> {
    let mut outcome = Outcome::default();
    let number = |value: f64, name: &str, unit: &str| {
        Estimate::new(value, name, "simulated rates", inputs.len(), "inputs")
            .with_constant("sigma_mv", p.sigma_mv)
            .with_unit(unit)
    };
    let threshold = |rates: &[f64]| rates.iter().position(|r| *r > 0.0).map_or(f64::NAN, |i| inputs[i]);
    let fast = |rates: &[f64]| -> (f64, f64) {
        let pairs: Vec<(f64, f64)> =
            inputs.iter().copied().zip(rates.iter().copied()).filter(|x| x.1 >= p.slope_from_hz).collect();
        line(&pairs)
    };
    let (slope_free, slope_shunted) = (fast(free).0, fast(shunted).0);
    outcome.metric("threshold_mv", number(threshold(free), "smallest input with spikes, no shunt", "mV"));
    outcome.metric("threshold_shunted_mv", number(threshold(shunted), "smallest input with spikes, shunt", "mV"));
    outcome.metric("threshold_shift_mv", number(threshold(shunted) - threshold(free), "shift of the threshold", "mV"));
    outcome.metric("slope_change", number(slope_shunted / slope_free - 1.0, "relative change of the slope", ""));
    // r_shunted = a r_free + b over inputs where the free neuron fires.
    let pairs: Vec<(f64, f64)> = free.iter().copied().zip(shunted.iter().copied()).filter(|x| x.0 > 1.0).collect();
    let (a, b) = line(&pairs);
    outcome.metric("gain", number(a, "a of shunted rate = a free rate + b", ""));
    outcome.metric("offset_hz", number(b, "b of shunted rate = a free rate + b", "Hz"));
    let series = |name: &str, rates: &[f64], marks| Series {
        name: name.into(),
        points: inputs.iter().copied().zip(rates.iter().copied()).collect(),
        marks,
    };
    let chart = Chart {
        title: "firing rate with and without a shunt".into(),
        x_label: "input (mV of steady depolarisation)".into(),
        y_label: "rate (Hz)".into(),
        x_range: None,
        y_range: None,
        series: vec![series("no shunt", free, Marks::Line), series("shunt", shunted, Marks::Dashed)],
    };
    let caption = format!("{} s at each of {} inputs; noise of {} mV.", p.duration_s, inputs.len(), p.sigma_mv);
    outcome.figure("rates", "Rates", &caption, chart.svg().map_err(failed)?);
    let table = Table::new().with("input_mv", inputs.to_vec())?.with("free_hz", free.to_vec())?;
    outcome.table("rates", table.with("shunted_hz", shunted.to_vec())?);
    Ok(outcome)
}
