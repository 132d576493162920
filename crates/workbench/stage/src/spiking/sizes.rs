//! `[analysis.*] kind = "synapse-sizes"` and `kind = "redundant-synapses"`: models of weights without a network.

use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::plasticity::redundant::Redundant;
use rheobase_spiking::plasticity::spines::{Kesten, PruneRegrow, normal_distance, tail_exponent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, histogram, metric, series};
use crate::kind::{Kind, complaint, main_output};

/// Parameters of `synapse-sizes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseSizesParameters {
    /// Multiplicative fluctuations.
    #[serde(default)]
    pub kesten: Kesten,
    /// Synapses that fluctuate, and steps.
    #[serde(default = "fluctuating")]
    pub fluctuating: [usize; 2],
    /// Pruning and growth, once for each probability in `preferential`.
    #[serde(default)]
    pub prune_regrow: PruneRegrow,
    /// Probabilities of growth where strength is.
    pub preferential: Vec<f64>,
    /// Strength from which on the tail is fitted.
    #[serde(default = "tail")]
    pub tail_from: u32,
}

fn fluctuating() -> [usize; 2] {
    [5000, 1000]
}

fn tail() -> u32 {
    5
}

/// Sizes of synapses.
pub struct SynapseSizes;

impl Kind for SynapseSizes {
    type Parameters = SynapseSizesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "synapse-sizes";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "heavy-tailed synapse sizes from multiplicative fluctuation and from pruning and growth (Lynn et al. 2024)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("sizes of synapses")];

    fn check(p: &SynapseSizesParameters) -> Vec<Complaint> {
        let models =
            p.preferential.iter().map(|preferential| PruneRegrow { preferential: *preferential, ..p.prune_regrow });
        let problem = models.map(|m| m.check()).chain([p.kesten.check()]).find_map(Result::err);
        problem.map(|e| complaint(&["preferential"], e.to_string(), "mend this parameter")).into_iter().collect()
    }

    fn run(p: &SynapseSizesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let [synapses, steps] = p.fluctuating;
        let (mut reference, mut memory, mut last) = (vec![], vec![], vec![]);
        p.kesten.run(synapses, steps, &context.seed.child("kesten"), |step, sizes| {
            // The first half is left for the distribution to become stationary.
            if step == steps / 2 {
                reference = sizes.to_vec();
            }
            if step >= steps / 2 {
                let r = rheobase_core::statistics::pearson(&reference, sizes).unwrap_or(f64::NAN);
                memory.push(((step - steps / 2) as f64, r));
            }
            last = sizes.to_vec();
        });
        let logs: Vec<f64> = last.iter().map(|s| s.ln()).collect();
        metric(
            &mut outcome,
            "log_normal_distance",
            normal_distance(&logs),
            ("Kolmogorov-Smirnov of log sizes", ""),
            (synapses, "synapses"),
        );
        let after = |k: usize| memory.get(k).map_or(f64::NAN, |m: &(f64, f64)| m.1);
        metric(
            &mut outcome,
            "memory_after_10",
            after(10),
            ("correlation of sizes after 10 steps", ""),
            (synapses, "synapses"),
        );
        metric(
            &mut outcome,
            "memory_after_100",
            after(100),
            ("correlation of sizes after 100 steps", ""),
            (synapses, "synapses"),
        );
        let ends = [logs.iter().copied().fold(f64::MAX, f64::min), logs.iter().copied().fold(f64::MIN, f64::max)];
        let line = series("log size", histogram(&logs, ends, 40), Marks::Line);
        let caption = "Logarithms of sizes after multiplicative fluctuation: close to normal.";
        chart(&mut outcome, ["fluctuation", "Sizes by fluctuation", caption], ["ln size", "share"], vec![line])?;
        let caption = "Correlation of sizes with those at the beginning: no synapse stays, the distribution does.";
        let line = series("correlation", memory, Marks::Line);
        chart(&mut outcome, ["memory", "Memory of sizes", caption], ["steps", "correlation"], vec![line])?;
        let mut lines = Vec::new();
        for preferential in &p.preferential {
            let model = PruneRegrow { preferential: *preferential, ..p.prune_regrow };
            let strengths = model.run(&context.seed.child("prune").index((preferential * 1e6) as usize));
            let (exponent, n) = model.fitted_exponent(&strengths, p.tail_from);
            let (straight, _) = tail_exponent(&strengths, p.tail_from);
            let name = format!("{preferential}").replace('.', "_");
            metric(
                &mut outcome,
                &format!("exponent_{name}"),
                exponent,
                ("exponent of the tail", ""),
                (n, "connections"),
            );
            metric(
                &mut outcome,
                &format!("power_law_{name}"),
                straight,
                ("exponent of a pure power law", ""),
                (n, "connections"),
            );
            let expected = model.tail_exponent();
            metric(
                &mut outcome,
                &format!("exponent_error_{name}"),
                exponent - expected,
                ("exponent less 1 + 1/p", ""),
                (n, "connections"),
            );
            let top = 60;
            let total = strengths.len() as f64;
            let share = |s: u32| strengths.iter().filter(|x| **x == s).count() as f64 / total;
            let log = |(s, p): (u32, f64)| (f64::from(s).log10(), p.log10());
            let found: Vec<_> = (1..top).map(|s| (s, share(s))).filter(|x| x.1 > 0.0).map(log).collect();
            let theory = model.stationary(top as usize);
            let theory = (1..top).map(|s| log((s, theory[s as usize]))).collect();
            lines.push(series(&format!("p = {preferential}"), found, Marks::Points));
            lines.push(series(&format!("theory, p = {preferential}"), theory, Marks::Line));
        }
        let caption = "Strengths of connections after pruning and growth, and the stationary distribution.";
        chart(&mut outcome, ["strengths", "Strengths", caption], ["log10 strength", "log10 share"], lines)?;
        Ok(outcome)
    }
}

/// Parameters of `redundant-synapses`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedundantSynapsesParameters {
    /// Task and learner.
    #[serde(default)]
    pub learner: Redundant,
    /// Random tasks.
    #[serde(default = "tasks")]
    pub tasks: usize,
}

fn tasks() -> usize {
    400
}

/// Redundant synapses.
pub struct RedundantSynapses;

impl Kind for RedundantSynapses {
    type Parameters = RedundantSynapsesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "redundant-synapses";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "several synapses per connection as samples of its weight (Hiratani & Fukai 2018), beside the \
                                 delta rule and the Kalman filter";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("learning curves")];

    fn check(p: &RedundantSynapsesParameters) -> Vec<Complaint> {
        let problem = p.learner.check().err();
        problem.map(|e| complaint(&["learner"], e.to_string(), "mend this parameter")).into_iter().collect()
    }

    fn run(p: &RedundantSynapsesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let learning = p.learner.run(p.tasks, &context.seed);
        let last = |errors: &[f64]| errors.last().copied().unwrap_or(f64::NAN);
        let (delta, best) = learning.best_delta();
        let (redundant, kalman) = (last(&learning.redundant), last(&learning.kalman));
        let of = (p.tasks, "tasks");
        metric(&mut outcome, "error", redundant, ("squared error of redundant synapses", ""), of);
        metric(&mut outcome, "over_delta_rule", redundant / delta, ("error over that of the best delta rule", ""), of);
        metric(&mut outcome, "over_kalman", redundant / kalman, ("error over that of the Kalman filter", ""), of);
        metric(
            &mut outcome,
            "best_learning_rate",
            p.learner.learning_rates[best],
            ("best fixed learning rate", ""),
            of,
        );
        let curve = |errors: &[f64]| errors.iter().enumerate().map(|(k, e)| (k as f64 + 1.0, *e)).collect::<Vec<_>>();
        let lines = vec![
            series("redundant synapses", curve(&learning.redundant), Marks::Line),
            series("best delta rule", curve(&learning.delta[best]), Marks::Line),
            series("Kalman filter", curve(&learning.kalman), Marks::Dashed),
        ];
        let caption = "Mean squared error of weights over trials.";
        chart(&mut outcome, ["learning", "Learning", caption], ["trial", "squared error"], lines)?;
        Ok(outcome)
    }
}
