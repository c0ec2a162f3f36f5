//! Tables for people: a head, rows, and no lines to get in the way of copying.

use comfy_table::{Cell, ContentArrangement, Table, presets};

/// A table as text, each row on lines of its own, nothing trailing.
pub fn text(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.iter().map(Cell::new));
    table.add_rows(rows);
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// Names and values beneath each other.
pub fn facts(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
}
