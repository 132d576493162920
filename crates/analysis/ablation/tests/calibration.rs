//! Lesions of units chosen at random hurt no more than random controls: their p-values are uniform.

use ndarray::Array2;
use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_ablation::cumulative::cumulative_ablation;
use rheobase_ablation::effect::TestSet;
use rheobase_ablation::group::{Controls, Group, group_effects};
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
