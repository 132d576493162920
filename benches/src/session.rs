//! Spike trains, a recording session as an NWB file, and a figure.

use std::collections::BTreeMap;

use rand::RngExt;
use rheobase_core::{Seed, SpikeTrains};
use rheobase_data::nwb::write::{self, Session};
use rheobase_data::recording::{Recording, Signal};
use rheobase_data::{Column, Table};
use rheobase_report::figure::{Chart, Marks, Series};

/// Gamma-renewal trains over 20 s at 2 Hz and more, as in the peers' first hundred.
pub fn trains(units: usize) -> SpikeTrains {
    let mut stream = Seed::root(4).stream();
    let units: Vec<Vec<f64>> = (0..units as u32)
        .map(|j| {
            let (rate, shape) = (2.0 + 18.0 * f64::from(j) / 999.0, 1 + j % 4);
            let mut at = 0.0;
            std::iter::from_fn(|| {
                at += (0..shape).map(|_| -(1.0 - stream.random_range(0.0..1.0_f64)).ln()).sum::<f64>()
                    / (f64::from(shape) * rate);
                (at < 20.0).then_some(at)
            })
            .collect()
        })
        .collect();
    SpikeTrains::from_units(units, (0.0, 20.0)).expect("within the span")
}

/// A session of 20 s as the bytes of an NWB file: units, trials, a position at 100 Hz.
pub fn nwb(units: usize) -> Vec<u8> {
    let spikes = trains(units);
    let starts: Vec<f64> = (0..20).map(f64::from).collect();
    let stops = starts.iter().map(|t| t + 0.9).collect();
    let position = Signal {
        times_s: (0..2000).map(|i| f64::from(i) * 1e-2).collect(),
        values: crate::arrays::noise(2000, 2, "position"),
        unit: "meters".into(),
    };
    let recording = Recording {
        units: Table::new().with("depth", Column::Float((0..units).map(|u| u as f64).collect())).expect("one length"),
        trials: Table::new()
            .with("start_time", Column::Float(starts))
            .and_then(|t| t.with("stop_time", Column::Float(stops)))
            .expect("one length"),
        signals: BTreeMap::from([("position".to_owned(), position)]),
        spikes,
    };
    let session = Session {
        description: "a benchmark".into(),
        identifier: "benchmark".into(),
        start_time: "2026-01-01T00:00:00+00:00".into(),
    };
    write::bytes("benchmark.nwb", &session, &recording).expect("a valid session")
}

/// A chart of a few lines.
pub fn chart(points: usize) -> Chart {
    let line = |k: usize| Series {
        name: format!("unit {k}"),
        points: (0..points).map(|i| (i as f64, (i as f64 / (10.0 + k as f64)).sin())).collect(),
        marks: Marks::Line,
    };
    Chart {
        title: "potential".into(),
        x_label: "time (ms)".into(),
        y_label: "potential (mV)".into(),
        x_range: None,
        y_range: None,
        series: (0..3).map(line).collect(),
    }
}
