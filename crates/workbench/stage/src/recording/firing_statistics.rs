//! How regularly and how synchronously the units of a recording fire.

use ndarray::Array2;
use rheobase_core::statistics::{bootstrap_interval, mean, median, quantile};
use rheobase_core::{Estimate, Interval};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Matrix, Panel, Series};
use rheobase_spike_train::correlogram::auto_correlogram;
use rheobase_spike_train::count::{binned, fano_factor};
use rheobase_spike_train::distance::{van_rossum_matrix, victor_purpura_matrix};
use rheobase_spike_train::profile::of_population;
use rheobase_spike_train::tiling::tiling_coefficient;
use rheobase_spike_train::{interval, surrogate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, failed, main_output, threads};
use crate::recording::{Recorded, load};

/// Parameters of `firing-statistics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FiringStatisticsParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Bins in which spikes are counted for the Fano factor, in s.
    #[serde(default = "bin")]
    #[schemars(range(min = 0.001, max = 1000.0))]
    pub bin_s: f64,
    /// Refractoriness constant of the revised local variation, in s.
    #[serde(default = "refractoriness")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub refractoriness_s: f64,
    /// Interval shorter than which two spikes of one neuron are not possible, in s; its share is the contamination.
    #[serde(default = "violation")]
    #[schemars(range(min = 0.0, max = 0.1))]
    pub violation_s: f64,
    /// Half width of the tiling coefficient's window and of its shifts' null, in s.
    #[serde(default = "window")]
    #[schemars(range(min = 0.0001, max = 10.0))]
    pub window_s: f64,
    /// Time constant of the van Rossum distance in s; the Victor-Purpura cost is its inverse.
    #[serde(default = "tau")]
    #[schemars(range(min = 0.0001, max = 100.0))]
    pub tau_s: f64,
    /// Most units that are compared in pairs.
    #[serde(default = "most")]
    #[schemars(range(min = 2, max = 2000))]
    pub pair_units: usize,
    /// Random shifts for the null of the tiling coefficient.
    #[serde(default = "shifts")]
    #[schemars(range(min = 0, max = 10_000))]
    pub shifts: usize,
}

fn bin() -> f64 {
    1.0
}
fn refractoriness() -> f64 {
    0.005
}
fn violation() -> f64 {
    0.002
}
fn window() -> f64 {
    0.01
}
fn tau() -> f64 {
    0.05
}
fn most() -> usize {
    40
}
fn shifts() -> usize {
    99
}

/// Firing statistics.
pub struct FiringStatistics;

impl Kind for FiringStatistics {
    type Parameters = FiringStatisticsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "firing-statistics";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "rates, irregularity (CV, CV2, LV, LVR), Fano factor and refractory violations of each unit; synchrony of pairs";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("firing statistics")];

    fn run(p: &FiringStatisticsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let mut outcome = Outcome::default();
        units(p, &recording, context, &mut outcome)?;
        intervals_figure(&recording, &mut outcome)?;
        correlogram_figure(&recording, &mut outcome)?;
        if recording.spikes.units() >= 2 {
            pairs(p, &recording, context, &mut outcome)?;
        }
        Ok(outcome)
    }
}

fn units(
    p: &FiringStatisticsParameters,
    recording: &Recording,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let spikes = &recording.spikes;
    let counts = binned(spikes, spikes.span_s().0, p.bin_s).map_err(failed)?;
    let names = ["rate_hz", "cv", "cv2", "lv", "lvr", "fano", "violations"];
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
    for unit in 0..spikes.units() {
        let intervals = interval::intervals_s(spikes.unit(unit)).map_err(failed)?;
        let or_nan = |value: rheobase_spike_train::Result<f64>| value.unwrap_or(f64::NAN);
        let short = intervals.iter().filter(|i| **i < p.violation_s).count() as f64;
        let row = counts.row(unit).to_vec();
        let values = [
            spikes.rate_hz(unit),
            or_nan(interval::cv(&intervals, 0)),
            or_nan(interval::cv2(&intervals)),
            or_nan(interval::lv(&intervals)),
            or_nan(interval::lvr(&intervals, p.refractoriness_s)),
            or_nan(fano_factor(&row, 0)),
            if intervals.is_empty() { f64::NAN } else { short / intervals.len() as f64 },
        ];
        columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        if spikes.units() <= 12 {
            let n = intervals.len();
            for (name, value) in names.iter().zip(values) {
                let (n, of) = if *name == "fano" { (row.len(), "bins") } else { (n, "intervals") };
                let variant = if *name == "rate_hz" { "spikes over span" } else { "population form (ddof 0)" };
                outcome.metric(&format!("unit_{unit}_{name}"), Estimate::new(value, name, variant, n, of));
            }
        }
    }
    let mut table = Table::new().with("unit", (0..spikes.units()).collect::<Vec<_>>())?;
    table = table.with("spikes", (0..spikes.units()).map(|u| spikes.unit(u).len()).collect::<Vec<_>>())?;
    for (name, column) in names.iter().zip(&columns) {
        table = table.with(name, column.clone())?;
        let known: Vec<f64> = column.iter().copied().filter(|v| v.is_finite()).collect();
        if known.is_empty() {
            continue;
        }
        let seed = context.seed.child("bootstrap").child(name);
        let interval = if known.len() > 2 {
            bootstrap_interval(known.len(), 1000, &seed, |rows| {
                median(&rows.iter().map(|&i| known[i]).collect::<Vec<_>>())
            })
        } else {
            Interval {
                low: quantile(&known, 0.0),
                high: quantile(&known, 1.0),
                level: 1.0,
                method: "range over units".into(),
            }
        };
        let estimate = Estimate::new(median(&known), name, "median over units", known.len(), "units")
            .with_constant("bin_s", p.bin_s)
            .with_constant("refractoriness_s", p.refractoriness_s)
            .with_constant("violation_s", p.violation_s)
            .with_interval(interval);
        outcome.metric(&format!("median_{name}"), estimate);
    }
    outcome.table("units", table);
    Ok(())
}

/// Units that are drawn one by one.
const DRAWN: usize = 6;

fn intervals_figure(recording: &Recording, outcome: &mut Outcome) -> Result<(), StageError> {
    let spikes = &recording.spikes;
    let mut series = Vec::new();
    for unit in 0..spikes.units().min(DRAWN) {
        let intervals = interval::intervals_s(spikes.unit(unit)).map_err(failed)?;
        if intervals.len() < 20 {
            continue;
        }
        // Ten bins in a decade of log10 s.
        let mut bins = [0.0; 50];
        for i in intervals.iter().filter(|i| **i > 0.0) {
            let at = ((i.log10() + 4.0) * 10.0).floor();
            if (0.0..50.0).contains(&at) {
                bins[at as usize] += 10.0 / intervals.len() as f64;
            }
        }
        let points = bins.iter().enumerate().map(|(k, v)| (-4.0 + 0.1 * (k as f64 + 0.5), *v)).collect();
        series.push(Series { name: format!("unit {unit}"), points, marks: Marks::Line });
    }
    if series.is_empty() {
        return Ok(());
    }
    let chart = Chart {
        title: "intervals between spikes".into(),
        x_label: "log10 of the interval (s)".into(),
        y_label: "density (per decade)".into(),
        x_range: Some((-4.0, 1.0)),
        y_range: None,
        series,
    };
    let caption =
        format!("Distribution of intervals of the first {DRAWN} units with at least 20 of them, ten bins in a decade.");
    outcome.figure("intervals", "Intervals between spikes", &caption, chart.svg().map_err(failed)?);
    Ok(())
}

fn correlogram_figure(recording: &Recording, outcome: &mut Outcome) -> Result<(), StageError> {
    let spikes = &recording.spikes;
    let mut series = Vec::new();
    for unit in 0..spikes.units().min(DRAWN) {
        if spikes.unit(unit).len() < 50 {
            continue;
        }
        let Ok(histogram) = auto_correlogram(spikes.unit(unit), spikes.span_s(), 0.1, 50) else { continue };
        let points = histogram.lags_s.iter().zip(histogram.ratio()).map(|(l, r)| (1e3 * l, r)).collect();
        series.push(Series { name: format!("unit {unit}"), points, marks: Marks::Line });
    }
    if series.is_empty() {
        return Ok(());
    }
    let chart = Chart {
        title: "auto-correlograms".into(),
        x_label: "lag (ms)".into(),
        y_label: "pairs / expected of a Poisson process".into(),
        x_range: Some((-100.0, 100.0)),
        y_range: None,
        series,
    };
    let caption = format!(
        "Pairs of spikes by lag (bins of 2 ms) over what a Poisson process of the same rate gives; the first {DRAWN} units with at least 50 spikes."
    );
    outcome.figure("autocorrelograms", "Auto-correlograms", &caption, chart.svg().map_err(failed)?);
    Ok(())
}

fn pairs(
    p: &FiringStatisticsParameters,
    recording: &Recording,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let all = &recording.spikes;
    let chosen: Vec<usize> = (0..all.units()).filter(|u| !all.unit(*u).is_empty()).take(p.pair_units).collect();
    if chosen.len() < 2 {
        return Ok(());
    }
    let span = all.span_s();
    let trains = rheobase_core::SpikeTrains::from_units(chosen.iter().map(|&u| all.unit(u).to_vec()).collect(), span)?;
    let n = chosen.len();
    let tile = |moved: Option<usize>| -> Result<Vec<f64>, StageError> {
        let mut values = Vec::new();
        for i in 0..n {
            for j in i + 1..n {
                let other = match moved {
                    None => trains.unit(j).to_vec(),
                    Some(draw) => {
                        let seed = context.seed.child("shift").index(draw).index(i * n + j);
                        surrogate::randomly_shifted(trains.unit(j), span, 2.0 * p.window_s, &seed).map_err(failed)?
                    }
                };
                values.push(tiling_coefficient(trains.unit(i), &other, p.window_s, span).map_err(failed)?);
            }
        }
        Ok(values)
    };
    let observed = tile(None)?;
    let mut null = Vec::new();
    for draw in 0..p.shifts {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        null.push(mean(&tile(Some(draw))?));
        context.progress.step("shifts", draw + 1, p.shifts);
    }
    let value = mean(&observed);
    let mut estimate =
        Estimate::new(value, "spike time tiling coefficient", "mean over pairs", observed.len(), "pairs")
            .with_constant("window_s", p.window_s);
    if !null.is_empty() {
        estimate.null =
            Some(rheobase_core::NullDistribution::one_sided("one train of each pair shifted", value, &null));
    }
    outcome.metric("mean_tiling", estimate);
    let (vp, vr) = (
        victor_purpura_matrix(&trains, 1.0 / p.tau_s, threads()).map_err(failed)?,
        van_rossum_matrix(&trains, p.tau_s, threads()).map_err(failed)?,
    );
    let upper = |m: &Array2<f64>| {
        mean(&(0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).map(|ij| m[ij]).collect::<Vec<_>>())
    };
    let pairs = observed.len();
    let distance = Estimate::new(upper(&vp), "Victor-Purpura distance", "mean over pairs", pairs, "pairs");
    outcome.metric("mean_victor_purpura", distance.with_constant("cost_per_s", 1.0 / p.tau_s));
    let distance = Estimate::new(
        upper(&vr),
        "van Rossum distance",
        "exponential kernels, one spike more is 1; mean over pairs",
        pairs,
        "pairs",
    );
    outcome.metric("mean_van_rossum", distance.with_constant("tau_s", p.tau_s));
    if let Ok((isi, spike, sync)) = of_population(&trains) {
        for (name, what, value) in [
            ("isi_distance", "ISI-distance", isi),
            ("spike_distance", "SPIKE-distance", spike),
            ("spike_synchronisation", "SPIKE-synchronisation", sync),
        ] {
            outcome
                .metric(name, Estimate::new(value, what, "auxiliary spikes at the edges, as PySpike", pairs, "pairs"));
        }
    }
    let mut tiling = Array2::from_elem((n, n), f64::NAN);
    let mut values = observed.iter();
    for i in 0..n {
        for j in i + 1..n {
            let value = *values.next().unwrap_or(&f64::NAN);
            tiling[[i, j]] = value;
            tiling[[j, i]] = value;
        }
    }
    if n > 3 {
        let matrix = Matrix {
            title: "spike time tiling coefficients".into(),
            label: "tiling".into(),
            panels: vec![Panel { name: format!("{n} units"), values: tiling.clone() }],
            across: 1,
            range: None,
        };
        let caption = format!("Tiling coefficient of each pair of units, window {} ms.", 1e3 * p.window_s);
        outcome.figure("tiling", "Synchrony of pairs", &caption, matrix.svg().map_err(failed)?);
    }
    for (name, matrix) in [("tiling", tiling), ("victor_purpura", vp), ("van_rossum", vr)] {
        outcome.array(name, rheobase_data::npy::Array::F64(matrix.into_dyn()));
    }
    Ok(())
}
