//! Theory of conductance networks: systems.md B7, B8, B10.

#![allow(clippy::print_stdout)]

mod benchmarks;

use benchmarks::lognormal;
use rheobase_core::Seed;
use rheobase_spiking::network::Distribution;
use rheobase_spiking::neuron::Lif;
use rheobase_spiking::theory::{ConductanceTheory, Membrane, Search, Strong};

fn search(population: usize) -> Search {
    Search { population, range_hz: [0.05, 400.0], points: 80 }
}

/// Within 15 % for tau_g / tau_e up to .2 and rates from .5 to 50 Hz.
#[test]
fn rates_and_densities_are_those_of_a_simulation() {
    let lif =
        Lif { tau_ms: 20.0, rest_mv: -70.0, threshold_mv: -50.0, reset_mv: -60.0, refractory_ms: 1.0, drive_mv: 0.0 };
    for (v0_mv, tau_e_ms, sigma_mv, tau_g_ms) in
        [(-58.0, 12.0, 5.0, 2.0), (-54.0, 10.0, 4.0, 2.0), (-56.0, 15.0, 4.0, 1.5), (-51.0, 10.0, 4.0, 1.0)]
    {
        let membrane = Membrane { v0_mv, tau_e_ms, sigma_mv, tau_g_ms, lif };
        let found = membrane.simulate(200, 5000.0, 0.02, &Seed::root(1));
        let (rate, distance) = (membrane.rate_hz(), membrane.density_distance(&found.voltages_mv));
        println!("{membrane:?}: {rate} {} {distance}", found.rate_hz);
        assert!((0.5..50.0).contains(&rate) && (found.rate_hz / rate - 1.0).abs() < 0.15, "{rate} {}", found.rate_hz);
        assert!(distance < 0.05, "{distance}");
    }
}

#[test]
fn a_lognormal_network_has_a_quiet_state_that_lasts_and_a_uniform_one_has_not() {
    let network = lognormal();
    let excitatory = 0;
    let strong = |from_mv: f64| Some(Strong { from_mv, mv_per_weight: 5.0 });
    let theory = ConductanceTheory::new(&network, strong(5.0)).unwrap();
    assert!((theory.strong_synapses(excitatory) - 13.2).abs() < 0.7, "{}", theory.strong_synapses(excitatory));
    let membrane = theory.membrane(excitatory, &[0.89, 3.9]);
    println!("{membrane:?} sd {}", membrane.sd_mv());
    assert!((membrane.v0_mv + 60.6).abs() < 0.6 && (membrane.tau_e_ms / 12.8 - 1.0).abs() < 0.05);
    assert!((membrane.sd_mv() / 3.2 - 1.0).abs() < 0.05);
    let active = theory.membrane(excitatory, &[3.1, 31.9]);
    assert!((active.tau_e_ms / 4.5 - 1.0).abs() < 0.05, "{active:?}");
    // The specification's roots (.52, 1.50, 132 Hz and .58, 1.09, 145 Hz) come from a sample with 13.2 and 23.1 strong synapses, where
    // the distribution has 13.09 and 22.83; 1 % more of them moves the stable roots by 3.5 %. The first numbers here are ours.
    for (from_mv, exact, published) in
        [(5.0, [0.4928, 1.4315, 131.49], [0.52, 1.50, 132.0]), (4.0, [0.5487, 0.9934, 143.79], [0.58, 1.09, 145.0])]
    {
        let roots = ConductanceTheory::new(&network, strong(from_mv)).unwrap().roots(&search(excitatory));
        println!("{from_mv}: {roots:?}");
        assert_eq!(roots.iter().map(|r| r.stable).collect::<Vec<_>>(), [false, true, false]);
        for ((root, exact), published) in roots.iter().zip(exact).zip(published) {
            let rate = root.rates_hz[excitatory];
            assert!((rate / exact - 1.0).abs() < 0.005 && (rate / published - 1.0).abs() < 0.1, "{roots:?}");
        }
    }
    // Below 4 mV too much is taken out of the noise: no quiet state is left, which is the approximation's failure.
    let failed = ConductanceTheory::new(&network, strong(3.0)).unwrap().roots(&search(excitatory));
    assert!(failed.iter().all(|r| r.rates_hz[excitatory] > 50.0), "{failed:?}");
    let mut uniform = network.clone();
    uniform.projections[0].weight = Distribution::Constant { value: 0.893 / 5.0 };
    for (failure, rate) in [(true, 141.0), (false, 79.0)] {
        let mut network = uniform.clone();
        if !failure {
            network.projections[0].failure = None;
        }
        let roots = ConductanceTheory::new(&network, None).unwrap().roots(&search(excitatory));
        println!("uniform, failures {failure}: {roots:?}");
        assert!(roots.len() == 1 && !roots[0].stable, "{roots:?}");
        assert!((roots[0].rates_hz[excitatory] / rate - 1.0).abs() < 0.05, "{roots:?}");
    }
}

/// Where excitatory neurons drive inhibitory ones 1.5 times as strongly no quiet state is left.
#[test]
fn more_inhibition_ends_the_quiet_state() {
    let mut network = lognormal();
    network.projections[1].weight = Distribution::Constant { value: 0.018 * 10.0 * 1.5 };
    for from_mv in [4.0, 5.0, 6.0] {
        let strong = Some(Strong { from_mv, mv_per_weight: 5.0 });
        let roots = ConductanceTheory::new(&network, strong).unwrap().roots(&search(0));
        println!("{roots:?}");
        assert!(roots.iter().all(|r| !r.stable), "{roots:?}");
    }
}
