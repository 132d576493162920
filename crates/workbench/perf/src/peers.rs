//! Other programs and ours in turn, in one session: the ratio of their times with its interval.
//!
//! A file of pairs says for each side which command runs and where it leaves its time:
//!
//! ```toml
//! [[pair]]
//! name = "cable/rallpack-3"
//! unit = "compartment-step"
//!
//! [pair.peer]
//! name = "NEURON"
//! command = ["{python}", "w3_neuron.py", "--case", "r3"]   # run in a copy of the folder of scripts
//! seconds = { file = "results/w3_r3_neuron.json", pointer = "/timing_dt0.05/run/median_s" }
//! units = 5e6                                              # units of work in that time
//!
//! [pair.ours]
//! command = ["cargo", "bench", "--workspace", "--bench", "cable", "--", "cable/rallpack-3/lanes-1"]   # run in the workspace
//! seconds = { criterion = "cable/rallpack-3/lanes-1" }     # or "wall"
//! units = 2e5
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde::Deserialize;

use crate::measurement::{hash, name};
use crate::scaling::student_95;
use crate::{Error, Measure, Measurement, Result, Tool, child, criterion, walk};

/// Pairs to be timed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairs {
    /// The pairs.
    pub pair: Vec<Pair>,
}

/// One workload, by two programs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Workload.
    pub name: String,
    /// Unit of work, in the singular.
    pub unit: String,
    /// The other program.
    pub peer: Side,
    /// Ours.
    pub ours: Side,
    /// Points of the other program in figures of error against time, from what its last run left.
    #[serde(default)]
    pub points: Vec<Point>,
}

/// A point of the other program: `problem/method/setting` with its time and its error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Id, as in [`crate::frontier`].
    pub bench: String,
    /// Time in s.
    pub seconds: Place,
    /// Error, measured as ours is.
    pub error: Place,
}

/// A number in a JSON file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The file, from the folder the command runs in.
    pub file: PathBuf,
    /// Where in it (RFC 6901).
    pub pointer: String,
}

impl Place {
    fn read(&self, folder: &Path) -> Result<f64> {
        let path = folder.join(&self.file);
        let text = std::fs::read_to_string(&path).map_err(|e| Error::file(&path, e))?;
        let json: serde_json::Value = serde_json::from_str(&text).map_err(|e| Error::content(&path, e))?;
        let number = json.pointer(&self.pointer).and_then(serde_json::Value::as_f64);
        number.ok_or_else(|| Error::content(&path, format!("there is no number at `{}`", self.pointer)))
    }
}

/// One program.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Name with version; for ours empty.
    #[serde(default)]
    pub name: String,
    /// Program and arguments; `{python}` is the interpreter that is asked for.
    pub command: Vec<String>,
    /// Where the time is found.
    pub seconds: Seconds,
    /// Units of work in that time.
    pub units: f64,
    /// Variables of the environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

/// Where the time is found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seconds {
    /// Wall time of the command.
    Wall,
    /// Time of one iteration of a criterion benchmark.
    Criterion(String),
    /// A number in a JSON file.
    #[serde(untagged)]
    File(Place),
}

/// Where things are and how often they run.
#[derive(Debug, Clone)]
pub struct Session {
    /// Folder with the peers' scripts; it is copied, since scripts write beside themselves.
    pub scripts: PathBuf,
    /// Workspace in which our commands run.
    pub workspace: PathBuf,
    /// Target directory.
    pub target: PathBuf,
    /// Python interpreter.
    pub python: String,
    /// Rounds of both.
    pub rounds: usize,
}

impl Pairs {
    /// Reads pairs.
    ///
    /// # Errors
    /// If the file cannot be read, a key is unknown, a command is empty or units are not positive.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, e))?;
        let pairs: Self = toml::from_str(&text).map_err(|e| Error::content(path, e))?;
        for pair in &pairs.pair {
            for side in [&pair.peer, &pair.ours] {
                if side.command.is_empty() || !side.units.is_finite() || side.units <= 0.0 {
                    let reason = format!("`{}` needs a command and units above 0 on both sides", pair.name);
                    return Err(Error::content(path, reason));
                }
            }
        }
        Ok(pairs)
    }
}

impl Session {
    /// Copies the scripts to a folder where they may write.
    ///
    /// # Errors
    /// If the folder cannot be read or the copy cannot be written.
    pub fn prepare(&self) -> Result<PathBuf> {
        let copy = self.target.join("rheobase-perf-peers");
        copy_folder(&self.scripts, &copy)?;
        Ok(copy)
    }

    /// Times both programs in turn; `each` hears of every time (round, name, ns per unit).
    ///
    /// # Errors
    /// If a command fails or leaves no time.
    pub fn run(&self, pair: &Pair, scripts: &Path, each: &mut dyn FnMut(usize, &str, f64)) -> Result<Measurement> {
        let mut times = [vec![], vec![]];
        for round in 0..self.rounds.max(1) {
            // Who goes first alternates, so that a drift of the machine falls on both.
            for index in [round % 2, 1 - round % 2] {
                let (side, folder) = if index == 0 { (&pair.peer, scripts) } else { (&pair.ours, &*self.workspace) };
                let ns = self.time(side, folder)? * 1e9 / side.units;
                each(round, if index == 0 { &pair.peer.name } else { "ours" }, ns);
                times[index].push(ns);
            }
        }
        let [theirs, ours] = &times;
        let ratios: Vec<f64> = theirs.iter().zip(ours).map(|(t, o)| t / o).collect();
        let slug: String = pair.peer.name.chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect();
        let mut found = Measurement::new(format!("{}/{slug}", pair.name), Tool::Peers)
            .with(name::RATIO, geometric(&ratios))
            .with("theirs_ns", geometric(theirs))
            .with("ours_ns", geometric(ours));
        found.arguments = hash(&[&pair.unit, &pair.peer.units.to_string(), &pair.ours.units.to_string()]);
        Ok(found)
    }

    /// The other program's points for the figures of error against time.
    ///
    /// # Errors
    /// If its last run left no such numbers.
    pub fn points(&self, pair: &Pair, scripts: &Path) -> Result<Vec<Measurement>> {
        let read = |point: &Point| {
            Ok(Measurement::new(point.bench.clone(), Tool::Peers)
                .with(name::TIME_NS, Measure::exact(1e9 * point.seconds.read(scripts)?))
                .with(name::ERROR, Measure::exact(point.error.read(scripts)?)))
        };
        pair.points.iter().map(read).collect()
    }

    fn time(&self, side: &Side, folder: &Path) -> Result<f64> {
        let words: Vec<String> = side.command.iter().map(|w| w.replace("{python}", &self.python)).collect();
        let failed = |reason: String| Error::Command { command: words.join(" "), reason };
        if let Seconds::File(Place { file, .. }) = &side.seconds {
            // A result of an earlier session must not pass for one of this.
            match std::fs::remove_file(folder.join(file)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&folder.join(file), e)),
                _ => {}
            }
        }
        let begin = Instant::now();
        let output = child::command(&words[0])
            .args(&words[1..])
            .envs(&side.environment)
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| failed(format!("could not be started ({e})")))?;
        let wall = begin.elapsed().as_secs_f64();
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let last: Vec<&str> = text.lines().rev().filter(|l| !l.trim().is_empty()).take(3).collect();
            return Err(failed(format!(
                "failed ({}): {}",
                output.status,
                last.into_iter().rev().collect::<Vec<_>>().join(" | ")
            )));
        }
        let seconds = match &side.seconds {
            Seconds::Wall => wall,
            Seconds::Criterion(id) => criterion_seconds(&self.target, id)?,
            Seconds::File(place) => place.read(folder)?,
        };
        if seconds.is_finite() && seconds > 0.0 { Ok(seconds) } else { Err(failed(format!("took {seconds} s"))) }
    }
}

fn criterion_seconds(target: &Path, id: &str) -> Result<f64> {
    let folder = target.join("criterion");
    let new =
        walk::named(&folder, "benchmark.json").into_iter().filter(|f| f.parent().is_some_and(|p| p.ends_with("new")));
    let found = new.filter_map(|f| criterion::read(&f).ok()).find(|m| m.bench == id);
    found
        .and_then(|m| m.value(name::TIME_NS))
        .map(|ns| ns / 1e9)
        .ok_or_else(|| Error::content(&folder, format!("criterion left no result of `{id}`")))
}

/// Geometric mean with the interval of Student's distribution; without an interval for a single value.
fn geometric(values: &[f64]) -> Measure {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| v.ln()).sum::<f64>() / n;
    if values.len() < 2 {
        return Measure::exact(mean.exp());
    }
    let variance = values.iter().map(|v| (v.ln() - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = student_95(values.len() - 1) * (variance / n).sqrt();
    Measure::estimate(mean.exp(), (mean - half).exp(), (mean + half).exp())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let entries = std::fs::read_dir(from).map_err(|e| Error::file(from, e))?;
    std::fs::create_dir_all(to).map_err(|e| Error::file(to, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| Error::file(from, e))?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            // Read and written, so that a copy of a read-only file may be overwritten.
            let bytes = std::fs::read(&path).map_err(|e| Error::file(&path, e))?;
            std::fs::write(&copy, bytes).map_err(|e| Error::file(&copy, e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_runs_in_turn_and_gives_the_ratio_with_its_interval() {
        let folder = tempfile::tempdir().unwrap();
        let scripts = folder.path().join("scripts");
        std::fs::create_dir_all(&scripts).unwrap();
        std::fs::write(scripts.join("peer.sh"), "echo '{\"t\": [6.0], \"e\": 0.5}' > out.json\n").unwrap();
        let file = folder.path().join("pairs.toml");
        let text = r#"
            [[pair]]
            name = "work"
            unit = "step"
            peer = { name = "Other 1.0", command = ["sh", "peer.sh"], seconds = { file = "out.json", pointer = "/t/0" }, units = 3 }
            ours = { command = ["sh", "-c", "echo '{\"t\": 2}' > ours.json"], seconds = { file = "ours.json", pointer = "/t" }, units = 2 }
            points = [{ bench = "w/p/m/1", seconds = { file = "out.json", pointer = "/t/0" }, error = { file = "out.json", pointer = "/e" } }]
        "#;
        std::fs::write(&file, text).unwrap();
        let pairs = Pairs::read(&file).unwrap();
        let session = Session {
            scripts,
            workspace: folder.path().to_owned(),
            target: folder.path().join("target"),
            python: "python3".into(),
            rounds: 3,
        };
        let copy = session.prepare().unwrap();
        let mut heard = vec![];
        let found = session.run(&pairs.pair[0], &copy, &mut |_, who, ns| heard.push((who.to_owned(), ns))).unwrap();
        assert_eq!(found.bench, "work/Other-1.0");
        let ratio = found.measures["ratio"];
        assert!((ratio.value - 2.0).abs() < 1e-12 && ratio.low.unwrap() > 1.99, "{ratio:?}");
        let order: Vec<&str> = heard.iter().map(|h| h.0.as_str()).collect();
        assert_eq!(order, ["Other 1.0", "ours", "ours", "Other 1.0", "Other 1.0", "ours"]);
        let points = session.points(&pairs.pair[0], &copy).unwrap();
        assert_eq!((points[0].value("time_ns"), points[0].value("error")), (Some(6e9), Some(0.5)));
        // A script that leaves nothing must not be answered from an earlier result.
        std::fs::write(copy.join("peer.sh"), "true\n").unwrap();
        let error = session.run(&pairs.pair[0], &copy, &mut |_, _, _| ()).unwrap_err().to_string();
        assert!(error.contains("out.json"), "{error}");
        std::fs::write(copy.join("peer.sh"), "echo broken >&2; exit 3\n").unwrap();
        let error = session.run(&pairs.pair[0], &copy, &mut |_, _, _| ()).unwrap_err().to_string();
        assert!(error.contains("broken") && error.contains("exit status: 3"), "{error}");
        std::fs::write(&file, text.replace("units = 3", "units = 0")).unwrap();
        assert!(Pairs::read(&file).unwrap_err().to_string().contains("units above 0"));
    }

    #[test]
    fn the_mean_of_ratios_is_geometric() {
        let found = geometric(&[0.5, 2.0]);
        assert!((found.value - 1.0).abs() < 1e-12);
        assert!(found.low.unwrap() < 0.5 && found.high.unwrap() > 2.0);
        assert_eq!(geometric(&[3.0]).low, None);
    }
}
