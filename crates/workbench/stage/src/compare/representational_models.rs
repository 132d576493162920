//! Candidate models against the dissimilarities of several subjects, with noise ceiling and bootstrap.

use rheobase_core::inference::false_discovery_rate;
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars};
use rheobase_similarity::inference::{Resample, bootstrap, dual_bootstrap, noise_ceiling};
use rheobase_similarity::{Comparator, Rdm, compare_rdms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compare::fitted_models::{self, FittedModel};
use crate::data::dissimilarities::{DissimilarityMatrices, load};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Comparator of two dissimilarity matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ComparatorChoice {
    /// rho-a: does not reward ties.
    RhoA,
    /// tau-a: does not reward ties.
    TauA,
    /// tau-b.
    TauB,
    /// Spearman; inflated by ties.
    Spearman,
    /// Pearson.
    Pearson,
    /// Cosine; near 1 for almost anything if distances share a large mean.
    Cosine,
    /// Whitened cosine.
    CosineCov,
    /// Whitened correlation.
    CorrCov,
}

impl ComparatorChoice {
    fn comparator(self) -> Comparator {
        match self {
            Self::RhoA => Comparator::RhoA,
            Self::TauA => Comparator::TauA,
            Self::TauB => Comparator::TauB,
            Self::Spearman => Comparator::Spearman,
            Self::Pearson => Comparator::Pearson,
            Self::Cosine => Comparator::Cosine,
            Self::CosineCov => Comparator::CosineCov,
            Self::CorrCov => Comparator::CorrCov,
        }
    }
}

/// What is drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GeneraliseTo {
    /// Other subjects and other conditions (dual bootstrap, Schuett et al. 2023).
    Both,
    /// Other conditions, these subjects.
    Conditions,
    /// Other subjects, these conditions.
    Subjects,
}

/// Parameters of `representational-models`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepresentationalModelsParameters {
    /// The matrices.
    pub of: Input<DissimilarityMatrices>,
    /// How a model is compared with a subject.
    #[serde(default = "rho_a")]
    pub comparator: ComparatorChoice,
    /// What the intervals and tests generalise to.
    #[serde(default = "both")]
    pub generalise_to: GeneraliseTo,
    /// Draws of the bootstrap.
    #[serde(default = "draws")]
    #[schemars(range(min = 50, max = 100_000))]
    pub draws: usize,
    /// Models made of the others, each judged with conditions and subjects that it was not fitted to.
    #[serde(default)]
    pub fitted: Vec<FittedModel>,
}

fn rho_a() -> ComparatorChoice {
    ComparatorChoice::RhoA
}
fn both() -> GeneraliseTo {
    GeneraliseTo::Both
}
fn draws() -> usize {
    1000
}

/// Models against brains.
pub struct RepresentationalModels;

impl Kind for RepresentationalModels {
    type Parameters = RepresentationalModelsParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "representational-models";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "candidate models against the dissimilarities of several subjects: noise ceiling, bootstrap over subjects and conditions, false discovery rate";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn check(p: &RepresentationalModelsParameters) -> Vec<Complaint> {
        if p.comparator.comparator().is_whitened() && p.generalise_to != GeneraliseTo::Subjects {
            let message =
                "whitened comparators need every pair of conditions, so conditions cannot be drawn".to_owned();
            let help = "set generalise_to = \"subjects\", or choose another comparator";
            return vec![complaint(&["generalise_to"], message, help)];
        }
        fitted_models::complaints(&p.fitted)
    }

    fn run(p: &RepresentationalModelsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let named = load(context.input(&p.of)?)?;
        // A wrong name is said before the bootstrap, not after it.
        let fitted = fitted_models::resolve(&p.fitted, &named.models)?;
        let comparator = p.comparator.comparator();
        let subjects: Vec<Rdm> = named.subjects.iter().map(|s| s.1.clone()).collect();
        let models: Vec<Rdm> = named.models.iter().map(|m| m.1.clone()).collect();
        let ceiling = noise_ceiling(&subjects, comparator).map_err(failed)?;
        let mut outcome = Outcome::default();
        let estimate =
            |value: f64, what: &str| Estimate::new(value, what, comparator.name(), subjects.len(), "subjects");
        outcome.metric("ceiling_lower", estimate(ceiling.lower, "noise ceiling, each subject against the others"));
        outcome.metric("ceiling_upper", estimate(ceiling.upper, "noise ceiling, each subject against all"));
        for ((name, _), sessions) in named.subjects.iter().zip(&named.sessions) {
            if let [a, b] = &sessions[..] {
                let value = compare_rdms(a, b, comparator).map_err(failed)?;
                outcome.metric(&format!("reliability_{name}"), estimate(value, "session against session"));
            }
        }
        let judged = judge(p, &models, &subjects, comparator, context)?;
        let ps: Vec<f64> = judged.iter().map(|j| j.p).collect();
        let q = false_discovery_rate(&ps);
        let mut bars = Vec::new();
        for (((name, rdm), found), q) in named.models.iter().zip(&judged).zip(&q) {
            let mut metric =
                estimate(found.mean, "mean similarity to the subjects").with_constant("draws", p.draws as f64);
            metric = metric
                .with_constant("p_above_zero", found.p)
                .with_constant("q_above_zero", *q)
                .with_interval(found.interval.clone());
            let key = name.replace([' ', '.'], "_");
            outcome.metric(&key, metric);
            outcome.metric(&format!("{key}_p"), estimate(found.p, "p that the similarity is above 0, one-sided"));
            // The mean matrix of the subjects is what many papers compare with.
            let pooled = Rdm::mean(&subjects).map_err(failed)?;
            let to_mean = compare_rdms(rdm, &pooled, comparator).map_err(failed)?;
            outcome.metric(&format!("{key}_to_mean"), estimate(to_mean, "similarity to the subjects' mean matrix"));
            let mark = if *q < 0.05 { "*" } else { "" };
            bars.push(Bar {
                name: name.clone(),
                value: found.mean,
                interval: Some((found.interval.low, found.interval.high)),
                mark: mark.into(),
            });
        }
        let column = |f: &dyn Fn(&Judged) -> f64| judged.iter().map(f).collect::<Vec<f64>>();
        let table = Table::new()
            .with("model", named.models.iter().map(|m| m.0.clone()).collect::<Vec<_>>())?
            .with("similarity", column(&|j| j.mean))?
            .with("low", column(&|j| j.interval.low))?
            .with("high", column(&|j| j.interval.high))?
            .with("p_above_zero", ps)?
            .with("q_above_zero", q)?;
        outcome.table("models", table);
        bars.extend(fitted_models::judge(&fitted, &subjects, comparator, context, &mut outcome)?);
        bars.sort_by(|a, b| b.value.total_cmp(&a.value));
        let figure = Bars {
            title: "similarity of models to the subjects".into(),
            label: format!("{} (mean over {} subjects)", comparator.name(), subjects.len()),
            bars,
            band: Some((ceiling.lower, ceiling.upper, "noise ceiling".into())),
        };
        let caption = format!(
            "Mean similarity of each model to {} subjects over {} conditions with 95 % intervals ({}); the band is how similar the true model could be; * q < .05 (false discovery rate over models). Models marked `left out` were fitted to other conditions and subjects than they are judged with.",
            subjects.len(),
            subjects[0].conditions(),
            judged[0].interval.method
        );
        outcome.figure("models", "Models against brains", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}

struct Judged {
    mean: f64,
    interval: Interval,
    p: f64,
}

fn judge(
    p: &RepresentationalModelsParameters,
    models: &[Rdm],
    subjects: &[Rdm],
    comparator: Comparator,
    context: &Context<'_>,
) -> Result<Vec<Judged>, StageError> {
    let seed = context.seed.child("bootstrap");
    if p.generalise_to == GeneraliseTo::Both {
        let found = dual_bootstrap(models, subjects, comparator, p.draws, threads(), &seed).map_err(failed)?;
        let t = rheobase_core::special::student_t_quantile(0.975, found.degrees);
        return Ok((0..models.len())
            .map(|m| {
                let mean = found.similarities.row(m).mean().unwrap_or(f64::NAN);
                let half = t * found.variances[m].sqrt();
                let method = format!("dual bootstrap, {} draws, t with {} degrees of freedom", p.draws, found.degrees);
                let interval = Interval { low: mean - half, high: mean + half, level: 0.95, method };
                Judged { mean, interval, p: found.exceeds(m, 0.0).p }
            })
            .collect());
    }
    let resample = if p.generalise_to == GeneraliseTo::Conditions { Resample::Conditions } else { Resample::Subjects };
    let found = bootstrap(models, subjects, comparator, resample, p.draws, threads(), &seed).map_err(failed)?;
    Ok((0..models.len())
        .map(|m| Judged { mean: found.mean(m), interval: found.interval(m, 0.95), p: found.exceeds(m, 0.0).p })
        .collect())
}
