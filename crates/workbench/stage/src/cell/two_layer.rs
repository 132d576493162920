//! `[analysis.*] kind = "two-layer"`: random placements of synapses on branches, and the models that predict the rates.

use rand::RngExt;
use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_dendrite::synapse::SpikeSource;
use rheobase_dendrite::two_layer::{Responses, TwoLayerFit, fit_two_layer};
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::branches::Branches;
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `two-layer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TwoLayerParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Branches and their synapses.
    pub branches: Branches,
    /// Random placements.
    #[serde(default = "placements")]
    #[schemars(range(min = 40))]
    pub placements: usize,
    /// Least and most synapses in a placement.
    pub synapses: [usize; 2],
    /// Rate of every synapse in Hz: regular trains of random phase.
    #[serde(default = "rate")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub rate_hz: f64,
}

fn placements() -> usize {
    400
}

fn rate() -> f64 {
    50.0
}

/// Branches as subunits.
pub struct TwoLayer;

impl Kind for TwoLayer {
    type Parameters = TwoLayerParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "two-layer";
    const VERSION: u32 = 3;
    const ABOUT: &'static str =
        "rates of a cell under random placements of synapses, predicted with and without branches";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a two-layer fit")];

    fn check(p: &TwoLayerParameters) -> Vec<Complaint> {
        let [least, most] = p.synapses;
        if least == 0 || most < least {
            let message = format!("from {least} to {most} synapses is not a range");
            return vec![complaint(&["synapses"], message, "give the least and the most, at least 1")];
        }
        vec![]
    }

    fn run(p: &TwoLayerParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let (counts, trials) = place(p, context)?;
        let mut rates = Vec::with_capacity(trials.len());
        let scale = vec![1.0; p.branches.receptors.len()];
        let seconds = 1e-3 * (p.branches.duration_ms - p.branches.start_ms);
        for batch in trials.chunks(64) {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let found = p.branches.run(&cell, &scale, batch).map_err(failed)?;
            rates.extend(found.iter().map(|t| t.spikes_ms.len() as f64 / seconds));
            context.progress.step("placements", rates.len(), trials.len());
        }
        let train = p.placements / 2;
        let fit = fit_two_layer(Responses { counts: &counts, rates: &rates }, train).map_err(failed)?;
        report(p, &counts, &rates, train, &fit)
    }
}

type Trains = Vec<Vec<f64>>;

/// Synapses on each branch, and their trains: a random number of synapses on a random number of branches.
fn place(p: &TwoLayerParameters, context: &Context<'_>) -> Result<(Vec<Vec<usize>>, Vec<Trains>), StageError> {
    let branches = p.branches.at.len();
    let interval_ms = 1000.0 / p.rate_hz;
    let (mut counts, mut trials) = (Vec::new(), Vec::new());
    for trial in 0..p.placements {
        let mut stream = context.seed.child("placement").index(trial).stream();
        let total = stream.random_range(p.synapses[0]..=p.synapses[1]);
        let mut order: Vec<usize> = (0..branches).collect();
        for i in (1..branches).rev() {
            order.swap(i, stream.random_range(0..=i));
        }
        let used = stream.random_range(1..=branches);
        let (mut count, mut trains) = (vec![0; branches], vec![Vec::new(); branches]);
        for _ in 0..total {
            let branch = order[stream.random_range(0..used)];
            count[branch] += 1;
            let source = SpikeSource::Regular {
                start_ms: p.branches.start_ms + interval_ms * stream.random::<f64>(),
                interval_ms,
                count: (p.branches.duration_ms / interval_ms).ceil() as usize,
            };
            trains[branch].extend(source.times_ms(0.0, p.branches.duration_ms, &context.seed).map_err(failed)?);
        }
        counts.push(count);
        trials.push(trains);
    }
    Ok((counts, trials))
}

fn report(
    p: &TwoLayerParameters,
    counts: &[Vec<usize>],
    rates: &[f64],
    train: usize,
    fit: &TwoLayerFit,
) -> Result<Outcome, StageError> {
    let mut outcome = Outcome::default();
    let number = |value: f64, name: &str| {
        Estimate::new(value, name, "fitted to the first half, tested on the other", rates.len() - train, "placements")
    };
    outcome.metric("r2_two_layer", number(fit.r2_two_layer, "held-out variance explained by sigmoidal branches"));
    outcome.metric("r2_one_layer", number(fit.r2_one_layer, "held-out variance explained by the total count"));
    outcome.metric("r2_linear", number(fit.r2_linear, "held-out variance explained by a line over the total count"));
    outcome.metric("gain_over_linear", number(fit.r2_two_layer - fit.r2_linear, "two layers minus a line"));
    outcome.metric("gain_over_one_layer", number(fit.r2_two_layer - fit.r2_one_layer, "two layers minus one"));
    outcome.metric("subunit_centre", number(fit.subunit.centre, "synapses at half height of the branch's sigmoid"));
    outcome.metric("mean_rate_hz", number(rheobase_core::statistics::mean(rates), "mean rate").with_unit("Hz"));
    let totals: Vec<usize> = counts.iter().map(|c| c.iter().sum()).collect();
    let branches_used: Vec<usize> = counts.iter().map(|c| c.iter().filter(|n| **n > 0).count()).collect();
    outcome.table(
        "placements",
        Table::new()
            .with("synapses", totals.clone())?
            .with("branches", branches_used)?
            .with("rate_hz", rates.to_vec())?,
    );
    let points = |name: &str, points: Vec<(f64, f64)>, marks| Series { name: name.into(), points, marks };
    let top = rates.iter().copied().fold(1.0, f64::max);
    let predicted: Vec<(f64, f64)> = fit.predicted.iter().copied().zip(rates[train..].iter().copied()).collect();
    let chart = |title: &str, x: &str, y: &str, series| Chart {
        title: title.into(),
        x_label: x.into(),
        y_label: y.into(),
        x_range: None,
        y_range: None,
        series,
    };
    let both = vec![
        points("held-out trials", predicted, Marks::Points),
        points("equal", vec![(0.0, 0.0), (top, top)], Marks::Dashed),
    ];
    let svg = chart("Rates and their prediction", "predicted rate (Hz)", "rate (Hz)", both).svg().map_err(failed)?;
    let caption = format!("{} held-out placements against the two-layer model.", rates.len() - train);
    outcome.figure("prediction", "Prediction by two layers", &caption, svg);
    let by_count = totals.iter().map(|n| *n as f64).zip(rates.iter().copied()).collect();
    let series = vec![points("", by_count, Marks::Points)];
    let svg = chart("Rates over the number of synapses", "synapses", "rate (Hz)", series).svg().map_err(failed)?;
    outcome.figure("total", "Prediction by the number of synapses", &format!("{} placements.", p.placements), svg);
    let most = counts.iter().flatten().copied().max().unwrap_or(1);
    let curve = (0..=most).map(|n| (n as f64, fit.subunit.output(n as f64))).collect();
    let series = vec![points("", curve, Marks::Line)];
    let svg =
        chart("A branch as a subunit", "synapses on the branch", "output (a.u.)", series).svg().map_err(failed)?;
    outcome.figure("subunit", "The branch's nonlinearity", "Fitted sigmoid with a linear part.", svg);
    Ok(outcome)
}
