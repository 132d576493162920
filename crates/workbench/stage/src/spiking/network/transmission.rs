//! How well single synapses transmit spikes in a running network: the probability of a postsynaptic spike after a presynaptic one,
//! by the size of the synapse.

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_pipeline::{Outcome, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::NetworkDescription;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::failed;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transmission {
    /// Number of the projection, from 0.
    pub projection: usize,
    /// Size in mV of a weight of 1.
    pub mv_per_weight: f64,
    /// Ends of the classes of size in mV.
    pub edges_mv: Vec<f64>,
    /// Time after a presynaptic spike in which a postsynaptic one counts, in ms; delays are part of it.
    pub within_ms: f64,
    /// Synapses looked at in each class.
    #[serde(default = "many")]
    pub synapses: usize,
}

fn many() -> usize {
    20_000
}

/// Measures and draws transmission and the distribution of sizes.
pub(super) fn transmission(
    request: &Transmission,
    network: &NetworkDescription,
    simulation: &Simulation,
    from_ms: f64,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let Some(projection) = network.projections.get(request.projection) else {
        let problem = format!("there is no projection {} among {}", request.projection, network.projections.len());
        return Err(StageError::Failed(problem));
    };
    let [pre, post] = [&projection.from, &projection.to].map(|name| simulation.spike_trains(name));
    let (pre, post) = (pre.map_err(failed)?, post.map_err(failed)?);
    let synapses = simulation.synapses_of(request.projection);
    let sizes: Vec<f64> = synapses.iter().map(|s| f64::from(s.2) * request.mv_per_weight).collect();
    let mean = rheobase_core::statistics::mean(&sizes);
    let estimate = Estimate::new(mean, "mean size of a synapse", "all synapses", sizes.len(), "synapses");
    outcome.metric("synapse_mean_mv", estimate.with_unit("mV"));
    let (within_s, from_s) = (1e-3 * request.within_ms, 1e-3 * from_ms);
    let mut points = Vec::new();
    let (mut middles, mut chances, mut numbers) = (vec![], vec![], vec![]);
    for class in request.edges_mv.windows(2) {
        let inside: Vec<usize> = (0..sizes.len()).filter(|i| (class[0]..class[1]).contains(&sizes[*i])).collect();
        let every = inside.len().div_ceil(request.synapses.max(1)).max(1);
        let (mut spikes, mut followed, mut size) = (0_usize, 0_usize, 0.0);
        let looked = inside.iter().step_by(every);
        let count = looked.len();
        for i in looked {
            let (source, target, _) = synapses[*i];
            size += sizes[*i] / count as f64;
            let answers = post.unit(target as usize);
            let end = pre.span_s().1 - within_s;
            for t in pre.unit(source as usize).iter().filter(|t| (from_s..end).contains(*t)) {
                spikes += 1;
                let next = answers.partition_point(|a| a <= t);
                followed += usize::from(answers.get(next).is_some_and(|a| *a <= t + within_s));
            }
        }
        let chance = followed as f64 / spikes as f64;
        let name = format!("transmission_{}_to_{}_mv", class[0], class[1]);
        let estimate =
            Estimate::new(chance, "probability of a spike after a presynaptic one", "by size", spikes, "spikes");
        outcome.metric(&name, estimate.with_constant("within_ms", request.within_ms));
        points.push((size, chance));
        middles.push(size);
        chances.push(chance);
        numbers.push(count as f64);
    }
    if let (Some(first), Some(last)) = (chances.first(), chances.last()) {
        let estimate =
            Estimate::new(last / first, "transmission of the largest over the smallest", "by size", 2, "classes");
        outcome.metric("transmission_gain", estimate);
    }
    let table = Table::new().with("size_mv", middles)?.with("probability", chances)?.with("synapses", numbers)?;
    outcome.table("transmission", table);
    points.retain(|p| p.1.is_finite());
    if points.is_empty() {
        return Ok(()); // a silent network transmits nothing
    }
    let line = |name: &str, points, marks| Series { name: name.into(), points, marks };
    let chart = Chart {
        title: "transmission".into(),
        x_label: "size of the synapse (mV)".into(),
        y_label: "probability of a spike".into(),
        x_range: None,
        y_range: None,
        series: vec![
            line(&format!("within {} ms", request.within_ms), points.clone(), Marks::Line),
            line("classes", points, Marks::Points),
        ],
    };
    let caption = "How often a postsynaptic spike follows a presynaptic one, by the size of the synapse.";
    outcome.figure("transmission", "Transmission", caption, chart.svg().map_err(failed)?);
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let mut bins = vec![0.0; 50];
    sizes.iter().for_each(|s| bins[((s / largest * 50.0) as usize).min(49)] += 1.0 / sizes.len() as f64);
    let at = |k: usize| (k as f64 + 0.5) * largest / 50.0;
    let share: Vec<(f64, f64)> =
        bins.iter().enumerate().filter(|(_, b)| **b > 0.0).map(|(k, b)| (at(k), b.log10())).collect();
    let chart = Chart {
        title: "sizes".into(),
        x_label: "size of the synapse (mV)".into(),
        y_label: "log10 share of synapses".into(),
        x_range: None,
        y_range: None,
        series: vec![line("synapses", share, Marks::Line)],
    };
    let caption = format!("Sizes of {} synapses; their mean is {mean:.3} mV.", sizes.len());
    outcome.figure("sizes", "Sizes of synapses", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
