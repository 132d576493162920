//! `[analysis.*] kind = "neurite-distances"`: how far sets of places of a neuron are from each other along its neurite.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::{Array2, ArrayView2, s};
use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_data::library::Library;
use rheobase_data::npy::Array;
use rheobase_dendrite::Cell;
use rheobase_dendrite::morphology::picture_svg;
use rheobase_dendrite::region::place;
use rheobase_dendrite::skeleton::{Length, Place, Skeleton, nearest};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CellArtifact, load_cell};
use crate::draw::{chart, histogram, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `neurite-distances`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NeuriteDistancesParameters {
    /// The neuron.
    pub of: Input<CellArtifact>,
    /// Sets of places by name.
    pub sets: BTreeMap<String, Sites>,
    /// Length constant l in um of the kernel e^(-d / l) with which activity decays; by default none is applied.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub length_constant_um: Option<f64>,
    /// Resistances for distances in length constants of the local diameter; by default distances are in um only.
    #[serde(default)]
    pub electrotonic: Option<Resistances>,
}

/// Resistances of membrane and axoplasm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resistances {
    /// Membrane resistance in ohm cm2.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub rm_ohm_cm2: f64,
    /// Axial resistivity in ohm cm.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub ra_ohm_cm: f64,
}

/// Places of a neuron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sites {
    /// One by one, such as `dend[3](0.5)`.
    Places {
        /// The places.
        #[schemars(length(min = 1))]
        at: Vec<String>,
    },
    /// The middles of all compartments of a region, such as `apic and distance > 200 um`.
    Region {
        /// The region.
        region: String,
    },
    /// Positions in a file, such as a connectome's synapses; each goes to the nearest point of the skeleton.
    Table(Positions),
}

/// Positions in a file, a row each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Positions {
    /// A .csv or .parquet file; the path is relative to the folder the program is started in.
    pub path: PathBuf,
    /// Columns with the position.
    #[serde(default = "xyz")]
    pub columns: [String; 3],
    /// Length of a unit of the file in um: .008 for voxels of 8 nm.
    #[serde(default = "unit")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub unit_um: f64,
    /// Only rows where this column reads this, such as one partner: column and text.
    #[serde(default)]
    pub only: Option<[String; 2]>,
}

fn xyz() -> [String; 3] {
    ["x", "y", "z"].map(String::from)
}

fn unit() -> f64 {
    1.0
}

/// Sites are in a matrix of all pairs.
const MOST_SITES: usize = 10_000;

/// Distances along a neurite.
pub struct NeuriteDistances;

impl Kind for NeuriteDistances {
    type Parameters = NeuriteDistancesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "neurite-distances";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "geodesic and electrotonic distances between sets of places of a neuron, such as a connectome's synapses";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("distances")];
    const READS_OUTSIDE: bool = true;

    fn check(p: &NeuriteDistancesParameters) -> Vec<Complaint> {
        if p.sets.is_empty() {
            let help = "name one at least, such as inputs = { kind = \"region\", region = \"dend\" }";
            return vec![complaint(&["sets"], "there is no set of places".into(), help)];
        }
        vec![]
    }

    fn fingerprint(p: &NeuriteDistancesParameters, _: &Library) -> Result<String, StageError> {
        let mut hasher = blake3::Hasher::new();
        for set in p.sets.values() {
            let Sites::Table(Positions { path, .. }) = set else { continue };
            let failed = |e| StageError::Failed(format!("cannot read {}: {e}", path.display()));
            std::io::copy(&mut std::fs::File::open(path).map_err(failed)?, &mut hasher).map_err(failed)?;
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn run(p: &NeuriteDistancesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let mut sets = Vec::new();
        let mut first = 0;
        for (name, sites) in &p.sets {
            let (places, gaps_um) = find(name, sites, &cell)?;
            sets.push(Set { name, first, places, gaps_um });
            first += sets[sets.len() - 1].places.len();
        }
        if first > MOST_SITES {
            let message = format!("{first} places in all; at most {MOST_SITES}, for all pairs are kept: take fewer");
            return Err(StageError::Failed(message));
        }
        // The middles of compartments come last: they are only drawn.
        let middles = cell.compartments().list().iter().map(|c| (c.section, c.x));
        let places: Vec<Place> = sets.iter().flat_map(|s| s.places.iter().copied()).chain(middles).collect();
        let skeleton = Skeleton::new(cell.morphology(), &places).map_err(failed)?;
        let all_um = skeleton.distances(first, Length::Geodesic, threads()).map_err(failed)?;
        let mut measures =
            vec![Measure { name: "um", unit: "um", distances: all_um.slice(s![.., ..first]).to_owned() }];
        if let Some(Resistances { rm_ohm_cm2, ra_ohm_cm }) = p.electrotonic {
            let length = Length::Electrotonic { rm_ohm_cm2, ra_ohm_cm };
            let distances = skeleton.distances(first, length, threads()).map_err(failed)?;
            let distances = distances.slice_move(s![.., ..first]);
            measures.push(Measure { name: "lambda", unit: "length constants", distances });
        }
        let mut outcome = Outcome::default();
        metrics(p, &sets, &measures, &mut outcome);
        table(&sets, &cell, &measures[0].distances, &mut outcome)?;
        figures(&sets, &cell, &all_um, &mut outcome)?;
        for Measure { name, distances, .. } in measures {
            outcome.array(&format!("distances_{name}"), Array::F64(distances.into_dyn()));
        }
        Ok(outcome)
    }
}

/// A set of places; `first` is its first row among all.
struct Set<'a> {
    name: &'a str,
    first: usize,
    places: Vec<Place>,
    /// How far each position of a file is from the skeleton.
    gaps_um: Vec<f64>,
}

impl Set<'_> {
    fn rows(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.places.len()
    }

    /// Distances to all other places of the other set, or of this one.
    fn pairs(&self, other: &Self, distances: &Array2<f64>) -> Vec<f64> {
        let pairs = self.rows().flat_map(|a| other.rows().filter(move |b| a != *b).map(move |b| [a, b]));
        pairs.map(|pair| distances[pair]).collect()
    }
}

struct Measure {
    name: &'static str,
    unit: &'static str,
    distances: Array2<f64>,
}

fn find(name: &str, sites: &Sites, cell: &Cell) -> Result<(Vec<Place>, Vec<f64>), StageError> {
    match sites {
        Sites::Places { at } => {
            let places: Result<Vec<Place>, _> = at.iter().map(|text| place(text, cell.morphology())).collect();
            Ok((places.map_err(failed)?, vec![]))
        }
        Sites::Region { region } => {
            let compartments = cell.region(region).map_err(failed)?;
            let list = cell.compartments().list();
            Ok((compartments.iter().map(|&i| (list[i].section, list[i].x)).collect(), vec![]))
        }
        Sites::Table(positions) => {
            let rows = read(positions)?;
            if rows.is_empty() {
                let message = format!("no row of {} belongs to the set {name}", positions.path.display());
                return Err(StageError::Failed(message));
            }
            Ok(rows.iter().map(|position| nearest(cell.morphology(), position)).unzip())
        }
    }
}

/// Positions in um of the rows that count.
fn read(from: &Positions) -> Result<Vec<[f64; 3]>, StageError> {
    let table = Table::read(&from.path)?;
    let chosen = from.only.as_ref().map(|[column, text]| Ok::<_, StageError>((table.column(column)?, text)));
    let chosen = chosen.transpose()?;
    let [x, y, z] = &from.columns;
    let axes = [table.numbers(x)?, table.numbers(y)?, table.numbers(z)?];
    let mut positions = Vec::new();
    for row in (0..table.rows()).filter(|&row| chosen.as_ref().is_none_or(|(column, text)| column.text(row) == **text))
    {
        let position = axes.each_ref().map(|axis| axis[row] * from.unit_um);
        if position.iter().any(|v| !v.is_finite()) {
            let message = format!("row {} of {} has no position: {position:?}", row + 1, from.path.display());
            return Err(StageError::Failed(message));
        }
        positions.push(position);
    }
    Ok(positions)
}

fn metrics(p: &NeuriteDistancesParameters, sets: &[Set<'_>], measures: &[Measure], outcome: &mut Outcome) {
    for (index, a) in sets.iter().enumerate() {
        if let Some(widest) = a.gaps_um.iter().copied().reduce(f64::max) {
            let name = "largest distance of a position from the skeleton";
            let gap = Estimate::new(widest, name, "to the nearest point", a.gaps_um.len(), "positions").with_unit("um");
            outcome.metric(&format!("gap_{}", a.name), gap);
        }
        for b in &sets[index..] {
            let pair = if a.name == b.name { a.name.to_owned() } else { format!("{}_{}", a.name, b.name) };
            for Measure { name, unit, distances } in measures {
                let found = a.pairs(b, distances);
                let Some(shortest) = found.iter().copied().reduce(f64::min) else { continue };
                let number = |value: f64, what: &str, unit: &str| {
                    Estimate::new(value, what, "shortest paths (Dijkstra 1959)", found.len(), "pairs").with_unit(unit)
                };
                outcome.metric(&format!("shortest_{name}_{pair}"), number(shortest, "shortest distance", unit));
                let mean = rheobase_core::statistics::mean(&found);
                outcome.metric(&format!("mean_{name}_{pair}"), number(mean, "mean distance", unit));
                if let Some(constant) = p.length_constant_um.filter(|_| *name == "um") {
                    let kernel: Vec<f64> = found.iter().map(|d| (-d / constant).exp()).collect();
                    let coupling = number(rheobase_core::statistics::mean(&kernel), "mean of e^(-d / l)", "");
                    outcome.metric(&format!("coupling_{pair}"), coupling.with_constant("length_constant_um", constant));
                }
            }
        }
    }
}

/// A row for each place: where it is, and how far the nearest place of each set.
fn table(sets: &[Set<'_>], cell: &Cell, distances: &Array2<f64>, outcome: &mut Outcome) -> Result<(), StageError> {
    let all = || sets.iter().flat_map(|set| set.places.iter().map(move |place| (set.name, place)));
    let section = |at: usize| cell.morphology().sections()[at].name.clone();
    let gaps = sets.iter().flat_map(|set| (0..set.places.len()).map(|k| set.gaps_um.get(k).copied().unwrap_or(0.0)));
    let mut table = Table::new()
        .with("set", all().map(|(name, _)| name.to_owned()).collect::<Vec<_>>())?
        .with("section", all().map(|(_, place)| section(place.0)).collect::<Vec<_>>())?
        .with("x", all().map(|(_, place)| place.1).collect::<Vec<_>>())?
        .with("gap_um", gaps.collect::<Vec<_>>())?;
    for set in sets {
        let nearest = |row: usize| {
            let others = set.rows().filter(|&other| other != row).map(|other| distances[[row, other]]);
            others.reduce(f64::min).unwrap_or(f64::NAN)
        };
        table =
            table.with(&format!("nearest_um_{}", set.name), (0..distances.nrows()).map(nearest).collect::<Vec<_>>())?;
    }
    outcome.table("places", table);
    Ok(())
}

fn figures(sets: &[Set<'_>], cell: &Cell, all_um: &Array2<f64>, outcome: &mut Outcome) -> Result<(), StageError> {
    let Some(first) = sets.first() else { return Ok(()) };
    if cell.compartments().len() > 1 {
        let from_first: ArrayView2<'_, f64> = all_um.slice(s![first.rows(), all_um.nrows()..]);
        let near: Vec<f64> =
            from_first.columns().into_iter().map(|c| c.fold(f64::INFINITY, |a, b| a.min(*b))).collect();
        let label = format!("path to the nearest place of {} (um)", first.name);
        let svg = picture_svg(cell.morphology(), cell.compartments(), &near, &label).map_err(failed)?;
        let caption = format!("How far each part of the neuron is from the nearest place of {}.", first.name);
        outcome.figure("neuron", "Distance along the neurite", &caption, svg);
    }
    let square = all_um.slice(s![.., ..all_um.nrows()]).to_owned();
    let mut lines = Vec::new();
    let longest = square.iter().copied().fold(0.0, f64::max);
    for (index, a) in sets.iter().enumerate() {
        for b in &sets[index..] {
            let found = a.pairs(b, &square);
            if found.len() > 1 && longest > 0.0 {
                let name =
                    if a.name == b.name { format!("within {}", a.name) } else { format!("{}, {}", a.name, b.name) };
                lines.push(series(&name, histogram(&found, [0.0, longest], 30), Marks::Line));
            }
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let caption = "Shares of pairs of places by their distance along the neurite, in thirty classes.";
    chart(outcome, ["distances", "Distances of pairs", caption], ["distance (um)", "share of pairs"], lines)
}
