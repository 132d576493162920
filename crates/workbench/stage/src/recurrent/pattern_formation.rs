//! `[analysis.*] kind = "pattern-formation"`: the theory of when grids should appear.

use rheobase_core::parallel;
use rheobase_core::statistics::mean;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::pattern_formation::{PatternFormation as Theory, Profile};
use rheobase_receptive_field::spatial::grid::periodic_grid_score;
use rheobase_report::figure::{Matrix, Panel};
use rheobase_task::space::ReadOut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spatial::RingChoice;
use crate::draw::metric;
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `pattern-formation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatternParameters {
    /// Place cells that are read out; their number does not matter here.
    pub read_out: ReadOut,
    /// Side of the periodic floor in m.
    #[serde(default = "side")]
    pub side_m: f64,
    /// Bins along a side.
    #[serde(default = "pattern_bins")]
    pub bins: usize,
    /// Whether rates are held at zero or above.
    #[serde(default = "yes")]
    pub non_negative: bool,
    /// Steps.
    #[serde(default = "steps")]
    pub steps: usize,
    /// Runs from different noise.
    #[serde(default = "runs")]
    pub runs: usize,
}

fn side() -> f64 {
    2.2
}
fn pattern_bins() -> usize {
    44
}
fn yes() -> bool {
    true
}
fn steps() -> usize {
    3000
}
fn runs() -> usize {
    12
}

impl PatternParameters {
    fn theory(&self) -> Option<Theory> {
        let (sd_m, profile) = match self.read_out {
            ReadOut::Gaussian { sd_m, .. } => (sd_m, Profile::Gaussian),
            ReadOut::DifferenceOfSoftmaxes { sd_m, surround_ratio, .. }
            | ReadOut::DifferenceOfGaussians { sd_m, surround_ratio, .. } => {
                (sd_m, Profile::DifferenceOfGaussians { surround_ratio })
            }
            _ => return None,
        };
        Some(Theory {
            bins: self.bins,
            side_m: self.side_m,
            sd_m,
            profile,
            non_negative: self.non_negative,
            steps: self.steps,
        })
    }
}

/// Pattern formation.
pub struct PatternFormation;

impl Kind for PatternFormation {
    type Parameters = PatternParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "pattern-formation";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "which maps learning to read out place cells should grow (Sorscher et al. 2019), without training";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("grown maps")];

    fn check(p: &PatternParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if let Err(error) = p.read_out.check() {
            all.push(complaint(&["read_out"], error.to_string(), "mend this parameter"));
        }
        if p.theory().is_none() {
            let help = "gaussian, difference-of-softmaxes or difference-of-gaussians";
            all.push(complaint(&["read_out", "kind"], "the theory is for place cells of one profile".into(), help));
        }
        if p.bins < 10 || p.runs == 0 || p.steps == 0 || p.side_m.is_nan() || p.side_m <= 0.0 {
            let message = format!("bins is {}, runs {}, steps {}, side_m {}", p.bins, p.runs, p.steps, p.side_m);
            all.push(complaint(&["bins"], message, "at least 10 bins, 1 run, 1 step and a side above 0"));
        }
        all
    }

    fn run(p: &PatternParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let Some(theory) = p.theory() else { return Err(StageError::Failed("no theory for this read-out".into())) };
        let maps = parallel::map(p.runs, threads(), |k| theory.grow(&context.seed.index(k)));
        let rings = RingChoice::Short.rings();
        let scores: Vec<f64> = maps
            .iter()
            .map(|map| periodic_grid_score(map, &rings).map(|s| s.min_max))
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let periods: Vec<f64> = maps.iter().map(|map| theory.period_m(map)).collect();
        let mut outcome = Outcome::default();
        let n = (p.runs, "runs");
        let extreme = |f: fn(f64, f64) -> f64, from: f64| scores.iter().copied().fold(from, f);
        metric(&mut outcome, "grid_score", mean(&scores), ("mean grid score of the grown maps", ""), n);
        metric(&mut outcome, "least_grid_score", extreme(f64::min, f64::INFINITY), ("least grid score", ""), n);
        metric(&mut outcome, "largest_grid_score", extreme(f64::max, f64::NEG_INFINITY), ("largest grid score", ""), n);
        metric(&mut outcome, "period_m", mean(&periods), ("mean period of the waves with most power", "m"), n);
        let table = Table::new()
            .with("run", (0..p.runs).collect::<Vec<_>>())?
            .with("grid_score", scores.clone())?
            .with("period_m", periods)?;
        outcome.table("runs", table);
        let panels = maps
            .iter()
            .zip(&scores)
            .take(6)
            .map(|(map, s)| Panel { name: format!("score {s:.2}"), values: map.clone() });
        let figure = Matrix {
            title: "grown maps".into(),
            label: "rate".into(),
            panels: panels.collect(),
            across: 6,
            range: None,
        };
        let caption = format!("Maps grown from noise on a periodic floor of {} m, with their grid scores.", p.side_m);
        outcome.figure("maps", "Grown maps", &caption, figure.svg().map_err(failed)?);
        Ok(outcome)
    }
}
