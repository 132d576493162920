//! `list`.

use rheobase_pipeline::{Role, Stage};
use rheobase_stage::REGISTRY;
use serde_json::json;

use crate::arguments::{Listing, Settings};
use crate::catalogue;
use crate::commands::parts;
use crate::failure::Outcome;
use crate::output;

/// Lists what the program knows.
pub fn list(what: Listing, settings: &Settings) -> Outcome {
    let part = |name: &str| parts(name).into_iter().map(|(kind, about, _)| (kind, about)).collect::<Vec<_>>();
    let lines: Vec<(String, String)> = match what {
        Listing::Stages => Role::ALL
            .into_iter()
            .flat_map(|role| REGISTRY.of_role(role).map(move |stage| (role, stage)))
            .map(|(role, stage): (Role, &dyn Stage)| {
                let kind = if stage.kind().is_empty() { String::new() } else { format!(" {}", stage.kind()) };
                (format!("{}{kind}", role.name()), stage.about().to_owned())
            })
            .collect(),
        Listing::Architectures => part("architecture"),
        Listing::Objectives => part("objective"),
        Listing::Rules => part("learning"),
        Listing::Targets => rheobase_data::target::names()
            .into_iter()
            .map(|name| (name.to_owned(), rheobase_data::target::load(name).map(|t| t.description).unwrap_or_default()))
            .collect(),
        Listing::Systems => catalogue::systems().into_iter().map(|s| (s.id, s.title)).collect(),
        Listing::Codes => {
            rheobase_pipeline::diagnostic::CODES.iter().map(|(c, m)| ((*c).to_owned(), (*m).to_owned())).collect()
        }
    };
    if settings.json {
        output::json(&lines.iter().map(|(name, about)| json!({ "name": name, "about": about })).collect::<Vec<_>>());
    } else {
        let rows: Vec<Vec<String>> = lines.into_iter().map(|(name, about)| vec![name, about]).collect();
        output::data(&output::table(&["name", "what it is"], &rows));
    }
    Ok(0)
}
