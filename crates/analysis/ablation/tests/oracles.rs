//! Networks whose lesion effects are known exactly.

use ndarray::{Array2, array};
use rheobase_ablation::cumulative::cumulative_ablation;
use rheobase_ablation::effect::{TestSet, lesioned};
use rheobase_ablation::group::{Controls, Group, group_effects, layer_effects};
use rheobase_ablation::interaction::{pair_interaction, shapley_values};
use rheobase_ablation::single::single_unit_effects;
use rheobase_core::{LesionManner, Seed, Silent, Stimulus};

mod linear;
use linear::Linear;

/// Two classes, each signalled by two redundant units; unit 4 is constant and has no weight on the difference.
fn redundant() -> (Linear, Stimulus, Vec<usize>) {
    let w = array![[1.0, 1.0, 0.0, 0.0, 0.3], [0.0, 0.0, 1.0, 1.0, 0.3]];
    let frames = array![
        [1.0, 1.0, 0.0, 0.0, 2.0],
        [0.0, 0.0, 1.0, 1.0, 2.0],
        [1.0, 1.0, 0.0, 0.0, 2.0],
        [0.0, 0.0, 1.0, 1.0, 2.0]
    ];
    (Linear { w }, Stimulus::new(frames, vec![5], 1.0).unwrap(), vec![0, 1, 0, 1])
}

#[test]
fn redundant_units_are_dispensable_alone_and_vital_together() {
    let (probe, stimulus, labels) = redundant();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let (intact, effects) =
        single_unit_effects(&probe, test, "hidden", LesionManner::Silence, &Seed::root(1), &Silent).unwrap();
    assert_eq!(intact.accuracy, 1.0);
    assert!(effects.iter().all(|e| e.accuracy_change == 0.0));
    assert!(effects[0].loss_change_nats > 0.0);
    let pair = lesioned(&probe, test, "hidden", vec![2, 3], LesionManner::Silence, &Seed::root(1)).unwrap();
    assert_eq!(pair.class_accuracy, [1.0, 0.0]);
}

#[test]
fn clamping_a_constant_unit_to_its_mean_changes_exactly_nothing() {
    let (probe, stimulus, labels) = redundant();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let (_, effects) =
        single_unit_effects(&probe, test, "hidden", LesionManner::ClampToMean, &Seed::root(1), &Silent).unwrap();
    assert_eq!((effects[4].accuracy_change, effects[4].loss_change_nats), (0.0, 0.0));
}

#[test]
fn removing_every_unit_leaves_the_share_of_the_first_class() {
    let (probe, stimulus, labels) = redundant();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let curve = cumulative_ablation(
        &probe,
        test,
        "hidden",
        &[0, 1, 2, 3, 4],
        5,
        19,
        LesionManner::Silence,
        &Seed::root(1),
        &Silent,
    )
    .unwrap();
    assert_eq!(curve.targeted.removed, [0, 1, 2, 3, 4, 5]);
    // Both outputs are 0 with everything silent, and the first class wins ties: half of the stimuli.
    assert_eq!(curve.targeted.accuracy.last(), Some(&0.5));
    assert_eq!(curve.control_areas.len(), 19);
    assert!(curve.p_hurts_more > 0.0 && curve.p_hurts_more <= 1.0);
    assert_eq!(curve.control_mean[0], 1.0);
}

#[test]
fn an_incomplete_order_is_refused() {
    let (probe, stimulus, labels) = redundant();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let run = |order: &[usize]| {
        cumulative_ablation(&probe, test, "hidden", order, 5, 1, LesionManner::Silence, &Seed::root(1), &Silent)
    };
    assert!(run(&[0, 1, 2, 3]).is_err());
    assert!(run(&[0, 1, 2, 3, 3]).is_err());
}

fn groups(of: &[&[usize]]) -> Vec<Group> {
    of.iter().enumerate().map(|(i, units)| Group { name: format!("g{i}"), units: units.to_vec() }).collect()
}

#[test]
fn redundancy_shows_in_pairs_and_an_additive_network_has_none() {
    let (probe, stimulus, labels) = redundant();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let seed = Seed::root(1);
    let pair = |a: &[usize], b: &[usize]| {
        pair_interaction(&probe, test, "hidden", (a, b), LesionManner::Silence, &seed).unwrap()
    };
    // The softmax saturates: losing the second of two equal units costs more than the first.
    assert!(pair(&[0], &[1]) > 0.01);
    // The constant unit feeds both outputs alike: it interacts with nothing.
    assert!(pair(&[0], &[4]).abs() < 1e-12);
}

#[test]
fn shapley_values_are_shared_fairly_and_sum_to_the_whole() {
    let (probe, stimulus, labels) = redundant();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let players = groups(&[&[0], &[1], &[2], &[3], &[4]]);
    let found =
        shapley_values(&probe, test, ("hidden", &players), LesionManner::Silence, 60, &Seed::root(2), &Silent).unwrap();
    let sum: f64 = found.values_nats.iter().sum();
    assert!((sum - found.total_nats).abs() < 1e-12);
    // Equal units have equal values (up to sampling), the constant one none.
    assert!(found.values_nats[4].abs() < 1e-12);
    for unit in 1..4 {
        assert!((found.values_nats[unit] / found.values_nats[0] - 1.0).abs() < 0.25, "{:?}", found.values_nats);
    }
    // Alone, each of two redundant units seems to matter less than its share.
    let (_, single) =
        single_unit_effects(&probe, test, "hidden", LesionManner::Silence, &Seed::root(2), &Silent).unwrap();
    assert!(single[0].loss_change_nats < found.values_nats[0]);
    assert!(shapley_values(&probe, test, ("hidden", &[]), LesionManner::Silence, 3, &Seed::root(2), &Silent).is_err());
}

/// Twelve units of which the first three carry the class; the others only noise.
fn partly_useful() -> (Linear, Stimulus, Vec<usize>) {
    use rand::RngExt;
    let mut stream = Seed::root(7).stream();
    let labels: Vec<usize> = (0..80).map(|i| i % 2).collect();
    let frames = Array2::from_shape_fn((80, 12), |(i, j)| {
        let noise: f64 = stream.random_range(-0.5..0.5);
        noise + if j < 3 { 2.0 * labels[i] as f64 - 1.0 } else { 0.0 }
    });
    let w = Array2::from_shape_fn((2, 12), |(k, _)| if k == 0 { -0.5 } else { 0.5 });
    (Linear { w }, Stimulus::new(frames, vec![12], 1.0).unwrap(), labels)
}

#[test]
fn a_group_is_judged_against_groups_of_its_size() {
    let (probe, stimulus, labels) = partly_useful();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let all = groups(&[&[0, 1, 2], &[5, 6, 7]]);
    let controls = Controls { draws: 99, matched_on: None, neighbours: 5 };
    let run = |controls| {
        group_effects(&probe, test, ("hidden", &all), LesionManner::Silence, controls, &Seed::root(3), &Silent)
            .unwrap()
            .1
    };
    let effects = run(controls);
    assert!(
        effects[0].loss_change_nats > 0.3 && effects[0].z > 2.0 && effects[0].p_hurts_more <= 0.05,
        "{:?}",
        effects[0].z
    );
    assert!(effects[1].p_hurts_more > 0.3 && effects[1].q_hurts_more >= effects[1].p_hurts_more);
    assert_eq!(effects[0].control_loss_nats.len(), 99);
    // Matched on what makes them useful, random groups hurt as much: the effect is explained by the score.
    let useful: Vec<f64> = (0..12).map(|u| if u < 3 { 1.0 } else { 0.0 }).collect();
    let matched = run(Controls { matched_on: Some(&useful), neighbours: 1, ..controls });
    assert!(matched[0].p_hurts_more > 0.9, "{}", matched[0].p_hurts_more);
    // The same seed, the same bytes.
    assert_eq!(run(controls), effects);
    let layers = layer_effects(&probe, test, LesionManner::Silence, &Seed::root(3), &Silent).unwrap();
    assert_eq!(layers.len(), 1);
    assert!((layers[0].1 + 0.5).abs() < 1e-12, "half of the stimuli remain right: {layers:?}");
}

#[test]
fn group_p_values_are_uniform_for_groups_drawn_at_random() {
    use rand::seq::SliceRandom;
    let (probe, stimulus, labels) = partly_useful();
    let test = TestSet { stimulus: &stimulus, labels: &labels };
    let random: Vec<Group> = (0..300)
        .map(|g| {
            let mut units: Vec<usize> = (0..12).collect();
            units.shuffle(&mut Seed::root(40).index(g).stream());
            units.truncate(3);
            Group { name: g.to_string(), units }
        })
        .collect();
    let controls = Controls { draws: 59, matched_on: None, neighbours: 5 };
    let (_, effects) =
        group_effects(&probe, test, ("hidden", &random), LesionManner::Silence, controls, &Seed::root(5), &Silent)
            .unwrap();
    // 220 different groups: equal ones tie, so p is at or above uniform, never below.
    for level in [0.05, 0.1, 0.25, 0.5] {
        let below = effects.iter().filter(|e| e.p_hurts_more <= level).count() as f64 / 300.0;
        assert!(below < level + 3.0 * (level * (1.0 - level) / 300.0_f64).sqrt(), "{below} at {level}");
    }
}
