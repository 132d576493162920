//! `[analysis.*] kind = "gain-fields"`: do hidden units of a head-centred localisation network have retinal fields whose size the
//! eye scales, as cells of area 7a? (Zipser & Andersen 1988, Nature 331:679)

use ndarray::{Array2, Axis};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use rheobase_core::special::beta_regularised;
use rheobase_core::statistics::{median, pearson};
use rheobase_data::Table;
use rheobase_linalg::least_squares;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Matrix, Panel};
use rheobase_similarity::{Bias, linear_cka};
use rheobase_task::space::HeadCentred;
use rheobase_task::{AnyTask, Trial};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Recurrent, TrainedNetwork};
use crate::draw::metric;
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `gain-fields`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GainFieldParameters {
    /// A network trained on `head-centred`.
    pub of: Input<Recurrent>,
    /// Eye positions along each axis.
    #[serde(default = "five")]
    pub eye_positions: usize,
    /// Retinal places along each axis.
    #[serde(default = "places")]
    pub retinal_places: usize,
}

fn five() -> usize {
    5
}
fn places() -> usize {
    15
}

/// Gain fields.
pub struct GainFields;

impl Kind for GainFields {
    type Parameters = GainFieldParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "gain-fields";
    const VERSION: u32 = 5;
    const ABOUT: &'static str =
        "planar gain fields and retinal receptive fields of hidden units (Zipser & Andersen 1988)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("gain fields")];

    fn check(p: &GainFieldParameters) -> Vec<Complaint> {
        let few = p.eye_positions < 3 || p.retinal_places < 5;
        let message = format!("{} eye positions and {} retinal places", p.eye_positions, p.retinal_places);
        few.then(|| complaint(&["eye_positions"], message, "at least 3 and 5")).into_iter().collect()
    }

    fn run(p: &GainFieldParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let AnyTask::HeadCentred(task) = &trained.task else {
            return Err(StageError::Failed(format!(
                "gain fields are read of the task head-centred, not of {}",
                trained.task.kind()
            )));
        };
        let probe = Probe::new(task, &trained, p, &context.seed);
        let mut outcome = Outcome::default();
        probe.units(&mut outcome)?;
        decoders(task, &trained, &context.seed, &mut outcome)?;
        probe.against_cells(task, &context.seed, &mut outcome)?;
        Ok(outcome)
    }
}

/// Least share of the evoked response that the eye must take away to count as a gain field. Simulated units have no noise, so that
/// without it the faintest curvature would be significant.
const DEPTH: f64 = 0.5;

/// So many synthetic cells that every place and slope has one near it.
const CELLS: usize = 2000;

/// Responses on a grid of eye positions and retinal places.
struct Probe {
    eyes: Vec<[f64; 2]>,
    retinas: Vec<[f64; 2]>,
    /// (eyes x retinas, units).
    rates: Array2<f64>,
    side: usize,
    eye_side: usize,
}

fn square(side: usize, reach: f64) -> Vec<[f64; 2]> {
    let at = |k: usize| reach * (2.0 * k as f64 / (side - 1) as f64 - 1.0);
    (0..side * side).map(|k| [at(k % side), at(k / side)]).collect()
}

/// Rates of the hidden units in one-step trials, (trials, units).
fn hidden(trained: &TrainedNetwork, trials: &[Trial], seed: &Seed) -> Array2<f64> {
    let n = trained.network.units;
    let responses = trained.respond_to(trials, seed);
    Array2::from_shape_fn((trials.len(), n), |(k, i)| f64::from(responses[k].units[n + i]))
}

impl Probe {
    fn new(task: &HeadCentred, trained: &TrainedNetwork, p: &GainFieldParameters, seed: &Seed) -> Self {
        let (eyes, retinas) = (square(p.eye_positions, task.eye_deg * 2.0 / 3.0), square(p.retinal_places, 35.0));
        let trials: Vec<Trial> = eyes.iter().flat_map(|e| retinas.iter().map(|r| task.of(*r, *e))).collect();
        let rates = hidden(trained, &trials, seed);
        Self { eyes, retinas, rates, side: p.retinal_places, eye_side: p.eye_positions }
    }

    fn rate(&self, eye: usize, retina: usize, unit: usize) -> f64 {
        self.rates[[eye * self.retinas.len() + retina, unit]]
    }

    /// Retinal place of the largest departure from the unit's mean, with the eye at one position.
    fn peak(&self, eye: usize, unit: usize) -> usize {
        let values: Vec<f64> = (0..self.retinas.len()).map(|r| self.rate(eye, r, unit)).collect();
        (0..values.len()).fold(0, |b, r| if values[r] > values[b] { r } else { b })
    }

    /// R2 and p of a plane through a unit's evoked response over eye positions, and how deep the eye modulates it. The evoked response is
    /// the rate at the preferred place less the mean over all places: a unit that only adds eye and retina has none that changes.
    fn plane(&self, unit: usize) -> Result<(f64, f64, f64), StageError> {
        let centre = self.eyes.len() / 2;
        let preferred = self.peak(centre, unit);
        let evoked = |eye: usize| {
            let all: Vec<f64> = (0..self.retinas.len()).map(|r| self.rate(eye, r, unit)).collect();
            all[preferred] - rheobase_core::statistics::mean(&all)
        };
        let y = Array2::from_shape_fn((self.eyes.len(), 1), |(e, _)| evoked(e));
        let x = Array2::from_shape_fn((self.eyes.len(), 3), |(e, k)| if k == 2 { 1.0 } else { self.eyes[e][k] });
        let fit = least_squares(x.view(), y.view()).map_err(failed)?;
        let mean = y.mean().unwrap_or(0.0);
        let total: f64 = y.iter().map(|v| (v - mean).powi(2)).sum();
        let (low, high) = y.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        let depth = if high > 0.0 { (high - low) / high } else { 0.0 };
        if total < 1e-12 {
            return Ok((0.0, 1.0, depth));
        }
        let r2 = 1.0 - fit.residual[0] / total;
        let rest = (self.eyes.len() - 3) as f64;
        // F test of two slopes: 1 - R2 follows a beta distribution under the null.
        Ok((r2, beta_regularised(rest / 2.0, 1.0, (1.0 - r2).clamp(0.0, 1.0)), depth))
    }

    fn units(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        let n = self.rates.ncols();
        let fits: Vec<(f64, f64, f64)> = (0..n).map(|u| self.plane(u)).collect::<Result<_, _>>()?;
        let shifts: Vec<f64> = (0..n)
            .map(|u| {
                let home = self.retinas[self.peak(self.eyes.len() / 2, u)];
                let off = |e: usize| {
                    let place = self.retinas[self.peak(e, u)];
                    (place[0] - home[0]).hypot(place[1] - home[1])
                };
                median(&(0..self.eyes.len()).map(off).collect::<Vec<_>>())
            })
            .collect();
        let planar = fits.iter().filter(|f| f.0 >= 0.7 && f.1 < 0.01 && f.2 >= DEPTH).count() as f64 / n as f64;
        let of = (n, "units");
        metric(
            outcome,
            "planar",
            planar,
            ("units with a planar gain field: R2 at least .7, p below .01, half the response or more at stake", ""),
            of,
        );
        let what = ("median over units of the median shift of the peak with the eye", "deg");
        metric(outcome, "peak_shift_deg", median(&shifts), what, of);
        let still = shifts.iter().filter(|s| **s <= 10.0).count() as f64 / n as f64;
        metric(outcome, "retinal_frame", still, ("units whose peak stays within 10 degrees on the retina", ""), of);
        let table = Table::new()
            .with("unit", (0..n).collect::<Vec<_>>())?
            .with("plane_r2", fits.iter().map(|f| f.0).collect::<Vec<_>>())?
            .with("plane_p", fits.iter().map(|f| f.1).collect::<Vec<_>>())?
            .with("modulation_depth", fits.iter().map(|f| f.2).collect::<Vec<_>>())?
            .with("peak_shift_deg", shifts)?;
        outcome.table("units", table);
        let mut panels = vec![];
        for unit in 0..n.min(6) {
            for (name, eye) in [
                ("left", self.eye_side / 2 * self.eye_side),
                ("ahead", self.eyes.len() / 2),
                ("right", self.eye_side / 2 * self.eye_side + self.eye_side - 1),
            ] {
                let values = Array2::from_shape_fn((self.side, self.side), |(i, j)| {
                    self.rate(eye, (self.side - 1 - i) * self.side + j, unit)
                });
                panels.push(Panel { name: format!("unit {unit}, {name}"), values });
            }
        }
        let figure = Matrix {
            title: "receptive fields and the eye".into(),
            label: "rate".into(),
            panels,
            across: 6,
            range: None,
        };
        let caption =
            "Retinal receptive fields (70 x 70 degrees) of six units with the eye to the left, ahead and to the right.";
        outcome.figure("fields", "Receptive fields", caption, figure.svg().map_err(failed)?);
        Ok(())
    }

    /// Likeness to synthetic cells of area 7a: of whole responses; of evoked ones, without what the eye does when nothing is shown, which
    /// recordings of gain fields take off; and of the interaction alone, without what the retina does by itself either. Random weights
    /// keep the geometry of the retina, and CKA sees nothing else; a unit beside the cell that is most like it tells one that is tuned as
    /// a cell from a mixture of such.
    fn against_cells(&self, task: &HeadCentred, seed: &Seed, outcome: &mut Outcome) -> Result<(), StageError> {
        let cells = self.synthetic_cells(task, seed);
        let mut likeness = |name: &str, of: &dyn Fn(&Array2<f64>) -> Array2<f64>, what: &str| {
            let (own, theirs) = (of(&self.rates), of(&cells));
            let alignment = linear_cka(own.view(), theirs.view(), Bias::Biased).map_err(failed)?;
            let what_cka = format!("linear CKA with synthetic cells of area 7a, {what}");
            metric(outcome, &format!("{name}_cka"), alignment, (&what_cka, ""), (self.rates.nrows(), "stimuli"));
            let what_unit =
                format!("correlation of a unit with the most alike of {CELLS} synthetic cells, median, {what}");
            let alike = median(&most_alike(&own, &theirs));
            metric(outcome, &format!("{name}_likeness"), alike, (&what_unit, ""), (own.ncols(), "units"));
            Ok::<(), StageError>(())
        };
        likeness("cell", &Array2::clone, "whole responses")?;
        likeness("evoked", &|r| self.evoked(r), "less the mean at each eye position")?;
        likeness("interaction", &|r| self.without_retina(&self.evoked(r)), "interaction of eye and retina")
    }

    /// Responses less their mean over retinal places at each eye position, (eyes x retinas, units).
    fn evoked(&self, rates: &Array2<f64>) -> Array2<f64> {
        let mut evoked = rates.clone();
        for mut block in evoked.axis_chunks_iter_mut(Axis(0), self.retinas.len()) {
            if let Some(mean) = block.mean_axis(Axis(0)) {
                block -= &mean;
            }
        }
        evoked
    }

    /// Responses less their mean over eye positions at each retinal place, the same shape.
    fn without_retina(&self, rates: &Array2<f64>) -> Array2<f64> {
        let mut mean = Array2::<f64>::zeros((self.retinas.len(), rates.ncols()));
        for block in rates.axis_chunks_iter(Axis(0), self.retinas.len()) {
            mean += &(&block / self.eyes.len() as f64);
        }
        let mut rest = rates.clone();
        rest.axis_chunks_iter_mut(Axis(0), self.retinas.len()).for_each(|mut block| block -= &mean);
        rest
    }

    /// Gaussian retinal fields times random planes of eye position, (eyes x retinas, cells).
    fn synthetic_cells(&self, task: &HeadCentred, seed: &Seed) -> Array2<f64> {
        let mut stream = seed.child("area 7a").stream();
        let mut cells = Array2::zeros((self.rates.nrows(), CELLS));
        for mut cell in cells.axis_iter_mut(Axis(1)) {
            let centre = [(); 2].map(|()| 30.0 * (2.0 * stream.random::<f64>() - 1.0));
            let slope: [f64; 2] = [(); 2].map(|()| StandardNormal.sample(&mut stream));
            for (row, value) in cell.iter_mut().enumerate() {
                let (eye, retina) = (self.eyes[row / self.retinas.len()], self.retinas[row % self.retinas.len()]);
                let squared = (retina[0] - centre[0]).powi(2) + (retina[1] - centre[1]).powi(2);
                let gain = 1.0 + 0.6 * (slope[0] * eye[0] + slope[1] * eye[1]) / task.eye_deg;
                *value = gain.max(0.0) * (-squared / (2.0 * 15.0 * 15.0)).exp();
            }
        }
        cells
    }
}

/// For each unit (column) the largest correlation with a cell (column); a unit that does not vary has none.
fn most_alike(units: &Array2<f64>, cells: &Array2<f64>) -> Vec<f64> {
    let columns = |m: &Array2<f64>| -> Vec<Vec<f64>> { m.columns().into_iter().map(|c| c.to_vec()).collect() };
    let cells = columns(cells);
    let best = |unit: &Vec<f64>| cells.iter().filter_map(|cell| pearson(unit, cell)).fold(f64::NAN, f64::max);
    columns(units).iter().map(best).filter(|r| r.is_finite()).collect()
}

/// Can the place relative to the head be read linearly from all units, and from one?
fn decoders(
    task: &HeadCentred,
    trained: &TrainedNetwork,
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let seed = seed.child("decoders");
    let trials = rheobase_rate::recurrent::training::draw(task, 1200, &seed, threads());
    let rates = hidden(trained, &trials, &seed);
    let place = |name: &str, k: usize| trials[k].conditions.get(name).copied().unwrap_or(0.0);
    let wanted = Array2::from_shape_fn((trials.len(), 2), |(k, axis)| place(["head_x_deg", "head_y_deg"][axis], k));
    let half = trials.len() / 2;
    let r2 = |columns: &[usize]| -> Result<f64, StageError> {
        let own = rates.select(Axis(1), columns);
        let design = ndarray::concatenate![Axis(1), own, Array2::ones((trials.len(), 1))];
        let (train, test) = (design.slice(ndarray::s![..half, ..]), design.slice(ndarray::s![half.., ..]));
        let fit = least_squares(train, wanted.slice(ndarray::s![..half, ..])).map_err(failed)?;
        let miss = test.dot(&fit.solution) - wanted.slice(ndarray::s![half.., ..]);
        let test_wanted = wanted.slice(ndarray::s![half.., ..]);
        let mean = test_wanted.mean_axis(Axis(0)).unwrap_or_else(|| ndarray::Array1::zeros(2));
        let total: f64 = (&test_wanted - &mean).iter().map(|v| v * v).sum();
        Ok(1.0 - miss.iter().map(|v| v * v).sum::<f64>() / total)
    };
    let n = rates.ncols();
    let n_of = (trials.len() - half, "held-out trials");
    let all = r2(&(0..n).collect::<Vec<_>>())?;
    metric(outcome, "population_r2", all, ("R2 of a linear decoder of head-centred place from all units", ""), n_of);
    let alone: Vec<f64> = (0..n).map(|u| r2(&[u])).collect::<Result<_, _>>()?;
    metric(outcome, "single_unit_r2", median(&alone), ("R2 of a linear decoder from one unit, median", ""), n_of);
    Ok(())
}
