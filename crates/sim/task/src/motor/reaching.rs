//! Reach to a target with a two-joint arm: the output is the activation of six muscles.
//!
//! The wanted activations are those of a minimum-jerk movement of the hand (Flash & Hogan 1985, J Neurosci 5:1688) by inverse
//! dynamics; the judge lets the network's own activations move the arm and looks where the hand ends.

use ndarray::ArrayView2;
use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arm::{ArmState, MUSCLE_NAMES, MUSCLES, activations, hand, inverse_dynamics, muscle_torque, posture, step};
use crate::error::require;
use crate::{Result, Task, Timing, Trial};

/// The reaching task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reaching {
    /// Step in ms.
    pub dt_ms: f64,
    /// Directions around the start.
    pub directions: usize,
    /// Distance in m.
    pub distance_m: f64,
    /// Time with the target shown before the go.
    pub preparation: Timing,
    /// Length of the movement in ms.
    pub movement_ms: f64,
    /// Time after it in which the hand should stay, in ms.
    pub hold_ms: f64,
    /// Largest distance between hand and target at the end of a right reach, in m.
    pub tolerance_m: f64,
}

impl Default for Reaching {
    fn default() -> Self {
        Self {
            dt_ms: 10.0,
            directions: 8,
            distance_m: 0.1,
            preparation: Timing::Uniform { from_ms: 200.0, to_ms: 400.0 },
            movement_ms: 500.0,
            hold_ms: 100.0,
            tolerance_m: 0.03,
        }
    }
}

const START: [f64; 2] = [0.0, 0.4];

impl Reaching {
    fn target(&self, direction: usize) -> [f64; 2] {
        let angle = std::f64::consts::TAU * direction as f64 / self.directions as f64;
        [START[0] + self.distance_m * angle.cos(), START[1] + self.distance_m * angle.sin()]
    }

    /// Joint angles of the minimum-jerk movement at a time in s.
    fn planned(&self, direction: usize, time_s: f64) -> [f64; 2] {
        let s = (time_s / (self.movement_ms / 1e3)).clamp(0.0, 1.0);
        let along = s * s * s * (10.0 - 15.0 * s + 6.0 * s * s);
        let target = self.target(direction);
        let place = std::array::from_fn(|i| START[i] + along * (target[i] - START[i]));
        posture(place).unwrap_or([0.0; 2])
    }

    /// Muscle activations of the plan at a time in s.
    fn wanted(&self, direction: usize, time_s: f64) -> [f64; MUSCLES] {
        const H: f64 = 1e-4;
        let [a, b, c] = [-H, 0.0, H].map(|h| self.planned(direction, time_s + h));
        let state = ArmState { angle: b, velocity: std::array::from_fn(|i| (c[i] - a[i]) / (2.0 * H)) };
        let acceleration = std::array::from_fn(|i| (c[i] - 2.0 * b[i] + a[i]) / (H * H));
        activations(inverse_dynamics(state, acceleration))
    }

    /// Path of the hand under these activations from the go on, (x, y) in m after each step.
    pub fn hand_path(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Vec<[f64; 2]> {
        let mut state = ArmState { angle: posture(START).unwrap_or([0.0; 2]), velocity: [0.0; 2] };
        let go = trial.epoch("movement").start;
        (go..trial.steps())
            .map(|t| {
                let activation: [f64; MUSCLES] = std::array::from_fn(|m| f64::from(outputs[[t, m]]));
                state = step(state, muscle_torque(&activation), self.dt_ms / 1e3);
                hand(state.angle)
            })
            .collect()
    }
}

impl Task for Reaching {
    fn check(&self) -> Result<()> {
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0 && self.dt_ms <= 50.0, "above 0, at most 50 ms")?;
        require("directions", self.directions as f64, self.directions >= 1, "at least 1")?;
        let reach = self.distance_m;
        require(
            "distance_m",
            reach,
            reach > 0.0 && reach <= 0.2,
            "above 0, at most 0.2 m: farther is out of the arm's reach",
        )?;
        require("movement_ms", self.movement_ms, self.movement_ms >= 10.0 * self.dt_ms, "at least 10 steps")?;
        require("hold_ms", self.hold_ms, self.hold_ms >= 0.0, "0 ms or more")?;
        require("tolerance_m", self.tolerance_m, self.tolerance_m > 0.0, "above 0 m")?;
        self.preparation.check("preparation")
    }

    fn inputs(&self) -> Vec<String> {
        ["target x", "target y", "hold"].map(String::from).to_vec()
    }

    fn outputs(&self) -> Vec<String> {
        MUSCLE_NAMES.map(String::from).to_vec()
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let mut stream = seed.stream();
        let in_steps = |ms: f64| (ms / self.dt_ms).round() as usize;
        let mut trial = Trial::in_epochs(
            &[
                ("preparation", self.preparation.steps(self.dt_ms, &mut stream)),
                ("movement", in_steps(self.movement_ms)),
                ("hold", in_steps(self.hold_ms)),
            ],
            3,
            MUSCLES,
        );
        let direction = stream.random_range(0..self.directions);
        let target = self.target(direction);
        let go = trial.epoch("movement").start;
        for k in 0..2 {
            trial.inputs.column_mut(k).fill(((target[k] - START[k]) / self.distance_m) as f32);
        }
        trial.inputs.slice_mut(ndarray::s![..go, 2]).fill(1.0);
        for t in trial.epoch("movement") {
            let time_s = (t - go) as f64 * self.dt_ms / 1e3;
            for (m, a) in self.wanted(direction, time_s + 0.5e-3 * self.dt_ms).into_iter().enumerate() {
                trial.targets[[t, m]] = a as f32;
            }
        }
        trial.conditions.insert("direction", direction as f64);
        trial.conditions.insert("target_x_m", target[0]);
        trial.conditions.insert("target_y_m", target[1]);
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        Some(f64::from(u8::from(self.error(trial, outputs)? <= self.tolerance_m)))
    }

    fn error(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let end = *self.hand_path(trial, outputs).last()?;
        let target = [*trial.conditions.get("target_x_m")?, *trial.conditions.get("target_y_m")?];
        Some((end[0] - target[0]).hypot(end[1] - target[1]))
    }

    fn error_unit(&self) -> &'static str {
        "m"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_activations_bring_the_hand_to_every_target() {
        let task = Reaching { dt_ms: 5.0, ..Reaching::default() };
        for k in 0..24 {
            let trial = task.trial(&Seed::root(3).index(k));
            let error = task.error(&trial, trial.targets.view()).unwrap();
            // Activations are held over steps of 5 ms: the end is off by a few millimetres.
            assert!(error < 0.008, "{error}");
            let nothing = ndarray::Array2::zeros(trial.targets.dim());
            assert!((task.error(&trial, nothing.view()).unwrap() - task.distance_m).abs() < 1e-9);
        }
    }
}
