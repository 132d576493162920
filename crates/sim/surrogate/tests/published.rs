//! Weights of other programs: files that PyTorch 2.15 wrote, with what it computed from them.

use std::path::{Path, PathBuf};

use rheobase_surrogate::network::{Activation, BranchLayout, Branches, Elm, Network, Tcn, Uptake};
use rheobase_surrogate::published::{Convention, pytorch, weights};
use rheobase_surrogate::spikes::{InputSpikes, SpikeBatch};
use serde::Deserialize;

/// What PyTorch computed of the spikes of one trial, (steps, heads).
#[derive(Deserialize)]
struct Computed {
    inputs: usize,
    steps: usize,
    events: Vec<(u32, u32)>,
    elm: Vec<[f64; 2]>,
    convolutions: Vec<[f64; 2]>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn computed() -> Computed {
    serde_json::from_slice(&std::fs::read(fixture("weights.json")).unwrap()).unwrap()
}

fn elm() -> Elm {
    Elm {
        inputs: 8,
        signs: vec![1, 1, 1, 1, -1, -1, -1, -1],
        memories: 4,
        hidden: 8,
        branches: Some(Branches { count: 3, synapses: 4, layout: BranchLayout::Interlaced }),
        tau_synapse_ms: 5.0,
        tau_memory_ms: (1.0, 150.0),
        lambda: 5.0,
        uptake: Uptake::Bounded,
        heads: 2,
    }
}

fn tcn() -> Tcn {
    Tcn { inputs: 8, width: 5, kernels: vec![6, 3], activation: Activation::LeakyRelu, heads: 2 }
}

fn layers() -> Convention {
    Convention::Layers { names: ["first", "second", "heads"].map(String::from).to_vec() }
}

#[test]
fn imported_networks_say_what_they_said_in_pytorch() {
    let computed = computed();
    let trial = InputSpikes::new(computed.inputs, computed.steps, computed.events.clone()).unwrap();
    let batch = SpikeBatch::new(&[trial]).unwrap();
    let cases = [
        (Network::Elm(elm()), "elm.pt", Convention::ElmNeuron, &computed.elm),
        (Network::Tcn(tcn()), "convolutions.pt", layers(), &computed.convolutions),
    ];
    for (network, file, convention, expected) in cases {
        let found = weights(&network, &pytorch::read(&fixture(file)).unwrap(), &convention).unwrap();
        let wide: Vec<Vec<f64>> = found.iter().map(|w| w.iter().map(|v| f64::from(*v)).collect()).collect();
        let outputs = network.forward(&wide, &batch, 1).0;
        // Files hold single precision.
        for (found, expected) in outputs.chunks_exact(2).zip(expected) {
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() < 2e-6, "{file}: {a} {b}");
            }
        }
        assert!(expected.iter().any(|y| (y[0] - expected[0][0]).abs() > 0.01));
    }
}

#[test]
fn what_does_not_fit_is_named_with_both_shapes() {
    let arrays = pytorch::read(&fixture("elm.pt")).unwrap();
    let told =
        |network: Network, convention: &Convention| weights(&network, &arrays, convention).unwrap_err().to_string();
    let wider = told(Network::Elm(Elm { hidden: 9, ..elm() }), &Convention::ElmNeuron);
    assert!(wider.contains("[8, 7]") && wider.contains("[9, 7]"), "{wider}");
    let slower = told(Network::Elm(Elm { tau_memory_ms: (1.0, 300.0), ..elm() }), &Convention::ElmNeuron);
    assert!(slower.contains("memory") && slower.contains("tau_memory_ms"), "{slower}");
    let traces = told(Network::Elm(Elm { tau_synapse_ms: 9.0, ..elm() }), &Convention::ElmNeuron);
    assert!(traces.contains("tau_synapse_ms, now 9"), "{traces}");
    let own = told(Network::Elm(elm()), &Convention::Own);
    assert!(own.contains("no weights `synapse.weight`; it has _proto_tau_m"), "{own}");
    assert!(told(Network::Tcn(tcn()), &Convention::ElmNeuron).contains("leaky-memory"));
    assert!(told(Network::Elm(elm()), &layers()).contains("convolutional"));
    let few = Convention::Layers { names: vec!["first".into()] };
    assert!(told(Network::Tcn(tcn()), &few).contains("1 names for 2 layers"));
    let even = Elm { inputs: 7, signs: vec![], ..elm() };
    assert!(even.check().unwrap_err().to_string().contains("even number of inputs"));
}

#[test]
fn a_cut_or_foreign_file_is_refused_at_every_length() {
    let bytes = std::fs::read(fixture("convolutions.pt")).unwrap();
    let folder = std::env::temp_dir().join(format!("rheobase-published-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("cut.pt");
    for length in (0..bytes.len()).step_by(37) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        if let Ok(arrays) = pytorch::read(&path) {
            assert!(weights(&Network::Tcn(tcn()), &arrays, &layers()).is_err(), "{length} bytes");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
