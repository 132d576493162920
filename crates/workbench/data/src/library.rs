//! The library of data sets: manifests, and where each file's bytes are found.
//!
//! A file is looked for in the data directory first (`<directory>/<data set>/<file>`), so a local copy is always used;
//! then in the program itself, which carries the digits and the photographs.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::error::read_file;
use crate::manifest::{Manifest, sha256};
use crate::{Error, Result};

macro_rules! dataset {
    ($path:literal) => {
        include_str!(concat!("../../../../datasets/", $path))
    };
}

macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../../../datasets/", $path)))),+]
    };
}

/// Every manifest; adding a data set is one file under `datasets/` and one line here.
const MANIFESTS: &[(&str, &str)] = &[
    ("datasets/digits.toml", dataset!("digits.toml")),
    ("datasets/photographs.toml", dataset!("photographs.toml")),
    ("datasets/mnist.toml", dataset!("mnist.toml")),
    ("datasets/fashion-mnist.toml", dataset!("fashion-mnist.toml")),
    ("datasets/layer-5-pyramidal.toml", dataset!("layer-5-pyramidal.toml")),
    ("datasets/object-images-92.toml", dataset!("object-images-92.toml")),
    ("datasets/hippocampal-place-cell.toml", dataset!("hippocampal-place-cell.toml")),
    ("datasets/subthalamic-movement.toml", dataset!("subthalamic-movement.toml")),
    ("datasets/postsubiculum-units.toml", dataset!("postsubiculum-units.toml")),
    ("datasets/brain-score-example.toml", dataset!("brain-score-example.toml")),
];

/// Files carried by the program, by path under `datasets/`.
const EMBEDDED: &[(&str, &[u8])] = embedded![
    "digits/images.idx3-ubyte.gz",
    "digits/labels.idx1-ubyte.gz",
    "photographs/astronaut.png",
    "photographs/brick.png",
    "photographs/camera.png",
    "photographs/chelsea.png",
    "photographs/coffee.png",
    "photographs/grass.png",
    "photographs/gravel.png",
    "photographs/rocket.png",
];

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the data directory.
    Local(PathBuf),
    /// In the program.
    Embedded,
    /// Not here; it can be fetched from the manifest's address.
    Absent,
}

/// The data sets known to this program and the directory of local copies.
#[derive(Debug, Clone)]
pub struct Library {
    directory: PathBuf,
    manifests: Vec<Manifest>,
}

impl Library {
    /// A library whose local copies live in `directory`.
    ///
    /// # Errors
    /// If a manifest is not valid (a defect of this program; tested).
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self> {
        let manifests = MANIFESTS.iter().map(|(name, text)| Manifest::parse(name, text)).collect::<Result<Vec<_>>>()?;
        Ok(Self { directory: directory.into(), manifests })
    }

    /// The directory of local copies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All manifests.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// A manifest by name.
    ///
    /// # Errors
    /// If there is none; the message lists those that exist.
    pub fn manifest(&self, name: &str) -> Result<&Manifest> {
        self.manifests.iter().find(|m| m.name == name).ok_or_else(|| Error::Unknown {
            what: "data set",
            found: name.to_owned(),
            known: self.manifests.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Path of the local copy of a file, whether or not it exists.
    pub fn local_path(&self, dataset: &str, file: &str) -> PathBuf {
        self.directory.join(dataset).join(file)
    }

    /// Where a file's bytes are.
    pub fn place(&self, dataset: &str, file: &str) -> Place {
        let local = self.local_path(dataset, file);
        if local.is_file() {
            Place::Local(local)
        } else if embedded_bytes(dataset, file).is_some() {
            Place::Embedded
        } else {
            Place::Absent
        }
    }

    /// The bytes of a file, checked against the manifest.
    ///
    /// # Errors
    /// If the file is unknown, not here, unreadable, or its checksum differs.
    pub fn bytes(&self, dataset: &str, file: &str) -> Result<Cow<'static, [u8]>> {
        let described = self.manifest(dataset)?.file(file)?;
        let bytes = match self.place(dataset, file) {
            Place::Local(path) => Cow::Owned(read_file(&path)?),
            Place::Embedded => Cow::Borrowed(embedded_bytes(dataset, file).unwrap_or_default()),
            Place::Absent => {
                return Err(Error::Missing {
                    dataset: dataset.to_owned(),
                    name: file.to_owned(),
                    path: self.directory.join(dataset),
                });
            }
        };
        described.verify(&bytes)?;
        Ok(bytes)
    }
    /// Copies a file that belongs to a data set, by its checksum, into the data directory; returns data set and file.
    ///
    /// # Errors
    /// If the file cannot be read or copied, or belongs to no data set.
    pub fn import(&self, path: &Path) -> Result<(String, String)> {
        let bytes = read_file(path)?;
        let sum = sha256(&bytes);
        for manifest in &self.manifests {
            if let Some(file) = manifest.files.iter().find(|f| f.sha256 == sum) {
                let target = self.local_path(&manifest.name, &file.name);
                let partial = target.with_extension("partial");
                if let Some(folder) = target.parent() {
                    std::fs::create_dir_all(folder).map_err(Error::io("cannot create", folder))?;
                }
                std::fs::write(&partial, &bytes).map_err(Error::io("cannot write", &partial))?;
                std::fs::rename(&partial, &target).map_err(Error::io("cannot rename to", &target))?;
                return Ok((manifest.name.clone(), file.name.clone()));
            }
        }
        Err(Error::Unknown {
            what: "data set with a file of this checksum",
            found: format!("{} ({sum})", path.display()),
            known: self.manifests.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

fn embedded_bytes(dataset: &str, file: &str) -> Option<&'static [u8]> {
    let path = format!("{dataset}/{file}");
    EMBEDDED.iter().find(|(name, _)| *name == path).map(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_file_is_in_a_manifest_and_matches_its_checksum() {
        let library = Library::new("does-not-exist").unwrap();
        for (path, _) in EMBEDDED {
            let (dataset, file) = path.split_once('/').unwrap();
            library.bytes(dataset, file).unwrap();
        }
    }

    #[test]
    fn a_local_copy_wins_and_a_wrong_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(folder.path()).unwrap();
        let path = library.local_path("digits", "labels.idx1-ubyte.gz");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"not the labels").unwrap();
        assert_eq!(library.place("digits", "labels.idx1-ubyte.gz"), Place::Local(path));
        let error = library.bytes("digits", "labels.idx1-ubyte.gz").unwrap_err();
        assert!(matches!(error, Error::Checksum { .. }), "{error}");
    }

    #[test]
    fn a_file_is_taken_in_by_its_checksum_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(folder.path().join("data")).unwrap();
        let path = folder.path().join("some name");
        std::fs::write(&path, embedded_bytes("digits", "labels.idx1-ubyte.gz").unwrap()).unwrap();
        assert_eq!(library.import(&path).unwrap(), ("digits".into(), "labels.idx1-ubyte.gz".into()));
        assert!(matches!(library.place("digits", "labels.idx1-ubyte.gz"), Place::Local(_)));
        library.bytes("digits", "labels.idx1-ubyte.gz").unwrap();
        std::fs::write(&path, b"other bytes").unwrap();
        assert!(library.import(&path).unwrap_err().to_string().contains("checksum"));
    }

    #[test]
    fn a_missing_data_set_says_how_to_get_it() {
        let library = Library::new("nowhere").unwrap();
        let message = library.bytes("mnist", "train-images-idx3-ubyte.gz").unwrap_err().to_string();
        assert!(message.contains("rheobase data fetch mnist"), "{message}");
        assert!(library.manifest("mnits").unwrap_err().to_string().contains("digits, photographs, mnist"));
    }
}
