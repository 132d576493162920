//! Tuning of recorded units to a direction or an orientation that trials show: von Mises curves, selectivity, and variability.

use rand::seq::SliceRandom;
use rheobase_core::circular::difference_rad;
use rheobase_core::inference::false_discovery_rate;
use rheobase_core::statistics::{bootstrap_interval, mean, median, permutation_p};
use rheobase_core::{Estimate, Interval, NullDistribution, Seed, parallel};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::tuning::{direction_selectivity, orientation_selectivity};
use rheobase_receptive_field::von_mises::{VonMises, fit_von_mises};
use rheobase_report::figure::Marks;
use rheobase_spike_train::count::{counts_in_windows, fano_factor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{alternatives, window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, failed, main_output, threads};
use crate::recording::{Recorded, load};

/// Parameters of `trial-tuning`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialTuningParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the angle in degrees.
    pub by: String,
    /// What the angle is.
    #[serde(default)]
    pub angle: Angle,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window of the spikes in s from the event.
    pub window_s: [f64; 2],
    /// Permutations of the angles over trials, for the test of tuning.
    #[serde(default = "permutations")]
    #[schemars(range(min = 19, max = 100_000))]
    pub permutations: usize,
    /// False-discovery rate over units at which a unit counts as tuned.
    #[serde(default = "level")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub level: f64,
    /// Resampled sets of trials for the interval of the preferred angle.
    #[serde(default = "draws")]
    #[schemars(range(min = 19, max = 10_000))]
    pub draws: usize,
}

/// What an angle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Angle {
    /// A direction: the same after a whole turn.
    #[default]
    Direction,
    /// An orientation: the same after half a turn.
    Orientation,
}

impl Angle {
    /// Times that a response goes round in a whole turn.
    fn harmonic(self) -> f64 {
        match self {
            Self::Direction => 1.0,
            Self::Orientation => 2.0,
        }
    }

    /// Selectivity of a tuning curve, vector form.
    fn selectivity(self, angles_deg: &[f64], responses: &[f64]) -> f64 {
        let found = match self {
            Self::Direction => direction_selectivity(angles_deg, responses),
            Self::Orientation => orientation_selectivity(angles_deg, responses),
        };
        found.map_or(f64::NAN, |s| s.vector)
    }

    /// The fitted curve.
    fn fit(self, angles_deg: &[f64], responses: &[f64]) -> Option<VonMises> {
        let turned: Vec<f64> = angles_deg.iter().map(|a| self.harmonic() * a.to_radians()).collect();
        fit_von_mises(&turned, responses, false).ok()
    }

    /// The preferred angle of a fitted curve in degrees.
    fn preferred_deg(self, fit: &VonMises) -> f64 {
        fit.preferred_rad.to_degrees() / self.harmonic()
    }

    /// How far an angle lies beyond another in degrees, the shorter way.
    fn beyond_deg(self, a_deg: f64, b_deg: f64) -> f64 {
        let turned = |deg: f64| self.harmonic() * deg.to_radians();
        difference_rad(turned(a_deg), turned(b_deg)).to_degrees() / self.harmonic()
    }
}

fn start() -> String {
    "start_time".into()
}
fn permutations() -> usize {
    199
}
fn level() -> f64 {
    0.05
}
fn draws() -> usize {
    99
}

/// Units whose numbers are metrics of their own.
const TOLD: usize = 12;
/// Units that are drawn.
const DRAWN: usize = 4;

/// Tuning over trials.
pub struct TrialTuning;

/// What one unit does.
struct Tuned {
    /// Mean rate in Hz for each angle.
    rates_hz: Vec<f64>,
    /// Vector form.
    selectivity: f64,
    p: f64,
    /// False-discovery rate at which it counts as tuned; set once all are known.
    q: f64,
    /// The selectivity where angles are permuted over trials.
    null: Vec<f64>,
    fit: Option<VonMises>,
    /// Of the preferred angle in degrees.
    interval: Option<Interval>,
    /// Of the count, one for each angle at which the unit fires.
    fano: Vec<f64>,
}

impl Kind for TrialTuning {
    type Parameters = TrialTuningParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "trial-tuning";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "tuning of every unit to a direction or an orientation that trials show: von Mises curve, selectivity with its test, Fano factor";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("tuning of every unit")];

    fn check(p: &TrialTuningParameters) -> Vec<Complaint> {
        window_complaint(p.window_s).into_iter().collect()
    }

    fn run(p: &TrialTuningParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let (names, of_trial) = alternatives(&recording, &p.by)?;
        let angles_deg = angles(&p.by, &names)?;
        let units = recording.spikes.units();
        let mut found = vec![];
        for unit in 0..units {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let counts = counts_in_windows(recording.spikes.unit(unit), &spans).map_err(failed)?;
            found.push(of_unit(p, &angles_deg, &of_trial, &counts, &context.seed.child("unit").index(unit))?);
            context.progress.step("units", unit + 1, units);
        }
        // A unit that never fires has no p-value, and is not among those tested.
        let q = false_discovery_rate(&found.iter().map(|f| f.p).collect::<Vec<_>>());
        found.iter_mut().zip(q).for_each(|(f, q)| f.q = q);
        let mut outcome = Outcome::default();
        // Recordings whose truth is known carry the preferred angles that were put in.
        let truth = recording.units.numbers("preferred_deg").ok().filter(|t| t.len() == units);
        population(p, &found, of_trial.len(), &mut outcome);
        of_units(p, &found, truth.as_deref(), of_trial.len(), &mut outcome);
        outcome.table("units", table(p, &found)?);
        curves(p, &angles_deg, &found, &mut outcome)?;
        Ok(outcome)
    }
}

/// The angles of the conditions in degrees.
fn angles(by: &str, names: &[String]) -> Result<Vec<f64>, StageError> {
    let number = |name: &String| {
        name.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
            StageError::Failed(format!(
                "column `{by}` holds `{name}`, which is no angle; angles are numbers in degrees"
            ))
        })
    };
    let angles = names.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    if angles.len() < 4 {
        return Err(StageError::Failed(format!(
            "column `{by}` has {} angles; a von Mises curve has 4 parameters and needs as many angles",
            angles.len()
        )));
    }
    Ok(angles)
}

/// Mean of some trials for each condition; 0 where there is none.
fn means(counts: &[f64], of_trial: &[usize], conditions: usize, trials: impl Iterator<Item = usize>) -> Vec<f64> {
    let (mut sums, mut sizes) = (vec![0.0; conditions], vec![0.0_f64; conditions]);
    for trial in trials {
        sums[of_trial[trial]] += counts[trial];
        sizes[of_trial[trial]] += 1.0;
    }
    sums.iter().zip(sizes).map(|(sum, n)| sum / n.max(1.0)).collect()
}

fn of_unit(
    p: &TrialTuningParameters,
    angles_deg: &[f64],
    of_trial: &[usize],
    counts: &[f64],
    seed: &Seed,
) -> Result<Tuned, StageError> {
    let (conditions, trials) = (angles_deg.len(), counts.len());
    let curve = means(counts, of_trial, conditions, 0..trials);
    let selectivity = p.angle.selectivity(angles_deg, &curve);
    let null = parallel::map(p.permutations, threads(), |draw| {
        let mut permuted = of_trial.to_vec();
        permuted.shuffle(&mut seed.child("permutation").index(draw).stream());
        p.angle.selectivity(angles_deg, &means(counts, &permuted, conditions, 0..trials))
    });
    let fit = p.angle.fit(angles_deg, &curve);
    let interval = fit.map(|fit| {
        let preferred = p.angle.preferred_deg(&fit);
        let mut interval = bootstrap_interval(trials, p.draws, &seed.child("resample"), |chosen| {
            let curve = means(counts, of_trial, conditions, chosen.iter().copied());
            let fit = p.angle.fit(angles_deg, &curve);
            fit.map_or(f64::NAN, |f| p.angle.beyond_deg(p.angle.preferred_deg(&f), preferred))
        });
        (interval.low, interval.high) = (preferred + interval.low, preferred + interval.high);
        interval
    });
    let at = |c: usize| counts.iter().zip(of_trial).filter(|(_, k)| **k == c).map(|(n, _)| *n).collect::<Vec<f64>>();
    let length_s = p.window_s[1] - p.window_s[0];
    Ok(Tuned {
        p: if selectivity.is_finite() { permutation_p(selectivity, &null) } else { f64::NAN },
        q: f64::NAN,
        rates_hz: curve.iter().map(|count| count / length_s).collect(),
        fano: (0..conditions).filter_map(|c| fano_factor(&at(c), 1).ok()).collect(),
        selectivity,
        null,
        fit,
        interval,
    })
}

fn population(p: &TrialTuningParameters, found: &[Tuned], trials: usize, outcome: &mut Outcome) {
    let tested = found.iter().filter(|f| f.q.is_finite()).count();
    let tuned = found.iter().filter(|f| f.q <= p.level).count();
    let variant = "angles permuted over trials, false-discovery rate at most the level";
    let share = Estimate::new(tuned as f64, "tuned units", variant, tested, "units");
    outcome.metric("tuned", share.with_constant("level", p.level).with_constant("trials", trials as f64));
    let fano: Vec<f64> = found.iter().flat_map(|f| f.fano.iter().copied()).collect();
    if fano.is_empty() {
        return;
    }
    let variant = "sample variance (ddof 1) over mean; mean over units and angles";
    let mut estimate = Estimate::new(mean(&fano), "Fano factor of the count", variant, fano.len(), "units x angles");
    estimate.interval = rheobase_core::inference::t_interval(&fano);
    outcome.metric("mean_fano", estimate.with_constant("window_s", p.window_s[1] - p.window_s[0]));
    let selective: Vec<f64> = found.iter().map(|f| f.selectivity).filter(|s| s.is_finite()).collect();
    let variant = "vector form, median over units";
    outcome.metric(
        "median_selectivity",
        Estimate::new(median(&selective), "selectivity", variant, selective.len(), "units"),
    );
}

fn of_units(
    p: &TrialTuningParameters,
    found: &[Tuned],
    truth_deg: Option<&[f64]>,
    trials: usize,
    outcome: &mut Outcome,
) {
    let mut errors = vec![];
    for (unit, one) in found.iter().enumerate() {
        let Some(fit) = one.fit else { continue };
        let preferred = p.angle.preferred_deg(&fit);
        // Where nothing is preferred, the preferred angle is nothing.
        if let Some(truth) = truth_deg.filter(|_| one.q <= p.level) {
            errors.push(p.angle.beyond_deg(preferred, truth[unit]).abs());
        }
        if unit >= TOLD {
            continue;
        }
        let estimate = |value: f64, what: &str, variant: &str| Estimate::new(value, what, variant, trials, "trials");
        let mut angle = estimate(preferred, "preferred angle", "von Mises with baseline").with_unit("deg");
        angle.interval.clone_from(&one.interval);
        outcome.metric(&format!("preferred_deg_{unit}"), angle);
        outcome.metric(&format!("kappa_{unit}"), estimate(fit.kappa, "concentration", "von Mises with baseline"));
        let mut selectivity = estimate(one.selectivity, "selectivity", "vector form");
        selectivity.null = Some(NullDistribution::one_sided("angles permuted over trials", one.selectivity, &one.null));
        outcome.metric(&format!("selectivity_{unit}"), selectivity);
    }
    if !errors.is_empty() {
        let largest = errors.iter().copied().fold(0.0, f64::max);
        let variant = "distance from what was put in, largest over tuned units";
        let estimate = Estimate::new(largest, "error of the preferred angle", variant, errors.len(), "units");
        outcome.metric("largest_error_deg", estimate.with_unit("deg"));
        let variant = "distance from what was put in, median over tuned units";
        let estimate = Estimate::new(median(&errors), "error of the preferred angle", variant, errors.len(), "units");
        outcome.metric("median_error_deg", estimate.with_unit("deg"));
    }
}

fn table(p: &TrialTuningParameters, found: &[Tuned]) -> Result<Table, StageError> {
    let fitted = |of: &dyn Fn(&VonMises) -> f64| -> Vec<f64> {
        found.iter().map(|f| f.fit.as_ref().map_or(f64::NAN, of)).collect()
    };
    let end = |of: &dyn Fn(&Interval) -> f64| -> Vec<f64> {
        found.iter().map(|f| f.interval.as_ref().map_or(f64::NAN, of)).collect()
    };
    let width = |fit: &VonMises| fit.half_width_rad().map_or(f64::NAN, |w| w.to_degrees() / p.angle.harmonic());
    Ok(Table::new()
        .with("unit", (0..found.len()).collect::<Vec<_>>())?
        .with("mean_rate_hz", found.iter().map(|f| mean(&f.rates_hz)).collect::<Vec<_>>())?
        .with("preferred_deg", fitted(&|fit| p.angle.preferred_deg(fit)))?
        .with("preferred_low_deg", end(&|i| i.low))?
        .with("preferred_high_deg", end(&|i| i.high))?
        .with("kappa", fitted(&|fit| fit.kappa))?
        .with("half_width_deg", fitted(&width))?
        .with("fit_r2", fitted(&|fit| fit.r_squared))?
        .with("selectivity", found.iter().map(|f| f.selectivity).collect::<Vec<_>>())?
        .with("p", found.iter().map(|f| f.p).collect::<Vec<_>>())?
        .with("q", found.iter().map(|f| f.q).collect::<Vec<_>>())?
        .with("fano", found.iter().map(|f| mean(&f.fano)).collect::<Vec<_>>())?)
}

/// Rates of the most selective units, with their fits.
fn curves(
    p: &TrialTuningParameters,
    angles_deg: &[f64],
    found: &[Tuned],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut order: Vec<(usize, &Tuned)> = found.iter().enumerate().filter(|(_, f)| f.fit.is_some()).collect();
    order.sort_by(|a, b| b.1.selectivity.total_cmp(&a.1.selectivity));
    let length_s = p.window_s[1] - p.window_s[0];
    let mut lines = vec![];
    for (unit, one) in order.iter().take(DRAWN) {
        let points = angles_deg.iter().copied().zip(one.rates_hz.iter().copied()).collect();
        let Some(fit) = one.fit else { continue };
        let at = |k: i32| (f64::from(k), fit.at(p.angle.harmonic() * f64::from(k).to_radians()) / length_s);
        let turn = (360.0 / p.angle.harmonic()) as i32;
        lines.push(series(&format!("unit {unit}"), points, Marks::Fitted((0..=turn).map(at).collect())));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let caption = format!(
        "Mean rate by angle of the {} most selective of {} units, with von Mises curves fitted to them.",
        order.len().min(DRAWN),
        found.len()
    );
    chart(outcome, ["curves", "Tuning", &caption], [&format!("{} (deg)", p.by), "rate (Hz)"], lines)
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::{Distribution, Poisson};
    use rheobase_core::inference::kolmogorov_smirnov;
    use serde_json::json;

    use super::*;

    #[test]
    fn angles_go_the_shorter_way_round() {
        assert!((Angle::Direction.beyond_deg(350.0, 10.0) + 20.0).abs() < 1e-9);
        assert!((Angle::Orientation.beyond_deg(175.0, 5.0) + 10.0).abs() < 1e-9);
    }

    #[test]
    fn conditions_that_are_no_angles_are_refused() {
        let names = |of: &[&str]| of.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let said = angles("choice", &names(&["left", "right", "0", "90"])).unwrap_err().to_string();
        assert!(said.contains("`choice`") && said.contains("`left`"), "{said}");
        let said = angles("angle", &names(&["0", "90", "180"])).unwrap_err().to_string();
        assert!(said.contains("3 angles"), "{said}");
        assert_eq!(angles("angle", &names(&["0", "45", "90", "135"])).unwrap(), [0.0, 45.0, 90.0, 135.0]);
    }

    #[test]
    fn means_are_of_the_chosen_trials() {
        assert_eq!(means(&[1.0, 2.0, 4.0, 8.0], &[0, 1, 0, 1], 3, [0, 2, 3, 3].into_iter()), [2.5, 8.0, 0.0]);
    }

    /// What is found of units that count Poisson spikes in ten trials of eight directions, with given draws.
    fn simulated(units: usize, rate: fn(f64) -> f64, [permutations, draws]: [usize; 2]) -> Vec<Tuned> {
        let p = json!({"of": "r", "by": "a", "window_s": [0, 1], "permutations": permutations, "draws": draws});
        let p: TrialTuningParameters = serde_json::from_value(p).unwrap();
        let angles_deg: Vec<f64> = (0..8).map(|k| 45.0 * f64::from(k)).collect();
        let of_trial: Vec<usize> = (0..80).map(|trial| trial % 8).collect();
        let one = |set: usize| {
            let seed = Seed::root(1).index(set);
            let mut stream = seed.child("counts").stream();
            let counts: Vec<f64> =
                of_trial.iter().map(|c| Poisson::new(rate(angles_deg[*c])).unwrap().sample(&mut stream)).collect();
            of_unit(&p, &angles_deg, &of_trial, &counts, &seed.child("own")).unwrap()
        };
        parallel::map(units, threads(), one)
    }

    #[test]
    fn untuned_units_have_uniform_p_values() {
        let mut stream = Seed::root(2).stream();
        let found = simulated(1000, |_| 5.0, [19, 19]);
        let ps: Vec<f64> = found.iter().map(|f| f.p - stream.random_range(0.0..1.0 / 20.0)).collect();
        let test = kolmogorov_smirnov(&ps, |p| p.clamp(0.0, 1.0));
        assert!(test.p > 0.01, "distance {} to uniform, p {}", test.statistic, test.p);
    }

    #[test]
    fn the_interval_of_the_preferred_direction_covers() {
        let found = simulated(1000, |a| 2.0 + 8.0 * (2.0 * ((a - 100.0).to_radians().cos() - 1.0)).exp(), [19, 99]);
        let holds = |f: &&Tuned| f.interval.as_ref().is_some_and(|i| i.low <= 100.0 && 100.0 <= i.high);
        let covered = found.iter().filter(holds).count() as f64 / found.len() as f64;
        assert!((covered - 0.95).abs() <= 0.02, "{covered}");
    }
}
