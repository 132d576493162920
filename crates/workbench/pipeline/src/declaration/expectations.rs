//! `[[expect]]` entries: complete, and about metrics of nodes that exist.

use crate::declaration::references::split_reference;
use crate::declaration::{Draft, place_at, schema_of};
use crate::diagnostic::Diagnostic;
use crate::document::{Data, Table};
use crate::expectation::Expectation;
use crate::schema::{Findings, validate};
use crate::suggest::nearest;

/// The expectations of a pipeline; mistakes go to the diagnostics.
pub fn check_expectations(table: &Table, drafts: &[Draft], diagnostics: &mut Vec<Diagnostic>) -> Vec<Expectation> {
    let Some(value) = table.get("expect") else { return vec![] };
    let Data::Array(items) = &value.data else {
        diagnostics.push(Diagnostic {
            code: "R003",
            message: format!("`expect` must be a list of tables, found {}", value.type_name()),
            place: value.place.clone(),
            label: format!("this is {}", value.type_name()),
            help: Some("write [[expect]] with two brackets".into()),
        });
        return vec![];
    };
    let schema = schema_of::<Expectation>();
    let mut expectations = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let mut findings = Findings::default();
        validate(item, &schema, &format!("expect[{index}]"), &mut findings);
        let good = findings.diagnostics.is_empty();
        diagnostics.append(&mut findings.diagnostics);
        if !good {
            continue;
        }
        let Ok(expectation) = serde_json::from_value::<Expectation>(item.to_json()) else { continue };
        let complain = |key: &str, message: String, help: String| Diagnostic {
            code: "R011",
            message,
            place: place_at(item, &[key.to_owned()]),
            label: "expectation".into(),
            help: Some(help),
        };
        if expectation.at_least.is_none() && expectation.at_most.is_none() {
            diagnostics.push(complain(
                "",
                "an expectation needs at_least, at_most or both".into(),
                "for example at_least = 0.9".into(),
            ));
        }
        let named = [
            ("metric", Some(&expectation.metric)),
            ("minus", expectation.minus.as_ref()),
            ("over", expectation.over.as_ref()),
        ];
        for (key, metric) in named {
            let Some(metric) = metric else { continue };
            let (address, name) = split_reference(metric);
            if name.is_empty() || !drafts.iter().any(|d| d.address == address) {
                let near = nearest(address, drafts.iter().map(|d| d.address.as_str()));
                let help = match near.filter(|near| *near != address) {
                    Some(near) => format!("did you mean `{near}`? write it as role.name.metric"),
                    None => "write it as role.name.metric, for example analysis.gabor.fraction_well_fit".to_owned(),
                };
                diagnostics.push(complain(key, format!("`{metric}` is not a metric of a node of this pipeline"), help));
            }
        }
        expectations.push(expectation);
    }
    expectations
}
