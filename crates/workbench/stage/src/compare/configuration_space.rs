//! `[compare.*] kind = "configuration-space"`: in which part of the networks that solve a task a brain-like phenomenon appears. A phenomenon
//! that most networks solve the task without is no consequence of the task (Schaeffer, Khona & Fiete 2022, NeurIPS).

use rheobase_core::Estimate;
use rheobase_core::statistics::wilson_interval;
use rheobase_data::Table;
use rheobase_pipeline::{Artifact, Complaint, Context, Input, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};

/// What was measured in one configuration.
#[derive(Debug)]
pub struct Measured;

impl Artifact for Measured {
    const ACCEPTS: &'static [&'static str] = &["rate maps"];
}

/// Parameters of `configuration-space`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationSpaceParameters {
    /// The measurement in each configuration, two or more.
    pub of: Vec<Input<Measured>>,
    /// Metric that says how well the task is solved; lower is better.
    pub error: String,
    /// Largest error of a task solved.
    pub solved_at_most: f64,
    /// Metric of the phenomenon; higher is more.
    pub phenomenon: String,
    /// Metric of how much of it chance shows.
    pub chance: String,
    /// How far above chance the phenomenon is there.
    #[serde(default)]
    pub margin: f64,
}

/// One configuration.
struct Configuration {
    name: String,
    error: f64,
    phenomenon: f64,
    chance: f64,
    solved: bool,
    shows: bool,
}

/// Configuration space.
pub struct ConfigurationSpace;

impl Kind for ConfigurationSpace {
    type Parameters = ConfigurationSpaceParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "configuration-space";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "which configurations solve a task, and which of them show a phenomenon beyond chance";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a comparison")];

    fn check(p: &ConfigurationSpaceParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if p.of.len() < 2 {
            let message = format!("of names {} configuration, a space has two or more", p.of.len());
            all.push(complaint(&["of"], message, "name the measurements to set side by side"));
        }
        for (key, value) in [("solved_at_most", p.solved_at_most), ("margin", p.margin)] {
            if !value.is_finite() {
                all.push(complaint(&[key], format!("{key} is {value}"), "a number"));
            }
        }
        all
    }

    fn run(p: &ConfigurationSpaceParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let all: Vec<Configuration> =
            p.of.iter().map(|input| p.configuration(context.input(input)?)).collect::<Result<_, _>>()?;
        let mut outcome = Outcome::default();
        let n = all.len();
        let mut count = |key: &str, what: &str, of: &dyn Fn(&Configuration) -> bool| {
            let found = all.iter().filter(|c| of(c)).count();
            let variant = format!(
                "solved: `{}` at most {}; there: `{}` above `{}` by more than {}",
                p.error, p.solved_at_most, p.phenomenon, p.chance, p.margin
            );
            outcome.metric(key, Estimate::new(found as f64, what, &variant, n, "configurations"));
            found
        };
        let solved = count("solved", "configurations that solve the task", &|c| c.solved);
        let with = count("solved_with", "configurations that solve the task and show the phenomenon", &|c| {
            c.solved && c.shows
        });
        count("solved_without", "configurations that solve the task and do not show the phenomenon", &|c| {
            c.solved && !c.shows
        });
        count("unsolved_with", "configurations that show the phenomenon without solving the task", &|c| {
            !c.solved && c.shows
        });
        if solved > 0 {
            let what = "share of the solving configurations that show the phenomenon";
            let share = Estimate::new(with as f64 / solved as f64, what, "share", solved, "solving configurations");
            outcome.metric("share_with", share.with_interval(wilson_interval(with, solved)));
        }
        let yes_no = |of: &dyn Fn(&Configuration) -> bool| -> Vec<String> {
            all.iter().map(|c| if of(c) { "yes" } else { "no" }.to_owned()).collect()
        };
        let column = |of: &dyn Fn(&Configuration) -> f64| -> Vec<f64> { all.iter().map(of).collect() };
        let table = Table::new()
            .with("configuration", all.iter().map(|c| c.name.clone()).collect::<Vec<_>>())?
            .with(&p.error, column(&|c| c.error))?
            .with(&p.phenomenon, column(&|c| c.phenomenon))?
            .with(&p.chance, column(&|c| c.chance))?
            .with("solved", yes_no(&|c| c.solved))?
            .with("phenomenon", yes_no(&|c| c.shows))?;
        outcome.table("configurations", table);
        p.draw(&all, &mut outcome)?;
        Ok(outcome)
    }
}

impl ConfigurationSpaceParameters {
    fn configuration(&self, input: &InputHandle) -> Result<Configuration, StageError> {
        let value = |name: &str| {
            let known = || input.record.metrics.keys().cloned().collect::<Vec<_>>().join(", ");
            let found = input.record.metrics.get(name).map(|estimate| estimate.value);
            found.ok_or_else(|| {
                StageError::Failed(format!("{} has no metric `{name}`; it has {}", input.address, known()))
            })
        };
        let (error, phenomenon, chance) = (value(&self.error)?, value(&self.phenomenon)?, value(&self.chance)?);
        Ok(Configuration {
            name: input.address.split_once('.').map_or(input.address.as_str(), |(_, name)| name).replace('_', " "),
            error,
            phenomenon,
            chance,
            solved: error <= self.solved_at_most,
            shows: phenomenon > chance + self.margin,
        })
    }

    fn draw(&self, all: &[Configuration], outcome: &mut Outcome) -> Result<(), StageError> {
        let bar = |name: String, value: f64, mark: &str| Bar { name, value, interval: None, mark: mark.to_owned() };
        let mut bars = vec![];
        for c in all {
            let solved = if c.solved { "" } else { ", not solved" };
            bars.push(bar(format!("{}{solved}", c.name), c.phenomenon, if c.shows { "*" } else { "" }));
            bars.push(bar("chance".into(), c.chance, ""));
        }
        let [error, phenomenon] = [&self.error, &self.phenomenon].map(|name| name.replace('_', " "));
        let figure = Bars { title: "configuration space".into(), label: phenomenon.clone(), bars, band: None };
        let caption = format!(
            "{phenomenon} in {} configurations, each above what chance shows; * more than chance by over {}. Solved: {error} at most {}.",
            all.len(),
            self.margin,
            self.solved_at_most
        );
        outcome.figure("space", "Configuration space", &caption, figure.svg().map_err(failed)?);
        Ok(())
    }
}
