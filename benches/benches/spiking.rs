//! Spiking networks: one simulated second of the networks that simulators are compared with, and building them.

#![allow(missing_docs, clippy::print_stdout)]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rheobase_benches::networks as benchmarks;
use rheobase_core::{Seed, Silent};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{NetworkDescription, Precision};

/// With this seed the lognormal network, whose activity dies out sooner or later, goes on for seconds in either precision.
const SEED: u64 = 2;

/// Time of 1 s of biology after .1 s, building left out; elements are synaptic events.
fn second(c: &mut Criterion, id: &str, network: &NetworkDescription, threads: usize) {
    let run = || {
        let mut simulation = Simulation::new(network, &Seed::root(SEED), threads).expect("a network");
        simulation.run_ms(100.0, &Silent).expect("a run");
        let (events, begin) = (simulation.delivered_events(), Instant::now());
        simulation.run_ms(1000.0, &Silent).expect("a run");
        (begin.elapsed(), simulation.delivered_events() - events)
    };
    let mut group = c.benchmark_group("network-second");
    group.sample_size(10).throughput(Throughput::Elements(run().1));
    group.bench_function(id, |b| b.iter_custom(|n| (0..n).map(|_| run().0).sum::<Duration>()));
    group.finish();
}

/// The same network in single precision.
fn single(mut network: NetworkDescription) -> NetworkDescription {
    network.precision = Precision::Single;
    network
}

fn networks(c: &mut Criterion) {
    let networks = [
        ("coba-4000", benchmarks::coba(4000)),
        ("cuba-4000", benchmarks::cuba(4000)),
        ("coba-40000", benchmarks::coba(40_000)),
        ("brunel-12500", benchmarks::brunel(12_500, 5.0, 2.0)),
        ("hodgkin-huxley-4000", benchmarks::hodgkin_huxley(4000)),
        ("lognormal-12000", benchmarks::lognormal()),
    ];
    for (name, network) in networks {
        for threads in [1, 2] {
            second(c, &format!("{name}/single/{threads}"), &single(network.clone()), threads);
            second(c, &format!("{name}/double/{threads}"), &network, threads);
        }
    }
}

/// Cost of an event as the network grows at the same number of inputs and the same rate of events.
fn scale(c: &mut Criterion) {
    for size in [1000, 10_000, 100_000, 1_000_000] {
        let mut network = single(benchmarks::brunel(1250, 5.0, 2.0));
        for (name, population) in &mut network.populations {
            population.size = if name == "excitatory" { size * 4 / 5 } else { size / 5 };
        }
        let mut group = c.benchmark_group("network-scale");
        let run = || {
            let mut simulation = Simulation::new(&network, &Seed::root(1), 1).expect("a network");
            simulation.run_ms(10.0, &Silent).expect("a run");
            let (events, begin) = (simulation.delivered_events(), Instant::now());
            simulation.run_ms(50.0, &Silent).expect("a run");
            (begin.elapsed(), simulation.delivered_events() - events, simulation.synapse_bytes())
        };
        let (_, events, bytes) = run();
        println!("{size} neurons: {bytes} bytes of synapses");
        group.sample_size(10).throughput(Throughput::Elements(events));
        group.bench_function(format!("{size}"), |b| b.iter_custom(|n| (0..n).map(|_| run().0).sum::<Duration>()));
        group.finish();
    }
}

/// Models given as text beside the built-in ones: a second of 4,000 neurons by themselves; elements are steps of a neuron.
fn described(c: &mut Criterion) {
    let mut group = c.benchmark_group("neuron-second");
    for (name, built_in, receptor, drive, text) in benchmarks::AS_TEXT {
        for (form, neuron) in [("built-in", built_in), ("text", text)] {
            for precision in [Precision::Single, Precision::Double] {
                let mut network = benchmarks::driven(4000, neuron, receptor, drive);
                network.precision = precision;
                let run = || {
                    let mut simulation = Simulation::new(&network, &Seed::root(1), 1).expect("a network");
                    simulation.keep_spikes(false);
                    let begin = Instant::now();
                    simulation.run_ms(1000.0, &Silent).expect("a run");
                    begin.elapsed()
                };
                let id = format!("{name}/{form}/{precision:?}").to_lowercase();
                group.sample_size(10).throughput(Throughput::Elements(40_000_000));
                group.bench_function(id, |b| b.iter_custom(|n| (0..n).map(|_| run()).sum::<Duration>()));
            }
        }
    }
    group.finish();
}

fn building(c: &mut Criterion) {
    let network = benchmarks::brunel(12_500, 5.0, 2.0);
    let synapses = network.estimate().expect("sizes").0 as u64;
    let mut group = c.benchmark_group("network-build");
    group.sample_size(10).throughput(Throughput::Elements(synapses));
    group.bench_function("brunel-12500/1", |b| {
        b.iter(|| Simulation::new(&network, &Seed::root(1), 1).expect("a network"))
    });
    group.finish();
}

criterion_group!(benches, networks, described, scale, building);
criterion_main!(benches);
