//! `[analysis.*] kind = "fixed-point-branches"`: fixed points of a trained network followed while its input changes, and where they appear,
//! vanish and lose their stability (pseudo-arclength continuation, Keller 1977).

use ndarray::{Array1, Array2, ArrayView1};
use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_fixed_point::continuation::{BranchPoint, Continuation};
use rheobase_fixed_point::{Linearisation, Search};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::recurrent::FrozenNetwork;
use rheobase_report::figure::Marks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fixed_points::{noisy_starts, states};
use super::source::{Axes, Recurrent, TrainedNetwork};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `fixed-point-branches`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BranchParameters {
    /// The network.
    pub of: Input<Recurrent>,
    /// Input at the begin of the line.
    pub from: Vec<f64>,
    /// Input at its end.
    pub to: Vec<f64>,
    /// States to start from, drawn from trials with noise; fixed points at both ends of the line are sought from them.
    #[serde(default = "starts")]
    #[schemars(range(min = 1, max = 100_000))]
    pub starts: usize,
    /// Noise added to them, as a share of their spread along each variable.
    #[serde(default = "half")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub start_noise: f64,
    /// Trials that starts are drawn from.
    #[serde(default = "trials")]
    #[schemars(range(min = 1, max = 10_000))]
    pub trials: usize,
    /// Length of a step, as a share of the spread of the states.
    #[serde(default = "step")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub step: f64,
    /// Most steps along a branch.
    #[serde(default = "most_steps")]
    #[schemars(range(min = 2, max = 100_000))]
    pub most_steps: usize,
    /// Most branches.
    #[serde(default = "most_branches")]
    #[schemars(range(min = 1, max = 1000))]
    pub most_branches: usize,
}

fn starts() -> usize {
    256
}
fn half() -> f64 {
    0.5
}
fn trials() -> usize {
    64
}
fn step() -> f64 {
    0.02
}
fn most_steps() -> usize {
    400
}
fn most_branches() -> usize {
    40
}

/// Branches of fixed points.
pub struct FixedPointBranches;

/// What happens to a fixed point between two steps of its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// It turns back: two points meet and vanish.
    Fold,
    /// A complex pair crosses the unit circle: an oscillation is born (Neimark-Sacker; Hopf in continuous time).
    Hopf,
    /// An eigenvalue crosses -1: the period doubles.
    Flip,
    /// A real eigenvalue crosses 1 without a turn: branches cross.
    Crossing,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Fold => "fold",
            Self::Hopf => "hopf",
            Self::Flip => "flip",
            Self::Crossing => "crossing",
        }
    }
}

/// A branch with what the linearised map says at each point.
struct Branch {
    points: Vec<BranchPoint>,
    index: Vec<usize>,
    events: Vec<(f64, Event)>,
}

impl Kind for FixedPointBranches {
    type Parameters = BranchParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "fixed-point-branches";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "fixed points of a recurrent network followed while its input changes: folds, Hopf points, where memories vanish";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("branches of fixed points")];

    fn check(p: &BranchParameters) -> Vec<Complaint> {
        if p.from.len() != p.to.len() {
            let message = format!("`from` has {} values and `to` {}", p.from.len(), p.to.len());
            return vec![complaint(&["to"], message, "give as many: a value for each input of the network")];
        }
        let same = p.from == p.to;
        let message = "the line of inputs begins where it ends".to_owned();
        same.then(|| complaint(&["to"], message, "change an input")).into_iter().collect()
    }

    fn run(p: &BranchParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let trained = TrainedNetwork::load(context.input(&p.of)?)?;
        let frozen = trained.frozen();
        frozen.check_input(&p.from).map_err(failed)?;
        frozen.check_input(&p.to).map_err(failed)?;
        let (_, responses) = trained.respond(p.trials, &context.seed);
        let visited = states(&responses, trained.network.state_length());
        let starts = noisy_starts(&visited, (p.starts, p.start_noise), &context.seed);
        let axes = Axes::of(&visited, 1)?;
        let spread = visited.std_axis(ndarray::Axis(0), 0.0).mapv(|v| v * v).sum().sqrt();
        let line = Line { p, frozen: &frozen, spread };
        let mut branches = vec![];
        for forward in [true, false] {
            // From the end of the line, those that are not met from its begin.
            let seeds = line.fixed_points(forward, &starts, context)?;
            let new: Vec<Array1<f64>> = seeds.into_iter().filter(|s| !line.known(&branches, s, forward)).collect();
            let room = p.most_branches.saturating_sub(branches.len());
            let found = parallel::try_map(new.len().min(room), threads(), |k| line.follow(forward, new[k].view()))?;
            // Both ends of one branch may be seeds of the same side: a fold brings it back.
            for branch in found {
                let known = branch.points.first().is_some_and(|f| line.known(&branches, &f.state, forward));
                if !known {
                    branches.push(branch);
                }
            }
            context.progress.step("ends of the line", 2 - usize::from(forward), 2);
        }
        if branches.is_empty() {
            return Err(StageError::Failed("no fixed point was found at either end of the line of inputs".into()));
        }
        let mut outcome = Outcome::default();
        report(p, &branches, &axes, &mut outcome)?;
        Ok(outcome)
    }
}

/// The line of inputs and the network on it.
struct Line<'a> {
    p: &'a BranchParameters,
    frozen: &'a FrozenNetwork,
    /// Root mean square distance of visited states from their mean.
    spread: f64,
}

impl Line<'_> {
    fn ends(&self, forward: bool) -> (Array1<f64>, Array1<f64>) {
        let (from, to) = (Array1::from(self.p.from.clone()), Array1::from(self.p.to.clone()));
        if forward { (from, to) } else { (to, from) }
    }

    fn fixed_points(
        &self,
        forward: bool,
        starts: &Array2<f64>,
        context: &Context<'_>,
    ) -> Result<Vec<Array1<f64>>, StageError> {
        let search = Search { tolerance_q: 1e-20, slow_q: 1e-20, threads: threads(), ..Search::default() };
        let found = search.run(self.frozen, starts.view(), self.ends(forward).0.view(), context.progress);
        let found = found.map_err(|e| match e {
            rheobase_fixed_point::Error::Values(rheobase_core::Error::Interrupted) => StageError::Interrupted,
            other => failed(other),
        })?;
        Ok(found.fixed.into_iter().map(|c| c.state).collect())
    }

    /// Whether a fixed point at one end of the line lies on a branch that is known.
    fn known(&self, branches: &[Branch], state: &Array1<f64>, forward: bool) -> bool {
        let at = f64::from(u8::from(!forward));
        let near = 0.01 * self.spread;
        branches.iter().any(|b| {
            b.points.windows(2).any(|w| {
                // Where the branch passes the end of the line, between two of its points.
                let (a, z) = (w[0].s - at, w[1].s - at);
                if a * z > 0.0 {
                    return false;
                }
                let t = if a == z { 0.0 } else { a / (a - z) };
                let there = &w[0].state * (1.0 - t) + &w[1].state * t;
                (&there - state).mapv(|v| v * v).sum().sqrt() < near.max(1e-6)
            })
        })
    }

    /// Follows a fixed point from one end of the line; s counts from the begin of the line in either case.
    fn follow(&self, forward: bool, start: ArrayView1<'_, f64>) -> Result<Branch, StageError> {
        let (from, to) = self.ends(forward);
        let walk = Continuation { from, to, step: self.p.step * self.spread.max(1e-9), most: self.p.most_steps };
        let mut points = walk.branch(self.frozen, start).map_err(failed)?;
        if !forward {
            points.iter_mut().for_each(|point| point.s = 1.0 - point.s);
        }
        let mut index = vec![];
        let mut linears = vec![];
        for point in &points {
            let input = Array1::from(self.p.from.clone()) * (1.0 - point.s) + Array1::from(self.p.to.clone()) * point.s;
            let linear = Linearisation::at(self.frozen, point.state.view(), input.view()).map_err(failed)?;
            index.push(linear.index());
            linears.push(linear);
        }
        let mut events = vec![];
        for k in 1..points.len() {
            let turns = k + 1 < points.len() && (points[k].s - points[k - 1].s) * (points[k + 1].s - points[k].s) < 0.0;
            if turns {
                events.push((points[k].s, Event::Fold));
                continue;
            }
            // Where the number of growing directions changes away from a turn.
            let near_turn = events.last().is_some_and(|(s, e)| *e == Event::Fold && (points[k].s - s).abs() < 1e-2);
            if index[k] != index[k - 1] && !near_turn && !turns_next(&points, k) {
                let larger = if index[k] > index[k - 1] { &linears[k] } else { &linears[k - 1] };
                let outside = larger.values.iter().filter(|v| v.norm() > 1.0);
                let crossing = outside.min_by(|a, b| a.norm().total_cmp(&b.norm()));
                let event = match crossing {
                    Some(v) if v.im.abs() > 1e-9 => Event::Hopf,
                    Some(v) if v.re < 0.0 => Event::Flip,
                    _ => Event::Crossing,
                };
                events.push((points[k].s, event));
            }
        }
        Ok(Branch { points, index, events })
    }
}

/// Whether the branch turns at one of the next two points, so that a change of stability belongs to the fold.
fn turns_next(points: &[BranchPoint], k: usize) -> bool {
    (k + 1..(k + 3).min(points.len() - 1))
        .any(|j| (points[j].s - points[j - 1].s) * (points[j + 1].s - points[j].s) < 0.0)
}

fn report(p: &BranchParameters, branches: &[Branch], axes: &Axes, outcome: &mut Outcome) -> Result<(), StageError> {
    let variant = "pseudo-arclength continuation from fixed points at both ends of the line";
    let mut count = |name: &str, what: &str, n: usize| {
        let estimate = Estimate::new(n as f64, what, variant, p.starts, "starts");
        outcome.metric(name, estimate.with_constant("step", p.step));
    };
    count("branches", "branches of fixed points", branches.len());
    for event in [Event::Fold, Event::Hopf, Event::Flip, Event::Crossing] {
        let n = branches.iter().flat_map(|b| &b.events).filter(|(_, e)| *e == event).count();
        count(&format!("{}s", event.name()), &format!("{} points", event.name()), n);
    }
    let stable_at = |s: f64| -> usize {
        let passes = |b: &Branch| {
            (1..b.points.len())
                .filter(|k| {
                    (b.points[k - 1].s - s) * (b.points[*k].s - s) < 0.0 && b.index[*k] == 0 && b.index[k - 1] == 0
                })
                .count()
        };
        branches.iter().map(passes).sum()
    };
    // A hair inside, where a branch that begins at an end has passed it.
    count("stable_at_begin", "stable points at the begin of the line", stable_at(1e-4));
    count("stable_at_end", "stable points at the end of the line", stable_at(1.0 - 1e-4));
    let folds = branches.iter().flat_map(|b| &b.events).filter(|(_, e)| *e == Event::Fold).map(|(s, _)| *s);
    if let Some(first) = folds.reduce(f64::min) {
        let what = "share of the line at which the first two points meet and vanish";
        outcome.metric("first_fold", Estimate::new(first, what, variant, branches.len(), "branches"));
    }
    draw(branches, axes, outcome)?;
    tables(branches, axes, outcome)
}

/// Place along the first principal axis against the input: stable points in full, others thin.
fn draw(branches: &[Branch], axes: &Axes, outcome: &mut Outcome) -> Result<(), StageError> {
    let (mut stable, mut other) = (vec![], vec![]);
    let mut marks: Vec<(Event, Vec<(f64, f64)>)> =
        [Event::Fold, Event::Hopf, Event::Flip, Event::Crossing].map(|e| (e, vec![])).into();
    for branch in branches {
        for (k, point) in branch.points.iter().enumerate() {
            let place = (point.s, axes.project(point.state.view())[0]);
            if branch.index[k] == 0 {
                stable.push(place)
            } else {
                other.push(place)
            };
            for (s, event) in &branch.events {
                if *s == point.s {
                    marks.iter_mut().filter(|(e, _)| e == event).for_each(|(_, places)| places.push(place));
                }
            }
        }
        other.push((f64::NAN, f64::NAN));
    }
    let mut lines = vec![series("stable", stable, Marks::Points), series("not stable", other, Marks::Paths)];
    for (event, places) in marks.into_iter().filter(|m| !m.1.is_empty()) {
        lines.push(series(event.name(), places, Marks::Points));
    }
    let caption = format!(
        "{} branches of fixed points while the input goes from the begin (0) to the end (1) of its line, along the first principal axis of visited states.",
        branches.len()
    );
    chart(outcome, ["branches", "Branches of fixed points", &caption], ["share of the line of inputs", "axis 1"], lines)
}

fn tables(branches: &[Branch], axes: &Axes, outcome: &mut Outcome) -> Result<(), StageError> {
    let (mut id, mut s, mut place, mut growing) = (vec![], vec![], vec![], vec![]);
    let (mut event_id, mut at, mut names) = (vec![], vec![], vec![]);
    for (k, branch) in branches.iter().enumerate() {
        for (point, index) in branch.points.iter().zip(&branch.index) {
            id.push(k);
            s.push(point.s);
            place.push(axes.project(point.state.view())[0]);
            growing.push(*index);
        }
        for (where_, event) in &branch.events {
            event_id.push(k);
            at.push(*where_);
            names.push(event.name().to_owned());
        }
    }
    let table = Table::new().with("branch", id)?.with("share_of_line", s)?.with("pc1", place)?;
    outcome.table("branches", table.with("growing_directions", growing)?);
    outcome.table("events", Table::new().with("branch", event_id)?.with("share_of_line", at)?.with("event", names)?);
    Ok(())
}
