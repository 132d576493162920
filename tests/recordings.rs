//! Recordings through the command: mistakes in what is asked of them are told with what would be right, and reports tell what was found.

use rheobase_tests::{Workplace, stderr};
use serde_json::Value;

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

/// A minute of an animal and some trials.
const DATA: &str = r#"
[pipeline]
name = "session"
question = "?"
seed = 5

[data.floor]
kind = "simulated-session"
duration_s = 60.0
cells = { place = 1, grid = 0, head_direction = 1, border = 0 }

[data.trials]
kind = "simulated-trials"
stimuli = 4
repeats = 20
rate_neurons = 2
timing_neurons = 2
"#;

/// Runs the data with one more node and gives its exit code and messages.
fn with(node: &str) -> (Option<i32>, String) {
    let place = workplace();
    place.write("session.toml", &format!("{DATA}\n{node}\n"));
    let output = place.run(&["run", "session.toml", "--progress", "never"]);
    (output.status.code(), stderr(&output))
}

#[test]
fn what_a_recording_cannot_answer_is_told_with_what_it_has() {
    for (node, parts) in [
        (
            "[analysis.a]\nkind = \"head-direction\"\nof = \"data.floor\"\nsignal = \"heading\"",
            ["no signal `heading`", "head_direction, position, theta"],
        ),
        (
            "[analysis.a]\nkind = \"head-direction\"\nof = \"data.floor\"\nsignal = \"position\"",
            ["2 values at a time", "a direction is one, in rad"],
        ),
        (
            "[analysis.a]\nkind = \"phase-precession\"\nof = \"data.floor\"\nunit = 7",
            ["there is no unit 7", "the recording has 2"],
        ),
        (
            "[analysis.a]\nkind = \"phase-precession\"\nof = \"data.floor\"\nfield = [0, 10]",
            ["`field` is for positions along a track", "two values at a time"],
        ),
        (
            "[analysis.a]\nkind = \"trial-information\"\nof = \"data.floor\"\nby = \"stimulus\"\nwindow_s = [0, 0.2]",
            ["no trials", "no events"],
        ),
        (
            "[analysis.a]\nkind = \"trial-information\"\nof = \"data.trials\"\nby = \"colour\"\nwindow_s = [0, 0.2]",
            ["colour", "stimulus"],
        ),
        (
            "[analysis.a]\nkind = \"trial-decoding\"\nof = \"data.trials\"\nby = \"stimulus\"\nwindow_s = [0, 0.2]\nfolds = 90",
            ["80", "90"],
        ),
        (
            "[data.two]\nkind = \"simulated-trials\"\nstimuli = 2\n\n[analysis.a]\nkind = \"trial-tuning\"\nof = \"data.two\"\nby = \"stimulus\"\nwindow_s = [0, 0.2]",
            ["`stimulus` has 2 angles", "4 parameters"],
        ),
        (
            "[analysis.a]\nkind = \"pair-synchrony\"\nof = \"data.trials\"\nunits = [0, 9]",
            ["there is no unit 9", "the recording has 4"],
        ),
    ] {
        let (code, text) = with(node);
        assert_eq!(code, Some(1), "{node}\n{text}");
        for part in parts {
            assert!(text.contains(part), "`{part}` is missing for\n{node}\nin\n{text}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_before_anything_runs() {
    for (node, part) in [
        (
            "[analysis.a]\nkind = \"trial-decoding\"\nof = \"data.trials\"\nby = \"stimulus\"\nwindow_s = [0.2, 0.1]",
            "0.2 to 0.1",
        ),
        ("[analysis.a]\nkind = \"pair-synchrony\"\nof = \"data.trials\"\nunits = [1, 1]", "both units are 1"),
        (
            "[data.track]\nkind = \"simulated-session\"\nenclosure = { kind = \"track\", length_cm = 100.0 }",
            "cells on a track that are no place cells",
        ),
        ("[data.more]\nkind = \"simulated-trials\"\nbins = 16\nmost = 9", "at most 100,000"),
    ] {
        let (code, text) = with(node);
        assert_eq!(code, Some(2), "{node}\n{text}");
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn a_run_tells_what_was_put_in_and_ends_in_the_same_bytes_with_one_job_or_two() {
    let nodes = r#"
[analysis.direction]
kind = "head-direction"
of = "data.floor"
shuffles = 49

[analysis.decoding]
kind = "trial-decoding"
of = "data.trials"
by = "stimulus"
window_s = [0.0, 0.2]
permutations = 9

[analysis.tuning]
kind = "trial-tuning"
of = "data.trials"
by = "stimulus"
window_s = [0.0, 0.2]
"#;
    let summary = |jobs: &str| -> Vec<u8> {
        let place = workplace();
        place.write("session.toml", &format!("{DATA}\n{nodes}"));
        let output = place.run(&["run", "session.toml", "--jobs", jobs, "--progress", "never"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        place.report("session/summary.json")
    };
    let one = summary("1");
    assert_eq!(one, summary("2"));
    let found: Value = serde_json::from_slice(&one).unwrap();
    let metric = |name: &str| found["metrics"][name]["value"].as_f64().unwrap();
    // Unit 1 is the head-direction cell, unit 0 a place cell.
    assert!(metric("analysis.direction.length_1") > 0.7, "{}", metric("analysis.direction.length_1"));
    assert!(metric("analysis.direction.p_1") <= 0.02);
    // Units 0 and 1 prefer 0 and 180 degrees; the other two fire as much to every direction.
    assert_eq!(metric("analysis.tuning.tuned"), 2.0);
    assert!(metric("analysis.tuning.largest_error_deg") < 25.0, "{}", metric("analysis.tuning.largest_error_deg"));
    let (read, ideal) = (metric("analysis.decoding.accuracy"), metric("data.trials.ideal_accuracy"));
    assert!(read > 0.5 && read < ideal + 0.1, "{read} against {ideal}");
}

#[test]
fn spikes_of_a_table_are_a_recording() {
    let place = workplace();
    // Two units of 10 and 20 Hz for 100 s, times in samples at 1 kHz; a third is noise.
    let mut spikes = String::from("sample,cluster\n");
    (0..1000).for_each(|k| spikes += &format!("{},7\n", 50 + 100 * k));
    (0..2000).for_each(|k| spikes += &format!("{},12\n", 25 + 50 * k));
    spikes += "5,3\n";
    std::fs::write(place.path().join("spikes.csv"), spikes).unwrap();
    std::fs::write(place.path().join("clusters.tsv"), "cluster\tgroup\n3\tnoise\n7\tgood\n12\tgood\n").unwrap();
    let text = r#"
[pipeline]
name = "sorted"
question = "How often do they fire?"
seed = 1

[data.session]
kind = "recording"
[data.session.tables]
span_s = [0, 100]
spikes = { path = "spikes.csv", time = "sample", unit = "cluster", sampling_hz = 1000 }
units = { path = "clusters.tsv", unit = "cluster", keep = { group = ["good"] } }

[analysis.statistics]
kind = "firing-statistics"
of = "data.session"
"#;
    place.write("sorted.toml", text);
    let output = place.run(&["run", "sorted.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let summary: Value = serde_json::from_slice(&place.report("sorted/summary.json")).unwrap();
    let value = |name: &str| summary["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("no metric {name}"));
    assert_eq!((value("data.session.units"), value("data.session.spikes")), (2.0, 3000.0));
    assert_eq!(value("data.session.duration_s"), 100.0);
    let told = |text: String| {
        place.write("sorted.toml", &text);
        let output = place.run(&["run", "sorted.toml"]);
        (output.status.code(), stderr(&output).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let (code, message) = told(text.replace(", sampling_hz = 1000", ""));
    assert!(code == Some(1) && message.contains("then give sampling_hz"), "{message}");
    let (code, message) = told(text.replace("time = \"sample\"", "time = \"seconds\""));
    assert!(code == Some(1) && message.contains("seconds") && message.contains("sample"), "{message}");
    let (code, message) = told(text.replace("kind = \"recording\"", "kind = \"recording\"\npath = \"a.nwb\""));
    assert!(code == Some(2) && message.contains("give one of `dataset`, `path` and `tables`"), "{message}");
}

#[test]
fn orientation_tuning_of_a_user_s_tables_goes_round_in_half_a_turn() {
    let place = workplace();
    let (mut spikes, mut trials) = (String::from("s,unit\n"), String::from("start_time,stop_time,angle\n"));
    let angles = [0.0_f64, 22.5, 45.0, 67.5, 90.0, 112.5, 135.0, 157.5];
    for (trial, angle) in angles.iter().cycle().take(48).enumerate() {
        let start = trial as f64;
        trials += &format!("{start},{},{angle}\n", start + 0.5);
        // Unit 0 prefers 160 degrees, at which the curve wraps; unit 1 fires as much to every angle.
        let rate = 2.0 + 20.0 * (2.0 * ((2.0 * (angle - 160.0).to_radians()).cos() - 1.0)).exp();
        let noise = [-1.0, 0.0, 1.0][trial / 8 % 3];
        let count = (rate + noise).round().max(0.0) as usize;
        (0..count).for_each(|k| spikes += &format!("{},0\n", start + 0.01 + 0.45 * k as f64 / count as f64));
        (0..5 + trial / 8 % 2).for_each(|k| spikes += &format!("{},1\n", start + 0.02 + 0.05 * k as f64));
    }
    std::fs::write(place.path().join("spikes.csv"), spikes).unwrap();
    std::fs::write(place.path().join("trials.csv"), trials).unwrap();
    let text = r#"
[pipeline]
name = "gratings"
question = "Which orientation do they prefer?"
seed = 1

[data.session]
kind = "recording"
[data.session.tables]
span_s = [0, 48]
spikes = { path = "spikes.csv", time = "s", unit = "unit" }
trials = "trials.csv"

[analysis.tuning]
kind = "trial-tuning"
of = "data.session"
by = "angle"
angle = "orientation"
window_s = [0.0, 0.5]
"#;
    place.write("gratings.toml", text);
    let output = place.run(&["run", "gratings.toml", "--progress", "never"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let summary: Value = serde_json::from_slice(&place.report("gratings/summary.json")).unwrap();
    let value = |name: &str| summary["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("no metric {name}"));
    assert_eq!(value("analysis.tuning.tuned"), 1.0);
    assert!((value("analysis.tuning.preferred_deg_0") - 160.0).abs() < 2.0);
    assert!((value("analysis.tuning.kappa_0") - 2.0).abs() < 0.3, "{}", value("analysis.tuning.kappa_0"));
    // Angles in words are refused with the word.
    let words = std::fs::read_to_string(place.path().join("trials.csv")).unwrap().replace(",22.5\n", ",oblique\n");
    std::fs::write(place.path().join("trials.csv"), words).unwrap();
    let refused = place.run(&["run", "gratings.toml", "--progress", "never"]);
    let message = stderr(&refused).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(refused.status.code(), Some(1), "{message}");
    assert!(message.contains("column `angle` holds `oblique`"), "{message}");
}
