//! Tasks and environments: what a network sees and should produce.
//!
//! A [`Task`] draws [`Trial`]s (inputs, targets, masks, epochs, a row of the trial table) from a seed and judges outputs.
//!
//! | module | tasks |
//! |---|---|
//! | [`memory`] | flip-flop, copy, adding, delayed match, working memory, two delays |
//! | [`decision`] | perceptual decision, context-dependent and multisensory integration, parametric comparison |
//! | [`pattern`] | sine generator, temporal exclusive or, ready-set-go, digits row by row |
//! | [`motor`] | reaching with a two-joint arm, muscle patterns of many reaches, sequences of eye movements |
//! | [`space`] | path integration with place, direction and Cartesian read-outs, head-centred localisation |
//!
//! [`stroke_digits`] draws images of digits to be told apart, [`spoken_digits`] speaks them in spikes; [`space::session`], [`tuned_trials`],
//! [`modulated_trials`], [`feature_trials`] and [`noise_responses`] simulate recordings whose truth is known, for the instruments.
//!
//! [`AnyTask`] is one of them, told apart by `kind`.

mod choice;
pub mod decision;
mod error;
pub mod feature_trials;
pub mod memory;
pub mod modulated_trials;
pub mod motor;
pub mod noise_responses;
pub mod pattern;
pub mod space;
pub mod spoken_digits;
pub mod stroke_digits;
mod timing;
mod trial;
pub mod tuned_trials;

pub use error::{Error, Result};
pub use timing::Timing;
pub use trial::{Epoch, Loss, Task, Trial};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! tasks {
    ($($(#[$doc:meta])* $variant:ident($task:ty) = $kind:literal,)+) => {
        /// Any task, told apart by its kind. A new task is one file and one line here.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum AnyTask {
            $($(#[$doc])* #[serde(rename = $kind)] $variant($task),)+
        }

        impl AnyTask {
            /// The task.
            pub fn task(&self) -> &dyn Task {
                match self {
                    $(Self::$variant(task) => task,)+
                }
            }

            /// Its kind.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)+
                }
            }

            /// Every task with its default parameters.
            pub fn all() -> Vec<Self> {
                vec![$(Self::$variant(<$task>::default()),)+]
            }
        }
    };
}

tasks! {
    /// k-bit flip-flop.
    FlipFlop(memory::FlipFlop) = "flip-flop",
    /// Copy a sequence after a delay.
    Copy(memory::Copy) = "copy",
    /// Add two marked numbers.
    Adding(memory::Adding) = "adding",
    /// Delayed match to sample.
    DelayedMatch(memory::DelayedMatch) = "delayed-match",
    /// Hold a direction.
    WorkingMemory(memory::WorkingMemory) = "working-memory",
    /// A fast and a slow cue.
    TwoDelays(memory::TwoDelays) = "two-delays",
    /// Which input is larger?
    PerceptualDecision(decision::PerceptualDecision) = "perceptual-decision",
    /// Integrate the stream that the context names.
    ContextIntegration(decision::ContextIntegration) = "context-integration",
    /// Compare two frequencies across a delay.
    ParametricComparison(decision::ParametricComparison) = "parametric-comparison",
    /// Faster than a boundary, seen, heard or both?
    Multisensory(decision::Multisensory) = "multisensory",
    /// Produce a sine.
    SineGenerator(pattern::SineGenerator) = "sine-generator",
    /// Exclusive or of successive bits.
    TemporalXor(pattern::TemporalXor) = "temporal-xor",
    /// Measure and produce an interval.
    ReadySetGo(pattern::ReadySetGo) = "ready-set-go",
    /// Tell digits apart that come in row by row.
    DigitRows(pattern::DigitRows) = "digit-rows",
    /// Reach with an arm.
    Reaching(motor::Reaching) = "reaching",
    /// Muscle activity of many reaches.
    MusclePattern(motor::MusclePattern) = "muscle-pattern",
    /// Three eye movements of a sequence.
    EyeSequence(motor::EyeSequence) = "eye-sequence",
    /// Where am I?
    PathIntegration(space::PathIntegration) = "path-integration",
    /// Where is it, relative to the head?
    HeadCentred(space::HeadCentred) = "head-centred",
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Seed;

    #[test]
    fn every_task_draws_consistent_trials_and_rewards_its_own_targets() {
        for any in AnyTask::all() {
            let task = any.task();
            task.check().unwrap();
            let mut scores = (0.0, 0.0, 0.0);
            for k in 0..20 {
                let seed = Seed::root(1).index(k);
                let trial = task.trial(&seed);
                assert_eq!(trial, task.trial(&seed), "{}", any.kind());
                let steps = trial.steps();
                assert!(steps > 0 && trial.targets.nrows() == steps && trial.mask.dim() == trial.targets.dim());
                assert_eq!(trial.inputs.ncols(), task.inputs().len(), "{}", any.kind());
                assert_eq!(trial.targets.ncols(), task.outputs().len(), "{}", any.kind());
                assert_eq!(trial.initial.len(), task.initial(), "{}", any.kind());
                assert!(trial.mask.sum() > 0.0, "{}", any.kind());
                assert!(trial.epochs.last().is_none_or(|e| e.steps.end == steps), "{}", any.kind());
                // A logistic output is a logit: its sign is the answer.
                let shift = if task.loss() == Loss::Logistic { 0.5 } else { 0.0 };
                let right = trial.targets.mapv(|v| v - shift);
                let Some(score) = task.score(&trial, right.view()) else { continue };
                scores.0 += score;
                scores.1 += task.score(&trial, right.mapv(|v| -v).view()).unwrap_or(0.0);
                scores.2 += 1.0;
            }
            if scores.2 > 0.0 {
                assert!(scores.0 == scores.2, "{}: targets score {} of {}", any.kind(), scores.0, scores.2);
                assert!(scores.1 < 0.7 * scores.2, "{}: wrong answers score {}", any.kind(), scores.1);
            }
        }
    }

    #[test]
    fn impossible_parameters_are_refused_with_what_is_allowed() {
        let bad = memory::FlipFlop { bits: 0, ..Default::default() };
        assert_eq!(bad.check().unwrap_err().to_string(), "bits is 0, allowed is 1 to 16 bits");
        assert!(motor::Reaching { distance_m: 0.5, ..Default::default() }.check().is_err());
        assert!(decision::PerceptualDecision { dt_ms: 200.0, ..Default::default() }.check().is_err());
    }
}
