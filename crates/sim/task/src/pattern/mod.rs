//! Tasks that ask for a pattern in time.

mod digit_rows;
mod ready_set_go;
mod sine;
mod temporal_xor;

pub use digit_rows::DigitRows;
pub use ready_set_go::ReadySetGo;
pub use sine::SineGenerator;
pub use temporal_xor::TemporalXor;
