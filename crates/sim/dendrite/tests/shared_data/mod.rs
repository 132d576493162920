//! Where the folder of recordings and morphologies is.

use std::path::PathBuf;

/// Folder `shared/data` beside the project, if it is there; a test that skips without it says so.
#[allow(clippy::print_stdout)]
pub fn data_folder() -> Option<PathBuf> {
    let package = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").ok()?);
    let found = package.ancestors().map(|a| a.join("shared/data")).find(|f| f.is_dir());
    if found.is_none() {
        println!("skipped: no folder shared/data beside the project");
    }
    found
}
