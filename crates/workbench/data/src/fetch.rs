//! Resumable download with checksum.
//!
//! Bytes go to `<file>.partial`; an interrupted download goes on where it stopped (HTTP range request), and the file gets its
//! name only after its checksum was found right.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rheobase_core::Progress;

use crate::error::read_file;
use crate::library::{Library, Place};
use crate::manifest::ManifestFile;
use crate::{Error, Result};

/// What happened to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It was here already, with the right checksum.
    Present,
    /// It was downloaded; `resumed_from` bytes were kept from an earlier attempt.
    Downloaded {
        /// Bytes that an earlier attempt had left.
        resumed_from: u64,
    },
}

/// Fetches every file of a data set that is not here.
///
/// # Errors
/// If the data set is unknown, a download fails, a checksum differs, or the user interrupts.
pub fn fetch_dataset(library: &Library, dataset: &str, progress: &dyn Progress) -> Result<Vec<(String, Fetched)>> {
    let manifest = library.manifest(dataset)?;
    let mut report = Vec::new();
    for file in &manifest.files {
        let outcome = match library.place(dataset, &file.name) {
            Place::Local(_) | Place::Embedded => {
                library.bytes(dataset, &file.name)?;
                Fetched::Present
            }
            Place::Absent => fetch_file(file, &library.local_path(dataset, &file.name), progress)?,
        };
        report.push((file.name.clone(), outcome));
    }
    Ok(report)
}

/// Downloads one file to `path`.
///
/// # Errors
/// If the server or the disk fails, the checksum differs (the partial file is then removed), or the user interrupts.
pub fn fetch_file(file: &ManifestFile, path: &Path, progress: &dyn Progress) -> Result<Fetched> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("cannot create", folder))?;
    }
    let partial = partial_path(path);
    let failed = |reason: String| Error::Download { address: file.address.clone(), reason };
    let mut have = std::fs::metadata(&partial).map_or(0, |m| m.len());
    let mut request = ureq::get(&file.address);
    if have > 0 {
        request = request.header("Range", format!("bytes={have}-"));
    }
    let mut response = match request.call() {
        // Nothing left to send: the partial file is whole (or longer than the file, which the checksum tells).
        Err(ureq::Error::StatusCode(416)) if have > 0 => return finish(file, &partial, path, have),
        Err(error) => return Err(failed(error.to_string())),
        Ok(response) => response,
    };
    // A server that ignores the range sends the whole file with status 200.
    let resumed = response.status().as_u16() == 206;
    if !resumed {
        have = 0;
    }
    let remaining = response.body().content_length();
    let total = remaining.map_or(0, |rest| rest + have);
    let mut out = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(&partial)
        .map_err(Error::io("cannot open", &partial))?;
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; 64 * 1024];
    let (resumed_from, mut done) = (have, have);
    loop {
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        let count =
            reader.read(&mut buffer).map_err(|e| failed(format!("{e} after {done} bytes; run again to go on")))?;
        if count == 0 {
            break;
        }
        out.write_all(&buffer[..count]).map_err(Error::io("cannot write", &partial))?;
        done += count as u64;
        progress.step(&file.name, done as usize, total as usize);
    }
    if total > 0 && done < total {
        return Err(failed(format!("the connection ended after {done} of {total} bytes; run again to go on")));
    }
    out.sync_all().map_err(Error::io("cannot write", &partial))?;
    drop(out);
    finish(file, &partial, path, resumed_from)
}

fn partial_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

fn finish(file: &ManifestFile, partial: &Path, path: &Path, resumed_from: u64) -> Result<Fetched> {
    if let Err(error) = file.verify(&read_file(partial)?) {
        std::fs::remove_file(partial).map_err(Error::io("cannot remove", partial))?;
        return Err(error);
    }
    std::fs::rename(partial, path).map_err(Error::io("cannot rename", partial))?;
    if let Some(folder) = path.parent() {
        // The rename itself must survive a power cut; a folder that cannot be synced is no reason to fail.
        let _ = File::open(folder).and_then(|f| f.sync_all());
    }
    Ok(Fetched::Downloaded { resumed_from })
}
