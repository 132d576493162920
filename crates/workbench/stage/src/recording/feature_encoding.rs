//! Which features of events the units of a recording encode, and at what depth: Poisson encoding models with held-out events.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis};
use rheobase_core::inference::false_discovery_rate;
use rheobase_core::statistics::{mean, variance, wilson_interval};
use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_decoding::classify::grouped_folds;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::glm::encoding::{Encoding, encoding};
use rheobase_report::figure::{Heatmap, Marks};
use rheobase_spike_train::count::counts_in_windows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::recording::{Recorded, load};

/// Parameters of `feature-encoding`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureEncodingParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Columns of the trials with the features; each is standardised.
    #[schemars(length(min = 1))]
    pub features: Vec<String>,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window of the spikes in s from the event.
    pub window_s: [f64; 2],
    /// Folds of events.
    #[serde(default = "five")]
    #[schemars(range(min = 2, max = 100))]
    pub folds: usize,
    /// A feature is encoded where its p, corrected over all units and features (false discovery rate), is below this.
    #[serde(default = "level")]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub level: f64,
    /// Column of the units with their depth in um, for the picture over depth.
    #[serde(default = "depth")]
    pub depth: String,
    /// Column of the units that names the feature each encodes (empty for none), where it is known: what is found is held against it.
    #[serde(default)]
    pub truth: Option<String>,
}

fn start() -> String {
    "start_time".into()
}
fn five() -> usize {
    5
}
fn level() -> f64 {
    0.05
}
fn depth() -> String {
    "depth_um".into()
}

/// Feature encoding.
pub struct FeatureEncoding;

impl Kind for FeatureEncoding {
    type Parameters = FeatureEncodingParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "feature-encoding";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "which features of events each unit encodes beside the others, and at what depth: cross-validated Poisson models";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("encoding models")];

    fn check(p: &FeatureEncodingParameters) -> Vec<Complaint> {
        let mut all: Vec<Complaint> = window_complaint(p.window_s).into_iter().collect();
        if let Some(twice) = p.features.iter().enumerate().find(|(k, f)| p.features[..*k].contains(f)) {
            all.push(complaint(&["features"], format!("feature `{}` is named twice", twice.1), "name each once"));
        }
        all
    }

    fn run(p: &FeatureEncodingParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let features = standardised(&recording, &p.features)?;
        let folds =
            grouped_folds(&vec![0; spans.len()], None, p.folds, &context.seed.child("folds")).map_err(failed)?;
        let units = recording.spikes.units();
        let counts: Vec<Vec<f64>> = (0..units)
            .map(|u| counts_in_windows(recording.spikes.unit(u), &spans).map_err(failed))
            .collect::<Result<_, _>>()?;
        // A unit too silent to be fitted in every fold encodes nothing that could be told.
        let fitted: Vec<Option<Encoding>> =
            parallel::map(units, threads(), |unit| encoding(features.view(), &counts[unit], &folds).ok());
        if fitted.iter().all(Option::is_none) {
            return Err(StageError::Failed("no unit has enough spikes in the windows for an encoding model".into()));
        }
        let k = p.features.len();
        let p_of = |unit: usize, feature: usize| fitted[unit].as_ref().map_or(f64::NAN, |e| e.p[feature]);
        let flat: Vec<f64> = (0..units * k).map(|i| p_of(i / k, i % k)).collect();
        let q = false_discovery_rate(&flat);
        let found = Found { units, fitted, q, features: &p.features, level: p.level };
        let mut outcome = Outcome::default();
        found.metrics(spans.len(), &mut outcome);
        if let Some(truth) = &p.truth {
            found.against(truth, &recording, &mut outcome)?;
        }
        found.tables(&recording, &mut outcome)?;
        if let Ok(depths) = recording.units.numbers(&p.depth) {
            found.over_depth(&depths, &mut outcome)?;
        }
        Ok(outcome)
    }
}

/// Features as columns, (events, features), of mean 0 and standard deviation 1.
fn standardised(recording: &Recording, names: &[String]) -> Result<Array2<f64>, StageError> {
    let mut columns = Array2::zeros((recording.trials.rows(), names.len()));
    for (name, mut column) in names.iter().zip(columns.axis_iter_mut(Axis(1))) {
        let values = recording.trials.numbers(name)?;
        let (centre, sd) = (mean(&values), variance(&values, 0).sqrt());
        if sd.is_nan() || sd <= 0.0 {
            return Err(StageError::Failed(format!("feature `{name}` is the same in every trial (or not a number)")));
        }
        column.iter_mut().zip(values).for_each(|(c, v)| *c = (v - centre) / sd);
    }
    Ok(columns)
}

struct Found<'a> {
    units: usize,
    fitted: Vec<Option<Encoding>>,
    /// Corrected p of each unit and feature, features fastest.
    q: Vec<f64>,
    features: &'a [String],
    level: f64,
}

impl Found<'_> {
    fn encodes(&self, unit: usize, feature: usize) -> bool {
        self.q[unit * self.features.len() + feature] < self.level
    }

    fn any(&self, unit: usize) -> bool {
        (0..self.features.len()).any(|f| self.encodes(unit, f))
    }

    fn metrics(&self, events: usize, outcome: &mut Outcome) {
        let variant = format!("likelihood ratio over dispersion, false discovery rate below {}", self.level);
        let n = (0..self.units).filter(|u| self.any(*u)).count();
        let share =
            Estimate::new(n as f64 / self.units as f64, "units that encode a feature", &variant, self.units, "units");
        outcome.metric(
            "encoding",
            share.with_interval(wilson_interval(n, self.units)).with_constant("events", events as f64),
        );
        for (f, name) in self.features.iter().enumerate() {
            let n = (0..self.units).filter(|u| self.encodes(*u, f)).count();
            let what = format!("units that encode {name}");
            outcome.metric(
                &format!("encoding_{}", name.replace([' ', '.'], "_")),
                Estimate::new(n as f64 / self.units as f64, &what, &variant, self.units, "units"),
            );
        }
        let of = |f: &dyn Fn(&Encoding) -> f64| {
            mean(&self.fitted.iter().flatten().map(f).filter(|v| v.is_finite()).collect::<Vec<_>>())
        };
        let known = self.fitted.iter().flatten().count();
        let bits = Estimate::new(
            of(&|e| e.bits_per_spike),
            "held-out gain of the features",
            "mean over units",
            known,
            "units",
        );
        outcome.metric("bits_per_spike", bits.with_unit("bit/spike"));
        let dispersion =
            Estimate::new(of(&|e| e.dispersion), "dispersion of the counts", "Pearson, at least 1", known, "units");
        outcome.metric("dispersion", dispersion);
    }

    /// Precision and recall of pairs of unit and feature, and of units, against what is known.
    fn against(&self, column: &str, recording: &Recording, outcome: &mut Outcome) -> Result<(), StageError> {
        let truth = recording.units.column(column)?;
        let (mut right, mut found, mut there) = (0, 0, 0);
        for unit in 0..self.units {
            let own = truth.text(unit);
            for (f, name) in self.features.iter().enumerate() {
                let (is, says) = (own == *name, self.encodes(unit, f));
                right += usize::from(is && says);
                found += usize::from(says);
                there += usize::from(is);
            }
        }
        for (name, what, n) in [
            ("precision", "share of what is found that is there", found),
            ("recall", "share of what is there that is found", there),
        ] {
            let estimate = Estimate::new(right as f64 / n as f64, what, "pairs of unit and feature", n, "pairs");
            outcome.metric(name, estimate.with_interval(wilson_interval(right, n)));
        }
        Ok(())
    }

    fn tables(&self, recording: &Recording, outcome: &mut Outcome) -> Result<(), StageError> {
        let k = self.features.len();
        let each = |f: &dyn Fn(&Encoding) -> f64| {
            self.fitted.iter().map(|e| e.as_ref().map_or(f64::NAN, f)).collect::<Vec<f64>>()
        };
        let mut table = Table::new()
            .with("unit", (0..self.units).collect::<Vec<_>>())?
            .with("spikes", (0..self.units).map(|u| recording.spikes.unit(u).len()).collect::<Vec<_>>())?
            .with("bits_per_spike", each(&|e| e.bits_per_spike))?
            .with("dispersion", each(&|e| e.dispersion))?;
        for (f, name) in self.features.iter().enumerate() {
            let q = (0..self.units).map(|u| self.q[u * k + f]).collect::<Vec<_>>();
            table = table
                .with(&format!("{name}_coefficient"), each(&|e| e.coefficients[f]))?
                .with(&format!("{name}_bits_per_spike"), each(&|e| e.unique_bits_per_spike[f]))?
                .with(&format!("{name}_q"), q)?;
        }
        outcome.table("units", table);
        Ok(())
    }

    fn over_depth(&self, depths_um: &[f64], outcome: &mut Outcome) -> Result<(), StageError> {
        const BINS: usize = 10;
        let (low, high) = depths_um.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), d| (l.min(*d), h.max(*d)));
        let width = ((high - low) / BINS as f64).max(f64::MIN_POSITIVE);
        let bin = |unit: usize| (((depths_um[unit] - low) / width) as usize).min(BINS - 1);
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        (0..self.units).for_each(|u| members.entry(bin(u)).or_default().push(u));
        let share = |b: usize, f: usize| {
            let own = members.get(&b).map_or(&[][..], Vec::as_slice);
            own.iter().filter(|u| self.encodes(**u, f)).count() as f64 / own.len() as f64
        };
        let map = Heatmap {
            title: "share of units that encode each feature".into(),
            rows: (0..BINS).map(|b| format!("{:.0} um", low + width * (b as f64 + 0.5))).collect(),
            columns: self.features.to_vec(),
            values: Array2::from_shape_fn((BINS, self.features.len()), |(b, f)| share(b, f)),
            range: (0.0, 1.0),
        };
        let caption = format!(
            "Share of the units at each depth that encode each feature beside the others; {} units.",
            self.units
        );
        outcome.figure("depth", "Encoding over depth", &caption, map.svg().map_err(failed)?);
        let points = |encoding: bool| {
            let own = (0..self.units).filter(|u| self.any(*u) == encoding);
            own.filter_map(|u| Some((depths_um[u], self.fitted[u].as_ref()?.bits_per_spike))).collect::<Vec<_>>()
        };
        let lines = vec![
            series("encode a feature", points(true), Marks::Points),
            series("others", points(false), Marks::Points),
        ];
        let caption = "What all features together tell of each unit's counts in held-out events.";
        chart(outcome, ["gain", "Held-out gain over depth", caption], ["depth (um)", "bits per spike"], lines)
    }
}
