//! Tasks that ask for a pattern in time.

mod ready_set_go;
mod sine;
mod temporal_xor;

pub use ready_set_go::ReadySetGo;
pub use sine::SineGenerator;
pub use temporal_xor::TemporalXor;
