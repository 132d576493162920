//! Two units beside each other: who fires when the other has, and whether more often than slow changes of their rates explain.

use ndarray::Array3;
use rheobase_core::statistics::{mean, permutation_p, quantile, variance};
use rheobase_core::{Estimate, NullDistribution, Seed, parallel};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spike_train::correlogram::{Correlogram, cross_correlogram};
use rheobase_spike_train::count::count_between;
use rheobase_spike_train::profile::{coincidences, isi_profile, mean_of, spike_profile};
use rheobase_spike_train::surrogate::{dithered, interval_shuffled, randomised, randomly_shifted};
use rheobase_spike_train::unitary_event::unitary_event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::recording::{Recorded, load, unit};

/// Parameters of `pair-synchrony`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairSynchronyParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// The two units, counted from 0.
    #[serde(default = "first_two")]
    pub units: [usize; 2],
    /// Largest lag in s.
    #[serde(default = "lag")]
    #[schemars(range(min = 0.001, max = 10.0))]
    pub most_lag_s: f64,
    /// Bins of the correlogram on each side of 0.
    #[serde(default = "bins")]
    #[schemars(range(min = 1, max = 1000))]
    pub half_bins: usize,
    /// Spikes no further apart than this are together, in s.
    #[serde(default = "together")]
    #[schemars(range(min = 0.0001, max = 1.0))]
    pub together_s: f64,
    /// What the second unit's surrogate trains keep of it: what they do not keep is tested.
    #[serde(default)]
    pub null: SurrogateTrain,
    /// How far each spike of a dithered train is moved at random, either way, in s: what is finer is tested.
    #[serde(default = "dither")]
    #[schemars(range(min = 0.0005, max = 10.0))]
    pub dither_s: f64,
    /// Surrogate trains.
    #[serde(default = "surrogates")]
    #[schemars(range(min = 19, max = 100_000))]
    pub surrogates: usize,
    /// Window around the events of trials in which unitary events are counted, in s; none without.
    #[serde(default)]
    pub window_s: Option<[f64; 2]>,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
}

/// Surrogates of a train (Louis et al. 2010), as `elephant.spike_train_surrogates` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SurrogateTrain {
    /// Each spike is moved by up to `dither_s`: slow changes of rate stay.
    #[default]
    Dithered,
    /// The whole train is moved by more than the largest lag, and wrapped around: all of its own structure stays.
    Shifted,
    /// Its intervals in random order: their distribution stays.
    ShuffledIntervals,
    /// As many spikes anywhere: the number stays. Slow changes of rate that both units share count as synchrony then.
    Randomised,
}

impl SurrogateTrain {
    /// As labels say it.
    fn name(self) -> &'static str {
        match self {
            Self::Dithered => "dithered",
            Self::Shifted => "shifted",
            Self::ShuffledIntervals => "interval-shuffled",
            Self::Randomised => "randomised",
        }
    }

    fn draw(
        self,
        p: &PairSynchronyParameters,
        times_s: &[f64],
        span_s: (f64, f64),
        seed: &Seed,
    ) -> rheobase_spike_train::Result<Vec<f64>> {
        match self {
            Self::Dithered => dithered(times_s, span_s, p.dither_s, seed),
            Self::Shifted => randomly_shifted(times_s, span_s, p.most_lag_s, seed),
            Self::ShuffledIntervals => interval_shuffled(times_s, span_s, seed),
            Self::Randomised => randomised(times_s, span_s, seed),
        }
    }
}

fn first_two() -> [usize; 2] {
    [0, 1]
}
fn lag() -> f64 {
    0.1
}
fn bins() -> usize {
    50
}
fn together() -> f64 {
    0.005
}
fn dither() -> f64 {
    0.025
}
fn surrogates() -> usize {
    199
}
fn start() -> String {
    "start_time".into()
}

/// Synchrony of two units.
pub struct PairSynchrony;

impl Kind for PairSynchrony {
    type Parameters = PairSynchronyParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "pair-synchrony";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "cross-correlogram of two units against surrogate spikes, ISI- and SPIKE-distance, unitary events in trials (Gruen 2002)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("synchrony of two units")];

    fn check(p: &PairSynchronyParameters) -> Vec<Complaint> {
        let mut all: Vec<Complaint> = p.window_s.and_then(window_complaint).into_iter().collect();
        if p.units[0] == p.units[1] {
            let message = format!("both units are {}", p.units[0]);
            all.push(complaint(&["units"], message, "name two units; a unit with itself is in `firing-statistics`"));
        }
        if p.together_s > p.most_lag_s {
            let message = format!("together_s is {}, above the largest lag of {} s", p.together_s, p.most_lag_s);
            all.push(complaint(&["together_s"], message, "lower it, or raise `most_lag_s`"));
        }
        all
    }

    fn run(p: &PairSynchronyParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let (a, b) = (unit(&recording, p.units[0])?, unit(&recording, p.units[1])?);
        let span = recording.spikes.span_s();
        for (index, times) in p.units.iter().zip([a, b]) {
            if times.is_empty() {
                return Err(StageError::Failed(format!("unit {index} never fires, so it has no pairs of spikes")));
            }
        }
        let correlogram = |b: &[f64]| cross_correlogram(a, b, span, p.most_lag_s, p.half_bins).map_err(failed);
        let observed = correlogram(b)?;
        let null = parallel::try_map(p.surrogates, threads(), |draw| {
            let moved = p.null.draw(p, b, span, &context.seed.child("dither").index(draw)).map_err(failed)?;
            Ok::<_, StageError>((correlogram(&moved)?.counts, pairs_together(a, &moved, p.together_s) as f64))
        })?;
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        let (counts, together): (Vec<Vec<f64>>, Vec<f64>) = null.into_iter().unzip();
        let mut outcome = Outcome::default();
        coincidence_metrics(p, pairs_together(a, b, p.together_s) as f64, together, (a.len(), b.len()), &mut outcome);
        correlogram_metrics(p, &observed, &counts, &mut outcome)?;
        let pairs = a.len() + b.len();
        let mut distance = |name: &str, value: f64, what: &str| {
            let variant = "auxiliary spikes at the edges, as PySpike";
            outcome.metric(name, Estimate::new(value, what, variant, pairs, "spikes"));
        };
        distance("isi_distance", mean_of(&isi_profile(a, b, span).map_err(failed)?), "ISI-distance");
        distance("spike_distance", mean_of(&spike_profile(a, b, span).map_err(failed)?), "SPIKE-distance");
        let (coincident, all) = coincidences(a, b, span).map_err(failed)?;
        distance("spike_synchronisation", coincident as f64 / all.max(1) as f64, "SPIKE-synchronisation");
        if let Some(window) = p.window_s {
            unitary(p, &recording, window, &mut outcome)?;
        }
        Ok(outcome)
    }
}

/// Pairs of spikes no further apart than so many s.
fn pairs_together(a: &[f64], b: &[f64], most_s: f64) -> usize {
    a.iter().map(|t| b.partition_point(|u| *u <= t + most_s) - b.partition_point(|u| *u < t - most_s)).sum()
}

fn coincidence_metrics(
    p: &PairSynchronyParameters,
    observed: f64,
    null: Vec<f64>,
    spikes: (usize, usize),
    outcome: &mut Outcome,
) {
    let expected = mean(&null);
    let n = spikes.0.min(spikes.1);
    let kind = p.null.name();
    let with = |e: Estimate| {
        let e = e.with_constant("together_s", p.together_s);
        if p.null == SurrogateTrain::Dithered { e.with_constant("dither_s", p.dither_s) } else { e }
    };
    let excess = (observed - expected) / n as f64;
    let mut estimate = with(Estimate::new(
        excess,
        "excess synchrony",
        &format!("pairs beyond those of {kind} trains, for each spike of the slower unit"),
        n,
        "spikes",
    ));
    let relative: Vec<f64> = null.iter().map(|v| (v - expected) / n as f64).collect();
    let p_value = permutation_p(observed, &null);
    estimate.null = Some(NullDistribution {
        method: format!("spikes of the second unit {kind}"),
        draws: null.len(),
        mean: mean(&relative),
        sd: variance(&relative, 0).sqrt(),
        p: p_value,
    });
    outcome.metric("excess", estimate);
    outcome
        .metric("p", Estimate::new(p_value, "p-value", &format!("{kind} spikes, one-sided"), null.len(), "surrogates"));
    outcome.metric("pairs", with(Estimate::new(observed, "pairs together", "counted", n, "spikes")));
    outcome.metric(
        "pairs_expected",
        with(Estimate::new(expected, "pairs together", &format!("mean of {kind} trains"), n, "spikes")),
    );
}

fn correlogram_metrics(
    p: &PairSynchronyParameters,
    observed: &Correlogram,
    null: &[Vec<f64>],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let bins = observed.lags_s.len();
    let at = |k: usize| -> Vec<f64> { null.iter().map(|counts| counts[k]).collect() };
    let (mut middle, mut low, mut high) = (vec![], vec![], vec![]);
    for k in 0..bins {
        let own = at(k);
        middle.push(mean(&own));
        low.push(quantile(&own, 0.025));
        high.push(quantile(&own, 0.975));
    }
    let beyond = |k: usize| observed.counts[k] - middle[k];
    let peak = (0..bins).fold(0, |best, k| if beyond(k) > beyond(best) { k } else { best });
    let pairs = observed.counts.iter().sum::<f64>() as usize;
    let kind = p.null.name();
    let variant = format!("bin with most pairs beyond the mean of {kind} trains");
    let variant = variant.as_str();
    let lag = Estimate::new(1e3 * observed.lags_s[peak], "lag of the peak", variant, pairs, "pairs").with_unit("ms");
    outcome.metric("peak_lag_ms", lag);
    let ratio = observed.counts[peak] / middle[peak].max(f64::MIN_POSITIVE);
    outcome.metric(
        "peak_ratio",
        Estimate::new(ratio, "height of the peak over surrogate trains", variant, pairs, "pairs"),
    );
    let ms = |k: usize| 1e3 * observed.lags_s[k];
    let width = ms(1) - ms(0);
    let lines = vec![
        series("pairs", (0..bins).map(|k| (ms(k), observed.counts[k])).collect(), Marks::Bars(0.9 * width)),
        series(
            &format!("{kind}, 95 %"),
            (0..bins).map(|k| (ms(k), middle[k])).collect(),
            Marks::Band((0..bins).map(|k| (ms(k), low[k], high[k])).collect()),
        ),
    ];
    let caption = format!(
        "Pairs of spikes of units {} and {} by lag (positive: {} fires later) in bins of {width:.1} ms; the band spans 95 % of {} {kind} trains{}.",
        p.units[0],
        p.units[1],
        p.units[1],
        null.len(),
        if p.null == SurrogateTrain::Dithered {
            format!(", spikes moved by up to {:.0} ms", 1e3 * p.dither_s)
        } else {
            String::new()
        }
    );
    chart(outcome, ["correlogram", "Cross-correlogram", &caption], ["lag (ms)", "pairs"], lines)?;
    let table = Table::new().with("lag_s", observed.lags_s.clone())?.with("pairs", observed.counts.clone())?;
    outcome.table("correlogram", table.with("surrogate", middle)?.with("poisson", observed.expected.clone())?);
    Ok(())
}

/// Both fire in one bin, against what the rates of each trial make of it.
fn unitary(
    p: &PairSynchronyParameters,
    recording: &Recording,
    window: [f64; 2],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let spans = windows(recording, &p.align, window)?;
    let bins = (((window[1] - window[0]) / p.together_s).round() as usize).max(1);
    let width = (window[1] - window[0]) / bins as f64;
    let trains = Array3::from_shape_fn((spans.len(), 2, bins), |(trial, which, bin)| {
        let from = spans[trial].0 + width * bin as f64;
        count_between(recording.spikes.unit(p.units[which]), from, from + width) as f64
    });
    let found = unitary_event(trains.view(), &[true, true], true).map_err(failed)?;
    let estimate = |value: f64, what: &str| {
        let variant = "both fire in one bin; expected from the rates of each trial";
        Estimate::new(value, what, variant, spans.len(), "trials").with_constant("bin_s", width)
    };
    outcome.metric("unitary_observed", estimate(found.observed, "unitary events"));
    outcome.metric("unitary_expected", estimate(found.expected, "unitary events expected"));
    outcome.metric("unitary_p", estimate(found.p, "p-value of unitary events"));
    outcome.metric("unitary_surprise", estimate(found.surprise, "joint surprise log10((1 - p) / p)"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand::seq::SliceRandom;
    use rheobase_core::Seed;
    use rheobase_core::statistics::permutation_p;
    use serde_json::json;

    use super::{PairSynchronyParameters, SurrogateTrain, pairs_together};

    #[test]
    fn pairs_are_counted_on_both_sides_and_ends_count() {
        assert_eq!(pairs_together(&[1.0, 2.0], &[0.5, 1.5, 2.0, 2.25], 0.5), 5);
        assert_eq!(pairs_together(&[1.0], &[], 0.5), 0);
    }

    /// Two units that fire in the same 20 of 100 seconds, each spike on its own: no synchrony but that of their rates.
    fn shared_rate(seed: &Seed) -> [Vec<f64>; 2] {
        let mut seconds: Vec<f64> = (0..100).map(f64::from).collect();
        seconds.shuffle(&mut seed.child("seconds").stream());
        [0, 1].map(|unit| {
            let mut stream = seed.index(unit).stream();
            let mut times: Vec<f64> = (0..400).map(|k| seconds[k % 20] + stream.random_range(0.0..1.0)).collect();
            times.sort_by(f64::total_cmp);
            times
        })
    }

    #[test]
    fn slow_changes_of_rate_are_synchrony_only_for_surrogates_that_lose_them() {
        use SurrogateTrain::{Dithered, Randomised, Shifted, ShuffledIntervals};
        let p: PairSynchronyParameters = serde_json::from_value(json!({ "of": "data.pair" })).unwrap();
        let small = |null: SurrogateTrain| {
            let judged = (0..60).filter(|pair| {
                let seed = Seed::root(3).index(*pair);
                let [a, b] = shared_rate(&seed);
                let count = |b: &[f64]| pairs_together(&a, b, p.together_s) as f64;
                let draws: Vec<f64> = (0..39)
                    .map(|k| {
                        let moved = null.draw(&p, &b, (0.0, 100.0), &seed.child("null").index(k)).unwrap();
                        assert_eq!(moved.len(), b.len());
                        count(&moved)
                    })
                    .collect();
                permutation_p(count(&b), &draws) <= 0.05
            });
            judged.count()
        };
        // Of 60 true nulls at most 8 are called significant at 5 % in 99.5 % of such tests (binomial).
        assert!(small(Dithered) <= 8);
        for null in [Shifted, ShuffledIntervals, Randomised] {
            assert!(small(null) >= 50, "{null:?}");
        }
    }
}
