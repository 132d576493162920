//! Tuning of every unit to where the head points.

use std::f64::consts::TAU;

use rheobase_core::statistics::{median, permutation_p};
use rheobase_core::{Estimate, parallel};
use rheobase_data::Table;
use rheobase_data::recording::Signal;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::spatial::direction::{DirectionTuning, direction_tuning};
use rheobase_receptive_field::von_mises::{VonMises, fit_von_mises};
use rheobase_report::figure::Marks;
use rheobase_spike_train::surrogate::randomly_shifted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draw::{chart, series};
use crate::kind::{Kind, failed, main_output, threads};
use crate::recording::{Recorded, load, signal};

/// Parameters of `head-direction`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeadDirectionParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// The signal with the direction in rad, one value at a time.
    #[serde(default = "head_direction")]
    pub signal: String,
    /// Bins around the circle.
    #[serde(default = "bins")]
    #[schemars(range(min = 3, max = 360))]
    pub bins: usize,
    /// Longest time a frame counts, in s.
    #[serde(default = "gap")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub longest_gap_s: f64,
    /// Random shifts of the spikes in time.
    #[serde(default = "shuffles")]
    #[schemars(range(min = 19, max = 100_000))]
    pub shuffles: usize,
    /// Smallest shift in s.
    #[serde(default = "least_shift")]
    #[schemars(range(min = 0.0))]
    pub least_shift_s: f64,
    /// A unit counts as tuned if as long a vector is not likelier than this among shifted spikes.
    #[serde(default = "level")]
    #[schemars(range(min = 0.0001, max = 0.5))]
    pub level: f64,
}

fn head_direction() -> String {
    "head_direction".into()
}
fn bins() -> usize {
    36
}
fn gap() -> f64 {
    0.5
}
fn shuffles() -> usize {
    199
}
fn least_shift() -> f64 {
    20.0
}
fn level() -> f64 {
    0.01
}

/// Units whose numbers are metrics of their own, and whose curves are drawn.
const TOLD: usize = 12;
const DRAWN: usize = 6;

/// Head-direction tuning.
pub struct HeadDirection;

/// What was found of a unit; nothing for one that is silent.
struct Found {
    tuning: DirectionTuning,
    p: f64,
    fit: Option<VonMises>,
}

impl Kind for HeadDirection {
    type Parameters = HeadDirectionParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "head-direction";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "tuning of every unit to the direction of the head: mean vector, test by shifted spikes, von Mises fit";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("tuning to directions")];

    fn run(p: &HeadDirectionParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let frames = Frames::of(signal(&recording, &p.signal)?, &p.signal, p.longest_gap_s)?;
        let units = recording.spikes.units();
        let mut found = vec![];
        for unit in 0..units {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let seed = context.seed.child("shift").index(unit);
            found.push(of_unit(p, &frames, recording.spikes.unit(unit), recording.spikes.span_s(), &seed)?);
            context.progress.step("units", unit + 1, units);
        }
        let mut outcome = Outcome::default();
        population(p, &found, &mut outcome);
        outcome.table("units", table(&found)?);
        curves(&found, &mut outcome)?;
        Ok(outcome)
    }
}

/// The direction in each frame, and how long it counts.
struct Frames<'a> {
    times_s: &'a [f64],
    angles_rad: Vec<f64>,
    seconds: Vec<f64>,
    longest_gap_s: f64,
}

impl<'a> Frames<'a> {
    fn of(signal: &'a Signal, name: &str, longest_gap_s: f64) -> Result<Self, StageError> {
        if signal.values.ncols() != 1 {
            let found = signal.values.ncols();
            return Err(StageError::Failed(format!(
                "signal `{name}` has {found} values at a time; a direction is one, in rad"
            )));
        }
        let angles_rad: Vec<f64> = signal.values.column(0).to_vec();
        let widest = angles_rad.iter().fold(0.0_f64, |w, a| w.max(a.abs()));
        if widest > 10.0 * TAU {
            return Err(StageError::Failed(format!(
                "signal `{name}` reaches {widest:.0}; a direction is needed in rad, not degrees"
            )));
        }
        let times_s = &signal.times_s;
        let lasts = |k: usize| times_s.get(k + 1).map_or(0.0, |next| (next - times_s[k]).min(longest_gap_s));
        Ok(Self { times_s, seconds: (0..times_s.len()).map(lasts).collect(), angles_rad, longest_gap_s })
    }

    /// Directions at those spikes that fall into a frame.
    fn at(&self, spikes_s: &[f64]) -> Vec<f64> {
        let frame = |t: f64| self.times_s.partition_point(|f| *f <= t).checked_sub(1);
        let within =
            |t: f64| frame(t).filter(|k| t - self.times_s[*k] <= self.longest_gap_s && *k + 1 < self.times_s.len());
        spikes_s.iter().filter_map(|t| within(*t)).map(|k| self.angles_rad[k]).collect()
    }
}

fn of_unit(
    p: &HeadDirectionParameters,
    frames: &Frames<'_>,
    spikes_s: &[f64],
    span_s: (f64, f64),
    seed: &rheobase_core::Seed,
) -> Result<Option<Found>, StageError> {
    let at = frames.at(spikes_s);
    if at.is_empty() {
        return Ok(None);
    }
    let tuning = |at: &[f64]| direction_tuning(&frames.angles_rad, &frames.seconds, at, p.bins);
    let observed = tuning(&at).map_err(failed)?;
    let null = parallel::try_map(p.shuffles, threads(), |draw| {
        let moved = randomly_shifted(spikes_s, span_s, p.least_shift_s, &seed.index(draw)).map_err(failed)?;
        let at = frames.at(&moved);
        Ok::<_, StageError>(if at.is_empty() { 0.0 } else { tuning(&at).map_err(failed)?.resultant.length })
    })?;
    let known = observed.angles_rad.iter().zip(&observed.rates_hz).filter(|(_, r)| r.is_finite());
    let (angles, rates): (Vec<f64>, Vec<f64>) = known.map(|(a, r)| (*a, *r)).unzip();
    let fit = fit_von_mises(&angles, &rates, false).ok();
    Ok(Some(Found { p: permutation_p(observed.resultant.length, &null), tuning: observed, fit }))
}

fn population(p: &HeadDirectionParameters, found: &[Option<Found>], outcome: &mut Outcome) {
    let known: Vec<&Found> = found.iter().flatten().collect();
    let n = known.len();
    let tuned = known.iter().filter(|f| f.p <= p.level).count();
    let share = Estimate::new(tuned as f64, "tuned units", "vector longer than of shifted spikes", n, "units");
    outcome.metric("tuned", share.with_constant("level", p.level).with_constant("shuffles", p.shuffles as f64));
    let lengths: Vec<f64> = known.iter().map(|f| f.tuning.corrected_length).collect();
    if !lengths.is_empty() {
        let variant = "rates over occupancy, corrected for bins; median over units";
        let length = Estimate::new(median(&lengths), "mean vector length", variant, n, "units");
        outcome.metric("median_length", length.with_constant("bins", p.bins as f64));
    }
    for (unit, one) in found.iter().enumerate().take(TOLD).filter_map(|(u, f)| Some((u, f.as_ref()?))) {
        let variant = "rates over occupancy, corrected for bins";
        let length = Estimate::new(one.tuning.corrected_length, "mean vector length", variant, 1, "units");
        outcome.metric(&format!("length_{unit}"), length.with_constant("bins", p.bins as f64));
        let direction = one.tuning.resultant.direction_rad.rem_euclid(TAU).to_degrees();
        let direction = Estimate::new(direction, "preferred direction", "of the mean vector", 1, "units");
        outcome.metric(&format!("direction_deg_{unit}"), direction.with_unit("deg"));
        let p_value = Estimate::new(one.p, "p-value", "spikes shifted in time, one-sided", p.shuffles, "shifts");
        outcome.metric(&format!("p_{unit}"), p_value);
        if let Some(fit) = &one.fit {
            let kappa = Estimate::new(fit.kappa, "concentration", "von Mises with baseline", 1, "units");
            outcome.metric(&format!("kappa_{unit}"), kappa);
        }
    }
}

fn table(found: &[Option<Found>]) -> Result<Table, StageError> {
    let column =
        |of: &dyn Fn(&Found) -> f64| -> Vec<f64> { found.iter().map(|f| f.as_ref().map_or(f64::NAN, of)).collect() };
    let deg = |rad: f64| rad.rem_euclid(TAU).to_degrees();
    let fitted = |of: fn(&VonMises) -> f64| move |f: &Found| f.fit.as_ref().map_or(f64::NAN, of);
    let width = |f: &Found| f.fit.as_ref().and_then(VonMises::half_width_rad).map_or(f64::NAN, f64::to_degrees);
    Ok(Table::new()
        .with("unit", (0..found.len()).collect::<Vec<_>>())?
        .with("length", column(&|f| f.tuning.corrected_length))?
        .with("direction_deg", column(&|f| deg(f.tuning.resultant.direction_rad)))?
        .with("peak_deg", column(&|f| deg(f.tuning.peak_rad)))?
        .with("rayleigh_p", column(&|f| f.tuning.rayleigh_p))?
        .with("shift_p", column(&|f| f.p))?
        .with("kappa", column(&fitted(|v| v.kappa)))?
        .with("half_width_deg", column(&width))?
        .with("fit_r2", column(&fitted(|v| v.r_squared)))?)
}

/// The most tuned units, with their fits.
fn curves(found: &[Option<Found>], outcome: &mut Outcome) -> Result<(), StageError> {
    let mut order: Vec<(usize, &Found)> =
        found.iter().enumerate().filter_map(|(u, f)| Some((u, f.as_ref()?))).collect();
    order.sort_by(|a, b| b.1.tuning.corrected_length.total_cmp(&a.1.tuning.corrected_length));
    let mut lines = vec![];
    for (unit, one) in order.iter().take(DRAWN) {
        let pairs = one.tuning.angles_rad.iter().zip(&one.tuning.rates_hz).filter(|(_, r)| r.is_finite());
        let points = pairs.map(|(a, r)| (a.to_degrees(), *r)).collect();
        lines.push(series(&format!("unit {unit}"), points, Marks::Line));
    }
    if let Some((unit, Found { fit: Some(fit), .. })) = order.first() {
        let points = (0..=180).map(|k| (2.0 * f64::from(k), fit.at(f64::from(2 * k).to_radians()))).collect();
        lines.push(series(&format!("von Mises fit of unit {unit}"), points, Marks::Dashed));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let caption = format!(
        "Rate by direction over occupancy of the {} units with the longest mean vectors.",
        order.len().min(DRAWN)
    );
    chart(outcome, ["curves", "Tuning to directions", &caption], ["direction (deg)", "rate (Hz)"], lines)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rheobase_core::Seed;
    use rheobase_core::inference::kolmogorov_smirnov;
    use serde_json::json;

    use super::*;

    /// Heads that turn slowly, and spikes in bursts that know nothing of them: neighbouring spikes share a direction, so Rayleigh's test
    /// finds tuning in most of them, and shifted spikes must not.
    #[test]
    fn untuned_units_have_uniform_p_values() {
        let p = json!({"of": "r", "bins": 12, "shuffles": 19, "least_shift_s": 5});
        let p: HeadDirectionParameters = serde_json::from_value(p).unwrap();
        let mut rayleigh = 0;
        let ps: Vec<f64> = (0..1000)
            .map(|set| {
                let seed = Seed::root(1).index(set);
                let mut stream = seed.child("set").stream();
                let (mut at, mut angle) = (vec![], 0.0_f64);
                for _ in 0..2000 {
                    angle += stream.random_range(-0.5..0.5);
                    at.push(angle.rem_euclid(TAU));
                }
                let times_s: Vec<f64> = (0..2000).map(|k| 0.1 * f64::from(k)).collect();
                let frames = Frames {
                    times_s: &times_s,
                    angles_rad: at,
                    seconds: [vec![0.1; 1999], vec![0.0]].concat(),
                    longest_gap_s: 0.5,
                };
                let mut spikes: Vec<f64> = (0..40)
                    .flat_map(|_| {
                        let first = stream.random_range(0.0..195.0);
                        [0.0, 0.1, 0.2, 0.3, 0.4].map(|after| first + after)
                    })
                    .collect();
                spikes.sort_by(f64::total_cmp);
                let found = of_unit(&p, &frames, &spikes, (0.0, 200.0), &seed.child("shift")).unwrap().unwrap();
                rayleigh += usize::from(found.tuning.rayleigh_p < 0.05);
                found.p - stream.random_range(0.0..1.0 / 20.0)
            })
            .collect();
        let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
        assert!(test.p > 0.01, "distance {} to uniform, p {}", test.statistic, test.p);
        assert!(rayleigh > 500, "Rayleigh's test finds tuning in {rayleigh} of 1000");
    }
}
