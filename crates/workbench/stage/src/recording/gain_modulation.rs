//! Does a second variable (the eye, attention, arousal) multiply a recorded unit's tuning, or add to it? (Zipser & Andersen 1988;
//! Salinas & Thier 2000)

use ndarray::Array2;
use rheobase_core::Estimate;
use rheobase_core::statistics::median;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::separability::{GainField, gain_field};
use rheobase_report::figure::{Marks, Matrix, Panel};
use rheobase_spike_train::count::counts_in_windows;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{conditions, window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, failed, main_output};
use crate::recording::{Recorded, load};

/// Units whose tables are drawn.
const SHOWN: usize = 6;

/// Parameters of `gain-modulation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GainModulationParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the stimulus the units are tuned to.
    pub by: String,
    /// Column of the trials with the variable that may be a gain.
    pub gain: String,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window of the spikes in s from the event.
    pub window_s: [f64; 2],
}

fn start() -> String {
    "start_time".into()
}

/// Gain modulation.
pub struct GainModulation;

impl Kind for GainModulation {
    type Parameters = GainModulationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "gain-modulation";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "does a second variable multiply the tuning of recorded units or add to it: product against sum, held out";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("gain modulation")];

    fn check(p: &GainModulationParameters) -> Vec<Complaint> {
        window_complaint(p.window_s).into_iter().collect()
    }

    fn run(p: &GainModulationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let (stimuli, of_stimulus) = conditions(&recording, Some(&p.by))?;
        let (gains, of_gain) = conditions(&recording, Some(&p.gain))?;
        let mut members = Array2::<f64>::zeros((stimuli.len(), gains.len()));
        of_stimulus.iter().zip(&of_gain).for_each(|(s, g)| members[[*s, *g]] += 1.0);
        if let Some(((s, g), _)) = members.indexed_iter().find(|(_, n)| **n == 0.0) {
            return Err(StageError::Failed(format!(
                "no trial has {} {} with {} {}; the table of both needs every pair",
                p.by, stimuli[s], p.gain, gains[g]
            )));
        }
        let length = p.window_s[1] - p.window_s[0];
        let table_of = |unit: usize| -> Result<Array2<f64>, StageError> {
            let counts = counts_in_windows(recording.spikes.unit(unit), &spans).map_err(failed)?;
            let mut sums = Array2::zeros(members.dim());
            counts.iter().zip(of_stimulus.iter().zip(&of_gain)).for_each(|(c, (s, g))| sums[[*s, *g]] += c);
            Ok(sums / &members / length)
        };
        let mut tables = vec![];
        let mut found: Vec<(usize, GainField)> = vec![];
        for unit in 0..recording.spikes.units() {
            let table = table_of(unit)?;
            // A silent unit has no gain field.
            if let Ok(field) = gain_field(table.view(), None) {
                found.push((unit, field));
                tables.push((unit, table));
            }
        }
        if found.is_empty() {
            return Err(StageError::Failed("no unit changes its rate with either variable".into()));
        }
        let mut outcome = Outcome::default();
        metrics(&found, spans.len(), &mut outcome)?;
        draw(p, &found, &tables, &mut outcome)?;
        Ok(outcome)
    }
}

fn metrics(found: &[(usize, GainField)], trials: usize, outcome: &mut Outcome) -> Result<(), StageError> {
    let excess = |f: &GainField| f.multiplicative_held_out_r2 - f.additive_held_out_r2;
    let product = found.iter().filter(|f| excess(&f.1) > 0.0).count();
    let variant = "each entry of the table of means predicted from the others";
    outcome.metric(
        "multiplicative_units",
        Estimate::new(
            product as f64,
            "units better described by a product than by a sum",
            variant,
            found.len(),
            "units",
        ),
    );
    let of = |f: &dyn Fn(&GainField) -> f64| found.iter().map(|x| f(&x.1)).collect::<Vec<f64>>();
    for (name, what, values) in [
        ("multiplicative_r2", "held-out R2 of the product, median over units", of(&|f| f.multiplicative_held_out_r2)),
        ("additive_r2", "held-out R2 of the sum, median over units", of(&|f| f.additive_held_out_r2)),
        (
            "modulation_index",
            "(most - least) / (most + least) over the gain variable, median over units",
            of(&|f| f.modulation_index),
        ),
    ] {
        outcome.metric(name, Estimate::new(median(&values), what, variant, found.len(), "units"));
    }
    for (unit, field) in found.iter().take(12) {
        let what = "held-out R2 of the product minus that of the sum";
        outcome.metric(
            &format!("product_minus_sum_{unit}"),
            Estimate::new(excess(field), what, variant, trials, "trials"),
        );
    }
    let table = Table::new()
        .with("unit", found.iter().map(|f| f.0).collect::<Vec<_>>())?
        .with("multiplicative_r2", of(&|f| f.multiplicative_held_out_r2))?
        .with("additive_r2", of(&|f| f.additive_held_out_r2))?
        .with("modulation_index", of(&|f| f.modulation_index))?;
    outcome.table("units", table);
    Ok(())
}

fn draw(
    p: &GainModulationParameters,
    found: &[(usize, GainField)],
    tables: &[(usize, Array2<f64>)],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let panels =
        tables.iter().take(SHOWN).map(|(u, t)| Panel { name: format!("unit {u}"), values: t.clone() }).collect();
    let figure = Matrix { title: "mean rates".into(), label: "Hz".into(), panels, across: 3, range: None };
    let caption = format!("Mean rate for each {} (rows) and {} (columns).", p.by, p.gain);
    outcome.figure("tables", "Tuning and gain", &caption, figure.svg().map_err(failed)?);
    let points = found.iter().map(|(_, f)| (f.additive_held_out_r2, f.multiplicative_held_out_r2)).collect();
    let least = found.iter().fold(1.0_f64, |l, (_, f)| l.min(f.additive_held_out_r2).min(f.multiplicative_held_out_r2));
    let lines = vec![
        series("units", points, Marks::Points),
        series("equal", vec![(least.max(-1.0), least.max(-1.0)), (1.0, 1.0)], Marks::Dashed),
    ];
    let caption = "Held-out share of the variance of each unit's mean rates that a sum and a product of two profiles predict; units above the line multiply.";
    chart(outcome, ["product_or_sum", "Product or sum", caption], ["sum: held-out R2", "product: held-out R2"], lines)
}
