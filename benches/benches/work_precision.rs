//! Error and cost together: cables against exact and converged solutions, fixed points against roots.
//!
//! Ids are `work-precision/PROBLEM/METHOD/SETTING`. The error of Rallpack 1 is the root mean square at the far end over the range (at
//! the injected end half a compartment's offset outweighs the error in time), that of Rallpack 3 the time of the first spike at the far end in ms against steps of 1 us, that of fixed points the median
//! |F(x) - x| of what the search returns. `steps` are steps in time or of Newton's method.

#![allow(missing_docs, clippy::print_stdout)]

use ndarray::{Array1, Array2};
use rheobase_benches::cable::{rallpack, step};
use rheobase_benches::recurrent::TanhRing;
use rheobase_benches::timing::median_ns;
use rheobase_core::Silent;
use rheobase_dendrite::rallpack::finite_cable_mv;
use rheobase_dendrite::simulation::Probe;
use rheobase_dendrite::{Cell, Method, Settings, Simulation};
use rheobase_fixed_point::Search;
use rheobase_perf::measurement::name;
use rheobase_perf::{Measure, Measurement, Tool, observation};

const STEPS_MS: [f64; 5] = [0.2, 0.1, 0.05, 0.025, 0.0125];
const METHODS: [(&str, Method); 2] =
    [("crank-nicolson", Method::CrankNicolson), ("backward-euler", Method::BackwardEuler)];
const TOLERANCES_MV: [f64; 4] = [0.3, 0.1, 0.03, 0.01];

fn point(problem: &str, method: &str, setting: &str, time: Measure, error: f64, steps: f64) -> Measurement {
    Measurement::new(format!("work-precision/{problem}/{method}/{setting}"), Tool::Observation)
        .with(name::TIME_NS, time)
        .with(name::ERROR, Measure::exact(error))
        .with("steps", Measure::exact(steps))
}

fn fresh(cell: &Cell, dt_ms: f64, method: Method) -> Simulation {
    let mut simulation = Simulation::new(cell, Settings { dt_ms, method, ..Settings::default() }).unwrap();
    simulation.inject(0, None, step(0.1)).unwrap();
    simulation
}

/// 250 ms of the passive cable.
fn passive(found: &mut Vec<Measurement>) {
    let cell = rallpack(false, 1000);
    // P = lambda I Ra / (pi r^2).
    let p_mv = 1000.0 * 0.1 * 100.0 / (std::f64::consts::PI * 0.25) * 1e-2;
    let exact = |t_ms: f64| finite_cable_mv(t_ms, 1.0, 1.0, p_mv);
    let range = exact(250.0) - exact(0.0);
    let error = |times: &[f64], trace: &[f64]| {
        let square: f64 = times.iter().zip(trace).map(|(t, v)| (v - exact(*t)).powi(2)).sum();
        (square / times.len() as f64).sqrt() / range
    };
    for (name, method) in METHODS {
        for dt_ms in STEPS_MS {
            let mut simulation = fresh(&cell, dt_ms, method);
            simulation.record(Probe::Voltage(999)).unwrap();
            simulation.run_until(250.0).unwrap();
            let error = error(&simulation.recorded_times_ms(), &simulation.recording(0, 0));
            let time = median_ns(|| fresh(&cell, dt_ms, method).run_until(250.0).unwrap());
            found.push(point("rallpack-1", name, &dt_ms.to_string(), time, error, 250.0 / dt_ms));
        }
    }
}

/// Until the spike arrives at the far end of the axon.
fn axon(found: &mut Vec<Measurement>) {
    let cell = rallpack(true, 1000);
    let prepared = |dt_ms, method| {
        let mut simulation = fresh(&cell, dt_ms, method);
        simulation.detect_spikes(999, 0.0).unwrap();
        simulation
    };
    let arrival = |simulation: &Simulation| simulation.spikes_ms(0, 0).first().copied().unwrap_or(f64::INFINITY);
    let mut fine = prepared(0.001, Method::CrankNicolson);
    fine.run_until(6.0).unwrap();
    let exact_ms = arrival(&fine);
    for (name, method) in METHODS {
        for dt_ms in STEPS_MS {
            let mut simulation = prepared(dt_ms, method);
            simulation.run_until(6.0).unwrap();
            let error = (arrival(&simulation) - exact_ms).abs();
            let time = median_ns(|| prepared(dt_ms, method).run_until(6.0).unwrap());
            found.push(point("rallpack-3", name, &dt_ms.to_string(), time, error, 6.0 / dt_ms));
        }
    }
    for tolerance_mv in TOLERANCES_MV {
        let mut simulation = prepared(0.01, Method::CrankNicolson);
        let report = simulation.run_adaptive_until(6.0, tolerance_mv, 0.5).unwrap();
        let error = (arrival(&simulation) - exact_ms).abs();
        let time = median_ns(|| {
            prepared(0.01, Method::CrankNicolson).run_adaptive_until(6.0, tolerance_mv, 0.5).unwrap();
        });
        // Each attempt is one step and two halves.
        let steps = 3.0 * (report.accepted + report.rejected) as f64;
        found.push(point("rallpack-3", "adaptive", &tolerance_mv.to_string(), time, error, steps));
    }
}

/// 64 starts of a ring of 8 units.
fn fixed_points(found: &mut Vec<Measurement>) {
    let ring = TanhRing::new(8);
    let starts = Array2::from_shape_fn((64, 8), |(i, j)| ((i * 31 + j * 17) % 41) as f64 / 20.0 - 1.0);
    for descent_steps in [20, 200] {
        for newton_steps in [2, 5, 10, 20, 40] {
            // Everything that is reached is returned, so that its error can be seen.
            let search = Search { descent_steps, newton_steps, tolerance_q: 1e3, slow_q: 1e3, ..Search::default() };
            let run = || search.run(&ring, starts.view(), Array1::zeros(0).view(), &Silent).unwrap();
            let reached = run();
            let mut errors: Vec<f64> = reached.fixed.iter().map(|f| (2.0 * f.q).sqrt()).collect();
            errors.sort_by(f64::total_cmp);
            let error = errors[errors.len() / 2];
            let time = median_ns(|| drop(run()));
            let method = format!("descent-{descent_steps}");
            let steps = reached.newton_steps as f64;
            found.push(point("tanh-ring-8", &method, &newton_steps.to_string(), time, error, steps));
        }
    }
}

fn main() -> rheobase_perf::Result<()> {
    // `cargo test --benches` only asks whether it starts.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let mut found = vec![];
    passive(&mut found);
    axon(&mut found);
    fixed_points(&mut found);
    for measurement in &found {
        let value = |name: &str| measurement.value(name).unwrap_or(f64::NAN);
        println!("{}: error {:.2e}, {:.2} ms", measurement.bench, value(name::ERROR), value(name::TIME_NS) / 1e6);
    }
    println!("written to {}", observation::write("work-precision", &found)?.display());
    Ok(())
}
