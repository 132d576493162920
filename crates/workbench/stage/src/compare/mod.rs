//! What measurements are compared with: other models, published figures.

mod brain_predictivity;
mod cka;
mod configuration_space;
mod fitted_models;
mod measure;
mod population_similarity;
mod predictivity;
mod published_target;
mod representational_models;
mod response_similarity;
mod rsa;

pub use brain_predictivity::BrainPredictivity;
pub use cka::Cka;
pub use configuration_space::ConfigurationSpace;
pub use measure::Measure;
pub use population_similarity::PopulationSimilarity;
pub use predictivity::Predictivity;
pub use published_target::PublishedTarget;
pub use representational_models::RepresentationalModels;
pub use response_similarity::ResponseSimilarity;
pub use rsa::Rsa;

use ndarray::Array2;
use rheobase_core::Stimulus;
use rheobase_pipeline::{Context, Input, StageError};
use rheobase_similarity::streaming::Moments;

use crate::artifact::{Images, Probed, load_probe};
use crate::kind::failed;

/// The activity of one layer of one model.
struct Population {
    /// Name of the model without its role.
    model: String,
    layer: String,
    /// Responses, (conditions, units).
    responses: Array2<f64>,
}

impl Population {
    fn label(&self) -> String {
        format!("{}.{}", self.model, self.layer)
    }
}

/// Records every layer (or those named) of several models.
fn populations(
    models: &[Input<Probed>],
    layers: &[String],
    stimulus: &Stimulus,
    context: &Context<'_>,
) -> Result<Vec<Population>, StageError> {
    let mut all = Vec::new();
    for input in models {
        let handle = context.input(input)?;
        let model = load_probe(handle)?;
        let name = handle.address.split_once('.').map_or(handle.address.as_str(), |(_, name)| name).to_owned();
        let known = model.layers();
        let chosen: Vec<String> =
            known.iter().map(|l| l.name.clone()).filter(|n| layers.is_empty() || layers.contains(n)).collect();
        if chosen.is_empty() {
            let known = known.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(StageError::Failed(format!(
                "{} has none of the layers {}; it has {known}",
                handle.address,
                layers.join(", ")
            )));
        }
        for layer in chosen {
            let responses = model.record(stimulus, &layer)?.samples().to_owned();
            all.push(Population { model: name.clone(), layer, responses });
        }
    }
    Ok(all)
}

/// Moments of two layers, with the places of both in the list of layers.
type PairMoments = ((usize, usize), Moments);

/// All layers, with their responses to the last images only, and the moments of every pair (a <= b), summed up over blocks of images, so that
/// memory is units x units whatever the number of images.
fn summed_up(
    models: &[Input<Probed>],
    layers: &[String],
    images: &Images,
    rows: &[usize],
    block: usize,
    context: &Context<'_>,
) -> Result<(Vec<Population>, Vec<PairMoments>), StageError> {
    let (mut all, mut moments): (Vec<Population>, Vec<PairMoments>) = (vec![], vec![]);
    for (done, part) in rows.chunks(block).enumerate() {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        all = populations(models, layers, &images.stimulus(part)?, context)?;
        if moments.is_empty() {
            let units = |k: usize| all[k].responses.ncols();
            let pairs = (0..all.len()).flat_map(|a| (a..all.len()).map(move |b| (a, b)));
            moments = pairs.map(|(a, b)| ((a, b), Moments::new(units(a), units(b)))).collect();
        }
        for ((a, b), sums) in &mut moments {
            sums.add(all[*a].responses.view(), all[*b].responses.view()).map_err(failed)?;
        }
        context.progress.step("blocks of images", done + 1, rows.len().div_ceil(block));
    }
    Ok((all, moments))
}

/// Evenly chosen conditions, classes in turn where there are classes.
fn conditions(held_out: &[usize], labels: &[usize], most: usize) -> Vec<usize> {
    if labels.is_empty() {
        return held_out.iter().copied().take(most).collect();
    }
    let classes = labels.iter().max().map_or(0, |m| m + 1);
    let mut by_class: Vec<std::collections::VecDeque<usize>> = vec![Default::default(); classes];
    held_out.iter().for_each(|&i| by_class[labels[i]].push_back(i));
    let mut chosen = Vec::new();
    while chosen.len() < most && by_class.iter().any(|c| !c.is_empty()) {
        for class in &mut by_class {
            if chosen.len() < most
                && let Some(next) = class.pop_front()
            {
                chosen.push(next);
            }
        }
    }
    chosen
}
