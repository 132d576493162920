//! Synapses, electrodes and couplings against closed forms.

use rheobase_dendrite::morphology::{AxisPoint, Morphology, Section, Tag, ball_and_stick};
use rheobase_dendrite::simulation::{Current, Probe, VoltageClamp};
use rheobase_dendrite::synapse::{GradedSynapse, KineticReceptor, Receptor, SecondStage, Shape};
use rheobase_dendrite::{Cell, Discretisation, Method, Settings, Simulation};

/// A patch of 20,000 um2: 200 pF and 10 nS, rest at -70 mV.
fn patch() -> Cell {
    let side = (20_000.0 / std::f64::consts::PI).sqrt();
    let point = |x| AxisPoint { position_um: [x, 0.0, 0.0], diameter_um: side };
    let soma = Section { name: String::new(), tag: Tag::Soma, axis: vec![point(0.0), point(side)], parent: None };
    let mut cell = Cell::new(Morphology::new(vec![soma], vec![]).unwrap(), Discretisation::Fixed { count: 1 }).unwrap();
    cell.set_cable("all", &[("g_leak_s_per_cm2", 5e-5.into()), ("e_leak_mv", (-70.0).into())]).unwrap();
    cell
}

fn settings(method: Method) -> Settings {
    Settings { dt_ms: 0.02, method, v_init_mv: -70.0, ..Settings::default() }
}

#[test]
fn events_between_steps_act_at_their_own_time() {
    let shapes = [
        Shape::Exponential { tau_ms: 5.0 },
        Shape::DoubleExponential { rise_ms: 0.5, decay_ms: 8.0 },
        Shape::Alpha { tau_ms: 2.0 },
    ];
    for shape in shapes {
        let mut simulation = Simulation::new(&patch(), settings(Method::BackwardEuler)).unwrap();
        let receptor = Receptor { shape, g_ns: 2.0, e_mv: 0.0, block: None };
        let synapse = simulation.add_synapse(0, &[receptor]).unwrap();
        let recording = simulation.record(Probe::SynapticConductance(synapse, 0)).unwrap();
        // Neither time is a multiple of the step.
        simulation.send(synapse, 0, 1.0137, 1.0).unwrap();
        simulation.send(synapse, 0, 3.3333, 0.5).unwrap();
        simulation.run_until(12.0).unwrap();
        let one = |s: f64| -> f64 {
            if s < 0.0 {
                return 0.0;
            }
            match shape {
                Shape::Exponential { tau_ms } => (-s / tau_ms).exp(),
                Shape::DoubleExponential { rise_ms, decay_ms } => {
                    let peak = shape.peak_ms();
                    let height = (-peak / decay_ms).exp() - (-peak / rise_ms).exp();
                    ((-s / decay_ms).exp() - (-s / rise_ms).exp()) / height
                }
                Shape::Alpha { tau_ms } => s / tau_ms * (1.0 - s / tau_ms).exp(),
            }
        };
        for (k, found) in simulation.recording(recording, 0).iter().enumerate().skip(1) {
            // A recording holds what the step before used, at that step's start.
            let t = (k as f64 - 1.0) * 0.02;
            let wanted = 2.0 * (one(t - 1.0137) + 0.5 * one(t - 3.3333));
            assert!((found - wanted).abs() < 1e-9, "{shape:?} at {t}: {found} {wanted}");
        }
    }
}

/// Receptors of a kind are kept in the order of their places, wherever and whenever they were added.
#[test]
fn the_order_in_which_synapses_are_added_does_not_matter() {
    let stick = ball_and_stick(20.0, 400.0, 2.0).unwrap();
    let cell = Cell::new(stick, Discretisation::MaximumLength { um: 20.0 }).unwrap();
    let count = cell.compartments().len();
    assert!(count > 10, "{count}");
    // Places, some of them twice, and two kinds of receptors with conductances of their own.
    let all: Vec<(usize, f64)> =
        (0..count).chain([3, 7, 3]).enumerate().map(|(k, c)| (c, 0.1 + 0.01 * k as f64)).collect();
    let run = |order: Vec<usize>, late: usize, lanes: usize| -> Vec<f64> {
        let mut simulation = Simulation::new(&cell, Settings { lanes, ..Settings::default() }).unwrap();
        let mut probes = vec![];
        let mut add = |simulation: &mut Simulation, which: &[usize]| {
            for &k in which {
                let (place, g_ns) = all[k];
                let synapse = simulation.add_synapse(place, &[Receptor::ampa(g_ns), Receptor::nmda(g_ns)]).unwrap();
                probes.push((k, synapse));
                for lane in 0..lanes {
                    simulation.send(synapse, lane, 2.0 + k as f64 * 0.05, 1.0).unwrap();
                }
            }
        };
        let (first, rest) = order.split_at(order.len() - late);
        add(&mut simulation, first);
        simulation.run_until(1.0).unwrap();
        add(&mut simulation, rest);
        let half = simulation.snapshot();
        simulation.run_until(5.0).unwrap();
        simulation.restore(&half).unwrap();
        for &(_, synapse) in &probes {
            simulation.record(Probe::SynapticConductance(synapse, 1)).unwrap();
        }
        simulation.run_until(6.0).unwrap();
        let mut last: Vec<(usize, f64)> =
            (0..probes.len()).map(|r| (probes[r].0, *simulation.recording(r, lanes - 1).last().unwrap())).collect();
        last.sort_by_key(|(k, _)| *k);
        last.into_iter().map(|(_, g)| g).chain((0..count).map(|c| simulation.voltage_mv(c, lanes - 1))).collect()
    };
    let n = all.len();
    let reference = run((0..n).collect(), 0, 1);
    assert!(reference[..n].iter().all(|g| *g > 0.01), "{reference:?}");
    for (order, late, lanes) in
        [((0..n).rev().collect(), 0, 1), ((0..n).map(|k| k * 5 % n).collect(), 7, 1), ((0..n).rev().collect(), 3, 4)]
    {
        let found = run(order, late, lanes);
        // Sums over the receptors of a node may be taken in another order.
        assert!(found.iter().zip(&reference).all(|(a, b)| (a - b).abs() < 1e-10), "{found:?} {reference:?}");
    }
}

#[test]
fn kinetic_receptors_rise_during_the_pulse_and_decay_after() {
    // AMPA of simulators.md 2.8 (Poirazi 2003): opening 10, closing .5 per ms, pulse 1.1 ms.
    let ampa = KineticReceptor {
        opening_per_ms: 10.0,
        closing_per_ms: 0.5,
        pulse_ms: 1.1,
        g_ns: 1.0,
        e_mv: 0.0,
        block: None,
        second_stage: None,
    };
    let mut simulation = Simulation::new(&patch(), settings(Method::BackwardEuler)).unwrap();
    let synapse = simulation.add_kinetic_synapse(0, &[ampa]).unwrap();
    let recording = simulation.record(Probe::SynapticConductance(synapse, 0)).unwrap();
    simulation.send(synapse, 0, 2.007, 1.0).unwrap();
    simulation.run_until(10.0).unwrap();
    let limit = 10.0 / 10.5;
    for (k, found) in simulation.recording(recording, 0).iter().enumerate().skip(1) {
        let s = (k as f64 - 1.0) * 0.02 - 2.007;
        let top = limit * (1.0 - (-10.5_f64 * 1.1).exp());
        let wanted = if s < 0.0 {
            0.0
        } else if s < 1.1 {
            limit * (1.0 - (-10.5 * s).exp())
        } else {
            top * (-0.5 * (s - 1.1)).exp()
        };
        assert!((found - wanted).abs() < 1e-9, "{s}: {found} {wanted}");
    }
}

#[test]
fn gaba_b_needs_a_train() {
    // GABA-B of the same source: one event opens little, ten open much more than ten times as much (G^4).
    let peak = |events: usize| {
        let receptor = KineticReceptor {
            opening_per_ms: 0.09,
            closing_per_ms: 0.0012,
            pulse_ms: 1.0,
            g_ns: 1.0,
            e_mv: -95.0,
            block: None,
            second_stage: Some(SecondStage { production_per_ms: 0.18, removal_per_ms: 0.034, half: 100.0 }),
        };
        let mut simulation = Simulation::new(&patch(), settings(Method::CrankNicolson)).unwrap();
        let synapse = simulation.add_kinetic_synapse(0, &[receptor]).unwrap();
        let recording = simulation.record(Probe::SynapticConductance(synapse, 0)).unwrap();
        for k in 0..events {
            simulation.send(synapse, 0, 1.0 + 5.0 * k as f64, 1.0).unwrap();
        }
        simulation.run_until(300.0).unwrap();
        simulation.recording(recording, 0).into_iter().fold(0.0, f64::max)
    };
    let (one, ten) = (peak(1), peak(10));
    assert!(one > 0.0 && ten > 20.0 * one && ten < 1.0, "{one} {ten}");
}

#[test]
fn graded_release_clamp_and_gap_junction_reach_their_steady_states() {
    let cell = {
        let mut cell =
            Cell::new(ball_and_stick(20.0, 400.0, 1.0).unwrap(), Discretisation::Fixed { count: 1 }).unwrap();
        cell.set_cable("all", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-70.0).into())]).unwrap();
        // The two compartments do not talk along the axis.
        cell.amputate("all").unwrap();
        cell
    };
    let leak_ns = |i: usize| 1e-4 * cell.compartments().list()[i].area_um2 * 10.0;
    let clamp = VoltageClamp { series_mohm: 1.0, commands: vec![(0.0, -30.0)], stop_ms: 1e9 };
    let clamped_mv = (1000.0 * -30.0 + leak_ns(0) * -70.0) / (1000.0 + leak_ns(0));
    let run = |graded: bool| {
        let mut simulation = Simulation::new(&cell, settings(Method::CrankNicolson)).unwrap();
        simulation.clamp_voltage(0, None, clamp.clone()).unwrap();
        if graded {
            let synapse = GradedSynapse { half_mv: -35.0, slope_mv: 5.0, tau_ms: 2.0, g_ns: 3.0, e_mv: -90.0 };
            simulation.add_graded_synapse(0, 1, synapse).unwrap();
        } else {
            simulation.add_gap_junction(0, 1, 0.5).unwrap();
        }
        simulation.run_until(400.0).unwrap();
        (simulation.voltage_mv(0, 0), simulation.voltage_mv(1, 0))
    };
    let (clamped, target) = run(true);
    assert!((clamped - clamped_mv).abs() < 1e-4, "{clamped} {clamped_mv}");
    let g = 3.0 / (1.0 + (-(clamped_mv + 35.0) / 5.0_f64).exp());
    let wanted = (g * -90.0 + leak_ns(1) * -70.0) / (g + leak_ns(1));
    assert!((target - wanted).abs() < 1e-4, "{target} {wanted}");
    let (clamped, coupled) = run(false);
    let wanted = (0.5 * clamped + leak_ns(1) * -70.0) / (0.5 + leak_ns(1));
    assert!((coupled - wanted).abs() < 1e-4, "{coupled} {wanted}");
}

#[test]
fn impedance_is_the_response_to_a_small_sine() {
    let mut cell = Cell::new(ball_and_stick(20.0, 300.0, 2.0).unwrap(), Discretisation::Fixed { count: 9 }).unwrap();
    cell.set_cable("all", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-70.0).into())]).unwrap();
    let (soma, tip) = (cell.at("soma(0.5)").unwrap(), cell.at("dend[0](1)").unwrap());
    let mut simulation = Simulation::new(&cell, settings(Method::CrankNicolson)).unwrap();
    let impedance = simulation.impedance(tip, 40.0, 0).unwrap();
    let sine = Current::Sine { frequency_hz: 40.0, amplitude_na: 0.01, offset_na: 0.0 };
    simulation.inject(tip, None, sine).unwrap();
    let probes = [soma, tip].map(|i| simulation.record(Probe::Voltage(i)).unwrap());
    simulation.run_until(300.0).unwrap();
    for (place, probe) in [soma, tip].into_iter().zip(probes) {
        let late = &simulation.recording(probe, 0)[12_500..];
        let (low, high) = late.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        let measured = 0.5 * (high - low) / 0.01;
        // The step resolves a period of 25 ms into 1250.
        assert!((measured / impedance.magnitude_mohm(place) - 1.0).abs() < 1e-4, "{measured}");
    }
    let back = simulation.impedance(soma, 40.0, 0).unwrap();
    // Transfer is the same in both directions.
    assert!((back.magnitude_mohm(tip) / impedance.magnitude_mohm(soma) - 1.0).abs() < 1e-10);
}

#[test]
fn amputation_leaves_the_rest_as_if_it_ended_there() {
    let build = |length_um: f64| {
        let mut cell =
            Cell::new(ball_and_stick(20.0, length_um, 2.0).unwrap(), Discretisation::MaximumLength { um: 10.0 })
                .unwrap();
        cell.set_cable("all", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-70.0).into())]).unwrap();
        cell
    };
    let resistance = |cell: &Cell| {
        let mut simulation = Simulation::new(cell, settings(Method::CrankNicolson)).unwrap();
        simulation.impedance(0, 0.0, 0).unwrap().magnitude_mohm(0)
    };
    let soma_only = {
        let mut cell = build(300.0);
        cell.amputate("dend").unwrap();
        resistance(&cell)
    };
    let area_um2 = std::f64::consts::PI * 400.0;
    assert!((soma_only / (1e3 / (1e-4 * area_um2 * 10.0)) - 1.0).abs() < 1e-4, "{soma_only}");
    assert!(resistance(&build(300.0)) < 0.8 * soma_only);
}
