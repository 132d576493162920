//! Instruments for recordings and responses through the command: what they find in data whose truth is known, and what they say of data
//! that cannot answer.

use rheobase_tests::{Workplace, stderr};
use serde_json::Value;

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

const DATA: &str = r#"
[pipeline]
name = "small"
question = "?"
seed = 3

[data.noise]
kind = "simulated-receptive-fields"
frames = 6000

[data.sounds]
kind = "simulated-modulation"
frequencies_hz = [4, 16, 64]
gains = [0.5, 1.5]
repeats = 4
neurons = 4

[data.probe]
kind = "simulated-features"
units = 20
events = 200

[data.trials]
kind = "simulated-trials"
stimuli = 4
repeats = 20
"#;

fn with(node: &str) -> (Option<i32>, String) {
    let place = workplace();
    place.write("small.toml", &format!("{DATA}\n{node}\n"));
    let output = place.run(&["run", "small.toml", "--progress", "never"]);
    // Lines are broken for the terminal.
    (output.status.code(), stderr(&output).split_whitespace().filter(|w| *w != "│").collect::<Vec<_>>().join(" "))
}

#[test]
fn what_a_recording_cannot_answer_is_told_with_what_it_has() {
    for (node, part) in [
        (
            "[analysis.a]\nkind = \"reverse-correlation\"\nof = \"data.noise\"\nsignal = \"movie\"",
            "no signal `movie`; it has: noise",
        ),
        (
            "[analysis.a]\nkind = \"reverse-correlation\"\nof = \"data.noise\"\nsignal = \"noise\"\nunits = [9]",
            "no unit 9; the recording has 3",
        ),
        (
            "[analysis.a]\nkind = \"modulation-transfer\"\nof = \"data.trials\"\nfrequency = \"start_time\"\nwindow_s = [0, 0.2]",
            "modulation frequencies are 2 or more, above 0",
        ),
        (
            "[analysis.a]\nkind = \"gain-modulation\"\nof = \"data.trials\"\nby = \"stimulus\"\ngain = \"stimulus\"\nwindow_s = [0, 0.2]",
            "needs every pair",
        ),
        (
            "[analysis.a]\nkind = \"feature-encoding\"\nof = \"data.probe\"\nfeatures = [\"loudness\"]\nwindow_s = [0, 0.2]",
            "loudness",
        ),
        (
            "[analysis.a]\nkind = \"trial-dynamics\"\nof = \"data.trials\"\nby = \"stimulus\"\nwindow_s = [0, 0.2]\nleast_rate_hz = 1000",
            "0 units fire at 1000 Hz or more",
        ),
        (
            "[compare.a]\nkind = \"representation-over-time\"\nof = \"data.trials\"\nby = \"stimulus\"\nwindow_s = [0, 0.2]\nmodels = [{ name = \"late\", column = \"start_time\" }]",
            "a condition has one value",
        ),
    ] {
        let (code, text) = with(node);
        assert_eq!(code, Some(1), "{node}\n{text}");
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    for (node, part) in [
        (
            "[analysis.a]\nkind = \"reverse-correlation\"\nof = \"data.noise\"\nsignal = \"noise\"\nshifts = 5",
            "0 for none, or at least 19",
        ),
        ("[data.more]\nkind = \"simulated-modulation\"\nfrequencies_hz = [8, 4]", "rising"),
        ("[data.more]\nkind = \"simulated-features\"\ncorrelation = 1.0", "0 to below 1"),
        ("[data.more]\nkind = \"simulated-receptive-fields\"\nlags = 1", "it must be at least 2"),
        ("[data.more]\nkind = \"simulated-receptive-fields\"\ncorrelation = 1.0", "0.95"),
        (
            "[analysis.a]\nkind = \"trial-dynamics\"\nof = \"data.trials\"\nby = \"stimulus\"\nwindow_s = [0, 0.2]\ncomponents = 3",
            "an even number",
        ),
        (
            "[analysis.a]\nkind = \"feature-encoding\"\nof = \"data.probe\"\nfeatures = [\"feature_0\", \"feature_0\"]\nwindow_s = [0, 0.2]",
            "named twice",
        ),
        (
            "[model.m]\nkind = \"recurrent\"\ntask = { kind = \"flip-flop\" }\n[analysis.a]\nkind = \"fixed-point-branches\"\nof = \"model.m\"\nfrom = [0]\nto = [1, 0]",
            "`from` has 1 values and `to` 2",
        ),
    ] {
        let (code, text) = with(node);
        assert_eq!(code, Some(2), "{node}\n{text}");
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

/// Presentations of 12 stimuli, three times each, to neurons that see two hidden features of them; `turn` mixes the features.
fn responses(turn: f64, neurons: usize, noise: f64) -> String {
    let mut text = String::from("stimulus_id,day");
    (0..neurons).for_each(|n| text += &format!(",n{n}"));
    let mut k = 0.0_f64;
    for repeat in 0..3 {
        for stimulus in 0..12 {
            text += &format!("\nimage{stimulus:02},{repeat}");
            for n in 0..neurons {
                let (x, y) = ((f64::from(stimulus) * 1.3).sin(), (f64::from(stimulus) * 2.9).cos());
                let angle = n as f64 + turn;
                k += 1.0;
                text += &format!(",{:.6}", x * angle.cos() + y * angle.sin() + noise * (k * 7.77).sin());
            }
        }
    }
    text + "\n"
}

const RESPONSES: &str = r#"
[pipeline]
name = "areas"
question = "Do two populations represent the same?"
seed = 1

[data.first]
kind = "responses"
path = "first.csv"
about = ["day"]

[data.second]
kind = "responses"
path = "second.csv"
about = ["day"]

[compare.both]
kind = "response-similarity"
of = ["data.first", "data.second"]
"#;

#[test]
fn recorded_populations_are_compared_beside_their_own_halves() {
    let place = workplace();
    place.write("first.csv", &responses(0.0, 6, 0.2));
    place.write("second.csv", &responses(0.5, 9, 0.2));
    place.write("areas.toml", RESPONSES);
    let output = place.run(&["run", "areas.toml", "--progress", "never"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let summary: Value = serde_json::from_slice(&place.report("areas/summary.json")).unwrap();
    let value = |name: &str| summary["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("no metric {name}"));
    assert_eq!((value("data.first.stimuli"), value("data.first.neurons")), (12.0, 6.0));
    assert!(value("data.first.reliability") > 0.7);
    let alike = value("compare.both.first~second");
    assert!(alike > 0.7 && value("compare.both.halves.first") > 0.6, "{alike}");
    // Stimuli of another set have nothing in common with these.
    place.write("second.csv", &responses(0.5, 9, 0.2).replace("image", "sound"));
    let output = place.run(&["run", "areas.toml", "--progress", "never"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("0 stimuli were shown to all"), "{}", stderr(&output));
    // A column of text is no neuron.
    place.write("second.csv", "stimulus_id,day,n0\na,0,1\nb,0,x\nc,0,2\n");
    let output = place.run(&["run", "areas.toml", "--progress", "never"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("name it in `about`"), "{}", stderr(&output));
}
