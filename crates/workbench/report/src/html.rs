//! The report as one HTML file.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use minijinja::{Environment, context};
use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_pipeline::plan::Plan;
use rheobase_pipeline::store::{Cost, Store};
use rheobase_pipeline::summary::Summary;
use serde::Serialize;

use crate::{Provenance, Result, pipeline_graph};

const LAYOUT: &str = include_str!("layout.html");
const TEMPLATE: &str = include_str!("report.html");
/// Rows of a table that are shown; the whole table is always among the downloads.
const ROWS_SHOWN: usize = 200;
/// Largest table that is embedded as a download.
const EMBEDDED_BYTES: usize = 400_000;

/// Everything a report shows.
pub struct Report<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Metrics and verdicts.
    pub summary: &'a Summary,
    /// Nodes with their figures and tables.
    pub nodes: Vec<ReportNode>,
    /// Circumstances.
    pub provenance: Provenance,
}

/// One node of a report.
#[derive(Debug, Clone, Serialize)]
pub struct ReportNode {
    address: String,
    variant: String,
    kind: String,
    about: String,
    key: String,
    wall_s: Option<f64>,
    parameters: String,
    metrics: Vec<MetricLine>,
    figures: Vec<FigureView>,
    tables: Vec<TableView>,
    folder: String,
    files: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
struct MetricLine {
    name: String,
    value: String,
    interval: String,
    n: String,
    variant: String,
    null: String,
}

#[derive(Debug, Clone, Serialize)]
struct FigureView {
    title: String,
    caption: String,
    svg: String,
}

#[derive(Debug, Clone, Serialize)]
struct TableView {
    name: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    total: usize,
    csv: Option<String>,
}

impl ReportNode {
    /// Reads a node's figures and tables from the store.
    ///
    /// # Errors
    /// If a file of the object cannot be read.
    pub fn load(
        store: &Store,
        plan: &Plan,
        index: usize,
        address: &str,
        variant: &str,
        about: &str,
    ) -> Result<Option<Self>> {
        let node = &plan.nodes[index];
        let rheobase_pipeline::store::State::Present(record) = store.state(&node.key) else { return Ok(None) };
        let handle = rheobase_pipeline::InputHandle {
            folder: store.object(&node.key),
            output: String::new(),
            address: address.to_owned(),
            record: (*record).clone(),
        };
        let mut figures = Vec::new();
        for figure in &record.figures {
            let svg = String::from_utf8_lossy(&handle.file(&format!("{}.svg", figure.name))?).into_owned();
            figures.push(FigureView { title: figure.title.clone(), caption: figure.caption.clone(), svg });
        }
        let mut tables = Vec::new();
        for name in &record.tables {
            tables.push(TableView::new(name, &handle.table(name)?));
        }
        Ok(Some(Self {
            address: address.to_owned(),
            variant: variant.to_owned(),
            kind: node.kind.clone(),
            about: about.to_owned(),
            key: node.key[..16].to_owned(),
            wall_s: store.cost(&node.key).map(|c: Cost| c.wall_s),
            parameters: serde_json::to_string_pretty(&node.parameters).unwrap_or_default(),
            metrics: in_reading_order(&record.metrics)
                .map(|(name, estimate)| MetricLine::new(name, estimate))
                .collect(),
            figures,
            tables,
            // Reports stand beside the store, so a relative link leads there.
            folder: format!("../store/objects/{}/{}", &node.key[..2], node.key),
            files: record.files.keys().filter(|name| !name.ends_with(".svg")).cloned().collect(),
        }))
    }
}

/// Metrics by name, numbers within names by their value: `unit_2` before `unit_10`.
fn in_reading_order(metrics: &BTreeMap<String, Estimate>) -> impl Iterator<Item = (&String, &Estimate)> {
    let mut all: Vec<(Vec<Part>, (&String, &Estimate))> = metrics.iter().map(|m| (parts(m.0), m)).collect();
    all.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    all.into_iter().map(|(_, metric)| metric)
}

/// A part of a name; numbers come before text.
#[derive(Debug, PartialEq, PartialOrd)]
enum Part {
    Number(f64),
    Text(String),
}

/// The numbers of a name, decimals included, and what stands between them.
fn parts(name: &str) -> Vec<Part> {
    let mut rest = name;
    let mut parts = vec![];
    while !rest.is_empty() {
        let digits = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
        let whole = digits(rest);
        let after = &rest[whole..];
        let end = match after.strip_prefix('.').map(digits) {
            Some(decimals) if whole > 0 && decimals > 0 => whole + 1 + decimals,
            _ => whole,
        };
        let end = if end > 0 { end } else { rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()) };
        let (part, tail) = rest.split_at(end);
        // Words such as `nan` and `inf` are text here.
        let number = part.parse().ok().filter(|_| part.starts_with(|c: char| c.is_ascii_digit()));
        parts.push(number.map_or_else(|| Part::Text(part.to_owned()), Part::Number));
        rest = tail;
    }
    parts
}

impl MetricLine {
    fn new(name: &str, estimate: &Estimate) -> Self {
        let unit = if estimate.card.unit.is_empty() { String::new() } else { format!(" {}", estimate.card.unit) };
        let constants: Vec<String> =
            estimate.card.constants.iter().map(|(k, v)| format!("{k} = {}", number(*v))).collect();
        let constants = if constants.is_empty() { String::new() } else { format!(" ({})", constants.join(", ")) };
        Self {
            name: name.to_owned(),
            value: number(estimate.value) + &unit,
            interval: estimate.interval.as_ref().map_or(String::new(), |i| {
                format!("{} to {} ({:.0} %, {})", number(i.low), number(i.high), 100.0 * i.level, i.method)
            }),
            n: format!("{} {}", estimate.card.n, estimate.card.n_of),
            variant: format!("{}{constants}", estimate.card.variant),
            null: estimate.null.as_ref().map_or(String::new(), |n| {
                format!("{} \u{b1} {}, p = {} ({} draws)", number(n.mean), number(n.sd), number(n.p), n.draws)
            }),
        }
    }
}

impl TableView {
    fn new(name: &str, table: &Table) -> Self {
        let shown = table.rows().min(ROWS_SHOWN);
        let cell = |column: &rheobase_data::Column, row: usize| match column {
            rheobase_data::Column::Float(values) => number(values[row]),
            other => other.text(row),
        };
        let csv = table.to_csv();
        Self {
            name: name.to_owned(),
            columns: table.names().to_vec(),
            rows: (0..shown).map(|row| table.columns().iter().map(|c| cell(c, row)).collect()).collect(),
            total: table.rows(),
            csv: (csv.len() <= EMBEDDED_BYTES).then(|| percent_encode(&csv)),
        }
    }
}

impl Report<'_> {
    /// The report as HTML.
    ///
    /// # Errors
    /// If the template fails (a defect of this program).
    pub fn html(&self) -> Result<String> {
        let verdicts: Vec<_> = self
            .summary
            .expectations
            .iter()
            .map(|v| {
                let e = &v.expectation;
                let found: Vec<String> = v.found.iter().map(|f| f.map_or("missing".into(), number)).collect();
                context! {
                    quantity => e.quantity(), meaning => e.meaning.clone().unwrap_or_default(),
                    published => e.published.clone().unwrap_or_default(), bounds => e.bounds(),
                    found => found.join(", "), met => v.met, source => e.source.clone().unwrap_or_default(),
                    fraction => v.fraction, swept => v.found.len() > 1,
                }
            })
            .collect();
        let met = self.summary.expectations.iter().filter(|v| v.met).count();
        page(
            TEMPLATE,
            context! {
                name => self.summary.pipeline.clone(),
                question => self.summary.question.clone(),
                seed => self.summary.seed,
                systems => self.summary.systems.clone(),
                verdicts, met, total => self.summary.expectations.len(), good => self.summary.is_good(),
                failures => self.summary.failures.clone(),
                graph => pipeline_graph(self.plan),
                variants => self.summary.variants.clone(),
                nodes => minijinja::value::Serde(&self.nodes),
                provenance => minijinja::value::Serde(&self.provenance),
                summary_json => percent_encode(&self.summary.to_json()),
                lock_nodes => self.plan.nodes.len(),
            },
        )
    }
}

/// A page in the style of reports. The template extends `layout` and fills its blocks `title` and `body`; `number` writes four
/// significant digits, `breakable` lets ids break after their separators.
///
/// # Errors
/// If the template fails.
pub fn page(template: &str, context: impl Serialize) -> Result<String> {
    let mut environment = Environment::new();
    environment.add_filter("number", number);
    environment.add_filter("breakable", |text: String| breakable(&text));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("layout", LAYOUT)?;
    environment.add_template("page", template)?;
    Ok(environment.get_template("page")?.render(minijinja::value::Serde(&context))?)
}

/// A number with four significant digits.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "n/a".into();
    }
    if value.is_infinite() || value == 0.0 {
        return value.to_string();
    }
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    format!("{value:.*}", (3.0 - magnitude).max(0.0) as usize)
}

/// An address that may be broken after its dots, slashes, underscores and tildes.
fn breakable(text: &str) -> String {
    let mut html = String::new();
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            c => html.push(c),
        }
        if "._~/".contains(c) {
            html.push_str("<wbr>");
        }
    }
    html
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 5 / 4);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped_and_may_break() {
        assert_eq!(breakable("a.b_<c>"), "a.<wbr>b_<wbr>&lt;c&gt;");
    }

    #[test]
    fn names_are_read_with_their_numbers_in_order() {
        let names = ["unit_10", "unit_2", "inf_1", "at_0.5", "at_0.25", "10_hz", "9_hz"];
        let estimate = || Estimate::new(0.0, "a value", "counted", 1, "units");
        let metrics: BTreeMap<String, Estimate> = names.iter().map(|n| ((*n).to_owned(), estimate())).collect();
        let order: Vec<&String> = in_reading_order(&metrics).map(|(name, _)| name).collect();
        assert_eq!(order, ["9_hz", "10_hz", "at_0.25", "at_0.5", "inf_1", "unit_2", "unit_10"]);
    }

    #[test]
    fn numbers_keep_four_digits() {
        assert_eq!(number(0.123_456), "0.1235");
        assert_eq!(number(12.345_6), "12.35");
        assert_eq!(number(1e-7), "1.000e-7");
        assert_eq!(number(42.0), "42");
        assert_eq!(number(f64::NAN), "n/a");
    }
}
