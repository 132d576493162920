//! All results in a target directory.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::observation::FOLDER;
use crate::{Error, Measurement, Result, Tool, criterion, gungraun, observation, walk};

/// What lies in a target directory.
#[derive(Debug, Default)]
pub struct Collected {
    /// Results, by tool and id.
    pub measurements: Vec<Measurement>,
    /// Files that could not be read, with the reason.
    pub damaged: Vec<String>,
    /// Results that are older than the commit, by id: the source may have been another.
    pub stale: Vec<String>,
}

/// Reads all results; those written before `since` (seconds since 1970) are only named.
///
/// # Errors
/// If there is no result at all.
pub fn collect(target: &Path, since: Option<u64>, tool: Option<Tool>) -> Result<Collected> {
    let mut collected = Collected::default();
    let wanted = |this: Tool| tool.is_none_or(|t| t == this);
    let mut found: Vec<(PathBuf, Result<Vec<Measurement>>)> = vec![];
    if wanted(Tool::Criterion) {
        let files = walk::named(&target.join("criterion"), "benchmark.json");
        let new = files.into_iter().filter(|f| f.parent().is_some_and(|p| p.ends_with("new")));
        found.extend(new.map(|f| (f.clone(), criterion::read(&f).map(|m| vec![m]))));
    }
    if wanted(Tool::Gungraun) {
        let files = walk::named(&target.join("gungraun"), "summary.json");
        found.extend(files.into_iter().map(|f| (f.clone(), gungraun::read(&f).map(|m| vec![m]))));
    }
    if wanted(Tool::Observation) || wanted(Tool::Peers) {
        let mut files: Vec<PathBuf> = std::fs::read_dir(target.join(FOLDER))
            .map(|entries| entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "json")))
            .map(Iterator::collect)
            .unwrap_or_default();
        files.sort();
        let of = |f: &Path| observation::read(f).map(|all| all.into_iter().filter(|m| wanted(m.tool)).collect());
        found.extend(files.into_iter().map(|f| (f.clone(), of(&f))));
    }
    if found.is_empty() {
        return Err(Error::Nothing { target: target.to_owned() });
    }
    for (path, result) in found {
        match result {
            Err(error) => collected.damaged.push(error.to_string()),
            Ok(measurements) if since.is_some_and(|since| written_before(&path, since)) => {
                collected.stale.extend(measurements.into_iter().map(|m| m.bench));
            }
            Ok(measurements) => collected.measurements.extend(measurements),
        }
    }
    collected.measurements.sort_by(|a, b| (a.tool, &a.bench).cmp(&(b.tool, &b.bench)));
    Ok(collected)
}

fn written_before(path: &Path, seconds: u64) -> bool {
    let modified = std::fs::metadata(path).and_then(|m| m.modified());
    modified.is_ok_and(|time| time < UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_and_old_results_are_named_and_nothing_is_an_error() {
        let target = tempfile::tempdir().unwrap();
        assert!(matches!(collect(target.path(), None, None), Err(Error::Nothing { .. })));
        let folder = target.path().join(FOLDER);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.json"), r#"[{"bench":"a","tool":"observation","measures":{}}]"#).unwrap();
        std::fs::write(folder.join("b.json"), "[{").unwrap();
        let found = collect(target.path(), None, None).unwrap();
        assert_eq!(found.measurements.len(), 1);
        assert!(found.damaged[0].contains("b.json"), "{:?}", found.damaged);
        let found = collect(target.path(), Some(u64::from(u32::MAX)), None).unwrap();
        assert_eq!(found.stale, ["a"]);
        assert!(found.measurements.is_empty());
    }
}
