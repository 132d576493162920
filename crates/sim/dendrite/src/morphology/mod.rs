//! The shape of a neuron: unbranched sections joined into a tree, as NEURON has them.
//!
//! Files are read into points ([`Point`]), points become sections, and everything that had to be assumed on the way is
//! kept in [`Morphology::assumptions`].

mod builders;
mod neurolucida;
mod picture;
mod points;
mod soma;
mod statistics;
mod swc;

pub use builders::{ball_and_stick, cylinder, rall_tree, star};
pub use neurolucida::read_neurolucida;
pub use picture::{Palette, picture_svg, pictures_svg};
pub use points::{Point, Roots};
pub use statistics::Statistics;
pub use swc::{ReadOptions, read_skeleton_csv, read_swc};

use crate::error::{POSITIVE, require_range};
use crate::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of the neuron a section belongs to; numbers are those of SWC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tag {
    /// 1.
    Soma,
    /// 2.
    Axon,
    /// 3, basal dendrite or dendrite.
    Dendrite,
    /// 4.
    Apical,
    /// 0, and 5 (fork point) and 6 (end point), which say nothing about the part.
    Undefined,
    /// 7 and above.
    Custom(u16),
}

impl Tag {
    /// From the number in an SWC file.
    pub fn from_swc(number: u16) -> Self {
        match number {
            1 => Self::Soma,
            2 => Self::Axon,
            3 => Self::Dendrite,
            4 => Self::Apical,
            0 | 5 | 6 => Self::Undefined,
            other => Self::Custom(other),
        }
    }

    /// Name by which regions call it, with NEURON's section prefix.
    pub fn name(self) -> String {
        match self {
            Self::Soma => "soma".into(),
            Self::Axon => "axon".into(),
            Self::Dendrite => "dend".into(),
            Self::Apical => "apic".into(),
            Self::Undefined => "undefined".into(),
            Self::Custom(number) => format!("tag{number}"),
        }
    }
}

/// A point on the axis of a section.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AxisPoint {
    /// Position in um.
    pub position_um: [f64; 3],
    /// Diameter in um.
    pub diameter_um: f64,
}

impl AxisPoint {
    /// Distance to another point in um.
    pub fn distance_um(&self, other: &Self) -> f64 {
        distance(&self.position_um, &other.position_um)
    }
}

pub(crate) fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

/// An unbranched piece of neurite: a chain of truncated cones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Name such as `apic[3]`, counted in the order of the file.
    pub name: String,
    /// Part of the neuron.
    pub tag: Tag,
    /// Axis, at least two points.
    pub axis: Vec<AxisPoint>,
    /// Parent section, and the place on it (0 start, 1 end) where this one begins; `None` for the root.
    pub parent: Option<(usize, f64)>,
}

impl Section {
    /// Length in um.
    pub fn length_um(&self) -> f64 {
        self.axis.windows(2).map(|pair| pair[0].distance_um(&pair[1])).sum()
    }

    /// Lateral area in um2.
    pub fn area_um2(&self) -> f64 {
        self.axis.windows(2).map(|pair| cone_area_um2(&pair[0], &pair[1])).sum()
    }
}

/// Lateral area of a truncated cone in um2.
pub(crate) fn cone_area_um2(a: &AxisPoint, b: &AxisPoint) -> f64 {
    let (r0, r1) = (0.5 * a.diameter_um, 0.5 * b.diameter_um);
    std::f64::consts::PI * (r0 + r1) * (r0 - r1).hypot(a.distance_um(b))
}

/// A tree of sections; a parent comes before its children.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Morphology {
    sections: Vec<Section>,
    assumptions: Vec<String>,
}

impl Morphology {
    /// Checks and keeps a list of sections, named after their tags where the name is empty.
    ///
    /// # Errors
    /// If there is none, a parent does not come before its child, more than one has no parent, or a length or diameter
    /// is not positive.
    pub fn new(mut sections: Vec<Section>, assumptions: Vec<String>) -> Result<Self> {
        if sections.is_empty() {
            return Err(Error::Description("a morphology needs at least one section".into()));
        }
        let mut counts = std::collections::BTreeMap::<Tag, usize>::new();
        for (index, section) in sections.iter_mut().enumerate() {
            let count = counts.entry(section.tag).or_insert(0);
            if section.name.is_empty() {
                section.name = format!("{}[{count}]", section.tag.name());
            }
            *count += 1;
            match section.parent {
                None if index > 0 => {
                    let message = format!("section {} has no parent, and the root is the first section", section.name);
                    return Err(Error::Description(message));
                }
                Some((parent, _)) if parent >= index => {
                    return Err(Error::Description(format!("the parent of section {} comes after it", section.name)));
                }
                Some((_, at)) => {
                    require_range(format!("place on the parent of section {}", section.name), at, 0.0, 1.0)?;
                }
                None => {}
            }
            for point in &section.axis {
                require_range(format!("diameter in um in section {}", section.name), point.diameter_um, POSITIVE, 1e5)?;
            }
            require_range(format!("length in um of section {}", section.name), section.length_um(), POSITIVE, 1e7)?;
        }
        Ok(Self { sections, assumptions })
    }

    /// Sections, parents first.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// What was assumed or repaired while reading, one sentence each.
    pub fn assumptions(&self) -> &[String] {
        &self.assumptions
    }

    /// Index of the section with this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn section(&self, name: &str) -> Result<usize> {
        self.sections.iter().position(|s| s.name == name).ok_or_else(|| {
            let first: Vec<_> = self.sections.iter().take(8).map(|s| s.name.as_str()).collect();
            Error::Unknown {
                what: "section".into(),
                name: name.into(),
                known: format!("{} in all, such as {}", self.sections.len(), first.join(", ")),
            }
        })
    }

    /// Children of every section.
    pub fn children(&self) -> Vec<Vec<usize>> {
        let mut children = vec![vec![]; self.sections.len()];
        for (index, section) in self.sections.iter().enumerate() {
            if let Some((parent, _)) = section.parent {
                children[parent].push(index);
            }
        }
        children
    }

    /// Branch points between the root and every section.
    pub fn branch_orders(&self) -> Vec<usize> {
        let children = self.children();
        let mut orders = vec![0; self.sections.len()];
        for (index, section) in self.sections.iter().enumerate() {
            if let Some((parent, _)) = section.parent {
                orders[index] = orders[parent] + usize::from(children[parent].len() > 1);
            }
        }
        orders
    }

    /// Path distance in um from the root section's start (from the middle of a soma) to the start of every section.
    pub fn start_distances_um(&self) -> Vec<f64> {
        let mut starts = vec![0.0; self.sections.len()];
        for (index, section) in self.sections.iter().enumerate() {
            if let Some((parent, at)) = section.parent {
                let on_parent = at * self.sections[parent].length_um();
                let from_soma_centre = self.sections[parent].tag == Tag::Soma && self.sections[parent].parent.is_none();
                starts[index] = if from_soma_centre {
                    (on_parent - 0.5 * self.sections[parent].length_um()).abs()
                } else {
                    starts[parent] + on_parent
                };
            }
        }
        starts
    }

    /// The morphology without all sections of one part and what hangs on them, for cutting or replacing an axon.
    ///
    /// # Errors
    /// If nothing would be left.
    pub fn without(&self, tag: Tag) -> Result<Self> {
        let mut kept: Vec<Option<usize>> = Vec::with_capacity(self.sections.len());
        let mut sections = Vec::new();
        for section in &self.sections {
            let parent = section.parent.map(|(parent, at)| (kept[parent], at));
            if section.tag == tag || matches!(parent, Some((None, _))) {
                kept.push(None);
            } else {
                kept.push(Some(sections.len()));
                sections.push(Section { parent: parent.and_then(|(p, at)| p.map(|p| (p, at))), ..section.clone() });
            }
        }
        let mut assumptions = self.assumptions.clone();
        assumptions.push(format!("{} sections were cut with tag {}", self.sections.len() - sections.len(), tag.name()));
        Self::new(sections, assumptions)
    }

    /// Adds a straight section of one diameter that begins on section `parent` at the place `at`, and returns its index.
    ///
    /// # Errors
    /// If the parent is not there or a size is not positive.
    pub fn add_cylinder(
        &mut self,
        tag: Tag,
        parent: usize,
        at: f64,
        length_um: f64,
        diameter_um: f64,
    ) -> Result<usize> {
        let Some(base) = self.sections.get(parent) else {
            return Err(Error::Description(format!("there is no section {parent} to add to")));
        };
        let mut start = base.axis[if at < 0.5 { 0 } else { base.axis.len() - 1 }];
        start.diameter_um = diameter_um;
        let mut end = start;
        end.position_um[1] -= length_um;
        let mut sections = self.sections.clone();
        sections.push(Section { name: String::new(), tag, axis: vec![start, end], parent: Some((parent, at)) });
        *self = Self::new(sections, self.assumptions.clone())?;
        Ok(self.sections.len() - 1)
    }
}
