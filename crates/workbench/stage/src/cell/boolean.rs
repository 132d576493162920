//! `[analysis.*] kind = "boolean-neuron"`: which Boolean functions point neurons and neurons with dendrites can be.

use std::collections::BTreeMap;

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_dendrite::boolean::{BooleanTask, DendriticUnit, count_threshold_functions};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `boolean-neuron`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BooleanNeuronParameters {
    /// Patterns of active inputs that should fire and that should not.
    pub task: BooleanTask,
    /// Largest integer weight of the threshold units that are searched.
    #[serde(default = "limit")]
    #[schemars(range(min = 1, max = 9))]
    pub weight_limit: i32,
    /// Neurons with dendrites, by name.
    #[serde(default)]
    pub units: BTreeMap<String, DendriticUnit>,
    /// Numbers of inputs for which threshold functions are counted.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = 4)))]
    pub count_functions_of: Vec<usize>,
}

fn limit() -> i32 {
    5
}

/// Neurons as Boolean functions.
pub struct BooleanNeuron;

impl Kind for BooleanNeuron {
    type Parameters = BooleanNeuronParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "boolean-neuron";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "which Boolean functions threshold units and units with dendrites can be, by exhaustion";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a search among Boolean units")];

    fn check(p: &BooleanNeuronParameters) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if let Err(error) = p.task.check() {
            complaints.push(complaint(&["task"], error.to_string(), "inputs are numbered from 0"));
        }
        for (name, unit) in &p.units {
            if let Some(bad) = unit.dendrites.iter().flatten().find(|i| **i >= p.task.inputs) {
                let message = format!("a dendrite of {name} takes the input {bad} of {}", p.task.inputs);
                complaints.push(complaint(&["units", name, "dendrites"], message, "inputs are numbered from 0"));
            }
        }
        complaints
    }

    fn run(p: &BooleanNeuronParameters, _: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let count =
            |value: usize, name: &str, n: usize, of: &str| Estimate::new(value as f64, name, "exhaustive", n, of);
        let search = p.task.search_threshold_units(p.weight_limit);
        let solving = count(search.solving, "weight vectors with a threshold that solves it", search.tried, "vectors");
        outcome.metric("threshold_units_that_solve_it", solving);
        outcome.metric("threshold_units_tried", count(search.tried, "weight vectors", search.tried, "vectors"));
        for &inputs in &p.count_functions_of {
            let found = count_threshold_functions(inputs, inputs as i32 + 1).map_err(failed)?;
            let all = 1_usize << (1 << inputs);
            outcome.metric(&format!("threshold_functions_of_{inputs}"), count(found, "functions", all, "functions"));
        }
        let describe = |pattern: u64| {
            let active: Vec<String> =
                (0..p.task.inputs).filter(|i| pattern >> i & 1 == 1).map(|i| format!("x{}", i + 1)).collect();
            if active.is_empty() { "none".to_owned() } else { active.join(" ") }
        };
        let patterns: Vec<u64> = (0..1 << p.task.inputs).collect();
        let mut table = Table::new().with("active", patterns.iter().map(|k| describe(*k)).collect::<Vec<_>>())?;
        for (name, unit) in &p.units {
            let correct = p.task.correct(unit);
            outcome.metric(&format!("{name}_correct"), count(correct, "patterns right", p.task.patterns(), "patterns"));
            let few = patterns.iter().filter(|k| k.count_ones() < 2 && unit.fires(**k)).count();
            let few = count(few, "firings for one active input or none", p.task.inputs + 1, "patterns");
            outcome.metric(&format!("{name}_fires_for_one"), few);
            table = table.with(name, patterns.iter().map(|k| usize::from(unit.fires(*k))).collect::<Vec<_>>())?;
        }
        outcome.table("responses", table);
        Ok(outcome)
    }
}
