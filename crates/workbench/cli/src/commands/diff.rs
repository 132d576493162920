//! `diff`: two runs side by side.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rheobase_pipeline::plan::Plan;
use rheobase_pipeline::summary::Summary;
use serde_json::json;

use crate::arguments::Settings;
use crate::commands::plan::changes;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Compares two runs.
pub fn diff(a: &Path, b: &Path, settings: &Settings) -> Outcome {
    let (folder_a, folder_b) = (folder(a, settings), folder(b, settings));
    let (left, right) = (summary(&folder_a)?, summary(&folder_b)?);
    let mut parameters = Vec::new();
    if let (Ok(p), Ok(q)) = (Plan::read(&folder_a.join("plan.lock")), Plan::read(&folder_b.join("plan.lock"))) {
        let addresses: BTreeSet<&String> = p.views.iter().chain(&q.views).flat_map(|v| v.keys()).collect();
        for address in addresses {
            match (p.find(address), q.find(address)) {
                (Ok(x), Ok(y)) => {
                    let mut found = Vec::new();
                    changes("", &x.parameters, &y.parameters, &mut found);
                    if x.seed != y.seed {
                        found.push(format!("seed is {} now, was {}", y.seed, x.seed));
                    }
                    parameters.extend(found.into_iter().map(|text| (address.clone(), text)));
                }
                (Ok(_), Err(_)) => parameters.push((address.clone(), "only in the first".into())),
                _ => parameters.push((address.clone(), "only in the second".into())),
            }
        }
    }
    let names: BTreeSet<&String> = left.metrics.keys().chain(right.metrics.keys()).collect();
    let mut metrics = Vec::new();
    for name in names {
        let (x, y) = (left.metrics.get(name), right.metrics.get(name));
        // Bits, so that NaN equals NaN.
        if x.map(|e| e.value.to_bits()) != y.map(|e| e.value.to_bits()) {
            metrics.push((name.clone(), x.cloned(), y.cloned()));
        }
    }
    let same = parameters.is_empty() && metrics.is_empty();
    if settings.json {
        let metrics: Vec<_> =
            metrics.iter().map(|(name, x, y)| json!({ "metric": name, "first": x, "second": y })).collect();
        let parameters: Vec<_> =
            parameters.iter().map(|(node, text)| json!({ "node": node, "change": text })).collect();
        output::json(&json!({ "parameters": parameters, "metrics": metrics }));
    } else if same {
        output::data("no difference");
    } else {
        if !parameters.is_empty() {
            let rows: Vec<Vec<String>> = parameters.into_iter().map(|(node, text)| vec![node, text]).collect();
            output::data(&output::table(&["node", "what differs"], &rows));
            output::data("");
        }
        let show = |e: &Option<rheobase_core::Estimate>| match e {
            Some(e) => match &e.interval {
                Some(i) => {
                    format!("{} ({} to {})", output::number(e.value), output::number(i.low), output::number(i.high))
                }
                None => output::number(e.value),
            },
            None => "-".into(),
        };
        let rows: Vec<Vec<String>> = metrics
            .iter()
            .map(|(name, x, y)| {
                let change = match (x, y) {
                    (Some(x), Some(y)) => output::number(y.value - x.value),
                    _ => String::new(),
                };
                vec![name.clone(), show(x), show(y), change]
            })
            .collect();
        output::data(&output::table(&["metric", "first", "second", "change"], &rows));
    }
    Ok(0)
}

/// The report folder that a path or a pipeline's name means.
fn folder(name: &Path, settings: &Settings) -> PathBuf {
    if name.is_file() {
        return name.parent().map(Path::to_path_buf).unwrap_or_default();
    }
    if name.is_dir() { name.to_path_buf() } else { settings.reports.join(name) }
}

fn summary(folder: &Path) -> Result<Summary, Failure> {
    let path = folder.join("summary.json");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Failure::User(format!("cannot read {}: {e}; run the pipeline first", path.display())))?;
    serde_json::from_str(&text).map_err(|e| Failure::User(format!("{}: {e}", path.display())))
}
