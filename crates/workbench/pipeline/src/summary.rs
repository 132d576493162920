//! `summary.json`: every metric by its full address, and the verdict on every expectation. It holds nothing that depends on time,
//! machine or order of work, so the same pipeline gives the same bytes.

use std::collections::BTreeMap;

use rheobase_core::Estimate;
use serde::{Deserialize, Serialize};

use crate::expectation::Expectation;
use crate::plan::Plan;
use crate::run::NodeResult;

/// What a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Its question.
    pub question: String,
    /// Its seed.
    pub seed: u64,
    /// Systems of the catalogue that it rebuilds.
    pub systems: Vec<String>,
    /// Labels of the variants; one empty label without a sweep.
    pub variants: Vec<String>,
    /// Address to key, for each variant.
    pub keys: Vec<BTreeMap<String, String>>,
    /// Metrics by address `role.name.metric`; in a sweep followed by ` [label]`.
    pub metrics: BTreeMap<String, Estimate>,
    /// Nodes that failed or were blocked, with the reason.
    pub failures: BTreeMap<String, String>,
    /// Verdicts.
    pub expectations: Vec<Verdict>,
}

/// The verdict on one expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was expected.
    pub expectation: Expectation,
    /// What was found, in each variant; none where the metric is missing.
    pub found: Vec<Option<f64>>,
    /// Share of the variants in which the bounds hold.
    pub fraction: f64,
    /// Whether the expectation is met.
    pub met: bool,
}

impl Summary {
    /// Summarises the results of a plan's nodes.
    pub fn new(plan: &Plan, results: &[NodeResult]) -> Self {
        let mut metrics = BTreeMap::new();
        let mut failures = BTreeMap::new();
        let suffix = |variant: usize| match plan.variants[variant].as_str() {
            "" => String::new(),
            label => format!(" [{label}]"),
        };
        for (variant, view) in plan.views.iter().enumerate() {
            for (address, &index) in view {
                match &results[index] {
                    NodeResult::Done(record) => {
                        for (name, estimate) in &record.metrics {
                            metrics.insert(format!("{address}.{name}{}", suffix(variant)), estimate.clone());
                        }
                    }
                    NodeResult::Failed(reason) => {
                        failures.insert(format!("{address}{}", suffix(variant)), reason.clone());
                    }
                    NodeResult::Blocked => {
                        failures.insert(format!("{address}{}", suffix(variant)), "blocked: an input failed".into());
                    }
                }
            }
        }
        let value = |metric: &str, variant: usize| -> Option<f64> {
            metrics.get(&format!("{metric}{}", suffix(variant))).map(|e: &Estimate| e.value)
        };
        let expectations = plan
            .expectations
            .iter()
            .map(|expectation| {
                let found: Vec<Option<f64>> = (0..plan.variants.len())
                    .map(|variant| expectation.value(|metric| value(metric, variant)))
                    .collect();
                let holding = found.iter().filter(|f| f.is_some_and(|v| expectation.holds(v))).count();
                let fraction = holding as f64 / found.len().max(1) as f64;
                Verdict { expectation: expectation.clone(), found, fraction, met: fraction >= expectation.in_fraction }
            })
            .collect();
        Self {
            pipeline: plan.header.name.clone(),
            question: plan.header.question.clone(),
            seed: plan.header.seed,
            systems: plan.header.systems.clone(),
            variants: plan.variants.clone(),
            keys: plan
                .views
                .iter()
                .map(|view| view.iter().map(|(a, &i)| (a.clone(), plan.nodes[i].key.clone())).collect())
                .collect(),
            metrics,
            failures,
            expectations,
        }
    }

    /// Whether every node ran and every expectation is met.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && self.expectations.iter().all(|v| v.met)
    }

    /// The summary as JSON text.
    pub fn to_json(&self) -> String {
        crate::plan::to_json(self)
    }
}
