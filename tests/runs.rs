//! Runs through the command: caching, partial reruns, resuming after kill -9, equal bytes, damaged results, exit codes.

use std::time::{Duration, Instant};

use rheobase_tests::{Workplace, stderr, stdout};
use serde_json::Value;

fn workplace() -> Workplace {
    Workplace::new(env!("CARGO_BIN_EXE_rheobase"))
}

fn pipeline(epochs: usize) -> String {
    format!(
        r#"[pipeline]
name = "small"
question = "Does it learn?"
seed = 3

[data.digits]
kind = "digits"

[model.net]
architecture = {{ kind = "mlp", hidden = [24] }}
objective = {{ kind = "cross-entropy" }}
learning = {{ kind = "gradient", epochs = {epochs}, batch = 8 }}
train_on = "data.digits"

[model.oja]
architecture = {{ kind = "mlp", hidden = [12] }}
objective = {{ kind = "cross-entropy" }}
learning = {{ kind = "oja", epochs = 5, readout = {{ epochs = 5 }} }}
train_on = "data.digits"

[analysis.lesion]
kind = "ablation"
of = "model.net"
on = "data.digits"
controls = 5
points = 4

[compare.cka]
kind = "cka"
of = ["model.net", "model.oja"]
stimuli = "data.digits"
permutations = 5

[[expect]]
metric = "model.net.test_accuracy"
at_least = 0.8
"#
    )
}

fn states(place: &Workplace, arguments: &[&str]) -> Vec<(String, String, String)> {
    let mut all = vec!["plan", "small.toml", "--json"];
    all.extend(arguments);
    let json: Value = serde_json::from_str(&stdout(&place.run(&all))).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    json.as_array().unwrap().iter().map(|n| (text(&n["address"]), text(&n["state"]), text(&n["reason"]))).collect()
}

#[test]
fn a_second_run_is_cached_and_a_changed_ablation_reruns_only_itself() {
    let place = workplace();
    place.write("small.toml", &pipeline(5));
    let first = place.run(&["run", "small.toml"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(states(&place, &[]).iter().all(|(_, state, _)| state == "cached"));
    let summary = place.report("small/summary.json");
    let started = Instant::now();
    let second = place.run(&["run", "small.toml"]);
    let spent = started.elapsed();
    assert_eq!(stderr(&second).matches(": cached").count(), 5, "{}", stderr(&second));
    // The acceptance target is 0.5 s; a loaded machine gets four times that before it counts as a defect.
    assert!(spent < Duration::from_secs(2), "{spent:?}");
    assert_eq!(summary, place.report("small/summary.json"));

    let changed = ["-s", "analysis.lesion.controls=6"];
    for (address, state, reason) in states(&place, &changed) {
        assert_eq!(state == "will run", address == "analysis.lesion", "{address} {state}");
        if state == "will run" {
            assert_eq!(reason, "controls is 6 now, was 5");
        }
    }
    let third = place.run(&["run", "small.toml", "-s", "analysis.lesion.controls=6"]);
    let text = stderr(&third);
    assert!(text.contains("analysis.lesion: started") && !text.contains("model.net: started"), "{text}");
}

#[test]
fn kill_9_in_mid_training_resumes_to_the_bytes_of_an_uninterrupted_run_with_one_job() {
    let (killed, whole) = (workplace(), workplace());
    // A checkpoint is left once a second: several seconds of training on any machine.
    for place in [&killed, &whole] {
        place.write("small.toml", &pipeline(500));
    }
    let mut child = killed.command(&["run", "small.toml", "--jobs", "2"]).spawn().unwrap();
    let scratch = killed.path().join("reports/store/scratch");
    let checkpoint = || {
        let folders = std::fs::read_dir(&scratch).into_iter().flatten().flatten();
        folders.into_iter().any(|f| f.path().join("checkpoint").exists())
    };
    let deadline = Instant::now() + Duration::from_secs(120);
    while !checkpoint() && child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(checkpoint(), "training ended before it left a checkpoint");
    // On Unix `kill` is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.path().join("reports/small/summary.json").exists());
    let status = stdout(&killed.run(&["status", "small.toml"]));
    assert!(status.contains("unfinished"), "{status}");

    let resumed = killed.run(&["run", "small.toml", "--jobs", "2"]);
    assert!(stderr(&resumed).contains("resuming after epoch"), "{}", stderr(&resumed));
    whole.run(&["run", "small.toml", "--jobs", "1"]);
    assert_eq!(killed.report("small/summary.json"), whole.report("small/summary.json"));
    assert!(killed.objects() == whole.objects(), "the stores differ");
}

#[test]
fn ctrl_c_keeps_a_checkpoint_and_exits_with_130() {
    let place = workplace();
    place.write("small.toml", &pipeline(2000));
    let mut child = place.command(&["run", "small.toml"]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let status = stdout(&place.run(&["status", "small.toml"]));
    assert!(status.contains("unfinished"), "{status}");
}

#[test]
fn flipped_bytes_in_the_store_are_computed_again() {
    let place = workplace();
    place.write("small.toml", &pipeline(2));
    place.run(&["run", "small.toml"]);
    let before = place.objects();
    let (name, _) = before.iter().find(|(n, _)| n.ends_with("weights.safetensors")).unwrap();
    let path = place.path().join("reports/store/objects").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    assert!(states(&place, &[]).iter().any(|(_, state, reason)| state == "will run" && reason.contains("damaged")));
    let again = place.run(&["run", "small.toml"]);
    assert!(stderr(&again).contains("the stored result is damaged"), "{}", stderr(&again));
    assert!(place.objects() == before, "the store is not what it was");
}

#[test]
fn exec_runs_one_node_of_a_frozen_plan_and_asks_for_its_inputs() {
    let place = workplace();
    place.write("small.toml", &pipeline(2));
    assert_eq!(place.run(&["plan", "small.toml", "--lock", "plan.lock"]).status.code(), Some(0));
    let early = place.run(&["exec", "--plan", "plan.lock", "--node", "model.net"]);
    assert_eq!(early.status.code(), Some(1));
    assert!(stderr(&early).contains("needs the results of data.digits"), "{}", stderr(&early));
    for node in ["data.digits", "model.net", "model.oja", "analysis.lesion", "compare.cka"] {
        let done = place.run(&["exec", "--plan", "plan.lock", "--node", node]);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    }
    assert!(states(&place, &[]).iter().all(|(_, state, _)| state == "cached"));
    let unknown = place.run(&["exec", "--plan", "plan.lock", "--node", "model.nte"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_missed_expectation_and_a_failing_node_exit_with_1_and_the_rest_still_runs() {
    let place = workplace();
    place.write("small.toml", &pipeline(2));
    let missed = place.run(&["run", "small.toml", "-s", "model.net.learning.rate=0.00001"]);
    assert_eq!(missed.status.code(), Some(1));
    assert!(stdout(&missed).contains("MISSED"));
    let wild = [
        "-s",
        "model.net.learning.rate=100",
        "-s",
        "model.net.learning.optimizer=sgd",
        "-s",
        "model.net.learning.epochs=40",
    ];
    let mut arguments = vec!["run", "small.toml"];
    arguments.extend(wild);
    let failed = place.run(&arguments);
    assert_eq!(failed.status.code(), Some(1));
    let text = stderr(&failed);
    assert!(text.contains("training diverged in epoch") && text.contains("Lower the learning rate (100)"), "{text}");
    assert!(text.contains("analysis.lesion: blocked") && text.contains("model.oja: cached"), "{text}");
}

#[test]
fn summary_lists_metrics_by_address_with_n_interval_and_card_and_diff_shows_what_changed() {
    let place = workplace();
    place.write("small.toml", &pipeline(3));
    place.run(&["run", "small.toml"]);
    let summary: Value = serde_json::from_slice(&place.report("small/summary.json")).unwrap();
    let metric = &summary["metrics"]["model.net.test_accuracy"];
    assert_eq!(metric["card"]["n"], 359);
    assert_eq!(metric["interval"]["method"], "Wilson score");
    assert!(metric["value"].as_f64().unwrap() > metric["interval"]["low"].as_f64().unwrap());
    let same = place.run(&["diff", "small", "small"]);
    assert_eq!(stdout(&same).trim(), "no difference");
    place.run(&["--reports", "other", "run", "small.toml", "-s", "model.net.learning.epochs=6"]);
    let diff = stdout(&place.run(&["diff", "small", "other/small"]));
    assert!(diff.contains("learning.epochs is 6 now, was 3") && diff.contains("model.net.test_accuracy"), "{diff}");
}

#[test]
fn sweeps_share_what_they_do_not_change_and_are_summarised_by_variant() {
    let place = workplace();
    let text =
        pipeline(2) + "in_fraction = 0.5\n[sweep]\n\"model.net.learning.rate\" = [0.003, 0.00001]\nseed = [1, 2]\n";
    place.write("small.toml", &text);
    let run = place.run(&["run", "small.toml"]);
    assert_eq!(run.status.code(), Some(0), "{}", stderr(&run));
    // Two seeds of data and of the second model, four of the swept model and its users.
    assert_eq!(states(&place, &[]).len(), 2 + 2 + 4 + 4 + 4);
    let summary: Value = serde_json::from_slice(&place.report("small/summary.json")).unwrap();
    assert_eq!(summary["variants"].as_array().unwrap().len(), 4);
    assert_eq!(summary["expectations"][0]["fraction"], 0.5);
    assert!(summary["metrics"]["model.net.test_accuracy [model.net.learning.rate=0.003, seed=1]"].is_object());
}

#[test]
fn one_output_of_a_node_can_be_referred_to() {
    let place = workplace();
    place.write("small.toml", &pipeline(2));
    let n = |stimuli: &str| {
        let set = format!("compare.cka.stimuli={stimuli}");
        let run = place.run(&["run", "small.toml", "--json", "-s", &set, "-s", "model.oja.architecture.hidden=[24]"]);
        let summary: Value = serde_json::from_str(&stdout(&run)).unwrap();
        summary["metrics"]["compare.cka.net~oja.hidden1"]["card"]["n"].as_u64().unwrap()
    };
    assert_eq!([n("data.digits"), n("data.digits.test"), n("data.digits.train")], [359, 359, 1438]);
}

#[test]
fn an_unwritable_report_folder_and_a_full_disk_are_clear_errors_that_leave_nothing_half_written() {
    let place = workplace();
    place.write("small.toml", &pipeline(2));
    place.write("file", "not a folder");
    let output = place.run(&["--reports", "file/reports", "run", "small.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot create file/reports"), "{}", stderr(&output));

    // A file system of 64 KiB, smaller than the first result.
    let full = place.path().join("small");
    std::fs::create_dir_all(&full).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&full)
        .status()
        .is_ok_and(|s| s.success());
    if !mounted {
        // Mounting needs privileges that a user's machine may not give; CI has them.
        return;
    }
    let output = place.run(&["--reports", "small/reports", "run", "small.toml"]);
    let text = stderr(&output);
    let objects = std::fs::read_dir(full.join("reports/store/objects")).map_or(0, Iterator::count);
    std::process::Command::new("umount").arg(&full).status().unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("No space left on device"), "{text}");
    assert_eq!(objects, 0, "{text}");
}

#[test]
fn a_run_holds_no_lock_after_it_ends_and_two_runs_at_once_agree() {
    let place = workplace();
    place.write("small.toml", &pipeline(8));
    let mut a = place.command(&["run", "small.toml"]).spawn().unwrap();
    let b = place.run(&["run", "small.toml"]);
    assert!(a.wait().unwrap().success());
    assert_eq!(b.status.code(), Some(0), "{}", stderr(&b));
    assert!(states(&place, &[]).iter().all(|(_, state, _)| state == "cached"));
}
