//! Models with parameters beside the fixed ones: fitted to some conditions and subjects, judged with the others.

use rheobase_core::Estimate;
use rheobase_core::inference::t_interval;
use rheobase_core::statistics::mean;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, StageError};
use rheobase_report::figure::Bar;
use rheobase_similarity::models::{Mixture, cross_validated};
use rheobase_similarity::{Comparator, Rdm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{complaint, failed};

/// How a model is made of its components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MixtureChoice {
    /// The component most similar to the training subjects.
    Selected,
    /// The best mixture of two components that follow each other in `of`.
    Interpolated,
    /// The best non-negative weights of all components.
    Weighted,
}

impl MixtureChoice {
    fn mixture(self) -> Mixture {
        match self {
            Self::Selected => Mixture::Selected,
            Self::Interpolated => Mixture::Interpolated,
            Self::Weighted => Mixture::Weighted,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Selected => "selected",
            Self::Interpolated => "interpolated",
            Self::Weighted => "weighted",
        }
    }
}

/// A model with parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FittedModel {
    /// Its name in the report.
    pub name: String,
    /// How it is made.
    pub mixture: MixtureChoice,
    /// Names of its components, in order; all models by default.
    #[serde(default)]
    pub of: Vec<String>,
}

/// What is wrong with the list.
pub(super) fn complaints(models: &[FittedModel]) -> Vec<Complaint> {
    let mut all = vec![];
    for (k, model) in models.iter().enumerate() {
        if models[..k].iter().any(|m| m.name == model.name) {
            let message = format!("two fitted models are called `{}`", model.name);
            all.push(complaint(&["fitted"], message, "give each a name of its own"));
        }
        if model.mixture == MixtureChoice::Interpolated && model.of.len() == 1 {
            let message = format!("`{}` interpolates between one component", model.name);
            all.push(complaint(&["fitted"], message, "name 2 or more in `of`"));
        }
    }
    all
}

/// A fitted model and its components by name.
pub(super) type Resolved<'a> = (&'a FittedModel, Vec<&'a (String, Rdm)>);

/// The components of each fitted model.
pub(super) fn resolve<'a>(
    fitted: &'a [FittedModel],
    models: &'a [(String, Rdm)],
) -> Result<Vec<Resolved<'a>>, StageError> {
    fitted.iter().map(|model| Ok((model, components(model, models)?))).collect()
}

/// Judges each and returns its bar; weights go into a table.
pub(super) fn judge(
    fitted: &[Resolved<'_>],
    subjects: &[Rdm],
    comparator: Comparator,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<Vec<Bar>, StageError> {
    let mut bars = vec![];
    let (mut names, mut parts, mut weights) = (vec![], vec![], vec![]);
    for (model, chosen) in fitted {
        let rdms: Vec<Rdm> = chosen.iter().map(|m| m.1.clone()).collect();
        let seed = context.seed.child("fitted").child(&model.name);
        let found = cross_validated(&rdms, subjects, model.mixture.mixture(), comparator, &seed).map_err(failed)?;
        let variant = format!(
            "{}, {} of {} components, {} folds of conditions x {} of subjects left out",
            comparator.name(),
            model.mixture.name(),
            rdms.len(),
            found.folds.0,
            found.folds.1
        );
        let value = mean(&found.by_subject);
        let mut estimate = Estimate::new(value, "similarity of a fitted model", &variant, subjects.len(), "subjects");
        let interval = t_interval(&found.by_subject);
        if let Some(interval) = &interval {
            estimate = estimate.with_interval(interval.clone());
        }
        outcome.metric(&model.name.replace([' ', '.'], "_"), estimate);
        for ((name, _), weight) in chosen.iter().zip(&found.weights) {
            names.push(model.name.clone());
            parts.push(name.clone());
            weights.push(*weight);
        }
        bars.push(Bar {
            name: format!("{} (left out)", model.name),
            value,
            interval: interval.map(|i| (i.low, i.high)),
            mark: String::new(),
        });
    }
    if !names.is_empty() {
        let table = Table::new().with("model", names)?.with("component", parts)?.with("weight", weights)?;
        outcome.table("fitted_weights", table);
    }
    Ok(bars)
}

fn components<'a>(model: &FittedModel, models: &'a [(String, Rdm)]) -> Result<Vec<&'a (String, Rdm)>, StageError> {
    if model.of.is_empty() {
        return Ok(models.iter().collect());
    }
    let find = |name: &String| {
        models.iter().find(|m| &m.0 == name).ok_or_else(|| {
            let known = models.iter().map(|m| m.0.as_str()).collect::<Vec<_>>().join(", ");
            StageError::Failed(format!("fitted model `{}`: there is no model `{name}`; there are: {known}", model.name))
        })
    };
    model.of.iter().map(find).collect()
}
