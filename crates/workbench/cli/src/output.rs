//! The only place that prints. stdout is data, stderr is messages; a closed pipe is no error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

/// Prints data.
pub fn data(text: &str) {
    // A reader that has seen enough closes the pipe; there is nobody left to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints data as JSON.
pub fn json(value: &impl Serialize) {
    data(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a message.
pub fn message(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Whether messages go to a terminal.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether colour is wanted on stdout (`NO_COLOR` says no).
pub fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Text in green or in orange where colour is wanted.
pub fn verdict(good: bool, text: &str) -> String {
    if colour() { format!("\x1b[{}m{text}\x1b[0m", if good { 32 } else { 33 }) } else { text.to_owned() }
}

/// A table with aligned columns; the widths ignore colour codes.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let visible = |text: &str| {
        let mut count = 0;
        let mut escaped = false;
        for c in text.chars() {
            match (escaped, c) {
                (false, '\x1b') => escaped = true,
                (true, 'm') => escaped = false,
                (false, _) => count += 1,
                (true, _) => {}
            }
        }
        count
    };
    let columns = header.len();
    let mut widths: Vec<usize> = header.iter().map(|h| visible(h)).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(visible(cell));
        }
    }
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (index, cell) in cells.iter().enumerate().take(columns) {
            text.push_str(cell);
            if index + 1 < columns {
                text.push_str(&" ".repeat(widths[index] - visible(cell) + 2));
            }
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(&header.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>())];
    lines.extend(rows.iter().map(|row| line(row)));
    lines.join("\n")
}

/// A number with four significant digits.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if value.fract() == 0.0 && value.abs() < 1e9 {
        return format!("{value:.0}");
    }
    let digits = (3.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.digits$}")
}
