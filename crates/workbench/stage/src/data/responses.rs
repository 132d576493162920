//! Responses of recorded neurons to stimuli: a Brain-Score assembly (netCDF-4), or a table with a row for each presentation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ndarray::{Array2, Array3, Axis, s};
use rand::seq::SliceRandom;
use rheobase_core::statistics::median;
use rheobase_core::{Estimate, Seed};
use rheobase_data::assembly::Assembly;
use rheobase_data::library::Library;
use rheobase_data::npy::Array;
use rheobase_data::{Column, Table};
use rheobase_pipeline::{Artifact, Context, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Matrix, Panel};
use rheobase_similarity::predictivity::split_half_ceiling;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, failed, main_output};

/// Responses to stimuli.
#[derive(Debug)]
pub struct RecordedResponses;

impl Artifact for RecordedResponses {
    const ACCEPTS: &'static [&'static str] = &["responses to stimuli"];
}

/// Parameters of `responses`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponsesParameters {
    /// A Brain-Score assembly (.nc: presentation x neuroid, or x time bin), or a table (.csv, .tsv, .parquet) with a row for each
    /// presentation and a column for each neuron. Relative to the folder the program is started in.
    pub path: PathBuf,
    /// The coordinate, or column, that names the stimulus of a presentation; by default `stimulus_id`, or `image_id` in older files.
    #[serde(default)]
    pub stimulus: Option<String>,
    /// Columns of a table that are not neurons.
    #[serde(default)]
    pub about: Vec<String>,
}

/// Random divisions of the presentations into halves, for reliabilities: as many as Brain-Score's ceilings take.
pub const DIVISIONS: usize = 10;

/// Mean responses of neurons.
#[derive(Debug, Clone)]
pub struct MeanResponses {
    /// Names of the stimuli, sorted.
    pub stimuli: Vec<String>,
    /// Mean over presentations, (stimuli, neurons, time bins).
    pub values: Array3<f64>,
    /// Means over each half of the presentations; none where a stimulus was shown once.
    pub halves: Option<[Array3<f64>; 2]>,
    /// Reliability of each neuron's mean over presentations and time, from [`DIVISIONS`] divisions into halves; none where a stimulus was
    /// shown once.
    pub reliability: Option<Vec<f64>>,
    /// What is known of each neuron.
    pub neurons: Table,
    /// Middle of each time bin in ms; empty where it is not known.
    pub times_ms: Vec<f64>,
}

/// RecordedResponses responses.
pub struct Responses;

impl Kind for Responses {
    type Parameters = ResponsesParameters;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "responses";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "responses of recorded neurons to stimuli, from a Brain-Score assembly or a table with a row for each presentation";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("responses to stimuli")];
    const READS_OUTSIDE: bool = true;

    fn fingerprint(p: &ResponsesParameters, _: &Library) -> Result<String, StageError> {
        let mut hasher = blake3::Hasher::new();
        let failed = |e| StageError::Failed(format!("cannot read {}: {e}", p.path.display()));
        std::io::copy(&mut std::fs::File::open(&p.path).map_err(failed)?, &mut hasher).map_err(failed)?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    fn memory_mib(p: &ResponsesParameters) -> u64 {
        64 + std::fs::metadata(&p.path).map_or(0, |m| m.len() >> 17)
    }

    fn run(p: &ResponsesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let shown = Presentations::read(p)?;
        if let Some((place, _)) = shown.values.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(StageError::Failed(format!(
                "{}: presentation {} of neuron {} is not a finite number; leave it out, or fill it in",
                p.path.display(),
                place.0,
                place.1
            )));
        }
        let mut outcome = Outcome::default();
        shown.store(&context.seed, &mut outcome)?;
        Ok(outcome)
    }
}

/// Single presentations.
pub struct Presentations {
    /// Stimulus of each.
    pub stimuli: Vec<String>,
    /// (presentations, neurons, time bins).
    pub values: Array3<f64>,
    /// What is known of each neuron.
    pub neurons: Table,
    /// Middle of each time bin in ms, where it is known.
    pub times_ms: Vec<f64>,
}

impl Presentations {
    /// Writes the means over presentations into an outcome, and says what there is.
    pub fn store(&self, seed: &Seed, outcome: &mut Outcome) -> Result<(), StageError> {
        let mean = self.mean(seed)?;
        mean.store(outcome)?;
        describe(&mean, self.stimuli.len(), outcome)
    }

    fn read(p: &ResponsesParameters) -> Result<Self, StageError> {
        if p.path.extension().and_then(|e| e.to_str()) == Some("nc") { Self::assembly(p) } else { Self::table(p) }
    }

    fn assembly(p: &ResponsesParameters) -> Result<Self, StageError> {
        let file = Assembly::open(&p.path)?;
        let wrong = |reason: String| StageError::Failed(format!("{}: {reason}", p.path.display()));
        let axis = |name: &str| file.dimensions.iter().position(|d| d == name);
        let (Some(presentation), Some(neuroid)) = (axis("presentation"), axis("neuroid")) else {
            let found = file.dimensions.join(" x ");
            return Err(wrong(format!("responses have dimensions presentation and neuroid, found {found}")));
        };
        let time = axis("time_bin");
        if file.dimensions.len() != 2 + usize::from(time.is_some()) {
            let found = file.dimensions.join(" x ");
            return Err(wrong(format!("responses are presentation x neuroid, or x time_bin, found {found}")));
        }
        let mut order = vec![presentation, neuroid];
        order.extend(time);
        let values = file.values.view().permuted_axes(order);
        let values = if time.is_some() { values.to_owned() } else { values.insert_axis(Axis(2)).to_owned() };
        let values = values.into_dimensionality().map_err(failed)?;
        let of = |dimension: &str| -> Vec<(&String, &Column)> {
            file.coordinates.iter().filter(|(_, (own, _))| own == dimension).map(|(n, (_, c))| (n, c)).collect()
        };
        let shown = of("presentation");
        let names = match &p.stimulus {
            Some(name) => vec![name.as_str()],
            None => vec!["stimulus_id", "image_id"],
        };
        let column = names.iter().find_map(|name| shown.iter().find(|(n, _)| n == name)).ok_or_else(|| {
            let known = shown.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>().join(", ");
            wrong(format!("presentations have no coordinate `{}`; they have: {known}", names.join("` or `")))
        })?;
        let stimuli = (0..column.1.len()).map(|row| column.1.text(row)).collect();
        let mut neurons = Table::new();
        for (name, column) in of("neuroid") {
            neurons = neurons.with(name, column.clone())?;
        }
        let numbers = |name: &str| file.coordinates.get(name).and_then(|(_, c)| c.numbers());
        let times_ms = match (numbers("time_bin_start"), numbers("time_bin_end")) {
            (Some(from), Some(to)) if time.is_some() => from.iter().zip(&to).map(|(a, b)| 0.5 * (a + b)).collect(),
            _ => vec![],
        };
        Ok(Self { stimuli, values, neurons, times_ms })
    }

    fn table(p: &ResponsesParameters) -> Result<Self, StageError> {
        let table = Table::read(&p.path)?;
        let by = p.stimulus.as_deref().unwrap_or("stimulus_id");
        let column = table.column(by)?;
        let stimuli = (0..table.rows()).map(|row| column.text(row)).collect();
        for name in &p.about {
            table.column(name)?;
        }
        let names: Vec<String> = table.names().iter().filter(|n| *n != by && !p.about.contains(n)).cloned().collect();
        let mut values = Array3::zeros((table.rows(), names.len(), 1));
        for (k, name) in names.iter().enumerate() {
            let Some(numbers) = table.column(name)?.numbers() else {
                return Err(StageError::Failed(format!(
                    "{}: column `{name}` does not hold numbers; if it is not a neuron, name it in `about`",
                    p.path.display()
                )));
            };
            values.slice_mut(s![.., k, 0]).assign(&ndarray::Array1::from(numbers));
        }
        let neurons = Table::new().with("neuroid_id", names)?;
        Ok(Self { stimuli, values, neurons, times_ms: vec![] })
    }

    /// Means over all presentations of each stimulus, and over two random halves of them.
    fn mean(&self, seed: &Seed) -> Result<MeanResponses, StageError> {
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        self.stimuli.iter().enumerate().for_each(|(row, s)| rows.entry(s).or_default().push(row));
        if rows.len() < 3 || self.values.dim().1 == 0 {
            return Err(StageError::Failed(format!(
                "there are {} different stimuli and {} neurons; responses can be compared from 3 stimuli and 1 neuron on",
                rows.len(),
                self.values.dim().1
            )));
        }
        let average = |chosen: &dyn Fn(usize, &[usize]) -> Vec<usize>| {
            let mut out = Array3::zeros((rows.len(), self.values.dim().1, self.values.dim().2));
            for (k, own) in rows.values().enumerate() {
                let part = self.values.select(Axis(0), &chosen(k, own));
                out.index_axis_mut(Axis(0), k).assign(&part.mean_axis(Axis(0)).expect("at least one presentation"));
            }
            out
        };
        let shuffled = |k: usize, own: &[usize]| {
            let mut own = own.to_vec();
            own.shuffle(&mut seed.child("halves").index(k).stream());
            own
        };
        let half = |second: bool| {
            average(&|k, own| {
                let order = shuffled(k, own);
                let (a, b) = order.split_at(order.len() / 2);
                if second { b.to_vec() } else { a.to_vec() }
            })
        };
        let repeated = rows.values().all(|own| own.len() >= 2);
        let reliability = || {
            let place: BTreeMap<&str, usize> = rows.keys().enumerate().map(|(k, name)| (*name, k)).collect();
            let of_stimulus: Vec<usize> = self.stimuli.iter().map(|name| place[name.as_str()]).collect();
            let presentations = MeanResponses::over_time(&self.values);
            split_half_ceiling(presentations.view(), &of_stimulus, DIVISIONS, &seed.child("reliability"))
        };
        Ok(MeanResponses {
            reliability: repeated.then(reliability).transpose().map_err(failed)?,
            values: average(&|_, own| own.to_vec()),
            halves: repeated.then(|| [half(false), half(true)]),
            stimuli: rows.keys().map(|k| (*k).to_owned()).collect(),
            neurons: self.neurons.clone(),
            times_ms: self.times_ms.clone(),
        })
    }
}

impl MeanResponses {
    fn store(&self, outcome: &mut Outcome) -> Result<(), StageError> {
        outcome.array("responses", Array::F64(self.values.clone().into_dyn()));
        if let Some([first, second]) = &self.halves {
            outcome.array("half_0", Array::F64(first.clone().into_dyn()));
            outcome.array("half_1", Array::F64(second.clone().into_dyn()));
        }
        if let Some(reliability) = &self.reliability {
            outcome.array("reliability", Array::F64(ndarray::Array1::from(reliability.clone()).into_dyn()));
        }
        outcome.table("stimuli", Table::new().with("stimulus_id", self.stimuli.clone())?);
        outcome.table("neurons", self.neurons.clone());
        outcome.table("times", Table::new().with("time_ms", self.times_ms.clone())?);
        Ok(())
    }

    /// Reads those of a result.
    pub fn load(input: &InputHandle) -> Result<Self, StageError> {
        let mut arrays = input.arrays()?;
        let reliability = arrays
            .remove("reliability")
            .map(|a| a.into_dimensionality::<ndarray::Ix1>().map_err(failed))
            .transpose()?;
        let mut take = |name: &str| -> Result<Option<Array3<f64>>, StageError> {
            arrays.remove(name).map(|a| a.into_dimensionality().map_err(failed)).transpose()
        };
        let missing = || StageError::Failed(format!("{} has no array `responses`", input.address));
        let values = take("responses")?.ok_or_else(missing)?;
        let halves = take("half_0")?.zip(take("half_1")?).map(|(a, b)| [a, b]);
        let stimuli = input.table("stimuli")?;
        let names = stimuli.column("stimulus_id")?;
        Ok(Self {
            stimuli: (0..stimuli.rows()).map(|row| names.text(row)).collect(),
            values,
            halves,
            reliability: reliability.map(|r| r.to_vec()),
            neurons: input.table("neurons")?,
            times_ms: input.table("times")?.numbers("time_ms")?,
        })
    }

    /// Responses of all neurons averaged over time bins, (stimuli, neurons).
    pub fn over_time(values: &Array3<f64>) -> Array2<f64> {
        values.mean_axis(Axis(2)).expect("at least one time bin")
    }
}

/// The median reliability of the neurons that have one.
pub fn ceiling(reliability: &[f64]) -> Option<Estimate> {
    let known: Vec<f64> = reliability.iter().copied().filter(|v| v.is_finite()).collect();
    let variant = "random halves of the presentations, Spearman-Brown, mean over divisions, median over neurons";
    let of = |known: &[f64]| Estimate::new(median(known), "reliability", variant, known.len(), "neurons");
    (!known.is_empty()).then(|| {
        of(&known)
            .with_constant("divisions", DIVISIONS as f64)
            .with_constant("constant_neurons_left_out", (reliability.len() - known.len()) as f64)
    })
}

fn describe(mean: &MeanResponses, presentations: usize, outcome: &mut Outcome) -> Result<(), StageError> {
    let (stimuli, neurons, bins) = mean.values.dim();
    let counted = |n: usize, what: &str| Estimate::new(n as f64, what, "counted", 1, "files");
    for (name, n) in [("stimuli", stimuli), ("neurons", neurons), ("time_bins", bins), ("presentations", presentations)]
    {
        outcome.metric(name, counted(n, &name.replace('_', " ")));
    }
    if let Some(estimate) = mean.reliability.as_deref().and_then(ceiling) {
        outcome.metric("reliability", estimate);
    }
    const SHOWN: usize = 100;
    let shown = MeanResponses::over_time(&mean.values);
    let panel = shown.slice(s![..stimuli.min(SHOWN), ..neurons.min(SHOWN)]).to_owned();
    let figure = Matrix {
        title: "mean responses".into(),
        label: "response".into(),
        panels: vec![Panel { name: "stimuli x neurons".into(), values: panel }],
        across: 1,
        range: None,
    };
    let caption = format!(
        "Mean over presentations and time of the first {} of {stimuli} stimuli (rows) and {} of {neurons} neurons (columns).",
        stimuli.min(SHOWN),
        neurons.min(SHOWN)
    );
    outcome.figure("responses", "Mean responses", &caption, figure.svg().map_err(failed)?);
    Ok(())
}

/// Places of the stimuli of one list that are in another, in the order of the other.
pub fn common(of: &[String], with: &[String]) -> Vec<usize> {
    with.iter().filter_map(|name| of.binary_search(name).ok()).collect()
}
