//! Files below a folder.

use std::path::{Path, PathBuf};

/// All files of this name below a folder, in the order of their paths; none where the folder is missing.
pub fn named(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            // Links are not followed: they could lead in circles.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() && entry.file_name() == name => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}
