//! Recurrent networks through the command: lessons that were killed go on, images are shown to networks that read rows, and mistakes.

use std::time::{Duration, Instant};

use rheobase_tests::{Workplace, stderr};

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

/// Lessons that take a few seconds each.
const LESSONS: &str = r#"[pipeline]
name = "lessons"
question = "Does a killed curriculum go on where it was?"
seed = 3

[model.net]
kind = "recurrent"
task = { kind = "copy", delay = 20 }
cell = { kind = "gru" }
units = 64
lessons = [
  { task = { kind = "copy", delay = 5 }, iterations = 300 },
  { task = { kind = "copy", delay = 10 }, iterations = 1500 },
]
learning = { iterations = 100, report_every = 10, validation_trials = 16 }
test_trials = 64
"#;

/// Whether the second lesson keeps a checkpoint in the scratch folder.
fn second_lesson_is_kept(place: &Workplace) -> bool {
    let scratch = std::fs::read_dir(place.path().join("reports/store/scratch"));
    scratch.into_iter().flatten().flatten().any(|node| node.path().join("lesson-2/checkpoint").exists())
}

#[test]
fn a_curriculum_killed_in_its_second_lesson_goes_on_to_the_same_bytes() {
    let (killed, whole) = (workplace(), workplace());
    for place in [&killed, &whole] {
        place.write("lessons.toml", LESSONS);
    }
    let mut child = killed.command(&["run", "lessons.toml"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !second_lesson_is_kept(&killed) && Instant::now() < deadline {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before the second lesson was kept");
        std::thread::sleep(Duration::from_millis(5));
    }
    // On Unix `kill` is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    for place in [&killed, &whole] {
        let output = place.run(&["run", "lessons.toml"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    let results = |place: &Workplace| {
        let all = place.objects().into_iter().filter(|(name, _)| !name.ends_with("cost.json"));
        all.collect::<Vec<_>>()
    };
    assert!(!results(&killed).is_empty() && results(&killed) == results(&whole));
}

#[test]
fn lessons_that_do_not_fit_the_task_are_told_with_their_number() {
    let place = workplace();
    let text = LESSONS.replace("delay = 10 }, iterations = 1500", "symbols = 7 }, iterations = 0");
    place.write("lessons.toml", &text);
    let output = place.run(&["check", "lessons.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    let line = 1 + text.lines().position(|l| l.contains("symbols = 7")).unwrap();
    for part in ["lesson 2 has 8 inputs, 7 outputs", "lesson 2 has 0 iterations", &format!("lessons.toml:{line}:")] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

/// A network that reads digits row by row, and the instruments of networks that see them whole.
const ROWS: &str = r#"[pipeline]
name = "rows"
question = "What does a network that reads rows see?"
seed = 1

[data.digits]
kind = "drawn-digits"
side_px = 12
train = 200
test = 200

[model.rows]
kind = "recurrent"
task = { kind = "digit-rows", side_px = 12 }
cell = { kind = "sub-lstm", fixed_forget = true }
units = 24
learning = { iterations = 300, rate = 1e-2, report_every = 100 }

[model.whole]
architecture = { kind = "mlp", hidden = [16] }
objective = { kind = "cross-entropy" }
train_on = "data.digits"
learning = { kind = "gradient", epochs = 5 }

[analysis.classification]
kind = "classification"
of = "model.rows"
on = "data.digits"

[analysis.lesions]
kind = "ablation"
of = "model.rows"
on = "data.digits"
layer = "units"
controls = 2

[compare.codes]
kind = "population-similarity"
of = ["model.rows", "model.whole"]
stimuli = "data.digits"
measure = { kind = "cka" }

[[expect]]
metric = "analysis.classification.test_accuracy"
meaning = "whole images are read as well as the trials of training"
at_least = 0.7
source = "this test"

[[expect]]
metric = "analysis.classification.test_accuracy"
minus = "model.rows.score"
meaning = "the same digits, by the instrument and by the task"
at_least = -0.1
at_most = 0.1
source = "this test"

[[expect]]
metric = "analysis.lesions.targeted_area"
meaning = "without the units nothing is left but chance"
at_most = 0.7
source = "this test"
"#;

#[test]
fn instruments_show_images_to_a_network_that_reads_rows_and_to_no_other() {
    let place = workplace();
    place.write("rows.toml", ROWS);
    let output = place.run(&["run", "rows.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let other = ROWS
        .replace("kind = \"digit-rows\", side_px = 12", "kind = \"flip-flop\"")
        .replace("iterations = 300", "iterations = 1");
    place.write("rows.toml", &other);
    let output = place.run(&["run", "rows.toml"]);
    assert_ne!(output.status.code(), Some(0));
    let told = stderr(&output).replace("\n  │ ", " ");
    assert!(told.contains("cannot be shown images"), "{told}");
}

/// Two networks that were never trained, and what the study of a configuration space makes of them.
const SPACE: &str = r#"[pipeline]
name = "space"
question = "Which of them solve the task?"
seed = 1

[model.a]
kind = "recurrent"
task = { kind = "path-integration", read_out = { kind = "gaussian", cells = 32, sd_m = 0.3 }, decoder = "most-likely" }
cell = { kind = "rate", nonlinearity = "tanh" }
units = 12
learning = { iterations = 0 }

[model.b]
kind = "recurrent"
task = { kind = "path-integration", read_out = { kind = "cartesian" } }
cell = { kind = "rate", nonlinearity = "tanh" }
units = 12
learning = { iterations = 0 }

[analysis.a]
kind = "spatial-tuning"
of = "model.a"
trials = 200

[analysis.b]
kind = "spatial-tuning"
of = "model.b"
trials = 200

[compare.space]
kind = "configuration-space"
of = ["analysis.a", "analysis.b"]
error = "position_error_m"
solved_at_most = 100.0
phenomenon = "grid_fraction"
chance = "grid_fraction_chance"
margin = -2.0

[[expect]]
metric = "compare.space.solved_with"
meaning = "both, where every error is allowed and any share is enough"
at_least = 2
source = "this test"
"#;

#[test]
fn a_configuration_counts_by_its_error_and_by_what_it_shows_beyond_chance() {
    let place = workplace();
    let run = |text: &str| {
        place.write("space.toml", text);
        let output = place.run(&["run", "space.toml"]);
        (output.status.code(), stderr(&output))
    };
    let (code, told) = run(SPACE);
    assert_eq!(code, Some(0), "{told}");
    // Nobody is right to the tenth of a millimetre without training, and no share is above chance by 2.
    for (from, to, metric) in [
        ("solved_at_most = 100.0", "solved_at_most = 1e-4", "unsolved_with"),
        ("margin = -2.0", "margin = 2.0", "solved_without"),
    ] {
        let (code, told) = run(&SPACE.replace(from, to).replace("solved_with", metric));
        assert_eq!(code, Some(0), "{metric}: {told}");
    }
    let (code, told) = run(&SPACE.replace("\"grid_fraction\"", "\"grids\""));
    assert_ne!(code, Some(0));
    let told = told.replace("\n  │ ", " ");
    assert!(told.contains("has no metric `grids`") && told.contains("grid_fraction_chance"), "{told}");
}
