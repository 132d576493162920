//! A surrogate that says dendritic voltages, too.

use rand::RngExt;
use rheobase_core::{Seed, Silent};
use rheobase_rate::training::NoCheckpoints;
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::data::{Dataset, Response, Trial};
use rheobase_surrogate::network::{Activation, Network, Tcn};
use rheobase_surrogate::spikes::InputSpikes;
use rheobase_surrogate::training::{Surroundings, Training};

const STEPS: usize = 1200;

/// Two dendrites that each low-pass one input (10 ms), and a soma that spikes when both are high.
fn neuron() -> Dataset {
    let trial = |k: usize| {
        let mut stream = Seed::root(5).index(k).stream();
        let (mut x, mut events, mut response) = ([0.0_f64; 2], vec![], Response::default());
        for step in 0..STEPS {
            for (input, x) in x.iter_mut().enumerate() {
                *x *= (-0.1_f64).exp();
                if stream.random::<f64>() < 0.08 {
                    *x += 1.0;
                    events.push((step as u32, input as u32));
                }
            }
            let soma = -70.0 + 3.0 * (x[0] + x[1]);
            if x[0] + x[1] > 3.2 {
                response.spikes.push(step as u32);
            }
            response.voltage_mv.push(soma as f32);
            response.dendrites_mv.extend([(-65.0 + 9.0 * x[0]) as f32, (-68.0 + 5.0 * x[1]) as f32]);
        }
        Trial { input: InputSpikes::new(2, STEPS, events).unwrap(), response }
    };
    let names = |what: &str| (0..2).map(|k| format!("{what} {k}")).collect();
    Dataset { input_names: names("input"), dendrite_names: names("dendrite"), trials: (0..14).map(trial).collect() }
}

fn train(data: &Dataset, dendritic_components: usize) -> Surrogate {
    let training: Training = serde_json::from_value(serde_json::json!({
        "iterations": 500, "rate": 0.01, "window_ms": 300, "dendritic_components": dendritic_components,
        "loss": { "voltage_weight": 0.1, "dendrite_weight": 0.5, "burn_in": 60 }
    }))
    .unwrap();
    let tcn = Tcn { inputs: 2, width: 4, kernels: vec![60], activation: Activation::Linear, heads: 2 };
    let surroundings = Surroundings {
        seed: Seed::root(2),
        threads: 1,
        device: None,
        progress: &Silent,
        checkpoints: &mut NoCheckpoints,
    };
    training.run(Network::Tcn(tcn), data, 10, surroundings).unwrap().0
}

#[test]
fn dendritic_voltages_are_learnt_beside_the_soma() {
    let data = neuron();
    let both = train(&data, 2);
    let evaluation = both.evaluate(&data, 10..14, 1).unwrap();
    let fit = evaluation.dendrites.unwrap();
    // Both filters are within reach of the network: what is missed is what training leaves.
    assert!(fit.explained > 0.9 && fit.places.iter().all(|p| *p > 0.8), "{fit:?}");
    assert!(fit.ceiling > 1.0 - 1e-6 && evaluation.spikes.auc > 0.95);
    // One component is the stronger dendrite; the other stays dark.
    let one = train(&data, 1).evaluate(&data, 10..14, 1).unwrap().dendrites.unwrap();
    assert!(one.places[0] > 0.8 && one.places[1] < 0.3 && one.explained < one.ceiling, "{one:?}");
    assert_eq!(train(&data, 0).evaluate(&data, 10..14, 1).unwrap().dendrites, None);
    let other = Dataset { dendrite_names: vec!["elsewhere".into()], ..data };
    assert!(both.evaluate(&other, 10..14, 1).unwrap_err().to_string().contains("2 dendritic places"));
}
