//! The condition of a trial read out of the spikes of all units together.

use ndarray::{Array2, Axis, s};
use rheobase_core::Estimate;
use rheobase_core::statistics::wilson_interval;
use rheobase_data::Table;
use rheobase_decoding::classify::{Classifier, Decoded, chance, decode, grouped_folds, null_of};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Heatmap, Marks};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{conditions, counts_in_parts, window_complaint, windows};
use crate::analysis::ClassifierChoice;
use crate::draw::{chart, series};
use crate::kind::{Kind, failed, main_output, threads};
use crate::recording::{Recorded, load};

/// Parameters of `trial-decoding`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialDecodingParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the condition.
    pub by: String,
    /// Column of the trials whose equal values are never divided between learning and testing (a session, a block).
    #[serde(default)]
    pub group: Option<String>,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window of the spikes in s from the event.
    pub window_s: [f64; 2],
    /// Parts of the window in which the spikes of each unit are counted.
    #[serde(default = "bins")]
    #[schemars(range(min = 1, max = 1000))]
    pub bins: usize,
    /// The classifier.
    #[serde(default = "logistic")]
    pub classifier: ClassifierChoice,
    /// Folds of trials.
    #[serde(default = "five")]
    #[schemars(range(min = 2, max = 100))]
    pub folds: usize,
    /// Permutations of the conditions, each decoded anew.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 10_000))]
    pub permutations: usize,
}

fn start() -> String {
    "start_time".into()
}
fn bins() -> usize {
    4
}
fn logistic() -> ClassifierChoice {
    ClassifierChoice::Logistic { ridge: 1.0 }
}
fn five() -> usize {
    5
}
fn permutations() -> usize {
    19
}

/// Decoding of trials.
pub struct TrialDecoding;

impl Kind for TrialDecoding {
    type Parameters = TrialDecodingParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "trial-decoding";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "conditions of trials read out of the spikes of all units on held-out trials, over time, with chance by permutation";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("decoding")];

    fn check(p: &TrialDecodingParameters) -> Vec<Complaint> {
        window_complaint(p.window_s).into_iter().collect()
    }

    fn run(p: &TrialDecodingParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let (names, labels) = conditions(&recording, Some(&p.by))?;
        let groups = p.group.as_deref().map(|column| conditions(&recording, Some(column))).transpose()?.map(|g| g.1);
        let (most, of) = match &groups {
            Some(groups) => (groups.iter().max().map_or(0, |m| m + 1), "groups"),
            None => (labels.len(), "trials"),
        };
        if p.folds > most {
            let message = format!("folds is {}, but there are {most} {of}; give 2 to {most}", p.folds);
            return Err(StageError::Failed(message));
        }
        let units = recording.spikes.units();
        let counted = |unit: usize| counts_in_parts(recording.spikes.unit(unit), &spans, p.bins);
        let columns: Vec<Array2<f64>> = (0..units).map(counted).collect::<Result<_, _>>()?;
        let folds = grouped_folds(&labels, groups.as_deref(), p.folds, &context.seed.child("folds")).map_err(failed)?;
        let decoder = Decoder { labels: &labels, folds: &folds, classifier: p.classifier.classifier() };
        let all = features(&columns, 0..p.bins);
        let found = decode(all.view(), &labels, &folds, decoder.classifier).map_err(failed)?;
        context.progress.step("decodings", 1, 3);
        let draws = (p.permutations, threads());
        let seed = context.seed.child("chance");
        let null = chance(all.view(), &labels, groups.as_deref(), p.folds, decoder.classifier, draws, &seed)
            .map_err(failed)?;
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        context.progress.step("decodings", 2, 3);
        let mut outcome = Outcome::default();
        metrics(p, &found, &null, labels.len(), &mut outcome);
        over_time(p, &decoder, &columns, names.len(), &mut outcome)?;
        if names.len() <= 20 {
            confusions(p, &found, &names, &mut outcome)?;
        }
        let predicted: Vec<String> = found.predicted.iter().map(|c| names[*c].clone()).collect();
        let condition: Vec<String> = labels.iter().map(|c| names[*c].clone()).collect();
        outcome.table("trials", Table::new().with("condition", condition)?.with("read_out", predicted)?);
        Ok(outcome)
    }
}

struct Decoder<'a> {
    labels: &'a [usize],
    folds: &'a [Vec<usize>],
    classifier: Classifier,
}

/// Some parts of all units side by side, (trials, units x parts).
fn features(columns: &[Array2<f64>], parts: std::ops::Range<usize>) -> Array2<f64> {
    let views: Vec<_> = columns.iter().map(|c| c.slice(s![.., parts.clone()])).collect();
    ndarray::concatenate(Axis(1), &views).expect("as many trials in each unit")
}

fn metrics(p: &TrialDecodingParameters, found: &Decoded, null: &[f64], n: usize, outcome: &mut Outcome) {
    let variant = format!("{}, {} folds", p.classifier.classifier().name(), p.folds);
    let right = (found.accuracy * n as f64).round() as usize;
    let accuracy = Estimate::new(found.accuracy, "accuracy", &variant, n, "trials");
    let accuracy = accuracy.with_interval(wilson_interval(right, n)).with_constant("bins", p.bins as f64);
    outcome.metric("accuracy", accuracy);
    let mut balanced = Estimate::new(found.balanced_accuracy, "balanced accuracy", &variant, n, "trials");
    if !null.is_empty() {
        balanced.null = Some(null_of(found.balanced_accuracy, null));
        let p = null_of(found.balanced_accuracy, null).p;
        outcome.metric("p", Estimate::new(p, "p-value", "conditions permuted, decoded anew", n, "trials"));
    }
    outcome.metric("balanced_accuracy", balanced);
}

/// Accuracy from each part of the window alone, and from all parts up to it.
fn over_time(
    p: &TrialDecodingParameters,
    decoder: &Decoder<'_>,
    columns: &[Array2<f64>],
    classes: usize,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    if p.bins < 2 {
        return Ok(());
    }
    let width = (p.window_s[1] - p.window_s[0]) / p.bins as f64;
    let middle = |bin: usize| p.window_s[0] + width * (bin as f64 + 0.5);
    let accuracy = |parts: std::ops::Range<usize>| -> f64 {
        // A part in which nobody fires tells nothing.
        let x = features(columns, parts);
        decode(x.view(), decoder.labels, decoder.folds, decoder.classifier).map_or(f64::NAN, |d| d.balanced_accuracy)
    };
    let alone: Vec<f64> = (0..p.bins).map(|bin| accuracy(bin..bin + 1)).collect();
    let so_far: Vec<f64> = (0..p.bins).map(|bin| accuracy(0..bin + 1)).collect();
    let points = |values: &[f64]| values.iter().enumerate().map(|(bin, v)| (middle(bin), *v)).collect::<Vec<_>>();
    let level = 1.0 / classes as f64;
    let lines = vec![
        series("this part alone", points(&alone), Marks::Joined),
        series("all parts so far", points(&so_far), Marks::Joined),
        series("guessing", vec![(middle(0), level), (middle(p.bins - 1), level)], Marks::Dashed),
    ];
    let caption = format!("Balanced accuracy on held-out trials from {} parts of {:.0} ms.", p.bins, 1e3 * width);
    chart(outcome, ["time", "Decoding over time", &caption], ["time from the event (s)", "balanced accuracy"], lines)?;
    let table = Table::new().with("time_s", (0..p.bins).map(middle).collect::<Vec<_>>())?;
    outcome.table("parts", table.with("alone", alone)?.with("so_far", so_far)?);
    Ok(())
}

fn confusions(
    p: &TrialDecodingParameters,
    found: &Decoded,
    names: &[String],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let totals = found.confusion.sum_axis(Axis(1));
    let map = Heatmap {
        title: format!("confusions of {}", p.by),
        rows: names.to_vec(),
        columns: names.to_vec(),
        values: Array2::from_shape_fn(found.confusion.dim(), |(i, j)| found.confusion[[i, j]] / totals[i]),
        range: (0.0, 1.0),
    };
    let caption = format!("Share of the trials of each `{}` (row) read out as each (column).", p.by);
    outcome.figure("confusions", "Confusions", &caption, map.svg().map_err(failed)?);
    Ok(())
}
