//! Groups of units lesioned together: quantiles of a score, whole layers, and the Shapley value of each group.

use ndarray::Array2;
use rheobase_ablation::effect::TestSet;
use rheobase_ablation::group::{Controls, Group, GroupEffect, group_effects, layer_effects};
use rheobase_ablation::interaction::{Shapley, pair_interaction, shapley_values};
use rheobase_ablation::selectivity::{class_d_prime, class_selectivity};
use rheobase_ablation::single::single_unit_effects;
use rheobase_core::statistics::{mean, variance, wilson_interval};
use rheobase_core::{Estimate, Lesion, LesionManner, NullDistribution, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars, Heatmap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::ablation::{Manner, stopped};
use crate::analysis::layer_of;
use crate::artifact::{Dataset, Images, Probed, load_probe};
use crate::kind::{Kind, failed, main_output};

/// Score by which units are put into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// Class selectivity index (units that respond with negative values have none and come last).
    Selectivity,
    /// Largest d' of a class against the rest.
    DPrime,
    /// Rise of the loss when the unit alone is lost.
    Importance,
    /// Mean absolute activity.
    Activity,
}

/// Parameters of `lesion-groups`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LesionGroupsParameters {
    /// The model: a network with an output that names classes.
    pub of: Input<Probed>,
    /// Labelled images; the test images are used.
    pub on: Input<Dataset>,
    /// The layer; the first by default.
    #[serde(default)]
    pub layer: Option<String>,
    /// What is done to the units.
    #[serde(default = "silence")]
    pub manner: Manner,
    /// Score that orders the units.
    #[serde(default = "selectivity")]
    pub by: Score,
    /// Number of groups of equal size, from the highest scores to the lowest.
    #[serde(default = "count")]
    #[schemars(range(min = 2, max = 100))]
    pub groups: usize,
    /// Whether random groups share the mean activity of the group they stand beside.
    #[serde(default)]
    pub match_activity: bool,
    /// Random groups of the same size for each group.
    #[serde(default = "controls")]
    #[schemars(range(min = 19, max = 10_000))]
    pub controls: usize,
    /// Sampled orders for the groups' Shapley values; 0 for none.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10_000))]
    pub shapley_orders: usize,
}

fn silence() -> Manner {
    Manner::Silence
}
fn selectivity() -> Score {
    Score::Selectivity
}
fn count() -> usize {
    4
}
fn controls() -> usize {
    99
}

/// Lesions of groups.
pub struct LesionGroups;

impl Kind for LesionGroups {
    type Parameters = LesionGroupsParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "lesion-groups";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "groups of units lost together beside random groups of equal size and activity, whole layers, and Shapley values";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("lesion effects")];

    fn run(p: &LesionGroupsParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_probe(context.input(&p.of)?)?;
        let layer = layer_of(&*model, p.layer.as_deref())?;
        let images = Images::load(context.input(&p.on)?)?;
        if images.labels.is_empty() {
            let reason = "lesions are judged by classification, but the data set has no classes";
            return Err(StageError::Failed(reason.into()));
        }
        let rows = images.held_out();
        let stimulus = images.stimulus(&rows)?;
        let labels: Vec<usize> = rows.iter().map(|&i| images.labels[i]).collect();
        let test = TestSet { stimulus: &stimulus, labels: &labels };
        let manner = p.manner.lesion();
        let seed = context.seed.child("lesion");
        let activity = model.record(&stimulus, &layer)?;
        let activity_of: Vec<f64> = activity
            .samples()
            .columns()
            .into_iter()
            .map(|c| c.iter().map(|v| v.abs()).sum::<f64>() / c.len() as f64)
            .collect();
        let score: Vec<f64> = match p.by {
            Score::Activity => activity_of.clone(),
            Score::Selectivity => {
                let found = class_selectivity(activity.samples(), &labels).map_err(failed)?;
                found.into_iter().map(|s| s.unwrap_or(-1.0)).collect()
            }
            Score::DPrime => {
                let found = class_d_prime(activity.samples(), &labels).map_err(failed)?;
                found.into_iter().map(|s| s.unwrap_or(f64::NEG_INFINITY)).collect()
            }
            Score::Importance => {
                let (_, effects) =
                    single_unit_effects(&*model, test, &layer, manner, &seed, context.progress).map_err(stopped)?;
                effects.iter().map(|e| e.loss_change_nats).collect()
            }
        };
        let groups = quantile_groups(&score, p.groups)?;
        let controls = Controls {
            draws: p.controls,
            matched_on: p.match_activity.then_some(activity_of.as_slice()),
            neighbours: 5,
        };
        let (intact, effects) =
            group_effects(&*model, test, (&layer, &groups), manner, controls, &seed, context.progress)
                .map_err(stopped)?;
        let shapley = (p.shapley_orders > 0)
            .then(|| {
                shapley_values(&*model, test, (&layer, &groups), manner, p.shapley_orders, &seed, context.progress)
            })
            .transpose()
            .map_err(stopped)?;
        let interactions = interactions(&*model, test, (&layer, &groups), manner, &seed, context)?;
        let layers = layer_effects(&*model, test, manner, &seed, context.progress).map_err(stopped)?;
        let mut outcome = Outcome::default();
        let n = labels.len();
        let right = intact.correct.iter().filter(|c| **c).count();
        let accuracy =
            Estimate::new(intact.accuracy, "intact accuracy", "share of test images named correctly", n, "test images");
        outcome.metric("intact_accuracy", accuracy.with_interval(wilson_interval(right, n)));
        for (name, _, loss) in &layers {
            let estimate = Estimate::new(*loss, "loss without the layer", "lesioned minus intact", n, "test images");
            outcome.metric(&format!("layer_{name}_loss_change"), estimate.with_unit("nats"));
        }
        report(p, n, &effects, shapley.as_ref(), &mut outcome)?;
        draw_interactions(&groups, &interactions, n, &mut outcome)?;
        Ok(outcome)
    }
}

/// What losing two groups together adds to the sum of losing each, in nats; 0 on the diagonal.
fn interactions(
    model: &dyn Lesion,
    test: TestSet<'_>,
    (layer, groups): (&str, &[Group]),
    manner: LesionManner,
    seed: &Seed,
    context: &Context<'_>,
) -> Result<Array2<f64>, StageError> {
    let mut all = Array2::zeros((groups.len(), groups.len()));
    for a in 0..groups.len() {
        if context.progress.cancelled() {
            return Err(StageError::Interrupted);
        }
        for b in a + 1..groups.len() {
            let pair = (groups[a].units.as_slice(), groups[b].units.as_slice());
            let value = pair_interaction(model, test, layer, pair, manner, seed).map_err(stopped)?;
            (all[[a, b]], all[[b, a]]) = (value, value);
        }
    }
    Ok(all)
}

fn draw_interactions(
    groups: &[Group],
    interactions: &Array2<f64>,
    n: usize,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let pairs: Vec<f64> = interactions.indexed_iter().filter(|((a, b), _)| a < b).map(|(_, v)| *v).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let what = "interaction of two groups lost together, mean over pairs: above 0 for redundancy";
    let variant = "loss without both less the sum of the losses without each";
    outcome.metric("interaction", Estimate::new(mean(&pairs), what, variant, n, "test images").with_unit("nats"));
    let names: Vec<String> = groups.iter().map(|g| g.name.clone()).collect();
    let low = pairs.iter().copied().fold(0.0, f64::min);
    let high = pairs.iter().copied().fold(0.0, f64::max).max(low + 1e-9);
    let map = Heatmap {
        title: "interaction of groups (nats)".into(),
        rows: names.clone(),
        columns: names,
        values: interactions.clone(),
        range: (low, high),
    };
    let caption = "What losing two groups together adds to the sum of losing each, in nats of loss: above 0 where either can stand in for the other, below 0 where each is worth less without the other, 0 for an additive network.";
    outcome.figure("interactions", "Interaction of groups", caption, map.svg().map_err(failed)?);
    Ok(())
}

/// Groups of equal size by falling score.
fn quantile_groups(score: &[f64], count: usize) -> Result<Vec<Group>, StageError> {
    if score.len() < count {
        return Err(StageError::Failed(format!("{} units cannot make {count} groups", score.len())));
    }
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
    let edge = |g: usize| g * order.len() / count;
    let name = |g: usize| match g {
        0 => "highest".to_owned(),
        g if g + 1 == count => "lowest".to_owned(),
        g => format!("part {} of {count}", g + 1),
    };
    Ok((0..count).map(|g| Group { name: name(g), units: order[edge(g)..edge(g + 1)].to_vec() }).collect())
}

fn report(
    p: &LesionGroupsParameters,
    n: usize,
    effects: &[GroupEffect],
    shapley: Option<&Shapley>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let mut bars = Vec::new();
    for (index, effect) in effects.iter().enumerate() {
        let key = effect.name.replace(' ', "_");
        let variant = format!("{:?} of {} units, by {:?}", p.manner, effect.units, p.by);
        let null = NullDistribution {
            method: if p.match_activity {
                "random groups of equal size and activity"
            } else {
                "random groups of equal size"
            }
            .into(),
            draws: effect.control_loss_nats.len(),
            mean: mean(&effect.control_loss_nats),
            sd: variance(&effect.control_loss_nats, 0).sqrt(),
            p: effect.p_hurts_more,
        };
        let loss = Estimate::new(effect.loss_change_nats, "rise of the loss", &variant, n, "test images")
            .with_constant("z", effect.z)
            .with_constant("q", effect.q_hurts_more)
            .with_unit("nats")
            .with_null(null);
        outcome.metric(&format!("{key}_loss_change"), loss);
        let accuracy = Estimate::new(effect.accuracy_change, "change of accuracy", &variant, n, "test images");
        outcome.metric(&format!("{key}_accuracy_change"), accuracy);
        if let Some(shapley) = shapley {
            let mut value = Estimate::new(
                shapley.values_nats[index],
                "Shapley value",
                "sampled orders, each both ways",
                p.shapley_orders,
                "orders",
            )
            .with_unit("nats");
            value.interval = shapley.intervals[index].clone();
            outcome.metric(&format!("{key}_shapley"), value);
        }
        let sorted = |q: f64| rheobase_core::statistics::quantile(&effect.control_loss_nats, q);
        bars.push(Bar {
            name: effect.name.clone(),
            value: effect.loss_change_nats,
            interval: Some((sorted(0.025), sorted(0.975))),
            mark: if effect.q_hurts_more < 0.05 { "*".into() } else { String::new() },
        });
    }
    let column = |f: &dyn Fn(&GroupEffect) -> f64| effects.iter().map(f).collect::<Vec<f64>>();
    let table = Table::new()
        .with("group", effects.iter().map(|e| e.name.clone()).collect::<Vec<_>>())?
        .with("units", effects.iter().map(|e| e.units).collect::<Vec<_>>())?
        .with("loss_change_nats", column(&|e| e.loss_change_nats))?
        .with("accuracy_change", column(&|e| e.accuracy_change))?
        .with("z", column(&|e| e.z))?
        .with("p_hurts_more", column(&|e| e.p_hurts_more))?
        .with("q_hurts_more", column(&|e| e.q_hurts_more))?;
    outcome.table("groups", table);
    let figure = Bars { title: "lesions of groups".into(), label: "rise of the loss (nats)".into(), bars, band: None };
    let caption = format!(
        "Rise of the loss without each group of units (n = {n} test images); lines span 95 % of random groups of the same size{}; * more than those (q < .05).",
        if p.match_activity { " and activity" } else { "" }
    );
    outcome.figure("groups", "Groups of units lost together", &caption, figure.svg().map_err(failed)?);
    Ok(())
}
