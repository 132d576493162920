//! Numbers that describe a shape.

use super::{Morphology, Tag};
use serde::Serialize;

/// Length, area and branching of a morphology or of one of its parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Sections.
    pub sections: usize,
    /// Sections from whose end at least two others grow.
    pub branch_points: usize,
    /// Sections from which none grows.
    pub tips: usize,
    /// Sum of lengths in um.
    pub length_um: f64,
    /// Sum of lateral areas in um2.
    pub area_um2: f64,
    /// Longest path from the root to a tip in um.
    pub longest_path_um: f64,
    /// Most branch points on a path from the root.
    pub highest_order: usize,
}

impl Statistics {
    /// Over the sections of one part, or over all.
    pub fn of(morphology: &Morphology, tag: Option<Tag>) -> Self {
        let sections = morphology.sections();
        let children = morphology.children();
        let starts = morphology.start_distances_um();
        let order = morphology.branch_orders();
        let chosen: Vec<usize> =
            (0..sections.len()).filter(|&i| tag.is_none_or(|tag| sections[i].tag == tag)).collect();
        Self {
            sections: chosen.len(),
            branch_points: chosen.iter().filter(|&&i| children[i].len() > 1).count(),
            tips: chosen.iter().filter(|&&i| children[i].is_empty()).count(),
            length_um: chosen.iter().map(|&i| sections[i].length_um()).sum(),
            area_um2: chosen.iter().map(|&i| sections[i].area_um2()).sum(),
            longest_path_um: chosen.iter().map(|&i| starts[i] + sections[i].length_um()).fold(0.0, f64::max),
            highest_order: chosen.iter().map(|&i| order[i]).max().unwrap_or(0),
        }
    }
}
