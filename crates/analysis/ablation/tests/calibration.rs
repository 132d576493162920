//! Lesions of units chosen at random hurt no more than random controls: their p-values are uniform. Intervals of Shapley values hold them.

use ndarray::Array2;
use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_ablation::cumulative::cumulative_ablation;
use rheobase_ablation::effect::{TestSet, lesioned};
use rheobase_ablation::group::{Controls, Group, group_effects};
use rheobase_ablation::interaction::shapley_values;
use rheobase_core::inference::kolmogorov_smirnov;
use rheobase_core::{LesionManner, Seed, Silent, Stimulus};

mod linear;
use linear::Linear;

const UNITS: usize = 24;
const IMAGES: usize = 60;

fn network(seed: &Seed) -> (Linear, Stimulus, Vec<usize>) {
    let mut stream = seed.stream();
    let w = Array2::from_shape_fn((3, UNITS), |_| stream.random_range(-1.0..1.0));
    let frames = Array2::from_shape_fn((IMAGES, UNITS), |_| stream.random_range(0.0..1.0));
    let labels = (0..IMAGES).map(|k| k % 3).collect();
    (Linear { w }, Stimulus::new(frames, vec![UNITS], 1.0).unwrap(), labels)
}

fn require_uniform(name: &str, f: &dyn Fn(&Seed) -> f64) {
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(1).child(name).index(set);
            f(&seed) - seed.child("step").stream().random_range(0.0..1.0 / 20.0)
        })
        .collect();
    let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "{name}: distance {} to uniform, p {}", test.statistic, test.p);
}

fn random_order(seed: &Seed) -> Vec<usize> {
    let mut order: Vec<usize> = (0..UNITS).collect();
    order.shuffle(&mut seed.stream());
    order
}

#[test]
fn groups_chosen_at_random() {
    let (probe, stimulus, labels) = network(&Seed::root(2));
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    require_uniform("groups", &|seed| {
        let groups = [Group { name: "random".into(), units: random_order(&seed.child("group"))[..6].to_vec() }];
        let controls = Controls { draws: 19, matched_on: None, neighbours: 1 };
        let manner = LesionManner::Silence;
        let found = group_effects(&probe, test, ("hidden", &groups), manner, controls, &seed.child("own"), &Silent);
        found.unwrap().1[0].p_hurts_more
    });
}

#[test]
fn orders_drawn_at_random() {
    let (probe, stimulus, labels) = network(&Seed::root(3));
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    require_uniform("orders", &|seed| {
        let order = random_order(&seed.child("order"));
        let manner = LesionManner::Silence;
        cumulative_ablation(&probe, test, "hidden", &order, 8, 19, manner, &seed.child("own"), &Silent)
            .unwrap()
            .p_hurts_more
    });
}

/// Of five players every set is lesioned, which gives the values without sampling.
#[test]
fn intervals_of_shapley_values_cover() {
    let (probe, stimulus, labels) = network(&Seed::root(4));
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let (manner, seed) = (LesionManner::Silence, Seed::root(5));
    let members = |k: usize| (0..UNITS).filter(move |u| u % 5 == k);
    let players: Vec<Group> = (0..5).map(|k| Group { name: k.to_string(), units: members(k).collect() }).collect();
    let loss = |lost: usize| {
        let units = (0..5).filter(|k| lost >> k & 1 == 1).flat_map(members).collect();
        lesioned(&probe, test, "hidden", units, manner, &seed).unwrap().loss_nats
    };
    let losses: Vec<f64> = (0..32).map(loss).collect();
    // Of 5! orders, |S|! (4 - |S|)! have the players S gone when player 0 goes.
    let orders = [24.0, 6.0, 4.0, 6.0, 24.0];
    let rest = (0..32_usize).filter(|lost| lost & 1 == 0);
    let truth: f64 = rest.map(|s| orders[s.count_ones() as usize] / 120.0 * (losses[s | 1] - losses[s])).sum();
    let holds = |set: &usize| {
        let own = Seed::root(6).index(*set);
        let found = shapley_values(&probe, test, ("hidden", &players), manner, 20, &own, &Silent).unwrap();
        let interval = found.intervals[0].as_ref().unwrap();
        interval.low <= truth && truth <= interval.high
    };
    let covered = (0..1000).filter(holds).count() as f64 / 1000.0;
    assert!((covered - 0.95).abs() <= 0.02, "{covered}");
}
