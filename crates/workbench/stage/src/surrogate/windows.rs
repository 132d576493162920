//! `[data.*] kind = "spike-windows"`: what a neuron's inputs did before single milliseconds, as a data set of frames: instruments that show
//! images can show them to the neuron, to its surrogates, and to any network.

use std::collections::BTreeSet;

use ndarray::{Array2, s};
use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_surrogate::data::Trial;
use rheobase_surrogate::probe::frame_of;
use rheobase_surrogate::surrogate::WARM_UP_MS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{TrialsArtifact, load};
use crate::artifact::Images;
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `spike-windows`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeWindowsParameters {
    /// Trials of the neuron.
    pub of: Input<TrialsArtifact>,
    /// Number of windows.
    #[serde(default = "windows")]
    #[schemars(range(min = 2, max = 100_000))]
    pub windows: usize,
    /// Length of a window in ms; its last millisecond is the one that is judged.
    #[serde(default = "window_ms")]
    #[schemars(range(min = 1, max = 10_000))]
    pub window_ms: usize,
    /// Share of windows in whose last millisecond the neuron spikes.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub spikes: f64,
    /// Only of so many trials at the end: those that surrogates keep for testing. By default of all.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub last_trials: Option<usize>,
}

fn windows() -> usize {
    400
}
fn window_ms() -> usize {
    200
}
fn half() -> f64 {
    0.5
}

/// Windows of input spikes.
pub struct SpikeWindows;

/// Most numbers in a data set: 2 GB.
const MOST: usize = 500_000_000;

impl Kind for SpikeWindows {
    type Parameters = SpikeWindowsParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "spike-windows";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a neuron's input spikes before single milliseconds, with and without a spike, as frames for any instrument";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a data set")];

    fn run(p: &SpikeWindowsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let data = load(context.input(&p.of)?)?;
        let (count, inputs) = (data.trials.len(), data.input_names.len());
        if p.windows.saturating_mul(inputs).saturating_mul(p.window_ms) > MOST {
            return Err(StageError::Failed(format!(
                "{} windows of {inputs} inputs x {} ms are too many numbers; at most {} such windows, or shorter ones",
                p.windows,
                p.window_ms,
                MOST / (inputs * p.window_ms)
            )));
        }
        if p.last_trials.is_some_and(|last| last > count) {
            let message = format!("last_trials is {}, but there are {count}", p.last_trials.unwrap_or(0));
            return Err(StageError::Failed(message));
        }
        let trials = &data.trials[count - p.last_trials.unwrap_or(count)..];
        let ends = p.ends(trials, &context.seed.child("windows"))?;
        let mut pixels = Vec::with_capacity(ends.len() * inputs * p.window_ms);
        for &(trial, end, _) in &ends {
            pixels.extend(frame_of(&trials[trial].input.window(end + 1 - p.window_ms, p.window_ms)));
        }
        let images = Images {
            pixels: Array2::from_shape_vec((ends.len(), inputs * p.window_ms), pixels).map_err(failed)?,
            shape: [1, inputs, p.window_ms],
            labels: ends.iter().map(|end| usize::from(end.2)).collect(),
            class_names: vec!["silent".into(), "spike".into()],
            is_test: vec![false; ends.len()],
        };
        let mut outcome = Outcome::default();
        images.store(&mut outcome);
        report(&images, &mut outcome)?;
        Ok(outcome)
    }
}

impl SpikeWindowsParameters {
    /// Trial and last millisecond of each window, and whether the neuron spikes then, in random order.
    fn ends(&self, trials: &[Trial], seed: &Seed) -> Result<Vec<(usize, usize, bool)>, StageError> {
        let steps = trials.iter().map(|t| t.input.steps()).min().unwrap_or(0);
        // The neuron settles first, and a window must fit.
        let first = (self.window_ms - 1).max(WARM_UP_MS.min(steps / 2));
        if first >= steps {
            let message = format!("windows of {} ms do not fit into trials of {steps} ms", self.window_ms);
            return Err(StageError::Failed(message));
        }
        let spikes = |k: usize| trials[k].response.spikes.iter().map(|s| *s as usize).filter(|s| *s >= first);
        let mut spiking: Vec<(usize, usize, bool)> =
            (0..trials.len()).flat_map(|k| spikes(k).map(move |end| (k, end, true))).collect();
        let wanted = (self.spikes * self.windows as f64).round() as usize;
        let silent_wanted = self.windows - wanted;
        let silent = trials.iter().map(|t| t.input.steps() - first).sum::<usize>() - spiking.len();
        if spiking.len() < wanted || silent < silent_wanted {
            return Err(StageError::Failed(format!(
                "{wanted} windows with a spike and {silent_wanted} without are wanted of {} milliseconds with one and {silent} without: \
                 ask for fewer windows, or another share of `spikes`",
                spiking.len()
            )));
        }
        let mut stream = seed.stream();
        spiking.shuffle(&mut stream);
        let spike_times: BTreeSet<(usize, usize)> = spiking.iter().map(|s| (s.0, s.1)).collect();
        spiking.truncate(wanted);
        let mut found: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut ends = spiking;
        while found.len() < silent_wanted {
            let trial = stream.random_range(0..trials.len());
            let end = stream.random_range(first..trials[trial].input.steps());
            if !spike_times.contains(&(trial, end)) && found.insert((trial, end)) {
                ends.push((trial, end, false));
            }
        }
        ends.shuffle(&mut stream);
        Ok(ends)
    }
}

fn report(images: &Images, outcome: &mut Outcome) -> Result<(), StageError> {
    let [_, inputs, length] = images.shape;
    let n = images.labels.len();
    metric(outcome, "windows", n as f64, ("windows", ""), (n, "windows"));
    let with = images.labels.iter().filter(|l| **l == 1).count();
    metric(outcome, "with_spike", with as f64, ("windows that end in a spike", ""), (n, "windows"));
    // As many bins as can be told apart.
    let bin = length.div_ceil(40);
    let course = |class: usize| -> Vec<(f64, f64)> {
        let rows: Vec<usize> = (0..n).filter(|i| images.labels[*i] == class).collect();
        let of_bin = |first: usize| {
            let sum = |row: &usize, input: usize| {
                images.pixels.slice(s![*row, input * length + first..input * length + first + bin]).sum()
            };
            let all: f32 = rows.iter().map(|row| (0..inputs).map(|input| sum(row, input)).sum::<f32>()).sum();
            (first as f64 + bin as f64 / 2.0 - length as f64, f64::from(all) / (rows.len() * bin) as f64)
        };
        // The last bin ends with the window.
        (length % bin..length).step_by(bin).map(of_bin).collect()
    };
    let classes = (0..2).filter(|class| images.labels.contains(class));
    let lines = classes.map(|class| series(&images.class_names[class], course(class), Marks::Line)).collect();
    let caption =
        "Mean number of input spikes of all synapses before a millisecond with a spike, and before one without.";
    chart(outcome, ["input", "Input before", caption], ["time before the end (ms)", "input spikes per ms"], lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_surrogate::data::Response;
    use rheobase_surrogate::spikes::InputSpikes;

    fn parameters(windows: usize, spikes: f64) -> SpikeWindowsParameters {
        serde_json::from_value(serde_json::json!({
            "of": "data.trials", "windows": windows, "window_ms": 30, "spikes": spikes,
        }))
        .unwrap()
    }

    fn trials() -> Vec<Trial> {
        let trial = |spikes: Vec<u32>| Trial {
            input: InputSpikes::new(2, 100, vec![(5, 0), (60, 1)]).unwrap(),
            response: Response { spikes, ..Response::default() },
        };
        // The first 50 ms do not count.
        vec![trial(vec![10, 60, 99]), trial(vec![70])]
    }

    #[test]
    fn windows_end_where_the_neuron_spikes_or_not_and_none_comes_twice() {
        let trials = trials();
        let ends = parameters(10, 0.3).ends(&trials, &Seed::root(1)).unwrap();
        let spiking: BTreeSet<(usize, usize)> = ends.iter().filter(|e| e.2).map(|e| (e.0, e.1)).collect();
        assert_eq!(spiking, BTreeSet::from([(0, 60), (0, 99), (1, 70)]));
        let all: BTreeSet<(usize, usize)> = ends.iter().map(|e| (e.0, e.1)).collect();
        assert_eq!((all.len(), ends.len()), (10, 10));
        assert!(all.iter().all(|end| (50..100).contains(&end.1)));
        assert_eq!(parameters(97, 0.0).ends(&trials, &Seed::root(1)).unwrap().len(), 97);
    }

    #[test]
    fn too_many_windows_are_refused_with_what_there_is() {
        let trials = trials();
        let message = parameters(10, 0.5).ends(&trials, &Seed::root(1)).unwrap_err().to_string();
        assert!(message.contains("5 windows with a spike") && message.contains("of 3 milliseconds"), "{message}");
        let message = parameters(98, 0.0).ends(&trials, &Seed::root(1)).unwrap_err().to_string();
        assert!(message.contains("97 without"), "{message}");
        let long = SpikeWindowsParameters { window_ms: 101, ..parameters(4, 0.5) };
        let message = long.ends(&trials, &Seed::root(1)).unwrap_err().to_string();
        assert!(message.contains("101 ms") && message.contains("100 ms"), "{message}");
    }
}
