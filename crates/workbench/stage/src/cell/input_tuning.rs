//! `[analysis.*] kind = "input-tuning"`: somatic tuning of a cell whose branches get orientation-tuned clusters of synapses,
//! with all receptors, and with one removed and another scaled up to the same mean response.

use rheobase_core::{Estimate, Seed};
use rheobase_data::Table;
use rheobase_dendrite::synapse::SpikeSource;
use rheobase_dendrite::{Cell, Error};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::branches::Branches;
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `input-tuning`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputTuningParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Branches and their synapses.
    pub branches: Branches,
    /// Synapses of each branch.
    #[schemars(range(min = 1))]
    pub synapses: usize,
    /// Preferred orientation of each branch's cluster in degrees.
    pub preferred_deg: Vec<f64>,
    /// Number of orientations, spread evenly over 180 degrees.
    #[serde(default = "eight")]
    #[schemars(range(min = 4))]
    pub orientations: usize,
    /// Concentration of the von Mises tuning.
    #[serde(default = "kappa")]
    #[schemars(range(min = 0.0))]
    pub kappa: f64,
    /// Rate of a synapse at its preferred orientation in Hz.
    pub peak_hz: f64,
    /// Rate at every orientation in Hz.
    #[serde(default)]
    pub noise_hz: f64,
    /// Trials of each orientation.
    #[serde(default = "eight")]
    #[schemars(range(min = 1))]
    pub trials: usize,
    /// Receptor that is removed, counted from 0.
    pub remove: usize,
    /// Receptor that is scaled up instead, counted from 0.
    pub scale: usize,
}

fn eight() -> usize {
    8
}

fn kappa() -> f64 {
    2.0
}

/// Tuning by dendrites.
pub struct InputTuning;

impl Kind for InputTuning {
    type Parameters = InputTuningParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "input-tuning";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "somatic orientation tuning of a cell with tuned dendritic inputs, with and without a receptor";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("tuning curves")];

    fn check(p: &InputTuningParameters) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if p.preferred_deg.len() != p.branches.at.len() {
            let message =
                format!("{} preferred orientations for {} branches", p.preferred_deg.len(), p.branches.at.len());
            complaints.push(complaint(&["preferred_deg"], message, "give one for each branch"));
        }
        let receptors = p.branches.receptors.len();
        if p.remove >= receptors || p.scale >= receptors || p.remove == p.scale {
            let message = format!("receptor {} cannot be removed for receptor {} of {receptors}", p.remove, p.scale);
            complaints.push(complaint(&["remove"], message, "name two different receptors, counted from 0"));
        }
        complaints
    }

    fn run(p: &InputTuningParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let trials = trains(p, &context.seed).map_err(failed)?;
        let mut scale = vec![1.0; p.branches.receptors.len()];
        let with_all = curve(p, &cell, &scale, &trials).map_err(failed)?;
        let wanted = mean(&with_all);
        scale[p.remove] = 0.0;
        let (mut low, mut high) = (0.0, 64.0);
        // The mean response rises with the conductance; 12 halvings leave .02 of a factor.
        for step in 0..12 {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            scale[p.scale] = 0.5 * (low + high);
            let found = mean(&curve(p, &cell, &scale, &trials).map_err(failed)?);
            if found < wanted {
                low = scale[p.scale]
            } else {
                high = scale[p.scale]
            }
            context.progress.step("rescaling", step + 1, 12);
        }
        let without = curve(p, &cell, &scale, &trials).map_err(failed)?;
        report(p, &with_all, &without, scale[p.scale])
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Event times of each branch for every orientation and trial; the same for both cells.
fn trains(p: &InputTuningParameters, seed: &Seed) -> Result<Vec<Vec<Vec<f64>>>, Error> {
    let (from, to) = (p.branches.start_ms, p.branches.duration_ms);
    let mut all = Vec::new();
    for orientation in 0..p.orientations {
        let shown = 180.0 * orientation as f64 / p.orientations as f64;
        for trial in 0..p.trials {
            let seed = seed.child("input").index(orientation).index(trial);
            let mut branches = Vec::new();
            for (branch, preferred) in p.preferred_deg.iter().enumerate() {
                let angle = 2.0 * (shown - preferred).to_radians();
                let rate_hz = p.noise_hz + p.peak_hz * (p.kappa * (angle.cos() - 1.0)).exp();
                let source = SpikeSource::Poisson { rate_hz, dead_time_ms: 0.0 };
                let mut times = Vec::new();
                for synapse in 0..p.synapses {
                    times.extend(source.times_ms(from, to, &seed.index(branch).index(synapse))?);
                }
                branches.push(times);
            }
            all.push(branches);
        }
    }
    Ok(all)
}

/// Mean depolarisation in mV at each orientation.
fn curve(p: &InputTuningParameters, cell: &Cell, scale: &[f64], trials: &[Vec<Vec<f64>>]) -> Result<Vec<f64>, Error> {
    let found = p.branches.run(cell, scale, trials)?;
    let of = |chunk: &[super::branches::Trial]| chunk.iter().map(|t| t.depolarisation_mv).sum::<f64>();
    Ok(found.chunks(p.trials).map(|chunk| of(chunk) / p.trials as f64).collect())
}

/// (R_p - R_o) / (R_p + R_o) with the largest response and the one at right angles to it.
fn selectivity(curve: &[f64]) -> f64 {
    let best = (0..curve.len()).fold(0, |b, i| if curve[i] > curve[b] { i } else { b });
    let orthogonal = curve[(best + curve.len() / 2) % curve.len()];
    (curve[best] - orthogonal) / (curve[best] + orthogonal)
}

fn report(p: &InputTuningParameters, with_all: &[f64], without: &[f64], factor: f64) -> Result<Outcome, StageError> {
    let mut outcome = Outcome::default();
    let number = |value: f64, name: &str| {
        Estimate::new(value, name, "mean depolarisation", p.trials * p.orientations, "trials")
            .with_constant("kappa", p.kappa)
    };
    let (a, b) = (selectivity(with_all), selectivity(without));
    outcome.metric("osi", number(a, "orientation selectivity with all receptors"));
    outcome.metric("osi_without", number(b, "orientation selectivity without the removed receptor"));
    outcome.metric("osi_ratio", number(a / b, "selectivity with over without"));
    outcome.metric("scale", number(factor, "factor of the receptor that is scaled up"));
    outcome.metric("mean_mv", number(mean(with_all), "mean response with all receptors").with_unit("mV"));
    outcome.metric("mean_without_mv", number(mean(without), "mean response without it").with_unit("mV"));
    let degrees: Vec<f64> = (0..p.orientations).map(|k| 180.0 * k as f64 / p.orientations as f64).collect();
    let series = |name: &str, curve: &[f64], marks| Series {
        name: name.into(),
        points: degrees.iter().copied().zip(curve.iter().copied()).collect(),
        marks,
    };
    let chart = Chart {
        title: "Somatic tuning".into(),
        x_label: "orientation (deg)".into(),
        y_label: "mean depolarisation (mV)".into(),
        x_range: None,
        y_range: None,
        series: vec![series("all receptors", with_all, Marks::Line), series("one removed", without, Marks::Dashed)],
    };
    let caption = format!(
        "Mean depolarisation of {} trials at each of {} orientations; without receptor {}, receptor {} is {factor:.2} times as large.",
        p.trials, p.orientations, p.remove, p.scale
    );
    outcome.figure("tuning", "Tuning of the soma", &caption, chart.svg().map_err(failed)?);
    outcome.table(
        "tuning",
        Table::new()
            .with("orientation_deg", degrees)?
            .with("all_mv", with_all.to_vec())?
            .with("without_mv", without.to_vec())?,
    );
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectivity_is_that_of_the_best_and_the_orthogonal_response() {
        assert_eq!(selectivity(&[1.0, 2.0, 3.0, 2.0]), 0.5);
        assert_eq!(selectivity(&[2.0; 8]), 0.0);
    }
}
