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
use rheobase_dendrite::morphology::{AxisPoint, Morphology, Section, Tag, cylinder};
use rheobase_dendrite::simulation::{Current, Network};
use rheobase_dendrite::{Cell, Compartments, Discretisation, Settings, Simulation};

fn step(amplitude_na: f64) -> Current {
    Current::Step { start_ms: 0.0, duration_ms: 1e9, amplitude_na }
}

fn rallpack(axon: bool) -> Cell {
    let mut cell = Cell::new(cylinder(1000.0, 1.0).unwrap(), Discretisation::Fixed { count: 1000 }).unwrap();
    let leak = [("g_leak_s_per_cm2", 2.5e-5.into()), ("e_leak_mv", (-65.0).into())];
    if axon {
        cell.insert("all", "hodgkin-huxley", &leak).unwrap();
    } else {
        cell.set_cable("all", &leak).unwrap();
    }
    cell
}

/// The branching cell of the peers' many-cell workload: a soma, two trees of four levels, 211 compartments.
fn branching() -> Cell {
    let axis = |start: [f64; 3], length: f64, diameter_um: f64| {
        let end = [start[0] + length, start[1], start[2]];
        vec![AxisPoint { position_um: start, diameter_um }, AxisPoint { position_um: end, diameter_um }]
    };
    let section = |tag, axis, parent| Section { name: String::new(), tag, axis, parent };
    let mut sections = vec![section(Tag::Soma, axis([0.0; 3], 20.0, 20.0), None)];
    let mut previous = vec![0_usize];
    for level in 0..4_usize {
        let mut current = vec![];
        for k in 0..2 << level {
            let parent = if level == 0 { 0 } else { previous[k / 2] };
            current.push(sections.len());
            let start = [20.0 + 100.0 * level as f64, k as f64, 0.0];
            sections.push(section(Tag::Dendrite, axis(start, 100.0, 2.0), Some((parent, 1.0))));
        }
        previous = current;
    }
    let morphology = Morphology::new(sections, vec![]).unwrap();
    let counts: Vec<usize> = morphology.sections().iter().map(|s| if s.tag == Tag::Soma { 1 } else { 7 }).collect();
    let compartments = Compartments::with_counts(&morphology, &counts).unwrap();
    let mut cell = Cell::from_compartments(morphology, compartments).unwrap();
    let leak = [("g_leak_s_per_cm2", 0.0003.into()), ("e_leak_mv", (-54.3).into())];
    cell.insert("all", "hodgkin-huxley", &leak).unwrap();
    cell
}

fn single(criterion: &mut Criterion, name: &str, cell: &Cell, dt_ms: f64, lanes: &[usize]) {
    const STEPS: u64 = 200;
    let mut group = criterion.benchmark_group(format!("cable/{name}"));
    group.measurement_time(Duration::from_secs(4)).sample_size(20);
    for &lanes in lanes {
        group.throughput(Throughput::Elements(STEPS * (cell.compartments().len() * lanes) as u64));
        let mut simulation = Simulation::new(cell, Settings { dt_ms, lanes, ..Settings::default() }).unwrap();
        simulation.inject(0, None, step(0.1)).unwrap();
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
    single(criterion, "rallpack-1", &rallpack(false), 0.05, &[1]);
    single(criterion, "rallpack-3", &rallpack(true), 0.05, &[1, 8]);
    if let Some(cell) = cells::hay_cell(cells::HayModel::Biophys3) {
        single(criterion, "hay", &cell, 0.025, &[1, 8, 16]);
    }
    many(criterion);
}

criterion_group!(benches, cable);
criterion_main!(benches);
