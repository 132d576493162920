//! `[analysis.*] kind = "surrogate-map"`: which input precedes a spike in a neuron and in its surrogate, and what the surrogate loses when
//! inputs are cut off.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use rheobase_core::statistics::pearson;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars, Marks};
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::data::Trial;
use rheobase_surrogate::input_map::{triggered_average, without};
use rheobase_surrogate::metrics::Scores;
use rheobase_surrogate::spikes::InputSpikes;
use rheobase_surrogate::surrogate::{FALSE_POSITIVES, WARM_UP_MS};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::imitation::load_surrogate;
use super::{SurrogateArtifact, TrialsArtifact, load};
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
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "spike-triggered averages of the inputs of a neuron and of its surrogate, and lesions of the surrogate's inputs by region";
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
        let groups = groups(&data.input_names);
        let mut outcome = Outcome::default();
        report_maps(&maps, &groups, &mut outcome)?;
        report_lesions(&surrogate, tested, &intact, &groups, warm_up, &mut outcome)?;
        Ok(outcome)
    }
}

/// Chance of a spike in every millisecond of trials.
fn chances(surrogate: &Surrogate, inputs: &[&InputSpikes]) -> Result<Vec<Vec<f32>>, StageError> {
    let predictions = surrogate.predict(inputs, threads()).map_err(failed)?;
    Ok(predictions.into_iter().map(|p| p.spike_probability).collect())
}

fn spikes_of(trial: &Trial) -> Vec<f32> {
    let mut all = vec![0.0; trial.input.steps()];
    trial.response.spikes.iter().for_each(|s| all[*s as usize] = 1.0);
    all
}

/// Inputs of one kind in one region: what stands before the number of the section.
fn groups(names: &[String]) -> BTreeMap<String, Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (k, name) in names.iter().enumerate() {
        groups.entry(name.split('[').next().unwrap_or(name).to_owned()).or_default().push(k);
    }
    groups
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

/// Predicted rate in Hz, and how well the neuron's own spikes are told.
fn judged(chances: &[Vec<f32>], tested: &[Trial], warm_up: usize) -> Result<(f64, f64), StageError> {
    let mut scores = Scores::default();
    for (chance, trial) in chances.iter().zip(tested) {
        scores.scores.extend(&chance[warm_up..]);
        scores.spikes.extend(spikes_of(trial)[warm_up..].iter().map(|s| *s > 0.5));
    }
    let rate = 1e3 * scores.scores.iter().map(|p| f64::from(*p)).sum::<f64>() / scores.scores.len() as f64;
    Ok((rate, scores.discrimination(FALSE_POSITIVES).map_err(failed)?.auc))
}

fn report_lesions(
    surrogate: &Surrogate,
    tested: &[Trial],
    intact: &[Vec<f32>],
    groups: &BTreeMap<String, Vec<usize>>,
    warm_up: usize,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut rows = vec![("none".to_owned(), 0, judged(intact, tested, warm_up)?)];
    for (name, members) in groups {
        let mut cut = vec![false; surrogate.input_names.len()];
        members.iter().for_each(|k| cut[*k] = true);
        let lesioned: Vec<InputSpikes> = tested.iter().map(|t| without(&t.input, |k| cut[k])).collect();
        let chances = chances(surrogate, &lesioned.iter().collect::<Vec<_>>())?;
        rows.push((name.clone(), members.len(), judged(&chances, tested, warm_up)?));
    }
    let n = (tested.len(), "trials");
    metric(outcome, "intact_rate_hz", rows[0].2.0, ("rate that the intact surrogate predicts", "Hz"), n);
    for (name, _, (rate, auc)) in &rows[1..] {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let key = plain.replace("__", "_");
        metric(outcome, &format!("{key}_rate_hz"), *rate, ("predicted rate without these inputs", "Hz"), n);
        metric(outcome, &format!("{key}_auc"), *auc, ("area under the ROC curve without these inputs", ""), n);
    }
    let bar = |(name, count, (rate, _)): &(String, usize, (f64, f64))| Bar {
        name: if *count == 0 { "intact".into() } else { format!("without {name}") },
        value: *rate,
        interval: None,
        mark: String::new(),
    };
    let figure = Bars {
        title: "predicted rate without inputs".into(),
        label: "predicted rate (Hz)".into(),
        bars: rows.iter().map(bar).collect(),
        band: None,
    };
    let caption = "Rate that the surrogate predicts when the inputs of a region are cut off.";
    outcome.figure("lesions", "Inputs cut off", caption, figure.svg().map_err(failed)?);
    let table = Table::new()
        .with("lesion", rows.iter().map(|r| r.0.clone()).collect::<Vec<_>>())?
        .with("inputs", rows.iter().map(|r| r.1 as f64).collect::<Vec<_>>())?
        .with("rate_hz", rows.iter().map(|r| r.2.0).collect::<Vec<_>>())?
        .with("auc", rows.iter().map(|r| r.2.1).collect::<Vec<_>>())?;
    outcome.table("lesions", table);
    Ok(())
}
