//! No reader panics, whatever the bytes: random ones, and valid files with bytes changed or cut off.

mod files;

use std::collections::BTreeMap;

use ndarray::array;
use proptest::prelude::*;
use rheobase_data::assembly::Assembly;
use rheobase_data::manifest::Manifest;
use rheobase_data::mat::MatFile;
use rheobase_data::npy::{Array, read_npy, read_npz, write_npz};
use rheobase_data::nwb::NwbFile;
use rheobase_data::{Table, idx, image};

fn feed_all_readers(bytes: &[u8]) {
    // Whether it is an error does not matter here; that it returns does.
    let _ = idx::read("x", bytes);
    let _ = read_npy("x", bytes);
    let _ = read_npz("x", bytes);
    let _ = image::read_png("x", bytes);
    let _ = Table::from_csv("x", bytes);
    let _ = Table::from_parquet("x", bytes);
    let _ = Manifest::parse("x", &String::from_utf8_lossy(bytes));
    let _ = MatFile::parse("x", bytes);
    let _ = Assembly::from_bytes("x", bytes.to_vec()).map(|a| drop(a.to_table("x")));
    if let Ok(file) = NwbFile::from_bytes("x", bytes.to_vec()) {
        let _ = file.units(None);
        let _ = file.trials();
        if let Ok(paths) = file.series_paths() {
            paths.iter().for_each(|path| drop(file.series(path).map(|s| s.read(0, s.rows().min(100)))));
        }
    }
}

/// One small valid file of each format.
fn valid_files() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let table =
        Table::new().with("a", vec![1.0, 2.0]).unwrap().with("b", vec!["x".to_owned(), "y".to_owned()]).unwrap();
    let parquet = folder.path().join("t.parquet");
    table.write_parquet(&parquet).unwrap();
    let npz = folder.path().join("a.npz");
    write_npz(&npz, &BTreeMap::from([("x".to_owned(), Array::F64(array![1.0, 2.0, 3.0].into_dyn()))])).unwrap();
    let mut all = vec![std::fs::read(parquet).unwrap(), std::fs::read(npz).unwrap(), table.to_csv().into_bytes()];
    all.extend([files::mat_v5(), files::mat_v73(), files::nwb()]);
    all.push(files::netcdf(
        &[("presentation", 2), ("neuroid", 2)],
        &[0.0; 4],
        &[("stimulus_id", &["a", "b"])],
        &[("time", &[1.0])],
    ));
    all.push(vec![0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]);
    // Read when the test runs: one target folder may serve several clones.
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let datasets = std::path::Path::new(&package).join("../../../datasets");
    all.push(std::fs::read(datasets.join("digits/labels.idx1-ubyte.gz")).unwrap());
    all.push(std::fs::read(datasets.join("photographs/rocket.png")).unwrap());
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        feed_all_readers(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_valid_beginning_never_panic(
        beginning in prop_oneof![
            Just(b"\x93NUMPY\x01\x00".to_vec()),
            Just(b"PK\x03\x04".to_vec()),
            Just(b"PAR1".to_vec()),
            Just(b"\x89PNG\r\n\x1a\n".to_vec()),
            Just(b"\x89HDF\r\n\x1a\n\x00\x00\x00\x00\x00\x08\x08\x00".to_vec()),
            Just([vec![b' '; 124], b"\x00\x01IM\x0e\x00\x00\x00".to_vec()].concat()),
            Just(vec![0, 0, 8, 3]),
            Just(vec![0x1f, 0x8b, 8]),
        ],
        rest in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = beginning.clone();
        bytes.extend(rest);
        bytes.extend(beginning);
        feed_all_readers(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn damaged_valid_files_never_panic(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        for mut bytes in valid_files() {
            // The large picture only needs its first part to be reached.
            for (place, value) in &flips {
                let length = bytes.len().min(4000);
                bytes[place.index(length)] = *value;
            }
            if truncate {
                let length = cut.index(bytes.len());
                bytes.truncate(length);
            }
            feed_all_readers(&bytes);
        }
    }
}
