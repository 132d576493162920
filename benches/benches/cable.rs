//! Cable cells: Rallpack 1 and 3, the many-cell workload, and the layer 5 cell of Hay et al. 2011.
//!
//! Throughput is in compartment-steps; a lane counts as a cell.

#[path = "../../crates/sim/dendrite/tests/cells/mod.rs"]
mod cells;
#[path = "../../crates/sim/dendrite/tests/shared_data/mod.rs"]
mod shared_data;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rheobase_benches::cable::{branching, driven, rallpack, step};
use rheobase_dendrite::simulation::Network;
use rheobase_dendrite::{Cell, Settings, Simulation};

fn single(criterion: &mut Criterion, name: &str, cell: &Cell, dt_ms: f64, lanes: &[usize]) {
    const STEPS: u64 = 200;
    let mut group = criterion.benchmark_group(format!("cable/{name}"));
    group.measurement_time(Duration::from_secs(4)).sample_size(20);
    for &lanes in lanes {
        group.throughput(Throughput::Elements(STEPS * (cell.compartments().len() * lanes) as u64));
        let mut simulation = driven(cell, dt_ms, lanes, 0.1);
        group.bench_function(format!("lanes-{lanes}"), |b| {
            b.iter(|| {
                let until = simulation.time_ms() + STEPS as f64 * dt_ms;
                simulation.run_until(until).unwrap();
                black_box(simulation.voltage_mv(0, 0))
            });
        });
    }
    group.finish();
}

fn many(criterion: &mut Criterion) {
    const MS: f64 = 10.0;
    let cell = branching();
    let mut group = criterion.benchmark_group("cable/many-128");
    group.measurement_time(Duration::from_secs(6)).sample_size(10);
    group.throughput(Throughput::Elements((128.0 * cell.compartments().len() as f64 * MS / 0.025) as u64));
    for threads in [1, 2] {
        let groups = (0..16).map(|group| {
            let mut simulation = Simulation::new(&cell, Settings { lanes: 8, ..Settings::default() }).unwrap();
            for lane in 0..8 {
                simulation.inject(0, Some(lane), step(0.9 + 0.003 * (8 * group + lane) as f64)).unwrap();
            }
            simulation.detect_spikes(0, 0.0).unwrap();
            simulation
        });
        let mut network = Network::new(groups.collect(), vec![]).unwrap();
        group.bench_function(format!("threads-{threads}"), |b| {
            b.iter(|| {
                let until = network.cells()[0].time_ms() + MS;
                network.run_until(until, threads).unwrap();
            });
        });
    }
    group.finish();
}

fn cable(criterion: &mut Criterion) {
    single(criterion, "rallpack-1", &rallpack(false, 1000), 0.05, &[1]);
    single(criterion, "rallpack-3", &rallpack(true, 1000), 0.05, &[1, 8]);
    if let Some(cell) = cells::hay_cell(cells::HayModel::Biophys3) {
        single(criterion, "hay", &cell, 0.025, &[1, 8, 16]);
    }
    many(criterion);
}

criterion_group!(benches, cable);
criterion_main!(benches);
