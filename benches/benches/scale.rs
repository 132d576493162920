//! Benches whose size doubles: time and most memory, for the exponents of the report.
//!
//! Ids are `scale/WHAT/SIZE`; memory is what building and running together hold at most beyond what was there before.

#![allow(missing_docs, clippy::print_stdout)]

use peak_alloc::PeakAlloc;
use rheobase_benches::timing::median_ns;
use rheobase_benches::{arrays, cable, networks, plan, recurrent};
use rheobase_core::{Seed, Silent};
use rheobase_perf::measurement::name;
use rheobase_perf::{Measure, Measurement, Tool, observation};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Builds and times one size; `build` returns the work of one iteration. It is built twice: what libraries allocate once is not counted.
fn size<W: FnMut()>(family: &str, size: usize, build: impl Fn() -> W) -> Measurement {
    build()();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let mut work = build();
    work();
    let time = median_ns(&mut work);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    println!("scale/{family}/{size}: {:.3} ms, {peak} bytes", time.value / 1e6);
    Measurement::new(format!("scale/{family}/{size}"), Tool::Observation)
        .with(name::TIME_NS, time)
        .with(name::PEAK_BYTES, Measure::exact(peak as f64))
}

fn doublings(from: usize, count: u32) -> impl Iterator<Item = usize> {
    (0..count).map(move |k| from << k)
}

fn main() -> rheobase_perf::Result<()> {
    // `cargo test --benches` only asks whether it starts.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let mut found = vec![];
    found.extend(doublings(250, 5).map(|n| {
        size("cable-compartments", n, || {
            let mut simulation = cable::driven(&cable::rallpack(true, n), 0.05, 1, 0.1);
            move || {
                let until = simulation.time_ms() + 5.0;
                simulation.run_until(until).unwrap();
            }
        })
    }));
    found.extend(doublings(1000, 5).map(|n| {
        size("network-neurons", n, || {
            let mut description = networks::brunel(1250, 5.0, 2.0);
            for (name, population) in &mut description.populations {
                population.size = if name == "excitatory" { n * 4 / 5 } else { n / 5 };
            }
            let mut simulation = rheobase_spiking::Simulation::new(&description, &Seed::root(1), 1).unwrap();
            move || {
                simulation.run_ms(20.0, &Silent).unwrap();
            }
        })
    }));
    found.extend(doublings(32, 5).map(|n| {
        size("recurrent-units", n, || {
            let mut training = recurrent::Training::new(recurrent::Training::elman(), n, 20, 16);
            move || {
                training.step(1);
            }
        })
    }));
    found.extend(doublings(1250, 5).map(|n| {
        size("plan-nodes", n, || {
            let library = rheobase_data::library::Library::new("nowhere").unwrap();
            let text = plan::pipeline(n);
            move || {
                let declaration = rheobase_pipeline::declaration::check(&text, &[], rheobase_stage::REGISTRY).unwrap();
                rheobase_pipeline::plan::Plan::build(&declaration, &library).unwrap();
            }
        })
    }));
    found.extend(doublings(500, 5).map(|n| {
        size("cka-stimuli", n, || {
            let [x, y] = arrays::populations(n, 64, 16);
            move || {
                let bias = rheobase_similarity::Bias::Unbiased;
                std::hint::black_box(rheobase_similarity::linear_cka(x.view(), y.view(), bias).unwrap());
            }
        })
    }));
    println!("written to {}", observation::write("scale", &found)?.display());
    Ok(())
}
