//! The readers against real files, where the data directory is there (`shared/data` beside the project).

// A skipped test says why.
#![allow(clippy::print_stderr)]

use std::path::PathBuf;

use rheobase_data::assembly::Assembly;
use rheobase_data::dissimilarities::Dissimilarities;
use rheobase_data::library::Library;
use rheobase_data::mat::{MatFile, MatValue};
use rheobase_data::nwb::{NwbFile, TimeAxis};
use rheobase_data::recording::Recording;
use rheobase_data::{Column, npy};

fn neural(file: &str) -> Option<PathBuf> {
    let package = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let path = package.join("../../../../shared/data/neural").join(file);
    if !path.is_file() {
        eprintln!("skipped: {} is not here", path.display());
    }
    path.is_file().then_some(path)
}

/// A library with the real files taken in; `None` where the data directory is absent.
fn library(folder: &tempfile::TempDir) -> Option<Library> {
    let library = Library::new(folder.path()).unwrap();
    for file in [
        "rsatoolbox_92_brainRDMs.mat",
        "rsatoolbox_92_modelRDMs.mat",
        "kramer_spikes-1_placecell.mat",
        "kramer_10_spikes-1_STN.mat",
        "pynapple_A8604-211122_phy.nwb",
        "brainscore_assy_test_package_assembly.nc",
    ] {
        library.import(&neural(file)?).unwrap();
    }
    Some(library)
}

#[test]
fn matlab_files_give_the_numbers_of_their_sources() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = library(&folder) else { return };
    let data = Dissimilarities::of_dataset(&library, "object-images-92").unwrap();
    let names: Vec<&str> = data.subjects.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["BE", "KO", "SN", "TI"]);
    assert!(data.sessions.iter().all(|s| s.len() == 2));
    assert_eq!(data.models.len(), 8);
    for matrix in data.subjects.iter().chain(&data.models) {
        assert_eq!(matrix.values.dim(), (92, 92));
        for i in 0..92 {
            assert!(matrix.values[[i, i]].abs() < 1e-6);
            for j in 0..i {
                assert!((matrix.values[[i, j]] - matrix.values[[j, i]]).abs() < 1e-6, "{} {i} {j}", matrix.name);
            }
        }
    }
    let place = Recording::of_dataset(&library, "hippocampal-place-cell", &[]).unwrap();
    assert_eq!(place.spikes.unit(0).len(), 220);
    assert_eq!(place.signals["position"].times_s.len(), 177_761);
    let movement = Recording::of_dataset(&library, "subthalamic-movement", &[]).unwrap();
    let directions = movement.trials.numbers("direction").unwrap();
    assert_eq!(directions.iter().filter(|&&d| d == 0.0).count(), 25);
    let spikes_of = |code: f64| {
        let start = movement.trials.numbers("start_time").unwrap();
        let counts: Vec<f64> = (0..50)
            .filter(|&k| directions[k] == code)
            .map(|k| {
                let inside = |t: &&f64| **t >= start[k] && **t < start[k] + 2.0;
                movement.spikes.unit(0).iter().filter(inside).count() as f64
            })
            .collect();
        counts.iter().sum::<f64>() / counts.len() as f64
    };
    assert!((spikes_of(0.0) - 117.32).abs() < 1e-9 && (spikes_of(1.0) - 70.52).abs() < 1e-9);
}

#[test]
fn neuropixels_units_come_out_of_nwb_with_their_counts() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = library(&folder) else { return };
    let recording = Recording::of_dataset(&library, "postsubiculum-units", &[]).unwrap();
    let counts: Vec<usize> = (0..3).map(|u| recording.spikes.unit(u).len()).collect();
    assert_eq!(counts, [11_020, 4_690, 5_644]);
    // The epoch is 0 .. 1087.53 s.
    for (unit, &count) in counts.iter().enumerate() {
        assert!((recording.spikes.rate_hz(unit) - count as f64 / 1087.53).abs() < 1e-3);
    }
    let path = neural("pynapple_A8604-211122_phy.nwb").unwrap();
    let streamed = Recording::of_file(&path, &[]).unwrap();
    assert_eq!(streamed, recording);
    let file = NwbFile::open(&path).unwrap();
    assert_eq!(file.table("general/extracellular_ephys/electrodes").unwrap().flat.rows(), 383);
    let epochs = file.table("intervals/epochs").unwrap();
    assert_eq!(epochs.ragged["tags"].rows(), 1);
    let message = file.series("lfp").unwrap_err().to_string();
    assert!(message.contains("no such time series"), "{message}");
}

#[test]
fn a_brain_score_assembly_keeps_dimensions_and_coordinates() {
    let Some(path) = neural("brainscore_assy_test_package_assembly.nc") else { return };
    let assembly = Assembly::open(&path).unwrap();
    assert_eq!(assembly.dimensions, ["presentation", "neuroid", "time_bin"]);
    assert_eq!(assembly.values.shape(), [6, 3, 1]);
    assert_eq!(assembly.values.iter().copied().collect::<Vec<_>>(), (1..=18).map(f64::from).collect::<Vec<_>>());
    let (dimension, column) = &assembly.coordinates["image_id"];
    assert_eq!(dimension, "presentation");
    assert_eq!(column, &Column::Text((0..6).map(|k| format!("n{k}")).collect()));
    assert_eq!(assembly.coordinates["neuroid_id"].0, "neuroid");
    assert_eq!(assembly.coordinates["time_bin_start"].0, "time_bin");
    assert!(assembly.unplaced.is_empty());
}

/// A file written by pynwb with ragged columns, an enumeration, a compressed series and one with its own times.
#[test]
fn a_file_of_pynwb_is_read_as_it_was_written() {
    let Some(root) = neural("pynapple_A8604-211122_phy.nwb").and_then(|p| Some(p.ancestors().nth(3)?.to_owned()))
    else {
        return;
    };
    let (path, expected) = (root.join("peers/results/sample.nwb"), root.join("peers/results/sample_expected.npz"));
    if !path.is_file() || !expected.is_file() {
        eprintln!("skipped: {} is not here", path.display());
        return;
    }
    let expected = npy::read_npz("expected", &std::fs::read(expected).unwrap()).unwrap();
    let file = NwbFile::open(&path).unwrap();
    let (spikes, units) = file.units(None).unwrap();
    assert_eq!(spikes.span_s(), (0.0, 60.0));
    let flat: Vec<f64> = (0..spikes.units()).flat_map(|u| spikes.unit(u).to_vec()).collect();
    assert_eq!(flat, expected["spike_times"].iter().copied().collect::<Vec<_>>());
    assert_eq!(units.numbers("snr").unwrap(), expected["snr"].iter().copied().collect::<Vec<_>>());
    let trials = file.trials().unwrap();
    for (column, key) in
        [("start_time", "trial_start"), ("orientation", "trial_orientation"), ("correct", "trial_correct")]
    {
        assert_eq!(trials.numbers(column).unwrap(), expected[key].iter().copied().collect::<Vec<_>>(), "{column}");
    }
    assert!(matches!(trials.column("correct").unwrap(), Column::Bool(_)));
    let lfp = file.series("acquisition/lfp_like").unwrap();
    assert_eq!((lfp.rows(), lfp.width(), lfp.unit.as_str()), (6000, 16, "volts"));
    assert_eq!(lfp.time, TimeAxis::Regular { start_s: 0.25, rate_hz: 100.0 });
    // By rows, across chunk borders, and converted to volts.
    for (row, values) in expected["lfp_like"].outer_iter().enumerate() {
        let read = lfp.read(50 * row, 1).unwrap();
        for (a, b) in read.iter().zip(&values) {
            assert_eq!(*a, *b * 1e-6);
        }
    }
    assert!(lfp.read(5999, 2).unwrap_err().to_string().contains("rows 5999 to 6001 of 6000"));
    let wheel = file.series("wheel").unwrap();
    assert_eq!(wheel.time, TimeAxis::Stamps(expected["wheel_timestamps"].iter().copied().collect()));
    assert_eq!(
        wheel.read(0, 500).unwrap().iter().copied().collect::<Vec<_>>(),
        expected["wheel"].iter().copied().collect::<Vec<_>>()
    );
    assert_eq!(file.series_paths().unwrap().len(), 3);
}

#[test]
fn a_matlab_struct_tells_its_fields() {
    let Some(path) = neural("rsatoolbox_92_brainRDMs.mat") else { return };
    let file = MatFile::read(&path).unwrap();
    let MatValue::Structs(dims, elements) = file.variable("RDMs").unwrap() else { panic!("not a struct array") };
    assert_eq!((dims.as_slice(), elements.len()), (&[1, 4, 2][..], 8));
    assert!(elements[0].keys().eq(["RDM", "color", "name"]));
    let message = file.numbers("RDMs").unwrap_err().to_string();
    assert!(message.contains("structs [1, 4, 2] with fields RDM, color, name, not numbers"), "{message}");
}
