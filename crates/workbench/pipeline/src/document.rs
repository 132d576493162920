//! TOML text to a tree that remembers where every key and value stands; overrides from the command line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Place};

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value.
    pub data: Data,
    /// Where it stands.
    pub place: Place,
}

/// The data of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Text.
    String(String),
    /// Whole number.
    Integer(i64),
    /// Number.
    Float(f64),
    /// Truth value.
    Bool(bool),
    /// Date or time, in its own words.
    Datetime(String),
    /// List.
    Array(Vec<Value>),
    /// Table.
    Table(Table),
}

/// A key with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
}

/// A table in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Keys and values.
    pub entries: Vec<(Key, Value)>,
}

impl Table {
    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, value)| value)
    }

    /// The key itself, with its place.
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.entries.iter().find(|(key, _)| key.name == name).map(|(key, _)| key)
    }

    /// A copy without some keys.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        Self { entries: self.entries.iter().filter(|(key, _)| !names.contains(&key.name.as_str())).cloned().collect() }
    }
}

impl Value {
    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        if let Data::Table(table) = &self.data { Some(table) } else { None }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Data::String(text) = &self.data { Some(text) } else { None }
    }

    /// Name of the type, as messages say it.
    pub fn type_name(&self) -> &'static str {
        match self.data {
            Data::String(_) => "text",
            Data::Integer(_) => "a whole number",
            Data::Float(_) => "a number",
            Data::Bool(_) => "true or false",
            Data::Datetime(_) => "a date",
            Data::Array(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    /// A copy without the entries whose key or value stands at one of these places.
    #[must_use]
    pub fn without_places(&self, places: &[&Place]) -> Self {
        let Data::Table(table) = &self.data else { return self.clone() };
        let kept = table
            .entries
            .iter()
            .filter(|(key, value)| !places.contains(&&key.place) && !places.contains(&&value.place));
        let entries = kept.map(|(key, value)| (key.clone(), value.without_places(places))).collect();
        Self { data: Data::Table(Table { entries }), place: self.place.clone() }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.data {
            Data::String(v) | Data::Datetime(v) => v.clone().into(),
            Data::Integer(v) => (*v).into(),
            // JSON has no NaN; the validator has refused it before.
            Data::Float(v) => serde_json::Number::from_f64(*v).map_or(serde_json::Value::Null, Into::into),
            Data::Bool(v) => (*v).into(),
            Data::Array(v) => v.iter().map(Self::to_json).collect(),
            Data::Table(v) => v.entries.iter().map(|(k, v)| (k.name.clone(), v.to_json())).collect(),
        }
    }
}

/// Reads TOML; everything that could be read is in the tree, every syntax error in the list.
pub fn parse(text: &str) -> (Value, Vec<Diagnostic>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut diagnostics: Vec<Diagnostic> = errors
        .into_iter()
        .map(|error| Diagnostic {
            code: "R001",
            message: error.message().to_owned(),
            place: Place::File(error.span().unwrap_or(0..0)),
            label: "not TOML".into(),
            help: None,
        })
        .collect();
    let span = table.span();
    let value = Value { data: Data::Table(convert_table(table.get_ref(), &mut diagnostics)), place: Place::File(span) };
    (value, diagnostics)
}

fn convert_table(table: &DeTable<'_>, diagnostics: &mut Vec<Diagnostic>) -> Table {
    let mut entries: Vec<(Key, Value)> = table
        .iter()
        .map(|(key, value)| {
            let name = Key { name: key.get_ref().to_string(), place: Place::File(key.span()) };
            (name, convert(value, diagnostics))
        })
        .collect();
    entries.sort_by_key(|(key, _)| if let Place::File(span) = &key.place { span.start } else { 0 });
    Table { entries }
}

fn convert(value: &Spanned<DeValue<'_>>, diagnostics: &mut Vec<Diagnostic>) -> Value {
    let span = value.span();
    let data = match value.get_ref() {
        DeValue::String(v) => Data::String(v.to_string()),
        DeValue::Integer(v) => {
            let number = i64::from_str_radix(&v.as_str().replace('_', ""), v.radix());
            number.map(Data::Integer).unwrap_or_else(|_| refuse(v.as_str(), &span, diagnostics, Data::Integer(0)))
        }
        DeValue::Float(v) => {
            let number: Result<f64, _> = v.as_str().replace('_', "").parse();
            match number {
                Ok(number) if number.is_finite() => Data::Float(number),
                _ => refuse(v.as_str(), &span, diagnostics, Data::Float(0.0)),
            }
        }
        DeValue::Boolean(v) => Data::Bool(*v),
        DeValue::Datetime(v) => Data::Datetime(v.to_string()),
        DeValue::Array(v) => Data::Array(v.iter().map(|item| convert(item, diagnostics)).collect()),
        DeValue::Table(v) => Data::Table(convert_table(v, diagnostics)),
    };
    Value { data, place: Place::File(span) }
}

fn refuse(text: &str, span: &Range<usize>, diagnostics: &mut Vec<Diagnostic>, instead: Data) -> Data {
    diagnostics.push(Diagnostic {
        code: "R003",
        message: format!("`{text}` is not a finite number of 64 bits"),
        place: Place::File(span.clone()),
        label: "not a number that can be computed with".into(),
        help: None,
    });
    instead
}

/// Applies `address=value` (the value in TOML; bare words are text) to a document.
///
/// # Errors
/// If there is no `=`, the address is empty, or it leads through something that is not a table.
pub fn apply_override(document: &mut Value, text: &str) -> Result<(), Diagnostic> {
    let complain = |message: String| Diagnostic {
        code: "R013",
        message,
        place: Place::Override(text.to_owned()),
        label: "override".into(),
        help: Some("write it as role.name.key=value, for example -s model.mlp.learning.rate=0.01".into()),
    };
    let (address, value) = text.split_once('=').ok_or_else(|| complain("an override needs `=`".into()))?;
    let place = Place::Override(text.to_owned());
    let mut value = parse_value(value.trim());
    relocate(&mut value, &place);
    set(document, &address.split('.').map(str::trim).collect::<Vec<_>>(), value, &place).map_err(complain)
}

/// A TOML value, or text if it is none.
pub fn parse_value(text: &str) -> Value {
    let (document, errors) = parse(&format!("value = {text}"));
    match document.as_table().and_then(|t| t.get("value")) {
        Some(value) if errors.is_empty() => value.clone(),
        _ => Value { data: Data::String(text.to_owned()), place: Place::File(0..0) },
    }
}

fn relocate(value: &mut Value, place: &Place) {
    value.place = place.clone();
    match &mut value.data {
        Data::Array(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        Data::Table(table) => {
            for (key, item) in &mut table.entries {
                key.place = place.clone();
                relocate(item, place);
            }
        }
        _ => {}
    }
}

/// Sets the value at a path, making tables on the way.
///
/// # Errors
/// If the path is empty or leads through something that is not a table.
pub fn set(document: &mut Value, path: &[&str], value: Value, place: &Place) -> Result<(), String> {
    let [first, rest @ ..] = path else { return Err("the address is empty".into()) };
    if first.is_empty() {
        return Err("the address has an empty part".into());
    }
    let Data::Table(table) = &mut document.data else {
        return Err(format!("`{first}` is looked for inside {}, which has no keys", document.type_name()));
    };
    if table.get(first).is_none() {
        let key = Key { name: (*first).to_owned(), place: place.clone() };
        let empty = Value { data: Data::Table(Table::default()), place: place.clone() };
        table.entries.push((key, empty));
    }
    let Some(entry) = table.get_mut(first) else { return Err("the address is empty".into()) };
    if rest.is_empty() {
        *entry = value;
        Ok(())
    } else {
        set(entry, rest, value, place)
    }
}
