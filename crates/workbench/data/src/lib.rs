//! Data sets, file formats, tables and published targets.
//!
//! | module | what |
//! |---|---|
//! | [`table`] | typed columns, read and written as CSV and Parquet |
//! | [`idx`] | IDX files (MNIST as distributed), plain or gzipped |
//! | [`npy`] | NPY and NPZ arrays |
//! | [`image`] | PNG images as grey levels |
//! | [`manifest`] | what a data set is: files, checksums, licence, citation |
//! | [`fetch`] | resumable download with checksum |
//! | [`library`] | where a data set's bytes come from: the program itself, a local copy, or the network |
//! | [`photographs`], [`digits`] | the embedded natural images and handwritten digits |
//! | [`target`] | published brain figures |

pub mod digits;
mod error;
pub mod fetch;
pub mod idx;
pub mod image;
pub mod library;
pub mod manifest;
pub mod npy;
mod parquet_file;
pub mod photographs;
pub mod table;
pub mod target;

pub use error::{Error, Result};
pub use table::{Column, Table};
