//! The `rheobase` command.
//!
//! stdout is data, stderr is messages. Exit codes: 0 fine, 1 a node failed or an expectation was missed, 2 a mistake of the user,
//! 130 interrupted.

mod arguments;
mod catalogue;
mod commands;
mod diagnostics;
mod failure;
mod interrupt;
mod observer;
mod output;
mod pipeline;
mod provenance;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;

/// Training asks for the same megabytes in every iteration; the system's allocator gives them back to the system each time, and a third of
/// a step went into getting them again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    interrupt::install();
    match commands::run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
