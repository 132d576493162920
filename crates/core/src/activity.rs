//! Responses of units to conditions over time: what every simulator returns and every comparison takes.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, require_finite};

/// Responses with shape (conditions, time, units).
///
/// A static response (one number per stimulus and unit) has one time point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    responses: Array3<f64>,
    condition_names: Vec<String>,
    unit_names: Vec<String>,
    interval_s: f64,
}

impl Activity {
    /// Builds an activity from responses of shape (conditions, time, units), sampled every `interval_s` seconds.
    ///
    /// # Errors
    /// If the interval is not positive or a response is not finite.
    pub fn new(responses: Array3<f64>, interval_s: f64) -> Result<Self> {
        if !(interval_s > 0.0 && interval_s.is_finite()) {
            return Err(Error::Range { what: "sampling interval in s", found: interval_s, allowed: "> 0" });
        }
        require_finite("activity", responses.iter())?;
        let (conditions, _, units) = responses.dim();
        Ok(Self {
            responses,
            condition_names: (0..conditions).map(|i| i.to_string()).collect(),
            unit_names: (0..units).map(|i| i.to_string()).collect(),
            interval_s,
        })
    }

    /// Builds a static activity from a (conditions, units) matrix.
    ///
    /// # Errors
    /// If a response is not finite.
    pub fn from_static(responses: Array2<f64>) -> Result<Self> {
        Self::new(responses.insert_axis(Axis(1)), 1.0)
    }

    /// Names the conditions.
    ///
    /// # Errors
    /// If the number of names differs from the number of conditions.
    pub fn with_condition_names(mut self, names: Vec<String>) -> Result<Self> {
        if names.len() != self.conditions() {
            return Err(Error::Shape {
                what: "condition names",
                found: names.len().to_string(),
                expected: self.conditions().to_string(),
            });
        }
        self.condition_names = names;
        Ok(self)
    }

    /// Responses, shape (conditions, time, units).
    pub fn responses(&self) -> &Array3<f64> {
        &self.responses
    }

    /// Responses with conditions and time merged, shape (conditions x time, units).
    pub fn samples(&self) -> ArrayView2<'_, f64> {
        let (conditions, time, units) = self.responses.dim();
        self.responses
            .view()
            .into_shape_with_order((conditions * time, units))
            .expect("activity is stored in standard order")
    }

    /// Number of conditions.
    pub fn conditions(&self) -> usize {
        self.responses.dim().0
    }

    /// Number of time points.
    pub fn time_points(&self) -> usize {
        self.responses.dim().1
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.responses.dim().2
    }

    /// Names of the conditions, in order.
    pub fn condition_names(&self) -> &[String] {
        &self.condition_names
    }

    /// Names of the units, in order.
    pub fn unit_names(&self) -> &[String] {
        &self.unit_names
    }

    /// Sampling interval in s.
    pub fn interval_s(&self) -> f64 {
        self.interval_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn static_activity_has_one_time_point_and_keeps_its_rows() {
        let activity = Activity::from_static(array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).unwrap();
        assert_eq!((activity.conditions(), activity.time_points(), activity.units()), (3, 1, 2));
        assert_eq!(activity.samples().row(1).to_vec(), vec![3.0, 4.0]);
    }

    #[test]
    fn non_finite_responses_are_refused_with_their_place() {
        let error = Activity::from_static(array![[1.0, f64::NAN], [f64::INFINITY, 0.0]]).unwrap_err();
        assert_eq!(error, Error::NonFinite { what: "activity", count: 2, first: 1 });
    }

    #[test]
    fn wrong_number_of_names_is_refused() {
        let activity = Activity::from_static(array![[1.0]]).unwrap();
        assert!(activity.with_condition_names(vec![]).is_err());
    }
}
