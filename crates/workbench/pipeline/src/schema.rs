//! Validation of a tree against a JSON schema, all mistakes at once, each with its place.
//!
//! The schemas are those that schemars derives from the stages' parameter structs, so one struct is at once the parameters, their
//! defaults, their documentation and their checks. The part of JSON schema understood is the part schemars emits for them: types,
//! ranges, lists, tables without unknown keys, enumerations, tables told apart by `kind`, and references to nodes
//! (`x-rheobase-accepts`).

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Data, Table, Value};
use crate::suggest::nearest;

/// Key of a schema that marks text as a reference to a node, with the sorts of artifact it accepts.
pub const ACCEPTS: &str = "x-rheobase-accepts";

/// A reference found while validating.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The text, `role.name` or `role.name.output`.
    pub target: String,
    /// Sorts of artifact that fit.
    pub accepts: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// What validation found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// Mistakes.
    pub diagnostics: Vec<Diagnostic>,
    /// References to nodes.
    pub references: Vec<Reference>,
}

/// Validates a value against a schema; `name` is the address for messages.
pub fn validate(value: &Value, schema: &Json, name: &str, findings: &mut Findings) {
    let Some(schema) = schema.as_object() else { return };
    if let Some(accepts) = schema.get(ACCEPTS) {
        return validate_reference(value, accepts, name, findings);
    }
    for alternative in ["oneOf", "anyOf"] {
        if let Some(options) = schema.get(alternative).and_then(Json::as_array) {
            return validate_alternatives(value, options, name, findings);
        }
    }
    if let Some(allowed) = schema.get("enum").and_then(Json::as_array) {
        return validate_choice(value, &allowed.iter().filter_map(Json::as_str).collect::<Vec<_>>(), name, findings);
    }
    if let Some(constant) = schema.get("const").and_then(Json::as_str) {
        return validate_choice(value, &[constant], name, findings);
    }
    let types = types_of(schema);
    match (&value.data, &types[..]) {
        (_, []) => {}
        (Data::Integer(v), t) if t.contains(&"integer") || t.contains(&"number") => {
            validate_range(*v as f64, schema, value, name, findings);
        }
        (Data::Float(v), t) if t.contains(&"number") => validate_range(*v, schema, value, name, findings),
        (Data::String(_) | Data::Datetime(_), t) if t.contains(&"string") => {}
        (Data::Bool(_), t) if t.contains(&"boolean") => {}
        (Data::Array(items), t) if t.contains(&"array") => validate_array(items, schema, value, name, findings),
        (Data::Table(table), t) if t.contains(&"object") => validate_table(table, schema, value, name, findings),
        _ => findings.diagnostics.push(Diagnostic {
            code: "R003",
            message: format!("`{name}` must be {}, found {}", wanted(&types), value.type_name()),
            place: value.place.clone(),
            label: format!("this is {}", value.type_name()),
            help: schema.get("default").filter(|d| !d.is_null()).map(|d| format!("leave it out for the default, {d}")),
        }),
    }
}

fn types_of(schema: &Map<String, Json>) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).filter(|t| *t != "null").collect(),
        _ => vec![],
    }
}

fn wanted(types: &[&str]) -> String {
    let word = |t: &&str| match *t {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        _ => "something else",
    };
    types.iter().map(word).collect::<Vec<_>>().join(" or ")
}

fn validate_reference(value: &Value, accepts: &Json, name: &str, findings: &mut Findings) {
    let Some(target) = value.as_str() else {
        findings.diagnostics.push(Diagnostic {
            code: "R003",
            message: format!("`{name}` must name a node, found {}", value.type_name()),
            place: value.place.clone(),
            label: "not a reference".into(),
            help: Some("write it as \"role.name\", for example \"data.patches\"".into()),
        });
        return;
    };
    let accepts = accepts.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    findings.references.push(Reference { target: target.to_owned(), accepts, place: value.place.clone() });
}

fn validate_choice(value: &Value, allowed: &[&str], name: &str, findings: &mut Findings) {
    let found = value.as_str();
    if found.is_some_and(|text| allowed.contains(&text)) {
        return;
    }
    let message = match found {
        Some(text) => format!("`{name}` cannot be `{text}`"),
        None => format!("`{name}` must be text, found {}", value.type_name()),
    };
    let mut help = format!("allowed: {}", allowed.join(", "));
    if let Some(near) = found.and_then(|text| nearest(text, allowed.iter().copied())) {
        help = format!("did you mean `{near}`? {help}");
    }
    findings.diagnostics.push(Diagnostic {
        code: if found.is_some() { "R004" } else { "R003" },
        message,
        place: value.place.clone(),
        label: "not one of the allowed values".into(),
        help: Some(help),
    });
}

fn validate_alternatives(value: &Value, options: &[Json], name: &str, findings: &mut Findings) {
    let options: Vec<&Json> = options.iter().filter(|o| o.get("type").and_then(Json::as_str) != Some("null")).collect();
    // `Option<T>` leaves one alternative.
    if let [only] = options[..] {
        return validate(value, only, name, findings);
    }
    let constants: Vec<&str> = options.iter().flat_map(|o| choices(o)).collect();
    if constants.len() >= options.len() {
        return validate_choice(value, &constants, name, findings);
    }
    // Where a bare number stands for one of the kinds.
    let number = options.iter().find(|option| option.get("type").and_then(Json::as_str) == Some("number"));
    if let (Data::Integer(_) | Data::Float(_), Some(number)) = (&value.data, number) {
        return validate(value, number, name, findings);
    }
    let kind_of = |option: &Json| option.pointer("/properties/kind/const").and_then(Json::as_str).map(str::to_owned);
    let kinds: Vec<String> = options.iter().filter_map(|o| kind_of(o)).collect();
    let known: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let Some(table) = value.as_table() else {
        findings.diagnostics.push(Diagnostic {
            code: "R003",
            message: format!(
                "`{name}` must be {}a table with a `kind`, found {}",
                if number.is_some() { "a number or " } else { "" },
                value.type_name()
            ),
            place: value.place.clone(),
            label: format!("this is {}", value.type_name()),
            help: Some(format!("write {{ kind = \"...\" }}; {}", kinds_in_words("", &known))),
        });
        return;
    };
    let Some(kind) = table.get("kind") else {
        findings.diagnostics.push(missing("kind", name, &value.place, Some(kinds_in_words("", &known))));
        return;
    };
    match options.iter().find(|o| kind_of(o).as_deref() == kind.as_str()) {
        Some(option) => validate(value, option, name, findings),
        None => findings.diagnostics.push(unknown_kind(kind, name, &known)),
    }
}

fn choices(option: &Json) -> Vec<&str> {
    match (option.get("const").and_then(Json::as_str), option.get("enum").and_then(Json::as_array)) {
        (Some(one), _) => vec![one],
        (None, Some(many)) => many.iter().filter_map(Json::as_str).collect(),
        (None, None) => vec![],
    }
}

/// So many kinds are all named in a message.
const NAMED: usize = 20;

/// Kinds to choose from: all, or of many those that share a word with the one found.
pub fn kinds_in_words(found: &str, known: &[&str]) -> String {
    if known.len() <= NAMED {
        return format!("kinds: {}", known.join(", "));
    }
    let words: Vec<&str> = found.split(['-', '_', ' ']).filter(|word| word.len() > 2).collect();
    let alike = |kind: &&str| kind.split('-').any(|part| words.iter().any(|word| part.starts_with(word)));
    let alike: Vec<&str> = known.iter().copied().filter(alike).collect();
    let all = format!("`rheobase list` shows all {} kinds", known.len());
    if alike.is_empty() { all } else { format!("kinds of such a name: {}; {all}", alike.join(", ")) }
}

/// The message for a kind that the registry does not have.
pub fn unknown_kind(kind: &Value, name: &str, known: &[&str]) -> Diagnostic {
    let found = kind.as_str().unwrap_or_default();
    let help = match nearest(found, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {}", kinds_in_words("", known)),
        None => kinds_in_words(found, known),
    };
    Diagnostic {
        code: "R006",
        message: format!("`{name}` has no kind `{found}`"),
        place: kind.place.clone(),
        label: "unknown kind".into(),
        help: Some(help),
    }
}

/// The message for a key that must be there.
pub fn missing(key: &str, name: &str, place: &Place, help: Option<String>) -> Diagnostic {
    Diagnostic {
        code: "R005",
        message: format!("`{name}` needs `{key}`"),
        place: place.clone(),
        label: format!("`{key}` is missing here"),
        help,
    }
}

fn validate_range(number: f64, schema: &Map<String, Json>, value: &Value, name: &str, findings: &mut Findings) {
    let limit = |key: &str| schema.get(key).and_then(Json::as_f64);
    let rules = [
        ("minimum", limit("minimum"), (|v, l| v >= l) as fn(f64, f64) -> bool, "at least"),
        ("exclusiveMinimum", limit("exclusiveMinimum"), |v, l| v > l, "greater than"),
        ("maximum", limit("maximum"), |v, l| v <= l, "at most"),
        ("exclusiveMaximum", limit("exclusiveMaximum"), |v, l| v < l, "less than"),
    ];
    let broken: Vec<String> = rules
        .iter()
        .filter_map(|(_, limit, holds, words)| limit.filter(|l| !holds(number, *l)).map(|l| format!("{words} {l}")))
        .collect();
    if !broken.is_empty() {
        findings.diagnostics.push(Diagnostic {
            code: "R004",
            message: format!("`{name}` is {number}, it must be {}", broken.join(" and ")),
            place: value.place.clone(),
            label: "out of range".into(),
            help: schema.get("default").filter(|d| !d.is_null()).map(|d| format!("the default is {d}")),
        });
    }
}

fn validate_array(items: &[Value], schema: &Map<String, Json>, value: &Value, name: &str, findings: &mut Findings) {
    let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
    let (least, most) = (limit("minItems").unwrap_or(0), limit("maxItems").unwrap_or(u64::MAX));
    if (items.len() as u64) < least || items.len() as u64 > most {
        let allowed = if least == most { format!("exactly {least}") } else { format!("at least {least}") };
        findings.diagnostics.push(Diagnostic {
            code: "R004",
            message: format!("`{name}` has {} entries, it must have {allowed}", items.len()),
            place: value.place.clone(),
            label: "wrong number of entries".into(),
            help: None,
        });
    }
    if let Some(item_schema) = schema.get("items") {
        for (index, item) in items.iter().enumerate() {
            validate(item, item_schema, &format!("{name}[{index}]"), findings);
        }
    }
}

fn validate_table(table: &Table, schema: &Map<String, Json>, value: &Value, name: &str, findings: &mut Findings) {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    for (key, item) in &table.entries {
        let address = format!("{name}.{}", key.name);
        match (properties.get(&key.name), schema.get("additionalProperties")) {
            (Some(property), _) => validate(item, property, &address, findings),
            (None, Some(Json::Bool(false)) | None) => {
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                let mut help = format!("known keys: {}", known.join(", "));
                if let Some(near) = nearest(&key.name, known.iter().copied()) {
                    help = format!("did you mean `{near}`? {help}");
                }
                findings.diagnostics.push(Diagnostic {
                    code: "R002",
                    message: format!("`{name}` has no key `{}`", key.name),
                    place: key.place.clone(),
                    label: "unknown key".into(),
                    help: Some(help),
                });
            }
            (None, Some(other)) => validate(item, other, &address, findings),
        }
    }
    for required in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
        if table.get(required).is_none() {
            let help = properties.get(required).and_then(|p| p.get("description")).and_then(Json::as_str);
            findings.diagnostics.push(missing(required, name, &value.place, help.map(str::to_owned)));
        }
    }
}
