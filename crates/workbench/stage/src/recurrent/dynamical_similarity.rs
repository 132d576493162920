//! `[compare.*] kind = "dynamical-similarity"`: do trained networks move alike, up to a rotation of their states (Ostrow et al. 2023)?

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rheobase_core::Estimate;
use rheobase_core::statistics::mean;
use rheobase_data::npy::Array;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Heatmap;
use rheobase_similarity::dynamics::{dynamical_distance, linear_map_of_trials};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Axes, Recurrent, TrainedNetwork, unit_rates};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `dynamical-similarity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicalSimilarityParameters {
    /// The networks.
    #[schemars(length(min = 2))]
    pub of: Vec<Input<Recurrent>>,
    /// Fresh trials of each; networks on the same task see the same ones.
    #[serde(default = "trials")]
    #[schemars(range(min = 4, max = 10_000))]
    pub trials: usize,
    /// Principal components of the states that are taken.
    #[serde(default = "components")]
    #[schemars(range(min = 1, max = 200))]
    pub components: usize,
    /// Frames side by side.
    #[serde(default = "delays")]
    #[schemars(range(min = 1, max = 100))]
    pub delays: usize,
    /// Size of the linear maps.
    #[serde(default = "rank")]
    #[schemars(range(min = 1, max = 200))]
    pub rank: usize,
    /// Random rotations from which the best one is sought, beside those that pair eigenvalues.
    #[serde(default = "starts")]
    #[schemars(range(min = 0, max = 1000))]
    pub starts: usize,
}

fn trials() -> usize {
    60
}
fn components() -> usize {
    10
}
fn delays() -> usize {
    5
}
fn rank() -> usize {
    8
}
fn starts() -> usize {
    10
}

/// Dynamical similarity.
pub struct DynamicalSimilarity;

impl Kind for DynamicalSimilarity {
    type Parameters = DynamicalSimilarityParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "dynamical-similarity";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "distance of the dynamics of recurrent networks up to rotation (DSA, Ostrow 2023), against halves of one network's trials";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("dynamical similarity")];

    fn check(p: &DynamicalSimilarityParameters) -> Vec<Complaint> {
        let wide = p.rank > p.components * p.delays;
        let most = p.components * p.delays;
        let message = format!(
            "rank is {}, but {} components in {} frames have {most} dimensions",
            p.rank, p.components, p.delays
        );
        wide.then(|| complaint(&["rank"], message, "lower it, or raise `components` or `delays`")).into_iter().collect()
    }

    fn run(p: &DynamicalSimilarityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut names = vec![];
        let (mut whole, mut halves) = (vec![], vec![]);
        for (done, input) in p.of.iter().enumerate() {
            let handle = context.input(input)?;
            names.push(handle.address.to_string().trim_start_matches("model.").to_owned());
            let trained = TrainedNetwork::load(handle)?;
            let (_, responses) = trained.respond(p.trials, &context.seed);
            let states = reduced(&unit_rates(&responses, trained.network.units), p.components)?;
            whole.push(map_of(p, &states, |_| true)?);
            halves.push([map_of(p, &states, |k| k % 2 == 0)?, map_of(p, &states, |k| k % 2 == 1)?]);
            context.progress.step("networks", done + 1, p.of.len());
        }
        let seed = context.seed.child("rotation");
        let distance = |a: &Array2<f64>, b: &Array2<f64>| {
            dynamical_distance(a.view(), b.view(), p.starts, &seed).map(|d| d.angular).map_err(failed)
        };
        let n = names.len();
        let mut matrix = Array2::zeros((n, n));
        let (mut between, mut within) = (vec![], vec![]);
        for i in 0..n {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            // On the diagonal what the choice of trials alone makes.
            matrix[[i, i]] = distance(&halves[i][0], &halves[i][1])?;
            within.push(matrix[[i, i]]);
            for j in i + 1..n {
                let found = distance(&whole[i], &whole[j])?;
                matrix[[i, j]] = found;
                matrix[[j, i]] = found;
                between.push(found);
            }
        }
        let mut outcome = Outcome::default();
        let variant = format!("angular, {} delays, rank {}", p.delays, p.rank);
        let estimate =
            |value: f64, what: &str, n: usize, of: &str| Estimate::new(value, what, &variant, n, of).with_unit("rad");
        outcome.metric("between", estimate(mean(&between), "mean distance of networks", between.len(), "pairs"));
        outcome.metric("within", estimate(mean(&within), "mean distance of halves of the trials", n, "networks"));
        for i in 0..n {
            for j in i + 1..n {
                let name = format!("{}_{}", names[i], names[j]).replace(['.', '-'], "_");
                outcome.metric(&name, estimate(matrix[[i, j]], "distance", 1, "pairs"));
            }
        }
        let top = matrix.iter().fold(0.1_f64, |m, v| m.max(*v));
        let figure = Heatmap {
            title: "dynamical distance (rad)".into(),
            rows: names.clone(),
            columns: names,
            values: matrix.clone(),
            range: (0.0, top),
        };
        let caption = format!(
            "Angle between the linear maps that fit each network's states over {} trials, at the best rotation; on the diagonal between even and odd trials of one network.",
            p.trials
        );
        outcome.figure("distances", "Dynamical distances", &caption, figure.svg().map_err(failed)?);
        outcome.array("distance_rad", Array::F64(matrix.into_dyn()));
        Ok(outcome)
    }
}

/// States of every trial in the first principal axes, (trials, steps, axes).
fn reduced(rates: &Array3<f64>, components: usize) -> Result<Array3<f64>, StageError> {
    let (trials, steps, units) = rates.dim();
    let flat = Array2::from_shape_fn((trials * steps, units), |(row, unit)| rates[[row / steps, row % steps, unit]]);
    let axes = Axes::of(&flat, components)?;
    let scores = (&flat - &axes.mean).dot(&axes.axes);
    scores.into_shape_with_order((trials, steps, axes.shares.len())).map_err(failed)
}

fn map_of(
    p: &DynamicalSimilarityParameters,
    states: &Array3<f64>,
    taken: impl Fn(usize) -> bool,
) -> Result<Array2<f64>, StageError> {
    let trials: Vec<ArrayView2<'_, f64>> =
        states.axis_iter(Axis(0)).enumerate().filter(|(k, _)| taken(*k)).map(|(_, trial)| trial).collect();
    linear_map_of_trials(&trials, p.delays, p.rank, 0.0).map_err(failed)
}
