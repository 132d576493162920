//! `rheobase perf` on a workspace that is not ours.

use std::fs;
use std::path::PathBuf;

use rheobase_tests::{Workplace, stderr, stdout};

/// A cargo workspace with results of one benchmark of each tool.
struct Foreign {
    place: Workplace,
    folder: PathBuf,
}

impl Foreign {
    fn new() -> Self {
        let place = Workplace::new(env!("CARGO_BIN_EXE_rheobase"));
        let folder = place.path().join("foreign");
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::create_dir_all(folder.join("benches")).unwrap();
        fs::write(folder.join("Cargo.toml"), "[package]\nname = \"foreign\"\nversion = \"0.1.0\"\n[workspace]\n")
            .unwrap();
        fs::write(folder.join("src/lib.rs"), "").unwrap();
        let foreign = Self { place, folder };
        foreign.measure(100.0, 1000);
        foreign
    }

    /// Leaves what criterion and gungraun would leave: a time in ns and a count.
    fn measure(&self, time_ns: f64, instructions: u64) {
        let criterion = self.folder.join("target/criterion/work/new");
        fs::create_dir_all(&criterion).unwrap();
        let benchmark = r#"{"group_id":"work","throughput":{"Elements":10},"full_id":"work/8"}"#;
        fs::write(criterion.join("benchmark.json"), benchmark).unwrap();
        let (low, high) = (time_ns * 0.99, time_ns * 1.01);
        let interval = format!(r#"{{"confidence_level":0.95,"lower_bound":{low},"upper_bound":{high}}}"#);
        let estimates = format!(
            r#"{{"median":{{"confidence_interval":{interval},"point_estimate":{time_ns},"standard_error":1}}}}"#
        );
        fs::write(criterion.join("estimates.json"), estimates).unwrap();
        self.count("kernel", instructions);
    }

    fn count(&self, function: &str, instructions: u64) {
        let gungraun = self.folder.join("target/gungraun/foreign/file/group");
        let _ = fs::remove_dir_all(&gungraun);
        fs::create_dir_all(&gungraun).unwrap();
        let metrics = format!(r#"{{"Ir":{{"values":{{"new":{instructions}}}}}}}"#);
        let profile = format!(r#"{{"tool":"Callgrind","data":{{"total":{{"metrics":{metrics}}}}}}}"#);
        let summary = format!(r#"{{"module_path":"file::group::{function}","id":null,"profiles":[{profile}]}}"#);
        fs::write(gungraun.join("summary.json"), summary).unwrap();
    }

    fn perf(&self, command: &str, more: &[&str]) -> std::process::Output {
        let (folder, target) = (self.folder.to_str().unwrap(), self.folder.join("target"));
        let places = ["perf", command, "--workspace", folder, "--target", target.to_str().unwrap()];
        self.place.run(&[&places[..], more].concat())
    }

    fn history(&self) -> PathBuf {
        self.folder.join("reports/performance.jsonl")
    }
}

fn code(output: &std::process::Output) -> Option<i32> {
    output.status.code()
}

#[test]
fn results_are_recorded_once_and_a_regression_ends_with_1() {
    let foreign = Foreign::new();
    let recorded = foreign.perf("record", &[]);
    assert!(stdout(&recorded).contains("2 results"), "{}{}", stdout(&recorded), stderr(&recorded));
    assert!(stdout(&foreign.perf("record", &[])).contains("0 results"));
    assert_eq!(fs::read_to_string(foreign.history()).unwrap().lines().count(), 2);
    assert_eq!(code(&foreign.perf("compare", &[])), Some(0));

    foreign.measure(112.0, 1020);
    let within = foreign.perf("compare", &[]);
    assert_eq!(code(&within), Some(0), "{}", stdout(&within));
    foreign.measure(100.0, 1030);
    let planted = foreign.perf("compare", &["--json"]);
    assert_eq!(code(&planted), Some(1));
    let json: serde_json::Value = serde_json::from_str(&stdout(&planted)).unwrap();
    let verdicts: Vec<&str> = json.as_array().unwrap().iter().map(|c| c["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["same", "regressed"]);
    foreign.measure(120.0, 1000);
    assert_eq!(code(&foreign.perf("compare", &[])), Some(1));
}

#[test]
fn a_renamed_benchmark_is_missed_until_the_settings_name_it() {
    let foreign = Foreign::new();
    foreign.perf("record", &[]);
    foreign.count("kernel_of_now", 1000);
    let found = foreign.perf("compare", &[]);
    assert_eq!(code(&found), Some(0));
    assert!(
        stderr(&found).contains("[[renamed]] from = \"file/kernel\", to = \"file/kernel_of_now\""),
        "{}",
        stderr(&found)
    );
    assert_eq!(code(&foreign.perf("compare", &["--all"])), Some(1));
    let settings = "[[renamed]]\nfrom = \"file/kernel\"\nto = \"file/kernel_of_now\"\n";
    fs::write(foreign.folder.join("benches/perf.toml"), settings).unwrap();
    let found = foreign.perf("compare", &["--all"]);
    assert_eq!(code(&found), Some(0), "{}", stderr(&found));
    assert!(stderr(&found).contains("2 judged"), "{}", stderr(&found));
}

#[test]
fn another_machine_is_no_baseline_and_bad_lines_are_named() {
    let foreign = Foreign::new();
    foreign.perf("record", &[]);
    let text = fs::read_to_string(foreign.history()).unwrap();
    let cores = text.split("\"cores\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let elsewhere = text.replace(&format!("\"cores\":{cores}"), "\"cores\":4096").replace("rustc", "another rustc");
    fs::write(foreign.history(), elsewhere + "{\"cut off").unwrap();
    foreign.measure(1e6, 1_000_000);
    let found = foreign.perf("compare", &[]);
    assert_eq!(code(&found), Some(0), "{}", stderr(&found));
    for part in ["line 3: not JSON, perhaps cut off", "another machine", "4096 cores", "another rustc", "0 judged"] {
        assert!(stderr(&found).contains(part), "{part}: {}", stderr(&found));
    }
}

#[test]
fn mistakes_have_a_message_and_end_with_2() {
    let foreign = Foreign::new();
    let none = foreign.perf("report", &[]);
    assert_eq!(code(&none), Some(2));
    assert!(stderr(&none).contains("run `rheobase perf record` first"), "{}", stderr(&none));
    fs::remove_dir_all(foreign.folder.join("target")).unwrap();
    let nothing = foreign.perf("compare", &[]);
    assert_eq!(code(&nothing), Some(2));
    assert!(stderr(&nothing).contains("run `cargo bench` first"), "{}", stderr(&nothing));
    let failed = foreign.perf("record", &["--run", "missing"]);
    assert_eq!(code(&failed), Some(2));
    assert!(stderr(&failed).contains("`cargo bench --workspace --bench missing` failed"), "{}", stderr(&failed));
    let nowhere = foreign.place.run(&["perf", "record", "--workspace", "nowhere"]);
    assert_eq!(code(&nowhere), Some(2));
    let scripts = foreign.perf("peers", &["scripts"]);
    assert_eq!(code(&scripts), Some(2));
    assert!(stderr(&scripts).contains("peers.toml"), "{}", stderr(&scripts));
}

#[test]
fn the_report_is_a_page_and_peers_land_in_it() {
    let foreign = Foreign::new();
    foreign.perf("record", &[]);
    let scripts = foreign.folder.join("scripts");
    fs::create_dir_all(&scripts).unwrap();
    fs::write(scripts.join("peer.sh"), "echo '{\"s\": 3.0}' > out.json\n").unwrap();
    fs::write(foreign.folder.join("ours.json"), "{}").unwrap();
    let pairs = r#"
        [[pair]]
        name = "work"
        unit = "step"
        peer = { name = "Other 1", command = ["sh", "peer.sh"], seconds = { file = "out.json", pointer = "/s" }, units = 1 }
        ours = { command = ["true"], seconds = { criterion = "work/8" }, units = 1 }
        [[pair]]
        name = "broken"
        unit = "step"
        peer = { name = "Other 1", command = ["false"], seconds = "wall", units = 1 }
        ours = { command = ["true"], seconds = "wall", units = 1 }
    "#;
    fs::write(foreign.folder.join("benches/peers.toml"), pairs).unwrap();
    let peers = foreign.perf("peers", &[scripts.to_str().unwrap(), "--rounds", "2"]);
    assert_eq!(code(&peers), Some(1), "one of two pairs fails");
    assert!(stdout(&peers).contains("30000000.00"), "3 s over 100 ns: {}", stdout(&peers));
    assert!(stderr(&peers).contains("`false` failed"), "{}", stderr(&peers));
    let page = foreign.folder.join("out/page.html");
    let report = foreign.perf("report", &["--output", page.to_str().unwrap()]);
    assert_eq!(code(&report), Some(0), "{}", stderr(&report));
    let html = fs::read_to_string(&page).unwrap();
    for part in ["How fast is foreign?", "work/8", "file/kernel", "Other 1", "<polyline"] {
        assert!(html.contains(part) || html.contains(&part.replace('/', "/<wbr>")), "{part}");
    }
}
