//! Gradients, lanes, threads, snapshots, adaptive steps, described channels.

// What was measured is shown beside the verdict.
#![allow(clippy::print_stdout)]

use rheobase_dendrite::mechanism::CalciumPool;
use rheobase_dendrite::morphology::{ball_and_stick, star};
use rheobase_dendrite::simulation::{Current, Link, Network, Probe, Snapshot};
use rheobase_dendrite::synapse::{Receptor, ShortTermPlasticity};
use rheobase_dendrite::{Cell, Discretisation, Error, Kinetics, Method, Settings, Simulation};

/// A soma with sodium, potassium and calcium channels, a pool and a calcium-activated current, and a dendrite.
fn active_cell() -> Cell {
    let mut cell =
        Cell::new(ball_and_stick(20.0, 300.0, 2.0).unwrap(), Discretisation::MaximumLength { um: 30.0 }).unwrap();
    cell.set_cable("all", &[("g_leak_s_per_cm2", 3e-4.into()), ("e_leak_mv", (-70.0).into())]).unwrap();
    cell.insert("soma", "hodgkin-huxley", &[]).unwrap();
    cell.insert("all", "hay-ca-hva", &[("g_s_per_cm2", "1e-4 * (1 + distance / (100 um))".into())]).unwrap();
    cell.insert("all", "hay-sk-e2", &[("g_s_per_cm2", 1e-3.into())]).unwrap();
    cell.insert("dend", "hay-ih", &[("g_s_per_cm2", 1e-4.into())]).unwrap();
    cell.set_calcium_pool("all", CalciumPool { gamma: 0.01, start_mm: 1e-4, ..CalciumPool::default() }).unwrap();
    cell
}

fn driven(cell: &Cell, lanes: usize, dt_ms: f64, method: Method) -> Simulation {
    driven_with(cell, Settings { dt_ms, method, lanes, ..Settings::default() })
}

fn driven_with(cell: &Cell, settings: Settings) -> Simulation {
    let mut simulation = Simulation::new(cell, Settings { v_init_mv: -68.0, ..settings }).unwrap();
    let site = cell.at("dend[0](0.7)").unwrap();
    let step = Current::Step { start_ms: 1.0, duration_ms: 20.0, amplitude_na: 0.1 };
    simulation.inject(cell.at("soma(0.5)").unwrap(), None, step).unwrap();
    simulation.add_synapse(site, &[Receptor::ampa(1.0), Receptor::nmda(1.0)]).unwrap();
    simulation
}

#[test]
fn the_gradient_agrees_with_finite_differences() {
    let cell = active_cell();
    let soma = cell.at("soma(0.5)").unwrap();
    let site = cell.at("dend[0](0.7)").unwrap();
    // A smooth loss of both voltages over all times.
    let loss = |trace: &[Vec<f64>]| {
        let value = trace.iter().flatten().map(|v| (v + 60.0).powi(2) * 1e-4).sum();
        (value, trace.iter().map(|t| t.iter().map(|v| 2e-4 * (v + 60.0)).collect()).collect())
    };
    for method in [Method::CrankNicolson, Method::BackwardEuler] {
        // What is varied: event weight, leak, two conductances, and the injected current of one step.
        let build = |weight: f64| {
            let mut simulation = driven(&cell, 1, 0.05, method);
            simulation.send(0, 0, 2.03, weight).unwrap();
            simulation.send(0, 0, 4.4, 2.0).unwrap();
            simulation
        };
        let of = |mut simulation: Simulation| simulation.gradient(12.0, &[soma, site], &loss).unwrap();
        let gradient = of(build(3.0));
        let compare = |what: &str, found: f64, up: f64, down: f64, h: f64| {
            let numeric = (up - down) / (2.0 * h);
            let error = (found - numeric).abs() / numeric.abs().max(1e-6);
            println!("{method:?} {what}: {found:.8e} numeric {numeric:.8e} error {error:.1e}");
            assert!(error < 1e-5, "{what}");
        };
        let h = 1e-4;
        compare("weight", gradient.weight[0].1, of(build(3.0 + h)).loss, of(build(3.0 - h)).loss, h);
        for (compartment, mechanism, name, index) in [
            (soma, "hodgkin-huxley", "g_na_s_per_cm2", 0),
            (soma, "hodgkin-huxley", "e_k_mv", 4),
            (site, "hay-ca-hva", "g_s_per_cm2", 0),
            (soma, "hay-sk-e2", "g_s_per_cm2", 0),
            (site, "hay-ih", "e_mv", 1),
        ] {
            let present = of(build(3.0)).parameters;
            assert!(!present.is_empty());
            let base = parameter(&cell, compartment, mechanism, name);
            let h = 1e-5 * base.abs();
            let with = |value: f64| {
                let mut simulation = build(3.0);
                simulation.set_parameter(compartment, 0, mechanism, name, value).unwrap();
                of(simulation).loss
            };
            let found =
                gradient.parameters.iter().find(|(c, m, _)| *c == compartment && m == mechanism).unwrap().2[index];
            compare(&format!("{mechanism}.{name}"), found, with(base + h), with(base - h), h);
        }
        let area = cell.compartments().list()[site].area_um2;
        let base = 1e-2 * 3e-4 * area;
        let with = |value: f64| {
            let mut simulation = build(3.0);
            simulation.set_parameter(site, 0, "passive", "g_leak_us", value).unwrap();
            simulation.set_parameter(site, 0, "passive", "leak_current_na", base * -70.0).unwrap();
            of(simulation).loss
        };
        // The leak's own current is a separate parameter, so this is the derivative by the conductance alone.
        let h = 1e-5 * base;
        compare("leak", gradient.leak[site], with(base + h), with(base - h), h);
        let with = |extra: f64| {
            let mut simulation = build(3.0);
            let pulse = Current::Step { start_ms: 3.0, duration_ms: 0.05, amplitude_na: extra };
            simulation.inject(site, None, pulse).unwrap();
            of(simulation).loss
        };
        compare("current", gradient.current[60][site], with(1e-4), with(-1e-4), 1e-4);
    }
}

fn parameter(cell: &Cell, compartment: usize, mechanism: &str, name: &str) -> f64 {
    let area = 1e-2 * cell.compartments().list()[compartment].area_um2;
    let distance = cell.compartments().list()[compartment].distance_um;
    match (mechanism, name) {
        ("hodgkin-huxley", "g_na_s_per_cm2") => 0.12 * area,
        ("hodgkin-huxley", _) => -77.0,
        ("hay-ca-hva", _) => 1e-4 * (1.0 + distance / 100.0) * area,
        ("hay-sk-e2", _) => 1e-3 * area,
        _ => -45.0,
    }
}

#[test]
fn a_lane_has_the_bytes_of_a_run_alone() {
    let cell = active_cell();
    let run = |lanes: usize, inputs: &[f64]| {
        let mut simulation = driven(&cell, lanes, 0.025, Method::CrankNicolson);
        let soma = cell.at("soma(0.5)").unwrap();
        for (lane, input) in inputs.iter().enumerate() {
            simulation.send(0, lane, 3.0 + input, 5.0 * input).unwrap();
            let current = Current::Step { start_ms: 5.0, duration_ms: 10.0, amplitude_na: 0.1 * input };
            simulation.inject(soma, Some(lane), current).unwrap();
        }
        let recording = simulation.record(Probe::Voltage(soma)).unwrap();
        let calcium = simulation.record(Probe::Calcium(soma)).unwrap();
        simulation.run_until(40.0).unwrap();
        let of = |lane| (simulation.recording(recording, lane), simulation.recording(calcium, lane));
        (0..lanes).map(of).collect::<Vec<_>>()
    };
    let inputs: Vec<f64> = (0..16).map(|k| f64::from(k) * 0.37).collect();
    let together = run(16, &inputs);
    assert!(together[0] != together[9]);
    for (lane, input) in inputs.iter().enumerate() {
        assert_eq!(run(1, &[*input])[0], together[lane], "lane {lane}");
    }
    assert_eq!(run(8, &inputs[..8])[5], together[5]);
}

/// A ring of cells: each makes the next fire.
fn ring(count: usize) -> Network {
    let cell = active_cell();
    let soma = cell.at("soma(0.5)").unwrap();
    let cells = (0..count)
        .map(|_| {
            let mut simulation = Simulation::new(&cell, Settings { v_init_mv: -68.0, ..Settings::default() }).unwrap();
            simulation.detect_spikes(soma, -20.0).unwrap();
            simulation.add_synapse(soma, &[Receptor::ampa(30.0)]).unwrap();
            simulation.record(Probe::Voltage(soma)).unwrap();
            simulation
        })
        .collect();
    let link = |i: usize| Link { from: (i, 0, 0), to: ((i + 1) % count, 0, 0), weight: 1.0, delay_ms: 1.5 };
    let mut network = Network::new(cells, (0..count).map(link).collect()).unwrap();
    network.cells_mut()[0].send(0, 0, 1.0, 1.0).unwrap();
    network
}

#[test]
fn a_network_gives_the_same_bytes_on_any_number_of_threads() {
    let run = |threads| {
        let mut network = ring(5);
        network.run_until(30.0, threads).unwrap();
        network.cells().iter().map(|c| (c.recording(0, 0), c.spikes_ms(0, 0).to_vec())).collect::<Vec<_>>()
    };
    let alone = run(1);
    assert!(alone.iter().all(|(_, spikes)| !spikes.is_empty()), "the spike must go round");
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(7));
}

#[test]
fn a_snapshot_resumes_exactly_with_events_in_flight() {
    let cell = active_cell();
    for kinetics in [Kinetics::Double, Kinetics::Single] {
        let build = || {
            let mut simulation = driven_with(&cell, Settings { lanes: 2, kinetics, ..Settings::default() });
            let soma = cell.at("soma(0.5)").unwrap();
            let detector = simulation.detect_spikes(soma, -20.0).unwrap();
            let plasticity = ShortTermPlasticity::new(0.4, 100.0, 50.0).unwrap();
            simulation.connect(detector, 0, 3.0, 4.0, Some(plasticity)).unwrap();
            simulation.record(Probe::Voltage(soma)).unwrap();
            simulation.send(0, 1, 2.0, 40.0).unwrap();
            simulation.send(0, 1, 24.0, 40.0).unwrap();
            simulation
        };
        let mut straight = build();
        straight.run_until(40.0).unwrap();
        let mut first = build();
        first.run_until(26.3).unwrap();
        let text = serde_json::to_string(&first.snapshot()).unwrap();
        let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
        let mut second = build();
        second.restore(&snapshot).unwrap();
        second.run_until(40.0).unwrap();
        assert!(straight.spikes_ms(0, 1).len() > 1);
        assert_eq!(straight.snapshot(), second.snapshot());
        let mut other = Simulation::new(&cell, Settings::default()).unwrap();
        assert!(matches!(other.restore(&snapshot), Err(Error::Snapshot(_))));
    }
}

#[test]
fn a_gradient_through_kinetics_with_24_bits_is_refused() {
    let mut simulation = driven_with(&active_cell(), Settings { kinetics: Kinetics::Single, ..Settings::default() });
    let refused = simulation.gradient(1.0, &[0], &|trace| (0.0, trace.to_vec())).err().unwrap().to_string();
    assert!(refused.contains("24 bits"), "{refused}");
}

#[test]
fn adaptive_steps_reach_the_accuracy_asked_for() {
    let cell = active_cell();
    let soma = cell.at("soma(0.5)").unwrap();
    let spikes = |tolerance: Option<f64>, dt_ms: f64| {
        let mut simulation = driven(&cell, 1, dt_ms, Method::CrankNicolson);
        let detector = simulation.detect_spikes(soma, -20.0).unwrap();
        let recording = simulation.record(Probe::Voltage(soma)).unwrap();
        simulation.send(0, 0, 7.0, 4.0).unwrap();
        let report = match tolerance {
            Some(tolerance) => simulation.run_adaptive_until(60.0, tolerance, 1.0).unwrap(),
            None => {
                simulation.run_until(60.0).unwrap();
                Default::default()
            }
        };
        if tolerance.is_some() {
            assert_eq!(simulation.recording(recording, 0).len(), report.times_ms.len());
        }
        (simulation.spikes_ms(detector, 0).to_vec(), report)
    };
    let (reference, _) = spikes(None, 0.0005);
    let (rough, rough_report) = spikes(Some(1e-2), 0.025);
    let (fine, fine_report) = spikes(Some(1e-4), 0.025);
    let error = |found: &[f64]| {
        assert_eq!(found.len(), reference.len());
        found.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    println!(
        "rough {} in {} steps, fine {} in {}",
        error(&rough),
        rough_report.accepted,
        error(&fine),
        fine_report.accepted
    );
    // The spike grows out of a slow depolarisation, so that 10 uV a step move it by .05 ms.
    assert!(error(&rough) < 0.1 && error(&fine) < 0.005 && error(&fine) < error(&rough));
    assert!(rough_report.accepted < fine_report.accepted && rough_report.accepted < 1000);
    assert!(rough_report.step_range_ms.1 / rough_report.step_range_ms.0 > 10.0);
}

const DESCRIBED_HVA: &str = r#"
name = "described-hva"
open = "m^2 * h"
carries_calcium = true
[gates.m]
opening = "0.209 / ms * linoid((v + 27 mV) / (3.8 mV))"
closing = "0.94 / ms * exp((-75 mV - v) / (17 mV))"
[gates.h]
opening = "0.000457 / ms * exp((-13 mV - v) / (50 mV))"
closing = "0.0065 / ms / (exp((-v - 15 mV) / (28 mV)) + 1)"
"#;

#[test]
fn channels_as_data_do_what_built_in_ones_do() {
    let described_hh = |gate: &str, rates: &str, open: &str, e: f64| {
        format!("name = \"described-{gate}\"\nopen = \"{open}\"\nreversal_mv = {e}\n{rates}")
    };
    let sodium = described_hh(
        "na",
        "[gates.m]\nopening = \"linoid((v + 40 mV) / (10 mV)) / ms\"\nclosing = \"4 / ms * exp(-(v + 65 mV) / (18 mV))\"\n\
         [gates.h]\nopening = \"0.07 / ms * exp(-(v + 65 mV) / (20 mV))\"\nclosing = \"1 / ms / (1 + exp(-(v + 35 mV) / (10 mV)))\"",
        "m^3 * h",
        50.0,
    );
    let potassium = described_hh(
        "k",
        "[gates.n]\nopening = \"0.1 / ms * linoid((v + 55 mV) / (10 mV))\"\nclosing = \"0.125 / ms * exp(-(v + 65 mV) / (80 mV))\"",
        "n^4",
        -77.0,
    );
    let run = |described: bool, amplitude_na: f64| {
        let mut cell = Cell::new(star(20.0, 3, 100.0, 2.0).unwrap(), Discretisation::Fixed { count: 5 }).unwrap();
        cell.set_cable("all", &[("g_leak_s_per_cm2", 3e-4.into()), ("e_leak_mv", (-54.387).into())]).unwrap();
        cell.set_calcium_pool("all", CalciumPool { gamma: 0.01, start_mm: 1e-4, ..CalciumPool::default() }).unwrap();
        if described {
            for (text, g) in [(sodium.as_str(), 0.12), (potassium.as_str(), 0.036), (DESCRIBED_HVA, 1e-4)] {
                let name = cell.add_channel(text).unwrap();
                cell.insert("all", &name, &[("g_s_per_cm2", g.into())]).unwrap();
            }
        } else {
            cell.insert("all", "hodgkin-huxley", &[("g_leak_s_per_cm2", 0.0.into())]).unwrap();
            cell.insert("all", "hay-ca-hva", &[("g_s_per_cm2", 1e-4.into())]).unwrap();
        }
        let mut simulation = Simulation::new(&cell, Settings::default()).unwrap();
        let current = Current::Step { start_ms: 2.0, duration_ms: 3.0, amplitude_na };
        simulation.inject(0, None, current).unwrap();
        let probes = [Probe::Voltage(0), Probe::Calcium(8)].map(|p| simulation.record(p).unwrap());
        simulation.run_until(8.0).unwrap();
        probes.map(|p| simulation.recording(p, 0))
    };
    // Below threshold to 1e-12; the upstroke of a spike amplifies rounding some hundred-fold.
    for (amplitude_na, spikes, limit) in [(0.02, false, 1e-12), (0.3, true, 1e-10)] {
        let (built_in, described) = (run(false, amplitude_na), run(true, amplitude_na));
        assert_eq!(built_in[0].iter().any(|v| *v > 0.0), spikes);
        for (a, b) in built_in.iter().zip(&described) {
            let worst = a.iter().zip(b).map(|(a, b)| ((a - b) / a).abs()).fold(0.0, f64::max);
            println!("{amplitude_na} nA: worst relative difference {worst:e}");
            assert!(worst < limit, "{worst:e}");
        }
    }
}

#[test]
fn mistakes_in_channels_and_cells_are_named() {
    let mut cell = active_cell();
    let channel = |cell: &mut Cell, text: &str| cell.add_channel(text).unwrap_err().to_string();
    let singular = DESCRIBED_HVA.replace(
        "0.209 / ms * linoid((v + 27 mV) / (3.8 mV))",
        "0.055 / mV / ms * (-27 mV - v) / (exp((-27 mV - v) / (3.8 mV)) - 1)",
    );
    assert!(channel(&mut cell, &singular).contains("gate m: at -27"), "{}", channel(&mut cell, &singular));
    assert!(channel(&mut cell, &DESCRIBED_HVA.replace("0.94 / ms", "0.94")).contains("cannot be added"));
    assert!(channel(&mut cell, &DESCRIBED_HVA.replace("m^2 * h", "m^2 * k")).contains("\"k\" is neither"));
    let insert = |cell: &mut Cell, region: &str, mechanism: &str, values: &[(&str, rheobase_dendrite::Value)]| {
        cell.insert(region, mechanism, values).unwrap_err().to_string()
    };
    assert!(insert(&mut cell, "soma", "hay-sk", &[]).contains("known are hodgkin-huxley"));
    assert!(insert(&mut cell, "apic", "hay-ih", &[]).contains("no compartment lies in the region \"apic\""));
    let message = insert(&mut cell, "soma", "hay-ih", &[("g_s_per_cm2", (-1.0).into())]);
    assert_eq!(message, "g_s_per_cm2 of hay-ih in region \"soma\" is -1; it must be from 0 to 1000");
    assert!(insert(&mut cell, "soma", "hay-ih", &[("g_s_per_cm2", f64::NAN.into())]).contains("is NaN"));
    assert!(insert(&mut cell, "soma", "hay-ih", &[("gbar", 1.0.into())]).contains("known are g_s_per_cm2, e_mv"));
    assert!(matches!(Simulation::new(&cell, Settings { lanes: 3, ..Settings::default() }), Err(Error::Description(_))));
    let mut simulation = Simulation::new(&cell, Settings::default()).unwrap();
    let current = Current::Step { start_ms: 1.0, duration_ms: 9.0, amplitude_na: 1e8 };
    simulation.inject(0, None, current).unwrap();
    let error = simulation.run_until(20.0).unwrap_err();
    assert!(matches!(&error, Error::Diverged { compartment: 0, .. }), "{error}");
    assert!(
        error.to_string().starts_with("diverged at 0.99") || error.to_string().starts_with("diverged at 1 "),
        "{error}"
    );
}
