//! Networks whose synapses stand in files: reading them, and what every stage with a network checks.

use std::collections::HashMap;
use std::path::Path;

use rheobase_data::{Column, Table};
use rheobase_pipeline::{Complaint, StageError};
use rheobase_spiking::network::{ConnectionRule, ConnectionTable, Listed, NetworkDescription, NeuronNames, Population};

use serde_json::Value;

use crate::kind::{complaint, failed};

/// What is wrong with a network that stands under `network`, down to the field where it can be told.
pub(super) fn complaints(network: &NetworkDescription) -> Vec<Complaint> {
    let whole = serde_json::to_value(network).unwrap_or_default();
    let of = |(mut path, error): (Vec<String>, rheobase_spiking::Error)| {
        if let rheobase_spiking::Error::Range { what, found, .. } = &error {
            path.extend(field(path.iter().try_fold(&whole, |table, key| entry(table, key)), what, *found));
        }
        let path: Vec<&str> = std::iter::once("network").chain(path.iter().map(String::as_str)).collect();
        complaint(&path, error.to_string(), "mend this part of the network")
    };
    network.mistakes().into_iter().map(of).collect()
}

fn entry<'a>(table: &'a Value, key: &str) -> Option<&'a Value> {
    table.get(key).or_else(|| table.get(key.parse::<usize>().ok()?))
}

/// The way from a part of a network to the number that is out of range: messages begin with the name of its field. Empty if there is not
/// exactly one such number.
fn field(part: Option<&Value>, what: &str, found: f64) -> Vec<String> {
    fn search(table: &Value, name: &str, found: f64, here: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
        let entries: Vec<(String, &Value)> = match table {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
            Value::Array(list) => list.iter().enumerate().map(|(k, value)| (k.to_string(), value)).collect(),
            _ => return,
        };
        for (key, value) in entries {
            here.push(key);
            if here.last().is_some_and(|key| key == name) && value.as_f64() == Some(found) {
                all.push(here.clone());
            }
            search(value, name, found, here, all);
            here.pop();
        }
    }
    let (mut all, name) = (vec![], what.split(' ').next().unwrap_or_default());
    if let Some(part) = part {
        search(part, name, found, &mut vec![], &mut all);
    }
    if all.len() == 1 { all.remove(0) } else { vec![] }
}

fn files(network: &NetworkDescription) -> impl Iterator<Item = &Path> {
    let names = network.populations.values().filter_map(|p| p.names.as_ref()).map(|n| n.path.as_path());
    let tables = network.projections.iter().filter_map(|p| match &p.rule {
        ConnectionRule::Table(table) => Some(table.path.as_path()),
        _ => None,
    });
    names.chain(tables)
}

/// Hash of the files that a network names.
pub(super) fn fingerprint(network: &NetworkDescription) -> Result<String, StageError> {
    let mut hasher = blake3::Hasher::new();
    for path in files(network) {
        let failed = |e| StageError::Failed(format!("cannot read {}: {e}", path.display()));
        std::io::copy(&mut std::fs::File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Memory that reading the files takes, in MiB.
pub(super) fn memory_mib(network: &NetworkDescription) -> u64 {
    // A byte of a compressed table can become some ten of a list of synapses.
    files(network).filter_map(|path| std::fs::metadata(path).ok()).map(|m| m.len() >> 16).sum()
}

/// The same network with every table read into a list.
pub(super) fn read(network: &NetworkDescription) -> Result<NetworkDescription, StageError> {
    let mut read = network.clone();
    for projection in &mut read.projections {
        let ConnectionRule::Table(table) = &projection.rule else { continue };
        let [from, to] = [&projection.from, &projection.to].map(|name| Neurons::of(name, network));
        let rows = Table::read(&table.path)?;
        projection.rule = ConnectionRule::List { synapses: synapses(table, &rows, &from?, &to?)? };
    }
    // Weights and delays of the rows are checked like any others.
    read.check().map_err(failed)?;
    Ok(read)
}

/// The neurons of a population as a table calls them.
struct Neurons<'a> {
    population: &'a str,
    size: usize,
    numbers: Option<HashMap<String, usize>>,
}

impl<'a> Neurons<'a> {
    fn of(name: &'a str, network: &NetworkDescription) -> Result<Self, StageError> {
        let (_, population) = network.population(name).map_err(failed)?;
        let numbers = population.names.as_ref().map(|names| numbered(name, names, population)).transpose()?;
        Ok(Self { population: name, size: population.size, numbers })
    }

    /// Number of the neuron that a row names.
    fn find(&self, column: &Column, row: usize) -> Option<usize> {
        match (&self.numbers, column) {
            (Some(numbers), _) => numbers.get(&column.text(row)).copied(),
            (None, Column::Integer(values)) => usize::try_from(values[row]).ok().filter(|n| *n < self.size),
            (None, _) => None,
        }
    }

    fn known(&self) -> String {
        match &self.numbers {
            Some(numbers) => format!("the {} names of population {}", numbers.len(), self.population),
            None => format!("the numbers 0 to {} of population {}", self.size - 1, self.population),
        }
    }
}

fn numbered(name: &str, names: &NeuronNames, population: &Population) -> Result<HashMap<String, usize>, StageError> {
    let table = Table::read(&names.path)?;
    let column = table.column(&names.column)?;
    let file = names.path.display();
    if column.len() != population.size {
        return Err(StageError::Failed(format!(
            "population {name} has size {}, but {file} names {} neurons: make them the same",
            population.size,
            column.len()
        )));
    }
    let mut numbers = HashMap::with_capacity(column.len());
    for row in 0..column.len() {
        if let Some(first) = numbers.insert(column.text(row), row) {
            let twice = column.text(row);
            return Err(StageError::Failed(format!("{file} names {twice} twice, in rows {first} and {row}")));
        }
    }
    Ok(numbers)
}

fn synapses(
    table: &ConnectionTable,
    rows: &Table,
    from: &Neurons<'_>,
    to: &Neurons<'_>,
) -> Result<Vec<Listed>, StageError> {
    let file = table.path.display();
    let (sources, targets) = (rows.column(&table.from)?, rows.column(&table.to)?);
    let weights = table.weight.as_ref().map(|name| rows.numbers(name)).transpose()?;
    let delays = table.delay_ms.as_ref().map(|name| rows.numbers(name)).transpose()?;
    let mut listed = Vec::with_capacity(rows.rows());
    for row in 0..rows.rows() {
        let (source, target) = (from.find(sources, row), to.find(targets, row));
        let (Some(source), Some(target)) = (source, target) else {
            if table.skip_others {
                continue;
            }
            let (name, neurons) = if source.is_none() { (sources.text(row), from) } else { (targets.text(row), to) };
            return Err(StageError::Failed(format!(
                "row {row} of {file} (counted from 0) names neuron {name}, which is not among {}; set skip_others = true to leave such rows out",
                neurons.known()
            )));
        };
        let weight = weights.as_ref().map(|w| w[row] * table.weight_scale);
        let delay_ms = delays.as_ref().map(|d| d[row]);
        if let Some((what, value)) = [("weight", weight), ("delay", delay_ms)]
            .into_iter()
            .find_map(|(what, value)| value.filter(|v| !v.is_finite()).map(|v| (what, v)))
        {
            return Err(StageError::Failed(format!("the {what} in row {row} of {file} is {value}")));
        }
        listed.push(Listed { from: source, to: target, weight, delay_ms });
    }
    if listed.is_empty() {
        return Err(StageError::Failed(format!(
            "no row of {file} connects {} to {}: of {} rows none names neurons of both",
            from.population,
            to.population,
            rows.rows()
        )));
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_found_inside_its_population_or_projection() {
        let text = r#"{ "populations": {
              "outside": { "size": 2, "neuron": { "kind": "renewal", "rate_hz": 5 } },
              "cells": { "size": 2, "neuron": { "kind": "lif", "tau_ms": -20 }, "receptors": { "in": { "kind": "delta" } } } },
            "projections": [
              { "from": "outside", "to": "cells", "receptor": "in", "rule": { "kind": "fixed-probability", "probability": 0.1 },
                "weight": { "kind": "constant", "value": 1 }, "delay_ms": { "kind": "constant", "value": 1 },
                "failure": { "kind": "constant", "probability": 1.5 } },
              { "from": "outside", "to": "cells", "receptor": "in", "rule": { "kind": "all-to-all" },
                "weight": { "kind": "normal", "mean": 1, "sd": -2 }, "delay_ms": { "kind": "constant", "value": 1 } },
              { "from": "outside", "to": "cells", "receptor": "in", "rule": { "kind": "all-to-all" },
                "weight": { "kind": "constant", "value": 1 }, "delay_ms": { "kind": "constant", "value": 1 },
                "plasticity": { "rule": { "kind": "stdp" }, "most": 1, "reward": { "tau_ms": -3 } } },
              { "from": "nowhere", "to": "cells", "receptor": "in", "rule": { "kind": "all-to-all" },
                "weight": { "kind": "constant", "value": 1 }, "delay_ms": { "kind": "constant", "value": 1 } }] }"#;
        let network: NetworkDescription = serde_json::from_str(text).unwrap();
        let found: Vec<String> = complaints(&network).iter().map(|c| c.path.join(".")).collect();
        let expected = [
            "network.populations.cells.neuron.tau_ms",
            "network.projections.0.failure.probability",
            "network.projections.1.weight.sd",
            "network.projections.2.plasticity.reward.tau_ms",
            "network.projections.3",
        ];
        assert_eq!(found, expected);
    }
}
