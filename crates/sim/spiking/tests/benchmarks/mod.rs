//! The networks that simulators are compared with, and what is measured of them.

#![allow(dead_code)]

use std::collections::BTreeMap;

use rheobase_core::SpikeTrains;
use rheobase_spiking::network::{
    ConnectionRule, Distribution, Failure, NetworkDescription, PoissonInput, Population, Precision, Projection,
    Receptor,
};
use rheobase_spiking::neuron::{HodgkinHuxley, Lif, Neuron};

fn normal(mean: f64, sd: f64) -> Distribution {
    Distribution::Normal { mean, sd, at_least: f64::MIN, at_most: f64::MAX }
}

fn projections(
    rule: impl Fn(&str) -> ConnectionRule,
    weight: [f64; 2],
    receptor: [&str; 2],
    delay_ms: f64,
) -> Vec<Projection> {
    let sources = [("excitatory", weight[0], receptor[0]), ("inhibitory", weight[1], receptor[1])];
    let to = ["excitatory", "inhibitory"];
    sources
        .into_iter()
        .flat_map(|(from, weight, receptor)| {
            let rule = &rule;
            to.map(move |to| Projection::new(from, to, receptor, rule(from), weight, delay_ms))
        })
        .collect()
}

fn two_populations(size: usize, population: &Population) -> BTreeMap<String, Population> {
    let part = |share: usize| Population { size: size * share / 5, ..population.clone() };
    BTreeMap::from([("excitatory".into(), part(4)), ("inhibitory".into(), part(1))])
}

fn sparse(size: usize) -> impl Fn(&str) -> ConnectionRule {
    move |_| ConnectionRule::FixedProbability { probability: 80.0 / size as f64, autapses: true }
}

const VOGELS_ABBOTT: Lif =
    Lif { tau_ms: 20.0, rest_mv: -60.0, threshold_mv: -50.0, reset_mv: -60.0, refractory_ms: 5.0, drive_mv: 0.0 };

/// Conductances: Vogels & Abbott 2005 as in Brette et al. 2007; conductances in units of the leak of 10 nS.
pub fn coba(size: usize) -> NetworkDescription {
    let receptors = BTreeMap::from([
        ("ampa".to_owned(), Receptor::ExponentialConductance { tau_ms: 5.0, e_mv: 0.0 }),
        ("gaba".to_owned(), Receptor::ExponentialConductance { tau_ms: 10.0, e_mv: -80.0 }),
    ]);
    let population = Population {
        receptors,
        start_mv: Some(normal(-65.0, 5.0)),
        start: BTreeMap::from([("ampa".into(), normal(4.0, 1.5)), ("gaba".into(), normal(20.0, 12.0))]),
        ..Population::new(size, Neuron::Lif(VOGELS_ABBOTT))
    };
    NetworkDescription {
        dt_ms: 0.1,
        precision: Precision::Double,
        populations: two_populations(size, &population),
        projections: projections(sparse(size), [0.6, 6.7], ["ampa", "gaba"], 0.1),
    }
}

/// Currents: the same network with jumps of 1.62 and -9 mV.
pub fn cuba(size: usize) -> NetworkDescription {
    let receptors = BTreeMap::from([
        ("excitation".to_owned(), Receptor::ExponentialCurrent { tau_ms: 5.0 }),
        ("inhibition".to_owned(), Receptor::ExponentialCurrent { tau_ms: 10.0 }),
    ]);
    let population = Population {
        receptors,
        start_mv: Some(Distribution::Uniform { low: -60.0, high: -50.0 }),
        ..Population::new(size, Neuron::Lif(Lif { rest_mv: -49.0, ..VOGELS_ABBOTT }))
    };
    NetworkDescription {
        dt_ms: 0.1,
        precision: Precision::Double,
        populations: two_populations(size, &population),
        projections: projections(sparse(size), [1.62, -9.0], ["excitation", "inhibition"], 0.1),
    }
}

/// Conductances with Hodgkin-Huxley neurons (Brette et al. 2007); conductances in nS.
pub fn hodgkin_huxley(size: usize) -> NetworkDescription {
    let mut network = coba(size);
    for population in network.populations.values_mut() {
        population.neuron = Neuron::HodgkinHuxley(HodgkinHuxley::default());
        population.start = BTreeMap::from([("ampa".into(), normal(40.0, 15.0)), ("gaba".into(), normal(200.0, 120.0))]);
    }
    network.projections = projections(sparse(size), [6.0, 67.0], ["ampa", "gaba"], 0.1);
    network
}

/// Brunel 2000, model A: 1000 and 250 inputs at full size, weights of .1 and -.1 g mV.
pub fn brunel(size: usize, g: f64, eta: f64) -> NetworkDescription {
    let (excitatory, inhibitory) = (size * 4 / 50, size / 50);
    let population = Population {
        receptors: BTreeMap::from([("jump".to_owned(), Receptor::Delta)]),
        input: vec![PoissonInput {
            receptor: "jump".into(),
            // nu_thr = theta / (J C_E tau) = 10 Hz for each of 1000 sources.
            rate_hz: eta * 10_000.0,
            weight: 0.1,
            start_ms: 0.0,
            stop_ms: 1e15,
        }],
        ..Population::new(size, Neuron::Lif(Lif::default()))
    };
    let rule = |from: &str| ConnectionRule::FixedInDegree {
        count: if from == "excitatory" { excitatory } else { inhibitory },
        // As in the scripts that are compared: events from a neuron to itself fall into its refractory time and are lost,
        // which for inhibitory neurons means less inhibition; without autapses the network fires .4 Hz faster.
        autapses: true,
        multapses: false,
    };
    NetworkDescription {
        dt_ms: 0.1,
        precision: Precision::Double,
        populations: two_populations(size, &population),
        projections: projections(rule, [0.1, -0.1 * g], ["jump", "jump"], 1.5),
    }
}

/// Strong-sparse weak-dense network (Teramae, Tsubo & Fukai 2012), with its kick. Conductances are in units of the leak, which is
/// 1/20 per ms in excitatory and 1/10 per ms in inhibitory neurons: an EPSP of 5 mV has the weight 1.
/// The kick is of 6 mV events.
pub fn lognormal() -> NetworkDescription {
    let lif = |tau_ms| Lif {
        tau_ms,
        rest_mv: -70.0,
        threshold_mv: -50.0,
        reset_mv: -60.0,
        refractory_ms: 1.0,
        drive_mv: 0.0,
    };
    let population = |size, tau_ms| {
        Population::new(size, Neuron::Lif(lif(tau_ms)))
            .with_receptor("ampa", Receptor::ExponentialConductance { tau_ms: 2.0, e_mv: 0.0 })
            .with_receptor("gaba", Receptor::ExponentialConductance { tau_ms: 2.0, e_mv: -80.0 })
    };
    let kick =
        |weight| vec![PoissonInput { receptor: "ampa".into(), rate_hz: 25.0, weight, start_ms: 0.0, stop_ms: 100.0 }];
    let sparse = |probability| ConnectionRule::FixedProbability { probability, autapses: false };
    let mut populations = BTreeMap::from([
        ("excitatory".to_owned(), population(10_000, 20.0)),
        ("inhibitory".to_owned(), population(2000, 10.0)),
    ]);
    for (population, weight) in populations.values_mut().zip([1.2, 0.6]) {
        population.input = kick(weight);
    }
    let uniform = |low, high| Distribution::Uniform { low, high };
    let mut projections = vec![
        Projection::new("excitatory", "excitatory", "ampa", sparse(0.1), 0.0, 1.0),
        Projection::new("excitatory", "inhibitory", "ampa", sparse(0.1), 0.018 * 10.0, 1.0),
        Projection::new("inhibitory", "excitatory", "gaba", sparse(0.5), 0.002 * 20.0, 1.0),
        Projection::new("inhibitory", "inhibitory", "gaba", sparse(0.5), 0.0025 * 10.0, 1.0),
    ];
    projections.iter_mut().for_each(|p| p.delay_ms = uniform(0.1, 2.0));
    projections[0].delay_ms = uniform(1.0, 3.0);
    // mu + ln .2: weights are a fifth of the EPSP in mV.
    let mu = 0.2_f64.ln() + 1.0;
    projections[0].weight = Distribution::Lognormal { mu: mu - 5.0_f64.ln(), sigma: 1.0, at_most: 4.0 };
    projections[0].failure = Some(Failure::Weak { half_weight: 0.02 });
    NetworkDescription { dt_ms: 0.1, precision: Precision::Double, populations, projections }
}

/// Models as built in and as text, with the receptor that drives them, its state at the start, and the equations.
pub const AS_TEXT: [(&str, &str, &str, f64, &str); 4] = [
    (
        "leaky-current",
        r#"{ "kind": "lif", "rest_mv": -60, "threshold_mv": -50, "reset_mv": -60, "refractory_ms": 5 }"#,
        r#"{ "kind": "exponential-current", "tau_ms": 1e6 }"#,
        15.0,
        r#"{ "kind": "described", "equations": { "v": "(-60 mV - v + input) / (20 ms)" }, "start": { "v": "-60 mV" },
             "threshold": "v >= -50 mV", "reset": { "v": "-60 mV" }, "refractory_ms": 5 }"#,
    ),
    (
        "leaky-conductance",
        r#"{ "kind": "lif", "rest_mv": -60, "threshold_mv": -50, "reset_mv": -60, "refractory_ms": 5 }"#,
        r#"{ "kind": "exponential-conductance", "tau_ms": 1e6, "e_mv": 0 }"#,
        0.4,
        r#"{ "kind": "described", "equations": { "v": "(-60 mV - v + input) / (20 ms)" }, "start": { "v": "-60 mV" },
             "threshold": "v >= -50 mV", "reset": { "v": "-60 mV" }, "refractory_ms": 5 }"#,
    ),
    (
        "adaptive",
        r#"{ "kind": "adaptive" }"#,
        r#"{ "kind": "exponential-current", "tau_ms": 1e6 }"#,
        900.0,
        r#"{ "kind": "described", "start": { "v": "-70.6 mV" }, "threshold": "v >= 0 mV",
             "equations": { "v": "(30 * (-70.6 mV - v + 2 mV * exp((min(v, 10 mV) + 50.4 mV) / (2 mV))) - w + input) / (281 ms)",
                            "w": "(4 * (v + 70.6 mV) - w) / (144 ms)" },
             "reset": { "v": "-70.6 mV", "w": "w + 80.5 mV" } }"#,
    ),
    (
        "hodgkin-huxley",
        r#"{ "kind": "hodgkin-huxley" }"#,
        r#"{ "kind": "exponential-current", "tau_ms": 1e6 }"#,
        200.0,
        // Conductances over the capacitance of 200 pF, per ms; the current of 1 pA is 1 mV of `input`.
        r#"{ "kind": "described", "start": { "v": "-60 mV", "m": "0", "h": "0", "n": "0" },
             "threshold": "v > -20 mV", "refractory_ms": 3,
             "equations": {
               "v": "((10 * (-60 mV - v) + 20000 * m ^ 3 * h * (50 mV - v) + 6000 * n ^ 4 * (-90 mV - v)) + input) / (200 ms)",
               "m": "(1.28 * linoid((v + 50 mV) / (4 mV)) * (1 - m) - 1.4 * linoid((-23 mV - v) / (5 mV)) * m) / (1 ms)",
               "h": "(0.128 * exp((-46 mV - v) / (18 mV)) * (1 - h) - 4 * logistic((v + 23 mV) / (5 mV)) * h) / (1 ms)",
               "n": "(0.16 * linoid((v + 48 mV) / (5 mV)) * (1 - n) - 0.5 * exp((-53 mV - v) / (40 mV)) * n) / (1 ms)" } }"#,
    ),
];

/// Neurons of one model that fire by a constant drive, without synapses.
pub fn driven(size: usize, neuron: &str, receptor: &str, drive: f64) -> NetworkDescription {
    let parse = |text: &str| serde_json::from_str(text).expect("a neuron");
    let mut population = Population::new(size, parse(neuron));
    population.receptors.insert("in".into(), serde_json::from_str(receptor).expect("a receptor"));
    // Up to twice the least drive, so that neurons are not in step.
    population.start.insert("in".into(), Distribution::Uniform { low: drive, high: 2.0 * drive });
    NetworkDescription {
        dt_ms: 0.1,
        precision: Precision::Double,
        populations: BTreeMap::from([("driven".into(), population)]),
        projections: vec![],
    }
}

/// Mean rate in Hz from a time in s on.
pub fn mean_rate_hz(trains: &SpikeTrains, from_s: f64) -> f64 {
    let count: usize = (0..trains.units()).map(|u| trains.unit(u).iter().filter(|t| **t >= from_s).count()).sum();
    count as f64 / trains.units() as f64 / (trains.span_s().1 - from_s)
}

/// Mean coefficient of variation of the intervals of units with at least three.
pub fn isi_cv(trains: &SpikeTrains, from_s: f64) -> f64 {
    let of = |u: usize| -> Option<f64> {
        let times: Vec<f64> = trains.unit(u).iter().copied().filter(|t| *t >= from_s).collect();
        let intervals: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        (intervals.len() >= 3).then(|| {
            let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
            (intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64).sqrt() / mean
        })
    };
    let all: Vec<f64> = (0..trains.units()).filter_map(of).collect();
    all.iter().sum::<f64>() / all.len() as f64
}
