//! Data sets, file formats, tables and published targets.
//!
//! | module | what |
//! |---|---|
//! | [`table`] | typed columns, read and written as CSV and Parquet |
//! | [`idx`] | IDX files (MNIST as distributed), plain or gzipped |
//! | [`npy`] | NPY and NPZ arrays |
//! | [`mat`] | MATLAB files, version 5 and 7.3 |
//! | [`nwb`] | Neurodata Without Borders: units, trials, time series |
//! | [`assembly`] | Brain-Score assemblies (netCDF-4) |
//! | [`event_tables`] | recordings from tables of events: CSV, Parquet, NPZ, the arrays of a spike sorter |
//! | [`recording`], [`dissimilarities`] | real recordings and published dissimilarity matrices of the library |
//! | [`image`] | PNG images as grey levels |
//! | [`manifest`] | what a data set is: files, checksums, licence, citation |
//! | [`fetch`] | resumable download with checksum |
//! | [`library`] | where a data set's bytes come from: the program itself, a local copy, or the network |
//! | [`photographs`], [`digits`] | the embedded natural images and handwritten digits |
//! | [`target`] | published brain figures |

pub mod assembly;
pub mod digits;
pub mod dissimilarities;
mod error;
pub mod event_tables;
pub mod fetch;
mod hdf5;
mod hdf5_write;
pub mod idx;
pub mod image;
pub mod library;
pub mod manifest;
pub mod mat;
pub mod npy;
pub mod nwb;
mod parquet_file;
pub mod photographs;
pub mod recording;
pub mod table;
pub mod target;

pub use error::{Error, Result};
pub use table::{Column, Table};
