//! Copies of a neuron and of its surrogate inside a network of point neurons.

use rheobase_core::{Seed, Silent};
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::{Companion, Simulation};
use rheobase_surrogate::circuit::{Circuit, SynapseSource};
use rheobase_surrogate::copies::{Copies, Firing};
use rheobase_surrogate::data::{LeakyNeuron, NoChunks, Protocol, Teacher, generate};
use rheobase_surrogate::network::{Activation, Network, Tcn};
use rheobase_surrogate::surrogate::VoltageScale;
use rheobase_surrogate::{Error, Result, Surrogate};

fn network(text: &str) -> NetworkDescription {
    serde_json::from_str(text).unwrap()
}

fn sources(text: &str) -> Vec<SynapseSource> {
    serde_json::from_str(text).unwrap()
}

/// A source that spikes at 5 ms, a cell, and a follower of the cell.
fn chain() -> NetworkDescription {
    network(
        r#"{
          "dt_ms": 0.1,
          "populations": {
            "source": { "size": 1, "neuron": { "kind": "spike-times", "times_ms": [[5.0, 20.3]] } },
            "cell": { "size": 3, "neuron": { "kind": "relay" } },
            "follower": { "size": 1, "neuron": { "kind": "lif" }, "receptors": { "jump": { "kind": "delta" } } }
          },
          "projections": [{ "from": "cell", "to": "follower", "receptor": "jump", "rule": { "kind": "all-to-all" },
                            "weight": { "kind": "constant", "value": 10.0 }, "delay_ms": { "kind": "constant", "value": 1.5 } }]
        }"#,
    )
}

#[test]
fn a_spike_takes_its_delay_to_the_synapse_and_leaves_at_the_end_of_its_millisecond() {
    let (network, neuron) = (chain(), LeakyNeuron::published());
    let from = |delay: f64| {
        sources(&format!(
            r#"[{{ "from": "source", "synapses": "excitatory", "delay_ms": {{ "kind": "constant", "value": {delay} }} }}]"#
        ))
    };
    // 5.0 + 2.0 arrives in [7, 8) and leaves at 8; 20.3 + 2.0 arrives in [22, 23). 20.3 + 2.7 is already in [23, 24).
    for (delay, expected) in [(2.0, [0.008, 0.023]), (2.7, [0.008, 0.024])] {
        let mut circuit = Circuit::new(1);
        let placed = (neuron.copies(3).unwrap(), &neuron.input_names()[..], 3);
        circuit.place(&network, "cell", placed, &from(delay), &Seed::root(1)).unwrap();
        let mut simulation = Simulation::new(&network, &Seed::root(1), 1).unwrap();
        simulation.run_with(40.0, &Silent, &mut circuit).unwrap();
        let (cells, follower) =
            (simulation.spike_trains("cell").unwrap(), simulation.spike_trains("follower").unwrap());
        for copy in 0..3 {
            let found = cells.unit(copy);
            assert!(found.len() == 2 && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?}");
        }
        // Three times 10 mV at once pass 20 mV.
        assert!((follower.unit(0)[0] - 0.0095).abs() < 1e-9, "{:?}", follower.unit(0));
        assert_eq!(circuit.received().next(), Some(("cell", 2 * 3 * 80)));
        let (_, voltages) = circuit.voltages_mv().next().unwrap();
        assert_eq!((voltages.len(), voltages[7][0], voltages[8][0]), (40, 85.0, -75.0));
    }
}

/// Cells that excite themselves and a population of point neurons that inhibits them.
fn loop_of_cells() -> (NetworkDescription, Vec<SynapseSource>) {
    let network = network(
        r#"{
          "dt_ms": 0.1,
          "populations": {
            "outside": { "size": 150, "neuron": { "kind": "renewal", "rate_hz": 20.0 } },
            "cells": { "size": 12, "neuron": { "kind": "relay" } },
            "between": { "size": 90, "neuron": { "kind": "lif" }, "receptors": { "jump": { "kind": "delta" } },
                         "input": [{ "receptor": "jump", "rate_hz": 9000, "weight": 0.1 }] }
          },
          "projections": [{ "from": "cells", "to": "between", "receptor": "jump",
                            "rule": { "kind": "fixed-probability", "probability": 0.5 },
                            "weight": { "kind": "constant", "value": 3.0 }, "delay_ms": { "kind": "constant", "value": 1.0 } }]
        }"#,
    );
    let sources = sources(
        r#"[{ "from": "outside", "synapses": "excitatory", "share": 0.7, "delay_ms": { "kind": "uniform", "low": 1.0, "high": 4.0 } },
            { "from": "cells", "synapses": "excitatory", "delay_ms": { "kind": "constant", "value": 1.5 } },
            { "from": "between", "synapses": "inhibitory", "delay_ms": { "kind": "constant", "value": 1.2 } }]"#,
    );
    (network, sources)
}

/// A surrogate of the leaky neuron with weights written by hand.
fn surrogate() -> Surrogate {
    let neuron = LeakyNeuron::published();
    let kernel = |w: &f64| (0..80).map(|lag| (w * 0.4 * (-f64::from(lag) / 20.0).exp()) as f32).collect::<Vec<f32>>();
    let tcn = Tcn { inputs: 100, width: 1, kernels: vec![80], activation: Activation::Linear, heads: 2 };
    Surrogate {
        network: Network::Tcn(tcn),
        weights: vec![neuron.weights.iter().flat_map(kernel).collect(), vec![0.0], vec![1.0, 1.0], vec![-6.0, 0.0]],
        input_names: neuron.input_names(),
        voltage: VoltageScale { clip_mv: -55.0, mean_mv: -65.0, sd_mv: 5.0 },
        dendrites: None,
        matched_chance: 0.5,
    }
}

type Trains = Vec<Vec<f64>>;

/// Spikes of 400 ms, with the network taken to pieces and put together again at 200 ms if asked.
fn run(copies: &dyn Fn() -> Box<dyn Copies + 'static>, threads: usize, interrupted: bool) -> Trains {
    let (network, sources) = loop_of_cells();
    let (seed, names) = (Seed::root(3), LeakyNeuron::published().input_names());
    let build = || {
        let mut circuit = Circuit::new(1);
        circuit.place(&network, "cells", (copies(), &names, 3), &sources, &seed).unwrap();
        circuit
    };
    let mut circuit = build();
    let mut simulation = Simulation::new(&network, &seed, threads).unwrap();
    if interrupted {
        simulation.run_with(200.0, &Silent, &mut circuit).unwrap();
        let (kept, state) = (simulation.snapshot(), circuit.keep().unwrap());
        circuit = build();
        circuit.restore(&state).unwrap();
        simulation = Simulation::resume(&network, &seed, threads, &kept).unwrap();
        simulation.run_with(200.0, &Silent, &mut circuit).unwrap();
    } else {
        simulation.run_with(400.0, &Silent, &mut circuit).unwrap();
    }
    let trains: Vec<_> = ["cells", "between"].iter().map(|p| simulation.spike_trains(p).unwrap()).collect();
    trains.iter().flat_map(|t| (0..t.units()).map(|u| t.unit(u).to_vec())).collect()
}

#[test]
fn threads_and_a_state_kept_on_the_way_change_no_spike() {
    let neuron: &'static LeakyNeuron = Box::leak(Box::new(LeakyNeuron::published()));
    let stand_in: &'static Surrogate = Box::leak(Box::new(surrogate()));
    let leaky: Box<dyn Fn() -> Box<dyn Copies>> = Box::new(move || neuron.copies(12).unwrap());
    let imitated: Box<dyn Fn() -> Box<dyn Copies>> = Box::new(move || {
        Box::new(stand_in.copies(12, Firing::Drawn { dead_ms: 2 }, Seed::root(3).child("firing")).unwrap())
    });
    for copies in [leaky, imitated] {
        let whole = run(&*copies, 1, false);
        let of_cells: usize = whole[..12].iter().map(Vec::len).sum();
        let between: usize = whole[12..].iter().map(Vec::len).sum();
        assert!(of_cells > 20 && between > 50, "{of_cells} {between}");
        assert_eq!(run(&*copies, 2, false), whole);
        assert_eq!(run(&*copies, 2, true), whole);
    }
}

#[test]
fn a_surrogate_spikes_as_often_as_it_says() -> Result<()> {
    let mut surrogate = surrogate();
    surrogate.weights[3][0] = (0.2_f32 / 0.8).ln();
    let silent = vec![vec![]; 50];
    let count = |firing| -> Result<usize> {
        let mut copies = surrogate.copies(50, firing, Seed::root(6))?;
        (0..200).map(|_| copies.advance(&silent).map(|done| done.spiked.len())).sum()
    };
    // 10,000 draws at .2: a standard error of 40.
    let drawn = count(Firing::Drawn { dead_ms: 0 })?;
    assert!(drawn.abs_diff(2000) < 160, "{drawn}");
    // A cycle of a wait of 5 ms on average and 5 ms dead.
    let dead = count(Firing::Drawn { dead_ms: 5 })?;
    assert!(dead.abs_diff(1000) < 80, "{dead}");
    let bound = |chance, dead_ms| Firing::Bound { chance, dead_ms };
    assert_eq!(count(bound(Some(0.3), 0))?, 0);
    assert_eq!(count(bound(Some(0.1), 4))?, 50 * 200 / 5);
    assert_eq!(count(bound(None, 0))?, 0);
    assert!(count(bound(Some(1.0), 0)).is_err());
    Ok(())
}

#[test]
fn the_matched_bound_gives_as_many_spikes_as_the_neuron_has() -> Result<()> {
    let neuron = LeakyNeuron::published();
    let protocol = Protocol { duration_ms: 3000, ..Protocol::leaky() };
    let data = generate(&neuron, &protocol, 30, &Seed::root(2), 2, &Silent, &NoChunks)?;
    let mut surrogate = surrogate();
    surrogate.match_spikes(&data.trials, 2)?;
    let expected: usize = data.trials.iter().map(|t| t.response.spikes.len()).sum();
    let mut copies = surrogate.copies(30, Firing::default(), Seed::root(1))?;
    let mut found = 0;
    for step in 0..3000 {
        let active: Vec<Vec<u32>> = data.trials.iter().map(|t| t.input.at(step).to_vec()).collect();
        found += copies.advance(&active)?.spiked.len();
    }
    assert!(expected > 30 && found.abs_diff(expected) <= 1, "{found} {expected}");
    Ok(())
}

#[test]
fn mistakes_are_named() {
    let (network, neuron) = (chain(), LeakyNeuron::published());
    let refused = |population: &str, text: &str| -> String {
        let placed = (neuron.copies(3).unwrap(), &neuron.input_names()[..], 3);
        Circuit::new(1).place(&network, population, placed, &sources(text), &Seed::root(1)).unwrap_err().to_string()
    };
    let delay = |ms: f64| format!(r#""delay_ms": {{ "kind": "constant", "value": {ms} }}"#);
    let slow = delay(1.5);
    assert!(refused("follower", "[]").contains("relay"));
    assert!(refused("cell", &format!(r#"[{{ "from": "sauce", {slow} }}]"#)).contains("sauce"));
    assert!(refused("cell", &format!(r#"[{{ "from": "source", {} }}]"#, delay(0.5))).contains("at least 1 ms"));
    assert!(refused("cell", &format!(r#"[{{ "from": "source", "share": 1.5, {slow} }}]"#)).contains("1.5"));
    let nowhere = refused("cell", &format!(r#"[{{ "from": "source", "at": "dend[7]", {slow} }}]"#));
    assert!(nowhere.contains("no synapse") && nowhere.contains("weight 1"), "{nowhere}");
    let coarse = NetworkDescription { dt_ms: 0.3, ..network.clone() };
    let mut circuit = Circuit::new(1);
    let placed = (neuron.copies(3).unwrap(), &neuron.input_names()[..], 3);
    circuit.place(&coarse, "cell", placed, &[], &Seed::root(1)).unwrap();
    assert_eq!(circuit.every_ms(), Some(1.0));
    let mut simulation = Simulation::new(&coarse, &Seed::root(1), 1).unwrap();
    let error = simulation.run_with(3.0, &Silent, &mut circuit).unwrap_err().to_string();
    assert!(error.contains("does not divide 1 ms"), "{error}");
    let mut forgetful = Simulation::new(&network, &Seed::root(1), 1).unwrap();
    forgetful.keep_spikes(false);
    let mut circuit = Circuit::new(1);
    let from = sources(&format!(r#"[{{ "from": "source", {slow} }}]"#));
    let placed = (neuron.copies(3).unwrap(), &neuron.input_names()[..], 3);
    circuit.place(&network, "cell", placed, &from, &Seed::root(1)).unwrap();
    let error = forgetful.run_with(3.0, &Silent, &mut circuit).unwrap_err().to_string();
    assert!(error.contains("none are kept"), "{error}");
    let error = simulation.fire("follower", 99, &[0]).unwrap_err().to_string();
    assert!(error.contains("only relays"), "{error}");
    assert!(matches!(circuit.restore(&[1, 2, 3]), Err(Error::Data(_))));
}
