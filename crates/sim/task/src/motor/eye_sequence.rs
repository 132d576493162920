//! Eight sequences of three eye movements (Averbeck, Sohn & Lee 2006, Nat Neurosci 9:276; Song, Yang & Wang 2016): the eye starts at the middle of three by
//! three dots, and at each movement the dot it is on and two neighbours are shown. Which of the two is right follows from the
//! sequence alone, which is named by an input: sideways first, then up or down, then sideways back or up-and-down back.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The sequence task. The trial table has `sequence`, 0 to 7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EyeSequence {
    /// Step in ms.
    pub dt_ms: f64,
    /// Time constant of the units that the noise is scaled for, in ms.
    pub tau_ms: f64,
    /// At the middle, before the first movement.
    pub fixation: Timing,
    /// Each movement: half to move, half to stay.
    pub movement: Timing,
    /// Noise of the inputs (stationary standard deviation).
    pub input_sd: f64,
}

impl Default for EyeSequence {
    fn default() -> Self {
        Self {
            dt_ms: 20.0,
            tau_ms: 100.0,
            fixation: Timing::fixed(300.0),
            movement: Timing::fixed(500.0),
            input_sd: 0.01,
        }
    }
}

const SEQUENCES: usize = 8;
const DOTS: usize = 9;
const MOVEMENTS: [&str; 3] = ["first", "second", "third"];

/// Place of a dot: x and y of -1, 0 or 1.
fn place(dot: usize) -> [f32; 2] {
    [(dot % 3) as f32 - 1.0, (dot / 3) as f32 - 1.0]
}

/// The dots of the two ways that a movement can go from a dot: by bit 0 or 1.
fn ways(movement: usize, from: usize) -> [usize; 2] {
    let (x, y) = (from % 3, from / 3);
    match movement {
        0 => [y * 3, y * 3 + 2],
        1 => [x, 6 + x],
        // Back to the middle column, or to the middle row.
        _ => [y * 3 + 1, 3 + x],
    }
}

/// Dots of a sequence, the middle first.
fn dots(sequence: usize) -> [usize; 4] {
    let mut all = [4; 4];
    for movement in 0..MOVEMENTS.len() {
        all[movement + 1] = ways(movement, all[movement])[(sequence >> movement) & 1];
    }
    all
}

impl Task for EyeSequence {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0 && self.dt_ms <= self.tau_ms, "above 0 ms, at most tau_ms")?;
        require("input_sd", self.input_sd, self.input_sd >= 0.0, "0 or more")?;
        Timing::check_all(&[("fixation", &self.fixation), ("movement", &self.movement)])
    }

    fn inputs(&self) -> Vec<String> {
        let sequences = (1..=SEQUENCES).map(|k| format!("sequence {k}"));
        sequences.chain((1..=DOTS).map(|k| format!("dot {k}"))).collect()
    }

    fn outputs(&self) -> Vec<String> {
        vec!["x".into(), "y".into()]
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let fixation = self.fixation.steps(self.dt_ms, &mut stream).max(1);
        let lengths = MOVEMENTS.map(|name| (name, self.movement.steps(self.dt_ms, &mut stream).max(2)));
        let parts = [&[("fixation", fixation)], &lengths[..]].concat();
        let mut trial = Trial::in_epochs(&parts, SEQUENCES + DOTS, 2);
        let sequence = stream.random_range(0..SEQUENCES);
        let path = dots(sequence);
        trial.inputs.column_mut(sequence).fill(1.0);
        for t in trial.epoch("fixation") {
            trial.inputs[[t, SEQUENCES + path[0]]] = 1.0;
        }
        for (movement, name) in MOVEMENTS.into_iter().enumerate() {
            let steps = trial.epoch(name);
            let [x, y] = place(path[movement + 1]);
            for t in steps.clone() {
                let [a, b] = ways(movement, path[movement]);
                for dot in [path[movement], a, b] {
                    trial.inputs[[t, SEQUENCES + dot]] = 1.0;
                }
                (trial.targets[[t, 0]], trial.targets[[t, 1]]) = (x, y);
            }
            // The eye has half of the time to get there.
            trial.mask.slice_mut(ndarray::s![steps.start..steps.start + steps.len() / 2, ..]).fill(0.0);
        }
        trial.conditions.insert("sequence", sequence as f64);
        trial.add_noise(self.input_sd, self.dt_ms / self.tau_ms, &mut stream);
        trial
    }

    /// 1 if the eye stays nearest to the right dot in the second half of all three movements.
    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let path = dots(*trial.conditions.get("sequence")? as usize);
        let right = MOVEMENTS.into_iter().enumerate().all(|(movement, name)| {
            let steps = trial.epoch(name);
            let late = steps.start + steps.len() / 2..steps.end;
            let mean = |axis: usize| late.clone().map(|t| outputs[[t, axis]]).sum::<f32>() / late.len() as f32;
            let (x, y) = (mean(0), mean(1));
            let away = |dot: usize| (place(dot)[0] - x).hypot(place(dot)[1] - y);
            let nearest = (0..DOTS).min_by(|a, b| away(*a).total_cmp(&away(*b)));
            nearest == Some(path[movement + 1])
        });
        Some(f64::from(u8::from(right)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn eight_sequences_of_neighbours_differ() {
        let all: BTreeSet<[usize; 4]> = (0..SEQUENCES).map(dots).collect();
        assert_eq!(all.len(), SEQUENCES);
        for path in all {
            for pair in path.windows(2) {
                let ([a, b], [c, d]) = (place(pair[0]), place(pair[1]));
                assert_eq!((a - c).abs() + (b - d).abs(), 1.0, "{path:?}");
            }
        }
    }

    #[test]
    fn at_each_movement_three_dots_are_shown_and_the_eye_must_reach_one() {
        let task = EyeSequence { input_sd: 0.0, ..EyeSequence::default() };
        let trial = task.trial(&Seed::root(4));
        for name in MOVEMENTS {
            for t in trial.epoch(name) {
                assert_eq!(trial.inputs.row(t).iter().skip(SEQUENCES).sum::<f32>(), 3.0);
            }
        }
        assert_eq!(task.score(&trial, trial.targets.view()), Some(1.0));
        // Staying at the last dot makes the third movement wrong.
        let mut late = trial.targets.clone();
        let third = trial.epoch("third");
        let before = late.row(third.start - 1).to_owned();
        third.for_each(|t| late.row_mut(t).assign(&before));
        assert_eq!(task.score(&trial, late.view()), Some(0.0));
    }
}
