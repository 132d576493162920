//! Diagnostics as text with the line they stand on, or as JSON.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity};
use rheobase_pipeline::diagnostic::{Diagnostic, Place};
use serde_json::json;

use crate::output;

#[derive(Debug)]
struct Rendered<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)?;
        if let Place::Override(text) = &self.diagnostic.place {
            write!(f, " (in the override -s {text})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Rendered<'_> {}

impl miette::Diagnostic for Rendered<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code))
    }
    fn severity(&self) -> Option<Severity> {
        Some(Severity::Error)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        matches!(self.diagnostic.place, Place::File(_)).then_some(&self.source as &dyn miette::SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Place::File(span) = &self.diagnostic.place else { return None };
        let label = LabeledSpan::new(Some(self.diagnostic.label.clone()), span.start, span.len());
        Some(Box::new(std::iter::once(label)))
    }
}

/// Prints diagnostics: text on stderr, or JSON on stdout.
pub fn print(name: &str, text: &str, diagnostics: &[Diagnostic], as_json: bool) {
    if as_json {
        let all: Vec<_> = diagnostics
            .iter()
            .map(|d| {
                let (line, column) = match &d.place {
                    Place::File(span) => line_and_column(text, span.start),
                    Place::Override(_) => (0, 0),
                };
                json!({ "code": d.code, "message": d.message, "file": name, "line": line, "column": column, "place": d.place, "help": d.help })
            })
            .collect();
        output::json(&all);
        return;
    }
    let plain = !output::stderr_is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let theme = if plain { GraphicalTheme::unicode_nocolor() } else { GraphicalTheme::unicode() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110);
    for diagnostic in diagnostics {
        let mut report = String::new();
        let source = NamedSource::new(name, shorten(text, diagnostic));
        // Rendering to a string fails only if the string cannot grow.
        let _ = handler.render_report(&mut report, &Rendered { diagnostic, source });
        output::message(report.trim_end());
    }
    let count = diagnostics.len();
    output::message(&format!("\n{count} {} in {name}", if count == 1 { "mistake" } else { "mistakes" }));
}

/// The text itself; a place past its end would make miette silent, so such a place gets an empty last line.
fn shorten(text: &str, diagnostic: &Diagnostic) -> String {
    match &diagnostic.place {
        Place::File(span) if span.end > text.len() => format!("{text}\n"),
        _ => text.to_owned(),
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}
