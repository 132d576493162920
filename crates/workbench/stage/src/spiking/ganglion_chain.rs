//! `[analysis.*] kind = "ganglion-chain"`: reflexes of a chain of paired ganglia, with and without connectives.

use std::collections::BTreeMap;

use ndarray::Array2;
use rheobase_core::{Estimate, Silent, parallel, statistics};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Matrix, Panel};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{ConnectionRule, Cut, GanglionChain, NetworkDescription, Side, Touch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `ganglion-chain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GanglionChainParameters {
    /// The chain.
    #[serde(default)]
    pub chain: GanglionChain,
    /// The touch, which each ganglion behind the brain gets in turn, on the left.
    #[serde(default)]
    pub touch: Touch,
    /// Operations by name, each with its cuts; the whole chain is always there, as `whole`.
    pub operations: BTreeMap<String, Vec<Cut>>,
    /// How long spikes are counted, in ms from the beginning of the touch.
    #[serde(default = "counted")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub counted_ms: f64,
    /// The touched ganglion whose spikes are drawn; by default the one in the middle.
    #[serde(default)]
    pub draw: Option<usize>,
}

fn counted() -> f64 {
    200.0
}

const WHOLE: &str = "whole";

/// A chain of ganglia.
pub struct GanglionChainKind;

impl Kind for GanglionChainKind {
    type Parameters = GanglionChainParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "ganglion-chain";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "reflexes of a chain of paired ganglia with a brain, and what is left of them when connectives are cut";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("reflexes")];

    fn check(p: &GanglionChainParameters) -> Vec<Complaint> {
        if let Err(error) = p.chain.check() {
            return vec![complaint(&["chain"], error.to_string(), "mend this parameter")];
        }
        let mut complaints = Vec::new();
        if let Err(error) = p.touch.check() {
            complaints.push(complaint(&["touch"], error.to_string(), "mend this parameter"));
        }
        let last = p.chain.ganglia - 1;
        if let Some(draw) = p.draw.filter(|draw| !(1..=last).contains(draw)) {
            let message = format!("ganglion {draw} is not touched");
            complaints.push(complaint(&["draw"], message, &format!("touched are 1 to {last}")));
        }
        for (name, cuts) in &p.operations {
            if name == WHOLE {
                let message = format!("`{WHOLE}` is the chain without cuts");
                complaints.push(complaint(&["operations", name], message, "give the operation another name"));
            }
            for (k, cut) in cuts.iter().enumerate().filter(|(_, cut)| cut.behind >= last) {
                let message = format!("there is no connective behind ganglion {}", cut.behind);
                let help = format!("the brain is 0, the last ganglion {last}: from 0 to {}", last - 1);
                complaints.push(complaint(&["operations", name, &k.to_string(), "behind"], message, &help));
            }
        }
        complaints
    }

    fn run(p: &GanglionChainParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let conditions: Vec<(&str, &[Cut])> =
            std::iter::once((WHOLE, &[][..])).chain(p.operations.iter().map(|(n, c)| (n.as_str(), &c[..]))).collect();
        let touched = p.chain.ganglia - 1;
        let trials = parallel::try_map(conditions.len() * touched, threads(), |k| {
            trial(p, 1 + k % touched, conditions[k / touched].1, context)
        })?;
        let results: Vec<Condition<'_>> = conditions
            .iter()
            .zip(trials.chunks(touched))
            .map(|((name, _), trials)| Condition { name, trials })
            .collect();
        let mut outcome = Outcome::default();
        metrics(p, &results, &mut outcome);
        figures(p, &results, &mut outcome)?;
        tables(p, &results, context, &mut outcome)?;
        Ok(outcome)
    }
}

/// What followed a touch: spikes of each motor neuron in ms from its beginning.
struct Trial {
    ganglion: usize,
    spikes_ms: Vec<Vec<f64>>,
}

struct Condition<'a> {
    name: &'a str,
    trials: &'a [Trial],
}

fn network(
    p: &GanglionChainParameters,
    touched: &[(usize, Side)],
    cuts: &[Cut],
    context: &Context<'_>,
) -> Result<NetworkDescription, StageError> {
    p.chain.network(touched, &p.touch, cuts, &context.seed).map_err(failed)
}

fn trial(
    p: &GanglionChainParameters,
    ganglion: usize,
    cuts: &[Cut],
    context: &Context<'_>,
) -> Result<Trial, StageError> {
    let network = network(p, &[(ganglion, Side::Left)], cuts, context)?;
    let mut simulation =
        Simulation::new(&network, &context.seed.child("simulation").index(ganglion), 1).map_err(failed)?;
    let end_ms = p.touch.start_ms + p.counted_ms;
    simulation.run_ms((end_ms / network.dt_ms).round() * network.dt_ms, &Silent).map_err(failed)?;
    let trains = simulation.spike_trains("motor").map_err(failed)?;
    let since = |unit: usize| -> Vec<f64> {
        trains.unit(unit).iter().map(|t| t * 1e3 - p.touch.start_ms).filter(|t| *t >= 0.0).collect()
    };
    Ok(Trial { ganglion, spikes_ms: (0..trains.units()).map(since).collect() })
}

impl Trial {
    /// Spikes per motor neuron in half a ganglion.
    fn response(&self, motor: usize, ganglion: usize, side: Side) -> f64 {
        let first = (2 * ganglion + usize::from(side == Side::Right)) * motor;
        let half = &self.spikes_ms[first..first + motor];
        half.iter().map(Vec::len).sum::<usize>() as f64 / motor as f64
    }

    fn reflex(&self, motor: usize) -> f64 {
        self.response(motor, self.ganglion, Side::Left)
    }

    /// Mean response of the ganglia that were not touched and are not the brain.
    fn elsewhere(&self, motor: usize, side: Side) -> f64 {
        let ganglia = self.spikes_ms.len() / (2 * motor);
        let others = (1..ganglia).filter(|g| *g != self.ganglion).map(|g| self.response(motor, g, side));
        statistics::mean(&others.collect::<Vec<f64>>())
    }

    /// First spike of the touched half, and of all ganglia that were not touched, in ms.
    fn latencies_ms(&self, motor: usize) -> [Option<f64>; 2] {
        let first = |spikes: &[Vec<f64>]| spikes.iter().filter_map(|s| s.first().copied()).reduce(f64::min);
        let (before, from_here) = self.spikes_ms.split_at(2 * self.ganglion * motor);
        let (here, behind) = from_here.split_at(2 * motor);
        let others = [first(before), first(behind)].into_iter().flatten().reduce(f64::min);
        [first(&here[..motor]), others]
    }
}

fn metrics(p: &GanglionChainParameters, results: &[Condition<'_>], outcome: &mut Outcome) {
    let motor = p.chain.motor;
    let mut put = |name: String, values: Vec<f64>, what: &str, unit: &str| -> f64 {
        let mean = statistics::mean(&values);
        let estimate = Estimate::new(mean, what, "mean over touched ganglia", values.len(), "touched ganglia");
        outcome.metric(&name, estimate.with_unit(unit));
        mean
    };
    let mut whole = [f64::NAN; 3];
    for Condition { name, trials } in results {
        let of = |f: &dyn Fn(&Trial) -> f64| trials.iter().map(f).collect::<Vec<f64>>();
        let spikes = "spikes per motor neuron";
        let reflex = put(format!("reflex_{name}"), of(&|t| t.reflex(motor)), "response of the touched half", spikes);
        let opposite = of(&|t| t.response(motor, t.ganglion, Side::Right));
        put(format!("opposite_{name}"), opposite, "response of the other half of the touched ganglion", spikes);
        for (k, (word, whose)) in [("", "the touched half"), ("elsewhere_", "another ganglion")].into_iter().enumerate()
        {
            let found: Vec<f64> = trials.iter().filter_map(|t| t.latencies_ms(motor)[k]).collect();
            if !found.is_empty() {
                let what = format!("first spike of {whose} after the touch began");
                put(format!("latency_ms_{word}{name}"), found, &what, "ms");
            }
        }
        let mut found = [reflex, 0.0, 0.0];
        if p.chain.ganglia > 2 {
            for (k, (side, word)) in [(Side::Left, "left"), (Side::Right, "right")].into_iter().enumerate() {
                let what = format!("response of the {word} halves of the other ganglia");
                found[k + 1] =
                    put(format!("elsewhere_{word}_{name}"), of(&|t| t.elsewhere(motor, side)), &what, spikes);
            }
        }
        if *name == WHOLE {
            whole = found;
            continue;
        }
        for (k, what) in ["reflex", "elsewhere_left", "elsewhere_right"].into_iter().enumerate() {
            if whole[k] > 0.0 {
                let name = format!("kept_{what}_{name}");
                put(name, vec![found[k] / whole[k]], "response over that of the whole chain", "");
            }
        }
    }
}

/// Left and right halves as columns, from the brain on.
fn responses(motor: usize, trials: &[Trial]) -> Array2<f64> {
    let ganglia = trials.first().map_or(0, |t| t.spikes_ms.len() / (2 * motor));
    Array2::from_shape_fn((trials.len(), 2 * ganglia), |(trial, column)| {
        let side = if column < ganglia { Side::Left } else { Side::Right };
        trials[trial].response(motor, column % ganglia, side)
    })
}

fn figures(p: &GanglionChainParameters, results: &[Condition<'_>], outcome: &mut Outcome) -> Result<(), StageError> {
    let motor = p.chain.motor;
    let panels = results.iter().map(|c| Panel { name: c.name.replace('_', " "), values: responses(motor, c.trials) });
    let matrix = Matrix {
        title: "responses of all halves of ganglia".into(),
        label: "spikes per motor neuron".into(),
        panels: panels.collect(),
        across: 2,
        range: None,
    };
    let caption = format!(
        "Each row is a touch on the left of one ganglion, from the first behind the brain to the last. Columns are the motor neurons of \
         the left halves, from the brain to ganglion {last}, then of the right halves.",
        last = p.chain.ganglia - 1
    );
    outcome.figure("responses", "Who answers a touch", &caption, matrix.svg().map_err(failed)?);
    let drawn = p.draw.unwrap_or(p.chain.ganglia / 2).max(1);
    for Condition { name, trials } in results {
        let Some(trial) = trials.iter().find(|t| t.ganglion == drawn) else { continue };
        let of_side = |side: Side| -> Vec<(f64, f64)> {
            let mut points = Vec::new();
            for ganglion in 0..p.chain.ganglia {
                let first = (2 * ganglion + usize::from(side == Side::Right)) * motor;
                // Left neurons fill the first half of a ganglion's band, right ones the second.
                let lift = if side == Side::Right { 0.45 } else { 0.0 };
                for (k, spikes) in trial.spikes_ms[first..first + motor].iter().enumerate() {
                    let height = ganglion as f64 + lift + 0.4 * (k as f64 + 0.5) / motor as f64;
                    points.extend(spikes.iter().map(|t| (*t, height)));
                }
            }
            points
        };
        let caption =
            format!("Spikes of all motor neurons when ganglion {drawn} is touched on the left; the brain is 0.");
        let title = format!("Motor neurons, {}", name.replace('_', " "));
        let lines = vec![
            series("left", of_side(Side::Left), Marks::Points),
            series("right", of_side(Side::Right), Marks::Points),
        ];
        chart(
            outcome,
            [&format!("raster_{name}"), &title, &caption],
            ["time since the touch (ms)", "ganglion"],
            lines,
        )?;
    }
    Ok(())
}

fn tables(
    p: &GanglionChainParameters,
    results: &[Condition<'_>],
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let motor = p.chain.motor;
    let mut rows: Vec<(String, usize, usize, &str, f64)> = Vec::new();
    for Condition { name, trials } in results {
        for trial in *trials {
            for ganglion in 0..p.chain.ganglia {
                for (side, word) in [(Side::Left, "left"), (Side::Right, "right")] {
                    let response = trial.response(motor, ganglion, side);
                    rows.push(((*name).to_owned(), trial.ganglion, ganglion, word, response));
                }
            }
        }
    }
    outcome.table(
        "responses",
        Table::new()
            .with("operation", rows.iter().map(|r| r.0.clone()).collect::<Vec<_>>())?
            .with("touched", rows.iter().map(|r| r.1 as i64).collect::<Vec<_>>())?
            .with("ganglion", rows.iter().map(|r| r.2 as i64).collect::<Vec<_>>())?
            .with("side", rows.iter().map(|r| r.3.to_owned()).collect::<Vec<_>>())?
            .with("spikes_per_motor_neuron", rows.iter().map(|r| r.4).collect::<Vec<_>>())?,
    );
    // The whole chain's synapses, as tables of connections that `spiking-network` reads.
    for projection in network(p, &[], &[], context)?.projections {
        let ConnectionRule::List { synapses } = &projection.rule else { continue };
        let table = Table::new()
            .with("from", synapses.iter().map(|s| s.from as i64).collect::<Vec<_>>())?
            .with("to", synapses.iter().map(|s| s.to as i64).collect::<Vec<_>>())?
            .with("weight_mv", synapses.iter().map(|s| s.weight.unwrap_or(0.0)).collect::<Vec<_>>())?
            .with("delay_ms", synapses.iter().map(|s| s.delay_ms.unwrap_or(0.0)).collect::<Vec<_>>())?;
        outcome.table(&format!("{}_to_{}", projection.from, projection.to), table);
    }
    Ok(())
}
