//! Sweeps: the variants of a pipeline.
//!
//! `[sweep]` lists values for addresses. `mode = "grid"` (the default) takes every combination, `"zip"` goes through the lists in
//! step, `"random"` draws `count` combinations from the pipeline's seed.

use rand::RngExt;
use rheobase_core::Seed;

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Data, Table, Value};
use crate::suggest::nearest;

/// One variant: for each swept address the value, in the order of the file.
pub type Variant = Vec<(String, Value)>;

/// The variants of a `[sweep]` table; a single empty one without a sweep.
pub fn variants(table: Option<&Table>, seed: u64, diagnostics: &mut Vec<Diagnostic>) -> Vec<Variant> {
    let Some(table) = table else { return vec![vec![]] };
    let mut axes: Vec<(String, &[Value])> = Vec::new();
    for (key, value) in &table.entries {
        if key.name == "mode" || key.name == "count" {
            continue;
        }
        match &value.data {
            Data::Array(values) if !values.is_empty() => axes.push((key.name.clone(), values)),
            _ => diagnostics.push(complaint(
                format!(
                    "the sweep of `{}` must be a list with at least one value, found {}",
                    key.name,
                    value.type_name()
                ),
                &value.place,
                Some(format!("write \"{}\" = [value, value, ...]", key.name)),
            )),
        }
    }
    if axes.is_empty() {
        return vec![vec![]];
    }
    let mode = table.get("mode");
    match mode.map_or(Some("grid"), Value::as_str) {
        Some("grid") => grid(&axes),
        Some("zip") => zip(&axes, table, diagnostics),
        Some("random") => random(&axes, table, seed, diagnostics),
        found => {
            const MODES: [&str; 3] = ["grid", "zip", "random"];
            let near = found.and_then(|text| nearest(text, MODES));
            let hint = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            if let Some(mode) = mode {
                let message = format!("a sweep cannot have the mode `{}`", found.unwrap_or_default());
                diagnostics.push(complaint(message, &mode.place, Some(format!("{hint}modes: grid, zip, random"))));
            }
            vec![vec![]]
        }
    }
}

fn complaint(message: String, place: &Place, help: Option<String>) -> Diagnostic {
    Diagnostic { code: "R012", message, place: place.clone(), label: "sweep".into(), help }
}

fn grid(axes: &[(String, &[Value])]) -> Vec<Variant> {
    let mut variants: Vec<Variant> = vec![vec![]];
    for (address, values) in axes {
        variants = variants
            .iter()
            .flat_map(|variant| {
                values.iter().map(move |value| {
                    let mut longer = variant.clone();
                    longer.push((address.clone(), value.clone()));
                    longer
                })
            })
            .collect();
    }
    variants
}

fn zip(axes: &[(String, &[Value])], table: &Table, diagnostics: &mut Vec<Diagnostic>) -> Vec<Variant> {
    let length = axes[0].1.len();
    if let Some((address, values)) = axes.iter().find(|(_, values)| values.len() != length) {
        let place = table.key(address).map_or(Place::File(0..0), |key| key.place.clone());
        diagnostics.push(complaint(
            format!(
                "a zip sweep needs lists of equal length: `{}` has {length}, `{address}` has {}",
                axes[0].0,
                values.len()
            ),
            &place,
            None,
        ));
        return vec![vec![]];
    }
    (0..length).map(|i| axes.iter().map(|(address, values)| (address.clone(), values[i].clone())).collect()).collect()
}

fn random(axes: &[(String, &[Value])], table: &Table, seed: u64, diagnostics: &mut Vec<Diagnostic>) -> Vec<Variant> {
    let count = match table.get("count").map(|v| &v.data) {
        Some(Data::Integer(count)) if *count > 0 => *count as usize,
        _ => {
            let place = table.key("count").or(table.key("mode")).map_or(Place::File(0..0), |key| key.place.clone());
            diagnostics.push(complaint(
                "a random sweep needs `count`, a whole number of at least 1".into(),
                &place,
                None,
            ));
            return vec![vec![]];
        }
    };
    let seed = Seed::root(seed).child("sweep");
    (0..count)
        .map(|draw| {
            let mut stream = seed.index(draw).stream();
            axes.iter()
                .map(|(address, values)| (address.clone(), values[stream.random_range(0..values.len())].clone()))
                .collect()
        })
        .collect()
}
