//! What must not change a result, and what must: storage, threads, snapshots, precision, failures.

use rheobase_core::{Seed, Silent};
use rheobase_spiking::network::{
    ConnectionRule, Distribution, Failure, NetworkDescription, Precision, Projection, ShortTermPlasticity,
};
use rheobase_spiking::{Ending, Recording, Simulation, Snapshot, StopWhen};

mod benchmarks;
use benchmarks::{brunel, coba, mean_rate_hz};

fn spikes(simulation: &Simulation, network: &NetworkDescription) -> Vec<rheobase_core::SpikeTrains> {
    network.populations.keys().map(|name| simulation.spike_trains(name).unwrap()).collect()
}

fn run(network: &NetworkDescription, threads: usize, ms: f64) -> Vec<rheobase_core::SpikeTrains> {
    let mut simulation = Simulation::new(network, &Seed::root(7), threads).unwrap();
    simulation.run_ms(ms, &Silent).unwrap();
    let all = spikes(&simulation, network);
    assert!(all.iter().map(|t| (0..t.units()).map(|u| t.unit(u).len()).sum::<usize>()).sum::<usize>() > 300);
    all
}

/// A network with everything that could depend on where a synapse is stored.
fn varied() -> NetworkDescription {
    let mut network = brunel(1250, 5.0, 2.0);
    for (k, projection) in network.projections.iter_mut().enumerate() {
        projection.rule = if k % 2 == 0 {
            ConnectionRule::FixedProbability { probability: 0.08, autapses: false }
        } else {
            ConnectionRule::FixedOutDegree { count: 70, autapses: true, multapses: true }
        };
        let sign = if projection.from == "inhibitory" { -5.0 } else { 1.0 };
        let (a, b) = (0.5 * sign, 1.5 * sign);
        projection.weight = Distribution::Uniform { low: f64::min(a, b), high: f64::max(a, b) };
        projection.delay_ms = Distribution::Uniform { low: 0.1, high: 3.0 };
        projection.failure = Some(Failure::Weak { half_weight: 0.3 });
        projection.short_term =
            Some(ShortTermPlasticity { utilisation: 0.5, recovery_ms: 100.0, facilitation_ms: 50.0 });
    }
    network
}

#[test]
fn procedural_synapses_are_the_stored_ones() {
    let stored = varied();
    let mut procedural = stored.clone();
    procedural.projections.iter_mut().for_each(|p| p.procedural = true);
    let expected = run(&stored, 1, 60.0);
    assert!(expected == run(&procedural, 1, 60.0));
    assert!(expected == run(&procedural, 2, 60.0));
    assert!(expected == run(&stored, 3, 60.0));
    let simulation = Simulation::new(&procedural, &Seed::root(7), 1).unwrap();
    assert_eq!(simulation.synapse_bytes(), 0);
}

#[test]
fn a_resumed_network_goes_on_as_if_nothing_had_happened_on_any_number_of_threads() {
    for precision in [Precision::Single, Precision::Double] {
        let mut network = varied();
        network.precision = precision;
        let straight = run(&network, 1, 80.0);
        let mut begun = Simulation::new(&network, &Seed::root(7), 2).unwrap();
        begun.run_ms(37.3, &Silent).unwrap();
        let text = serde_json::to_string(&begun.snapshot()).unwrap();
        let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
        for threads in [1, 3] {
            let mut resumed = Simulation::resume(&network, &Seed::root(7), threads, &snapshot).unwrap();
            resumed.run_ms(42.7, &Silent).unwrap();
            assert!(spikes(&resumed, &network) == straight);
        }
    }
    let other = Simulation::new(&coba(500), &Seed::root(7), 1).unwrap();
    assert!(Simulation::resume(&varied(), &Seed::root(7), 1, &other.snapshot()).is_err());
}

/// Threads stay between runs: what one run leaves in a mailbox must not be read in the next.
#[test]
fn a_network_moved_piece_by_piece_is_the_one_moved_at_once() {
    let network = varied();
    let straight = run(&network, 1, 80.0);
    for threads in [2, 3] {
        let mut simulation = Simulation::new(&network, &Seed::root(7), threads).unwrap();
        for piece_ms in [0.1, 12.3, 0.1, 0.2, 29.8, 37.5] {
            simulation.run_ms(piece_ms, &Silent).unwrap();
        }
        assert!(spikes(&simulation, &network) == straight, "{threads} threads");
    }
}

#[test]
fn single_precision_changes_spikes_but_not_rates() {
    let mut network = brunel(2500, 5.0, 2.0);
    let double = run(&network, 1, 500.0);
    network.precision = Precision::Single;
    let single = run(&network, 1, 500.0);
    assert!(single != double);
    let rate = |all: &[rheobase_core::SpikeTrains]| mean_rate_hz(&all[0], 0.1);
    // 2000 neurons in .4 s: the mean of some 30,000 regular spikes; seeds differ by .3 Hz.
    assert!((rate(&double) - rate(&single)).abs() < 1.0, "{} {}", rate(&double), rate(&single));
}

/// One source, many targets, no leak to speak of: each arrival is seen in a voltage.
fn fan(weight: f64, failure: Option<Failure>) -> f64 {
    let text = r#"{ "populations": {
        "source": { "size": 40, "neuron": { "kind": "spike-times", "times_ms": [[1.0], [1.0], [1.0], [1.0]] } },
        "targets": { "size": 1000, "neuron": { "kind": "lif", "tau_ms": 1e8, "threshold_mv": 1e5 },
                     "receptors": { "jump": { "kind": "delta" } } } } }"#;
    let mut network: NetworkDescription = serde_json::from_str(text).unwrap();
    let rule = ConnectionRule::AllToAll { autapses: true };
    let mut projection = Projection::new("source", "targets", "jump", rule, weight, 0.5);
    projection.failure = failure;
    network.projections.push(projection);
    let mut simulation = Simulation::new(&network, &Seed::root(1), 1).unwrap();
    simulation.run_ms(3.0, &Silent).unwrap();
    simulation.voltages_mv("targets").unwrap().iter().sum::<f64>() / 4000.0 / weight
}

#[test]
fn synapses_fail_as_often_as_they_should() {
    assert!((fan(2.0, None) - 1.0).abs() < 1e-6);
    // 4000 synapses: standard errors below .008.
    let half = fan(2.0, Some(Failure::Constant { probability: 0.3 }));
    assert!((half - 0.7).abs() < 0.03, "{half}");
    for weight in [0.1, 0.4] {
        let transmitted = fan(weight, Some(Failure::Weak { half_weight: 0.1 }));
        assert!((transmitted - weight / (weight + 0.1)).abs() < 0.03, "{weight}: {transmitted}");
    }
}

#[test]
fn resources_deplete_as_in_the_equations() {
    let text = r#"{ "populations": {
        "source": { "size": 1, "neuron": { "kind": "spike-times", "times_ms": [[10, 30, 50, 70]] } },
        "target": { "size": 1, "neuron": { "kind": "lif", "tau_ms": 1e9, "threshold_mv": 1e5 },
                    "receptors": { "jump": { "kind": "delta" } } } },
      "projections": [{ "from": "source", "to": "target", "receptor": "jump", "rule": { "kind": "one-to-one" },
        "weight": { "kind": "constant", "value": 10 }, "delay_ms": { "kind": "constant", "value": 1 },
        "short_term": { "utilisation": 0.5, "recovery_ms": 800 } }] }"#;
    let network: NetworkDescription = serde_json::from_str(text).unwrap();
    let mut simulation = Simulation::new(&network, &Seed::root(1), 1).unwrap();
    let (mut x, mut before) = (1.0, 0.0);
    for _ in 0..4 {
        simulation.run_ms(20.0, &Silent).unwrap();
        let now = simulation.voltages_mv("target").unwrap()[0];
        assert!((now - before - 10.0 * 0.5 * x).abs() < 1e-4, "{now} {before} {x}");
        before = now;
        x = 1.0 - (1.0 - 0.5 * x) * (-20.0_f64 / 800.0).exp();
    }
}

#[test]
fn recordings_stop_conditions_and_mistakes() {
    let network = coba(1000);
    let mut simulation = Simulation::new(&network, &Seed::root(3), 2).unwrap();
    let recording = |json: &str| serde_json::from_str::<Recording>(json).unwrap();
    let every = r#"{ "population": "inhibitory", "variable": "gaba", "neurons": 3, "every_ms": 2, "from_ms": 4, "until_ms": 10 }"#;
    simulation.record(&recording(every)).unwrap();
    let wrong = simulation.record(&recording(r#"{ "population": "inhibitory", "variable": "nmda" }"#)).unwrap_err();
    assert!(wrong.to_string().contains("known: v, w, rate, ampa, gaba"), "{wrong}");
    simulation.run_ms(30.0, &Silent).unwrap();
    let (times, values) = simulation.recorded(0);
    assert_eq!(times, [4.0, 6.0, 8.0, 10.0]);
    assert!(values.iter().all(|v| v.len() == 3) && values[0] != values[1]);
    // Rates are spikes over neurons and time, whether spikes are kept or not, and a resumed recording is the straight one.
    let recorded = |threads: usize, keep: bool, cut: bool| {
        let mut simulation = Simulation::new(&network, &Seed::root(3), threads).unwrap();
        simulation.keep_spikes(keep);
        let rates = r#"{ "population": "excitatory", "variable": "rate", "every_ms": 10, "from_ms": 20 }"#;
        simulation.record(&recording(rates)).unwrap();
        simulation.record_weights(&serde_json::from_str(r#"{ "projection": 2, "synapses": 7 }"#).unwrap()).unwrap();
        if cut {
            simulation.run_ms(33.0, &Silent).unwrap();
            simulation = Simulation::resume(&network, &Seed::root(3), 2, &simulation.snapshot()).unwrap();
            simulation.run_ms(27.0, &Silent).unwrap();
        } else {
            simulation.run_ms(60.0, &Silent).unwrap();
        }
        let all = [0, 1].map(|k| (simulation.recorded(k).0.to_vec(), simulation.recorded(k).1.to_vec()));
        (all, simulation.spike_counts("excitatory", 0.0).unwrap())
    };
    let ([rates, weights], counts) = recorded(1, true, false);
    assert_eq!(rates.0, [20.0, 30.0, 40.0, 50.0, 60.0]);
    let trains = {
        let mut simulation = Simulation::new(&network, &Seed::root(3), 1).unwrap();
        simulation.run_ms(60.0, &Silent).unwrap();
        simulation.spike_trains("excitatory").unwrap()
    };
    let between =
        (0..trains.units()).flat_map(|u| trains.unit(u)).filter(|t| **t > 0.03 + 1e-9 && **t < 0.04 + 1e-9).count();
    assert!((rates.1[2][0] - between as f64 / 800.0 / 0.01).abs() < 1e-9 && counts.iter().sum::<u32>() > 0);
    assert!(weights.0 == [0.0] && weights.1[0] == [6.7_f32; 7].map(f64::from));
    assert!(
        recorded(2, false, false).0 == [rates.clone(), weights.clone()]
            && recorded(1, true, true).0 == [rates, weights]
    );
    // Without input the network falls silent, or runs on: both are noticed.
    let mut silent = network.clone();
    silent.projections.clear();
    silent.populations.values_mut().for_each(|p| p.start.clear());
    let mut simulation = Simulation::new(&silent, &Seed::root(3), 1).unwrap();
    simulation.stop_when(StopWhen { silent_ms: Some(200.0), ..StopWhen::default() });
    assert_eq!(simulation.run_ms(5000.0, &Silent).unwrap(), Ending::Silent);
    assert!(simulation.time_ms() < 600.0);
    let mut simulation = Simulation::new(&brunel(1250, 3.0, 4.0), &Seed::root(3), 1).unwrap();
    simulation.stop_when(StopWhen { above_hz: Some(100.0), ..StopWhen::default() });
    assert_eq!(simulation.run_ms(5000.0, &Silent).unwrap(), Ending::AboveRate);
}

#[test]
fn lists_distances_and_totals_connect_what_they_say() {
    let text = r#"{ "populations": {
        "a": { "size": 400, "neuron": { "kind": "lif" }, "space": { "width_um": 1000, "grid": true },
               "receptors": { "jump": { "kind": "delta" } } } },
      "projections": [
        { "from": "a", "to": "a", "receptor": "jump", "rule": { "kind": "distance", "peak": 1, "profile": "disc", "scale_um": 51 },
          "weight": { "kind": "constant", "value": 1 }, "delay_ms": { "kind": "constant", "value": 1 } },
        { "from": "a", "to": "a", "receptor": "jump", "rule": { "kind": "fixed-total", "count": 5000, "autapses": true },
          "weight": { "kind": "constant", "value": 1 }, "delay_ms": { "kind": "constant", "value": 1 } },
        { "from": "a", "to": "a", "receptor": "jump",
          "rule": { "kind": "list", "synapses": [{ "from": 3, "to": 5, "weight": 2 }, { "from": 399, "to": 0, "delay_ms": 7 }] },
          "weight": { "kind": "constant", "value": 1 }, "delay_ms": { "kind": "constant", "value": 1 } }] }"#;
    let mut network: NetworkDescription = serde_json::from_str(text).unwrap();
    // On a grid of 50 um with touching sides each neuron has four neighbours.
    let all = Simulation::new(&network, &Seed::root(1), 2).unwrap().synapses();
    assert_eq!(all, 4 * 400 + 5000 + 2);
    network.projections[2].rule =
        serde_json::from_str(r#"{ "kind": "list", "synapses": [{ "from": 3, "to": 400 }] }"#).unwrap();
    let error = Simulation::new(&network, &Seed::root(1), 1).err().unwrap().to_string();
    assert!(error.contains("row 0") && error.contains("3 to 400") && error.contains("400 sources"), "{error}");
}
