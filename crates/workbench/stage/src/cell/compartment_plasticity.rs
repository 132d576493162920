//! `[analysis.*] kind = "compartment-plasticity"`: apical synapses that learn from neighbours, basal ones from the output.

use rheobase_core::{Estimate, statistics};
use rheobase_data::Table;
use rheobase_dendrite::plasticity::{CompartmentRules, Learned, TwoCompartmentUnit};
use rheobase_pipeline::{Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, failed, main_output};

/// Parameters of `compartment-plasticity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompartmentPlasticityParameters {
    /// The unit and its inputs.
    #[serde(default)]
    pub unit: TwoCompartmentUnit,
    /// The rules.
    #[serde(default)]
    pub rules: CompartmentRules,
    /// Units, each with its own inputs.
    #[serde(default = "units")]
    #[schemars(range(min = 1))]
    pub units: usize,
}

fn units() -> usize {
    20
}

/// Rules that differ between compartments.
pub struct CompartmentPlasticity;

impl Kind for CompartmentPlasticity {
    type Parameters = CompartmentPlasticityParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "compartment-plasticity";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "apical synapses that learn from their neighbours, basal ones from the output; and what explains it";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("learned weights")];

    fn run(p: &CompartmentPlasticityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let mut sums = Vec::new();
        for silenced in [false, true] {
            let unit = TwoCompartmentUnit { silenced, ..p.unit };
            let mut pooled = [Learned::default(), Learned::default()];
            let mut neighbours = [Vec::new(), Vec::new()];
            for index in 0..p.units {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                let learned = unit.learn(&p.rules, &context.seed.child("unit").index(index)).map_err(failed)?;
                for ((all, pairs), one) in pooled.iter_mut().zip(&mut neighbours).zip(learned) {
                    pairs.extend(one.change.windows(2).map(|w| (w[0], w[1])));
                    all.change.extend(one.change);
                    all.local_coactivity.extend(one.local_coactivity);
                    all.spike_coincidence.extend(one.spike_coincidence);
                    all.position_um.extend(one.position_um);
                }
                context.progress.step("units", index + 1 + usize::from(silenced) * p.units, 2 * p.units);
            }
            sums.push(pooled.each_ref().map(|l| l.change.iter().map(|c| c.abs()).sum::<f64>()));
            if !silenced {
                explain(p, &pooled, &neighbours, &mut outcome)?;
            }
        }
        for (part, name) in ["apical", "basal"].into_iter().enumerate() {
            let fall = 1.0 - sums[1][part] / sums[0][part];
            let what = format!("share of the {name} change that is lost without output");
            let estimate = Estimate::new(fall, &what, "sum of absolute changes, same inputs", p.units, "units");
            outcome.metric(&format!("{name}_loss_without_output"), estimate);
        }
        Ok(outcome)
    }
}

fn explain(
    p: &CompartmentPlasticityParameters,
    pooled: &[Learned; 2],
    neighbours: &[Vec<(f64, f64)>; 2],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let r2 = |x: &[f64], y: &[f64]| statistics::pearson(x, y).map_or(f64::NAN, |r| r * r);
    for ((learned, pairs), name) in pooled.iter().zip(neighbours).zip(["apical", "basal"]) {
        let number = |value: f64, what: &str| {
            Estimate::new(
                value,
                &format!("{what}, {name} synapses"),
                "pooled over units",
                learned.change.len(),
                "synapses",
            )
        };
        let by_neighbours = r2(&learned.local_coactivity, &learned.change);
        let by_spikes = r2(&learned.spike_coincidence, &learned.change);
        outcome.metric(&format!("{name}_r2_local"), number(by_neighbours, "variance explained by local co-activity"));
        outcome.metric(&format!("{name}_r2_spikes"), number(by_spikes, "variance explained by spike coincidence"));
        let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let near = statistics::pearson(&left, &right).unwrap_or(f64::NAN);
        outcome.metric(&format!("{name}_clustering"), number(near, "correlation of neighbours' changes"));
        let series = |x: &[f64], label: &str| Series {
            name: label.into(),
            points: x.iter().copied().zip(learned.change.iter().copied()).collect(),
            marks: Marks::Points,
        };
        let chart = Chart {
            title: format!("What explains the change of {name} synapses"),
            x_label: "co-activity or coincidence".into(),
            y_label: "change of the weight".into(),
            x_range: None,
            y_range: None,
            series: vec![series(&learned.local_coactivity, "neighbours"), series(&learned.spike_coincidence, "output")],
        };
        let caption = format!("{} synapses of {} units.", learned.change.len(), p.units);
        outcome.figure(name, &chart.title, &caption, chart.svg().map_err(failed)?);
        outcome.table(
            name,
            Table::new()
                .with("position_um", learned.position_um.clone())?
                .with("change", learned.change.clone())?
                .with("local_coactivity", learned.local_coactivity.clone())?
                .with("spike_coincidence", learned.spike_coincidence.clone())?,
        );
    }
    Ok(())
}
