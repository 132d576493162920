//! MAT and NWB files of every form the formats allow, and what is said of damaged ones.

mod files;

use rheobase_data::Column;
use rheobase_data::mat::{MatFile, MatValue};
use rheobase_data::nwb::NwbFile;

#[test]
fn both_versions_of_mat_give_the_same_values() {
    let old = MatFile::parse("old", &files::mat_v5()).unwrap();
    let new = MatFile::parse("new", &files::mat_v73()).unwrap();
    for name in ["numbers", "truth", "text", "cells"] {
        assert_eq!(old.variable(name).unwrap(), new.variable(name).unwrap(), "{name}");
    }
    let numbers = old.numbers("numbers").unwrap();
    assert_eq!((numbers[[0, 0]], numbers[[1, 0]], numbers[[0, 1]]), (1.0, 2.0, 3.0));
    assert_eq!(old.variable("text").unwrap().text(), Some("spikeμ"));
    let sparse = old.numbers("sparse").unwrap();
    assert_eq!((sparse[[2, 0]], sparse[[0, 1]], sparse.sum()), (7.0, -1.0, 6.0));
    for (file, fields) in [(&old, 2), (&new, 1)] {
        let units = file.variable("unit").unwrap().structs().unwrap();
        assert_eq!((units.len(), units[0].len()), (1, fields));
        assert_eq!(units[0]["rate"].numbers().unwrap().sum(), -3.0);
    }
    let MatValue::Structs(dims, elements) = new.variable("many").unwrap() else { panic!("not a struct array") };
    assert_eq!((dims.as_slice(), elements.len()), (&[1, 2][..], 2));
    assert_eq!(new.numbers("empty").unwrap().shape(), [0, 4]);
}

#[test]
fn an_nwb_file_with_new_groups_wide_indices_and_waveforms_is_read() {
    let file = NwbFile::from_bytes("small", files::nwb()).unwrap();
    let units = file.table("units").unwrap();
    assert_eq!(units.flat.column("id").unwrap(), &Column::Integer(vec![7, 8]));
    assert_eq!(units.flat.column("good").unwrap(), &Column::Bool(vec![true, false]));
    let waveforms = &units.ragged["waveforms"];
    assert_eq!((waveforms.width, waveforms.range(0), waveforms.range(1)), (2, 0..4, 4..6));
    let (spikes, _) = file.units(Some((0.0, 1.0))).unwrap();
    assert_eq!((spikes.unit(0), spikes.unit(1)), (&[0.1, 0.2][..], &[0.3][..]));
    // Without intervals or epochs the spikes themselves are the span.
    assert_eq!(file.units(None).unwrap().0.span_s(), (0.1, 0.3));
    assert_eq!(file.session()[1], ("identifier", Some("small".into())));
}

#[test]
fn damage_is_named_with_its_place() {
    let message = |bytes: &[u8]| MatFile::parse("x.mat", bytes).unwrap_err().to_string();
    assert!(message(b"short").contains("too short for a MAT header"));
    let whole = files::mat_v5();
    assert!(message(&whole[..whole.len() - 9]).contains("truncated"), "{}", message(&whole[..whole.len() - 9]));
    let mut wrong = whole.clone();
    wrong[144] = 16;
    assert!(message(&wrong).contains("object"), "{}", message(&wrong));
    let nwb = |bytes: Vec<u8>| NwbFile::from_bytes("x.nwb", bytes).unwrap_err().to_string();
    assert!(nwb(files::mat_v73()).contains("HDF5 without the attribute nwb_version"));
    assert!(nwb(b"not HDF5 at all".to_vec()).contains("x.nwb is not valid NWB"));
}
