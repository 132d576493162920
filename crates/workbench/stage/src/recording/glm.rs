//! Nested generalised linear models of a unit's spikes.

mod terms;

use ndarray::Array2;
use rheobase_core::special::chi_squared_tail;
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::glm::rescaling::{Rescaled, time_rescaling};
use rheobase_receptive_field::glm::{Family, GlmFit, fit};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::{Recorded, load, signal, unit};
use terms::{Design, Term};

/// A model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelTerms {
    /// Name of the model.
    pub name: String,
    /// Its terms; each model is compared with the one before it.
    #[schemars(length(min = 1))]
    pub terms: Vec<Term>,
    /// Shrinkage of the coefficients, in units of standardised columns (ridge / 2 times the sum of squares is taken off the
    /// log-likelihood); needed where spikes never follow a regressor, as within the refractory period.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub ridge: f64,
}

/// Distribution of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FamilyChoice {
    /// Poisson with log link.
    Poisson,
    /// Bernoulli with logit link; bins with more than one spike are refused.
    Bernoulli,
}

/// Parameters of `spike-glm`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeGlmParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Unit, counted from 0.
    #[serde(default)]
    pub unit: usize,
    /// The signal whose samples are the bins.
    pub clock: String,
    /// Models, each compared with the one before.
    #[schemars(length(min = 1))]
    pub models: Vec<ModelTerms>,
    /// Distribution of the counts.
    #[serde(default = "poisson")]
    pub family: FamilyChoice,
}

fn poisson() -> FamilyChoice {
    FamilyChoice::Poisson
}

/// Nested models of spikes.
pub struct SpikeGlm;

impl Kind for SpikeGlm {
    type Parameters = SpikeGlmParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "spike-glm";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "generalised linear models of a unit's spikes (Truccolo 2005), compared by AIC and judged by time rescaling (Brown 2002)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("fitted models")];

    fn check(p: &SpikeGlmParameters) -> Vec<Complaint> {
        let mut names: Vec<&String> = p.models.iter().map(|m| &m.name).collect();
        names.sort();
        let twice = names.windows(2).find(|w| w[0] == w[1]);
        twice
            .map(|w| complaint(&["models"], format!("two models are called `{}`", w[0]), "name them differently"))
            .into_iter()
            .collect()
    }

    fn memory_mib(_: &SpikeGlmParameters) -> u64 {
        2048
    }

    fn run(p: &SpikeGlmParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let counts = bin_spikes(&recording, p)?;
        let family = match p.family {
            FamilyChoice::Poisson => Family::Poisson,
            FamilyChoice::Bernoulli => Family::Bernoulli,
        };
        let mut outcome = Outcome::default();
        let mut rows = Rows::default();
        let mut rescaled: Vec<(String, Rescaled)> = Vec::new();
        let mut previous: Option<GlmFit> = None;
        let mut fitted = Vec::new();
        for (index, model) in p.models.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let Design { names, columns: design, roughness } =
                Design::new(&recording, &p.clock, &counts, &model.terms)?;
            let penalised = model.ridge > 0.0 || roughness.iter().any(|v| *v != 0.0);
            let penalty = penalised.then(|| ridge(&design, model.ridge) + roughness);
            let found = fit(design.view(), &counts, family, penalty.as_ref())
                .map_err(|e| StageError::Failed(format!("model `{}`: {e}", model.name)))?;
            let expected = found.predict(design.view()).map_err(failed)?;
            rows.add(&model.name, &names, &found);
            metrics(&model.name, &names, &found, previous.as_ref(), &mut outcome);
            let expected = expected.to_vec();
            if let Ok(check) = time_rescaling(&expected, &counts) {
                let value = Estimate::new(
                    check.test.statistic,
                    "Kolmogorov-Smirnov distance",
                    "rescaled intervals against uniform",
                    check.quantiles.len(),
                    "intervals",
                )
                .with_constant("bound_95", check.bound_95)
                .with_constant("p", check.test.p);
                outcome.metric(&format!("{}_ks", model.name), value);
                rescaled.push((model.name.clone(), check));
            }
            fitted.push((model.name.clone(), expected));
            previous = Some(found);
            context.progress.step("models", index + 1, p.models.len());
        }
        outcome.table("coefficients", rows.table()?);
        rescaling_figure(&rescaled, &mut outcome)?;
        rate_figure(&recording, p, &counts, &fitted, &mut outcome)?;
        Ok(outcome)
    }
}

/// Spikes in as many equal bins as the clock has samples, between its first and last.
fn bin_spikes(recording: &Recording, p: &SpikeGlmParameters) -> Result<Vec<f64>, StageError> {
    let clock = &signal(recording, &p.clock)?.times_s;
    let (Some(&first), Some(&last)) = (clock.first(), clock.last()) else {
        return Err(StageError::Failed(format!("signal `{}` has no samples", p.clock)));
    };
    if clock.len() < 10 || last <= first {
        return Err(StageError::Failed(format!(
            "signal `{}` has {} samples, 10 or more are needed",
            p.clock,
            clock.len()
        )));
    }
    let mut counts = vec![0.0; clock.len()];
    for t in unit(recording, p.unit)?.iter().filter(|t| (first..=last).contains(*t)) {
        let bin = ((t - first) / (last - first) * clock.len() as f64) as usize;
        counts[bin.min(clock.len() - 1)] += 1.0;
    }
    Ok(counts)
}

/// Shrinkage that is the same for every column once it is standardised.
fn ridge(design: &Array2<f64>, strength: f64) -> Array2<f64> {
    let variances = design.columns().into_iter().map(|c| rheobase_core::statistics::variance(&c.to_vec(), 0));
    Array2::from_diag(&variances.map(|v| strength * v).collect::<ndarray::Array1<f64>>())
}

#[derive(Default)]
struct Rows {
    model: Vec<String>,
    term: Vec<String>,
    value: Vec<f64>,
    error: Vec<f64>,
}

impl Rows {
    fn add(&mut self, model: &str, names: &[String], fit: &GlmFit) {
        let values = std::iter::once(fit.intercept).chain(fit.coefficients.iter().copied());
        let names = std::iter::once("intercept").chain(names.iter().map(String::as_str));
        for ((name, value), error) in names.zip(values).zip(&fit.standard_errors) {
            self.model.push(model.to_owned());
            self.term.push(name.to_owned());
            self.value.push(value);
            self.error.push(*error);
        }
    }

    fn table(self) -> Result<Table, StageError> {
        let table = Table::new().with("model", self.model)?.with("term", self.term)?;
        Ok(table.with("coefficient", self.value)?.with("standard_error", self.error)?)
    }
}

fn metrics(model: &str, names: &[String], found: &GlmFit, previous: Option<&GlmFit>, outcome: &mut Outcome) {
    let estimate = |value: f64, what: &str, variant: &str| Estimate::new(value, what, variant, found.n, "bins");
    outcome.metric(
        &format!("{model}_aic"),
        estimate(found.aic(), "Akaike's criterion", "-2 log-likelihood + 2 parameters"),
    );
    let r2 = estimate(found.mcfadden_r2(), "pseudo R^2", "McFadden: 1 - log-likelihood over that of a constant rate");
    outcome.metric(&format!("{model}_r2"), r2);
    let values = std::iter::once(found.intercept).chain(found.coefficients.iter().copied());
    let keys = std::iter::once("intercept".to_owned()).chain(names.iter().map(|n| n.replace(['^', ' '], "_")));
    for ((key, value), error) in keys.zip(values).zip(&found.standard_errors) {
        let interval =
            Interval { low: value - 1.96 * error, high: value + 1.96 * error, level: 0.95, method: "Wald".into() };
        let coefficient = estimate(value, "coefficient", "maximum likelihood (IRLS)").with_interval(interval);
        outcome.metric(&format!("{model}_{key}"), coefficient);
    }
    // A parabola of the log rate is a Gaussian place field.
    if let [one, two] = found.coefficients.as_slice().unwrap_or_default()
        && names.get(1).is_some_and(|n| n.ends_with("^2"))
        && *two < 0.0
    {
        let centre = -one / (2.0 * two);
        let peak = (found.intercept - one * one / (4.0 * two)).exp();
        outcome.metric(
            &format!("{model}_centre"),
            estimate(centre, "centre of the field", "from the parabola of the log rate"),
        );
        outcome.metric(
            &format!("{model}_sigma"),
            estimate((-0.5 / two).sqrt(), "width of the field", "standard deviation"),
        );
        outcome.metric(&format!("{model}_peak"), estimate(peak, "peak of the field", "expected spikes in a bin"));
    }
    if let Some(before) = previous {
        let gain = before.aic() - found.aic();
        let more = found.degrees_of_freedom - before.degrees_of_freedom;
        let ratio = 2.0 * (found.log_likelihood - before.log_likelihood);
        let p = if more > 0.0 { chi_squared_tail(ratio.max(0.0), more) } else { f64::NAN };
        let gain = estimate(gain, "gain in Akaike's criterion", "of the model before minus this one")
            .with_constant("likelihood_ratio_p", p);
        outcome.metric(&format!("{model}_aic_gain"), gain);
    }
}

fn rescaling_figure(all: &[(String, Rescaled)], outcome: &mut Outcome) -> Result<(), StageError> {
    let Some((_, first)) = all.first() else { return Ok(()) };
    let mut series: Vec<Series> = all
        .iter()
        .map(|(name, found)| {
            let n = found.quantiles.len() as f64;
            let points = found.quantiles.iter().enumerate().map(|(k, q)| ((k as f64 + 0.5) / n, *q)).collect();
            Series { name: name.clone(), points, marks: Marks::Line }
        })
        .collect();
    let b = first.bound_95;
    for (name, shift) in [("95 % of samples of the right model", b), ("", -b)] {
        let points = vec![(0.0, shift), (1.0, 1.0 + shift)];
        series.push(Series { name: name.into(), points, marks: Marks::Dashed });
    }
    let chart = Chart {
        title: "time rescaling".into(),
        x_label: "quantile of the uniform distribution".into(),
        y_label: "rescaled interval".into(),
        x_range: Some((0.0, 1.0)),
        y_range: Some((0.0, 1.0)),
        series,
    };
    let caption = format!(
        "Intervals between spikes rescaled by each model's expected counts, against the uniform distribution they have under the right model (n = {}).",
        first.quantiles.len()
    );
    outcome.figure("rescaling", "Time rescaling", &caption, chart.svg().map_err(failed)?);
    Ok(())
}

/// Observed and expected rate by the clock signal's value.
fn rate_figure(
    recording: &Recording,
    p: &SpikeGlmParameters,
    counts: &[f64],
    fitted: &[(String, Vec<f64>)],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    const BINS: usize = 40;
    let clock = signal(recording, &p.clock)?;
    let values = clock.values.column(0);
    let (low, high) = terms::range_of(&values.to_vec());
    if high <= low {
        return Ok(());
    }
    let step_s = (clock.times_s[clock.times_s.len() - 1] - clock.times_s[0]) / (clock.times_s.len() - 1) as f64;
    let curve = |per_bin: &[f64]| -> Vec<(f64, f64)> {
        let (mut sum, mut n) = (vec![0.0; BINS], vec![0.0; BINS]);
        for (v, c) in values.iter().zip(per_bin) {
            let bin = (((v - low) / (high - low) * BINS as f64) as usize).min(BINS - 1);
            sum[bin] += c;
            n[bin] += 1.0;
        }
        (0..BINS).map(|b| (low + (high - low) * (b as f64 + 0.5) / BINS as f64, sum[b] / n[b] / step_s)).collect()
    };
    let width = (high - low) / BINS as f64;
    let mut series = vec![Series { name: "observed".into(), points: curve(counts), marks: Marks::Bars(0.9 * width) }];
    series.extend(fitted.iter().map(|(name, expected)| Series {
        name: name.clone(),
        points: curve(expected),
        marks: Marks::Line,
    }));
    let chart = Chart {
        title: "rate by signal".into(),
        x_label: if clock.unit.is_empty() { p.clock.clone() } else { format!("{} ({})", p.clock, clock.unit) },
        y_label: "rate (Hz)".into(),
        x_range: Some((low, high)),
        y_range: None,
        series,
    };
    let caption = format!(
        "Occupancy-normalised rate of unit {} in {BINS} bins, and what each model expects at the same times.",
        p.unit
    );
    outcome.figure("rate", "Observed and expected rate", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
