//! `[analysis.*] kind = "surrogate-map"`: which input precedes a spike in a neuron and in its surrogate, on the tree where there is one; what
//! the first layer of the surrogate looks at; and what both lose when inputs are cut off.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use rheobase_core::statistics::pearson;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::data::Trial;
use rheobase_surrogate::input_map::triggered_average;
use rheobase_surrogate::spikes::InputSpikes;
use rheobase_surrogate::surrogate::WARM_UP_MS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::covariance::Covariance;
use super::lesions::{Lesions, LesionsBy, groups};
use super::trees::Tree;
use super::{SurrogateArtifact, TrialsArtifact, load, load_neuron, load_surrogate};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `surrogate-map`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapParameters {
    /// The surrogate.
    pub of: Input<SurrogateArtifact>,
    /// Trials of the neuron that it imitates.
    pub on: Input<TrialsArtifact>,
    /// Trials at the end that are used: those that the surrogate was not trained on.
    #[schemars(range(min = 1))]
    pub test_trials: usize,
    /// Milliseconds before a spike.
    #[serde(default = "lags")]
    #[schemars(range(min = 2))]
    pub lags_ms: usize,
    /// Which inputs are cut off together: those of a region, or those of a section.
    #[serde(default)]
    pub lesions_by: LesionsBy,
    /// Whether the neuron itself is lesioned too, to compare; it is simulated once more for each lesion.
    #[serde(default)]
    pub lesion_neuron: bool,
    /// How input by section is counted for its spike-triggered covariance; by default it is not looked at.
    #[serde(default)]
    pub covariance: Option<Covariance>,
}

fn lags() -> usize {
    60
}

/// Maps and lesions of the inputs of a surrogate.
pub struct SurrogateMap;

impl Kind for SurrogateMap {
    type Parameters = MapParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "surrogate-map";
    const VERSION: u32 = 5;
    const ABOUT: &'static str = "spike-triggered averages of the inputs of a neuron and of its surrogate, what the surrogate's first layer looks at, and lesions of inputs";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("maps of inputs")];

    fn check(p: &MapParameters) -> Vec<Complaint> {
        let message = format!("{} trials and {} ms: at least 1 and 2", p.test_trials, p.lags_ms);
        let wrong = p.test_trials == 0 || p.lags_ms < 2;
        if wrong { vec![complaint(&["lags_ms"], message, "60 is usual")] } else { vec![] }
    }

    fn run(p: &MapParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let surrogate = load_surrogate(context.input(&p.of)?)?;
        let data = load(context.input(&p.on)?)?;
        surrogate.check_inputs(&data.input_names).map_err(failed)?;
        let tested = &data.trials[data.trials.len().saturating_sub(p.test_trials)..];
        let warm_up = WARM_UP_MS.min(tested.first().map_or(0, |t| t.input.steps() / 2));
        let inputs: Vec<&InputSpikes> = tested.iter().map(|t| &t.input).collect();
        let intact = chances(&surrogate, &inputs)?;
        let average = |weights: &[Vec<f32>]| triggered_average(&inputs, weights, p.lags_ms, warm_up).map_err(failed);
        let maps = [average(&tested.iter().map(spikes_of).collect::<Vec<_>>())?, average(&intact)?];
        let neuron = load_neuron(context.input(&p.on)?)?;
        let mut outcome = Outcome::default();
        report_maps(&maps, &groups(&data.input_names, LesionsBy::Region), &mut outcome)?;
        let lesions = Lesions { surrogate: &surrogate, neuron: &*neuron, tested, warm_up };
        lesions.report(p.lesions_by, p.lesion_neuron, context.progress, &mut outcome)?;
        if let Some(covariance) = &p.covariance {
            let seed = context.seed.child("covariance");
            covariance.report((tested, &data.input_names), &intact, warm_up, &seed, &mut outcome)?;
        }
        if let Some((cell, places)) = neuron.shape() {
            let tree = Tree { cell, places, names: &data.input_names };
            tree.report_averages(&maps, &mut outcome)?;
            tree.report_first_layer(&surrogate, &context.seed, &mut outcome)?;
        }
        Ok(outcome)
    }
}

/// Chance of a spike in every millisecond of trials.
pub(super) fn chances(surrogate: &Surrogate, inputs: &[&InputSpikes]) -> Result<Vec<Vec<f32>>, StageError> {
    let predictions = surrogate.predict(inputs, threads()).map_err(failed)?;
    Ok(predictions.into_iter().map(|p| p.spike_probability).collect())
}

/// 1 in every millisecond with a spike of the neuron, else 0.
pub(super) fn spikes_of(trial: &Trial) -> Vec<f32> {
    let mut all = vec![0.0; trial.input.steps()];
    trial.response.spikes.iter().for_each(|s| all[*s as usize] = 1.0);
    all
}

fn report_maps(
    [neuron, surrogate]: &[Array2<f64>; 2],
    groups: &BTreeMap<String, Vec<usize>>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let (inputs, lags) = neuron.dim();
    let (mut lines, mut both) = (vec![], (vec![], vec![]));
    for (name, members) in groups {
        let mean = |map: &Array2<f64>| map.select(Axis(0), members).mean_axis(Axis(0)).unwrap_or_default().to_vec();
        let (of_neuron, of_surrogate) = (mean(neuron), mean(surrogate));
        let line = |v: &[f64]| v.iter().enumerate().map(|(lag, v)| (-(lag as f64), 1e3 * v)).collect::<Vec<_>>();
        lines.push(series(&format!("{name}, neuron"), line(&of_neuron), Marks::Dashed));
        lines.push(series(&format!("{name}, surrogate"), line(&of_surrogate), Marks::Line));
        both.0.extend(of_neuron);
        both.1.extend(of_surrogate);
    }
    let r = pearson(&both.0, &both.1).unwrap_or(f64::NAN);
    let what = ("correlation of the spike-triggered averages of neuron and surrogate, by region and lag", "");
    metric(outcome, "map_r", r, what, (both.0.len(), "regions x lags"));
    let sums = |map: &Array2<f64>| map.sum_axis(Axis(1)).to_vec();
    let (x, y) = (sums(neuron), sums(surrogate));
    let what = ("correlation over synapses of the averages summed over lags", "");
    metric(outcome, "synapse_r", pearson(&x, &y).unwrap_or(f64::NAN), what, (inputs, "synapses"));
    let caption = "Mean rate of the inputs of a region before a spike, less their mean rate at any time.";
    let key = ["triggered", "Input before a spike", caption];
    chart(outcome, key, ["time from the spike (ms)", "rate above mean (Hz)"], lines)?;
    let points = x.into_iter().zip(y).collect();
    let caption = format!(
        "Each point is a synapse: its spikes in the {lags} ms before a spike above chance, in the neuron and in the surrogate."
    );
    let key = ["synapses", "Synapse by synapse", caption.as_str()];
    chart(outcome, key, ["neuron (spikes)", "surrogate (spikes)"], vec![series("", points, Marks::Points)])
}
