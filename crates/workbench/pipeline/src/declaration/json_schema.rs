//! JSON schemas: of one type, and of whole pipeline files for editors.

use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use crate::declaration::Header;
use crate::declaration::shared_schemas::with_definitions;
use crate::expectation::Expectation;
use crate::registry::{Registry, Role, Stage};

/// JSON schema of a type, draft 7, without references.
pub fn schema_of<T: JsonSchema>() -> Json {
    let settings = schemars::generate::SchemaSettings::draft07().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The JSON schema (draft 7) of whole pipeline files; what several kinds of nodes take stands once, under `definitions`.
pub fn pipeline_schema(registry: Registry) -> Json {
    let mut properties = serde_json::Map::new();
    properties.insert("pipeline".into(), schema_of::<Header>());
    for role in Role::ALL {
        let kinds: Vec<Json> = registry.of_role(role).map(node_schema).collect();
        let nodes = if kinds.len() == 1 { kinds[0].clone() } else { json!({ "oneOf": kinds }) };
        properties.insert(role.name().into(), json!({ "type": "object", "additionalProperties": nodes }));
    }
    properties.insert("expect".into(), json!({ "type": "array", "items": schema_of::<Expectation>() }));
    properties.insert(
        "sweep".into(),
        json!({
            "type": "object",
            "description": "Lists of values by address (role.name.key, or seed).",
            "properties": {
                "mode": { "enum": ["grid", "zip", "random"], "default": "grid" },
                "count": { "type": "integer", "minimum": 1, "description": "Combinations of a random sweep." }
            },
            "additionalProperties": { "type": "array", "minItems": 1 }
        }),
    );
    with_definitions(json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rheobase pipeline",
        "type": "object",
        "properties": properties,
        "required": ["pipeline"],
        "additionalProperties": false
    }))
}

fn node_schema(stage: &'static dyn Stage) -> Json {
    let mut schema = stage.schema();
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), stage.about().into());
        let properties = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.insert(
                "seed".into(),
                json!({ "type": "integer", "minimum": 0, "description": "Seed of this node alone." }),
            );
            if !stage.kind().is_empty() {
                properties.insert("kind".into(), json!({ "const": stage.kind(), "description": stage.about() }));
            }
        }
        if !stage.kind().is_empty() {
            let required = object.entry("required").or_insert_with(|| json!([]));
            if let Some(required) = required.as_array_mut() {
                required.insert(0, "kind".into());
            }
        }
    }
    schema
}
