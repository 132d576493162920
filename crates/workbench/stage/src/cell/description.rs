//! `[data.*] kind = "cell"`: shape, cable and membrane of a neuron.

use std::collections::BTreeMap;

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_data::library::Library;
use rheobase_dendrite::mechanism::CalciumPool;
use rheobase_dendrite::morphology::{Statistics, picture_svg};
use rheobase_dendrite::{Cell, Compartments, Discretisation, Error, Value};
use rheobase_pipeline::{Complaint, Context, InputHandle, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;
use super::morphology::Shape;
use crate::kind::{Kind, complaint, failed, main_output};

/// Cable of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CableParameters {
    /// Region, such as "apic and distance > 200 um".
    #[serde(default = "defaults::everywhere")]
    pub region: String,
    /// Membrane capacitance in uF/cm2.
    #[serde(default)]
    pub cm_uf_cm2: Option<Value>,
    /// Axial resistivity in ohm cm.
    #[serde(default)]
    pub ra_ohm_cm: Option<Value>,
    /// Leak conductance in S/cm2.
    #[serde(default)]
    pub g_leak_s_per_cm2: Option<Value>,
    /// Leak reversal potential in mV.
    #[serde(default)]
    pub e_leak_mv: Option<Value>,
}

/// A mechanism in a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsertParameters {
    /// Region.
    #[serde(default = "defaults::everywhere")]
    pub region: String,
    /// Name of the mechanism; an unknown one is answered with the list of known ones.
    pub mechanism: String,
    /// Its parameters, numbers or formulas over the place.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

/// A calcium pool in a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolParameters {
    /// Region.
    #[serde(default = "defaults::everywhere")]
    pub region: String,
    /// Constants of the pool.
    #[serde(default)]
    pub pool: CalciumPool,
}

fn one() -> Discretisation {
    Discretisation::Fixed { count: 1 }
}

/// Parameters of `cell`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellDescription {
    /// The shape.
    pub morphology: Shape,
    /// How sections are cut into compartments.
    #[serde(default = "one")]
    pub compartments: Discretisation,
    /// Cable properties, later ones over earlier ones; 1 uF/cm2, 100 ohm cm and no leak where nothing is given.
    #[serde(default)]
    pub cable: Vec<CableParameters>,
    /// Membrane mechanisms, later ones over earlier ones.
    #[serde(default)]
    pub insert: Vec<InsertParameters>,
    /// Calcium pools.
    #[serde(default)]
    pub calcium: Vec<PoolParameters>,
    /// Channels as data: texts with gates as formulas, insertable by their names.
    #[serde(default)]
    pub channels: Vec<String>,
}

impl CellDescription {
    /// Builds the cell; one whose shape comes from a file needs the file's text.
    pub fn build(&self, text: Option<&str>) -> Result<Cell, Error> {
        let morphology = self.morphology.build(text)?;
        let mut compartments = Compartments::new(&morphology, self.compartments)?;
        let own = self.morphology.counts();
        if own.iter().any(Option::is_some) {
            let counts: Vec<usize> =
                own.iter().enumerate().map(|(i, n)| n.unwrap_or(compartments.of_section(i).len())).collect();
            compartments = Compartments::with_counts(&morphology, &counts)?;
        }
        let mut cell = Cell::from_compartments(morphology, compartments)?;
        for cable in &self.cable {
            let given = [
                ("cm_uf_cm2", &cable.cm_uf_cm2),
                ("ra_ohm_cm", &cable.ra_ohm_cm),
                ("g_leak_s_per_cm2", &cable.g_leak_s_per_cm2),
                ("e_leak_mv", &cable.e_leak_mv),
            ];
            let values: Vec<(&str, Value)> =
                given.into_iter().filter_map(|(name, value)| value.clone().map(|v| (name, v))).collect();
            cell.set_cable(&cable.region, &values)?;
        }
        for text in &self.channels {
            cell.add_channel(text)?;
        }
        for insert in &self.insert {
            let values: Vec<(&str, Value)> = insert.parameters.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
            cell.insert(&insert.region, &insert.mechanism, &values)?;
        }
        for pool in &self.calcium {
            cell.set_calcium_pool(&pool.region, pool.pool)?;
        }
        Ok(cell)
    }
}

/// Where a result keeps the text its shape was read from, so that later nodes do not depend on the file.
const SHAPE_FILE: &str = "morphology.txt";

const CELL_FILE: &str = "cell.json";

/// Keeps the cell of a result in another one, which can then be loaded in its place.
pub fn keep_cell(input: &InputHandle, outcome: &mut Outcome) -> Result<(), StageError> {
    outcome.files.insert(CELL_FILE.into(), input.file(CELL_FILE)?);
    let description: CellDescription = serde_json::from_slice(&outcome.files[CELL_FILE]).map_err(failed)?;
    if matches!(description.morphology, Shape::File { .. }) {
        outcome.files.insert(SHAPE_FILE.into(), input.file(SHAPE_FILE)?);
    }
    Ok(())
}

/// Builds the cell of a result.
pub fn load_cell(input: &InputHandle) -> Result<Cell, StageError> {
    let description: CellDescription = serde_json::from_slice(&input.file(CELL_FILE)?).map_err(failed)?;
    let text = match description.morphology {
        Shape::File { .. } => Some(String::from_utf8_lossy(&input.file(SHAPE_FILE)?).into_owned()),
        _ => None,
    };
    description.build(text.as_deref()).map_err(failed)
}

/// A cell with a shape.
pub struct CellKind;

impl Kind for CellKind {
    type Parameters = CellDescription;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "cell";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "a neuron with a shape: morphology, cable, membrane mechanisms, calcium pools";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a cell")];
    const READS_OUTSIDE: bool = true;

    fn check(parameters: &CellDescription) -> Vec<Complaint> {
        // A file is outside: its cell is built when the node runs.
        if matches!(parameters.morphology, Shape::File { .. }) {
            return vec![];
        }
        match parameters.build(None) {
            Ok(_) => vec![],
            Err(error) => vec![complaint(&[], error.to_string(), "mend this part of the cell")],
        }
    }

    fn fingerprint(parameters: &CellDescription, library: &Library) -> Result<String, StageError> {
        // A data set's checksum is known without its bytes; a missing file is reported when the node runs.
        if let Shape::File { dataset: Some(dataset), path, .. } = &parameters.morphology {
            return Ok(library.manifest(dataset)?.file(&path.to_string_lossy())?.sha256.clone());
        }
        let text = parameters.morphology.text(library)?;
        Ok(text.map_or_else(String::new, |text| blake3::hash(text.as_bytes()).to_hex().to_string()))
    }

    fn data_files(parameters: &CellDescription) -> Vec<(String, String)> {
        match &parameters.morphology {
            Shape::File { dataset: Some(dataset), path, .. } => {
                vec![(dataset.clone(), path.to_string_lossy().into_owned())]
            }
            _ => vec![],
        }
    }

    fn run(parameters: &CellDescription, context: &Context<'_>) -> Result<Outcome, StageError> {
        let text = parameters.morphology.text(context.library)?;
        let cell = parameters.build(text.as_deref()).map_err(failed)?;
        let mut outcome = Outcome::default();
        outcome.files.insert(CELL_FILE.into(), serde_json::to_vec_pretty(parameters).map_err(failed)?);
        if let Some(text) = text {
            outcome.files.insert(SHAPE_FILE.into(), text.into_bytes());
        }
        let morphology = cell.morphology();
        let statistics = Statistics::of(morphology, None);
        let number = |value: f64, name: &str, unit: &str| {
            Estimate::new(value, name, "sum over the tree", statistics.sections, "sections").with_unit(unit)
        };
        outcome.metric("compartments", number(cell.compartments().len() as f64, "compartments", ""));
        outcome.metric("length_um", number(statistics.length_um, "length", "um"));
        outcome.metric("area_um2", number(statistics.area_um2, "membrane area", "um2"));
        outcome.metric("tips", number(statistics.tips as f64, "tips", ""));
        outcome.metric("longest_path_um", number(statistics.longest_path_um, "longest path from the root", "um"));
        outcome.table("sections", sections(&cell)?);
        if !morphology.assumptions().is_empty() {
            outcome.table("assumptions", Table::new().with("what was assumed", morphology.assumptions().to_vec())?);
        }
        if cell.compartments().len() > 1 {
            let distances: Vec<f64> = cell.compartments().list().iter().map(|c| c.distance_um).collect();
            let svg = picture_svg(morphology, cell.compartments(), &distances, "path distance from the root (um)")
                .map_err(failed)?;
            let caption = format!(
                "{} sections, {} compartments; colour is the path distance from the root.",
                statistics.sections,
                cell.compartments().len()
            );
            outcome.figure("shape", "The cell", &caption, svg);
        }
        Ok(outcome)
    }
}

fn sections(cell: &Cell) -> Result<Table, StageError> {
    let list = cell.morphology().sections();
    let parent = |s: &rheobase_dendrite::morphology::Section| match s.parent {
        Some((parent, at)) => format!("{}({at})", list[parent].name),
        None => String::new(),
    };
    Ok(Table::new()
        .with("section", list.iter().map(|s| s.name.clone()).collect::<Vec<_>>())?
        .with("begins on", list.iter().map(parent).collect::<Vec<_>>())?
        .with("length_um", list.iter().map(rheobase_dendrite::morphology::Section::length_um).collect::<Vec<_>>())?
        .with("area_um2", list.iter().map(rheobase_dendrite::morphology::Section::area_um2).collect::<Vec<_>>())?
        .with("compartments", (0..list.len()).map(|i| cell.compartments().of_section(i).len()).collect::<Vec<_>>())?)
}
