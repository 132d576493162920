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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    interrupt::install();
    match commands::run(arguments) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
