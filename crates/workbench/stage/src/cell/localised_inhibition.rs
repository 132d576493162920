//! `[analysis.*] kind = "localised-inhibition"`: one graded inhibitory cell among many others, and how local its effect is.

use ndarray::{Array2, Axis};
use rand::RngExt;
use rheobase_core::{Estimate, Seed, statistics};
use rheobase_data::Table;
use rheobase_dendrite::Cell;
use rheobase_dendrite::localised_inhibition::{clustered_sites, inhibition, path_distances_um, settle};
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellArtifact, load_cell};
use crate::kind::{Kind, failed, main_output, threads};

/// Parameters of `localised-inhibition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalisedInhibitionParameters {
    /// The inhibitory cell.
    pub of: Input<CellArtifact>,
    /// Number of inhibited cells.
    #[serde(default = "cells")]
    #[schemars(range(min = 2))]
    pub cells: usize,
    /// Synapses of each of them to the inhibitory cell, and as many from it.
    #[serde(default = "synapses")]
    #[schemars(range(min = 1))]
    pub synapses: usize,
    /// Spread of a cell's synapses around its centre in um.
    #[serde(default = "jitter")]
    pub jitter_um: f64,
    /// Length constants in um, by name.
    pub length_constants_um: std::collections::BTreeMap<String, f64>,
    /// The one of them with which odours are coded.
    pub code_with: String,
    /// Two regions of which one is stimulated.
    pub lobes: [String; 2],
    /// Number of odours.
    #[serde(default = "odours")]
    #[schemars(range(min = 2))]
    pub odours: usize,
    /// Classes of input neurons.
    #[serde(default = "glomeruli")]
    #[schemars(range(min = 1))]
    pub glomeruli: usize,
    /// Inputs of a cell.
    #[serde(default = "claws")]
    #[schemars(range(min = 1))]
    pub claws: usize,
    /// Part of the input that is common to all odours.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub common: f64,
    /// Share of cells that respond without and with inhibition; threshold and gain are set to reach them.
    #[serde(default = "levels")]
    pub coding_levels: [f64; 2],
}

fn cells() -> usize {
    200
}

fn synapses() -> usize {
    50
}

fn jitter() -> f64 {
    20.0
}

fn odours() -> usize {
    50
}

fn glomeruli() -> usize {
    24
}

fn half() -> f64 {
    0.5
}

fn claws() -> usize {
    6
}

fn levels() -> [f64; 2] {
    [0.2, 0.1]
}

/// Inhibition by one cell.
pub struct LocalisedInhibition;

impl Kind for LocalisedInhibition {
    type Parameters = LocalisedInhibitionParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "localised-inhibition";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "inhibition of many cells by one graded neuron whose activity decays along its neurite (APL)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("localised inhibition")];

    fn check(p: &LocalisedInhibitionParameters) -> Vec<rheobase_pipeline::Complaint> {
        let mut complaints = Vec::new();
        if !p.length_constants_um.contains_key(&p.code_with) {
            let known: Vec<&str> = p.length_constants_um.keys().map(String::as_str).collect();
            let message = format!("there is no length constant `{}`", p.code_with);
            complaints.push(crate::kind::complaint(&["code_with"], message, &format!("named: {}", known.join(", "))));
        }
        let [without, with] = p.coding_levels;
        if !(with > 0.0 && with < without && without < 1.0) {
            let message = format!("coding levels {without} without and {with} with inhibition");
            complaints.push(crate::kind::complaint(&["coding_levels"], message, "0 < with < without < 1"));
        }
        complaints
    }

    fn run(p: &LocalisedInhibitionParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let distances = path_distances_um(&cell, threads()).map_err(failed)?;
        // A cell's synapses to the inhibitory cell and from it lie in the same places.
        let seed = context.seed.child("sites");
        let sites =
            clustered_sites(&cell, distances.view(), p.cells, p.synapses, p.jitter_um, &seed).map_err(failed)?;
        let mut outcome = Outcome::default();
        let number =
            |value: f64, name: &str, n: usize, of: &str| Estimate::new(value, name, "kernel e^(-d / l)", n, of);
        let mut ratios = Vec::new();
        for (name, &constant) in &p.length_constants_um {
            let kernel = inhibition(distances.view(), sites.view(), sites.view(), constant).map_err(failed)?;
            let own = kernel.diag().mean().unwrap_or(f64::NAN);
            let others = (kernel.sum() - kernel.diag().sum()) / (p.cells * (p.cells - 1)) as f64;
            ratios.push((constant, own / others));
            let ratio = number(own / others, "inhibition of itself over that of others", p.cells, "cells");
            outcome.metric(&format!("self_over_other_{name}"), ratio.with_constant("length_constant_um", constant));
        }
        let constant = p.length_constants_um[&p.code_with];
        lobes(p, &cell, &distances, constant, &mut outcome)?;
        let kernel = inhibition(distances.view(), sites.view(), sites.view(), constant).map_err(failed)?;
        sparse_code(p, &kernel, &context.seed, &mut outcome)?;
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        outcome.table(
            "self_over_other",
            Table::new()
                .with("length_constant_um", ratios.iter().map(|r| r.0).collect::<Vec<_>>())?
                .with("self_over_other", ratios.iter().map(|r| r.1).collect::<Vec<_>>())?,
        );
        let points: Vec<(f64, f64)> = ratios.iter().filter(|r| r.0 < 1e4).map(|r| (r.0, r.1)).collect();
        let chart = Chart {
            title: "How much more a cell inhibits itself".into(),
            x_label: "length constant (um)".into(),
            y_label: "self over other inhibition".into(),
            x_range: None,
            y_range: None,
            series: vec![Series { name: String::new(), points, marks: Marks::Line }],
        };
        let caption = format!("Mean over {} cells with {} synapses each way.", p.cells, p.synapses);
        outcome.figure("self", "Inhibition of itself", &caption, chart.svg().map_err(failed)?);
        Ok(outcome)
    }
}

/// Stimulates one lobe evenly and compares the activity that arrives in both.
fn lobes(
    p: &LocalisedInhibitionParameters,
    cell: &Cell,
    distances: &Array2<f64>,
    constant_um: f64,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let here = cell.region(&p.lobes[0]).map_err(failed)?;
    let there = cell.region(&p.lobes[1]).map_err(failed)?;
    let lengths: Vec<f64> = cell.compartments().list().iter().map(|c| c.length_um).collect();
    let mean_in = |targets: &[usize]| -> f64 {
        let total: f64 = targets
            .iter()
            .map(|&t| {
                lengths[t] * here.iter().map(|&s| lengths[s] * (-distances[[s, t]] / constant_um).exp()).sum::<f64>()
            })
            .sum();
        total / targets.iter().map(|&t| lengths[t]).sum::<f64>()
    };
    let ratio = mean_in(&here) / mean_in(&there);
    let name = format!("inhibition in {} over that in {} when the first is stimulated", p.lobes[0], p.lobes[1]);
    let estimate = Estimate::new(ratio, &name, "kernel e^(-d / l)", here.len() + there.len(), "compartments");
    outcome.metric("stimulated_over_other_lobe", estimate.with_constant("length_constant_um", constant_um));
    Ok(())
}

/// Responses of all cells to all odours, of shape (odours, cells).
fn respond(drives: &Array2<f64>, kernel: &Array2<f64>, gain: f64, theta: f64) -> Array2<f64> {
    let mut responses = Array2::zeros(drives.dim());
    for (drive, mut response) in drives.rows().into_iter().zip(responses.rows_mut()) {
        response.assign(&settle(drive, kernel.view(), gain, theta).response);
    }
    responses
}

fn coding_level(responses: &Array2<f64>) -> f64 {
    responses.iter().filter(|r| **r > 0.0).count() as f64 / responses.len() as f64
}

/// Mean correlation of the responses to two odours.
fn odour_correlation(responses: &Array2<f64>) -> f64 {
    let rows: Vec<Vec<f64>> = responses.rows().into_iter().map(|r| r.to_vec()).collect();
    let mut found = Vec::new();
    for (i, a) in rows.iter().enumerate() {
        found.extend(rows[..i].iter().filter_map(|b| statistics::pearson(a, b)));
    }
    statistics::mean(&found)
}

fn sparse_code(
    p: &LocalisedInhibitionParameters,
    kernel: &Array2<f64>,
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut stream = seed.child("claws").stream();
    let mut weights = Array2::<f64>::zeros((p.cells, p.glomeruli));
    for mut row in weights.rows_mut() {
        (0..p.claws).for_each(|_| row[stream.random_range(0..p.glomeruli)] += 1.0);
    }
    let mut stream = seed.child("odours").stream();
    // Rates of the classes are exponential: few respond strongly to an odour. Part of them is common to all odours.
    let mut rate = || -(1.0 - stream.random::<f64>()).ln();
    let common: Vec<f64> = (0..p.glomeruli).map(|_| rate()).collect();
    let odours = Array2::from_shape_fn((p.odours, p.glomeruli), |(_, glomerulus)| {
        p.common * common[glomerulus] + (1.0 - p.common) * rate()
    });
    let drives = odours.dot(&weights.t());
    let mut sorted: Vec<f64> = drives.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let theta = statistics::quantile(&sorted, 1.0 - p.coding_levels[0]);
    // Mean inhibition of one cell by another is 1 at a gain of 1.
    let scaled = kernel / kernel.mean().unwrap_or(1.0);
    let (mut low, mut high) = (0.0, 1.0);
    while coding_level(&respond(&drives, &scaled, high, theta)) > p.coding_levels[1] && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        let level = coding_level(&respond(&drives, &scaled, middle, theta));
        if level > p.coding_levels[1] { low = middle } else { high = middle }
    }
    let (without, with) = (respond(&drives, &scaled, 0.0, theta), respond(&drives, &scaled, high, theta));
    let number = |value: f64, name: &str| Estimate::new(value, name, "settled responses", p.odours, "odours");
    outcome
        .metric("coding_level_without", number(coding_level(&without), "share of responding cells without inhibition"));
    outcome.metric("coding_level_with", number(coding_level(&with), "share of responding cells with inhibition"));
    let (free, inhibited) = (odour_correlation(&without), odour_correlation(&with));
    outcome.metric("odour_correlation_without", number(free, "mean correlation of two odours without inhibition"));
    outcome.metric("odour_correlation_with", number(inhibited, "mean correlation of two odours with inhibition"));
    outcome.metric("decorrelation", number(free - inhibited, "correlation without minus with inhibition"));
    let means = |r: &Array2<f64>| r.mean_axis(Axis(1)).unwrap_or_default().to_vec();
    let table = Table::new().with("mean_response_without", means(&without))?;
    outcome.table("odours", table.with("mean_response_with", means(&with))?);
    Ok(())
}
