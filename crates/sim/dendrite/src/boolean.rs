//! Neurons as Boolean functions: threshold units, and units with dendrites that are summed after their own nonlinearity.
//!
//! A threshold unit fires where sum w_i x_i >= theta. A unit with dendrites fires where sum_j d(n_j) >= theta, n_j being the
//! active inputs of dendrite j and d supralinear (1 from a threshold on) or sublinear (saturating). What a sublinear unit
//! with scattered inputs can do, and no threshold unit, is told by Caze, Humphries & Gutkin 2013 (PLoS Comput Biol
//! 9:e1002867) and Tran-Van-Minh et al. 2015 (Front Cell Neurosci 9:67).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Most inputs of a function: its table has 2^n entries.
pub const MOST_INPUTS: usize = 6;

/// What a dendrite makes of its active inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Dendrite {
    /// 1 from `threshold` active inputs on, else 0.
    Supralinear {
        /// Inputs that are needed.
        threshold: usize,
    },
    /// The number of active inputs, but not more than `most`.
    Sublinear {
        /// Where it saturates.
        most: usize,
    },
}

impl Dendrite {
    /// Output for a number of active inputs.
    pub fn output(self, active: usize) -> usize {
        match self {
            Self::Supralinear { threshold } => usize::from(active >= threshold),
            Self::Sublinear { most } => active.min(most),
        }
    }
}

/// A neuron whose dendrites sum their inputs by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DendriticUnit {
    /// Inputs of each dendrite, numbered from 0.
    pub dendrites: Vec<Vec<usize>>,
    /// Their nonlinearity.
    pub dendrite: Dendrite,
    /// Sum of the dendrites from which on the unit fires.
    pub threshold: usize,
}

impl DendriticUnit {
    /// Whether it fires for the active inputs, one bit each.
    pub fn fires(&self, active: u64) -> bool {
        let output =
            |inputs: &Vec<usize>| self.dendrite.output(inputs.iter().filter(|i| active >> **i & 1 == 1).count());
        self.dendrites.iter().map(output).sum::<usize>() >= self.threshold
    }
}

/// Patterns of active inputs for which a unit should fire, and those for which it should not; others are free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BooleanTask {
    /// Number of inputs.
    pub inputs: usize,
    /// Patterns that fire: lists of active inputs from 0.
    pub fire: Vec<Vec<usize>>,
    /// Patterns that stay silent.
    pub silent: Vec<Vec<usize>>,
}

/// What an exhaustive search among threshold units found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearSearch {
    /// Weight vectors tried.
    pub tried: usize,
    /// Those for which some threshold solves the task.
    pub solving: usize,
}

fn bits(pattern: &[usize]) -> u64 {
    pattern.iter().fold(0, |bits, i| bits | 1 << i)
}

impl BooleanTask {
    /// Refuses more inputs than [`MOST_INPUTS`], inputs that are not there and contradictions.
    ///
    /// # Errors
    /// Naming the pattern.
    pub fn check(&self) -> Result<()> {
        if self.inputs == 0 || self.inputs > MOST_INPUTS {
            return Err(Error::Description(format!("{} inputs; from 1 to {MOST_INPUTS} can be searched", self.inputs)));
        }
        for pattern in self.fire.iter().chain(&self.silent) {
            if let Some(i) = pattern.iter().find(|i| **i >= self.inputs) {
                return Err(Error::Description(format!(
                    "pattern {pattern:?} names the input {i}; the inputs are 0 to {}",
                    self.inputs - 1
                )));
            }
        }
        match self.fire.iter().find(|f| self.silent.iter().any(|s| bits(s) == bits(f))) {
            Some(both) => Err(Error::Description(format!("pattern {both:?} should fire and stay silent"))),
            None => Ok(()),
        }
    }

    /// How many of the named patterns a unit classifies rightly.
    pub fn correct(&self, unit: &DendriticUnit) -> usize {
        let fire = self.fire.iter().filter(|p| unit.fires(bits(p))).count();
        fire + self.silent.iter().filter(|p| !unit.fires(bits(p))).count()
    }

    /// Named patterns.
    pub fn patterns(&self) -> usize {
        self.fire.len() + self.silent.len()
    }

    /// Tries every vector of integer weights from `-limit` to `limit`, each with every threshold.
    pub fn search_threshold_units(&self, limit: i32) -> LinearSearch {
        let sum = |weights: &[i32], pattern: &[usize]| pattern.iter().map(|&i| weights[i]).sum::<i32>();
        let mut found = LinearSearch { tried: 0, solving: 0 };
        for_each_weights(self.inputs, limit, |weights| {
            found.tried += 1;
            let least = self.fire.iter().map(|p| sum(weights, p)).min().unwrap_or(i32::MAX);
            let most = self.silent.iter().map(|p| sum(weights, p)).max().unwrap_or(i32::MIN);
            found.solving += usize::from(most < least);
        });
        found
    }
}

fn for_each_weights(inputs: usize, limit: i32, mut visit: impl FnMut(&[i32])) {
    let mut weights = vec![-limit; inputs];
    loop {
        visit(&weights);
        let Some(place) = weights.iter().position(|w| *w < limit) else { return };
        weights[place] += 1;
        weights[..place].fill(-limit);
    }
}

/// Number of Boolean functions of `inputs` inputs that are threshold functions: found by integer weights up to `limit`
/// (Muroga 1971: weights up to 1, 2 and 3 suffice for 2, 3 and 4 inputs).
///
/// # Errors
/// If the tables do not fit: more than [`MOST_INPUTS`] inputs.
pub fn count_threshold_functions(inputs: usize, limit: i32) -> Result<usize> {
    BooleanTask { inputs, fire: vec![], silent: vec![] }.check()?;
    let mut functions: BTreeSet<u64> = BTreeSet::new();
    for_each_weights(inputs, limit, |weights| {
        let sums: Vec<i32> = (0..1_u64 << inputs)
            .map(|active| (0..inputs).filter(|i| active >> i & 1 == 1).map(|i| weights[i]).sum())
            .collect();
        let mut thresholds = sums.clone();
        thresholds.push(i32::MAX);
        for threshold in thresholds {
            functions.insert(sums.iter().enumerate().fold(0, |table, (k, s)| table | u64::from(*s >= threshold) << k));
        }
    });
    Ok(functions.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding() -> BooleanTask {
        BooleanTask { inputs: 4, fire: vec![vec![0, 1], vec![2, 3]], silent: vec![vec![0, 2], vec![1, 3]] }
    }

    /// Muroga 1971: 4, 14, 104, 1882 threshold functions of 1 to 4 inputs.
    #[test]
    fn threshold_functions_are_as_many_as_published() {
        for (inputs, limit, count) in [(1, 1, 4), (2, 2, 14), (3, 3, 104), (4, 4, 1882)] {
            assert_eq!(count_threshold_functions(inputs, limit).unwrap(), count, "{inputs}");
        }
    }

    #[test]
    fn feature_binding_needs_dendrites() {
        let task = binding();
        assert_eq!(task.search_threshold_units(5), LinearSearch { tried: 14_641, solving: 0 });
        let supralinear = DendriticUnit {
            dendrites: vec![vec![0, 1], vec![2, 3]],
            dendrite: Dendrite::Supralinear { threshold: 2 },
            threshold: 1,
        };
        let sublinear = DendriticUnit {
            dendrites: vec![vec![0, 2], vec![1, 3]],
            dendrite: Dendrite::Sublinear { most: 1 },
            threshold: 2,
        };
        for unit in [&supralinear, &sublinear] {
            assert_eq!(task.correct(unit), 4);
            assert!([0, 1, 2, 4, 8].into_iter().all(|active| !unit.fires(active)));
        }
        // The layouts exchanged, neither solves it.
        let clustered = DendriticUnit { dendrites: supralinear.dendrites.clone(), ..sublinear.clone() };
        let scattered = DendriticUnit { dendrites: sublinear.dendrites, ..supralinear };
        assert!(task.correct(&clustered) < 4 && task.correct(&scattered) < 4);
        // A task that a threshold unit can do is found to be one.
        let and = BooleanTask { inputs: 2, fire: vec![vec![0, 1]], silent: vec![vec![0], vec![1], vec![]] };
        assert!(and.search_threshold_units(1).solving > 0);
    }

    #[test]
    fn contradictions_and_absent_inputs_are_refused() {
        let text = |task: BooleanTask| task.check().unwrap_err().to_string();
        assert!(text(BooleanTask { inputs: 7, ..binding() }).contains("from 1 to 6"));
        assert!(text(BooleanTask { inputs: 3, ..binding() }).contains("names the input 3"));
        assert!(text(BooleanTask { silent: vec![vec![1, 0]], ..binding() }).contains("[0, 1]"));
    }
}
