//! `[analysis.*] kind = "fixed-points"`: fixed and slow points of a trained network under constant inputs, their stability, and
//! line or ring attractors.

use ndarray::{Array1, Array2, ArrayView1};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Estimate, Seed};
use rheobase_data::Table;
use rheobase_fixed_point::basin::reached;
use rheobase_fixed_point::{Candidate, Found, Linearisation, Manifold, Search, Shape, manifolds};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::{FrozenNetwork, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Axes, Recurrent, TrainedNetwork};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `fixed-points`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedPointParameters {
    /// The network.
    pub of: Input<Recurrent>,
    /// Constant inputs, each a list of values; all inputs at zero by default.
    #[serde(default)]
    pub inputs: Vec<Vec<f64>>,
    /// States to start from, drawn from trials.
    #[serde(default = "starts")]
    pub starts: usize,
    /// Noise added to them, as a share of their spread along each variable.
    #[serde(default = "half")]
    pub start_noise: f64,
    /// Trials that starts are drawn from.
    #[serde(default = "trials")]
    pub trials: usize,
    /// Largest q of a fixed point.
    #[serde(default = "tolerance")]
    pub tolerance_q: f64,
    /// Largest q of a slow point.
    #[serde(default = "slow")]
    pub slow_q: f64,
    /// Points closer than this share of the spread of the starts are one.
    #[serde(default = "unique")]
    pub unique_distance: f64,
    /// Steps of the common descent before Newton's method.
    #[serde(default = "descent")]
    pub descent_steps: usize,
    /// Most points of each kind that are linearised.
    #[serde(default = "most")]
    pub most_points: usize,
}

fn starts() -> usize {
    1024
}
fn half() -> f64 {
    0.5
}
fn trials() -> usize {
    128
}
fn tolerance() -> f64 {
    1e-20
}
fn slow() -> f64 {
    1e-6
}
fn unique() -> f64 {
    1e-2
}
fn descent() -> usize {
    200
}
fn most() -> usize {
    150
}

/// Fixed points.
pub struct FixedPoints;

impl Kind for FixedPoints {
    type Parameters = FixedPointParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "fixed-points";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "fixed and slow points of a recurrent network, their stability, and line or ring attractors (Sussillo & Barak 2013)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("fixed points")];

    fn check(p: &FixedPointParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if p.starts == 0 || p.trials == 0 || p.most_points == 0 {
            all.push(complaint(&["starts"], "starts, trials and most_points must be at least 1".into(), "raise them"));
        }
        if !(p.tolerance_q > 0.0 && p.slow_q >= p.tolerance_q) {
            let message = format!("tolerance_q is {}, slow_q {}", p.tolerance_q, p.slow_q);
            all.push(complaint(&["tolerance_q"], message, "0 < tolerance_q <= slow_q"));
        }
        let sensible = p.unique_distance > 0.0 && p.start_noise >= 0.0;
        if !sensible {
            let message = format!("unique_distance is {}, start_noise {}", p.unique_distance, p.start_noise);
            all.push(complaint(&["unique_distance"], message, "unique_distance above 0, start_noise 0 or more"));
        }
        all
    }

    fn run(p: &FixedPointParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let frozen = trained.frozen();
        let (_, responses) = trained.respond(p.trials, &context.seed);
        let visited = states(&responses, trained.network.state_length());
        let starts = noisy_starts(&visited, (p.starts, p.start_noise), &context.seed);
        let axes = Axes::of(&visited, 3)?;
        let inputs = if p.inputs.is_empty() { vec![vec![0.0; trained.network.inputs]] } else { p.inputs.clone() };
        let search = Search {
            tolerance_q: p.tolerance_q,
            slow_q: p.slow_q,
            unique_distance: p.unique_distance,
            descent_steps: p.descent_steps,
            threads: threads(),
            ..Search::default()
        };
        let mut study =
            Study { frozen: &frozen, axes: &axes, dt_ms: trained.task.task().dt_ms(), rows: vec![], sets: vec![] };
        for (k, input) in inputs.iter().enumerate() {
            frozen.check_input(input).map_err(failed)?;
            let input = Array1::from(input.clone());
            let found = search.run(&frozen, starts.view(), input.view(), context.progress).map_err(|e| match e {
                rheobase_fixed_point::Error::Values(rheobase_core::Error::Interrupted) => StageError::Interrupted,
                other => failed(other),
            })?;
            study.analyse(k, input, found, p.most_points)?;
        }
        let mut outcome = Outcome::default();
        study.report(p, &visited, &mut outcome)?;
        study.draw(&responses, &mut outcome)?;
        Ok(outcome)
    }
}

/// All states of all trials, in rows.
pub(super) fn states(responses: &[Response<f32>], length: usize) -> Array2<f64> {
    let values: Vec<f64> = responses.iter().flat_map(|r| r.states.iter().map(|v| f64::from(*v))).collect();
    Array2::from_shape_vec((values.len() / length, length), values).unwrap_or_else(|_| Array2::zeros((0, length)))
}

/// As many visited states, each with noise that is a share of the spread along each variable.
pub(super) fn noisy_starts(visited: &Array2<f64>, (count, noise): (usize, f64), seed: &Seed) -> Array2<f64> {
    let spread = visited.std_axis(ndarray::Axis(0), 0.0);
    let mut stream = seed.child("starts").stream();
    let mut starts = Array2::zeros((count, visited.ncols()));
    for mut row in starts.rows_mut() {
        let from = visited.row(stream.random_range(0..visited.nrows()));
        for i in 0..from.len() {
            let normal: f64 = StandardNormal.sample(&mut stream);
            row[i] = from[i] + noise * spread[i] * normal;
        }
    }
    starts
}

/// One point with what the linearised map says.
pub(super) struct Row {
    input: usize,
    pub(super) is_slow: bool,
    pub(super) candidate: Candidate,
    pub(super) linear: Linearisation,
    pub(super) place: Vec<f64>,
    read_out: Vec<f64>,
}

/// Everything found under one input.
pub(super) struct Set {
    input: Array1<f64>,
    found: Found,
    manifolds: Vec<Manifold>,
    /// How strongly each input drives the slowest direction.
    selection: Vec<f64>,
}

pub(super) struct Study<'a> {
    pub(super) frozen: &'a FrozenNetwork,
    pub(super) axes: &'a Axes,
    dt_ms: f64,
    pub(super) rows: Vec<Row>,
    pub(super) sets: Vec<Set>,
}

impl Study<'_> {
    fn analyse(&mut self, input: usize, value: Array1<f64>, found: Found, most: usize) -> Result<(), StageError> {
        let mut points = vec![];
        let mut linears = vec![];
        for (is_slow, list) in [(false, &found.fixed), (true, &found.slow)] {
            // Evenly chosen where there are too many.
            let step = list.len().div_ceil(most).max(1);
            for candidate in list.iter().step_by(step) {
                let linear = Linearisation::at(self.frozen, candidate.state.view(), value.view()).map_err(failed)?;
                points.push(candidate.state.clone());
                linears.push(linear.clone());
                self.rows.push(Row {
                    input,
                    is_slow,
                    candidate: candidate.clone(),
                    linear,
                    place: self.axes.project(candidate.state.view()),
                    read_out: self.frozen.read_out(candidate.state.view()).to_vec(),
                });
            }
        }
        let manifolds = manifolds(&points, &linears);
        let selection = self.selection(&linears, value.view(), &points);
        self.sets.push(Set { input: value, found, manifolds, selection });
        Ok(())
    }

    /// How strongly each input moves the state along the slowest direction: the left eigenvector times dF/du, mean modulus over points.
    fn selection(&self, linears: &[Linearisation], input: ArrayView1<'_, f64>, points: &[Array1<f64>]) -> Vec<f64> {
        let h = f64::EPSILON.cbrt();
        let mut sums = vec![0.0; input.len()];
        for (linear, point) in linears.iter().zip(points) {
            let left = linear.left.column(0).mapv(|v| v.re);
            for (k, sum) in sums.iter_mut().enumerate() {
                let moved = |d: f64| {
                    let mut u = input.to_owned();
                    u[k] += d;
                    rheobase_core::Dynamics::step(self.frozen, point.view(), u.view())
                };
                *sum += left.dot(&((moved(h) - moved(-h)) / (2.0 * h))).abs() / linears.len() as f64;
            }
        }
        sums
    }

    fn report(&self, p: &FixedPointParameters, visited: &Array2<f64>, outcome: &mut Outcome) -> Result<(), StageError> {
        let fixed = || self.rows.iter().filter(|r| !r.is_slow);
        let count = |name: &str, what: &str, value: usize, outcome: &mut Outcome| {
            let estimate = Estimate::new(value as f64, what, "distinct points", p.starts * self.sets.len(), "starts");
            outcome.metric(name, estimate.with_constant("tolerance_q", p.tolerance_q));
        };
        count("fixed", "fixed points", self.sets.iter().map(|s| s.found.fixed.len()).sum(), outcome);
        count("slow", "slow points", self.sets.iter().map(|s| s.found.slow.len()).sum(), outcome);
        count("stable", "stable fixed points", fixed().filter(|r| r.linear.is_stable()).count(), outcome);
        for index in 1..=3 {
            let name = format!("saddles_{index}");
            let what = format!("fixed points with {index} growing direction(s)");
            count(&name, &what, fixed().filter(|r| r.linear.index() == index).count(), outcome);
        }
        let lines = |shape: Shape| self.sets.iter().flat_map(|s| &s.manifolds).filter(|m| m.shape == shape).count();
        count("line_attractors", "line attractors", lines(Shape::Line), outcome);
        count("ring_attractors", "ring attractors", lines(Shape::Ring), outcome);
        let converged: usize = self.sets.iter().map(|s| s.found.converged).sum();
        let n = p.starts * self.sets.len();
        let share = converged as f64 / n as f64;
        outcome.metric(
            "converged",
            Estimate::new(share, "converged starts", "share that reach a fixed point", n, "starts"),
        );
        let worst = fixed().map(|r| r.candidate.q).fold(0.0, f64::max);
        outcome.metric(
            "largest_q",
            Estimate::new(worst, "largest q", "over returned fixed points", fixed().count(), "points"),
        );
        if let Some(tangent) = self.sets.iter().flat_map(|s| &s.manifolds).map(|m| m.tangent_cosine).reduce(f64::min) {
            let variant = "median cosine of slow eigenvector and chain, least over manifolds";
            outcome.metric("tangent_cosine", Estimate::new(tangent, "tangent cosine", variant, 1, "manifold"));
        }
        self.report_oscillation(outcome);
        self.report_turning(visited, outcome);
        self.report_selection(outcome)?;
        self.report_basins(visited, outcome)?;
        self.report_table(outcome)
    }

    /// The spiral that grows fastest under each input, if there is one.
    fn report_oscillation(&self, outcome: &mut Outcome) {
        let mut spirals: Vec<(usize, f64, f64)> = self
            .rows
            .iter()
            .filter(|r| !r.is_slow && r.linear.values[0].norm() > 1.0 && r.linear.values[0].im != 0.0)
            .map(|r| (r.input, r.linear.values[0].norm(), r.linear.frequency(0, self.dt_ms / 1e3)))
            .collect();
        spirals.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        let what = "inputs with an unstable spiral";
        let mut with: Vec<usize> = spirals.iter().map(|s| s.0).collect();
        with.dedup();
        let share = with.len() as f64 / self.sets.len() as f64;
        outcome.metric("spiral_share", Estimate::new(share, what, "share of inputs", self.sets.len(), "inputs"));
        for (k, _) in self.sets.iter().enumerate() {
            if let Some((_, _, hz)) = spirals.iter().find(|s| s.0 == k) {
                let variant = "of the leading eigenvalue at the spiral that grows fastest";
                let estimate = Estimate::new(*hz, "frequency", variant, 1, "point").with_unit("Hz");
                outcome.metric(&format!("spiral_hz_{k}"), estimate);
            }
        }
    }

    /// How fast the state turns about the fixed point nearest to the mean of the visited states, by the slowest mode that turns at all.
    fn report_turning(&self, visited: &Array2<f64>, outcome: &mut Outcome) {
        let Some(mean) = visited.mean_axis(ndarray::Axis(0)) else { return };
        let away = |row: &&Row| (&row.candidate.state - &mean).mapv(|v| v * v).sum();
        for k in 0..self.sets.len() {
            let fixed = self.rows.iter().filter(|r| r.input == k && !r.is_slow);
            let Some(row) = fixed.min_by(|a, b| away(a).total_cmp(&away(b))) else { continue };
            let Some(mode) = row.linear.values.iter().position(|v| v.im != 0.0) else { continue };
            let number = |value: f64, what: &str, unit: &str| {
                let variant = "slowest mode that turns, at the fixed point nearest to the mean of visited states";
                Estimate::new(value, what, variant, 1, "point").with_unit(unit)
            };
            let (hz, ms) = (row.linear.frequency(mode, self.dt_ms / 1e3), row.linear.time_constant(mode, self.dt_ms));
            outcome.metric(&format!("turning_hz_{k}"), number(hz, "frequency", "Hz"));
            outcome.metric(&format!("turning_ms_{k}"), number(ms, "time constant, negative where it grows", "ms"));
        }
    }

    fn report_selection(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        let mut table = Table::new().with("input", (0..self.sets.len()).collect::<Vec<_>>())?;
        for k in 0..self.frozen.network.inputs {
            table = table
                .with(&format!("value_{k}"), self.sets.iter().map(|s| s.input[k]).collect::<Vec<f64>>())?
                .with(&format!("selection_{k}"), self.sets.iter().map(|s| s.selection[k]).collect::<Vec<f64>>())?;
        }
        outcome.table("inputs", table);
        for (set, values) in self.sets.iter().enumerate() {
            for (k, value) in values.selection.iter().enumerate().take(8) {
                let variant = "mean |l dF/du| of the left eigenvector of the slowest direction";
                let estimate = Estimate::new(*value, "selection", variant, self.rows.len(), "points");
                outcome.metric(&format!("selection_{set}_{k}"), estimate);
            }
        }
        Ok(())
    }

    /// Share of visited states that end in each stable point of the first input.
    fn report_basins(&self, visited: &Array2<f64>, outcome: &mut Outcome) -> Result<(), StageError> {
        const SAMPLES: usize = 200;
        const STEPS: usize = 1000;
        /// How close a state must come, as a share of the spread of the starts.
        const NEAR: f64 = 0.02;
        let stable: Vec<Array1<f64>> = self
            .rows
            .iter()
            .filter(|r| r.input == 0 && !r.is_slow && r.linear.is_stable())
            .map(|r| r.candidate.state.clone())
            .collect();
        let (Some(set), false) = (self.sets.first(), stable.is_empty()) else { return Ok(()) };
        let step = visited.nrows().div_ceil(SAMPLES).max(1);
        let starts = visited.slice(ndarray::s![..;step, ..]);
        let near = NEAR * set.found.spread;
        let ends = reached(self.frozen, starts, set.input.view(), &stable, near, STEPS, threads());
        let n = ends.len();
        let share = ends.iter().filter(|e| e.is_some()).count() as f64 / n as f64;
        let variant =
            "share of visited states that come close to a stable point within 1000 steps without further input";
        outcome.metric("captured", Estimate::new(share, "captured states", variant, n, "states"));
        let counts: Vec<usize> = (0..stable.len()).map(|k| ends.iter().filter(|e| **e == Some(k)).count()).collect();
        let table = Table::new().with("stable_point", (0..stable.len()).collect::<Vec<_>>())?.with("states", counts)?;
        outcome.table("basins", table);
        Ok(())
    }

    fn report_table(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        let column = |f: &dyn Fn(&Row) -> f64| self.rows.iter().map(f).collect::<Vec<f64>>();
        let mut table = Table::new()
            .with("input", self.rows.iter().map(|r| r.input).collect::<Vec<_>>())?
            .with("slow", self.rows.iter().map(|r| usize::from(r.is_slow)).collect::<Vec<_>>())?
            .with("q", column(&|r| r.candidate.q))?
            .with("growing_directions", self.rows.iter().map(|r| r.linear.index()).collect::<Vec<_>>())?
            .with("leading_modulus", column(&|r| r.linear.values[0].norm()))?
            .with("leading_time_constant_ms", column(&|r| r.linear.time_constant(0, self.dt_ms)))?
            .with("leading_frequency_hz", column(&|r| r.linear.frequency(0, self.dt_ms / 1e3)))?
            .with("departure_from_normality", column(&|r| r.linear.departure_from_normality()))?;
        for k in 0..self.axes.shares.len() {
            table = table.with(&format!("pc{}", k + 1), column(&|r| r.place[k]))?;
        }
        for k in 0..self.frozen.network.outputs.min(8) {
            table = table.with(&format!("output_{k}"), column(&|r| r.read_out[k]))?;
        }
        outcome.table("points", table);
        Ok(())
    }
}
