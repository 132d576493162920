//! Criterion's own output: `target/criterion/**/new/{benchmark,estimates}.json`.
//!
//! The median with its bootstrap interval is taken: on a shared machine the mean follows the disturbances.

use std::path::Path;

use serde::Deserialize;

use crate::measurement::{hash, name};
use crate::{Error, Measure, Measurement, Result, Tool};

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
    throughput: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Reads one result, given its `benchmark.json`.
///
/// # Errors
/// If a file cannot be read or is not criterion's.
pub fn read(path: &Path) -> Result<Measurement> {
    let benchmark: Benchmark = parse(path)?;
    let estimates: Estimates = parse(&path.with_file_name("estimates.json"))?;
    let Estimate { confidence_interval: interval, point_estimate } = estimates.median;
    let throughput = benchmark.throughput.unwrap_or_default();
    let elements = throughput.as_object().and_then(|t| t.values().next()).and_then(serde_json::Value::as_f64);
    Ok(Measurement {
        arguments: hash(&[&throughput.to_string()]),
        elements,
        ..Measurement::new(benchmark.full_id, Tool::Criterion).with(
            name::TIME_NS,
            Measure::estimate(
                point_estimate,
                interval.lower_bound.min(point_estimate),
                interval.upper_bound.max(point_estimate),
            ),
        )
    })
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, e))?;
    serde_json::from_str(&text).map_err(|e| Error::content(path, format!("not criterion's output ({e})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_has_the_median_with_its_interval_and_its_elements() {
        let folder = tempfile::tempdir().unwrap();
        let benchmark = folder.path().join("benchmark.json");
        std::fs::write(
            &benchmark,
            r#"{"group_id":"g","function_id":"f","value_str":null,"throughput":{"Elements":200},"full_id":"g/f","directory_name":"g/f","title":"g/f"}"#,
        )
        .unwrap();
        assert!(read(&benchmark).unwrap_err().to_string().contains("estimates.json"));
        let e = |v: f64| {
            format!(
                r#"{{"confidence_interval":{{"confidence_level":0.95,"lower_bound":{},"upper_bound":{}}},"point_estimate":{v},"standard_error":1.0}}"#,
                v - 1.0,
                v + 2.0
            )
        };
        let text = format!(r#"{{"mean":{},"median":{},"slope":null}}"#, e(90.0), e(80.0));
        std::fs::write(folder.path().join("estimates.json"), text).unwrap();
        let found = read(&benchmark).unwrap();
        assert_eq!(found.bench, "g/f");
        assert_eq!(found.elements, Some(200.0));
        assert_eq!(found.measures["time_ns"], Measure::estimate(80.0, 79.0, 82.0));
    }
}
