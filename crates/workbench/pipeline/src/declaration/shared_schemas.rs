//! Schemas that occur several times in a schema, put once under `definitions`: the description of a network, say, that many kinds of nodes
//! take.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// Bytes of a schema below which repeating it costs less than a reader's jump to its definition.
const WORTH: usize = 400;

/// The same schema with `definitions` for what is repeated.
pub fn with_definitions(schema: Json) -> Json {
    let mut seen = BTreeMap::new();
    count(&schema, "schema", &mut seen);
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    // In the order in which they are met, so that numbers behind equal names follow the reader.
    let mut repeated: Vec<(String, Seen)> = seen.into_iter().filter(|(_, seen)| seen.times > 1).collect();
    repeated.sort_by_key(|(_, seen)| seen.place);
    for (text, seen) in &repeated {
        let number = taken.entry(seen.name.clone()).or_insert(0);
        *number += 1;
        let name = if *number == 1 { seen.name.clone() } else { format!("{}-{number}", seen.name) };
        names.insert(text.clone(), name);
    }
    let mut definitions = Map::new();
    for (text, _) in &repeated {
        let whole: Json = serde_json::from_str(text).expect("written from a schema");
        definitions.insert(names[text].clone(), inside(whole, &names));
    }
    let mut schema = inside(schema, &names);
    if let Some(object) = schema.as_object_mut()
        && !definitions.is_empty()
    {
        object.insert("definitions".into(), Json::Object(definitions));
    }
    schema
}

/// How often a schema occurs, where first, and what it is called there.
struct Seen {
    times: usize,
    place: usize,
    name: String,
}

/// Counts schemas worth a definition. What lies inside a repeated one counts once.
fn count(schema: &Json, name: &str, seen: &mut BTreeMap<String, Seen>) {
    let text = schema.to_string();
    if text.len() >= WORTH {
        let kind = schema.pointer("/properties/kind/const").and_then(Json::as_str);
        let place = seen.len();
        let name = kind.unwrap_or(name).to_owned();
        let found = seen.entry(text).or_insert(Seen { times: 0, place, name });
        found.times += 1;
        if found.times > 1 {
            return;
        }
    }
    for (key, inner) in parts(schema) {
        count(inner, key.unwrap_or(name), seen);
    }
}

/// Schemas directly inside a schema, those of properties with their names.
fn parts(schema: &Json) -> Vec<(Option<&str>, &Json)> {
    let Some(object) = schema.as_object() else { return vec![] };
    let mut parts = vec![];
    if let Some(properties) = object.get("properties").and_then(Json::as_object) {
        parts.extend(properties.iter().map(|(key, inner)| (Some(key.as_str()), inner)));
    }
    for key in ["items", "additionalProperties"] {
        parts.extend(object.get(key).filter(|inner| inner.is_object()).map(|inner| (None, inner)));
    }
    for key in ["oneOf", "anyOf"] {
        parts.extend(object.get(key).and_then(Json::as_array).into_iter().flatten().map(|inner| (None, inner)));
    }
    parts
}

/// The schema, or a reference to its definition.
fn referred(schema: Json, names: &BTreeMap<String, String>) -> Json {
    match names.get(&schema.to_string()) {
        Some(name) => json!({ "$ref": format!("#/definitions/{name}") }),
        None => inside(schema, names),
    }
}

/// The schema with references inside.
fn inside(mut schema: Json, names: &BTreeMap<String, String>) -> Json {
    let Some(object) = schema.as_object_mut() else { return schema };
    let replace = |inner: &mut Json| *inner = referred(inner.take(), names);
    if let Some(properties) = object.get_mut("properties").and_then(Json::as_object_mut) {
        properties.values_mut().for_each(replace);
    }
    for key in ["items", "additionalProperties"] {
        object.get_mut(key).filter(|inner| inner.is_object()).into_iter().for_each(replace);
    }
    for key in ["oneOf", "anyOf"] {
        object.get_mut(key).and_then(Json::as_array_mut).into_iter().flatten().for_each(replace);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schema with the definitions back in their places.
    fn expanded(schema: &Json, definitions: &Json) -> Json {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            return expanded(&definitions[name.rsplit('/').next().unwrap()], definitions);
        }
        match schema {
            Json::Object(object) => {
                let inner = object.iter().filter(|(key, _)| *key != "definitions");
                Json::Object(inner.map(|(key, value)| (key.clone(), expanded(value, definitions))).collect())
            }
            Json::Array(items) => Json::Array(items.iter().map(|item| expanded(item, definitions)).collect()),
            other => other.clone(),
        }
    }

    #[test]
    fn what_is_repeated_stands_once_and_nothing_is_lost() {
        let long = "a description that is long enough to be worth a definition of its own. ".repeat(6);
        let inner = json!({ "type": "object", "description": long, "properties": { "kind": { "const": "rule" } } });
        let outer = |text: &str| json!({ "type": "object", "description": text, "properties": { "a": inner, "b": { "type": "number" } } });
        let schema = json!({
            "type": "object",
            "properties": { "x": outer(&long), "y": outer(&long), "z": outer("another"), "kind": { "enum": ["one"] } }
        });
        let shared = with_definitions(schema.clone());
        let definitions = shared["definitions"].as_object().unwrap();
        assert_eq!(definitions.keys().collect::<Vec<_>>(), ["rule", "x"]);
        assert_eq!(shared["properties"]["y"], json!({ "$ref": "#/definitions/x" }));
        assert_eq!(definitions["x"]["properties"]["a"], json!({ "$ref": "#/definitions/rule" }));
        assert_eq!(expanded(&shared, &shared["definitions"]), schema);
        assert!(with_definitions(json!({ "type": "number" })).get("definitions").is_none());
    }
}
