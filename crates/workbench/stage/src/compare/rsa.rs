//! Representational similarity analysis: layers against the class structure and against other models.

use ndarray::Array2;
use rand::seq::SliceRandom;
use rheobase_core::statistics::jackknife_interval;
use rheobase_core::{Estimate, NullDistribution, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Heatmap;
use rheobase_similarity::{Comparator, Dissimilarity, Rdm, compare_rdms};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, Probed};
use crate::compare::{Population, conditions, populations};
use crate::kind::{Kind, complaint, failed, main_output};

/// Dissimilarity of two conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DissimilarityChoice {
    /// 1 - Pearson correlation over units.
    Correlation,
    /// Squared Euclidean distance divided by the number of units.
    SquaredEuclidean,
    /// Symmetrised Kullback-Leibler divergence of Poisson rates, for units whose responses are not negative.
    Poisson,
}

/// Parameters of `rsa`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RsaParameters {
    /// The models whose layers are tested.
    #[schemars(length(min = 1))]
    pub of: Vec<Input<Probed>>,
    /// What they are shown; held-out images where the data set has them, classes in turn.
    pub stimuli: Input<Dataset>,
    /// Layers that are tested; all by default.
    #[serde(default)]
    pub layers: Vec<String>,
    /// Whether the class structure (0 within, 1 between classes) is a reference.
    #[serde(default)]
    pub classes: bool,
    /// Models whose layers are references.
    #[serde(default)]
    pub against: Vec<Input<Probed>>,
    /// Layers of the reference models; all by default.
    #[serde(default)]
    pub against_layers: Vec<String>,
    /// Dissimilarity of two images.
    #[serde(default = "correlation")]
    pub dissimilarity: DissimilarityChoice,
    /// Most images; every pair of them is compared.
    #[serde(default = "images")]
    #[schemars(range(min = 20, max = 5000))]
    pub images: usize,
    /// Permutations for the null distribution of each comparison.
    #[serde(default = "draws")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

fn correlation() -> DissimilarityChoice {
    DissimilarityChoice::Correlation
}
fn images() -> usize {
    150
}
fn draws() -> usize {
    99
}

/// Representational similarity analysis.
pub struct Rsa;

impl Kind for Rsa {
    type Parameters = RsaParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "rsa";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "representational similarity (Kriegeskorte 2008), compared by rho-a and tau-a, which do not reward ties";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn check(p: &RsaParameters) -> Vec<Complaint> {
        if !p.classes && p.against.is_empty() {
            let message = "there is nothing to compare with".to_owned();
            return vec![complaint(&["of"], message, "set classes = true, or name models in `against`")];
        }
        vec![]
    }

    fn run(p: &RsaParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows = conditions(&images.held_out(), &images.labels, p.images);
        let stimulus = images.stimulus(&rows)?;
        let dissimilarity = match p.dissimilarity {
            DissimilarityChoice::Correlation => Dissimilarity::Correlation,
            DissimilarityChoice::SquaredEuclidean => Dissimilarity::SquaredEuclidean,
            DissimilarityChoice::Poisson => Dissimilarity::Poisson,
        };
        let rdm = |population: &Population| {
            Rdm::from_responses(population.responses.view(), dissimilarity)
                .map_err(|e| StageError::Failed(format!("{}: {e}", population.label())))
        };
        let tested = populations(&p.of, &p.layers, &stimulus, context)?;
        let mut references: Vec<(String, Rdm)> = Vec::new();
        if p.classes {
            if images.labels.is_empty() {
                return Err(StageError::Failed("`classes` is set, but the data set has no classes".into()));
            }
            let classes: Vec<usize> = rows.iter().map(|&i| images.labels[i]).collect();
            references.push(("classes".into(), Rdm::from_classes(&classes).map_err(failed)?));
        }
        for population in populations(&p.against, &p.against_layers, &stimulus, context)? {
            references.push((population.label(), rdm(&population)?));
        }
        let mut outcome = Outcome::default();
        let mut values = Array2::from_elem((tested.len(), references.len()), f64::NAN);
        let (mut layers, mut names, mut rho, mut tau) = (vec![], vec![], vec![], vec![]);
        for (i, population) in tested.iter().enumerate() {
            let own = rdm(population)?;
            for (j, (name, reference)) in references.iter().enumerate() {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                for comparator in [Comparator::RhoA, Comparator::TauA] {
                    let estimate = compare(&own, reference, comparator, p, &context.seed)?;
                    if comparator == Comparator::RhoA {
                        values[[i, j]] = estimate.value;
                        rho.push(estimate.value);
                    } else {
                        tau.push(estimate.value);
                    }
                    let short = if comparator == Comparator::RhoA { "rho_a" } else { "tau_a" };
                    outcome.metric(&format!("{}~{name}.{short}", population.label()), estimate);
                }
                layers.push(population.label());
                names.push(name.clone());
            }
            context.progress.step("layers", i + 1, tested.len());
        }
        let table =
            Table::new().with("layer", layers)?.with("reference", names)?.with("rho_a", rho)?.with("tau_a", tau)?;
        outcome.table("comparisons", table);
        let top = values.iter().copied().filter(|v| v.is_finite()).fold(0.1, f64::max);
        let map = Heatmap {
            title: "representational similarity (rho-a)".into(),
            rows: tested.iter().map(Population::label).collect(),
            columns: references.iter().map(|r| r.0.clone()).collect(),
            values,
            range: (0.0, top),
        };
        let caption = format!(
            "rho-a between the dissimilarity matrices of layers (rows) and references (columns), n = {} images.",
            rows.len()
        );
        outcome.figure("rsa", "Representational similarity", &caption, map.svg().map_err(failed)?);
        Ok(outcome)
    }
}

fn compare(
    own: &Rdm,
    reference: &Rdm,
    comparator: Comparator,
    p: &RsaParameters,
    seed: &Seed,
) -> Result<Estimate, StageError> {
    let n = own.conditions();
    let value = compare_rdms(own, reference, comparator).map_err(failed)?;
    let variant = match p.dissimilarity {
        DissimilarityChoice::Correlation => format!("{}, correlation distance", comparator.name()),
        DissimilarityChoice::SquaredEuclidean => format!("{}, squared Euclidean distance", comparator.name()),
        DissimilarityChoice::Poisson => format!("{}, divergence of Poisson rates", comparator.name()),
    };
    let mut estimate = Estimate::new(value, "representational similarity", &variant, n, "images");
    estimate.interval =
        jackknife_interval(n, |kept| compare_rdms(&own.subset(kept), &reference.subset(kept), comparator).ok());
    if p.permutations > 0 {
        let mut null = Vec::with_capacity(p.permutations);
        for draw in 0..p.permutations {
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut seed.child("permutation").index(draw).stream());
            null.extend(compare_rdms(&own.subset(&order), reference, comparator).ok());
        }
        estimate.null = Some(NullDistribution::one_sided("images permuted in one matrix", value, &null));
    }
    Ok(estimate)
}
