//! `[analysis.*] kind = "work-precision"`: error of a simulated trace against the work spent on it.

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_dendrite::simulation::{Current, Probe};
use rheobase_dendrite::{Cell, Error, Method, Settings, Simulation};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Injection;
use super::defaults;
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `work-precision`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkPrecisionParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Injected currents.
    pub inject: Vec<Injection>,
    /// Where the error is measured.
    pub at: String,
    /// Duration in ms.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Steps in ms, falling, each a whole fraction of the first.
    #[schemars(length(min = 2))]
    pub steps_ms: Vec<f64>,
    /// Step in ms of the reference, of second order.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub reference_ms: f64,
    /// Voltage at the start in mV.
    #[serde(default = "defaults::start_mv")]
    pub v_init_mv: f64,
}

/// Error against work.
pub struct WorkPrecision;

const METHODS: [(Method, &str); 2] =
    [(Method::CrankNicolson, "crank_nicolson"), (Method::BackwardEuler, "backward_euler")];

impl Kind for WorkPrecision {
    type Parameters = WorkPrecisionParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "work-precision";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "error of a simulated cell against its step, for both methods";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("errors")];

    fn check(p: &WorkPrecisionParameters) -> Vec<Complaint> {
        let first = p.steps_ms.first().copied().unwrap_or(0.0);
        let whole = |step: f64| step > 0.0 && ((first / step).round() - first / step).abs() < 1e-6;
        let falls = p.steps_ms.windows(2).all(|w| w[1] < w[0]);
        if falls && p.steps_ms.iter().all(|s| whole(*s)) && whole(p.reference_ms) {
            return vec![];
        }
        let message =
            format!("steps {:?} and the reference {} are not whole fractions of the first", p.steps_ms, p.reference_ms);
        vec![complaint(&["steps_ms"], message, "for example [0.1, 0.05, 0.025] with a reference of 0.001")]
    }

    fn run(p: &WorkPrecisionParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let reference = trace(p, &cell, p.reference_ms, Method::CrankNicolson).map_err(failed)?;
        let low = reference.iter().copied().fold(f64::MAX, f64::min);
        let high = reference.iter().copied().fold(f64::MIN, f64::max);
        let mut outcome = Outcome::default();
        let (mut series, mut rows) = (Vec::new(), Vec::new());
        for (method, name) in METHODS {
            let mut errors = Vec::new();
            for &step in &p.steps_ms {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                let found = trace(p, &cell, step, method).map_err(failed)?;
                let square: f64 = found.iter().zip(&reference).map(|(a, b)| (a - b).powi(2)).sum();
                let error = 100.0 * (square / found.len() as f64).sqrt() / (high - low);
                errors.push(error);
                rows.push((name.to_owned(), step, p.duration_ms / step, error));
                context.progress.step("runs", rows.len(), p.steps_ms.len() * METHODS.len());
            }
            let last = errors.len() - 1;
            let order = (errors[last - 1] / errors[last]).ln() / (p.steps_ms[last - 1] / p.steps_ms[last]).ln();
            let number = |value: f64, what: &str, unit: &str| {
                Estimate::new(value, what, "rms over the range of the reference", reference.len(), "samples")
                    .with_constant("reference_ms", p.reference_ms)
                    .with_unit(unit)
            };
            outcome.metric(
                &format!("order_{name}"),
                number(order, "order of convergence, from the two smallest steps", ""),
            );
            outcome.metric(&format!("error_{name}"), number(errors[last], "error at the smallest step", "%"));
            series.push(Series {
                name: name.replace('_', " "),
                points: p.steps_ms.iter().zip(&errors).map(|(s, e)| ((p.duration_ms / s).log10(), e.log10())).collect(),
                marks: Marks::Line,
            });
        }
        outcome.table(
            "errors",
            Table::new()
                .with("method", rows.iter().map(|r| r.0.clone()).collect::<Vec<_>>())?
                .with("step_ms", rows.iter().map(|r| r.1).collect::<Vec<_>>())?
                .with("steps", rows.iter().map(|r| r.2).collect::<Vec<_>>())?
                .with("error_percent", rows.iter().map(|r| r.3).collect::<Vec<_>>())?,
        );
        let chart = Chart {
            title: "error against work".into(),
            x_label: "steps (log10)".into(),
            y_label: "rms error (log10 of % of the range)".into(),
            x_range: None,
            y_range: None,
            series,
        };
        let caption = format!(
            "Error of the voltage at {} against the number of steps over {} ms; reference: steps of {} ms, second order.",
            p.at, p.duration_ms, p.reference_ms
        );
        outcome.figure("frontier", "Error against work", &caption, chart.svg().map_err(failed)?);
        Ok(outcome)
    }
}

/// The voltage at multiples of the largest step.
fn trace(p: &WorkPrecisionParameters, cell: &Cell, dt_ms: f64, method: Method) -> Result<Vec<f64>, Error> {
    let settings = Settings { dt_ms, method, v_init_mv: p.v_init_mv, ..Settings::default() };
    let mut simulation = Simulation::new(cell, settings)?;
    for injection in &p.inject {
        let current: Current = injection.current.clone();
        simulation.inject(cell.at(&injection.at)?, None, current)?;
    }
    simulation.record(Probe::Voltage(cell.at(&p.at)?))?;
    simulation.record_every((p.steps_ms[0] / dt_ms).round() as usize)?;
    simulation.run_until(p.duration_ms)?;
    Ok(simulation.recording(0, 0))
}
