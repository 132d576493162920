//! `describe`: what a name means, with its parameters, defaults and ranges.

use rheobase_data::library::Library;
use rheobase_pipeline::{Role, Stage};
use rheobase_stage::REGISTRY;
use serde_json::{Value as Json, json};

use crate::arguments::Settings;
use crate::catalogue;
use crate::commands::parts;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Describes whatever has this name.
pub fn describe(name: &str, settings: &Settings) -> Outcome {
    let mut found = Vec::new();
    for role in Role::ALL {
        let wanted = if name == "model" && role == Role::Model { "" } else { name };
        if let Some(stage) = REGISTRY.find(role, wanted) {
            found.push(stage_text(stage, settings));
        }
    }
    for part in ["architecture", "objective", "learning"] {
        for (_, about, schema) in parts(part).into_iter().filter(|(kind, ..)| kind == name) {
            found.push(part_text(part, name, &about, &schema, settings));
        }
    }
    if let Ok(target) = rheobase_data::target::load(name) {
        let lines: Vec<String> = target
            .quantities
            .iter()
            .map(|q| format!("  {}: {} to {} ({}); {}", q.name, q.low, q.high, q.provenance, q.meaning))
            .collect();
        let text = format!(
            "{name}: {}\n{}\n{}\n{}",
            target.description,
            target.citation,
            target.preparation,
            lines.join("\n")
        );
        found.push(plain(&text, settings));
    }
    let library = Library::new(settings.data_folder())?;
    if let Ok(manifest) = library.manifest(name) {
        let text = format!(
            "{name}: {}\nlicence: {}\ncite: {}\n{}",
            manifest.description, manifest.licence, manifest.citation, manifest.note
        );
        found.push(plain(&text, settings));
    }
    for system in catalogue::systems().into_iter().filter(|s| s.id == name) {
        found.push(plain(&format!("{}: {}\n{}", system.id, system.title, system.citation), settings));
    }
    for (code, meaning) in rheobase_pipeline::diagnostic::CODES.iter().filter(|(code, _)| *code == name) {
        found.push(plain(&format!("{code}: {meaning}"), settings));
    }
    if found.is_empty() {
        return Err(Failure::User(format!("nothing is called `{name}`; see `rheobase list`")));
    }
    output::data(&found.join("\n\n"));
    Ok(0)
}

fn plain(text: &str, settings: &Settings) -> String {
    if settings.json { json!({ "text": text }).to_string() } else { text.to_owned() }
}

fn stage_text(stage: &dyn Stage, settings: &Settings) -> String {
    if settings.json {
        return json!({ "role": stage.role(), "kind": stage.kind(), "about": stage.about(), "schema": stage.schema() })
            .to_string();
    }
    let outputs: Vec<&str> = stage.outputs().iter().map(|o| o.artifact).collect();
    let head = if stage.kind().is_empty() {
        format!("[{}.NAME]", stage.role().name())
    } else {
        format!("[{}.NAME]\nkind = \"{}\"", stage.role().name(), stage.kind())
    };
    format!("{head}\n\n{}; gives {}\n\n{}", stage.about(), outputs.join(", "), parameters(&stage.schema()))
}

fn part_text(part: &str, name: &str, about: &str, schema: &Json, settings: &Settings) -> String {
    if settings.json {
        return json!({ "part": part, "kind": name, "about": about, "schema": schema }).to_string();
    }
    format!("{part} = {{ kind = \"{name}\", ... }}\n\n{about}\n\n{}", parameters(schema))
}

fn parameters(schema: &Json) -> String {
    let required: Vec<&str> =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let mut rows = Vec::new();
    for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
        if name == "kind" {
            continue;
        }
        let default = match property.get("default") {
            Some(Json::Null) => "optional".to_owned(),
            Some(Json::Object(_)) => "its defaults".to_owned(),
            Some(default) => default.to_string(),
            None if required.contains(&name.as_str()) => "required".to_owned(),
            None => "optional".to_owned(),
        };
        let about = property.get("description").and_then(Json::as_str).unwrap_or_default().replace('\n', " ");
        rows.push(vec![format!("  {name}"), sort_of(property), default, about]);
    }
    if rows.is_empty() {
        "no parameters".into()
    } else {
        output::table(&["  parameter", "type", "default", "meaning"], &rows)
    }
}

fn sort_of(property: &Json) -> String {
    if property.get("x-rheobase-accepts").is_some() {
        return "reference".into();
    }
    for alternative in ["oneOf", "anyOf"] {
        if let Some(options) = property.get(alternative).and_then(Json::as_array) {
            let constants: Vec<&str> = options.iter().filter_map(|o| o.get("const").and_then(Json::as_str)).collect();
            if !constants.is_empty() {
                return constants.join(" | ");
            }
            let first = options.iter().find(|o| o.get("type").and_then(Json::as_str) != Some("null"));
            return first.map_or("table".into(), sort_of);
        }
    }
    match property.get("type") {
        Some(Json::String(one)) => one.clone(),
        Some(Json::Array(many)) => {
            many.iter().filter_map(Json::as_str).filter(|t| *t != "null").collect::<Vec<_>>().join(" or ")
        }
        _ => "table".into(),
    }
}
