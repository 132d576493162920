//! Where a cell's shape comes from.

use std::path::{Path, PathBuf};

use rheobase_data::library::Library;
use rheobase_dendrite::morphology::{
    AxisPoint, Morphology, ReadOptions, Roots, Section, Tag, ball_and_stick, cylinder, rall_tree, read_neurolucida,
    read_skeleton_csv, read_swc, star,
};
use rheobase_dendrite::{Error, Result};
use rheobase_pipeline::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// A straight section of a described shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SectionParameters {
    /// Name by which regions and locations call it.
    pub name: String,
    /// Part of the neuron: soma, axon, dendrite or apical.
    pub tag: PartName,
    /// Length in um.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub length_um: f64,
    /// Diameter in um at the beginning.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub diameter_um: f64,
    /// Diameter in um at the end; by default that at the beginning.
    #[serde(default)]
    pub end_diameter_um: Option<f64>,
    /// Name of the section it begins on; none for the first.
    #[serde(default)]
    pub parent: Option<String>,
    /// Place on the parent, from 0 to 1.
    #[serde(default = "end")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub at: f64,
    /// Number of compartments; by default what the cell's rule says.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub compartments: Option<usize>,
    /// Direction in which it is drawn, in degrees; it decides no number.
    #[serde(default)]
    pub direction_deg: f64,
}

/// Part of a neuron.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartName {
    /// Cell body.
    Soma,
    /// Axon.
    Axon,
    /// Dendrite, or basal dendrite.
    Dendrite,
    /// Apical dendrite.
    Apical,
}

impl From<PartName> for Tag {
    fn from(name: PartName) -> Self {
        match name {
            PartName::Soma => Self::Soma,
            PartName::Axon => Self::Axon,
            PartName::Dendrite => Self::Dendrite,
            PartName::Apical => Self::Apical,
        }
    }
}

fn end() -> f64 {
    1.0
}

/// A shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// A reconstruction: .swc, .asc (Neurolucida) or a skeleton .csv.
    File {
        /// Path, relative to the folder the program is started in; the file's name where a data set is given.
        path: PathBuf,
        /// The data set that holds the file; fetch it first with `rheobase data fetch`.
        #[serde(default)]
        dataset: Option<String>,
        /// Length of a unit of the file in um: .001 for nm.
        #[serde(default = "defaults::unit")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        unit_um: f64,
        /// Joins pieces across gaps up to this many um; without it several roots are refused.
        #[serde(default)]
        heal_um: Option<f64>,
        /// Parts that are cut off.
        #[serde(default)]
        without: Vec<PartName>,
        /// Straight sections that are added, such as a short cylinder in place of a cut axon; they are named by their part,
        /// as axon[0].
        #[serde(default)]
        add: Vec<SectionParameters>,
    },
    /// One unbranched dendrite.
    Cylinder {
        /// Length in um.
        length_um: f64,
        /// Diameter in um.
        diameter_um: f64,
    },
    /// A soma with one dendrite.
    BallAndStick {
        /// Length and diameter of the soma in um.
        soma_diameter_um: f64,
        /// Length of the dendrite in um.
        length_um: f64,
        /// Diameter of the dendrite in um.
        diameter_um: f64,
    },
    /// A soma with equal dendrites.
    Star {
        /// Length and diameter of the soma in um.
        soma_diameter_um: f64,
        /// Number of dendrites.
        arms: usize,
        /// Length of a dendrite in um.
        length_um: f64,
        /// Diameter of a dendrite in um.
        diameter_um: f64,
    },
    /// A binary tree after the 3/2 power rule (Rall 1959).
    RallTree {
        /// Levels of branches.
        #[schemars(range(min = 1, max = 14))]
        levels: usize,
        /// Length of the trunk in um.
        trunk_length_um: f64,
        /// Diameter of the trunk in um.
        trunk_diameter_um: f64,
        /// Factor of the daughters' diameters: 1 obeys the rule.
        #[serde(default = "defaults::unit")]
        rule_factor: f64,
    },
    /// Sections one by one.
    Sections {
        /// The sections, parents first.
        #[schemars(length(min = 1))]
        sections: Vec<SectionParameters>,
    },
}

impl Shape {
    /// Own compartment numbers of its sections, where given.
    pub fn counts(&self) -> Vec<Option<usize>> {
        match self {
            Self::Sections { sections } => sections.iter().map(|s| s.compartments).collect(),
            _ => vec![],
        }
    }

    /// Text of the file, where the shape comes from one.
    pub fn text(&self, library: &Library) -> std::result::Result<Option<String>, StageError> {
        let Self::File { path, dataset, .. } = self else { return Ok(None) };
        let bytes = match dataset {
            Some(dataset) => library.bytes(dataset, &path.to_string_lossy())?.into_owned(),
            None => {
                std::fs::read(path).map_err(|e| StageError::Failed(format!("cannot read {}: {e}", path.display())))?
            }
        };
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Builds the shape; one from a file needs its text.
    pub fn build(&self, text: Option<&str>) -> Result<Morphology> {
        match self {
            Self::File { path, unit_um, heal_um, without, add, .. } => {
                let text = text.ok_or_else(|| Error::Description(format!("{} was not read", path.display())))?;
                let options = ReadOptions { unit_um: *unit_um, roots: heal_um.map_or(Roots::Refuse, Roots::Heal) };
                let mut morphology = read(text, path, options, without)?;
                for section in add {
                    add_section(&mut morphology, section)?;
                }
                Ok(morphology)
            }
            Self::Cylinder { length_um, diameter_um } => cylinder(*length_um, *diameter_um),
            Self::BallAndStick { soma_diameter_um, length_um, diameter_um } => {
                ball_and_stick(*soma_diameter_um, *length_um, *diameter_um)
            }
            Self::Star { soma_diameter_um, arms, length_um, diameter_um } => {
                star(*soma_diameter_um, *arms, *length_um, *diameter_um)
            }
            Self::RallTree { levels, trunk_length_um, trunk_diameter_um, rule_factor } => {
                rall_tree(*levels, *trunk_length_um, *trunk_diameter_um, *rule_factor)
            }
            Self::Sections { sections } => from_sections(sections),
        }
    }
}

fn read(text: &str, path: &Path, options: ReadOptions, without: &[PartName]) -> Result<Morphology> {
    let name = path.display().to_string();
    let mut morphology = match path.extension().and_then(|e| e.to_str()) {
        Some("swc") => read_swc(text, &name, options)?,
        Some("csv") => read_skeleton_csv(text, &name, options)?,
        Some("asc") => read_neurolucida(text, &name)?,
        other => {
            let other = other.unwrap_or("none");
            return Err(Error::Description(format!("{name} has the extension {other}; known are swc, asc, csv")));
        }
    };
    for part in without {
        morphology = morphology.without((*part).into())?;
    }
    Ok(morphology)
}

/// Adds a straight section to a shape that was read; sections are named by their parts, so its own name is not kept.
fn add_section(morphology: &mut Morphology, section: &SectionParameters) -> Result<()> {
    let Some(parent) = &section.parent else {
        return Err(Error::Description(format!("the added section {} names no parent", section.name)));
    };
    let parent = morphology.section(parent).or_else(|e| morphology.section(&format!("{parent}[0]")).map_err(|_| e))?;
    morphology.add_cylinder(section.tag.into(), parent, section.at, section.length_um, section.diameter_um)?;
    Ok(())
}

fn from_sections(parameters: &[SectionParameters]) -> Result<Morphology> {
    let mut sections: Vec<Section> = Vec::new();
    for p in parameters {
        let parent = match &p.parent {
            None => None,
            Some(name) => {
                let place = sections.iter().position(|s| s.name == *name);
                Some(place.ok_or_else(|| Error::Unknown {
                    what: format!("parent of section {}", p.name),
                    name: name.clone(),
                    known: sections.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", "),
                })?)
            }
        };
        let start = match parent {
            None => [0.0; 3],
            Some(parent) => {
                let axis = &sections[parent].axis;
                std::array::from_fn(|k| {
                    axis[0].position_um[k] + p.at * (axis[1].position_um[k] - axis[0].position_um[k])
                })
            }
        };
        let (sin, cos) = p.direction_deg.to_radians().sin_cos();
        let end = [start[0] + cos * p.length_um, start[1] + sin * p.length_um, 0.0];
        let axis = vec![
            AxisPoint { position_um: start, diameter_um: p.diameter_um },
            AxisPoint { position_um: end, diameter_um: p.end_diameter_um.unwrap_or(p.diameter_um) },
        ];
        sections.push(Section { name: p.name.clone(), tag: p.tag.into(), axis, parent: parent.map(|i| (i, p.at)) });
    }
    Morphology::new(sections, vec![])
}
