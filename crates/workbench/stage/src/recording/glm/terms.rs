//! The terms of a model of spikes and the columns that they make.

use ndarray::{Array2, Axis, concatenate};
use rheobase_data::recording::Recording;
use rheobase_pipeline::StageError;
use rheobase_receptive_field::glm::basis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::failed;
use crate::recording::signal;

/// A term of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Term {
    /// Powers 1 to `degree` of a signal.
    Polynomial {
        /// Name of the signal.
        signal: String,
        /// Highest power.
        degree: usize,
    },
    /// Cubic splines of a signal over its range; the first of them is left out, since they sum to 1.
    Spline {
        /// Name of the signal.
        signal: String,
        /// Number of splines.
        count: usize,
        /// After so much the signal is the same again (an angle, a phase): the splines close into a ring. None if it does not repeat.
        #[serde(default)]
        period: Option<f64>,
        /// Cost of roughness: this / 2 times the sum of squared second differences of neighbouring splines' coefficients is taken off
        /// the log-likelihood.
        #[serde(default)]
        #[schemars(range(min = 0.0))]
        roughness: f64,
    },
    /// 1 while the signal rises, else 0.
    Rising {
        /// Name of the signal.
        signal: String,
    },
    /// The unit's own spikes up to some bins back, through raised cosines over log time.
    History {
        /// Bins back.
        bins: usize,
        /// Number of cosines.
        count: usize,
    },
}

/// Columns of a model.
pub(super) struct Design {
    /// Of the columns.
    pub names: Vec<String>,
    /// (bins, columns).
    pub columns: Array2<f64>,
    /// Cost of the roughness of the coefficients, (columns, columns).
    pub roughness: Array2<f64>,
}

impl Design {
    /// The terms' columns, sampled with the signal `clock`, whose samples are the bins of the counts.
    pub fn new(recording: &Recording, clock: &str, counts: &[f64], terms: &[Term]) -> Result<Self, StageError> {
        let column = |name: &String| -> Result<Vec<f64>, StageError> {
            let found = signal(recording, name)?;
            if found.times_s.len() != counts.len() {
                return Err(StageError::Failed(format!(
                    "signal `{name}` has {} samples, the clock `{clock}` has {}; they must be sampled together",
                    found.times_s.len(),
                    counts.len()
                )));
            }
            Ok(found.values.column(0).to_vec())
        };
        let mut names = Vec::new();
        let mut blocks = Vec::new();
        let mut penalties: Vec<Array2<f64>> = Vec::new();
        for term in terms {
            let block = match term {
                Term::Polynomial { signal, degree } => {
                    names.extend((1..=*degree).map(|k| if k == 1 { signal.clone() } else { format!("{signal}^{k}") }));
                    basis::polynomial(&column(signal)?, *degree).map_err(failed)?
                }
                Term::Spline { signal, count, period, roughness } => {
                    let values = column(signal)?;
                    names.extend((1..*count).map(|k| format!("{signal} spline {k}")));
                    let all = match period {
                        Some(period) => basis::cyclic_b_spline(&values, *period, *count),
                        None => basis::b_spline(&values, range_of(&values), *count),
                    };
                    let all = all.map_err(failed)?;
                    // The first function's coefficient is 0, so its row and column of the penalty fall away.
                    let rough = basis::roughness(*count, *roughness, period.is_some());
                    penalties.push(rough.slice(ndarray::s![1.., 1..]).to_owned());
                    all.slice(ndarray::s![.., 1..]).to_owned()
                }
                Term::Rising { signal } => {
                    let values = column(signal)?;
                    names.push(format!("rising {signal}"));
                    let last = values.len() - 1;
                    Array2::from_shape_fn((values.len(), 1), |(t, _)| {
                        f64::from(u8::from(t < last && values[t + 1] > values[t]))
                    })
                }
                Term::History { bins, count } => {
                    names.extend((0..*count).map(|k| format!("history {k}")));
                    basis::history(counts, &basis::raised_cosine_log(*bins, *count).map_err(failed)?).map_err(failed)?
                }
            };
            if penalties.len() == blocks.len() {
                penalties.push(Array2::zeros((block.ncols(), block.ncols())));
            }
            blocks.push(block);
        }
        let views: Vec<_> = blocks.iter().map(|b| b.view()).collect();
        let columns = concatenate(Axis(1), &views).map_err(failed)?;
        Ok(Self { names, columns, roughness: block_diagonal(&penalties) })
    }
}

/// Least and largest value.
pub(super) fn range_of(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
}

/// Square matrices along the diagonal of one.
fn block_diagonal(parts: &[Array2<f64>]) -> Array2<f64> {
    let size = parts.iter().map(Array2::nrows).sum();
    let mut whole = Array2::zeros((size, size));
    let mut at = 0;
    for part in parts {
        let end = at + part.nrows();
        whole.slice_mut(ndarray::s![at..end, at..end]).assign(part);
        at = end;
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rheobase_core::SpikeTrains;
    use rheobase_data::Table;
    use rheobase_data::recording::Signal;
    use serde_json::json;

    use super::*;

    /// A signal that runs from 0 to 2 and back to 0 on.
    fn recording() -> Recording {
        let times_s: Vec<f64> = (0..40).map(f64::from).collect();
        let values = Array2::from_shape_fn((40, 1), |(t, _)| 0.1 * (t % 20) as f64);
        Recording {
            spikes: SpikeTrains::from_units(vec![vec![1.0]], (0.0, 39.0)).unwrap(),
            units: Table::new(),
            trials: Table::new(),
            signals: BTreeMap::from([("phase".to_owned(), Signal { times_s, values, unit: String::new() })]),
        }
    }

    fn design(terms: serde_json::Value) -> Result<Design, StageError> {
        let terms: Vec<Term> = serde_json::from_value(terms).unwrap();
        Design::new(&recording(), "phase", &[0.0; 40], &terms)
    }

    #[test]
    fn roughness_costs_bends_of_splines_and_nothing_else() {
        let line = json!({ "kind": "polynomial", "signal": "phase", "degree": 2 });
        let splines = json!({ "kind": "spline", "signal": "phase", "count": 6, "roughness": 3.0 });
        let all = design(json!([line, splines, { "kind": "rising", "signal": "phase" }])).unwrap();
        assert_eq!((all.names.len(), all.columns.dim(), all.roughness.dim()), (8, (40, 8), (8, 8)));
        let cost = |b: [f64; 8]| {
            let b = ndarray::Array1::from(b.to_vec());
            b.dot(&all.roughness.dot(&b))
        };
        // The spline that is left out has coefficient 0, so 1 to 5 is a straight line; a bend of 1 costs the strength.
        assert!(cost([9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 9.0]).abs() < 1e-12);
        assert!((cost([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]) - 3.0).abs() < 1e-12);
    }

    #[test]
    fn splines_with_a_period_close_into_a_ring() {
        let ring =
            design(json!([{ "kind": "spline", "signal": "phase", "count": 5, "period": 1.0, "roughness": 1.0 }]));
        let ring = ring.unwrap();
        for t in 0..10 {
            for k in 0..4 {
                assert!((ring.columns[[t, k]] - ring.columns[[t + 10, k]]).abs() < 1e-12);
            }
        }
        // On a ring a slope has to come back down.
        let slope = ndarray::Array1::from(vec![1.0, 2.0, 3.0, 4.0]);
        assert!(slope.dot(&ring.roughness.dot(&slope)) > 1.0);
    }

    #[test]
    fn impossible_splines_are_refused() {
        for (count, period, what) in [(0, 1.0, "at least 4"), (6, 0.0, "above 0"), (6, -1.0, "above 0")] {
            let term = json!([{ "kind": "spline", "signal": "phase", "count": count, "period": period }]);
            let told = design(term).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(told.contains(what), "{told}");
        }
    }
}
