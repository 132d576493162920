//! Plasticity in networks: the window of spike timing, inhibition towards a rate, reward, upkeep, and resumed networks.

use rheobase_core::{Seed, Silent};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{ConnectionRule, Distribution, Listed, NetworkDescription, Projection};
use rheobase_spiking::plasticity::{Calcium, Inhibitory, Pairing, Plasticity, Reward, Rule, Stdp, Triplet, Upkeep};

/// One synapse between two neurons that spike at given times; its weight afterwards, starting from .5 of 1.
fn pair(plasticity: Plasticity, pre_ms: &[f64], post_ms: &[f64], until_ms: f64) -> f64 {
    let text = format!(
        r#"{{ "populations": {{
            "pre": {{ "size": 1, "neuron": {{ "kind": "spike-times", "times_ms": [{pre_ms:?}] }} }},
            "post": {{ "size": 1, "neuron": {{ "kind": "spike-times", "times_ms": [{post_ms:?}] }},
                       "receptors": {{ "in": {{ "kind": "delta" }} }} }} }} }}"#
    );
    let mut network: NetworkDescription = serde_json::from_str(&text).unwrap();
    let mut projection = Projection::new("pre", "post", "in", ConnectionRule::OneToOne {}, 0.5, 1.0);
    projection.plasticity = Some(plasticity);
    network.projections.push(projection);
    let mut simulation = Simulation::new(&network, &Seed::root(1), 1).unwrap();
    simulation.run_ms(until_ms, &Silent).unwrap();
    f64::from(simulation.synapses_of(0)[0].2)
}

/// systems.md P1: the trace form reproduces the window at lags of 1 ms within 1 %; a delay of 1 ms lies before the synapse.
#[test]
fn traces_reproduce_the_window_of_pairs() {
    let rule = Stdp { a_plus: 0.01, a_minus: 0.0105, ..Stdp::default() };
    let multiplicative = Stdp { mu_plus: 1.0, mu_minus: 0.5, ..rule };
    for rule in [rule, multiplicative, Stdp { pairing: Pairing::Nearest, ..rule }] {
        for lag in -60..=60 {
            let lag = f64::from(lag);
            let plasticity = Plasticity::new(Rule::Stdp(rule), [0.0, 1.0]);
            let change = pair(plasticity, &[100.0], &[101.0 + lag], 300.0) - 0.5;
            let expected = rule.window(lag, 0.5);
            // Weights are single: 6e-8 of .5, against changes of 5e-4 or more.
            assert!((change / expected - 1.0).abs() < 0.01, "{lag}: {change} {expected}");
        }
    }
}

#[test]
fn nearest_pairs_and_all_pairs_differ_as_they_should() {
    let stdp = |pairing| Stdp { a_plus: 0.01, a_minus: 0.0, pairing, ..Stdp::default() };
    let change = |pairing| {
        let plasticity = Plasticity::new(Rule::Stdp(stdp(pairing)), [0.0, 1.0]);
        pair(plasticity, &[99.0, 109.0], &[120.0], 300.0) - 0.5
    };
    let (near, far) = ((-10.0_f64 / 20.0).exp(), (-20.0_f64 / 20.0).exp());
    assert!((change(Pairing::All) / (0.01 * (near + far)) - 1.0).abs() < 1e-3);
    assert!((change(Pairing::Nearest) / (0.01 * near) - 1.0).abs() < 1e-3);
}

#[test]
fn reward_turns_eligibility_into_weight() {
    let plasticity = |rewards: Vec<[f64; 2]>| Plasticity {
        reward: Some(Reward { tau_ms: 200.0, release_tau_ms: 0.0, rewards }),
        ..Plasticity::new(Rule::Stdp(Stdp { a_plus: 0.01, ..Stdp::default() }), [0.0, 1.0])
    };
    let weight = |rewards: &[[f64; 2]]| pair(plasticity(rewards.to_vec()), &[99.0], &[110.0], 600.0);
    assert_eq!(weight(&[]), 0.5);
    let expected = 0.01 * (-10.0_f64 / 20.0).exp() * (-90.0_f64 / 200.0).exp();
    assert!(((weight(&[[200.0, 1.0]]) - 0.5) / expected - 1.0).abs() < 0.01);
    assert!(((weight(&[[200.0, -2.0]]) - 0.5) / (-2.0 * expected) - 1.0).abs() < 0.01);
}

/// Against the integral of c d / tau in small steps; what is read between spikes is up to date, and reading changes nothing.
#[test]
fn a_released_reward_acts_for_as_long_as_it_lasts() {
    let (tau_ms, release_tau_ms) = (300.0, 120.0);
    let plasticity = Plasticity {
        reward: Some(Reward { tau_ms, release_tau_ms, rewards: vec![[200.0, 2.0], [260.0, -0.5]] }),
        ..Plasticity::new(Rule::Stdp(Stdp { a_plus: 0.01, ..Stdp::default() }), [0.0, 1.0])
    };
    let expected = |until_ms: f64| {
        let (h, mut c, mut d, mut sum) = (1e-3, 0.0, 0.0, 0.0);
        for k in 0..(until_ms / h) as usize {
            c += if k == 110_000 { 0.01 * (-10.0_f64 / 20.0).exp() } else { 0.0 };
            d += [(200_000, 2.0), (260_000, -0.5)].iter().filter(|(at, _)| *at == k).map(|(_, r)| r).sum::<f64>();
            sum += h * c * d / release_tau_ms;
            c -= h * c / tau_ms;
            d -= h * d / release_tau_ms;
        }
        sum
    };
    for until_ms in [220.0, 400.0, 900.0] {
        let change = pair(plasticity.clone(), &[99.0], &[110.0], until_ms) - 0.5;
        // A step of .1 ms is .5 % of the window's 20 ms.
        assert!((change / expected(until_ms) - 1.0).abs() < 0.01, "{until_ms}: {change} {}", expected(until_ms));
    }
    // A later spike finds the weight that was read.
    let spiked = pair(plasticity.clone(), &[99.0, 899.0], &[110.0], 900.0);
    assert!((spiked - pair(plasticity, &[99.0], &[110.0], 900.0)).abs() < 1e-6);
}

/// A projection whose synapses have delays of their own learns as projections of one delay each do, to the bit.
#[test]
fn synapses_of_many_delays_learn_as_projections_of_one() {
    let text = r#"{ "populations": {
        "pre": { "size": 30, "neuron": { "kind": "renewal", "rate_hz": 40 } },
        "post": { "size": 30, "neuron": { "kind": "renewal", "rate_hz": 40 },
                  "receptors": { "in": { "kind": "delta" } } } } }"#;
    let network: NetworkDescription = serde_json::from_str(text).unwrap();
    let triplet = Some(Triplet { a_plus: 0.02, a_minus: 0.01, tau_x_ms: 80.0, tau_y_ms: 110.0 });
    let rules = [
        Rule::Stdp(Stdp { triplet, ..Stdp::default() }),
        Rule::Stdp(Stdp { pairing: Pairing::Nearest, ..Stdp::default() }),
        Rule::Inhibitory(Inhibitory { rate: 0.01, target_hz: 20.0, tau_ms: 20.0 }),
        Rule::Calcium(Calcium::default()),
    ];
    let delays_ms = [3.0, 0.1, 7.4, 1.2];
    let listed = |k: usize| {
        let all = (0..30).flat_map(|i| (0..4).map(move |j| (i, j)));
        let own = all.filter(|(_, j)| k == 4 || *j == k);
        let synapse = |(i, j): (usize, usize)| Listed {
            from: i,
            to: (i * 7 + j) % 30,
            weight: Some(0.5),
            delay_ms: Some(delays_ms[j]),
        };
        ConnectionRule::List { synapses: own.map(synapse).collect() }
    };
    for rule in rules {
        let projection = |k: usize| Projection {
            plasticity: Some(Plasticity::new(rule, [0.0, 1.0])),
            delay_ms: Distribution::Uniform { low: 0.1, high: 7.4 },
            ..Projection::new("pre", "post", "in", listed(k), 0.5, 1.0)
        };
        let learn = |projections: Vec<Projection>| {
            let count = projections.len();
            let network = NetworkDescription { projections, ..network.clone() };
            let mut simulation = Simulation::new(&network, &Seed::root(4), 1).unwrap();
            simulation.run_ms(500.0, &Silent).unwrap();
            let mut all: Vec<_> = (0..count).flat_map(|k| simulation.synapses_of(k)).collect();
            all.sort_by_key(|(source, target, _)| (*source, *target));
            all
        };
        let together = learn(vec![projection(4)]);
        assert_eq!(together, learn((0..4).map(projection).collect()), "{rule:?}");
        assert!(together.iter().filter(|s| (s.2 - 0.5).abs() > 1e-3).count() > 60, "{rule:?} learns");
    }
}

/// The memory foreseen for plastic synapses is what they take.
#[test]
fn what_plastic_synapses_keep_is_foreseen() {
    let text = r#"{ "populations": {
        "pre": { "size": 1000, "neuron": { "kind": "renewal", "rate_hz": 20 } },
        "post": { "size": 1000, "neuron": { "kind": "lif" }, "receptors": { "in": { "kind": "delta" } } } } }"#;
    let network: NetworkDescription = serde_json::from_str(text).unwrap();
    let stdp = Plasticity::new(Rule::Stdp(Stdp::default()), [0.0, 1.0]);
    let rewarded =
        Plasticity { reward: Some(Reward { tau_ms: 500.0, release_tau_ms: 0.0, rewards: vec![] }), ..stdp.clone() };
    let calcium = Plasticity::new(Rule::Calcium(Calcium::default()), [0.0, 1.0]);
    let rule = ConnectionRule::FixedInDegree { count: 200, autapses: true, multapses: false };
    // Bytes of a synapse: target 2, weight 4, place and source in the column 8, and what the rule keeps.
    for (plasticity, each) in [(None, 2.0), (Some(stdp), 14.0), (Some(rewarded), 30.0), (Some(calcium), 30.0)] {
        let projection = Projection { plasticity, ..Projection::new("pre", "post", "in", rule.clone(), 0.5, 1.0) };
        let network = NetworkDescription { projections: vec![projection], ..network.clone() };
        let (synapses, bytes) = network.estimate().unwrap();
        let taken = Simulation::new(&network, &Seed::root(1), 1).unwrap().synapse_bytes() as f64;
        assert!((taken / synapses - each).abs() < 0.1, "{} {each}", taken / synapses);
        // Beside synapses it foresees the 2,000 neurons, 192 kB.
        assert!(bytes >= taken && bytes < taken + 2.5e5, "{bytes} {taken}");
    }
}

fn driven(inhibition: Option<Plasticity>, upkeep: Vec<Upkeep>) -> NetworkDescription {
    let text = r#"{ "populations": {
        "excitation": { "size": 200, "neuron": { "kind": "renewal", "rate_hz": 20 } },
        "inhibition": { "size": 100, "neuron": { "kind": "renewal", "rate_hz": 20 } },
        "target": { "size": 70, "neuron": { "kind": "lif", "rest_mv": -60, "threshold_mv": -50, "reset_mv": -60 },
          "receptors": { "ampa": { "kind": "exponential-conductance", "tau_ms": 5, "e_mv": 0 },
                         "gaba": { "kind": "exponential-conductance", "tau_ms": 10, "e_mv": -80 } } } } }"#;
    let mut network: NetworkDescription = serde_json::from_str(text).unwrap();
    let all = ConnectionRule::AllToAll { autapses: true };
    let mut excitation = Projection::new("excitation", "target", "ampa", all.clone(), 0.03, 1.0);
    if !upkeep.is_empty() {
        excitation.weight = Distribution::Uniform { low: 0.0, high: 0.06 };
        excitation.plasticity = Some(Plasticity { upkeep, ..Plasticity::new(Rule::None {}, [0.0, 1.0]) });
    }
    let mut inhibitory = Projection::new("inhibition", "target", "gaba", all, 0.005, 1.0);
    inhibitory.plasticity = inhibition;
    network.projections = vec![excitation, inhibitory];
    network
}

#[test]
fn inhibitory_plasticity_finds_its_rate() {
    let rule = Inhibitory { rate: 0.005, target_hz: 8.0, tau_ms: 20.0 };
    let network = driven(Some(Plasticity::new(Rule::Inhibitory(rule), [0.0, 1.0])), vec![]);
    let mut simulation = Simulation::new(&network, &Seed::root(2), 2).unwrap();
    simulation.run_ms(1000.0, &Silent).unwrap();
    let early = simulation.spike_counts("target", 0.0).unwrap().iter().sum::<u32>();
    simulation.run_ms(24_000.0, &Silent).unwrap();
    let late = simulation.spike_counts("target", 15_000.0).unwrap().iter().sum::<u32>();
    let (early_hz, late_hz) = (f64::from(early) / 70.0, f64::from(late) / 70.0 / 10.0);
    assert!(early_hz > 15.0 && (late_hz - 8.0).abs() < 1.0, "{early_hz} {late_hz}");
}

#[test]
fn upkeep_scales_prunes_and_lets_sizes_drift() {
    let weights = |upkeep: Upkeep, ms: f64| {
        let network = driven(None, vec![upkeep]);
        let mut simulation = Simulation::new(&network, &Seed::root(2), 1).unwrap();
        simulation.run_ms(ms, &Silent).unwrap();
        (simulation.synapses_of(0), simulation.spike_counts("target", ms - 1000.0).unwrap())
    };
    let sum_of =
        |all: &[(u32, u32, f32)], target| all.iter().filter(|w| w.1 == target).map(|w| f64::from(w.2)).sum::<f64>();
    let (normalised, _) = weights(Upkeep::Normalise { every_ms: 50.0, sum: 4.0 }, 1000.0);
    assert!((0..70).all(|t| (sum_of(&normalised, t) - 4.0).abs() < 1e-5));
    let (_, counts) = weights(Upkeep::Scale { every_ms: 1000.0, target_hz: 10.0, strength: 0.1 }, 40_000.0);
    let rate = f64::from(counts.iter().sum::<u32>()) / 70.0;
    assert!((rate - 10.0).abs() < 2.0, "{rate}");
    let (turned, _) = weights(Upkeep::Turnover { every_ms: 100.0, below: 0.02, initial: 0.03 }, 150.0);
    assert_eq!(turned.len(), 200 * 70);
    let grown = turned.iter().filter(|w| w.2 == 0.03).count() as f64;
    // A third of weights uniform from 0 to .06 is cut: 4667 of 14,000, standard error 56.
    assert!((grown - 14_000.0 / 3.0).abs() < 250.0 && turned.iter().all(|w| w.2 >= 0.02), "{grown}");
    let drift = Upkeep::Fluctuate { every_ms: 10.0, factor: 0.9, factor_sd: 0.1, added: 0.01 };
    let (drifted, _) = weights(drift, 2000.0);
    let mean = drifted.iter().map(|w| f64::from(w.2)).sum::<f64>() / 14_000.0;
    // Stationary mean .01 / (1 - .9); relative spread about .25, over 14,000.
    assert!((mean - 0.1).abs() < 0.002, "{mean}");
}

#[test]
fn plastic_networks_resume_and_do_not_depend_on_threads() {
    resumed_is_straight(Distribution::Constant { value: 1.0 }, 0.0);
    resumed_is_straight(Distribution::Uniform { low: 0.5, high: 6.0 }, 50.0);
}

fn resumed_is_straight(own: Distribution, release_tau_ms: f64) {
    let stdp = Rule::Stdp(Stdp::default());
    let mut network = driven(None, vec![Upkeep::Turnover { every_ms: 70.0, below: 0.01, initial: 0.03 }]);
    network.projections[0].plasticity.as_mut().unwrap().rule = stdp;
    network.projections[1].plasticity = Some(Plasticity {
        reward: Some(Reward { tau_ms: 100.0, release_tau_ms, rewards: vec![[150.0, 1.0], [290.0, -1.0]] }),
        ..Plasticity::new(stdp, [0.0, 1.0])
    });
    network.projections[0].delay_ms = own;
    network.projections[1].delay_ms = Distribution::Constant { value: 2.3 };
    let run = |threads: usize, cut_ms: Option<f64>| {
        let mut simulation = Simulation::new(&network, &Seed::root(4), threads).unwrap();
        if let Some(cut) = cut_ms {
            simulation.run_ms(cut, &Silent).unwrap();
            simulation = Simulation::resume(&network, &Seed::root(4), 2, &simulation.snapshot()).unwrap();
        }
        simulation.run_ms(300.0 - cut_ms.unwrap_or(0.0), &Silent).unwrap();
        (simulation.synapses_of(0), simulation.synapses_of(1), simulation.voltages_mv("target").unwrap())
    };
    let straight = run(1, None);
    assert_ne!(straight.1, Simulation::new(&network, &Seed::root(4), 1).unwrap().synapses_of(1));
    assert_eq!(straight, run(2, None));
    assert_eq!(straight, run(1, Some(123.4)));
}
