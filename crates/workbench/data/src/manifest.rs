//! Manifests: what a data set is, where it comes from, how its bytes are recognised.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// One data set, as `datasets/<name>.toml` describes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name used in pipelines and on the command line.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Which reader its files need: `idx`, `png`, `morphology`, `recording`, `dissimilarities` or `assembly`.
    pub loader: String,
    /// Licence, as an SPDX identifier where one exists.
    pub licence: String,
    /// What to cite.
    pub citation: String,
    /// Anything a user should know about the bytes.
    #[serde(default)]
    pub note: String,
    /// Its files.
    pub files: Vec<ManifestFile>,
}

/// One file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Path inside the data set's folder.
    pub name: String,
    /// Where it can be downloaded; empty for files that come with the program only.
    #[serde(default)]
    pub address: String,
    /// sha256 of its bytes, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads a manifest from TOML.
    ///
    /// # Errors
    /// If a field is missing, unknown or of the wrong type.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| Error::format(name, "manifest", e))
    }

    /// A file by name.
    ///
    /// # Errors
    /// If the data set has no such file.
    pub fn file(&self, name: &str) -> Result<&ManifestFile> {
        self.files.iter().find(|file| file.name == name).ok_or_else(|| Error::Unknown {
            what: "file of this data set",
            found: name.to_owned(),
            known: self.files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// sha256 of bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl ManifestFile {
    /// Checks bytes against the checksum.
    ///
    /// # Errors
    /// With both checksums.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        let found = sha256(bytes);
        if found == self.sha256 {
            Ok(())
        } else {
            Err(Error::Checksum { name: self.name.clone(), found, expected: self.sha256.clone() })
        }
    }
}
