//! `[analysis.*] kind = "rate-equivalent"`: what a unit of an artificial neural network means. The gain curve of leaky neurons in noise is
//! measured and fitted, and a network of units with that curve and the same weights predicts the mean rates of the spiking one.

use std::collections::BTreeMap;

use rheobase_core::statistics::{mean, pearson};
use rheobase_core::{Estimate, Seed, Silent};
use rheobase_data::Table;
use rheobase_data::library::Library;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::Simulation;
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::neuron::Neuron;
use rheobase_spiking::theory::{
    CurveMeasurement, GainCurve, RateEquivalent, answering, measure_curve, rate_equivalent,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::stopped;
use super::tables;
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `rate-equivalent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateEquivalentParameters {
    /// The network: leaky neurons with jumps or currents, driven by sources of spikes.
    pub network: NetworkDescription,
    /// Least and greatest rate in Hz of the neurons of a source of point processes, drawn evenly; by population. Others keep their rate.
    #[serde(default)]
    pub source_rates_hz: BTreeMap<String, [f64; 2]>,
    /// Duration in ms over which rates are counted.
    #[serde(default = "second")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Beginning that is left out, in ms.
    #[serde(default = "settle")]
    #[schemars(range(min = 0.0))]
    pub settle_ms: f64,
    /// Least and greatest mean input of the gain curve in mV.
    pub inputs_mv: [f64; 2],
    /// Inputs of the gain curve.
    #[serde(default = "points")]
    #[schemars(range(min = 5, max = 10_000))]
    pub points: usize,
    /// Neurons that are simulated at each input.
    #[serde(default = "neurons")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub neurons: usize,
}

fn second() -> f64 {
    1000.0
}
fn settle() -> f64 {
    200.0
}
fn points() -> usize {
    41
}
fn neurons() -> usize {
    100
}

/// The rate network of a spiking one.
pub struct RateEquivalentKind;

impl Kind for RateEquivalentKind {
    type Parameters = RateEquivalentParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "rate-equivalent";
    const VERSION: u32 = 3;
    const READS_OUTSIDE: bool = true;
    const ABOUT: &'static str =
        "gain curves of leaky neurons in noise, and the rate network with the same weights against the spiking one";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("gain curves and rates")];

    fn check(p: &RateEquivalentParameters) -> Vec<Complaint> {
        let mut all = tables::complaints(&p.network);
        if !all.is_empty() {
            return all;
        }
        match answering(&p.network) {
            Err(error) => all.push(complaint(&["network"], error.to_string(), "mend this part of the network")),
            Ok(names) if names.is_empty() => {
                let message = "no population of the network is leaky: nothing answers".to_owned();
                all.push(complaint(&["network"], message, "add one of kind \"lif\""));
            }
            Ok(_) => {}
        }
        for (name, [low, high]) in &p.source_rates_hz {
            let known = p.network.populations.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let population = p.network.populations.get(name);
            if !population.is_some_and(|population| matches!(population.neuron, Neuron::Renewal(_))) {
                let message = format!("there is no source {name} of point processes");
                all.push(complaint(&["source_rates_hz", name], message, &format!("the populations are {known}")));
            } else if !(*low >= 0.0 && low <= high && *high <= 1000.0 / p.network.dt_ms) {
                let message = format!("rates from {low} to {high} Hz");
                all.push(complaint(&["source_rates_hz", name], message, "0 <= low <= high, at most one spike a step"));
            }
        }
        let [low, high] = p.inputs_mv;
        if !(low < high && low.is_finite() && high.is_finite()) {
            let message = format!("inputs from {low} to {high} mV");
            all.push(complaint(&["inputs_mv"], message, "give the smaller first"));
        }
        all
    }

    fn fingerprint(p: &RateEquivalentParameters, _: &Library) -> Result<String, StageError> {
        tables::fingerprint(&p.network)
    }

    fn run(p: &RateEquivalentParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let network = tables::read(&p.network)?;
        let mut outcome = Outcome::default();
        let curves = curves(p, &network, context, &mut outcome)?;
        let (simulation, counted) = simulate(p, &network, &context.seed)?;
        let found = rate_equivalent(&simulation, &curves, &counted).map_err(failed)?;
        compare(p, &network, (&found, &counted), &mut outcome)?;
        Ok(outcome)
    }
}

/// The gain curve of every population that answers, measured and fitted.
fn curves(
    p: &RateEquivalentParameters,
    network: &NetworkDescription,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<Vec<Option<GainCurve>>, StageError> {
    let [low, high] = p.inputs_mv;
    let at = |k: usize| low + (high - low) * k as f64 / (p.points - 1) as f64;
    let measurement = CurveMeasurement {
        inputs_mv: (0..p.points).map(at).collect(),
        neurons: p.neurons,
        duration_ms: p.duration_ms,
        settle_ms: p.settle_ms,
    };
    let names = answering(network).map_err(failed)?;
    let (mut curves, mut lines) = (vec![None; network.populations.len()], vec![]);
    for (done, name) in names.iter().enumerate() {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        let rates = measure_curve(network, name, &measurement, &context.seed, threads()).map_err(stopped)?;
        let (curve, r2) = GainCurve::fit(&measurement.inputs_mv, &rates).map_err(failed)?;
        let fit = Estimate::new(r2, "explained variance", "power of a softplus, least squares", p.points, "inputs");
        outcome.metric(
            &format!("{name}_curve_r2"),
            fit.with_constant("amplitude_hz", curve.amplitude_hz)
                .with_constant("threshold_mv", curve.threshold_mv)
                .with_constant("width_mv", curve.width_mv)
                .with_constant("power", curve.power),
        );
        let smooth = (0..=200).map(|k| low + (high - low) * f64::from(k) / 200.0).map(|mu| (mu, curve.rate_hz(mu)));
        lines.push(series(&format!("{name}, fitted"), smooth.collect(), Marks::Line));
        let measured = measurement.inputs_mv.iter().copied().zip(rates).collect();
        lines.push(series(&format!("{name}, measured"), measured, Marks::Points));
        curves[network.population(name).map_err(failed)?.0] = Some(curve);
        context.progress.step("gain curves", done + 1, names.len());
    }
    let caption =
        format!("Rates of {} neurons at each mean input, and a power of a softplus fitted to them.", p.neurons);
    chart(outcome, ["gain_curves", "Gain curves", &caption], ["mean input (mV)", "rate (Hz)"], lines)?;
    Ok(curves)
}

/// The spiking network, and the rate of each neuron of each population.
fn simulate(
    p: &RateEquivalentParameters,
    network: &NetworkDescription,
    seed: &Seed,
) -> Result<(Simulation, Vec<Vec<f64>>), StageError> {
    let mut simulation = Simulation::new(network, seed, 1).map_err(failed)?;
    for (name, [low, high]) in &p.source_rates_hz {
        let mut stream = seed.child("source rates").child(name).stream();
        let size = network.populations[name].size;
        let rates: Vec<f64> = (0..size).map(|_| rand::RngExt::random_range(&mut stream, *low..=*high)).collect();
        simulation.set_rates(name, &rates).map_err(failed)?;
    }
    simulation.run_ms(p.settle_ms + p.duration_ms, &Silent).map_err(stopped)?;
    let rates = |name: &String| -> Result<Vec<f64>, StageError> {
        let counts = simulation.spike_counts(name, p.settle_ms).map_err(failed)?;
        Ok(counts.iter().map(|c| 1e3 * f64::from(*c) / p.duration_ms).collect())
    };
    let counted = network.populations.keys().map(rates).collect::<Result<Vec<_>, _>>()?;
    Ok((simulation, counted))
}

fn compare(
    p: &RateEquivalentParameters,
    network: &NetworkDescription,
    (found, counted): (&RateEquivalent, &[Vec<f64>]),
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let (mut lines, mut table) = (vec![], [vec![], vec![], vec![]]);
    let (mut names, mut greatest, mut outside, mut all) = (vec![], 0.0_f64, 0, 0);
    for (k, name) in network.populations.keys().enumerate().filter(|(k, _)| !found.inputs_mv[*k].is_empty()) {
        let (ours, theirs, inputs) = (&found.rates_hz[k], &counted[k], &found.inputs_mv[k]);
        let n = (ours.len(), "neurons");
        if let Some(r) = pearson(ours, theirs) {
            metric(outcome, &format!("{name}_r"), r, ("correlation of rates predicted and counted", ""), n);
        }
        let miss: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).collect();
        metric(outcome, &format!("{name}_error_hz"), mean(&miss), ("mean distance of the two rates", "Hz"), n);
        metric(outcome, &format!("{name}_rate_hz"), mean(theirs), ("mean rate counted", "Hz"), n);
        outside += inputs.iter().filter(|mu| !(p.inputs_mv[0]..=p.inputs_mv[1]).contains(*mu)).count();
        all += inputs.len();
        greatest = ours.iter().chain(theirs).fold(greatest, |m, r| m.max(*r));
        lines.push(series(name, ours.iter().copied().zip(theirs.iter().copied()).collect(), Marks::Points));
        names.extend(std::iter::repeat_n(name.clone(), ours.len()));
        for (column, values) in table.iter_mut().zip([inputs, ours, theirs]) {
            column.extend(values.iter().copied());
        }
    }
    let what = ("share of neurons whose input lies outside the measured gain curve", "");
    metric(outcome, "outside_curve", outside as f64 / all.max(1) as f64, what, (all, "neurons"));
    metric(
        outcome,
        "residual_hz",
        found.residual_hz,
        ("rates against those they make", "Hz"),
        (found.passes, "passes"),
    );
    lines.push(series("equal", vec![(0.0, 0.0), (greatest, greatest)], Marks::Dashed));
    let caption =
        format!("Mean rate of each neuron over {} ms, predicted by the rate network and counted.", p.duration_ms);
    let axes = ["predicted rate (Hz)", "counted rate (Hz)"];
    chart(outcome, ["rates", "Rates of the two networks", &caption], axes, lines)?;
    let [inputs, ours, theirs] = table;
    let table = Table::new().with("population", names)?.with("input_mv", inputs)?;
    outcome.table("neurons", table.with("predicted_hz", ours)?.with("counted_hz", theirs)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> RateEquivalentParameters {
        let text = r#"{ "inputs_mv": [5, 30], "duration_ms": 4000, "points": 15, "neurons": 30, "source_rates_hz": { "in": [0, 100] }, "network": {
            "populations": {
                "in": { "size": 100, "neuron": { "kind": "renewal" } },
                "out": { "size": 100, "neuron": { "kind": "lif", "drive_mv": 12 }, "noise_mv": 4,
                         "receptors": { "x": { "kind": "exponential-current", "tau_ms": 5 } } } },
            "projections": [{ "from": "in", "to": "out", "receptor": "x", "rule": { "kind": "all-to-all" },
                "weight": { "kind": "normal", "mean": 0, "sd": 1 }, "delay_ms": { "kind": "constant", "value": 1 } }] } }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn rates_are_predicted_from_the_networks_own_weights() {
        let p = parameters();
        assert!(RateEquivalentKind::check(&p).is_empty(), "{:?}", RateEquivalentKind::check(&p));
        let measurement = CurveMeasurement {
            inputs_mv: vec![5.0, 10.0, 15.0, 20.0, 25.0, 30.0],
            neurons: 50,
            duration_ms: 1000.0,
            settle_ms: 200.0,
        };
        let seed = Seed::root(5);
        let rates = measure_curve(&p.network, "out", &measurement, &seed, 1).unwrap();
        let curve = GainCurve::fit(&measurement.inputs_mv, &rates).unwrap().0;
        let (simulation, counted) = simulate(&p, &p.network, &seed).unwrap();
        let found = rate_equivalent(&simulation, &[None, Some(curve)], &counted).unwrap();
        let r = pearson(&found.rates_hz[1], &counted[1]).unwrap();
        assert!(r > 0.95, "{r}");
        // The weights matter: neurons in another order are not predicted.
        let turned: Vec<f64> = counted[1].iter().cycle().skip(7).take(100).copied().collect();
        assert!(pearson(&found.rates_hz[1], &turned).unwrap() < 0.4);
    }

    #[test]
    fn mistakes_are_refused_at_their_place() {
        let said = |p: &RateEquivalentParameters| RateEquivalentKind::check(p)[0].message.clone();
        let mut p = parameters();
        p.source_rates_hz.insert("inn".into(), [0.0, 10.0]);
        assert!(said(&p).contains("no source inn"));
        p.source_rates_hz = BTreeMap::from([("out".into(), [0.0, 10.0])]);
        assert!(said(&p).contains("no source out"));
        p.source_rates_hz = BTreeMap::from([("in".into(), [20.0, 10.0])]);
        assert!(said(&p).contains("from 20 to 10 Hz"));
        let p = RateEquivalentParameters { inputs_mv: [30.0, 5.0], ..parameters() };
        assert!(said(&p).contains("from 30 to 5 mV"));
    }
}
