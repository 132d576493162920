//! Under the null, p-values are uniform.

use rand::RngExt;
use rheobase_core::inference::kolmogorov_smirnov;
use serde_json::json;

use super::*;

#[test]
fn dissimilarities_that_know_nothing_of_a_model_have_uniform_p_values() {
    const CONDITIONS: usize = 7;
    let p = json!({"of": "r", "by": "c", "window_s": [0, 1], "bins": 3, "permutations": 19});
    let p: RepresentationParameters = serde_json::from_value(p).unwrap();
    let random = |seed: &Seed| {
        let mut stream = seed.stream();
        let values = (0..CONDITIONS * (CONDITIONS - 1) / 2).map(|_| stream.random_range(0.0..1.0)).collect();
        Rdm::from_condensed(CONDITIONS, values).unwrap()
    };
    let judged = vec![("model".to_owned(), vec![random(&Seed::root(2)); p.bins])];
    let ps: Vec<f64> = (0..1000)
        .map(|set| {
            let seed = Seed::root(1).index(set);
            let rdms = |name: &str| (0..p.bins).map(|bin| random(&seed.child(name).index(bin))).collect();
            let own = Patterns {
                names: (0..CONDITIONS).map(|c| c.to_string()).collect(),
                trials: 28,
                whole: rdms("whole"),
                halves: [rdms("first"), rdms("second")],
            };
            let across = Array2::zeros((p.bins, p.bins));
            let mut outcome = Outcome::default();
            own.against(&p, &judged, &across, &seed.child("permutations"), &mut outcome).unwrap();
            outcome.metrics["model_p"].value - seed.child("step").stream().random_range(0.0..1.0 / 20.0)
        })
        .collect();
    let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
    assert!(test.p > 0.01, "distance {} to uniform, p {}", test.statistic, test.p);
}
