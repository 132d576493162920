//! The workbench around the models: reading NWB, drawing figures, channels of one compartment each.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rheobase_benches::cable::driven;
use rheobase_benches::session;
use rheobase_data::nwb::NwbFile;
use rheobase_data::recording::Recording;
use rheobase_dendrite::morphology::cylinder;
use rheobase_dendrite::{Cell, Discretisation};

fn nwb(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nwb-read");
    for units in [10, 100] {
        let bytes = session::nwb(units);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format!("units-{units}"), |b| {
            b.iter(|| {
                let file = NwbFile::from_bytes("benchmark.nwb", bytes.clone()).expect("a file");
                Recording::from_nwb(&file, &["position".to_owned()]).expect("a recording")
            });
        });
    }
    group.finish();
}

fn report(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("report");
    for points in [200, 2000] {
        let chart = session::chart(points);
        group.throughput(Throughput::Elements(3 * points as u64));
        group.bench_function(format!("chart/{points}"), |b| b.iter(|| chart.svg().expect("finite")));
    }
    group.finish();
}

/// 200 steps of 1000 compartments with one mechanism; the cable without any is the cost of elimination. Without a leak a current would charge
/// it for ever, so it gets none.
fn channels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("channels");
    group.sample_size(20).throughput(Throughput::Elements(200 * 1000));
    for mechanism in ["none", "hodgkin-huxley", "connor-stevens"] {
        let mut cell = Cell::new(cylinder(1000.0, 1.0).unwrap(), Discretisation::Fixed { count: 1000 }).unwrap();
        if mechanism != "none" {
            cell.insert("all", mechanism, &[]).unwrap();
        }
        let current_na = if mechanism == "none" { 0.0 } else { 0.1 };
        let mut simulation = driven(&cell, 0.025, 1, current_na);
        group.bench_function(mechanism, |b| {
            b.iter(|| {
                let until = simulation.time_ms() + 5.0;
                simulation.run_until(until).unwrap();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, nwb, report, channels);
criterion_main!(benches);
