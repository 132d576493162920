//! The store: one folder for each result, under its key.
//!
//! ```text
//! store/objects/ab/abcd.../   record.json and the files it lists with their hashes
//! store/scratch/abcd.../      checkpoints of unfinished work
//! store/locks/abcd....lock    locked by the kernel while someone works on the key
//! store/partial/              results being written
//! ```
//! A result is written to `partial`, synced, and renamed into place, so it is there whole or not at all. Locks are advisory locks
//! of the kernel, released when their process ends however it ends. Every file is checked against its hash before it is used;
//! a damaged object is set aside and computed again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rheobase_core::Estimate;
use rheobase_data::npy::write_npz;
use serde::{Deserialize, Serialize};

use crate::registry::{FigureFile, Outcome};
use crate::{Error, Result};

/// What an object holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Key of the object.
    pub key: String,
    /// Kind of stage that made it.
    pub kind: String,
    /// blake3 and size of every file.
    pub files: BTreeMap<String, FileHash>,
    /// Scalar metrics.
    pub metrics: BTreeMap<String, Estimate>,
    /// Names of arrays in `arrays.npz`.
    pub arrays: Vec<String>,
    /// Names of tables, each a `.parquet` file.
    pub tables: Vec<String>,
    /// Figures, each a `.svg` file.
    pub figures: Vec<FigureFile>,
}

/// Hash and size of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// blake3 in hexadecimal.
    pub blake3: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// How an object was made; kept beside the record, outside every hash.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Wall time in s.
    pub wall_s: f64,
    /// Peak resident memory of the process at the end, in MiB.
    pub peak_memory_mib: f64,
}

/// State of a key in the store.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// There and whole.
    Present(Box<Record>),
    /// Not there.
    Absent,
    /// There but damaged, with the reason.
    Damaged(String),
}

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens (and makes, where needed) a store.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { root: root.into() };
        for part in ["objects", "scratch", "locks", "partial"] {
            let folder = store.root.join(part);
            std::fs::create_dir_all(&folder).map_err(Error::io("cannot create", &folder))?;
        }
        Ok(store)
    }

    /// Folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Folder of an object.
    pub fn object(&self, key: &str) -> PathBuf {
        self.root.join("objects").join(&key[..2.min(key.len())]).join(key)
    }

    /// Folder for checkpoints of a key.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn scratch(&self, key: &str) -> Result<PathBuf> {
        let folder = self.root.join("scratch").join(key);
        std::fs::create_dir_all(&folder).map_err(Error::io("cannot create", &folder))?;
        Ok(folder)
    }

    /// Whether unfinished work on a key is kept.
    pub fn has_checkpoint(&self, key: &str) -> bool {
        std::fs::read_dir(self.root.join("scratch").join(key)).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Waits for the lock of a key; it is released when the guard is dropped or the process ends.
    ///
    /// # Errors
    /// If the lock file cannot be opened or the file system has no locks.
    pub fn lock(&self, key: &str) -> Result<File> {
        let path = self.root.join("locks").join(format!("{key}.lock"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("cannot open", &path))?;
        file.lock().map_err(Error::io("cannot lock", &path))?;
        Ok(file)
    }

    /// Looks a key up and checks every file against its hash.
    pub fn state(&self, key: &str) -> State {
        let folder = self.object(key);
        let path = folder.join("record.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            return if folder.exists() { State::Damaged("record.json is missing".into()) } else { State::Absent };
        };
        let record: Record = match serde_json::from_str(&text) {
            Ok(record) => record,
            Err(error) => return State::Damaged(format!("record.json: {error}")),
        };
        for (name, expected) in &record.files {
            match hash_file(&folder.join(name)) {
                Ok(found) if found == *expected => {}
                Ok(found) => {
                    return State::Damaged(format!(
                        "{name} has blake3 {}, {} was stored",
                        &found.blake3[..16],
                        &expected.blake3[..16]
                    ));
                }
                Err(error) => return State::Damaged(format!("{name}: {error}")),
            }
        }
        State::Present(Box::new(record))
    }

    /// Cost of an object, if it was recorded.
    pub fn cost(&self, key: &str) -> Option<Cost> {
        serde_json::from_str(&std::fs::read_to_string(self.object(key).join("cost.json")).ok()?).ok()
    }

    /// Removes a damaged object, so that it is computed again.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn discard(&self, key: &str) -> Result<()> {
        let folder = self.object(key);
        std::fs::remove_dir_all(&folder).map_err(Error::io("cannot remove", &folder))
    }

    /// Writes an outcome under its key and removes the key's checkpoints.
    ///
    /// # Errors
    /// If the disk fails; nothing half-written is left under the key.
    pub fn put(&self, key: &str, kind: &str, outcome: &Outcome, cost: Cost) -> Result<Record> {
        let partial = self.root.join("partial").join(format!("{key}.{}", std::process::id()));
        let result = self.write_object(&partial, key, kind, outcome, cost);
        if result.is_err() {
            // The first error is the one to report; what cannot be removed now is removed by the next attempt.
            let _ = std::fs::remove_dir_all(&partial);
        }
        result
    }

    fn write_object(&self, partial: &Path, key: &str, kind: &str, outcome: &Outcome, cost: Cost) -> Result<Record> {
        if partial.exists() {
            std::fs::remove_dir_all(partial).map_err(Error::io("cannot remove", partial))?;
        }
        std::fs::create_dir_all(partial).map_err(Error::io("cannot create", partial))?;
        let mut names: Vec<String> = Vec::new();
        if !outcome.arrays.is_empty() {
            write_npz(&partial.join("arrays.npz"), &outcome.arrays)?;
            names.push("arrays.npz".into());
        }
        for (name, table) in &outcome.tables {
            let name = format!("{name}.parquet");
            table.write_parquet(&partial.join(&name))?;
            names.push(name);
        }
        let figures = outcome.figures.iter().map(|f| (format!("{}.svg", f.name), f.svg.as_bytes()));
        let files = outcome.files.iter().map(|(name, bytes)| (name.clone(), &bytes[..]));
        for (name, bytes) in figures.chain(files) {
            let path = partial.join(&name);
            std::fs::write(&path, bytes).map_err(Error::io("cannot write", &path))?;
            names.push(name);
        }
        let mut files = BTreeMap::new();
        for name in names {
            let path = partial.join(&name);
            files.insert(name, hash_file(&path).map_err(Error::io("cannot read", &path))?);
            File::open(&path).and_then(|f| f.sync_all()).map_err(Error::io("cannot sync", &path))?;
        }
        let record = Record {
            key: key.to_owned(),
            kind: kind.to_owned(),
            files,
            metrics: outcome.metrics.clone(),
            arrays: outcome.arrays.keys().cloned().collect(),
            tables: outcome.tables.keys().cloned().collect(),
            figures: outcome.figures.iter().map(|f| FigureFile { svg: String::new(), ..f.clone() }).collect(),
        };
        write_synced(&partial.join("cost.json"), crate::plan::to_json(&cost).as_bytes())?;
        write_synced(&partial.join("record.json"), crate::plan::to_json(&record).as_bytes())?;
        let target = self.object(key);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(Error::io("cannot create", parent))?;
        }
        if target.exists() {
            std::fs::remove_dir_all(&target).map_err(Error::io("cannot remove", &target))?;
        }
        std::fs::rename(partial, &target).map_err(Error::io("cannot rename", partial))?;
        let scratch = self.root.join("scratch").join(key);
        if scratch.exists() {
            std::fs::remove_dir_all(&scratch).map_err(Error::io("cannot remove", &scratch))?;
        }
        Ok(record)
    }
}

fn hash_file(path: &Path) -> std::io::Result<FileHash> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hasher)?;
    Ok(FileHash { blake3: hasher.finalize().to_hex().to_string(), bytes })
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(Error::io("cannot create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::io("cannot write", path))
}

/// Writes a file behind its hash, for work that a later run goes on with.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_sealed(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, &[blake3::hash(bytes).as_bytes(), bytes].concat())
}

/// Reads a file that [`write_sealed`] wrote; none if it is not there or not whole.
pub fn read_sealed(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let (hash, rest) = bytes.split_first_chunk::<32>()?;
    (blake3::hash(rest).as_bytes() == hash).then(|| rest.to_vec())
}

/// Writes a file whole or not at all: to a neighbour, synced, renamed.
///
/// # Errors
/// If the disk fails; the old file is then still there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io("cannot create", parent))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let result = write_synced(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, path).map_err(Error::io("cannot rename", &partial)));
    if result.is_err() {
        // As above: the first error is the one to report.
        let _ = std::fs::remove_file(&partial);
    }
    result
}
