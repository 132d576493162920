//! `[analysis.*] kind = "echo-state"` and `kind = "force"`: networks whose recurrent weights stay as they are.

use rheobase_core::statistics::mean;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::Error;
use rheobase_rate::recurrent::reservoir::{EchoState, Force};
use rheobase_report::figure::Marks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `echo-state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EchoStateParameters {
    /// Units.
    pub units: usize,
    /// Largest modulus of the eigenvalues.
    pub radius: f64,
    /// Share of weights that are not zero.
    pub density: f64,
    /// Size of the input weights.
    pub input_size: f64,
    /// Steps of training and as many of testing.
    pub steps: usize,
    /// Networks.
    pub networks: usize,
}

impl Default for EchoStateParameters {
    fn default() -> Self {
        Self { units: 100, radius: 0.95, density: 0.1, input_size: 0.1, steps: 4000, networks: 5 }
    }
}

/// Echo-state networks.
pub struct EchoStates;

impl Kind for EchoStates {
    type Parameters = EchoStateParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "echo-state";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "memory capacity, echo-state property and NARMA-10 of reservoirs (Jaeger & Haas 2004)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("reservoir capacities")];

    fn check(p: &EchoStateParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if p.units == 0 || p.networks == 0 || p.steps < 500 {
            all.push(complaint(
                &["steps"],
                "units and networks must be at least 1, steps at least 500".into(),
                "raise them",
            ));
        }
        let sensible = p.radius > 0.0 && p.density > 0.0 && p.density <= 1.0;
        if !sensible {
            let message = format!("radius is {}, density {}", p.radius, p.density);
            all.push(complaint(&["radius"], message, "a radius above 0 and a density in (0, 1]"));
        }
        all
    }

    fn run(p: &EchoStateParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let delays = p.units.min(100);
        let mut by_delay = vec![0.0; delays];
        let (mut capacities, mut echoes, mut errors) = (vec![], vec![], vec![]);
        for k in 0..p.networks {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let seed = context.seed.index(k);
            let network = EchoState::new(p.units, p.radius, p.density, p.input_size, &seed).map_err(failed)?;
            let own = network.memory_capacity(delays, p.steps, &seed.child("memory")).map_err(failed)?;
            by_delay.iter_mut().zip(&own).for_each(|(sum, r)| *sum += r / p.networks as f64);
            capacities.push(own.iter().sum::<f64>());
            echoes.push(network.echo(500, &seed.child("echo")));
            errors.push(network.narma_error(p.steps, &seed.child("narma")).map_err(failed)?);
            context.progress.step("networks", k + 1, p.networks);
        }
        let n = (p.networks, "networks");
        metric(
            &mut outcome,
            "memory_capacity",
            mean(&capacities),
            ("sum over delays of squared correlations, mean", ""),
            n,
        );
        let least = capacities.iter().copied().fold(f64::INFINITY, f64::min);
        metric(&mut outcome, "least_memory_capacity", least, ("least memory capacity", ""), n);
        let echo = echoes.iter().copied().fold(0.0, f64::max);
        metric(&mut outcome, "echo", echo, ("distance of two starts after 500 steps over that before, largest", ""), n);
        metric(
            &mut outcome,
            "narma_error",
            mean(&errors),
            ("normalised root mean squared error of NARMA-10, mean", ""),
            n,
        );
        let points = by_delay.iter().enumerate().map(|(d, r)| ((d + 1) as f64, *r)).collect();
        let caption = format!(
            "Squared correlation of the input some steps ago with its reconstruction, mean of {} networks.",
            p.networks
        );
        chart(
            &mut outcome,
            ["memory", "Memory", &caption],
            ["delay (steps)", "squared correlation"],
            vec![series("", points, Marks::Line)],
        )?;
        Ok(outcome)
    }
}

/// Parameters of `force`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForceParameters {
    /// Units.
    pub units: usize,
    /// Gain of the recurrent weights.
    pub gain: f64,
    /// Share of recurrent weights that are not zero.
    pub density: f64,
    /// Step over the time constant.
    pub dt: f64,
    /// Steps between updates.
    pub update_every: usize,
    /// Period of the target, a sum of four sines, in time constants.
    pub period: f64,
    /// Training in time constants.
    pub train: f64,
    /// Networks.
    pub networks: usize,
}

impl Default for ForceParameters {
    fn default() -> Self {
        Self {
            units: 500,
            gain: 1.5,
            density: 0.1,
            dt: 0.1,
            update_every: 2,
            period: 120.0,
            train: 1440.0,
            networks: 5,
        }
    }
}

impl ForceParameters {
    fn force(&self) -> Force {
        Force {
            units: self.units,
            gain: self.gain,
            density: self.density,
            dt: self.dt,
            update_every: self.update_every,
            alpha: 1.0,
        }
    }
}

/// FORCE learning.
pub struct ForceLearning;

impl Kind for ForceLearning {
    type Parameters = ForceParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "force";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a chaotic network taught a pattern by recursive least squares (Sussillo & Abbott 2009)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a learned pattern")];

    fn check(p: &ForceParameters) -> Vec<Complaint> {
        let mut all: Vec<Complaint> = p
            .force()
            .check()
            .err()
            .map(|e| complaint(&["units"], e.to_string(), "mend this parameter"))
            .into_iter()
            .collect();
        if !(p.period > 0.0 && p.train >= p.period) || p.networks == 0 {
            let message = format!("period is {}, train {}, networks {}", p.period, p.train, p.networks);
            all.push(complaint(&["train"], message, "train at least one period, one network or more"));
        }
        all
    }

    fn run(p: &ForceParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let omega = std::f64::consts::TAU / p.period;
        // Four sines (Sussillo & Abbott 2009, fig. 2), amplitude about 1.
        let target = |t: f64| {
            let phase = omega * t;
            (1.3 * phase.sin()
                + 1.3 / 2.0 * (2.0 * phase).sin()
                + 1.3 / 6.0 * (3.0 * phase).sin()
                + 1.3 / 3.0 * (4.0 * phase).sin())
                / 1.5
        };
        let mut outcome = Outcome::default();
        let steps = (p.period / p.dt).round() as usize;
        let (mut first, mut later) = (vec![], vec![]);
        for k in 0..p.networks {
            let seed = context.seed.index(k);
            let run = p.force().run(target, p.train, 2.0 * p.period, &seed, context.progress).map_err(|e| match e {
                Error::Core(rheobase_core::Error::Interrupted) => StageError::Interrupted,
                other => failed(other),
            })?;
            first.push(run.error(run.trained, steps, 0));
            later.push(run.error(run.trained + steps, steps, steps / 4));
            if k == 0 {
                let shown = run.trained.saturating_sub(steps)..run.output.len();
                let time = |s: usize| (s as f64 - run.trained as f64) * p.dt;
                let line = |values: &[f64]| shown.clone().step_by(4).map(|s| (time(s), values[s])).collect::<Vec<_>>();
                let lines = vec![
                    series("output", line(&run.output), Marks::Line),
                    series("target", line(&run.target), Marks::Dashed),
                ];
                let caption = "The last period of training and two periods alone, one network; learning stops at 0.";
                chart(&mut outcome, ["output", "Output", caption], ["time (time constants)", "output"], lines)?;
                let changes = run.changes.iter().enumerate().step_by(20);
                let points = changes.map(|(u, c)| ((u * p.update_every) as f64 * p.dt, c.max(1e-12).log10())).collect();
                let caption = "Size of each change of the read-out weights.";
                chart(
                    &mut outcome,
                    ["changes", "Changes", caption],
                    ["time (time constants)", "log10 |change|"],
                    vec![series("", points, Marks::Line)],
                )?;
            }
        }
        let n = (p.networks, "networks");
        // What four of five networks stay below; some reservoirs are unlucky.
        let most = |v: &[f64]| {
            let mut sorted = v.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted[(4 * sorted.len()).div_ceil(5) - 1]
        };
        let what = "normalised error of the first period alone, reached by four of five networks";
        metric(&mut outcome, "first_period_error", most(&first), (what, ""), n);
        let what = "normalised error of the second period alone, lag aligned, reached by four of five networks";
        metric(&mut outcome, "later_error", most(&later), (what, ""), n);
        let runs = rheobase_data::Table::new()
            .with("network", (0..p.networks).collect::<Vec<_>>())?
            .with("first_period_error", first)?
            .with("later_error", later)?;
        outcome.table("networks", runs);
        Ok(outcome)
    }
}
