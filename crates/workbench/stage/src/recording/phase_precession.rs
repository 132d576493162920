//! Phase precession: the phase of theta at which a place cell fires, by how far the animal has come through the field.

use std::f64::consts::{PI, TAU};

use ndarray::Array2;
use rand::seq::SliceRandom;
use rheobase_core::statistics::permutation_p;
use rheobase_core::{Estimate, NullDistribution, parallel};
use rheobase_data::Table;
use rheobase_data::recording::Signal;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::spatial::border::patches;
use rheobase_receptive_field::spatial::map::{MapParameters, Path, Smoothing, rate_map};
use rheobase_receptive_field::spatial::precession::{CircularLinear, phase_precession};
use rheobase_report::figure::Marks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::phases::Phases;
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::recording::{Recorded, load, signal, unit};

/// Parameters of `phase-precession`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhasePrecessionParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Unit, counted from 0.
    #[serde(default)]
    pub unit: usize,
    /// The signal with the position, one or two values at a time.
    #[serde(default = "position")]
    pub position: String,
    /// The signal with the phase of theta in rad, wrapped or not.
    #[serde(default = "theta")]
    pub theta: String,
    /// Runs along a track that are taken.
    #[serde(default)]
    pub runs: Runs,
    /// Bins along each axis of the rate map in which the field is found.
    #[serde(default = "bins")]
    #[schemars(range(min = 4, max = 500))]
    pub bins: usize,
    /// Standard deviation of the map's smoothing in bins.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 50.0))]
    pub smoothing_bins: f64,
    /// The field are the bins around the largest rate that have at least this share of it.
    #[serde(default = "share")]
    #[schemars(range(min = 0.01, max = 0.9))]
    pub field_share: f64,
    /// Or the field on a track, from and to.
    #[serde(default)]
    pub field: Option<[f64; 2]>,
    /// Slower moments are left out, in units of position per s.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub least_speed: f64,
    /// Largest slope that is tried, in cycles for each crossing of the field.
    #[serde(default = "two")]
    #[schemars(range(min = 0.1, max = 10.0))]
    pub most_cycles: f64,
    /// Permutations of the phases over spikes.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

/// Which runs along a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Runs {
    /// Both, each from where it enters the field.
    #[default]
    Both,
    /// With rising positions.
    Rising,
    /// With falling positions.
    Falling,
}

fn position() -> String {
    "position".into()
}
fn theta() -> String {
    "theta".into()
}
fn bins() -> usize {
    50
}
fn one() -> f64 {
    1.0
}
fn share() -> f64 {
    0.2
}
fn two() -> f64 {
    2.0
}
fn permutations() -> usize {
    199
}

/// Time either way over which the direction of a run is taken, in s.
const RUN_S: f64 = 0.1;
/// Longest time a frame counts in the map, in s.
const GAP_S: f64 = 0.5;

/// Phase precession.
pub struct PhasePrecession;

impl Kind for PhasePrecession {
    type Parameters = PhasePrecessionParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "phase-precession";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "phase of theta at which a unit fires by the way through its field: circular-linear regression (Kempter 2012)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("phase precession")];

    fn check(p: &PhasePrecessionParameters) -> Vec<Complaint> {
        match p.field {
            Some([from, to]) if from.is_nan() || to.is_nan() || from >= to => {
                let message = format!("the field reaches from {from} to {to}");
                vec![complaint(&["field"], message, "write it as [start, stop] with start before stop")]
            }
            _ => vec![],
        }
    }

    fn run(p: &PhasePrecessionParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spikes = unit(&recording, p.unit)?;
        let place = signal(&recording, &p.position)?;
        let phases = Phases::of(signal(&recording, &p.theta)?, &p.theta)?;
        let path = path_of(place, &p.position)?;
        let field = Field::find(p, &path, spikes, place)?;
        let (mut ways, mut at, mut times) = (vec![], vec![], vec![]);
        for &t in spikes {
            if let (Some(way), Some(phase)) = (field.way(p, &path, t), phases.at(t)) {
                ways.push(way);
                at.push(phase);
                times.push(t);
            }
        }
        let found = phase_precession(&ways, &at, p.most_cycles).map_err(failed)?;
        let null = parallel::try_map(p.permutations, threads(), |draw| {
            let mut permuted = at.clone();
            permuted.shuffle(&mut context.seed.child("permutation").index(draw).stream());
            phase_precession(&ways, &permuted, p.most_cycles).map(|f| f.residual_length)
        });
        let mut outcome = Outcome::default();
        metrics(p, &found, &null.map_err(failed)?, &field, ways.len(), &place.unit, &mut outcome);
        let degrees: Vec<f64> = at.iter().map(|a| a.rem_euclid(TAU).to_degrees()).collect();
        draw(p, &found, &ways, &degrees, &mut outcome)?;
        let table = Table::new().with("time_s", times)?.with("way", ways)?.with("phase_deg", degrees)?;
        outcome.table("spikes", table);
        Ok(outcome)
    }
}

fn path_of(place: &Signal, name: &str) -> Result<Path, StageError> {
    let axes = place.values.ncols();
    if !(1..=2).contains(&axes) {
        let message = format!("signal `{name}` has {axes} values at a time; a position has 1 or 2");
        return Err(StageError::Failed(message));
    }
    let y = if axes == 2 { place.values.column(1).to_vec() } else { vec![] };
    Path::new(place.times_s.clone(), place.values.column(0).to_vec(), y, GAP_S).map_err(failed)
}

/// Where the unit fires.
enum Field {
    /// On a track.
    Stretch { from: f64, to: f64 },
    /// On a floor: the place of the largest rate, and the radius of a disc as large as the field.
    Disc { centre: [f64; 2], radius: f64 },
}

impl Field {
    fn find(p: &PhasePrecessionParameters, path: &Path, spikes: &[f64], place: &Signal) -> Result<Self, StageError> {
        let plane = place.values.ncols() == 2;
        match p.field {
            Some([from, to]) if !plane => return Ok(Self::Stretch { from, to }),
            Some(_) => {
                let message = "`field` is for positions along a track; this signal has two values at a time";
                return Err(StageError::Failed(message.into()));
            }
            None => {}
        }
        let range = |axis: usize| {
            let values = place.values.column(axis);
            values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)))
        };
        let parameters = MapParameters {
            bins: [if plane { p.bins } else { 1 }, p.bins],
            x_range: range(0),
            y_range: if plane { range(1) } else { (0.0, 0.0) },
            smoothing: Smoothing::Gaussian { sd_bins: p.smoothing_bins },
            least_occupancy_s: 0.0,
            least_speed: p.least_speed,
        };
        let map = rate_map(path, spikes, &parameters).map_err(failed)?.rate_hz;
        let silent = || StageError::Failed("the unit has no field: it is silent".into());
        let (patch, peak) = patch(&map, p.field_share).ok_or_else(silent)?;
        let width = |range: (f64, f64)| (range.1 - range.0) / p.bins as f64;
        let (x_bin, y_bin) = (width(parameters.x_range), width(parameters.y_range));
        if plane {
            let middle = |range: (f64, f64), bin: usize, width: f64| range.0 + (bin as f64 + 0.5) * width;
            let centre = [middle(parameters.x_range, peak.1, x_bin), middle(parameters.y_range, peak.0, y_bin)];
            return Ok(Self::Disc { centre, radius: (patch.len() as f64 * x_bin * y_bin / PI).sqrt() });
        }
        let columns = patch.iter().map(|at| at.1);
        let (first, last) = (columns.clone().min().unwrap_or(0), columns.max().unwrap_or(0));
        let edge = |bin: usize| parameters.x_range.0 + bin as f64 * x_bin;
        Ok(Self::Stretch { from: edge(first), to: edge(last + 1) })
    }

    /// How far the animal has come through the field at a time, 0 where it enters and 1 where it leaves; none outside it.
    fn way(&self, p: &PhasePrecessionParameters, path: &Path, time_s: f64) -> Option<f64> {
        let (frame, times) = (path.frame_of(time_s)?, path.times_s());
        let before = times.partition_point(|t| *t < times[frame] - RUN_S);
        let after = times.partition_point(|t| *t <= times[frame] + RUN_S) - 1;
        let (a, b, here) = (path.at(before), path.at(after), path.at(frame));
        let moved = [b.0 - a.0, b.1 - a.1];
        let distance = moved[0].hypot(moved[1]);
        if distance <= 0.0 || distance / (times[after] - times[before]) < p.least_speed {
            return None;
        }
        let way = match *self {
            Self::Stretch { from, to } => {
                let rising = moved[0] > 0.0;
                match p.runs {
                    Runs::Rising if !rising => return None,
                    Runs::Falling if rising => return None,
                    _ => {}
                }
                if rising { (here.0 - from) / (to - from) } else { (to - here.0) / (to - from) }
            }
            Self::Disc { centre, radius } => {
                let off = [here.0 - centre[0], here.1 - centre[1]];
                if off[0].hypot(off[1]) > radius {
                    return None;
                }
                0.5 + 0.5 * (off[0] * moved[0] + off[1] * moved[1]) / distance / radius
            }
        };
        (0.0..=1.0).contains(&way).then_some(way)
    }
}

/// Row and column.
type Bin = (usize, usize);

/// The patch of bins above a share of the largest rate in which that rate lies, and its bin; none of a silent unit.
fn patch(map: &Array2<f64>, share: f64) -> Option<(Vec<Bin>, Bin)> {
    let known = map.indexed_iter().filter(|(_, rate)| **rate > 0.0);
    let (peak, most) = known.fold(None, |best: Option<(Bin, f64)>, (at, rate)| match best {
        Some((_, most)) if most >= *rate => best,
        _ => Some((at, *rate)),
    })?;
    let patch = patches(map, share * most).into_iter().find(|patch| patch.contains(&peak))?;
    Some((patch, peak))
}

fn metrics(
    p: &PhasePrecessionParameters,
    found: &CircularLinear,
    null: &[f64],
    field: &Field,
    n: usize,
    unit: &str,
    outcome: &mut Outcome,
) {
    let variant = "circular-linear regression, Kempter 2012";
    let estimate = |value: f64, name: &str| {
        Estimate::new(value, name, variant, n, "spikes").with_constant("most_cycles", p.most_cycles)
    };
    outcome.metric("slope_cycles", estimate(found.slope_rad / TAU, "slope").with_unit("cycles/field"));
    outcome.metric("entry_deg", estimate(found.offset_rad.to_degrees(), "phase at the entry").with_unit("deg"));
    outcome.metric("correlation", estimate(found.correlation, "circular-linear correlation"));
    let mut length = estimate(found.residual_length, "mean vector length of residual phases");
    if !null.is_empty() {
        length.null =
            Some(NullDistribution::one_sided("phases permuted over spikes, fitted anew", found.residual_length, null));
        let p = permutation_p(found.residual_length, null);
        outcome.metric("p", Estimate::new(p, "p-value", "phases permuted over spikes, fitted anew", n, "spikes"));
    }
    outcome.metric("residual_length", length);
    let mut place = |name: &str, value: f64, what: &str| {
        let variant = "bins around the largest rate";
        let estimate = Estimate::new(value, what, variant, n, "spikes").with_constant("share", p.field_share);
        outcome.metric(name, estimate.with_unit(unit));
    };
    match *field {
        Field::Stretch { from, to } => {
            place("field_from", from, "begin of the field");
            place("field_to", to, "end of the field");
        }
        Field::Disc { centre, radius } => {
            place("field_x", centre[0], "centre of the field");
            place("field_y", centre[1], "centre of the field");
            place("field_radius", radius, "radius of the field");
        }
    }
}

/// Two cycles of the phase by the way, and the regression.
fn draw(
    p: &PhasePrecessionParameters,
    found: &CircularLinear,
    ways: &[f64],
    degrees: &[f64],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let points = ways.iter().zip(degrees).flat_map(|(w, d)| [(*w, *d), (*w, d + 360.0)]).collect();
    let line = |turn: i32| -> Vec<(f64, f64)> {
        let at = |w: f64| (found.offset_rad + found.slope_rad * w).to_degrees() + 360.0 * f64::from(turn);
        let inside = (0..=200).map(|k| f64::from(k) / 200.0).map(|w| (w, at(w)));
        let shown = inside.map(|(w, d)| (w, if (0.0..=720.0).contains(&d) { d } else { f64::NAN }));
        shown.chain([(f64::NAN, f64::NAN)]).collect()
    };
    let cycles = p.most_cycles.ceil() as i32 + 2;
    let lines = vec![
        series("spikes", points, Marks::Points),
        series("regression", (-cycles..=cycles).flat_map(line).collect(), Marks::Paths),
    ];
    let caption = format!(
        "Phase of theta at {} spikes of unit {} by the way through the field (0 where the animal enters), two cycles: {:.2} cycles for each crossing.",
        ways.len(),
        p.unit,
        found.slope_rad / TAU
    );
    chart(outcome, ["phases", "Phase by way", &caption], ["way through the field", "phase of theta (deg)"], lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ends_where_the_rate_falls_and_another_field_is_not_its_part() {
        let map = ndarray::arr2(&[[0.0, 5.0, 10.0, 4.0, 1.0, 9.0, f64::NAN]]);
        let (bins, peak) = patch(&map, 0.2).unwrap();
        let mut columns: Vec<usize> = bins.iter().map(|at| at.1).collect();
        columns.sort_unstable();
        assert_eq!((columns, peak), (vec![1, 2, 3], (0, 2)));
        assert!(patch(&ndarray::arr2(&[[0.0, f64::NAN]]), 0.2).is_none());
    }

    #[test]
    fn wrapped_phases_are_unwrapped_and_interpolated() {
        let times: Vec<f64> = (0..50).map(|k| 0.02 * f64::from(k)).collect();
        let wrapped = Array2::from_shape_fn((50, 1), |(k, _)| (TAU * 8.0 * times[k]).rem_euclid(TAU));
        let signal = Signal { times_s: times, values: wrapped, unit: "rad".into() };
        let phases = Phases::of(&signal, "theta").unwrap();
        assert!((phases.at(0.513).unwrap() - TAU * 8.0 * 0.513).abs() < 1e-9);
        assert_eq!(phases.at(2.0), None);
        assert_eq!(phases.at(-0.1), None);
    }
}
