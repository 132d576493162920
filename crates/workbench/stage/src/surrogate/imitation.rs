//! `[model.*] kind = "surrogate"`: a network trained to say what a neuron does, judged on trials that it has not seen.

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::NamedArray;
use rheobase_rate::training::EpochRecord;
use rheobase_report::figure::Marks;
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::data::Dataset;
use rheobase_surrogate::dendrites::DendriteFit;
use rheobase_surrogate::metrics::functional_complexity_index;
use rheobase_surrogate::network::Network;
use rheobase_surrogate::surrogate::{Evaluation, LAGS_MS, WARM_UP_MS, check_testable};
use rheobase_surrogate::training::{Surroundings, Training};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::{ArchitecturePart, sign};
use super::quality::Quality;
use super::{TrialsArtifact, device_of, load, stopped};
use crate::artifact::{from_safetensors, to_safetensors};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::model::checkpoint::FolderCheckpoints;

const WEIGHTS: &str = "weights.safetensors";
pub(super) const SURROGATE: &str = "surrogate.json";

/// Parameters of `surrogate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurrogateParameters {
    /// Trials of the neuron.
    pub of: Input<TrialsArtifact>,
    /// The network.
    pub architecture: ArchitecturePart,
    /// How it is trained.
    pub training: Training,
    /// Trials at the end that are kept for testing.
    #[schemars(range(min = 1))]
    pub test_trials: usize,
    /// Trials at the beginning to train on, for learning curves; by default all that are not kept for testing.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub train_trials: Option<usize>,
    /// Time constant in ms of an exponential with which the filter of a single unit is compared.
    #[serde(default)]
    pub compare_with_tau_ms: Option<f64>,
}

/// A surrogate of a neuron.
pub struct Imitation;

impl Kind for Imitation {
    type Parameters = SurrogateParameters;
    const ROLE: Role = Role::Model;
    const KIND: &'static str = "surrogate";
    const VERSION: u32 = 5;
    const USES_DEVICE: bool = true;
    const ABOUT: &'static str = "a deep network that imitates one neuron, and how well and at which complexity it does";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a surrogate")];

    fn check(p: &SurrogateParameters) -> Vec<Complaint> {
        let mut all = p.architecture.complaints();
        let filter = matches!(p.architecture, ArchitecturePart::Filter { .. });
        if p.compare_with_tau_ms.is_some() && !filter {
            let message = "only a filter can be compared with an exponential".to_owned();
            all.push(complaint(&["compare_with_tau_ms"], message, "leave it out, or use architecture kind filter"));
        }
        all
    }

    fn memory_mib(p: &SurrogateParameters) -> u64 {
        p.architecture.memory_mib()
    }

    fn run(p: &SurrogateParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let data = load(context.input(&p.of)?)?;
        let first_test = data.trials.len().saturating_sub(p.test_trials);
        let train = p.train_trials.unwrap_or(first_test);
        if train > first_test {
            let (all, test) = (data.trials.len(), p.test_trials);
            let message = format!(
                "train_trials is {train}, but of {all} trials {test} are kept for testing: at most {first_test}"
            );
            return Err(StageError::Failed(message));
        }
        check_testable(&data.trials[first_test..]).map_err(failed)?;
        let network = p.architecture.network(&data.input_names);
        network.check().map_err(failed)?;
        let mut checkpoints = FolderCheckpoints::new(&context.scratch, context.progress);
        let surroundings = Surroundings {
            seed: context.seed.child("surrogate"),
            threads: threads(),
            device: device_of(context)?,
            progress: context.progress,
            checkpoints: &mut checkpoints,
        };
        let (surrogate, history) = p.training.run(network, &data, train, surroundings).map_err(stopped)?;
        let evaluation = surrogate.evaluate(&data, first_test..data.trials.len(), threads()).map_err(failed)?;
        let mut outcome = Outcome::default();
        keep(&surrogate, &mut outcome)?;
        let train_s = data.trials[..train].iter().map(|t| t.input.steps() as f64 * 1e-3).sum();
        Quality::new(&surrogate, &evaluation, train_s).store(&mut outcome)?;
        report_training(&surrogate, &history, &mut outcome)?;
        report_quality(&evaluation, p.test_trials, &mut outcome)?;
        report_trial(&surrogate, &data, first_test, &mut outcome)?;
        report_filters(&surrogate, p.compare_with_tau_ms, &mut outcome)?;
        Ok(outcome)
    }
}

/// Weights as safetensors, and what they belong to.
pub(super) fn keep(surrogate: &Surrogate, outcome: &mut Outcome) -> Result<(), StageError> {
    let arrays: Vec<NamedArray> = surrogate
        .network
        .shapes()
        .into_iter()
        .zip(&surrogate.weights)
        .map(|(shape, values)| NamedArray { name: shape.name, shape: shape.dims, values: values.clone() })
        .collect();
    outcome.files.insert(WEIGHTS.into(), to_safetensors(&arrays)?);
    let without = Surrogate { weights: vec![], ..surrogate.clone() };
    outcome.files.insert(SURROGATE.into(), serde_json::to_vec(&without).map_err(failed)?);
    Ok(())
}

/// Reads the surrogate of a result.
pub fn load_surrogate(input: &InputHandle) -> Result<Surrogate, StageError> {
    let mut surrogate: Surrogate = serde_json::from_slice(&input.file(SURROGATE)?).map_err(failed)?;
    let mut arrays = from_safetensors(&input.file(WEIGHTS)?)?;
    for shape in surrogate.network.shapes() {
        let place = arrays.iter().position(|a| a.name == shape.name && a.shape == shape.dims);
        let missing =
            || StageError::Failed(format!("the weights of {} lack `{}`: they are damaged", input.address, shape.name));
        surrogate.weights.push(arrays.swap_remove(place.ok_or_else(missing)?).values);
    }
    Ok(surrogate)
}

fn report_training(surrogate: &Surrogate, history: &[EpochRecord], outcome: &mut Outcome) -> Result<(), StageError> {
    let count = surrogate.network.parameter_count() as f64;
    metric(outcome, "parameters", count, ("trainable numbers", ""), (1, "network"));
    let losses: Vec<(f64, f64)> =
        history.iter().filter_map(|r| r.train_loss.map(|loss| (r.epoch as f64, loss))).collect();
    // A network before training has no history.
    let Some((_, last)) = losses.last() else { return Ok(()) };
    metric(outcome, "train_loss", *last, ("training loss of the last block", ""), (1, "block"));
    let table = Table::new()
        .with("iteration", losses.iter().map(|l| l.0).collect::<Vec<_>>())?
        .with("train_loss", losses.iter().map(|l| l.1).collect::<Vec<_>>())?;
    outcome.table("history", table);
    let caption = "Mean training loss of each block of iterations.";
    chart(outcome, ["loss", "Loss", caption], ["iteration", "loss"], vec![series("", losses, Marks::Line)])
}

pub(super) fn report_quality(e: &Evaluation, trials: usize, outcome: &mut Outcome) -> Result<(), StageError> {
    let n = (e.milliseconds, "milliseconds of unseen trials");
    let error = e.spikes.auc_standard_error;
    let variant = format!("{} spikes, {trials} trials, without their first {WARM_UP_MS} ms", e.spikes.spikes);
    let auc = Estimate::new(e.spikes.auc, "area under the ROC curve", &variant, n.0, n.1);
    outcome.metric("auc", e.spikes.interval().into_iter().fold(auc, Estimate::with_interval));
    metric(outcome, "auc_standard_error", error, ("standard error of the area (DeLong 1988)", ""), n);
    let found = e.spikes.true_positives;
    metric(outcome, "true_positives", found, ("share of spikes found at 0.25 % false positives", ""), n);
    metric(outcome, "voltage_explained", e.voltage_explained, ("explained variance of the clipped voltage", ""), n);
    metric(
        outcome,
        "calibration_error",
        e.calibration_error,
        ("expected calibration error of the chance of a spike (Naeini et al. 2015)", ""),
        n,
    );
    if let Some(fit) = &e.dendrites {
        report_dendrites(fit, n, outcome)?;
    }
    let index = functional_complexity_index(e.spikes.auc);
    metric(outcome, "complexity_index", index, ("functional complexity index (Aizenbud et al. 2024)", ""), n);
    let top = e.calibration.iter().map(|(p, o)| p.max(*o)).fold(1e-6, f64::max);
    let lines = vec![
        series("20 bins of equal numbers of expected spikes", e.calibration.clone(), Marks::Points),
        series("equal", vec![(0.0, 0.0), (top, top)], Marks::Dashed),
    ];
    let caption = "Observed share of milliseconds with a spike against the predicted chance.";
    chart(outcome, ["calibration", "Calibration", caption], ["predicted chance", "observed share"], lines)?;
    let lags = e.correlation.iter().enumerate().map(|(k, c)| (k as f64 - LAGS_MS as f64, *c)).collect();
    let caption = "Correlation of the predicted chance with the spikes; at positive lags the spike comes later.";
    let lines = vec![series("", lags, Marks::Line)];
    chart(outcome, ["correlation", "Timing", caption], ["lag (ms)", "correlation"], lines)
}

fn report_dendrites(fit: &DendriteFit, n: (usize, &str), outcome: &mut Outcome) -> Result<(), StageError> {
    let what = ("explained variance of all recorded dendritic voltages", "");
    metric(outcome, "dendrites_explained", fit.explained, what, n);
    let what = ("what their components could explain at best", "");
    metric(outcome, "dendrites_ceiling", fit.ceiling, what, n);
    let worst = fit.places.iter().copied().fold(f64::INFINITY, f64::min);
    metric(outcome, "worst_dendrite_explained", worst, ("explained variance of the place predicted worst", ""), n);
    let points = fit.places.iter().enumerate().map(|(k, explained)| (k as f64, *explained)).collect();
    let caption = "Explained variance of the voltage at each recorded place, in the order of compartments, and what the components allow over all.";
    let last = fit.places.len().saturating_sub(1) as f64;
    let lines = vec![
        series("each place", points, Marks::Points),
        series("at best, over all", vec![(0.0, fit.ceiling), (last, fit.ceiling)], Marks::Dashed),
    ];
    chart(outcome, ["dendrites", "Dendritic voltages", caption], ["recorded place", "explained variance"], lines)
}

/// A test trial: voltage and its prediction, spikes and their chance.
pub(super) fn report_trial(
    surrogate: &Surrogate,
    data: &Dataset,
    train: usize,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let tested = &data.trials[train..];
    let Some(trial) = tested.iter().max_by_key(|t| t.response.spikes.len().min(5)) else { return Ok(()) };
    let predicted = surrogate.predict(&[&trial.input], threads()).map_err(failed)?;
    let from = WARM_UP_MS.min(trial.input.steps() / 2);
    let shown = from..trial.input.steps().min(from + 1500);
    let clip = surrogate.voltage.clip_mv as f32;
    let line = |values: &[f32]| shown.clone().map(|t| (t as f64, f64::from(values[t].min(clip)))).collect::<Vec<_>>();
    let lines = vec![
        series("neuron", line(&trial.response.voltage_mv), Marks::Line),
        series("surrogate", line(&predicted[0].voltage_mv), Marks::Line),
    ];
    let caption = "Clipped voltage of the neuron in a trial that the surrogate has not seen, and its prediction.";
    chart(outcome, ["voltage", "Voltage", caption], ["time (ms)", "voltage (mV)"], lines)?;
    let chance = shown.clone().map(|t| (t as f64, f64::from(predicted[0].spike_probability[t]))).collect();
    let spikes = trial.response.spikes.iter().filter(|s| shown.contains(&(**s as usize)));
    let lines = vec![
        series("predicted chance", chance, Marks::Line),
        series("spikes of the neuron", spikes.map(|s| (f64::from(*s), 1.0)).collect(), Marks::Points),
    ];
    let caption = "Predicted chance of a spike in each millisecond, and the spikes that came.";
    chart(outcome, ["spikes", "Spikes", caption], ["time (ms)", "chance"], lines)
}

/// Mean filters of excitatory and inhibitory inputs in the first layer.
pub(super) fn report_filters(
    surrogate: &Surrogate,
    tau_ms: Option<f64>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let Network::Tcn(tcn) = &surrogate.network else { return Ok(()) };
    let (lags, width) = (tcn.kernels[0], tcn.width);
    if width > 1 {
        return Ok(());
    }
    let to_spike = f64::from(surrogate.weights[2][0]);
    let mean_of = |wanted: i8| -> Vec<f64> {
        let members: Vec<usize> = (0..tcn.inputs).filter(|i| sign(&surrogate.input_names[*i]) == wanted).collect();
        let weight = |lag: usize| members.iter().map(|i| f64::from(surrogate.weights[0][i * lags + lag])).sum::<f64>();
        (0..lags).map(|lag| to_spike * weight(lag) / members.len().max(1) as f64).collect()
    };
    let (excitatory, inhibitory) = (mean_of(1), mean_of(-1));
    let sum = |filter: &[f64]| filter.iter().sum::<f64>();
    let n = (tcn.inputs, "inputs");
    metric(outcome, "excitatory_filter", sum(&excitatory), ("sum of the mean excitatory filter", ""), n);
    metric(outcome, "inhibitory_filter", sum(&inhibitory), ("sum of the mean inhibitory filter", ""), n);
    let line = |filter: &[f64]| filter.iter().enumerate().map(|(lag, w)| (lag as f64, *w)).collect::<Vec<_>>();
    let mut lines = vec![
        series("excitatory", line(&excitatory), Marks::Line),
        series("inhibitory", line(&inhibitory), Marks::Line),
    ];
    if let Some(tau) = tau_ms {
        let kernel: Vec<f64> = (0..lags).map(|lag| (-(lag as f64) / tau).exp()).collect();
        let r = rheobase_core::statistics::pearson(&excitatory, &kernel).unwrap_or(f64::NAN);
        metric(
            outcome,
            "filter_r",
            r,
            ("correlation of the excitatory filter with an exponential", ""),
            (lags, "lags"),
        );
        let scale = sum(&excitatory) / sum(&kernel);
        let scaled: Vec<f64> = kernel.iter().map(|k| scale * k).collect();
        lines.push(series("exponential of the same area", line(&scaled), Marks::Dashed));
    }
    let caption = "Filters from input spikes to the spike head, mean over inputs.";
    chart(outcome, ["filters", "Filters", caption], ["time since the input spike (ms)", "weight"], lines)
}
