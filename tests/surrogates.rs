//! Surrogates through the command: a killed generation and a killed training go on to the same bytes; mistakes are told clearly.

use std::path::Path;
use std::time::{Duration, Instant};

use rheobase_tests::{Workplace, stderr};

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

/// A small active cell, two minutes of it, and a surrogate.
const PIPELINE: &str = r#"
[pipeline]
name = "imitate"
question = "Does a killed run go on where it was?"
seed = 3

[data.cell]
kind = "cell"
cable = [{ g_leak_s_per_cm2 = 1e-4, e_leak_mv = -65.0 }]
insert = [{ region = "soma", mechanism = "hodgkin-huxley" }]
morphology = { kind = "star", soma_diameter_um = 20, arms = 3, length_um = 100, diameter_um = 1.0 }

[data.trials]
kind = "neuron-trials"
of = "data.cell"
trials = 80
threshold_mv = 0.0
protocol = { duration_ms = 1500, excitatory_per_100_ms = [0, 30], inhibitory_difference = [-20, 0], hold_ms = [25, 100], smoothing_ms = [10, 40] }
synapses = [
  { region = "dend", each = 2, excites = true, receptors = [{ shape = { kind = "exponential", tau_ms = 3.0 }, g_ns = 2.0, e_mv = 0.0 }] },
  { region = "soma", excites = false, receptors = [{ shape = { kind = "exponential", tau_ms = 8.0 }, g_ns = 1.0, e_mv = -80.0 }] },
]

[model.surrogate]
kind = "surrogate"
of = "data.trials"
architecture = { kind = "convolutional", width = 16, kernels = [20, 10] }
training = { iterations = 3000, report_every = 20, loss = { burn_in = 50 } }
test_trials = 8
"#;

/// Whether a file of this name lies in a folder of scratch; while it is written it has another.
fn in_scratch(place: &Workplace, name: &str) -> bool {
    let files = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    files(&place.path().join("reports/store/scratch"))
        .flat_map(|f| files(&f.path()).collect::<Vec<_>>())
        .any(|f| f.file_name() == name)
}

/// Runs the pipeline until such a file is there, and kills it.
fn kill_at(place: &Workplace, name: &str) {
    let mut child = place.command(&["run", "imitate.toml"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !in_scratch(place, name) && Instant::now() < deadline {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it left {name}");
        std::thread::sleep(Duration::from_millis(5));
    }
    // On Unix `kill` is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(in_scratch(place, name), "no {name} within two minutes");
}

#[test]
fn a_generation_and_a_training_killed_midway_end_in_the_bytes_of_a_whole_run() {
    let (killed, whole) = (workplace(), workplace());
    for place in [&killed, &whole] {
        place.write("imitate.toml", PIPELINE);
    }
    kill_at(&killed, "trials-000001");
    kill_at(&killed, "checkpoint");
    let resumed = killed.run(&["run", "imitate.toml"]);
    assert!(stderr(&resumed).contains("resuming after iteration"), "{}", stderr(&resumed));
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(whole.run(&["run", "imitate.toml", "--jobs", "1"]).status.success());
    assert_eq!(killed.report("imitate/summary.json"), whole.report("imitate/summary.json"));
    assert!(killed.objects() == whole.objects(), "the stores differ");
}

#[test]
fn mistakes_say_what_would_be_right() {
    let place = workplace();
    let told = |text: String| {
        place.write("imitate.toml", &text);
        let output = place.run(&["run", "imitate.toml"]);
        assert!(!output.status.success());
        // Lines are broken to the width of the terminal.
        stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let few = PIPELINE.replace("trials = 80", "trials = 10");
    let text = told(few.replace("threshold_mv = 0.0", "threshold_mv = 90.0"));
    assert!(text.contains("none of the 8 trials to test on holds a spike after its first 500 ms"), "{text}");
    let text = told(PIPELINE.replace("of = \"data.cell\"\n", ""));
    assert!(text.contains("give `of` and `synapses` together, or neither"), "{text}");
    let text = told(PIPELINE.replace("hold_ms = [25, 100]", "hold_ms = [100, 25]"));
    assert!(text.contains("hold_ms is [100, 25]: give the least and the most, from 1 up"), "{text}");
    let text = told(PIPELINE.replace("kernels = [20, 10]", "kernels = [20, 0]"));
    assert!(text.contains("kernels [20, 0]: one for each layer, each at least 1 ms"), "{text}");
}

/// Value of a metric in a summary.
fn metric(place: &Workplace, name: &str) -> f64 {
    let summary: serde_json::Value = serde_json::from_slice(&place.report("imitate/summary.json")).unwrap();
    summary["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("no metric {name}"))
}

#[test]
fn a_surrogate_is_mapped_lesioned_and_drawn_beside_others() {
    let place = workplace();
    let shorter = PIPELINE.replace("iterations = 3000", "iterations = 600");
    let small = shorter[shorter.find("[model").unwrap()..]
        .replace("[model.surrogate]", "[model.small]")
        .replace("kernels = [20, 10]", "kernels = [20]")
        .replace("test_trials = 8", "test_trials = 8\ntrain_trials = 36");
    let analyses = r#"
[analysis.map]
kind = "surrogate-map"
of = "model.surrogate"
on = "data.trials"
test_trials = 8
lags_ms = 30
lesion_neuron = true
covariance = { bin_ms = 20, bins = 2 }

[analysis.depth]
kind = "surrogate-curves"
over = "depth"
lines = { all = ["model.surrogate", "model.small"] }
"#;
    place.write("imitate.toml", &format!("{shorter}\n{small}\n{analyses}"));
    let output = place.run(&["run", "imitate.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    // The maps of neuron and surrogate agree; without excitation there are no spikes, without inhibition more.
    assert!(metric(&place, "analysis.map.map_r") > 0.8);
    let rate = metric(&place, "analysis.map.intact_rate_hz");
    assert!(metric(&place, "analysis.map.excitatory_dend_rate_hz") < 0.5 * rate);
    assert!(metric(&place, "analysis.map.inhibitory_soma_rate_hz") > rate);
    // The neuron itself, lesioned, fires as its surrogate says.
    assert!(metric(&place, "analysis.map.lesion_r") > 0.9);
    assert!(metric(&place, "analysis.depth.all_best") >= metric(&place, "model.small.auc"));
    // A surrogate is not used for another cell, nor trained on trials that are kept for testing.
    let other = shorter
        .replace("arms = 3", "arms = 2")
        .replace("[data.", "[data.other_")
        .replace("data.cell", "data.other_cell");
    let other = &other[other.find("[data").unwrap()..other.find("[model").unwrap()];
    let wrong = analyses.replace("on = \"data.trials\"", "on = \"data.other_trials\"");
    let greedy = small.replace("train_trials = 36", "train_trials = 76");
    place.write("imitate.toml", &format!("{shorter}\n{other}\n{greedy}\n{wrong}"));
    let output = place.run(&["run", "imitate.toml"]);
    let text = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("imitates a neuron with") && text.contains("the data come from one with"), "{text}");
    assert!(text.contains("train_trials is 76, but of 80 trials 8 are kept for testing: at most 72"), "{text}");
}

#[test]
fn instruments_look_into_a_surrogate_and_into_its_neuron() {
    let place = workplace();
    let trained = PIPELINE
        .replace("iterations = 3000", "iterations = 600")
        .replace("threshold_mv = 0.0", "threshold_mv = 0.0\ndendrites = [\"dend\"]");
    let untrained = trained[trained.find("[model").unwrap()..]
        .replace("[model.surrogate]", "[model.untrained]")
        .replace("iterations = 600", "iterations = 0");
    let instruments = r#"
[data.windows]
kind = "spike-windows"
of = "data.trials"
windows = 200
window_ms = 80
spikes = 0.3

[data.digits]
kind = "drawn-digits"
train = 20
test = 20

[compare.dendrites]
kind = "predictivity"
of = ["model.surrogate", "model.untrained"]
layers = ["layer2"]
targets = ["data.trials"]
target_layers = ["dendrites"]
stimuli = "data.windows"

[compare.layers]
kind = "cka"
of = ["model.surrogate", "model.untrained", "data.trials"]
stimuli = "data.windows"

[analysis.named]
kind = "classification"
of = "model.surrogate"
on = "data.windows"

[analysis.lesions]
kind = "ablation"
of = "model.surrogate"
on = "data.windows"
layer = "layer1"
manner = "clamp-to-mean"
controls = 3
points = 3

[analysis.groups]
kind = "lesion-groups"
of = "model.surrogate"
on = "data.windows"
groups = 2
layer = "layer2"
"#;
    place.write("imitate.toml", &format!("{trained}\n{untrained}\n{instruments}"));
    let output = place.run(&["run", "imitate.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    // What the dendrites do follows from what the trained network knows, less from a drawn one.
    let told = metric(&place, "compare.dendrites.surrogate.layer2~trials.dendrites");
    let drawn = metric(&place, "compare.dendrites.untrained.layer2~trials.dendrites");
    assert!(told > 0.6 && told > drawn + 0.05, "{told} {drawn}");
    assert!(metric(&place, "analysis.named.train_accuracy") > 0.8);
    assert!(metric(&place, "analysis.lesions.intact_accuracy") > 0.8);
    // Images are no windows of its inputs, a neuron has no units to lesion, and too many windows are counted.
    let wrong = instruments
        .replace("stimuli = \"data.windows\"\n\n[compare.layers]", "stimuli = \"data.digits\"\n\n[compare.layers]")
        .replace(
            "of = \"model.surrogate\"\non = \"data.windows\"\nlayer = \"layer1\"",
            "of = \"data.trials\"\non = \"data.windows\"",
        )
        .replace("windows = 200", "windows = 20000");
    place.write("imitate.toml", &format!("{trained}\n{untrained}\n{wrong}"));
    let text = stderr(&place.run(&["run", "imitate.toml"])).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("[28, 28]") && text.contains("cut them with `spike-windows`"), "{text}");
    assert!(text.contains("6000 windows with a spike and 14000 without are wanted"), "{text}");
    let wrong = wrong.replace("windows = 20000", "windows = 200");
    place.write("imitate.toml", &format!("{trained}\n{untrained}\n{wrong}"));
    let text = stderr(&place.run(&["run", "imitate.toml"])).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("a neuron has no units to lesion"), "{text}");
}

/// A network of the cells, and the same with surrogates.
const CIRCUIT: &str = r#"
[analysis.circuit]
kind = "spiking-network"
duration_ms = 60000
[analysis.circuit.network]
dt_ms = 0.1
[analysis.circuit.network.populations]
outside = { size = 60, neuron = { kind = "renewal", rate_hz = 30.0 } }
cells = { size = 64, neuron = { kind = "relay" } }
[analysis.circuit.cells.cells]
of = "data.trials"
inputs = [
  { from = "outside", synapses = "excitatory", share = 0.7, delay_ms = { kind = "constant", value = 1.5 } },
  { from = "cells", synapses = "excitatory", at = "dend", delay_ms = { kind = "constant", value = 2.0 } },
  { from = "outside", synapses = "inhibitory", delay_ms = { kind = "constant", value = 1.0 } },
]
"#;

#[test]
fn cells_in_a_network_go_on_after_a_kill_and_give_way_to_surrogates() {
    let (killed, whole) = (workplace(), workplace());
    let quick = PIPELINE.replace("trials = 80", "trials = 24").replace("iterations = 3000", "iterations = 100");
    for place in [&killed, &whole] {
        place.write("imitate.toml", &format!("{quick}{CIRCUIT}"));
    }
    kill_at(&killed, "network");
    let resumed = killed.run(&["run", "imitate.toml"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(whole.run(&["run", "imitate.toml", "--jobs", "1"]).status.success());
    assert!(killed.objects() == whole.objects(), "the stores differ");
    assert!(metric(&whole, "analysis.circuit.cells_rate_hz") > 0.5);
    // Of six synapses of excitation four hear the outside at 30 Hz, as the one of inhibition does, and two the cells.
    let input = metric(&whole, "analysis.circuit.cells_input_per_ms");
    let expected = 1e-3 * (5.0 * 30.0 + 2.0 * metric(&whole, "analysis.circuit.cells_rate_hz"));
    assert!((input - expected).abs() < 0.03 * expected, "{input} {expected}");
    whole.write(
        "imitate.toml",
        &format!("{quick}{}", CIRCUIT.replace("of = \"data.trials\"", "of = \"model.surrogate\"")),
    );
    let replaced = whole.run(&["run", "imitate.toml"]);
    assert!(replaced.status.success(), "{}", stderr(&replaced));
    let told = |text: String| {
        whole.write("imitate.toml", &text);
        let output = whole.run(&["check", "imitate.toml"]);
        assert_eq!(output.status.code(), Some(2));
        stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let text = told(format!("{quick}{}", CIRCUIT.replace("value = 1.5", "value = 0.5")));
    assert!(text.contains("at least 1 ms, since copies go on"), "{text}");
    let text = told(format!("{quick}{}", CIRCUIT.replace("cells.cells]", "cells.outside]")));
    assert!(text.contains("population outside has neurons of its own") && text.contains("nothing computes the relays"));
    let text = told(format!("{quick}{}", CIRCUIT.replace("dt_ms = 0.1", "dt_ms = 0.3")));
    assert!(text.contains("take one that divides 1 ms"), "{text}");
}

#[test]
fn complexity_is_measured_from_several_starts_and_goes_on_after_a_kill() {
    let (killed, whole) = (workplace(), workplace());
    let data = &PIPELINE[..PIPELINE.find("[model").unwrap()];
    let index = r#"
[analysis.complexity]
kind = "complexity-index"
neurons = { star = "data.trials" }
architecture = { kind = "leaky-memory", memories = 3 }
training = { iterations = 400, rate = 5e-3, loss = { burn_in = 50 } }
test_trials = 8
repetitions = 3
"#;
    for place in [&killed, &whole] {
        place.write("imitate.toml", &format!("{data}{index}"));
    }
    kill_at(&killed, "star-0-area");
    let resumed = killed.run(&["run", "imitate.toml"]);
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(!stderr(&resumed).contains("star, 1 of 3"), "{}", stderr(&resumed));
    assert!(whole.run(&["run", "imitate.toml", "--jobs", "1"]).status.success());
    assert!(killed.objects() == whole.objects(), "the stores differ");
    // The mean of three indices lies near that of the mean area; the area itself is far above chance.
    let area = metric(&whole, "analysis.complexity.star_auc");
    assert!(area > 0.8, "{area}");
    let expected = (1000.0 * (1.0 - area)).log10() / 2.0;
    assert!((metric(&whole, "analysis.complexity.star_index") - expected).abs() < 0.02);
    // Branches are checked against the neuron's inputs when it runs, numbers of the network before.
    let wrong = index.replace("memories = 3", "memories = 0");
    whole.write("imitate.toml", &format!("{data}{wrong}"));
    assert_eq!(whole.run(&["check", "imitate.toml"]).status.code(), Some(2));
    let branched = index.replace("memories = 3", "memories = 3, branches = { count = 3, synapses = 4 }");
    whole.write("imitate.toml", &format!("{data}{branched}"));
    assert_eq!(whole.run(&["check", "imitate.toml"]).status.code(), Some(0));
    // A neuron that was watched for longer is not compared.
    let other = data[data.find("[data.trials]").unwrap()..]
        .replace("[data.trials]", "[data.longer]")
        .replace("trials = 80", "trials = 88");
    let both = index.replace("{ star = \"data.trials\" }", "{ star = \"data.trials\", long = \"data.longer\" }");
    whole.write("imitate.toml", &format!("{data}{other}{both}"));
    let output = whole.run(&["run", "imitate.toml"]);
    let text = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success() && text.contains("give all neurons as many trials"), "{text}");
}

#[test]
fn published_weights_are_judged_and_misfits_refused() {
    let place = workplace();
    let data = &PIPELINE[..PIPELINE.find("[model").unwrap()];
    let trained = r#"
[model.surrogate]
kind = "surrogate"
of = "data.trials"
architecture = { kind = "leaky-memory", memories = 3 }
training = { iterations = 200, rate = 5e-3, loss = { burn_in = 50 } }
test_trials = 8
"#;
    place.write("imitate.toml", &format!("{data}{trained}"));
    let output = place.run(&["run", "imitate.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let area = metric(&place, "model.surrogate.auc");
    // The weights that this run kept, brought back from a file.
    let kept = place.objects().into_iter().find(|(path, _)| path.ends_with("weights.safetensors"));
    let weights = kept.expect("weights in the store").1;
    std::fs::write(place.path().join("weights.safetensors"), weights).unwrap();
    let imported = trained
        .replace("model.surrogate", "model.imported")
        .replace("\"surrogate\"", "\"imported-surrogate\"\nweights = \"weights.safetensors\"")
        .replace("training = { iterations = 200, rate = 5e-3, loss = { burn_in = 50 } }\n", "");
    place.write("imitate.toml", &format!("{data}{imported}"));
    let output = place.run(&["run", "imitate.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(metric(&place, "model.imported.auc"), area);
    place.write("imitate.toml", &format!("{data}{}", imported.replace("memories = 3", "memories = 4")));
    let output = place.run(&["run", "imitate.toml"]);
    let text = stderr(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success() && text.contains("this architecture needs"), "{text}");
    place.write("imitate.toml", &format!("{data}{}", imported.replace("weights.safetensors", "weights.h5")));
    let output = place.run(&["check", "imitate.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(".safetensors, .pt or .pth"), "{}", stderr(&output));
}

#[test]
fn spoken_digits_are_told_apart() {
    let place = workplace();
    let text = r#"
[pipeline]
name = "imitate"
question = "Are they told apart?"
seed = 3

[data.spoken]
kind = "spoken-digits"
train = 300
test = 60
spoken = { classes = 3, channels = 30, duration_ms = 150, width_channels = 2, shift_channels = 1, onset_ms = 20, peak_hz = 100 }

[model.memories]
kind = "spike-classifier"
of = "data.spoken"
architecture = { kind = "leaky-memory", memories = 5 }
training = { iterations = 400, batch = 16 }
"#;
    place.write("imitate.toml", text);
    let output = place.run(&["run", "imitate.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(metric(&place, "model.memories.test_accuracy") > 0.8);
    place.write("imitate.toml", &text.replace("onset_ms = 20", "onset_ms = 90"));
    let output = place.run(&["check", "imitate.toml"]);
    assert!(stderr(&output).contains("from 0 to half of the duration"), "{}", stderr(&output));
}
