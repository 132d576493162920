//! `perf`: benchmark results of any cargo workspace.

mod compare;
mod peers;
mod record;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rheobase_perf::{Circumstances, History, Settings, child, circumstances, collect};

use crate::arguments::{PerfArguments, PerfCommand, PerfResults, Settings as Program};
use crate::failure::{Failure, Outcome};
use crate::output;

/// Runs a command of `perf`.
pub fn perf(command: &PerfCommand, program: &Program) -> Outcome {
    match command {
        PerfCommand::Record { perf, results } => record::record(perf, results, program),
        PerfCommand::Compare { perf, results, baseline, all } => {
            compare::compare(perf, results, baseline.as_deref(), *all, program)
        }
        PerfCommand::Report { perf, output } => report(perf, output.as_deref()),
        PerfCommand::Peers { perf, scripts, pairs, python, rounds, only } => {
            peers::peers(perf, scripts, pairs.as_deref(), python, *rounds, only, program)
        }
    }
}

impl From<rheobase_perf::Error> for Failure {
    fn from(error: rheobase_perf::Error) -> Self {
        Self::User(error.to_string())
    }
}

/// Where the results of a workspace are.
struct Places {
    workspace: PathBuf,
    target: PathBuf,
    history: PathBuf,
}

impl Places {
    /// From the arguments and what cargo says of the workspace.
    fn of(perf: &PerfArguments) -> Result<Self, Failure> {
        let workspace = perf.workspace.clone();
        let target = match &perf.target {
            Some(target) => target.clone(),
            None => cargo_target(&workspace)?,
        };
        Ok(Self {
            history: perf.history.clone().unwrap_or_else(|| workspace.join("reports/performance.jsonl")),
            workspace,
            target,
        })
    }

    fn read_history(&self) -> Result<History, Failure> {
        let history = History::read(&self.history)?;
        for line in &history.skipped {
            output::message(&format!("warning: left out {line}"));
        }
        Ok(history)
    }

    /// Runs the benches that are asked for and reads what they leave; without any, all results that are newer than the commit.
    fn collect(&self, results: &PerfResults) -> Result<(collect::Collected, Circumstances), Failure> {
        let begin = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        for bench in &results.run {
            run_bench(&self.workspace, &self.target, bench)?;
        }
        let since = match results.stale {
            true => None,
            false if results.run.is_empty() => circumstances::commit_time(&self.workspace),
            false => Some(begin),
        };
        let collected = collect::collect(&self.target, since, None)?;
        for reason in &collected.damaged {
            output::message(&format!("warning: left out {reason}"));
        }
        if results.run.is_empty() && !collected.stale.is_empty() {
            output::message(&format!(
                "left out {} results that are older than the commit (of {}, ...); --stale takes them all the same",
                collected.stale.len(),
                collected.stale[0]
            ));
        }
        if collected.measurements.is_empty() {
            let message = match &results.run[..] {
                [] => "no result is newer than the commit; run `cargo bench`, or name a bench with --run".to_owned(),
                run => format!(
                    "{} left no result that criterion, gungraun or `rheobase-perf/*.json` would",
                    run.join(", ")
                ),
            };
            return Err(Failure::User(message));
        }
        Ok((collected, Circumstances::of(&self.workspace)))
    }
}

/// The settings: those that are named, or `benches/perf.toml` of the workspace where there is one.
fn settings(perf: &PerfArguments) -> Result<Settings, Failure> {
    let usual = perf.workspace.join("benches/perf.toml");
    match &perf.settings {
        Some(path) => Ok(Settings::read(path)?),
        None if usual.is_file() => Ok(Settings::read(&usual)?),
        None => Ok(Settings::default()),
    }
}

fn cargo_target(workspace: &Path) -> Result<PathBuf, Failure> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(workspace)
        .output()
        .map_err(|e| Failure::User(format!("cargo could not be started in {} ({e})", workspace.display())))?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    json["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Failure::User(format!("{} is no cargo workspace ({reason}); name one with --workspace", workspace.display()))
    })
}

/// Runs `cargo bench` for one bench of the workspace; its output goes to stderr.
fn run_bench(workspace: &Path, target: &Path, bench: &str) -> Result<(), Failure> {
    output::message(&format!("cargo bench --workspace --bench {bench}"));
    let failed = |reason: String| {
        let missing = |program: &str| Command::new(program).arg("--version").output().is_err();
        let mut text = format!("`cargo bench --workspace --bench {bench}` {reason}");
        if missing("valgrind") {
            text += "; valgrind is not installed (Debian: apt-get install valgrind): benches under gungraun need it, those under criterion do not";
        } else if missing("gungraun-runner") && std::env::var_os("GUNGRAUN_RUNNER").is_none() {
            text +=
                "; gungraun-runner is not installed (cargo install gungraun-runner): benches under gungraun need it";
        }
        Failure::User(text)
    };
    let status = child::command("cargo")
        .args(["bench", "--workspace", "--bench", bench])
        .current_dir(workspace)
        .env("CARGO_TARGET_DIR", target)
        // Ignored by criterion; without it gungraun leaves nothing to read.
        .env("GUNGRAUN_SAVE_SUMMARY", "json")
        .stdout(std::io::stderr())
        .status()
        .map_err(|e| failed(format!("could not be started ({e})")))?;
    if status.success() { Ok(()) } else { Err(failed(format!("failed ({status})"))) }
}

fn report(perf: &PerfArguments, file: Option<&Path>) -> Outcome {
    let history = perf.history.clone().unwrap_or_else(|| perf.workspace.join("reports/performance.jsonl"));
    let read = History::read(&history)?;
    if read.records.is_empty() {
        let reason = if read.skipped.is_empty() { "has no results" } else { "has no line that can be read" };
        let first = read.skipped.first().map_or(String::new(), |line| format!(" ({line})"));
        return Err(Failure::User(format!("{} {reason}{first}; run `rheobase perf record` first", history.display())));
    }
    let name = perf.workspace.canonicalize().ok();
    let name = name.as_ref().and_then(|p| p.file_name()).map_or("this workspace".into(), |n| n.to_string_lossy());
    let named = perf.name.as_deref().unwrap_or(&name);
    let html = rheobase_perf::page::page(named, &read, &settings(perf)?)?;
    let file = file.map_or_else(|| PathBuf::from("reports/performance.html"), Path::to_owned);
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| Failure::User(format!("cannot create {}: {e}", folder.display())))?;
    }
    std::fs::write(&file, html).map_err(|e| Failure::User(format!("cannot write {}: {e}", file.display())))?;
    output::data(&file.display().to_string());
    Ok(0)
}
