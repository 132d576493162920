//! `[analysis.*] kind = "spatial-tuning"`: rate maps of the units of a path-integrating network and their grid scores against shuffles;
//! `kind = "pattern-formation"`: the theory of when grids should appear.

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::statistics::{mean, quantile};
use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::pattern_formation::{PatternFormation as Theory, Profile};
use rheobase_rate::recurrent::training::judge;
use rheobase_receptive_field::spatial::grid::{GridScore, Likeness, Rings, grid_score, periodic_grid_score};
use rheobase_receptive_field::spatial::map::smooth;
use rheobase_report::figure::{Marks, Matrix, Mosaic, Panel};
use rheobase_task::space::ReadOut;
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
    fn rings(self) -> Rings {
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
        let n = trained.network.units;
        let places: Vec<[f64; 2]> = trials.iter().flat_map(|t: &Trial| t.places.iter().copied()).collect();
        // Unit by unit, so that a map reads them in order.
        let mut rates = vec![Vec::with_capacity(places.len()); n];
        for outputs in responses.iter().flat_map(|r| r.units[n..].chunks_exact(n)) {
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
        if let Some(error) = judge(&trained.network, task, &trials, &responses).error {
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

/// Parameters of `pattern-formation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatternParameters {
    /// Place cells that are read out; their number does not matter here.
    pub read_out: ReadOut,
    /// Side of the periodic floor in m.
    #[serde(default = "side")]
    pub side_m: f64,
    /// Bins along a side.
    #[serde(default = "pattern_bins")]
    pub bins: usize,
    /// Whether rates are held at zero or above.
    #[serde(default = "yes")]
    pub non_negative: bool,
    /// Steps.
    #[serde(default = "steps")]
    pub steps: usize,
    /// Runs from different noise.
    #[serde(default = "runs")]
    pub runs: usize,
}

fn side() -> f64 {
    2.2
}
fn pattern_bins() -> usize {
    44
}
fn yes() -> bool {
    true
}
fn steps() -> usize {
    3000
}
fn runs() -> usize {
    12
}

impl PatternParameters {
    fn theory(&self) -> Option<Theory> {
        let (sd_m, profile) = match self.read_out {
            ReadOut::Gaussian { sd_m, .. } => (sd_m, Profile::Gaussian),
            ReadOut::DifferenceOfSoftmaxes { sd_m, surround_ratio, .. }
            | ReadOut::DifferenceOfGaussians { sd_m, surround_ratio, .. } => {
                (sd_m, Profile::DifferenceOfGaussians { surround_ratio })
            }
            _ => return None,
        };
        Some(Theory {
            bins: self.bins,
            side_m: self.side_m,
            sd_m,
            profile,
            non_negative: self.non_negative,
            steps: self.steps,
        })
    }
}

/// Pattern formation.
pub struct PatternFormation;

impl Kind for PatternFormation {
    type Parameters = PatternParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "pattern-formation";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "which maps learning to read out place cells should grow (Sorscher et al. 2019), without training";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("grown maps")];

    fn check(p: &PatternParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if let Err(error) = p.read_out.check() {
            all.push(complaint(&["read_out"], error.to_string(), "mend this parameter"));
        }
        if p.theory().is_none() {
            let help = "gaussian, difference-of-softmaxes or difference-of-gaussians";
            all.push(complaint(&["read_out", "kind"], "the theory is for place cells of one profile".into(), help));
        }
        if p.bins < 10 || p.runs == 0 || p.steps == 0 || p.side_m.is_nan() || p.side_m <= 0.0 {
            let message = format!("bins is {}, runs {}, steps {}, side_m {}", p.bins, p.runs, p.steps, p.side_m);
            all.push(complaint(&["bins"], message, "at least 10 bins, 1 run, 1 step and a side above 0"));
        }
        all
    }

    fn run(p: &PatternParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let Some(theory) = p.theory() else { return Err(StageError::Failed("no theory for this read-out".into())) };
        let maps = parallel::map(p.runs, threads(), |k| theory.grow(&context.seed.index(k)));
        let rings = RingChoice::Short.rings();
        let scores: Vec<f64> = maps
            .iter()
            .map(|map| periodic_grid_score(map, &rings).map(|s| s.min_max))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let periods: Vec<f64> = maps.iter().map(|map| theory.period_m(map)).collect();
        let mut outcome = Outcome::default();
        let n = (p.runs, "runs");
        let extreme = |f: fn(f64, f64) -> f64, from: f64| scores.iter().copied().fold(from, f);
        metric(&mut outcome, "grid_score", mean(&scores), ("mean grid score of the grown maps", ""), n);
        metric(&mut outcome, "least_grid_score", extreme(f64::min, f64::INFINITY), ("least grid score", ""), n);
        metric(&mut outcome, "largest_grid_score", extreme(f64::max, f64::NEG_INFINITY), ("largest grid score", ""), n);
        metric(&mut outcome, "period_m", mean(&periods), ("mean period of the waves with most power", "m"), n);
        let table = Table::new()
            .with("run", (0..p.runs).collect::<Vec<_>>())?
            .with("grid_score", scores.clone())?
            .with("period_m", periods)?;
        outcome.table("runs", table);
        let panels = maps
            .iter()
            .zip(&scores)
            .take(6)
            .map(|(map, s)| Panel { name: format!("score {s:.2}"), values: map.clone() });
        let figure = Matrix {
            title: "grown maps".into(),
            label: "rate".into(),
            panels: panels.collect(),
            across: 6,
            range: None,
        };
        let caption = format!("Maps grown from noise on a periodic floor of {} m, with their grid scores.", p.side_m);
        outcome.figure("maps", "Grown maps", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}
