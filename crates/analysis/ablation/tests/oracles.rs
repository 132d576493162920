//! Networks whose lesion effects are known exactly.

use ndarray::{Array2, array};
use rheobase_ablation::cumulative::cumulative_ablation;
use rheobase_ablation::effect::{TestSet, lesioned};
use rheobase_ablation::single::single_unit_effects;
use rheobase_core::{
    Activity, LayerInfo, Lesion, LesionManner, LesionTarget, Probe, Result, Seed, Silent, Stimulus, require_layer,
};

/// y = W h with h = the stimulus itself.
struct Linear {
    w: Array2<f64>,
}

impl Probe for Linear {
    fn stimulus_shape(&self) -> Vec<usize> {
        vec![self.w.ncols()]
    }
    fn layers(&self) -> Vec<LayerInfo> {
        vec![
            LayerInfo { name: "hidden".into(), units: self.w.ncols() },
            LayerInfo { name: "output".into(), units: self.w.nrows() },
        ]
    }
    fn record(&self, stimulus: &Stimulus, layer: &str) -> Result<Activity> {
        require_layer(self, layer)?;
        Activity::from_static(if layer == "hidden" {
            stimulus.frames().clone()
        } else {
            stimulus.frames().dot(&self.w.t())
        })
    }
}

impl Lesion for Linear {
    fn output_with_lesion(
        &self,
        stimulus: &Stimulus,
        target: &LesionTarget,
        manner: LesionManner,
        _seed: &Seed,
    ) -> Result<Activity> {
        require_layer(self, &target.layer)?;
        let mut hidden = stimulus.frames().clone();
        for &unit in &target.units {
            let mean = hidden.column(unit).mean().unwrap();
            hidden.column_mut(unit).fill(if manner == LesionManner::ClampToMean { mean } else { 0.0 });
        }
        Activity::from_static(hidden.dot(&self.w.t()))
    }
}

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
