//! Home of the criterion benchmarks; see `benches/README.md`.
