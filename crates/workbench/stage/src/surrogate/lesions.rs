//! Inputs that are cut off, in a surrogate and in the neuron that it imitates.

use std::collections::BTreeMap;

use rheobase_core::Progress;
use rheobase_core::parallel::try_map;
use rheobase_core::statistics::{mean, pearson};
use rheobase_data::Table;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::{Bar, Bars, Marks};
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::data::{Teacher, Trial};
use rheobase_surrogate::input_map::without;
use rheobase_surrogate::metrics::Scores;
use rheobase_surrogate::spikes::InputSpikes;
use rheobase_surrogate::surrogate::FALSE_POSITIVES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::input_map::{chances, spikes_of};
use super::stopped;
use crate::draw::{chart, metric, series};
use crate::kind::{failed, threads};

/// Which inputs are cut off together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LesionsBy {
    /// Those of one kind in a region.
    #[default]
    Region,
    /// Those of one kind on a section, such as a branch.
    Section,
}

/// Inputs that are cut off together, by name: what stands before the number of the section, or before the place on it.
pub(super) fn groups(names: &[String], by: LesionsBy) -> BTreeMap<String, Vec<usize>> {
    let end = match by {
        LesionsBy::Region => '[',
        LesionsBy::Section => '(',
    };
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (k, name) in names.iter().enumerate() {
        groups.entry(name.split(end).next().unwrap_or(name).to_owned()).or_default().push(k);
    }
    groups
}

/// What lesions are made of.
pub(super) struct Lesions<'a> {
    pub surrogate: &'a Surrogate,
    pub neuron: &'a dyn Teacher,
    pub tested: &'a [Trial],
    pub warm_up: usize,
}

/// What one lesion does.
struct Effect {
    name: String,
    inputs: usize,
    /// Rate that the surrogate predicts.
    rate_hz: f64,
    /// How well it still tells the spikes of the intact neuron.
    auc: f64,
    /// Rate of the neuron under the same lesion.
    neuron_hz: Option<f64>,
}

impl Lesions<'_> {
    /// Lesions group after group; the figures and numbers of what they do.
    pub fn report(
        &self,
        by: LesionsBy,
        lesion_neuron: bool,
        progress: &dyn Progress,
        outcome: &mut Outcome,
    ) -> Result<(), StageError> {
        let groups = groups(&self.surrogate.input_names, by);
        let mut effects = vec![self.effect("none", &[], lesion_neuron)?];
        for (done, (name, members)) in groups.iter().enumerate() {
            progress.step("lesions", done, groups.len());
            if progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            effects.push(self.effect(name, members, lesion_neuron)?);
        }
        self.numbers(&effects, outcome);
        if lesion_neuron {
            self.compare(&effects, outcome)?;
        }
        let bar = |effect: &Effect| Bar {
            name: if effect.inputs == 0 { "intact".into() } else { format!("without {}", effect.name) },
            value: effect.rate_hz,
            interval: None,
            mark: String::new(),
        };
        let figure = Bars {
            title: "predicted rate without inputs".into(),
            label: "predicted rate (Hz)".into(),
            bars: effects.iter().map(bar).collect(),
            band: None,
        };
        let caption = "Rate that the surrogate predicts when these inputs are cut off.";
        outcome.figure("lesions", "Inputs cut off", caption, figure.svg().map_err(failed)?);
        let mut table = Table::new()
            .with("lesion", effects.iter().map(|e| e.name.clone()).collect::<Vec<_>>())?
            .with("inputs", effects.iter().map(|e| e.inputs as f64).collect::<Vec<_>>())?
            .with("rate_hz", effects.iter().map(|e| e.rate_hz).collect::<Vec<_>>())?
            .with("auc", effects.iter().map(|e| e.auc).collect::<Vec<_>>())?;
        if lesion_neuron {
            table = table.with("neuron_hz", effects.iter().filter_map(|e| e.neuron_hz).collect::<Vec<_>>())?;
        }
        outcome.table("lesions", table);
        Ok(())
    }

    fn effect(&self, name: &str, members: &[usize], lesion_neuron: bool) -> Result<Effect, StageError> {
        let mut cut = vec![false; self.surrogate.input_names.len()];
        members.iter().for_each(|k| cut[*k] = true);
        let lesioned: Vec<InputSpikes> = self.tested.iter().map(|t| without(&t.input, |k| cut[k])).collect();
        let chances = chances(self.surrogate, &lesioned.iter().collect::<Vec<_>>())?;
        let mut scores = Scores::default();
        for (chance, trial) in chances.iter().zip(self.tested) {
            scores.scores.extend(&chance[self.warm_up..]);
            scores.spikes.extend(spikes_of(trial)[self.warm_up..].iter().map(|s| *s > 0.5));
        }
        let milliseconds = scores.scores.len() as f64;
        Ok(Effect {
            name: name.into(),
            inputs: members.len(),
            rate_hz: 1e3 * scores.scores.iter().map(|p| f64::from(*p)).sum::<f64>() / milliseconds,
            auc: scores.discrimination(FALSE_POSITIVES).map_err(failed)?.auc,
            neuron_hz: lesion_neuron.then(|| self.neuron_rate(&lesioned, milliseconds)).transpose()?,
        })
    }

    /// Rate of the neuron in these trials after the warm-up.
    fn neuron_rate(&self, trials: &[InputSpikes], milliseconds: f64) -> Result<f64, StageError> {
        let lanes = self.neuron.lanes().max(1);
        let respond = |k: usize| self.neuron.respond(&trials[k * lanes..trials.len().min((k + 1) * lanes)]);
        let responses = try_map(trials.len().div_ceil(lanes), threads(), respond).map_err(stopped)?;
        let spikes = responses.iter().flatten().flat_map(|r| &r.spikes);
        Ok(1e3 * spikes.filter(|s| **s as usize >= self.warm_up).count() as f64 / milliseconds)
    }

    fn numbers(&self, effects: &[Effect], outcome: &mut Outcome) {
        let n = (self.tested.len(), "trials");
        metric(outcome, "intact_rate_hz", effects[0].rate_hz, ("rate that the intact surrogate predicts", "Hz"), n);
        for effect in &effects[1..] {
            let plain: String = effect.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let key = plain.trim_end_matches('_').replace("__", "_");
            let what = ("predicted rate without these inputs", "Hz");
            metric(outcome, &format!("{key}_rate_hz"), effect.rate_hz, what, n);
            let what = ("area under the ROC curve without these inputs", "");
            metric(outcome, &format!("{key}_auc"), effect.auc, what, n);
        }
    }

    /// Whether the neuron does what the surrogate predicts of it.
    fn compare(&self, effects: &[Effect], outcome: &mut Outcome) -> Result<(), StageError> {
        let of_neuron: Vec<f64> = effects.iter().filter_map(|e| e.neuron_hz).collect();
        let predicted: Vec<f64> = effects.iter().map(|e| e.rate_hz).collect();
        let n = (effects.len(), "lesions, and none");
        let what = ("correlation of the rates of neuron and surrogate over lesions", "");
        metric(outcome, "lesion_r", pearson(&of_neuron, &predicted).unwrap_or(f64::NAN), what, n);
        let errors: Vec<f64> = of_neuron.iter().zip(&predicted).map(|(a, b)| (a - b).abs()).collect();
        let what = ("mean distance of the rates of neuron and surrogate under lesions", "Hz");
        metric(outcome, "lesion_error_hz", mean(&errors), what, n);
        let points = of_neuron.iter().copied().zip(predicted.iter().copied()).collect();
        let top = of_neuron.iter().chain(&predicted).copied().fold(1e-3, f64::max);
        let lines = vec![
            series("lesions", points, Marks::Points),
            series("equal", vec![(0.0, 0.0), (top, top)], Marks::Dashed),
        ];
        let caption = "Each point is a lesion: the rate of the neuron without these inputs, simulated, and the rate that the surrogate predicts.";
        let key = ["lesions_compared", "Lesions of the neuron itself", caption];
        chart(outcome, key, ["rate of the neuron (Hz)", "predicted rate (Hz)"], lines)
    }
}
