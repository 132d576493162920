//! Writing NWB 2: units with spike times, trials, and time series, as pynwb opens and its validator accepts them.
//!
//! The same recording gives the same bytes: identifiers are made from what is written, and the date is the session's.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::hdf5_write::{Data, Node, Value, to_bytes};
use crate::recording::{Recording, Signal};
use crate::{Column, Result, Table};

/// What a file says of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What was done.
    pub description: String,
    /// Unique name of the session.
    pub identifier: String,
    /// Start in ISO 8601 with time zone, for example `2026-01-02T03:04:05+00:00`.
    pub start_time: String,
}

/// Writes a recording: units, trials, and signals (under `acquisition`).
///
/// # Errors
/// If the file cannot be written, a name is not that of an HDF5 object, trials lack `start_time` or `stop_time`, or the start time is not
/// ISO 8601 with a time zone.
pub fn write(path: &Path, session: &Session, recording: &Recording) -> Result<()> {
    let bytes = bytes(&path.display().to_string(), session, recording)?;
    let partial = path.with_extension("nwb.partial");
    std::fs::write(&partial, bytes).map_err(Error::io("cannot write", &partial))?;
    std::fs::rename(&partial, path).map_err(Error::io("cannot rename to", path))
}

/// The bytes that [`write()`] writes; `name` is for messages.
///
/// # Errors
/// As for [`write()`].
pub fn bytes(name: &str, session: &Session, recording: &Recording) -> Result<Vec<u8>> {
    let wrong = |reason: String| Error::format(name, "NWB", reason);
    let time = session.start_time.as_bytes();
    let zoned =
        session.start_time.ends_with('Z') || session.start_time.get(19..).is_some_and(|rest| rest.contains(['+', '-']));
    if time.len() < 20 || time[4] != b'-' || time[10] != b'T' || !zoned {
        let found = &session.start_time;
        return Err(wrong(format!("start time `{found}` is not like 2026-01-02T03:04:05+00:00")));
    }
    let mut file = File { root: Node::default(), identifier: session.identifier.clone() };
    file.root = std::mem::take(&mut file.root)
        .with("namespace", Data::text("core"))
        .with("neurodata_type", Data::text("NWBFile"))
        .with("nwb_version", Data::text("2.7.0"))
        .with("object_id", Data::text(&file.object_id("/")));
    for group in ["acquisition", "analysis", "general", "processing", "stimulus/presentation", "stimulus/templates"] {
        file.root.put(group, Node::default());
    }
    for (key, text) in [
        ("identifier", &session.identifier),
        ("session_description", &session.description),
        ("session_start_time", &session.start_time),
        ("timestamps_reference_time", &session.start_time),
    ] {
        file.root.put(key, Node::dataset(Data::text(text)));
    }
    file.root.put("file_create_date", Node::dataset(Data::list(Value::Texts(vec![session.start_time.clone()]))));
    file.units(recording)?;
    if recording.trials.rows() > 0 {
        for needed in ["start_time", "stop_time"] {
            recording.trials.numbers(needed)?;
        }
        file.table("intervals/trials", "TimeIntervals", "core", "experimental trials", &recording.trials, vec![])?;
    }
    for (key, signal) in &recording.signals {
        file.signal(key, signal)?;
    }
    Ok(to_bytes(&file.root))
}

struct File {
    root: Node,
    identifier: String,
}

impl File {
    /// A UUID that depends on the session and the object's path alone.
    fn object_id(&self, path: &str) -> String {
        let digest = Sha256::digest(format!("{}\n{path}", self.identifier).as_bytes());
        let hex: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
        // Version 4 and its variant, by RFC 9562.
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
    }

    fn object(&self, path: &str, namespace: &str, kind: &str, node: Node) -> Node {
        node.with("namespace", Data::text(namespace))
            .with("neurodata_type", Data::text(kind))
            .with("object_id", Data::text(&self.object_id(path)))
    }

    fn units(&mut self, recording: &Recording) -> Result<()> {
        let spikes = &recording.spikes;
        let times: Vec<f64> = (0..spikes.units()).flat_map(|u| spikes.unit(u).to_vec()).collect();
        let mut end = 0;
        let ends: Vec<u64> = (0..spikes.units())
            .map(|u| {
                end += spikes.unit(u).len() as u64;
                end
            })
            .collect();
        let (start, stop) = spikes.span_s();
        let observed: Vec<f64> = (0..spikes.units()).flat_map(|_| [start, stop]).collect();
        let intervals = Data { value: Value::Floats(observed), shape: vec![spikes.units(), 2] };
        let one_each: Vec<u64> = (1..=spikes.units() as u64).collect();
        let ragged = vec![
            ("spike_times", "the spike times of each unit in s", Data::list(Value::Floats(times)), ends),
            ("obs_intervals", "when each unit was observed, in s", intervals, one_each),
        ];
        self.table("units", "Units", "core", "units and their spike times", &recording.units, ragged)
    }

    fn table(
        &mut self,
        path: &str,
        kind: &str,
        namespace: &str,
        about: &str,
        table: &Table,
        ragged: Vec<(&'static str, &'static str, Data, Vec<u64>)>,
    ) -> Result<()> {
        let rows = ragged.first().map_or(table.rows(), |r| r.3.len());
        let mut names: Vec<String> = table.names().iter().filter(|n| *n != "id").cloned().collect();
        names.extend(ragged.iter().map(|r| r.0.to_owned()));
        let mut node = self.object(path, namespace, kind, Node::default());
        node = node.with("description", Data::text(about)).with("colnames", Data::list(Value::Texts(names)));
        let ids = match table.column("id") {
            Ok(Column::Integer(ids)) if ids.len() == rows => ids.clone(),
            _ => (0..rows as i64).collect(),
        };
        let id = Node::dataset(Data::list(Value::Integers(ids)));
        node.put("id", self.object(&format!("{path}/id"), "hdmf-common", "ElementIdentifiers", id));
        for (name, column) in table.names().iter().zip(table.columns()).filter(|(n, _)| *n != "id") {
            check_name(name)?;
            let value = match column {
                Column::Float(v) => Value::Floats(v.clone()),
                Column::Integer(v) => Value::Integers(v.clone()),
                Column::Text(v) => Value::Texts(v.clone()),
                Column::Bool(v) => Value::Bools(v.clone()),
            };
            let own = Node::dataset(Data::list(value)).with("description", Data::text(name));
            node.put(name, self.object(&format!("{path}/{name}"), "hdmf-common", "VectorData", own));
        }
        for (name, about, data, ends) in ragged {
            let own = Node::dataset(data).with("description", Data::text(about));
            node.put(name, self.object(&format!("{path}/{name}"), "hdmf-common", "VectorData", own));
            let target = Data { value: Value::References(vec![format!("/{path}/{name}")]), shape: vec![] };
            let about = format!("Index for VectorData '{name}'");
            let index = Node::dataset(Data::list(Value::Unsigned(ends)))
                .with("description", Data::text(&about))
                .with("target", target);
            let key = format!("{name}_index");
            node.put(&key, self.object(&format!("{path}/{key}"), "hdmf-common", "VectorIndex", index));
        }
        self.root.put(path, node);
        Ok(())
    }

    fn signal(&mut self, name: &str, signal: &Signal) -> Result<()> {
        let name = name.rsplit('/').next().unwrap_or(name);
        check_name(name)?;
        let path = format!("acquisition/{name}");
        let (rows, width) = signal.values.dim();
        let shape = if width == 1 { vec![rows] } else { vec![rows, width] };
        let unit = if signal.unit.is_empty() { "unknown" } else { &signal.unit };
        let data = Node::dataset(Data { value: Value::Floats(signal.values.iter().copied().collect()), shape })
            .with("conversion", Data::number(1.0))
            .with("offset", Data::number(0.0))
            .with("resolution", Data::number(-1.0))
            .with("unit", Data::text(unit));
        let times = Node::dataset(Data::list(Value::Floats(signal.times_s.clone())))
            .with("interval", Data { value: Value::Integers(vec![1]), shape: vec![] })
            .with("unit", Data::text("seconds"));
        let mut node = self
            .object(&path, "core", "TimeSeries", Node::default())
            .with("description", Data::text(name))
            .with("comments", Data::text("no comments"));
        node.put("data", data);
        node.put("timestamps", times);
        self.root.put(&path, node);
        Ok(())
    }
}

/// Names of HDF5 objects cannot hold a slash, and ours fit into a byte.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name == "." || name.contains('/') || name.len() > 255 {
        return Err(Error::format(name, "NWB", "a column or signal needs a name of 1 to 255 bytes without slashes"));
    }
    Ok(())
}
