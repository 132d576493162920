//! SWC files, and skeletons as CSV tables with the columns rowId, x, y, z, radius, link (parent row, -1 for a root).

use std::collections::HashMap;

use super::points::{Point, Roots, error, sections_from_points};
use super::{Morphology, Tag};
use crate::Result;

/// How to read a reconstruction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadOptions {
    /// Length of one unit of the file in um: 1 for um, 0.001 for nm, 0.008 for voxels of 8 nm.
    pub unit_um: f64,
    /// What to do with several pieces.
    pub roots: Roots,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { unit_um: 1.0, roots: Roots::Refuse }
    }
}

struct Row {
    id: i64,
    parent: i64,
    tag: Tag,
    xyz_radius: [f64; 4],
    line: usize,
}

/// Reads an SWC text; `file` is the name for messages.
///
/// Parents may come after children and numbers may begin anywhere; types 0, 5 and 6 count as undefined.
///
/// # Errors
/// With the line: what is not seven numbers, not finite, a radius that is not positive, a number used twice, a parent
/// that is missing, parents in a circle, and several roots unless [`Roots::Heal`] is asked for.
pub fn read_swc(text: &str, file: &str, options: ReadOptions) -> Result<Morphology> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap_or("").trim();
        if content.is_empty() {
            continue;
        }
        let fields: Vec<&str> =
            content.split(|c: char| c.is_whitespace() || c == ',').filter(|f| !f.is_empty()).collect();
        if fields.len() < 7 {
            let problem = format!("{} fields; a point has 7: number, type, x, y, z, radius, parent", fields.len());
            return Err(error(file, index + 1, problem));
        }
        let number =
            |i: usize| real(fields[i], ["number", "type", "x", "y", "z", "radius", "parent"][i], file, index + 1);
        let tag = number(1)?;
        if !(0.0..=65535.0).contains(&tag) || tag.fract() != 0.0 {
            return Err(error(file, index + 1, format!("type {tag}; it is a whole number from 0 to 65535")));
        }
        rows.push(Row {
            id: whole(number(0)?, "number", file, index + 1)?,
            parent: whole(number(6)?, "parent", file, index + 1)?,
            tag: Tag::from_swc(tag as u16),
            xyz_radius: [number(2)?, number(3)?, number(4)?, number(5)?],
            line: index + 1,
        });
    }
    assemble(&rows, file, options)
}

/// Reads a skeleton table with the columns `rowId`, `x`, `y`, `z`, `radius` and `link`, in any order.
///
/// # Errors
/// As [`read_swc`], and if a column is missing.
pub fn read_skeleton_csv(text: &str, file: &str, options: ReadOptions) -> Result<Morphology> {
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines.next().map_or_else(Vec::new, |(_, line)| line.split(',').map(str::trim).collect());
    let mut columns = [0; 6];
    for (column, name) in columns.iter_mut().zip(["rowId", "link", "x", "y", "z", "radius"]) {
        *column = header.iter().position(|h| h.trim_matches('"') == name).ok_or_else(|| {
            error(file, 1, format!("no column {name}; a skeleton has rowId, x, y, z, radius, link, found {header:?}"))
        })?;
    }
    let mut rows = Vec::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let number = |c: usize| {
            let field = fields.get(columns[c]).copied().unwrap_or("");
            real(field, ["rowId", "link", "x", "y", "z", "radius"][c], file, index + 1)
        };
        rows.push(Row {
            id: whole(number(0)?, "rowId", file, index + 1)?,
            parent: whole(number(1)?, "link", file, index + 1)?,
            tag: Tag::Undefined,
            xyz_radius: [number(2)?, number(3)?, number(4)?, number(5)?],
            line: index + 1,
        });
    }
    assemble(&rows, file, options)
}

fn real(field: &str, what: &str, file: &str, line: usize) -> Result<f64> {
    match field.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(error(file, line, format!("{what} is \"{field}\"; it must be a finite number"))),
    }
}

fn whole(value: f64, what: &str, file: &str, line: usize) -> Result<i64> {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        Ok(value as i64)
    } else {
        Err(error(file, line, format!("{what} is {value}; it must be a whole number")))
    }
}

fn assemble(rows: &[Row], file: &str, options: ReadOptions) -> Result<Morphology> {
    if !(options.unit_um.is_finite() && options.unit_um > 0.0) {
        return Err(error(file, 0, format!("the unit is {} um; it must be positive", options.unit_um)));
    }
    let mut index = HashMap::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        if let Some(first) = index.insert(row.id, i) {
            let problem = format!("number {} was used before, in line {}", row.id, rows[first].line);
            return Err(error(file, row.line, problem));
        }
    }
    let mut points = Vec::with_capacity(rows.len());
    for row in rows {
        let parent = if row.parent < 0 {
            None
        } else if row.parent == row.id {
            return Err(error(file, row.line, "the point is its own parent; a root has the parent -1".into()));
        } else {
            let found = index.get(&row.parent).copied();
            Some(found.ok_or_else(|| error(file, row.line, format!("the parent {} is not in the file", row.parent)))?)
        };
        let [x, y, z, radius] = row.xyz_radius.map(|v| v * options.unit_um);
        if radius.is_nan() || radius <= 0.0 {
            return Err(error(file, row.line, format!("the radius is {radius}; it must be positive")));
        }
        points.push(Point { position_um: [x, y, z], radius_um: radius, tag: row.tag, parent, line: row.line });
    }
    let mut morphology = sections_from_points(points, options.roots, file)?;
    let extent = extent_um(rows) * options.unit_um;
    if extent > 20_000.0 {
        let factor = options.unit_um;
        morphology.assumptions.push(format!(
            "the cell is {:.0} um across, more than 2 cm: is a unit of this file really {factor} um? (nm: 0.001)",
            extent
        ));
    }
    morphology.assumptions.insert(0, format!("{} points read with a unit of {} um", rows.len(), options.unit_um));
    Ok(morphology)
}

fn extent_um(rows: &[Row]) -> f64 {
    (0..3)
        .map(|axis| {
            let values = rows.iter().map(|r| r.xyz_radius[axis]);
            values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
        })
        .fold(0.0, f64::max)
}
