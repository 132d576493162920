//! Workloads that the criterion benches share with their twins under valgrind; see `benches/README.md`.

pub mod arrays;
pub mod cable;
#[path = "../../crates/sim/spiking/tests/benchmarks/mod.rs"]
pub mod networks;
pub mod plan;
pub mod recurrent;
pub mod session;
pub mod surrogate;
pub mod timing;
