//! Instructions and cache misses of single-threaded kernels under valgrind: the same on a noisy machine, so a gate can judge them.
//!
//! Each kernel is the small twin of a criterion bench. `RHEOBASE_PLANT` repeats a share of every kernel's work, in percent: it shows
//! that the gate sees a regression of that size.

// The macros of gungraun write public items and end the process.
#![allow(missing_docs, unused_qualifications, clippy::exit)]

use std::hint::black_box;

use gungraun::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rheobase_benches::arrays::{noise, populations, repeats};
use rheobase_benches::recurrent::{TanhRing, Training};
use rheobase_benches::session::{nwb, trains};
use rheobase_benches::surrogate::{Imitation, elm, tcn};
use rheobase_benches::{cable, networks, plan};
use rheobase_core::{Seed, Silent};
use rheobase_fixed_point::Search;
use rheobase_rate::recurrent::Cell;
use rheobase_similarity::inference::{Resample, bootstrap};
use rheobase_similarity::{Bias, Comparator, Dissimilarity, Rdm, linear_cka};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{NetworkDescription, Precision};
use rheobase_surrogate::network::Network;

/// A prepared kernel: one call is one part of a hundred of what is counted.
type Kernel = Box<dyn FnMut()>;

/// Parts that are counted.
const PARTS: u32 = 100;

/// A kernel and how many parts of it run.
struct Work {
    kernel: Kernel,
    parts: u32,
}

/// Prepares: one part runs beforehand, so that what happens only once is not counted.
fn warm(mut kernel: Kernel) -> Work {
    kernel();
    let planted = std::env::var("RHEOBASE_PLANT").ok().and_then(|p| p.parse().ok()).unwrap_or(0);
    Work { kernel, parts: PARTS + planted }
}

fn run(mut work: Work) -> Work {
    for _ in 0..work.parts {
        (work.kernel)();
    }
    work
}

fn kernel<T>(mut work: impl FnMut() -> T + 'static) -> Kernel {
    Box::new(move || {
        black_box(work());
    })
}

fn cable_steps(axon: bool, lanes: usize) -> Work {
    let mut simulation = cable::driven(&cable::rallpack(axon, 200), 0.05, lanes, 0.1);
    warm(kernel(move || {
        let until = simulation.time_ms() + 0.1;
        simulation.run_until(until).unwrap();
    }))
}

fn branching_steps(lanes: usize) -> Work {
    let mut simulation = cable::driven(&cable::branching(), 0.025, lanes, 0.9);
    simulation.detect_spikes(0, 0.0).unwrap();
    warm(kernel(move || {
        let until = simulation.time_ms() + 0.05;
        simulation.run_until(until).unwrap();
    }))
}

#[library_benchmark]
#[bench::passive(args = (false, 1), setup = cable_steps)]
#[bench::hodgkin_huxley(args = (true, 1), setup = cable_steps)]
#[bench::hodgkin_huxley_lanes_8(args = (true, 8), setup = cable_steps)]
#[bench::branching(args = (1), setup = branching_steps)]
fn cable_step(work: Work) -> Work {
    run(work)
}

fn network(mut description: NetworkDescription, precision: Precision) -> Work {
    description.precision = precision;
    let mut simulation = Simulation::new(&description, &Seed::root(1), 1).expect("a network");
    // Past the transient of the start.
    simulation.run_ms(20.0, &Silent).expect("a run");
    warm(kernel(move || simulation.run_ms(0.2, &Silent).expect("a run")))
}

#[library_benchmark]
#[bench::coba_single(args = (networks::coba(1000), Precision::Single), setup = network)]
#[bench::coba_double(args = (networks::coba(1000), Precision::Double), setup = network)]
#[bench::cuba_single(args = (networks::cuba(1000), Precision::Single), setup = network)]
#[bench::hodgkin_huxley(args = (networks::hodgkin_huxley(200), Precision::Single), setup = network)]
#[bench::delivery(args = (networks::brunel(2500, 5.0, 2.0), Precision::Single), setup = network)]
fn network_step(work: Work) -> Work {
    run(work)
}

fn build(neurons: usize) -> Work {
    let description = networks::brunel(neurons, 5.0, 2.0);
    warm(kernel(move || Simulation::new(&description, &Seed::root(1), 1).expect("a network")))
}

#[library_benchmark]
#[bench::brunel(args = (200), setup = build)]
fn network_build(work: Work) -> Work {
    run(work)
}

fn train(cell: Cell) -> Work {
    let mut training = Training::new(cell, 16, 8, 8);
    warm(kernel(move || training.step(1)))
}

#[library_benchmark]
#[bench::rnn(args = (Training::elman()), setup = train)]
#[bench::gru(args = (Cell::Gru), setup = train)]
fn recurrent_step(work: Work) -> Work {
    run(work)
}

fn imitate(network: Network) -> Work {
    let mut imitation = Imitation::new(network, 2, 12);
    warm(kernel(move || {
        imitation.step(1);
    }))
}

#[library_benchmark]
#[bench::tcn(args = (tcn(20, 8, 6)), setup = imitate)]
#[bench::elm(args = (elm(20, 8)), setup = imitate)]
fn surrogate_step(work: Work) -> Work {
    run(work)
}

fn moments() -> Work {
    let x = noise(500, 24, "x");
    let counts: Vec<f64> = x.column(0).iter().map(|g| (2.0 * g.max(0.0)).round()).collect();
    warm(kernel(move || rheobase_receptive_field::stc::spike_triggered_moments(x.view(), &counts).expect("spikes")))
}

#[library_benchmark]
#[bench::sta_stc(args = (), setup = moments)]
fn receptive_field(work: Work) -> Work {
    run(work)
}

fn cka() -> Work {
    let [x, y] = populations(120, 24, 8);
    warm(kernel(move || linear_cka(x.view(), y.view(), Bias::Unbiased).expect("valid")))
}

fn cca() -> Work {
    let [x, y] = populations(120, 16, 8);
    warm(kernel(move || rheobase_similarity::cca::canonical_correlations(x.view(), y.view()).expect("valid")))
}

fn rdm(x: ArrayView2<'_, f64>) -> Rdm {
    Rdm::from_responses(x, Dissimilarity::Correlation).expect("valid")
}

fn crossnobis() -> Work {
    let (_, repeats) = repeats(4, 20, 40);
    warm(kernel(move || {
        let views: Vec<ArrayView2<'_, f64>> = repeats.axis_iter(Axis(0)).collect();
        Rdm::crossnobis(&views, None).expect("valid")
    }))
}

fn resampling() -> Work {
    let (patterns, repeats) = repeats(4, 30, 40);
    let subjects: Vec<Rdm> = repeats.axis_iter(Axis(0)).map(rdm).collect();
    let models = [rdm(patterns.view()), rdm((&patterns + &noise(30, 40, "model")).view())];
    warm(kernel(move || {
        bootstrap(&models, &subjects, Comparator::Pearson, Resample::Conditions, 4, 1, &Seed::root(2)).expect("valid")
    }))
}

#[library_benchmark]
#[bench::cka(args = (), setup = cka)]
#[bench::cca(args = (), setup = cca)]
#[bench::crossnobis(args = (), setup = crossnobis)]
#[bench::rsa_bootstrap(args = (), setup = resampling)]
fn similarity(work: Work) -> Work {
    run(work)
}

fn fixed_points() -> Work {
    let ring = TanhRing::new(6);
    let starts = Array2::from_shape_fn((4, 6), |(i, j)| ((i * 7 + j * 5) % 11) as f64 / 5.0 - 1.0);
    let search = Search { descent_steps: 20, ..Search::default() };
    warm(kernel(move || search.run(&ring, starts.view(), Array1::zeros(0).view(), &Silent).expect("a ring")))
}

#[library_benchmark]
#[bench::tanh_ring(args = (), setup = fixed_points)]
fn fixed_point_search(work: Work) -> Work {
    run(work)
}

fn victor_purpura() -> Work {
    let trains = trains(6);
    warm(kernel(move || rheobase_spike_train::distance::victor_purpura_matrix(&trains, 20.0, 1).expect("valid")))
}

#[library_benchmark]
#[bench::victor_purpura(args = (), setup = victor_purpura)]
fn spike_train(work: Work) -> Work {
    run(work)
}

fn open_nwb() -> Work {
    let bytes = nwb(2);
    warm(kernel(move || {
        let file = rheobase_data::nwb::NwbFile::from_bytes("benchmark.nwb", bytes.clone()).expect("a file");
        rheobase_data::recording::Recording::from_nwb(&file, &["position".to_owned()]).expect("a recording")
    }))
}

fn planning() -> Work {
    let library = rheobase_data::library::Library::new("nowhere").expect("valid manifests");
    let declaration = rheobase_pipeline::declaration::check(&plan::pipeline(20), &[], rheobase_stage::REGISTRY);
    let declaration = declaration.unwrap_or_else(|d| panic!("{d:?}"));
    warm(kernel(move || rheobase_pipeline::plan::Plan::build(&declaration, &library).expect("a plan")))
}

fn figure() -> Work {
    let chart = rheobase_benches::session::chart(200);
    warm(kernel(move || chart.svg().expect("finite")))
}

#[library_benchmark]
#[bench::read_nwb(args = (), setup = open_nwb)]
#[bench::plan(args = (), setup = planning)]
#[bench::figure(args = (), setup = figure)]
fn workbench(work: Work) -> Work {
    run(work)
}

library_benchmark_group!(
    name = instructions,
    benchmarks = [
        cable_step,
        network_step,
        network_build,
        recurrent_step,
        surrogate_step,
        receptive_field,
        similarity,
        fixed_point_search,
        spike_train,
        workbench
    ]
);

main!(
    config = LibraryBenchmarkConfig::default().pass_through_env("RHEOBASE_PLANT"),
    library_benchmark_groups = instructions
);
