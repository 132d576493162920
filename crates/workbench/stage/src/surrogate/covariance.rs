//! Spike-triggered covariance of a neuron's input by section, in the neuron and in its surrogate (Schwartz et al. 2006): which patterns of
//! input over branches and time change the chance of a spike by more than their mean.

use ndarray::{Array2, s};
use rand::RngExt;
use rheobase_core::{Estimate, Seed};
use rheobase_pipeline::{Outcome, StageError};
use rheobase_receptive_field::stc::{NestedResult, NestedTest, Whitened, nested_test, whiten};
use rheobase_report::figure::{Matrix, Panel};
use rheobase_surrogate::data::Trial;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lesions::{LesionsBy, groups};
use crate::draw::{covariance_spectrum, metric};
use crate::kind::{failed, threads};

/// How input is counted for its covariance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Covariance {
    /// Length of a bin in ms.
    #[schemars(range(min = 1, max = 100))]
    pub bin_ms: usize,
    /// Bins before a spike, its own included.
    #[schemars(range(min = 1, max = 100))]
    pub bins: usize,
    /// Level at which an axis is kept.
    pub level: f64,
    /// Shifts of the spikes against the input.
    #[schemars(range(min = 19))]
    pub shifts: usize,
    /// Most axes looked for.
    #[schemars(range(min = 1))]
    pub most_axes: usize,
}

impl Default for Covariance {
    fn default() -> Self {
        Self { bin_ms: 5, bins: 8, level: 0.05, shifts: 99, most_axes: 6 }
    }
}

/// Counts of input by group of synapses.
struct Counted {
    names: Vec<String>,
    /// (frames, groups x bins), the oldest bin first within a group.
    stimuli: Array2<f64>,
    /// Trial and first millisecond of each frame's last bin.
    frames: Vec<(usize, usize)>,
}

impl Covariance {
    fn count(&self, tested: &[Trial], names: &[String], warm_up: usize) -> Counted {
        let groups = groups(names, LesionsBy::Section);
        let mut group_of = vec![0; names.len()];
        for (k, members) in groups.values().enumerate() {
            members.iter().for_each(|input| group_of[*input] = k);
        }
        let (width, bins) = (groups.len(), self.bins);
        let (mut rows, mut frames) = (Vec::new(), Vec::new());
        for (number, trial) in tested.iter().enumerate() {
            let whole = trial.input.steps() / self.bin_ms;
            let mut counts = Array2::<f64>::zeros((whole, width));
            for (step, input) in trial.input.events().filter(|(step, _)| step / self.bin_ms < whole) {
                counts[[step / self.bin_ms, group_of[input]]] += 1.0;
            }
            for last in (warm_up.div_ceil(self.bin_ms).max(bins - 1))..whole {
                rows.extend(counts.slice(s![last + 1 - bins..=last, ..]).t().iter().copied());
                frames.push((number, last * self.bin_ms));
            }
        }
        let stimuli = Array2::from_shape_vec((frames.len(), width * bins), rows).expect("a row for each frame");
        Counted { names: groups.keys().cloned().collect(), stimuli, frames }
    }

    /// Compares neuron and surrogate; `chances` are what the surrogate says of each millisecond.
    pub fn report(
        &self,
        (tested, names): (&[Trial], &[String]),
        chances: &[Vec<f32>],
        warm_up: usize,
        seed: &Seed,
        outcome: &mut Outcome,
    ) -> Result<(), StageError> {
        let counted = self.count(tested, names, warm_up);
        let white = whiten(counted.stimuli.view(), 1e-6).map_err(failed)?;
        let in_frame = |spikes: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            let sum = |(trial, first): &(usize, usize)| (*first..first + self.bin_ms).map(|t| spikes(*trial, t)).sum();
            counted.frames.iter().map(sum).collect()
        };
        let spiked: Vec<Vec<f32>> = tested.iter().map(super::input_map::spikes_of).collect();
        let of_neuron = in_frame(&|trial, t| f64::from(spiked[trial][t]));
        // The surrogate's spikes are drawn, so that both are counted alike.
        let drawn = |trial: usize, t: usize| {
            let uniform = seed.child("drawn").index(trial).index(t).stream().random::<f32>();
            f64::from(u8::from(uniform < chances[trial][t]))
        };
        let of_surrogate = in_frame(&drawn);
        let test = NestedTest {
            level: self.level,
            shifts: self.shifts,
            least_shift: 2 * self.bins,
            most_axes: self.most_axes,
            project_average: true,
            threads: threads(),
        };
        let find =
            |counts: &[f64]| nested_test(white.stimuli.view(), counts, &test, &seed.child("shifts")).map_err(failed);
        let found = [("neuron", find(&of_neuron)?), ("surrogate", find(&of_surrogate)?)];
        let spikes = of_neuron.iter().sum::<f64>() as usize;
        for (name, result) in &found {
            let variant = "nested test against shifted spikes, the average projected out";
            let axes = Estimate::new(
                result.axes.len() as f64,
                "significant axes of the covariance",
                variant,
                spikes,
                "spikes",
            );
            let axes = axes.with_constant("level", self.level).with_constant("bin_ms", self.bin_ms as f64);
            outcome.metric(&format!("covariance_axes_{name}"), axes);
        }
        let shared = found[0].1.axes.len().min(found[1].1.axes.len());
        if let Some(overlap) = overlap(&found[0].1, &found[1].1, shared) {
            let what = ("mean squared cosine between the significant axes of neuron and surrogate", "");
            metric(outcome, "covariance_overlap", overlap, what, (shared, "axes"));
        }
        draw(&found, &white, &counted, self.bins, outcome)
    }
}

/// Mean squared canonical cosine of the first `count` axes of both, the squared entries of the product of their bases; none without axes.
fn overlap(a: &NestedResult, b: &NestedResult, count: usize) -> Option<f64> {
    let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
    let sum: f64 = pairs.map(|(i, j)| a.axes[i].axis.dot(&b.axes[j].axis).powi(2)).sum();
    (count > 0).then(|| sum / count as f64)
}

fn draw(
    found: &[(&str, NestedResult); 2],
    white: &Whitened,
    counted: &Counted,
    bins: usize,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut spectra = Vec::new();
    let mut panels = Vec::new();
    for (name, result) in found {
        spectra.push(((*name).to_owned(), result.eigenvalues.to_vec()));
        for axis in &result.axes {
            let title = format!("{name} {}", if axis.eigenvalue > 1.0 { "+" } else { "-" });
            let values = white.filter(&axis.axis).to_vec();
            panels.push(Panel {
                name: title,
                values: Array2::from_shape_vec((counted.names.len(), bins), values).map_err(failed)?,
            });
        }
    }
    covariance_spectrum(outcome, "covariance", spectra, found[0].1.null_band)?;
    if panels.is_empty() {
        return Ok(());
    }
    let figure = Matrix { title: "significant axes".into(), label: "weight".into(), panels, across: 6, range: None };
    let caption = format!(
        "Axes along which the variance of the input is changed before spikes (+ larger, - smaller). Rows are {}, from top to bottom; columns \
         are time, the spike on the right.",
        counted.names.join(", ")
    );
    outcome.figure("covariance_axes", "Axes of the covariance", &caption, figure.svg().map_err(failed)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use rheobase_receptive_field::stc::SignificantAxis;
    use rheobase_surrogate::spikes::InputSpikes;

    #[test]
    fn input_is_counted_by_section_and_bin_with_the_oldest_bin_first() {
        let names = ["excitatory, dend[0](0.2)", "excitatory, dend[0](0.8)", "excitatory, dend[1](0.5)"];
        let names = names.map(String::from);
        // Bins of 10 ms: section 0 has spikes in bins 0, 0 and 2, section 1 in bins 1 and 3.
        let events = vec![(3, 0), (9, 1), (25, 1), (10, 2), (39, 2)];
        let trial = Trial { input: InputSpikes::new(3, 45, events).unwrap(), ..Trial::default() };
        let covariance = Covariance { bin_ms: 10, bins: 2, ..Covariance::default() };
        let counted = covariance.count(&[trial.clone(), trial], &names, 0);
        assert_eq!(counted.names, ["excitatory, dend[0]", "excitatory, dend[1]"]);
        // The last 5 ms make no bin.
        assert_eq!(counted.frames, [(0, 10), (0, 20), (0, 30), (1, 10), (1, 20), (1, 30)]);
        let once = array![[2.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]];
        assert_eq!(counted.stimuli.slice(s![..3, ..]), once);
        assert_eq!(counted.stimuli.slice(s![3.., ..]), once);
    }

    #[test]
    fn planes_overlap_by_their_angle_and_not_by_their_axes() {
        let of = |axes: [[f64; 3]; 2]| NestedResult {
            average: array![0.0, 0.0, 0.0],
            average_p: 1.0,
            eigenvalues: vec![],
            null_band: (0.0, 0.0),
            first_p: 0.0,
            axes: axes.map(|a| SignificantAxis { axis: a.to_vec().into(), eigenvalue: 2.0, p: 0.0 }).to_vec(),
        };
        let half = 0.5_f64.sqrt();
        let plane = of([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]);
        let turned = of([[half, half, 0.0], [half, -half, 0.0]]);
        assert!((overlap(&plane, &turned, 2).unwrap() - 1.0).abs() < 1e-12);
        // One axis shared, the other at a right angle to the plane.
        let across = of([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
        assert!((overlap(&plane, &across, 2).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(overlap(&plane, &across, 0), None);
    }
}
