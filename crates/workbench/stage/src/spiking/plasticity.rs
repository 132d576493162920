//! `[analysis.*] kind = "plastic-network"`: weights that learn in a running network, and the window of their rule.

use rheobase_data::library::Library;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Series};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{NetworkDescription, Projection};
use rheobase_spiking::plasticity::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, histogram, metric, series};
use super::network::stopped;
use super::statistics::{mean_cv, unit_rates};
use super::tables;
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `plastic-network`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlasticNetworkParameters {
    /// The network.
    pub network: NetworkDescription,
    /// Duration in s.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_s: f64,
    /// Length of the beginning and of the end that are compared, in s.
    #[serde(default = "part")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub part_s: f64,
}

fn part() -> f64 {
    50.0
}

/// A network that learns.
pub struct PlasticNetwork;

/// Shares of the range of weights that count as its ends.
const OUTER: f64 = 0.2;

impl Kind for PlasticNetwork {
    type Parameters = PlasticNetworkParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "plastic-network";
    const VERSION: u32 = 5;
    const READS_OUTSIDE: bool = true;
    const ABOUT: &'static str =
        "a network with plastic synapses: distribution of weights, groups of sources, irregularity of the output";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("weights over time")];

    fn check(p: &PlasticNetworkParameters) -> Vec<Complaint> {
        let mut all = tables::complaints(&p.network);
        if !all.is_empty() {
            return all;
        }
        let targets: Vec<&str> = learning(&p.network).map(|(_, projection)| projection.to.as_str()).collect();
        if targets.is_empty() || targets.iter().any(|t| *t != targets[0]) {
            let message = format!("{} projections learn, onto {targets:?}", targets.len());
            all.push(complaint(
                &["network", "projections"],
                message,
                "give plasticity to projections onto one population",
            ));
        }
        if 2.0 * p.part_s > p.duration_s {
            let message = format!("two parts of {} s do not fit {} s", p.part_s, p.duration_s);
            all.push(complaint(&["part_s"], message, "make it at most half the duration"));
        }
        all
    }

    fn fingerprint(p: &PlasticNetworkParameters, _: &Library) -> Result<String, StageError> {
        tables::fingerprint(&p.network)
    }

    fn run(p: &PlasticNetworkParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let network = tables::read(&p.network)?;
        let plastic: Vec<(usize, &Projection)> = learning(&network).collect();
        let Some((_, first)) = plastic.first() else { return Ok(outcome) };
        let mut simulation = Simulation::new(&network, &context.seed, 1).map_err(failed)?;
        let mut curves: Vec<Series> = plastic.iter().map(|(_, p)| series(&p.from, vec![], Marks::Line)).collect();
        let looks = 60;
        let mut places = vec![vec![]; plastic.len()];
        for look in 0..=looks {
            if look > 0 {
                simulation.run_ms(1e3 * p.duration_s / f64::from(looks), context.progress).map_err(stopped)?;
            }
            for ((places, curve), (number, projection)) in places.iter_mut().zip(&mut curves).zip(&plastic) {
                let Some(rule) = &projection.plasticity else { continue };
                let place = |w: &(u32, u32, f32)| (f64::from(w.2) - rule.least) / (rule.most - rule.least);
                *places = simulation.synapses_of(*number).iter().map(place).collect();
                curve.points.push((1e-3 * simulation.time_ms(), rheobase_core::statistics::mean(places)));
            }
        }
        for (places, (_, projection)) in places.iter().zip(&plastic) {
            let mean = rheobase_core::statistics::mean(places);
            let what = ("mean weight in its range", "");
            metric(&mut outcome, &format!("{}_mean", projection.from), mean, what, (places.len(), "synapses"));
        }
        let places: Vec<f64> = places.concat();
        let n = (places.len(), "synapses");
        let outer = places.iter().filter(|w| **w < OUTER || **w > 1.0 - OUTER).count() as f64 / places.len() as f64;
        let high = places.iter().filter(|w| **w > 1.0 - OUTER).count() as f64 / places.len() as f64;
        metric(&mut outcome, "outer_share", outer, ("weights in the outer fifths", ""), n);
        metric(&mut outcome, "high_share", high, ("weights in the highest fifth", ""), n);
        let trains = simulation.spike_trains(&first.to).map_err(failed)?;
        let early = rheobase_core::statistics::mean(&unit_rates_until(&trains, p.part_s));
        let late_from = p.duration_s - p.part_s;
        let late = rheobase_core::statistics::mean(&unit_rates(&trains, late_from));
        let neurons = (trains.units(), "neurons");
        metric(&mut outcome, "early_rate_hz", early, ("rate at the beginning", "Hz"), neurons);
        metric(&mut outcome, "late_rate_hz", late, ("rate at the end", "Hz"), neurons);
        let (cv, counted) = mean_cv(&trains, late_from);
        metric(&mut outcome, "late_cv", cv, ("CV of the intervals at the end", ""), (counted, "neurons"));
        let caption = "Mean weights of the plastic projections over time, in their range.";
        chart(&mut outcome, ["groups", "Weights over time", caption], ["time (s)", "mean weight"], curves)?;
        let caption = "Weights at the end.";
        let line = vec![series("synapses", histogram(&places, [0.0, 1.0], 40), Marks::Line)];
        chart(&mut outcome, ["weights", "Weights", caption], ["weight / largest", "share"], line)?;
        if let Some(Rule::Stdp(rule)) = first.plasticity.as_ref().map(|p| p.rule) {
            let window = (-100..=100).map(|k| (f64::from(k), rule.window(f64::from(k), 0.5))).collect();
            let caption = "Change by a pair, in units of the largest weight, at half of it.";
            let line = vec![series("window", window, Marks::Line)];
            chart(
                &mut outcome,
                ["window", "Window", caption],
                ["postsynaptic - presynaptic spike (ms)", "change"],
                line,
            )?;
        }
        Ok(outcome)
    }
}

fn learning(network: &NetworkDescription) -> impl Iterator<Item = (usize, &Projection)> {
    network.projections.iter().enumerate().filter(|(_, p)| p.plasticity.is_some())
}

fn unit_rates_until(trains: &rheobase_core::SpikeTrains, until_s: f64) -> Vec<f64> {
    (0..trains.units()).map(|u| trains.unit(u).iter().filter(|t| **t < until_s).count() as f64 / until_s).collect()
}
