//! `[analysis.*] kind = "spatial-tuning"`: rate maps of the units of a path-integrating network and their grid scores against shuffles.

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::statistics::{mean, quantile};
use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::Response;
use rheobase_rate::recurrent::training::judge;
use rheobase_receptive_field::spatial::grid::{GridScore, Likeness, Rings, grid_score};
use rheobase_receptive_field::spatial::map::smooth;
use rheobase_report::figure::{Marks, Mosaic};
use rheobase_task::{AnyTask, Trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Recurrent, TrainedNetwork};
use crate::draw::{chart, histogram, metric, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `spatial-tuning`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpatialParameters {
    /// A network trained on `path-integration`.
    pub of: Input<Recurrent>,
    /// Whose maps.
    #[serde(default)]
    pub layer: Layer,
    /// Fresh trials.
    #[serde(default = "trials")]
    pub trials: usize,
    /// Bins along a side.
    #[serde(default = "bins")]
    pub bins: usize,
    /// Width of the Gaussian that smooths maps, in bins.
    #[serde(default = "one")]
    pub smoothing_bins: f64,
    /// Rings of the autocorrelogram that are turned.
    #[serde(default = "ring_choice")]
    pub rings: RingChoice,
    /// Grid score above which a unit counts as a grid cell.
    #[serde(default = "threshold")]
    pub threshold: f64,
    /// Shuffles: the whole population's activity against the places of another time.
    #[serde(default = "shuffles")]
    pub shuffles: usize,
}

/// Units whose maps are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The recurrent units.
    #[default]
    Units,
    /// The linear layer between them and the outputs.
    Bottleneck,
}

/// Rings of the autocorrelogram, in sides of the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RingChoice {
    /// Inner radius .2, outer ones .4 to 1 (Banino et al. 2018): also grids of long period, but the best of ten rings of noise is high.
    Banino,
    /// Inner radius .1, outer ones .25 to .5: the rings of `pattern-formation`.
    Short,
}

impl RingChoice {
    pub(super) fn rings(self) -> Rings {
        match self {
            Self::Banino => Rings::banino(Likeness::Pearson),
            Self::Short => {
                let outer = (0..6).map(|k| 0.25 + 0.05 * f64::from(k)).collect();
                Rings { inner: 0.1, outer, likeness: Likeness::Pearson }
            }
        }
    }
}

fn ring_choice() -> RingChoice {
    RingChoice::Banino
}
fn trials() -> usize {
    2000
}
fn bins() -> usize {
    20
}
fn one() -> f64 {
    1.0
}
fn threshold() -> f64 {
    0.3
}
fn shuffles() -> usize {
    20
}

/// Spatial tuning.
pub struct SpatialTuning;

impl Kind for SpatialTuning {
    type Parameters = SpatialParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "spatial-tuning";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "rate maps of a path-integrating network's units and their grid scores against shuffles";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("rate maps")];

    fn check(p: &SpatialParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if p.trials < 100 || p.bins < 10 || p.shuffles == 0 {
            let message = format!("trials is {}, bins {}, shuffles {}", p.trials, p.bins, p.shuffles);
            all.push(complaint(&["trials"], message, "at least 100 trials, 10 bins and 1 shuffle"));
        }
        if p.smoothing_bins.is_nan() || p.smoothing_bins < 0.0 {
            all.push(complaint(&["smoothing_bins"], format!("smoothing_bins is {}", p.smoothing_bins), "0 or more"));
        }
        all
    }

    fn run(p: &SpatialParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let AnyTask::PathIntegration(task) = &trained.task else {
            return Err(StageError::Failed(format!(
                "rate maps need the task path-integration, not {}",
                trained.task.kind()
            )));
        };
        let (trials, responses) = trained.respond(p.trials, &context.seed);
        let n = match p.layer {
            Layer::Units => trained.network.units,
            Layer::Bottleneck => trained.network.bottleneck,
        };
        if n == 0 {
            let problem = "the network has no bottleneck: give the model one, or take layer = \"units\"";
            return Err(StageError::Failed(problem.into()));
        }
        let places: Vec<[f64; 2]> = trials.iter().flat_map(|t: &Trial| t.places.iter().copied()).collect();
        // Unit by unit, so that a map reads them in order.
        let mut rates = vec![Vec::with_capacity(places.len()); n];
        let of = |r: &Response<f32>| match p.layer {
            // The first outputs are those of the initial state.
            Layer::Units => r.units[n..].to_vec(),
            Layer::Bottleneck => r.bottleneck.clone(),
        };
        let activity: Vec<Vec<f32>> = responses.iter().map(of).collect();
        for outputs in activity.iter().flat_map(|a| a.chunks_exact(n)) {
            rates.iter_mut().zip(outputs).for_each(|(all, rate)| all.push(f64::from(*rate)));
        }
        let floor = Floor { bins: p.bins, half_m: task.arena.half_width_m(), smoothing: p.smoothing_bins };
        let cells: Vec<usize> = places.iter().map(|place| floor.bin(*place)).collect();
        let rings = p.rings.rings();
        let score = |map: &Array2<f64>| grid_score(map, &rings).ok();
        // Activity against the places of another time: all units shifted by one stretch, so that a shuffle is a whole population.
        let shifts: Vec<usize> = {
            let mut stream = context.seed.child("shuffles").stream();
            (0..p.shuffles).map(|_| stream.random_range(cells.len() / 20..cells.len() * 19 / 20)).collect()
        };
        let found: Vec<(Array2<f64>, Option<GridScore>, Vec<f64>)> = parallel::map(n, threads(), |unit| {
            let own = &rates[unit];
            let map = floor.map(&cells, own.iter().copied());
            let shuffled = shifts.iter().map(|shift| {
                let moved = floor.map(&cells, own[*shift..].iter().chain(&own[..*shift]).copied());
                score(&moved).map_or(f64::NAN, |s| s.min_max)
            });
            let shuffled = shuffled.collect();
            let score = score(&map);
            (map, score, shuffled)
        });
        let mut outcome = Outcome::default();
        if let Some(error) = judge(&trained.network, task, &trials, &responses, threads()).error {
            let what = ("mean distance between place and answer", "m");
            metric(&mut outcome, "position_error_m", error, what, (trials.len(), "trials"));
        }
        report_maps(p, &found, &places, &mut outcome)?;
        Ok(outcome)
    }
}

/// The floor in bins.
struct Floor {
    bins: usize,
    half_m: f64,
    smoothing: f64,
}

impl Floor {
    fn bin(&self, place: [f64; 2]) -> usize {
        let along = |v: f64| (((v + self.half_m) / (2.0 * self.half_m) * self.bins as f64) as usize).min(self.bins - 1);
        along(place[1]) * self.bins + along(place[0])
    }

    /// Mean activity in each bin; sums and visits are smoothed apart, bins never visited have none.
    fn map(&self, cells: &[usize], activity: impl Iterator<Item = f64>) -> Array2<f64> {
        let n = self.bins;
        let (mut sums, mut visits) = (Array2::<f64>::zeros((n, n)), Array2::<f64>::zeros((n, n)));
        for (cell, activity) in cells.iter().zip(activity) {
            sums[[cell / n, cell % n]] += activity;
            visits[[cell / n, cell % n]] += 1.0;
        }
        let (smooth_sums, smooth_visits) = (smooth(&sums, self.smoothing), smooth(&visits, self.smoothing));
        Array2::from_shape_fn((n, n), |place| {
            if visits[place] > 0.0 { smooth_sums[place] / smooth_visits[place] } else { f64::NAN }
        })
    }
}

fn report_maps(
    p: &SpatialParameters,
    found: &[(Array2<f64>, Option<GridScore>, Vec<f64>)],
    places: &[[f64; 2]],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let n = found.len();
    let scores: Vec<f64> = found.iter().map(|f| f.1.as_ref().map_or(f64::NAN, |s| s.min_max)).collect();
    let finite: Vec<f64> = scores.iter().copied().filter(|s| s.is_finite()).collect();
    let shuffled: Vec<f64> = found.iter().flat_map(|f| f.2.iter().copied()).filter(|s| s.is_finite()).collect();
    if finite.is_empty() || shuffled.is_empty() {
        return Err(StageError::Failed(
            "no unit has a grid score: every map is constant or too little of the floor was visited".into(),
        ));
    }
    let above = |limit: f64| finite.iter().filter(|s| **s > limit).count() as f64 / n as f64;
    let limit = quantile(&shuffled, 0.95);
    let variant = "share of units with min(r60, r120) - max(r30, r90, r150) above the threshold";
    let estimate =
        Estimate::new(above(p.threshold), "grid cells", variant, n, "units").with_constant("threshold", p.threshold);
    outcome.metric("grid_fraction", estimate);
    let of = (n, "units");
    let chance: Vec<f64> =
        (0..p.shuffles).map(|k| found.iter().filter(|f| f.2[k] > p.threshold).count() as f64 / n as f64).collect();
    metric(
        outcome,
        "grid_fraction_chance",
        quantile(&chance, 0.95),
        ("95th percentile over shuffles of the share of shuffled units above the threshold", ""),
        (p.shuffles, "shuffles"),
    );
    metric(
        outcome,
        "grid_fraction_shuffled",
        above(limit),
        ("units above the 95th percentile of shuffled maps", ""),
        of,
    );
    metric(
        outcome,
        "shuffle_percentile",
        limit,
        ("95th percentile of the scores of shuffled maps", ""),
        (shuffled.len(), "maps"),
    );
    metric(outcome, "mean_grid_score", mean(&finite), ("mean grid score", ""), of);
    metric(
        outcome,
        "best_grid_score",
        finite.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ("largest grid score", ""),
        of,
    );
    let square: Vec<f64> = found.iter().map(|f| f.1.as_ref().map_or(f64::NAN, |s| s.square)).collect();
    let active: Vec<f64> =
        found.iter().map(|f| f.0.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max)).collect();
    let table = Table::new()
        .with("unit", (0..n).collect::<Vec<_>>())?
        .with("grid_score", scores.clone())?
        .with("square_score", square)?
        .with("largest_rate", active)?;
    outcome.table("units", table);
    let mut order: Vec<usize> = (0..n).filter(|u| scores[*u].is_finite()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    order.truncate(24);
    let images = Array2::from_shape_fn((order.len(), p.bins * p.bins), |(k, pixel)| {
        let v = found[order[k]].0[[p.bins - 1 - pixel / p.bins, pixel % p.bins]];
        if v.is_finite() { v } else { 0.0 }
    });
    let labels = order.iter().map(|u| format!("{:.2}", scores[*u])).collect();
    let mosaic =
        Mosaic { title: "rate maps".into(), images: images.view(), shape: [p.bins, p.bins], labels, across: 8 };
    let caption = format!(
        "Rate maps of the {} units with the largest grid scores (above each), {} steps.",
        order.len(),
        places.len()
    );
    outcome.figure("maps", "Rate maps", &caption, mosaic.svg().map_err(failed)?);
    let line = |values: &[f64]| histogram(values, [-1.5, 1.8], 33);
    let lines =
        vec![series("units", line(&finite), Marks::Line), series("shuffled maps", line(&shuffled), Marks::Dashed)];
    let caption = format!("Grid scores of {} units and of {} shuffled maps.", finite.len(), shuffled.len());
    chart(outcome, ["scores", "Grid scores", &caption], ["grid score", "share"], lines)
}
