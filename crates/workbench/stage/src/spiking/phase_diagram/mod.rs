//! `[analysis.*] kind = "phase-diagram"`: the states of a network over two of its parameters, by theory, with simulations among them.

mod axis;

use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_data::library::Library;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Series};
use rheobase_spike_train::spectrum::oscillation_persistence;
use rheobase_spiking::Simulation;
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::theory::{Stability, stability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, series};
use super::network::stopped;
use super::statistics::{mean_cv, peak_frequency_hz, unit_rates};
use super::tables;
use crate::kind::{Kind, complaint, failed, main_output, threads};
use axis::{Axis, Vary};

/// Parameters of `phase-diagram`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhaseDiagramParameters {
    /// The network, of leaky neurons with jumps of the voltage; what varies is multiplied with the factors of the axes.
    pub network: NetworkDescription,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// Rate in Hz near which the state is looked for.
    #[serde(default = "start")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub from_hz: f64,
    /// Factors (x, y) at which the network is simulated too.
    #[serde(default)]
    pub simulate: Vec<[f64; 2]>,
    /// Duration of a simulation in ms.
    #[serde(default = "duration")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Beginning that is left out of its statistics, in ms.
    #[serde(default = "settle")]
    #[schemars(range(min = 0.0))]
    pub settle_ms: f64,
}

fn start() -> f64 {
    20.0
}

fn duration() -> f64 {
    600.0
}

fn settle() -> f64 {
    200.0
}

/// A regular neuron's intervals vary less than this; an oscillation is fast from this frequency on (Brunel 2000).
const REGULAR_CV: f64 = 0.3;
const FAST_HZ: f64 = 100.0;
/// A population is in step if its count, in bins of this length, still resembles itself this well three periods later: what noise
/// excites in an asynchronous network has died out by then.
const IN_STEP: f64 = 0.25;
const STEP_BIN_S: f64 = 1e-3;

/// States, as theory sees them.
const STATES: [&str; 5] = [
    "asynchronous, irregular",
    "asynchronous, regular",
    "in step, regular",
    "in step, irregular, fast",
    "in step, irregular, slow",
];

fn state_of(found: &Stability) -> usize {
    let regular = found.cv.iter().fold(0.0_f64, |a, b| a.max(*b)) < REGULAR_CV;
    let fast = found.leading.is_some_and(|m| m.frequency_hz >= FAST_HZ);
    match (found.growing > 0, regular, fast) {
        (false, false, _) => 0,
        (false, true, _) => 1,
        (true, true, _) => 2,
        (true, false, true) => 3,
        (true, false, false) => 4,
    }
}

/// States of a network over two parameters.
pub struct PhaseDiagram;

impl PhaseDiagramParameters {
    fn at(&self, x: f64, y: f64) -> NetworkDescription {
        let mut network = self.network.clone();
        self.x.apply(x, &mut network);
        self.y.apply(y, &mut network);
        network
    }
}

impl Kind for PhaseDiagram {
    type Parameters = PhaseDiagramParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "phase-diagram";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "states of a network over two of its parameters: self-consistent rates, whether they last \
                                 and how they end (linear stability), beside simulations";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a phase diagram")];
    const READS_OUTSIDE: bool = true;

    fn check(p: &PhaseDiagramParameters) -> Vec<Complaint> {
        let mut all = tables::complaints(&p.network);
        for (key, axis) in [("x", &p.x), ("y", &p.y)] {
            if let Vary::WeightsFrom { population } = &axis.vary
                && let Err(error) = p.network.population(population)
            {
                all.push(complaint(&[key, "vary", "population"], error.to_string(), "name one of the populations"));
            }
            if axis.high <= axis.low {
                let message = format!("factors from {} to {} are no range", axis.low, axis.high);
                all.push(complaint(&[key, "high"], message, "make it larger than low"));
            }
            if axis.low <= 0.0 && axis.vary.is_positive(&p.network) {
                let message = format!("a factor of {} for what is always positive", axis.low);
                all.push(complaint(
                    &[key, "low"],
                    message,
                    "make it larger than 0: these are delays or lognormal weights",
                ));
            }
        }
        for (k, [x, y]) in p.simulate.iter().enumerate().filter(|_| all.is_empty()) {
            if let Err(error) = p.at(*x, *y).check() {
                let path = ["simulate", &k.to_string()];
                return vec![complaint(
                    &path,
                    error.to_string(),
                    "choose factors with which the network can be simulated",
                )];
            }
        }
        if p.settle_ms >= p.duration_ms {
            let message = format!("settle_ms {} leaves nothing of {} ms", p.settle_ms, p.duration_ms);
            all.push(complaint(&["settle_ms"], message, "make it shorter than duration_ms"));
        }
        all
    }

    fn fingerprint(p: &PhaseDiagramParameters, _: &Library) -> Result<String, StageError> {
        tables::fingerprint(&p.network)
    }

    fn memory_mib(p: &PhaseDiagramParameters) -> u64 {
        let built = p.network.estimate().map_or(256, |(synapses, bytes)| 64 + ((bytes + 8.0 * synapses) / 1e6) as u64);
        built + tables::memory_mib(&p.network)
    }

    fn run(p: &PhaseDiagramParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let p = &PhaseDiagramParameters { network: tables::read(&p.network)?, ..p.clone() };
        let mut outcome = Outcome::default();
        let found = theory(p, context)?;
        let mut simulated = Vec::new();
        for (k, [x, y]) in p.simulate.iter().enumerate() {
            context.progress.step("simulations", k, p.simulate.len());
            simulated.push(compare(p, [*x, *y], k, context, &mut outcome)?);
        }
        for (k, name) in STATES.iter().enumerate() {
            let share = found.iter().filter(|f| f.2.as_ref().is_some_and(|s| state_of(s) == k)).count();
            let share = share as f64 / found.len() as f64;
            let key = format!("share_{}", name.replace(", ", "_").replace(' ', "_"));
            outcome.metric(&key, Estimate::new(share, "share of the diagram", name, found.len(), "points"));
        }
        diagram(p, &found, &simulated, &mut outcome)?;
        rates(p, &simulated, &mut outcome)?;
        table(p, &found, &mut outcome)?;
        Ok(outcome)
    }
}

/// A point of the diagram; none where the network has no noise.
type Point = (f64, f64, Option<Stability>);

fn theory(p: &PhaseDiagramParameters, context: &Context<'_>) -> Result<Vec<Point>, StageError> {
    // Row by row, so that a long diagram can be interrupted.
    let mut all = Vec::new();
    for row in 0..p.y.points {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        context.progress.step("rows of the diagram", row, p.y.points);
        let y = p.y.factor(row);
        all.extend(parallel::map(p.x.points, threads(), |column| {
            let x = p.x.factor(column);
            (x, y, stability(&p.at(x, y), p.from_hz))
        }));
    }
    if all.iter().all(|(_, _, found)| found.is_err()) {
        // Whatever is wrong is wrong everywhere.
        let error = all.into_iter().find_map(|(_, _, found)| found.err());
        return Err(error.map_or_else(|| StageError::Failed("an empty diagram".into()), failed));
    }
    Ok(all.into_iter().map(|(x, y, found)| (x, y, found.ok())).collect())
}

/// One simulated point.
struct Simulated {
    at: [f64; 2],
    rate_hz: f64,
    theory_hz: f64,
    in_step: bool,
}

/// Simulates one point and sets it beside theory.
fn compare(
    p: &PhaseDiagramParameters,
    [x, y]: [f64; 2],
    k: usize,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<Simulated, StageError> {
    let network = p.at(x, y);
    let theory = stability(&network, p.from_hz).map_err(failed)?;
    let mut simulation =
        Simulation::new(&network, &context.seed.child("simulation").index(k), threads()).map_err(stopped)?;
    simulation.run_ms(p.duration_ms, context.progress).map_err(stopped)?;
    let (name, from_s) = (p.network.populations.keys().next().cloned().unwrap_or_default(), 1e-3 * p.settle_ms);
    let trains = simulation.spike_trains(&name).map_err(stopped)?;
    let rate_hz = rheobase_core::statistics::mean(&unit_rates(&trains, from_s));
    let (cv, units) = mean_cv(&trains, from_s);
    let peak_hz = peak_frequency_hz(&trains, from_s);
    let persistence = oscillation_persistence(&trains, from_s, STEP_BIN_S, peak_hz).unwrap_or(0.0);
    let theory_hz = theory.state.rates_hz[&name];
    let prefix = format!("at_{x}_{y}").replace('.', "p");
    let mut put = |what: &str, value: f64, words: &str, variant: &str, unit: &str| {
        let estimate = Estimate::new(value, words, variant, units.max(1), "neurons").with_unit(unit);
        outcome.metric(&format!("{prefix}_{what}"), estimate);
    };
    let simulated = format!("simulated, {} = {x}, {} = {y}", p.x.name, p.y.name);
    let by_theory = format!("theory, {} = {x}, {} = {y}", p.x.name, p.y.name);
    put("rate_hz", rate_hz, "mean rate", &simulated, "Hz");
    put("cv", cv, "mean CV of the intervals", &simulated, "");
    put("persistence", persistence, "autocorrelation of the population's count after three periods", &simulated, "");
    put("peak_hz", peak_hz, "frequency of most power in the count", &simulated, "Hz");
    put("theory_hz", theory_hz, "self-consistent rate", &by_theory, "Hz");
    put("theory_cv", theory.cv[0], "CV of the intervals", &by_theory, "");
    put("growing", theory.growing as f64, "modes that grow", &by_theory, "");
    if let Some(mode) = theory.leading {
        put("mode_hz", mode.frequency_hz, "frequency of the leading mode", &by_theory, "Hz");
        put("growth_per_s", mode.growth_per_s, "growth of the leading mode", &by_theory, "1/s");
    }
    Ok(Simulated { at: [x, y], rate_hz, theory_hz, in_step: persistence > IN_STEP })
}

fn diagram(
    p: &PhaseDiagramParameters,
    found: &[Point],
    simulated: &[Simulated],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let (a, b) = (0.025 * (p.x.high - p.x.low), 0.04 * (p.y.high - p.y.low));
    // Room around the crosses of simulations.
    let hidden = |f: &&Point| simulated.iter().any(|s| (f.0 - s.at[0]).abs() / a + (f.1 - s.at[1]).abs() / b < 1.3);
    let mut lines: Vec<Series> = Vec::new();
    for (k, name) in STATES.iter().enumerate() {
        let of = |f: &&Point| f.2.as_ref().is_some_and(|s| state_of(s) == k);
        let points: Vec<(f64, f64)> = found.iter().filter(of).filter(|f| !hidden(f)).map(|f| (f.0, f.1)).collect();
        if !points.is_empty() {
            lines.push(series(name, points, Marks::Points));
        }
    }
    for (name, in_step) in [("simulated: in step", true), ("simulated: asynchronous", false)] {
        let cross = |s: &Simulated| {
            let ([x, y], (a, b)) = (s.at, (0.35 * a, 0.35 * b));
            [(x, y), (x - a, y), (x + a, y), (x, y - b), (x, y + b)]
        };
        let points: Vec<(f64, f64)> = simulated.iter().filter(|s| s.in_step == in_step).flat_map(cross).collect();
        if !points.is_empty() {
            lines.push(series(name, points, Marks::Points));
        }
    }
    let caption = format!(
        "States by linear stability of the self-consistent rates; regular: CV below {REGULAR_CV}; fast: from {FAST_HZ} Hz on. \
         Crosses: simulations, in step where the population's count correlates with itself by more than {IN_STEP} after three periods."
    );
    chart(outcome, ["diagram", "Phase diagram", &caption], [&p.x.name, &p.y.name], lines)
}

/// Theory against simulation, rate by rate.
fn rates(p: &PhaseDiagramParameters, simulated: &[Simulated], outcome: &mut Outcome) -> Result<(), StageError> {
    if simulated.is_empty() {
        return Ok(());
    }
    let log = |hz: f64| hz.max(1e-2).log10();
    let of = |in_step: bool| -> Vec<(f64, f64)> {
        let all = simulated.iter().filter(|s| s.in_step == in_step);
        all.map(|s| (log(s.theory_hz), log(s.rate_hz))).collect()
    };
    let ends = simulated.iter().flat_map(|s| [log(s.theory_hz), log(s.rate_hz)]);
    let (low, high) = ends.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let mut lines = vec![series("equal", vec![(low, low), (high, high)], Marks::Dashed)];
    for (name, in_step) in [("in step", true), ("asynchronous", false)] {
        if !of(in_step).is_empty() {
            lines.push(series(name, of(in_step), Marks::Points));
        }
    }
    let caption = format!(
        "Rates of {} simulated networks of {} ms against the self-consistent rates of the same descriptions.",
        simulated.len(),
        p.duration_ms
    );
    chart(outcome, ["rates", "Theory and simulation", &caption], ["log10 theory (Hz)", "log10 simulated (Hz)"], lines)
}

fn table(p: &PhaseDiagramParameters, found: &[Point], outcome: &mut Outcome) -> Result<(), StageError> {
    let column = |f: &dyn Fn(&Stability) -> f64| -> Vec<f64> {
        found.iter().map(|(_, _, s)| s.as_ref().map_or(f64::NAN, f)).collect()
    };
    let first = p.network.populations.keys().next().cloned().unwrap_or_default();
    let state = found.iter().map(|f| f.2.as_ref().map_or("no noise", |s| STATES[state_of(s)]).to_owned());
    let table = Table::new()
        .with("x", found.iter().map(|f| f.0).collect::<Vec<_>>())?
        .with("y", found.iter().map(|f| f.1).collect::<Vec<_>>())?
        .with("rate_hz", column(&|s| s.state.rates_hz[&first]))?
        .with("cv", column(&|s| s.cv[0]))?
        .with("growing", column(&|s| s.growing as f64))?
        .with("growth_per_s", column(&|s| s.leading.map_or(f64::NAN, |m| m.growth_per_s)))?
        .with("frequency_hz", column(&|s| s.leading.map_or(f64::NAN, |m| m.frequency_hz)))?
        .with("state", state.collect::<Vec<_>>())?;
    outcome.table("diagram", table);
    Ok(())
}
