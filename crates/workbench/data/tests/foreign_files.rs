//! MAT, NWB and netCDF files of every form the formats allow, and what is said of damaged ones.

mod files;

use std::collections::BTreeMap;

use ndarray::array;
use rheobase_core::SpikeTrains;
use rheobase_data::assembly::Assembly;
use rheobase_data::event_tables::{EventTables, SpikeTable};
use rheobase_data::mat::{MatFile, MatValue};
use rheobase_data::nwb::NwbFile;
use rheobase_data::nwb::write::{Session, bytes, write};
use rheobase_data::recording::{Recording, Signal};
use rheobase_data::{Column, Table};

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

fn recording() -> Recording {
    let spikes = SpikeTrains::from_units(vec![vec![0.5, 1.25], vec![], vec![3.0]], (0.0, 4.0)).unwrap();
    let units = Table::new()
        .with("id", vec![3_i64, 5, 9])
        .unwrap()
        .with("area", vec!["V1".to_owned(), "µ".to_owned(), String::new()])
        .unwrap()
        .with("good", vec![true, false, true])
        .unwrap();
    let trials = Table::new()
        .with("id", vec![0_i64, 1])
        .unwrap()
        .with("start_time", vec![0.0, 2.0])
        .unwrap()
        .with("stop_time", vec![1.0, 3.0])
        .unwrap()
        .with("direction", vec![0_i64, 1])
        .unwrap();
    let signal =
        |values: ndarray::Array2<f64>, unit: &str| Signal { times_s: vec![0.0, 0.1, 0.3], values, unit: unit.into() };
    let signals = BTreeMap::from([
        ("position".to_owned(), signal(array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "cm")),
        ("speed".to_owned(), signal(array![[1.0], [2.0], [3.0]], "")),
    ]);
    Recording { spikes, units, trials, signals }
}

fn session() -> Session {
    Session {
        description: "a small session".into(),
        identifier: "small-1".into(),
        start_time: "2026-01-02T03:04:05+00:00".into(),
    }
}

#[test]
fn a_written_recording_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.nwb");
    write(&path, &session(), &recording()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes("again", &session(), &recording()).unwrap());
    let back = Recording::of_file(&path, &["position".into(), "speed".into()]).unwrap();
    let mut expected = recording();
    expected.signals.get_mut("speed").unwrap().unit = "unknown".into();
    assert_eq!(back, expected);
}

#[test]
fn what_nwb_cannot_hold_is_refused() {
    let mut wrong = session();
    wrong.start_time = "yesterday".into();
    let message = bytes("x", &wrong, &recording()).unwrap_err().to_string();
    assert!(message.contains("is not like 2026-01-02T03:04:05+00:00"), "{message}");
    let mut slash = recording();
    slash.trials = slash.trials.with("a/b", vec![1.0, 2.0]).unwrap();
    assert!(bytes("x", &session(), &slash).unwrap_err().to_string().contains("without slashes"));
    let mut untimed = recording();
    untimed.trials = Table::new().with("direction", vec![1.0]).unwrap();
    assert!(bytes("x", &session(), &untimed).is_err());
}

#[test]
fn an_assembly_of_events_is_a_table_and_a_recording() {
    let bytes = files::netcdf(
        &[("event", 4)],
        &[0.3, 0.5, 0.1, 2.0],
        &[("neuroid_id", &["b", "a", "b", "c"])],
        &[("event_presentation", &[0.0, 1.0, 0.0, 2.0])],
    );
    let assembly = Assembly::from_bytes("events.nc", bytes.clone()).unwrap();
    let table = assembly.to_table("events.nc").unwrap();
    assert_eq!(table.numbers("data").unwrap(), [0.3, 0.5, 0.1, 2.0]);
    assert_eq!(table.column("neuroid_id").unwrap().text(3), "c");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.nc");
    std::fs::write(&path, bytes).unwrap();
    let spikes =
        SpikeTable { path, units_path: None, time: "data".into(), unit: "neuroid_id".into(), sampling_hz: None };
    let tables = EventTables { spikes, units: None, trials: None, signals: BTreeMap::new(), span_s: None };
    let found = tables.read().unwrap();
    assert_eq!((found.spikes.units(), found.spikes.unit(1)), (3, &[0.1, 0.3][..]));
    // Two dimensions are no table.
    let flat = files::netcdf(&[("presentation", 3), ("neuroid", 2)], &[0.0; 6], &[], &[]);
    let message = Assembly::from_bytes("flat.nc", flat).unwrap().to_table("flat.nc").unwrap_err().to_string();
    assert!(message.contains("presentation x neuroid"), "{message}");
}
