//! The command line.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use rheobase_pipeline::{Role, Stage};

/// Does this model compute the way the brain does?
#[derive(Parser)]
#[command(name = "rheobase", version, about, long_about = None, propagate_version = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Settings of every command.
    #[command(flatten)]
    pub settings: Settings,
}

/// Settings of every command.
#[derive(Args, Clone)]
pub struct Settings {
    /// Print data as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder for reports and the store of results.
    #[arg(long, global = true, env = "RHEOBASE_REPORTS", default_value = "reports", value_hint = ValueHint::DirPath)]
    pub reports: PathBuf,
    /// Folder of local copies of data sets; by default `rheobase` in the user's data folder.
    #[arg(long, global = true, env = "RHEOBASE_DATA", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// Whether progress is shown as bars.
    #[arg(long, global = true, value_enum, default_value_t = ProgressChoice::Auto)]
    pub progress: ProgressChoice,
}

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// Bars on a terminal, lines elsewhere.
    Auto,
    /// Lines.
    Lines,
    /// Nothing.
    Never,
}

/// A pipeline with overrides.
#[derive(Args, Clone)]
pub struct PipelineArguments {
    /// The pipeline's TOML file.
    #[arg(value_hint = ValueHint::FilePath)]
    pub pipeline: PathBuf,
    /// Change a parameter: role.name.key=value, value in TOML. May be given again.
    #[arg(short = 's', long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// How nodes are run.
#[derive(Args, Clone)]
pub struct RunArguments {
    /// Nodes at a time; by default one for each core.
    #[arg(short, long)]
    pub jobs: Option<usize>,
    /// Memory for all running nodes together, in MiB; by default three quarters of what is available.
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u64>,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run a pipeline and write its report.
    Run {
        /// The pipeline.
        #[command(flatten)]
        pipeline: PipelineArguments,
        /// How.
        #[command(flatten)]
        run: RunArguments,
    },
    /// Check a pipeline: every mistake at once, without touching data.
    Check {
        /// The pipeline.
        #[command(flatten)]
        pipeline: PipelineArguments,
    },
    /// Say what would run, what is there, and why; write plan.lock.
    Plan {
        /// The pipeline.
        #[command(flatten)]
        pipeline: PipelineArguments,
        /// Where plan.lock goes; by default into the pipeline's report folder.
        #[arg(long, value_hint = ValueHint::FilePath)]
        lock: Option<PathBuf>,
    },
    /// Run one node of a frozen plan: what a cluster runs.
    Exec {
        /// The frozen plan.
        #[arg(long, value_hint = ValueHint::FilePath)]
        plan: PathBuf,
        /// Address (role.name) or key of the node.
        #[arg(long)]
        node: String,
    },
    /// Show which nodes of a pipeline are done, unfinished or waiting.
    Status {
        /// The pipeline.
        #[command(flatten)]
        pipeline: PipelineArguments,
    },
    /// List stages, architectures, objectives, learning rules, targets, systems or codes.
    List {
        /// What to list.
        #[arg(value_enum, default_value_t = Listing::Stages)]
        what: Listing,
    },
    /// Describe a kind of node, a part of a model, a data set, a target, a system or a code.
    Describe {
        /// Its name.
        #[arg(value_parser = PossibleValuesParser::new(describable()))]
        name: String,
    },
    /// List, verify or fetch data sets.
    Data {
        /// What to do.
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Write the report of a pipeline again from the store.
    Report {
        /// The pipeline.
        #[command(flatten)]
        pipeline: PipelineArguments,
    },
    /// Compare two runs: parameters that differ, metrics that changed.
    Diff {
        /// A report folder, a summary.json, or the name of a pipeline.
        a: PathBuf,
        /// The same.
        b: PathBuf,
    },
    /// Run the gallery and print the scoreboard.
    Reproduce {
        /// Systems of the catalogue, by id, comma separated; by default all.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Folder of the gallery.
        #[arg(long, default_value = "pipelines/gallery", value_hint = ValueHint::DirPath)]
        gallery: PathBuf,
        /// How.
        #[command(flatten)]
        run: RunArguments,
    },
    /// Keep and compare the benchmark results of any cargo workspace.
    Perf {
        /// What to do.
        #[command(subcommand)]
        command: PerfCommand,
    },
    /// Print the JSON schema of pipelines (draft 7), for editors.
    Schema,
    /// Print shell completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What `list` lists.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// Kinds of nodes.
    Stages,
    /// Architectures of models.
    Architectures,
    /// Objectives of models.
    Objectives,
    /// Learning rules of models.
    Rules,
    /// Published figures.
    Targets,
    /// Systems of the catalogue.
    Systems,
    /// Codes of messages.
    Codes,
}

/// What `data` does.
#[derive(Subcommand)]
pub enum DataCommand {
    /// List data sets and where they are.
    List,
    /// Check the files of data sets against their checksums.
    Verify {
        /// Data sets; by default all that are here.
        names: Vec<String>,
    },
    /// Take in files that were downloaded by other means; each is known by its checksum.
    Import {
        /// Files.
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
    },
    /// Write a recording of the library as an NWB file: units, trials and signals.
    Export {
        /// The recording.
        name: String,
        /// The file to write.
        #[arg(value_hint = ValueHint::FilePath)]
        path: PathBuf,
        /// Start of the session (ISO 8601 with time zone), where the source does not say it.
        #[arg(long, default_value = "1970-01-01T00:00:00+00:00")]
        start: String,
    },
    /// Download data sets; an interrupted download goes on where it stopped.
    Fetch {
        /// Data sets.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

/// Where the benchmarks of a workspace and their history are.
#[derive(Args, Clone)]
pub struct PerfArguments {
    /// The cargo workspace.
    #[arg(long, default_value = ".", value_hint = ValueHint::DirPath)]
    pub workspace: PathBuf,
    /// Its target directory; by default the one that cargo names.
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub target: Option<PathBuf>,
    /// The history; by default reports/performance.jsonl of the workspace.
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub history: Option<PathBuf>,
    /// Limits, units and renamed benchmarks; by default benches/perf.toml of the workspace, where there is one.
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub settings: Option<PathBuf>,
    /// Name of the project in the report; by default that of its folder.
    #[arg(long)]
    pub name: Option<String>,
}

/// Which results of a target directory are taken.
#[derive(Args, Clone)]
pub struct PerfResults {
    /// Run this bench first. May be given again.
    #[arg(long, value_name = "BENCH")]
    pub run: Vec<String>,
    /// Take results, too, that are older than the commit.
    #[arg(long)]
    pub stale: bool,
}

/// What `perf` does.
#[derive(Subcommand)]
pub enum PerfCommand {
    /// Append the results that criterion, gungraun and benches of one's own left in the target directory.
    Record {
        /// Where.
        #[command(flatten)]
        perf: PerfArguments,
        /// Which results.
        #[command(flatten)]
        results: PerfResults,
    },
    /// Compare the results in the target directory with the history; exit code 1 if something regressed.
    Compare {
        /// Where.
        #[command(flatten)]
        perf: PerfArguments,
        /// Which results.
        #[command(flatten)]
        results: PerfResults,
        /// Compare with the results of this commit instead of the latest.
        #[arg(long, value_name = "COMMIT")]
        baseline: Option<String>,
        /// A benchmark of the baseline that has no result now is a failure, too.
        #[arg(long)]
        all: bool,
    },
    /// Draw the history: peers, error against time, growth with size, trends.
    Report {
        /// Where.
        #[command(flatten)]
        perf: PerfArguments,
        /// The page; by default reports/performance.html.
        #[arg(short, long, value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
    /// Run other programs and ours in turn and print the ratio of their times.
    Peers {
        /// Where.
        #[command(flatten)]
        perf: PerfArguments,
        /// Folder of the other programs' scripts; a copy of it is used.
        #[arg(value_hint = ValueHint::DirPath)]
        scripts: PathBuf,
        /// The pairs; by default benches/peers.toml of the workspace.
        #[arg(long, value_hint = ValueHint::FilePath)]
        pairs: Option<PathBuf>,
        /// Python interpreter for the scripts.
        #[arg(long, default_value = "python3")]
        python: String,
        /// How often each program runs.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Only pairs whose name begins so, comma separated.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
}

/// Everything `describe` knows.
fn describable() -> Vec<String> {
    let registry = rheobase_stage::REGISTRY;
    let mut names: Vec<String> = Role::ALL
        .into_iter()
        .flat_map(|role| registry.of_role(role))
        .map(Stage::kind)
        .filter(|k| !k.is_empty())
        .map(str::to_owned)
        .collect();
    names.push("model".into());
    for part in ["architecture", "objective", "learning"] {
        names.extend(crate::commands::parts(part).into_iter().map(|(kind, ..)| kind));
    }
    names.extend(rheobase_data::target::names().into_iter().map(str::to_owned));
    names.extend(crate::catalogue::systems().into_iter().map(|s| s.id));
    names.extend(rheobase_pipeline::diagnostic::CODES.iter().map(|(code, _)| (*code).to_owned()));
    if let Ok(library) = rheobase_data::library::Library::new("") {
        names.extend(library.manifests().iter().map(|m| m.name.clone()));
    }
    names.sort();
    names.dedup();
    names
}

impl Settings {
    /// Folder of local copies of data sets.
    pub fn data_folder(&self) -> PathBuf {
        if let Some(folder) = &self.data {
            return folder.clone();
        }
        let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".local/share");
        std::env::var_os("XDG_DATA_HOME").map_or_else(home, PathBuf::from).join("rheobase")
    }
}
