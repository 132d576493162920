//! What a benchmark measured that neither criterion nor gungraun knows: errors, memory, sizes.
//!
//! A file `target/rheobase-perf/NAME.json` holds an array of [`Measurement`]s. Any program of any workspace may write one, by
//! [`write()`] or by other means.

use std::path::{Path, PathBuf};

use crate::{Error, Measurement, Result};

/// Folder below the target directory.
pub const FOLDER: &str = "rheobase-perf";

/// The target directory that the running program was built in: the folder above it that cargo has tagged.
///
/// # Errors
/// If there is none.
pub fn target_directory() -> Result<PathBuf> {
    let program = std::env::current_exe().map_err(|e| Error::file(Path::new("the running program"), e))?;
    let tagged = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged.map(Path::to_owned).ok_or_else(|| Error::content(&program, "it lies in no target directory of cargo"))
}

/// Writes the observations of one benchmark program, in place of those it wrote before.
///
/// # Errors
/// If the file cannot be written.
pub fn write(program: &str, found: &[Measurement]) -> Result<PathBuf> {
    let folder = target_directory()?.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|e| Error::file(&folder, e))?;
    let path = folder.join(format!("{program}.json"));
    let text = serde_json::to_string_pretty(found).map_err(|e| Error::content(&path, e))?;
    std::fs::write(&path, text + "\n").map_err(|e| Error::file(&path, e))?;
    Ok(path)
}

/// Reads the observations in one file.
///
/// # Errors
/// If the file cannot be read, is not an array of measurements, or one of its numbers is not a number.
pub fn read(path: &Path) -> Result<Vec<Measurement>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, e))?;
    let found: Vec<Measurement> =
        serde_json::from_str(&text).map_err(|e| Error::content(path, format!("not an array of measurements ({e})")))?;
    for measurement in &found {
        for (name, measure) in &measurement.measures {
            if !measure.is_sound() {
                return Err(Error::content(
                    path,
                    format!("`{name}` of `{}` is {} and not within its interval", measurement.bench, measure.value),
                ));
            }
        }
    }
    Ok(found)
}
