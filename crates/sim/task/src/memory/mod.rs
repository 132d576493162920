//! Tasks that ask for something shown earlier.

mod adding;
mod copy;
mod delayed_match;
mod flip_flop;
mod two_delays;
mod working_memory;

pub use adding::Adding;
pub use copy::Copy;
pub use delayed_match::DelayedMatch;
pub use flip_flop::FlipFlop;
pub use two_delays::TwoDelays;
pub use working_memory::WorkingMemory;
