//! `[analysis.*] kind = "surrogate-curves"`: how well surrogates do against their depth, their size or what they have seen.
//!
//! The depth that a neuron needs is how its complexity was first told (Beniaguev, Segev & London 2021, Neuron 109:2727): the least depth
//! whose area under the ROC curve is within a share of the best.

use std::collections::BTreeMap;

use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_surrogate::metrics::functional_complexity_index;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quality::Quality;
use super::{SurrogateArtifact, require_plain};
use crate::draw::{chart, metric, series};
use crate::kind::{Kind, complaint, main_output};

/// What surrogates are lined up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Layers.
    Depth,
    /// Trainable numbers.
    Parameters,
    /// Minutes of the neuron that were seen in training.
    TrainingMinutes,
}

impl Over {
    fn of(self, q: &Quality) -> f64 {
        match self {
            Self::Depth => q.depth as f64,
            Self::Parameters => q.parameters as f64,
            Self::TrainingMinutes => q.train_s / 60.0,
        }
    }

    /// Place on the axis: networks differ by orders of magnitude in size.
    fn drawn(self, q: &Quality) -> f64 {
        if self == Self::Parameters { self.of(q).log10() } else { self.of(q) }
    }

    fn axis(self) -> &'static str {
        match self {
            Self::Depth => "layers",
            Self::Parameters => "log10 of trainable numbers",
            Self::TrainingMinutes => "training data (minutes of the neuron)",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Depth => "layers",
            Self::Parameters => "",
            Self::TrainingMinutes => "min",
        }
    }
}

/// Parameters of `surrogate-curves`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurvesParameters {
    /// What surrogates are lined up by.
    pub over: Over,
    /// Surrogates of each line, by the line's name; letters, digits and `_`.
    pub lines: BTreeMap<String, Vec<Input<SurrogateArtifact>>>,
    /// Share of the best area under the curve that counts as reached.
    #[serde(default = "share")]
    pub share_of_best: f64,
}

fn share() -> f64 {
    0.98
}

/// Curves of surrogates.
pub struct SurrogateCurves;

impl Kind for SurrogateCurves {
    type Parameters = CurvesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "surrogate-curves";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "how well surrogates do against their depth, their size or how much of the neuron they have seen";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("curves of surrogates")];

    fn check(p: &CurvesParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if !(p.share_of_best > 0.0 && p.share_of_best <= 1.0) {
            let message = format!("share_of_best is {}: above 0, at most 1", p.share_of_best);
            all.push(complaint(&["share_of_best"], message, "0.98 is usual"));
        }
        all.extend(require_plain("lines", p.lines.keys()));
        for (name, surrogates) in &p.lines {
            if surrogates.len() < 2 {
                let message = format!("line `{name}` has {} surrogates: at least 2", surrogates.len());
                all.push(complaint(&["lines", name], message, "name more surrogates"));
            }
        }
        if p.lines.is_empty() {
            all.push(complaint(
                &["lines"],
                "there is no line to draw".into(),
                "name surrogates: lines = { nmda = [..] }",
            ));
        }
        all
    }

    fn run(p: &CurvesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let (mut lines, mut rows) = (vec![], vec![]);
        for (name, surrogates) in &p.lines {
            let mut found = surrogates
                .iter()
                .map(|input| Ok((input.0.clone(), Quality::load(context.input(input)?)?)))
                .collect::<Result<Vec<_>, StageError>>()?;
            found.sort_by(|a, b| p.over.of(&a.1).total_cmp(&p.over.of(&b.1)));
            report_line(name, p, &found, &mut outcome);
            let points = found.iter().map(|(_, q)| (p.over.drawn(q), q.spikes.auc)).collect();
            let bounds = |q: &Quality| q.spikes.interval().map_or((q.spikes.auc, q.spikes.auc), |i| (i.low, i.high));
            let band = found.iter().map(|(_, q)| (p.over.drawn(q), bounds(q).0, bounds(q).1)).collect();
            lines.push(series(name, points, Marks::Band(band)));
            rows.extend(found.into_iter().map(|(node, q)| (name.clone(), node, q)));
        }
        let column = |value: fn(&Quality) -> f64| rows.iter().map(|(_, _, q)| value(q)).collect::<Vec<_>>();
        let table = Table::new()
            .with("line", rows.iter().map(|r| r.0.clone()).collect::<Vec<_>>())?
            .with("surrogate", rows.iter().map(|r| r.1.clone()).collect::<Vec<_>>())?
            .with("depth", column(|q| q.depth as f64))?
            .with("parameters", column(|q| q.parameters as f64))?
            .with("training_minutes", column(|q| q.train_s / 60.0))?
            .with("auc", column(|q| q.spikes.auc))?
            .with("auc_standard_error", column(|q| q.spikes.auc_standard_error))?
            .with("complexity_index", column(|q| functional_complexity_index(q.spikes.auc)))?;
        outcome.table("surrogates", table);
        let caption = "Area under the ROC curve on unseen trials; the bands are 95 % intervals of its estimate (DeLong 1988), not of training.";
        let key = ["curves", "Accuracy of surrogates", caption];
        chart(&mut outcome, key, [p.over.axis(), "area under the ROC curve"], lines)?;
        Ok(outcome)
    }
}

/// The best of a line, what it takes to come near, and its complexity.
fn report_line(name: &str, p: &CurvesParameters, found: &[(String, Quality)], outcome: &mut Outcome) {
    let n = (found.len(), "surrogates");
    let best = found.iter().map(|(_, q)| q.spikes.auc).fold(f64::MIN, f64::max);
    metric(outcome, &format!("{name}_best"), best, ("best area under the ROC curve", ""), n);
    let near = found.iter().find(|(_, q)| q.spikes.auc >= p.share_of_best * best);
    let what = "least on the horizontal axis that comes within the stated share of the best";
    if let Some((_, q)) = near {
        metric(outcome, &format!("{name}_needed"), p.over.of(q), (what, p.over.unit()), n);
    }
    let index = functional_complexity_index(best);
    let what = "functional complexity index at the best area";
    metric(outcome, &format!("{name}_complexity"), index, (what, ""), n);
}
