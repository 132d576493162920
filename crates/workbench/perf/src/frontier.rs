//! Work and precision: error against cost, so that what is faster because it is less accurate does not look like progress.
//!
//! A benchmark with an error and a time is a point; its id is `problem/method/setting`.

use std::collections::BTreeMap;

use rheobase_report::figure::{Chart, Marks, Series};

use crate::Measurement;
use crate::measurement::name;

/// Error against cost of the methods for one problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Frontier {
    /// The problem.
    pub problem: String,
    /// For each method the points (setting, time in ns, error), by rising time.
    pub methods: BTreeMap<String, Vec<(String, f64, f64)>>,
}

/// The frontiers among measurements.
pub fn frontiers(found: &[&Measurement]) -> Vec<Frontier> {
    let mut problems: BTreeMap<String, Frontier> = BTreeMap::new();
    for measurement in found {
        let (Some(error), Some(time)) = (measurement.value(name::ERROR), measurement.value(name::TIME_NS)) else {
            continue;
        };
        let parts: Vec<&str> = measurement.bench.rsplitn(3, '/').collect();
        let [setting, method, problem] = parts[..] else { continue };
        let frontier = problems
            .entry(problem.to_owned())
            .or_insert_with(|| Frontier { problem: problem.to_owned(), methods: BTreeMap::new() });
        frontier.methods.entry(method.to_owned()).or_default().push((setting.to_owned(), time, error));
    }
    let mut all: Vec<Frontier> = problems.into_values().collect();
    for points in all.iter_mut().flat_map(|f| f.methods.values_mut()) {
        points.sort_by(|a, b| a.1.total_cmp(&b.1));
    }
    all
}

impl Frontier {
    /// The figure, both axes logarithmic: below and to the left is better.
    ///
    /// # Errors
    /// If no point is positive in both.
    pub fn svg(&self) -> rheobase_report::Result<String> {
        let series = self.methods.iter().map(|(method, points)| Series {
            name: method.clone(),
            points: points.iter().map(|(_, time, error)| (time / 1e9, *error)).collect(),
            marks: Marks::Joined,
        });
        Chart {
            title: format!("error against time, {}", self.problem),
            x_label: "time (s)".into(),
            y_label: "error".into(),
            x_range: None,
            y_range: None,
            series: series.collect(),
        }
        .log_log_svg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Measure, Tool};

    #[test]
    fn points_gather_by_problem_and_method() {
        let point = |id: &str, time: f64, error: f64| {
            Measurement::new(id, Tool::Observation)
                .with("time_ns", Measure::exact(time))
                .with("error", Measure::exact(error))
        };
        let found = [
            point("w/cable/cn/0.1", 2e6, 1e-3),
            point("w/cable/cn/0.2", 1e6, 4e-3),
            point("w/cable/be/0.1", 2e6, 1e-2),
        ];
        let all = frontiers(&found.iter().collect::<Vec<_>>());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].problem, "w/cable");
        assert_eq!(all[0].methods["cn"][0].0, "0.2");
        // Decades are labelled as powers of ten.
        assert!(all[0].svg().unwrap().contains("1e-3"));
    }
}
