//! What a layer's responses fall into without being told the classes: clusters, mixtures, independent components, and a map.

use ndarray::{Array2, Axis, s};
use rand::seq::SliceRandom;
use rheobase_core::statistics::median;
use rheobase_core::{Estimate, NullDistribution};
use rheobase_data::Table;
use rheobase_decoding::structure::{adjusted_rand, gaussian_mixture, independent_components, k_means, t_sne};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_similarity::cca::principal_scores;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::layer_of;
use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `population-structure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PopulationStructureParameters {
    /// The model.
    pub of: Input<Probed>,
    /// Labelled images; those set apart for testing where there are any.
    pub on: Input<Dataset>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// Most images.
    #[serde(default = "images")]
    #[schemars(range(min = 20, max = 5000))]
    pub images: usize,
    /// Groups that are sought; as many as there are classes by default.
    #[serde(default)]
    #[schemars(range(min = 2, max = 1000))]
    pub groups: Option<usize>,
    /// Principal components from which mixtures and independent components are found.
    #[serde(default = "components")]
    #[schemars(range(min = 2, max = 200))]
    pub components: usize,
    /// Perplexity of the map: about how many neighbours count. Three times as many must fit into the images.
    #[serde(default = "perplexity")]
    #[schemars(range(min = 2.0, max = 500.0))]
    pub perplexity: f64,
    /// Permutations of the classes for the tests.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

fn images() -> usize {
    300
}
fn components() -> usize {
    10
}
fn perplexity() -> f64 {
    20.0
}
fn permutations() -> usize {
    199
}

/// Starts of k-means and mixtures, the best of which counts.
const RUNS: usize = 10;

/// Structure without labels.
pub struct PopulationStructure;

impl Kind for PopulationStructure {
    type Parameters = PopulationStructureParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "population-structure";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "clusters (k-means, Gaussian mixture) and independent components of a layer's responses without labels, held against the classes; a t-SNE map";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("structure without labels")];

    fn check(p: &PopulationStructureParameters) -> Vec<Complaint> {
        let wide = 3.0 * p.perplexity >= p.images as f64;
        let message = format!(
            "a perplexity of {} needs more than {:.0} images, found {}",
            p.perplexity,
            3.0 * p.perplexity,
            p.images
        );
        wide.then(|| complaint(&["perplexity"], message, "lower it, or raise `images`")).into_iter().collect()
    }

    fn run(p: &PopulationStructureParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let layer = layer_of(&*model, p.layer.as_deref())?;
        let images = Images::load(context.input(&p.on)?)?;
        if images.labels.is_empty() {
            return Err(StageError::Failed("the data set has no classes to hold the groups against".into()));
        }
        let rows: Vec<usize> = images.held_out().into_iter().take(p.images).collect();
        let labels: Vec<usize> = rows.iter().map(|&i| images.labels[i]).collect();
        let activity = model.record(&images.stimulus(&rows)?, &layer)?;
        let responses = activity.samples().to_owned();
        let groups = p.groups.unwrap_or(images.class_names.len());
        // Directions without variance are no components.
        let scores = principal_scores(responses.view(), 0.9999).map_err(failed)?;
        let scores = scores.slice(s![.., ..p.components.min(scores.ncols())]).to_owned();
        let mut outcome = Outcome::default();
        let clusters = k_means(responses.view(), groups, RUNS, &context.seed.child("k-means")).map_err(failed)?.of;
        context.progress.step("methods", 1, 4);
        let mixture = gaussian_mixture(scores.view(), groups, RUNS, &context.seed.child("mixture")).map_err(failed)?.of;
        context.progress.step("methods", 2, 4);
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        for (name, of, variant) in [
            ("k_means_agreement", &clusters, format!("adjusted Rand index of k-means with {groups} groups")),
            (
                "mixture_agreement",
                &mixture,
                format!("adjusted Rand index of {groups} Gaussians in {} components", scores.ncols()),
            ),
        ] {
            outcome.metric(name, agreement(p, of, &labels, &variant, context)?);
        }
        sources(&scores, context, &mut outcome)?;
        context.progress.step("methods", 3, 4);
        let map = t_sne(responses.view(), 2, p.perplexity, &context.seed.child("map")).map_err(failed)?;
        draw_map(p, &layer, &map, &labels, &images.class_names, &mut outcome)?;
        context.progress.step("methods", 4, 4);
        let names: Vec<String> = labels.iter().map(|l| images.class_names[*l].clone()).collect();
        let table = Table::new().with("class", names)?.with("cluster", clusters)?.with("mixture", mixture)?;
        outcome.table("images", table.with("x", map.column(0).to_vec())?.with("y", map.column(1).to_vec())?);
        Ok(outcome)
    }
}

fn agreement(
    p: &PopulationStructureParameters,
    groups: &[usize],
    labels: &[usize],
    variant: &str,
    context: &Context<'_>,
) -> Result<Estimate, StageError> {
    let value = adjusted_rand(groups, labels).map_err(failed)?;
    let null = (0..p.permutations).map(|draw| {
        let mut permuted = labels.to_vec();
        permuted.shuffle(&mut context.seed.child("permutation").index(draw).stream());
        adjusted_rand(groups, &permuted).map_err(failed)
    });
    let null: Vec<f64> = null.collect::<Result<_, _>>()?;
    let mut estimate = Estimate::new(value, "agreement of groups and classes", variant, labels.len(), "images");
    if !null.is_empty() {
        estimate.null = Some(NullDistribution::one_sided("classes permuted over images", value, &null));
    }
    Ok(estimate)
}

/// Excess kurtosis of independent components against that of principal ones: how far sparse sources mix.
fn sources(scores: &Array2<f64>, context: &Context<'_>, outcome: &mut Outcome) -> Result<(), StageError> {
    let found =
        independent_components(scores.view(), scores.ncols(), &context.seed.child("sources")).map_err(failed)?;
    let excess = |x: &Array2<f64>| -> f64 {
        let of = |column: ndarray::ArrayView1<'_, f64>| {
            let middle = column.sum() / column.len() as f64;
            let moment = |k: i32| column.iter().map(|v| (v - middle).powi(k)).sum::<f64>() / column.len() as f64;
            moment(4) / moment(2).powi(2) - 3.0
        };
        median(&x.axis_iter(Axis(1)).map(of).filter(|k| k.is_finite()).collect::<Vec<_>>())
    };
    for (name, x, what) in
        [("independent_kurtosis", &found, "independent"), ("principal_kurtosis", scores, "principal")]
    {
        let name_of = format!("excess kurtosis of {what} components");
        let variant = "median over components, FastICA with log cosh after PCA";
        outcome.metric(name, Estimate::new(excess(x), &name_of, variant, x.ncols(), "components"));
    }
    Ok(())
}

fn draw_map(
    p: &PopulationStructureParameters,
    layer: &str,
    map: &Array2<f64>,
    labels: &[usize],
    names: &[String],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let of_class = |class: usize| -> Vec<(f64, f64)> {
        let rows = labels.iter().enumerate().filter(|(_, l)| **l == class);
        rows.map(|(row, _)| (map[[row, 0]], map[[row, 1]])).collect()
    };
    let lines = names.iter().enumerate().map(|(class, name)| series(name, of_class(class), Marks::Points)).collect();
    let caption = format!(
        "t-SNE of the responses of {layer} to {} images, perplexity {}. A picture, not a measurement: distances between far groups mean nothing.",
        labels.len(),
        p.perplexity
    );
    chart(outcome, ["map", "Map of the responses", &caption], ["", ""], lines)
}
