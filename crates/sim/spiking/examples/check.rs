#![allow(missing_docs, clippy::all)]
#[path = "../tests/benchmarks/mod.rs"]
mod benchmarks;
use rheobase_core::{Seed, Silent};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::*;
fn main() {
    for (seed, m) in [(1, 0), (2, 0), (3, 0), (4, 0), (1, 1), (2, 1)] {
        let mut n = benchmarks::brunel(12500, 5.0, 2.0);
        if m == 1 {
            for p in n.populations.values_mut() {
                p.start_mv = Some(Distribution::Uniform { low: 0.0, high: 20.0 });
            }
        }
        let mut s = Simulation::new(&n, &Seed::root(seed), 2).unwrap();
        s.run_ms(1200.0, &Silent).unwrap();
        let (e, i) = (s.spike_trains("excitatory").unwrap(), s.spike_trains("inhibitory").unwrap());
        let mut all = Vec::new();
        for k in 0..7 {
            let lo = 0.5 + 0.1 * k as f64;
            let c: usize = (0..10000).map(|u| e.unit(u).iter().filter(|t| **t >= lo && **t < lo + 0.1).count()).sum();
            all.push((c as f64 / 1000.0 * 10.0).round() / 10.0);
        }
        println!("{seed} {m} {} {} {:?}", benchmarks::mean_rate_hz(&e, 0.5), benchmarks::mean_rate_hz(&i, 0.5), all);
    }
}
