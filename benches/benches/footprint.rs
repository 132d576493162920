//! What the product costs its user before any science: how soon the command answers, how large the program and a report are, how long
//! a clean build takes.
//!
//! Ids are `footprint/WHAT`; times are medians of processes started one after the other. `-- clean-build` also builds the program
//! into an empty folder, which takes some ten minutes.

#![allow(missing_docs, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use rheobase_benches::timing::median_ns;
use rheobase_perf::measurement::name;
use rheobase_perf::{Measure, Measurement, Tool, child, observation};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The pipeline whose report and cached rerun are measured.
const PIPELINE: &str = "pipelines/quickstart.toml";

/// Starts a program in the workspace and waits for its end.
fn run(workspace: &Path, program: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = child::command(&program.display().to_string());
    let command = command.args(arguments).current_dir(workspace).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{} {}` ended with {status}", program.display(), arguments.join(" ")).into())
    }
}

fn found(what: &str, name: &str, measure: Measure) -> Measurement {
    println!("footprint/{what}: {} {name}", measure.value);
    Measurement::new(format!("footprint/{what}"), Tool::Observation).with(name, measure)
}

fn bytes(what: &str, path: &Path) -> Result<Measurement> {
    Ok(found(what, name::BYTES, Measure::exact(std::fs::metadata(path)?.len() as f64)))
}

/// Builds the program into an empty folder, dependencies too (their sources are there already).
fn clean_build(workspace: &Path) -> Result<Measurement> {
    let folder = std::env::temp_dir().join(format!("rheobase-clean-build-{}", std::process::id()));
    let target = folder.display().to_string();
    let begin = Instant::now();
    run(workspace, Path::new("cargo"), &["build", "--release", "--locked", "--target-dir", &target])?;
    let elapsed_ns = begin.elapsed().as_nanos() as f64;
    std::fs::remove_dir_all(&folder)?;
    // One build has no interval of its own; that of times in general is its limit in `perf.toml`.
    Ok(found("clean-build", name::TIME_NS, Measure::estimate(elapsed_ns, elapsed_ns, elapsed_ns)))
}

fn main() -> Result<()> {
    // `cargo test --benches` only asks whether it starts.
    if !std::env::args().any(|a| a == "--bench") {
        return Ok(());
    }
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    run(&workspace, Path::new("cargo"), &["build", "--release", "--locked"])?;
    let program = observation::target_directory()?.join("release").join("rheobase");
    let reports = observation::target_directory()?.join(observation::FOLDER).join("footprint");
    let folder = reports.display().to_string();
    let quickstart = ["run", PIPELINE, "--reports", &folder, "--progress", "never"];
    // The first run fills the store.
    run(&workspace, &program, &quickstart)?;
    let time = |what: &str, arguments: &[&str]| -> Result<Measurement> {
        let mut outcome = Ok(());
        let median = median_ns(|| {
            if outcome.is_ok() {
                outcome = run(&workspace, &program, arguments);
            }
        });
        outcome.map(|()| found(what, name::TIME_NS, median))
    };
    let mut all = vec![
        time("cold-start/version", &["--version"])?,
        time("cold-start/check", &["check", PIPELINE])?,
        time("cold-start/describe", &["describe", "sta"])?,
        time("cached-run/quickstart", &quickstart)?,
        bytes("program", &program)?,
        bytes("report/quickstart", &reports.join("quickstart").join("report.html"))?,
    ];
    if std::env::args().any(|a| a == "clean-build") {
        all.push(clean_build(&workspace)?);
    }
    println!("written to {}", observation::write("footprint", &all)?.display());
    Ok(())
}
