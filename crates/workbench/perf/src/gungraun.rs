//! Gungraun's own output: `target/gungraun/**/summary.json`, written with `--save-summary=json`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::measurement::{hash, name};
use crate::{Error, Measure, Measurement, Result, Tool};

#[derive(Deserialize)]
struct Summary {
    module_path: String,
    id: Option<String>,
    #[serde(default)]
    description: Option<String>,
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    tool: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    metrics: Value,
}

/// Reads one result: instructions and cache misses as Callgrind counts them.
///
/// # Errors
/// If the file cannot be read, is not gungraun's, or has no Callgrind profile.
pub fn read(path: &Path) -> Result<Measurement> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::file(path, e))?;
    let summary: Summary =
        serde_json::from_str(&text).map_err(|e| Error::content(path, format!("not gungraun's summary ({e})")))?;
    let metrics = summary
        .profiles
        .iter()
        .find(|p| p.tool == "Callgrind")
        .map(|p| &p.data.total.metrics)
        .ok_or_else(|| Error::content(path, "no profile of Callgrind; only its counts are compared"))?;
    let count = |event: &str| {
        metrics[event]["values"]["new"]
            .as_f64()
            .ok_or_else(|| Error::content(path, format!("Callgrind's event `{event}` is missing")))
    };
    // The module path is file::group::function; the group says nothing that the function does not.
    let mut parts: Vec<&str> = summary.module_path.split("::").collect();
    if parts.len() >= 3 {
        parts.remove(1);
    }
    parts.extend(summary.id.as_deref());
    let mut found =
        Measurement::new(parts.join("/"), Tool::Gungraun).with(name::INSTRUCTIONS, Measure::exact(count("Ir")?));
    found.arguments = hash(&[summary.description.as_deref().unwrap_or_default()]);
    // Without the simulation of caches there are only instructions.
    if let (Ok(reads), Ok(writes), Ok(code)) = (count("D1mr"), count("D1mw"), count("I1mr")) {
        found = found.with(name::L1_MISSES, Measure::exact(reads + writes + code));
    }
    if let Ok(misses) = count("RamHits") {
        found = found.with(name::CACHE_MISSES, Measure::exact(misses));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_gives_instructions_and_misses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        let value = |v: u32| format!(r#"{{"values":{{"new":{v}}}}}"#);
        let metrics = format!(
            r#"{{"Ir":{},"D1mr":{},"D1mw":{},"I1mr":{},"RamHits":{}}}"#,
            value(1000),
            value(3),
            value(4),
            value(5),
            value(2)
        );
        let text = format!(
            r#"{{"module_path":"instructions::all::cable","id":"passive","description":"(1)","profiles":[{{"tool":"Callgrind","data":{{"total":{{"metrics":{metrics}}}}}}}]}}"#
        );
        std::fs::write(&path, &text).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.bench, "instructions/cable/passive");
        assert_eq!(found.value("instructions"), Some(1000.0));
        assert_eq!(found.value("l1_misses"), Some(12.0));
        std::fs::write(&path, text.replace("Callgrind", "DHAT")).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("Callgrind"));
    }
}
