//! What a unit does around events: counts in windows by condition, PSTH, and what the counts tell about the condition.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, variance};
use rheobase_core::{Estimate, NullDistribution};
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use rheobase_spike_train::count::{counts_in_windows, fano_factor, psth};
use rheobase_spike_train::information::{Correction, mutual_information};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::trials::conditions;
use crate::recording::{Recorded, load, unit};

/// Parameters of `event-response`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventResponseParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Unit, counted from 0.
    #[serde(default)]
    pub unit: usize,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Column of the trials with the condition; none takes all trials together.
    #[serde(default)]
    pub by: Option<String>,
    /// Windows in which spikes are counted, in s from the event, by name.
    #[schemars(extend("minProperties" = 1))]
    pub windows_s: BTreeMap<String, [f64; 2]>,
    /// Bin of the histogram in s.
    #[serde(default = "bin")]
    #[schemars(range(min = 0.0001, max = 10.0))]
    pub bin_s: f64,
    /// Classes of equally many trials that counts are put into before their information is measured; many classes and few trials
    /// leave a bias that no correction takes out.
    #[serde(default = "classes")]
    #[schemars(range(min = 2, max = 100))]
    pub information_classes: usize,
    /// Permutations of the conditions for the tests.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

fn start() -> String {
    "start_time".into()
}
fn bin() -> f64 {
    0.05
}
fn classes() -> usize {
    4
}
fn permutations() -> usize {
    999
}

/// Responses to events.
pub struct EventResponse;

impl Kind for EventResponse {
    type Parameters = EventResponseParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "event-response";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "spikes of a unit around events: histogram, counts, Fano factors and information by condition";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("event responses")];

    fn check(p: &EventResponseParameters) -> Vec<Complaint> {
        let wrong = p.windows_s.iter().filter(|(_, w)| w[0].is_nan() || w[1].is_nan() || w[0] >= w[1]);
        wrong
            .map(|(name, w)| {
                let message = format!("window `{name}` reaches from {} to {} s", w[0], w[1]);
                complaint(&["windows_s", name], message, "write it as [start, stop] with start before stop")
            })
            .collect()
    }

    fn run(p: &EventResponseParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let times = unit(&recording, p.unit)?;
        if recording.trials.rows() == 0 {
            return Err(StageError::Failed("the recording has no trials, so there are no events".into()));
        }
        let events = recording.trials.numbers(&p.align)?;
        let (names, conditions) = conditions(&recording, p.by.as_deref())?;
        let mut outcome = Outcome::default();
        let mut table = Table::new().with("event_s", events.clone())?;
        table = table.with("condition", conditions.iter().map(|&c| names[c].clone()).collect::<Vec<_>>())?;
        for (window, [from, to]) in &p.windows_s {
            let spans: Vec<(f64, f64)> = events.iter().map(|e| (e + from, e + to)).collect();
            let counts = counts_in_windows(times, &spans).map_err(failed)?;
            window_metrics(p, window, to - from, &counts, &names, &conditions, context, &mut outcome)?;
            table = table.with(&format!("{window}_count"), counts)?;
        }
        outcome.table("trials", table);
        histogram(p, times, &events, &names, &conditions, &mut outcome)?;
        Ok(outcome)
    }
}

/// Class of each count: equally many trials in each, equal counts in one.
fn classes_of(counts: &[f64], classes: usize) -> Vec<usize> {
    let ranks = rheobase_core::statistics::ranks(counts);
    ranks.iter().map(|r| (((r - 0.5) / counts.len() as f64 * classes as f64) as usize).min(classes - 1)).collect()
}

#[expect(clippy::too_many_arguments, reason = "one call; a struct would only repeat the names")]
fn window_metrics(
    p: &EventResponseParameters,
    window: &str,
    length_s: f64,
    counts: &[f64],
    names: &[String],
    conditions: &[usize],
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let of = |conditions: &[usize], c: usize| -> Vec<f64> {
        counts.iter().zip(conditions).filter(|(_, k)| **k == c).map(|(n, _)| *n).collect()
    };
    for (c, name) in names.iter().enumerate() {
        let own = of(conditions, c);
        let n = own.len();
        let key = if names.len() == 1 { window.to_owned() } else { format!("{window}_{name}") };
        let mut average =
            Estimate::new(mean(&own), "mean count", "over trials", n, "trials").with_constant("window_s", length_s);
        average.interval = rheobase_core::inference::t_interval(&own);
        outcome.metric(&format!("{key}_count"), average);
        let rate = Estimate::new(mean(&own) / length_s, "mean rate", "over trials", n, "trials").with_unit("Hz");
        outcome.metric(&format!("{key}_rate_hz"), rate);
        let fano = fano_factor(&own, 0).unwrap_or(f64::NAN);
        let fano = Estimate::new(fano, "Fano factor", "population variance (ddof 0)", n, "trials");
        outcome.metric(&format!("{key}_fano"), fano.with_constant("window_s", length_s));
    }
    if names.len() < 2 {
        return Ok(());
    }
    // Variance between conditions over the whole: the square of the correlation ratio.
    let eta_squared = |conditions: &[usize]| {
        let grand = mean(counts);
        let between: f64 = (0..names.len())
            .map(|c| {
                let own = of(conditions, c);
                own.len() as f64 * (mean(&own) - grand).powi(2)
            })
            .sum();
        between / (counts.len() as f64 * variance(counts, 0))
    };
    let spikes = classes_of(counts, p.information_classes);
    let seed = context.seed.child(window);
    let information = |conditions: &[usize]| {
        mutual_information(conditions, &spikes, Correction::PanzeriTreves, &seed).map_err(failed)
    };
    let (mut etas, mut bits) = (Vec::new(), Vec::new());
    let mut shuffled = conditions.to_vec();
    for draw in 0..p.permutations {
        shuffled.copy_from_slice(conditions);
        shuffled.shuffle(&mut seed.child("permutation").index(draw).stream());
        etas.push(eta_squared(&shuffled));
        bits.push(information(&shuffled)?);
    }
    let n = counts.len();
    let corrected = format!("Panzeri-Treves corrected, counts in {} classes", p.information_classes);
    for (name, what, variant, value, null, unit) in [
        (
            "eta_squared",
            "share of the count's variance between conditions",
            "correlation ratio squared",
            eta_squared(conditions),
            etas,
            "",
        ),
        (
            "information",
            "information of the count about the condition",
            &corrected,
            information(conditions)?,
            bits,
            "bit",
        ),
    ] {
        let mut estimate = Estimate::new(value, what, variant, n, "trials").with_unit(unit);
        if !null.is_empty() {
            estimate.null = Some(NullDistribution::one_sided("conditions permuted over trials", value, &null));
        }
        if let Some(null) = &estimate.null {
            let p = Estimate::new(null.p, "p-value", "permutation, one-sided", n, "trials");
            outcome.metric(&format!("{window}_{name}_p"), p);
        }
        outcome.metric(&format!("{window}_{name}"), estimate);
    }
    Ok(())
}

fn histogram(
    p: &EventResponseParameters,
    times: &[f64],
    events: &[f64],
    names: &[String],
    conditions: &[usize],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let from = p.windows_s.values().map(|w| w[0]).fold(f64::INFINITY, f64::min);
    let to = p.windows_s.values().map(|w| w[1]).fold(f64::NEG_INFINITY, f64::max);
    let mut series = Vec::new();
    for (c, name) in names.iter().enumerate() {
        let own: Vec<f64> = events.iter().zip(conditions).filter(|(_, k)| **k == c).map(|(e, _)| *e).collect();
        let histogram = psth(times, &own, -from, to, p.bin_s).map_err(failed)?;
        let rows = || histogram.times_s.iter().zip(&histogram.rates_hz).zip(&histogram.errors_hz);
        series.push(Series {
            name: format!("{} {name} (n = {})", p.by.as_deref().unwrap_or("trials"), own.len()),
            points: rows().map(|((t, r), _)| (*t, *r)).collect(),
            marks: Marks::Band(rows().map(|((t, r), e)| (*t, r - e, r + e)).filter(|b| b.1.is_finite()).collect()),
        });
    }
    let chart = Chart {
        title: "rate around the event".into(),
        x_label: format!("time from {} (s)", p.align),
        y_label: "rate (Hz)".into(),
        x_range: Some((from, to)),
        y_range: None,
        series,
    };
    let caption = format!(
        "Mean rate of unit {} in bins of {} ms; bands are one standard error over trials.",
        p.unit,
        1e3 * p.bin_s
    );
    outcome.figure("psth", "Rate around the event", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
