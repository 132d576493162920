//! Commands as a shell would start them.
//!
//! `cargo run` tells the program about its own package by variables that a cargo started from there passes on; build scripts that
//! watch them (ring's, for one) then run again, and everything above is compiled anew.

use std::process::Command;

/// A command without what an outer cargo said of its package.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_of_a_package) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether cargo sets this variable for a package that it builds or runs.
fn is_of_a_package(name: &str) -> bool {
    let starts = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CFG_", "CARGO_FEATURE_"];
    starts.iter().any(|s| name.starts_with(s))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_of_an_outer_cargo_is_forgotten_and_nothing_else() {
        // Cargo runs this test and says which package it is of.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let output = command("env").env("CARGO_TARGET_DIR", "kept").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("CARGO_PKG_") && !text.contains("CARGO_MANIFEST_"), "{text}");
        assert!(text.contains("CARGO_TARGET_DIR=kept") && text.contains("PATH="), "{text}");
    }
}
