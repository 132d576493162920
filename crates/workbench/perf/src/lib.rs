//! Benchmark results of any cargo workspace: kept, compared with a baseline, drawn over time, and set beside other programs.
//!
//! | module | what |
//! |---|---|
//! | [`measurement`] | what a benchmark found: time with its interval, instructions, cache misses, error, memory |
//! | [`criterion`], [`gungraun`], [`observation`] | read from where those tools leave it in the target directory |
//! | [`child`] | commands started from a program that cargo itself may have started |
//! | [`collect`] | all of them together, without results older than the commit |
//! | [`circumstances`] | machine, compiler, commit, time |
//! | [`history`] | JSON lines, one for each benchmark of each run |
//! | [`settings`] | limits, units and renamed benchmarks (TOML) |
//! | [`compare`] | verdicts against the baseline |
//! | [`change_point`] | where a trend changed its level |
//! | [`scaling`] | exponents of benchmarks whose size grows |
//! | [`frontier`] | error against cost |
//! | [`peers`] | other programs and ours in turn, as a ratio |
//! | [`page`] | the report |

pub mod change_point;
pub mod child;
pub mod circumstances;
pub mod collect;
pub mod compare;
pub mod criterion;
mod error;
pub mod frontier;
pub mod gungraun;
pub mod history;
pub mod measurement;
pub mod observation;
pub mod page;
pub mod peers;
pub mod scaling;
pub mod settings;
mod walk;

pub use circumstances::{Circumstances, Machine};
pub use error::{Error, Result};
pub use history::{History, Record};
pub use measurement::{Measure, Measurement, Tool};
pub use settings::Settings;
