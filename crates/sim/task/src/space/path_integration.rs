//! Path integration: from the movement alone, where am I? (McNaughton et al. 2006, Nat Rev Neurosci 7:663; Cueva & Wei 2018; Banino et
//! al. 2018; Sorscher et al. 2019). The trial starts from the code of its first place, z-scored over the place cells: the difference of two
//! softmaxes is nearly flat, and as it is it would start every trial from nearly the same state.

use ndarray::ArrayView2;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arena::{Arena, Path, Walk};
use super::place_code::{Code, ReadOut};
use crate::error::require;
use crate::{Loss, Result, Task, Trial};

/// How movement is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// Both components of the step, in units of the mean step.
    Velocity,
    /// Length of the step in units of the mean step, and cosine and sine of the heading.
    SpeedAndHeading,
}

/// How a place is read from the answers of place cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decoder {
    /// The mean centre of the three most active place cells (Sorscher et al. 2019).
    TopThree,
    /// The place whose code is nearest to the answers, see [`Code::decode_most_likely`].
    MostLikely,
}

/// The path integration task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PathIntegration {
    /// Where.
    pub arena: Arena,
    /// Step in ms.
    pub dt_ms: f64,
    /// Steps of a trial.
    pub steps: usize,
    /// Scale of the Rayleigh distribution of speed in m/s.
    pub speed_m_s: f64,
    /// Standard deviation of the turning rate in rad/s.
    pub turn_rad_s: f64,
    /// How movement is told.
    pub motion: Motion,
    /// What should come out.
    pub read_out: ReadOut,
    /// How a place is read from the answers.
    pub decoder: Decoder,
    /// Largest mean distance between place and answer in a trial done right, in m.
    pub tolerance_m: f64,
    /// Number that fixes the centres of place cells.
    pub design: u64,
}

impl Default for PathIntegration {
    fn default() -> Self {
        Self {
            arena: Arena::Square { side_m: 2.2 },
            dt_ms: 20.0,
            steps: 20,
            speed_m_s: 0.13 * std::f64::consts::TAU,
            turn_rad_s: 11.52,
            motion: Motion::Velocity,
            read_out: ReadOut::DifferenceOfSoftmaxes { cells: 512, sd_m: 0.12, surround_ratio: 2.0 },
            decoder: Decoder::TopThree,
            tolerance_m: 0.12,
            design: 1,
        }
    }
}

impl PathIntegration {
    /// The read-out with its centres.
    pub fn code(&self) -> Code {
        Code::new(self.read_out, self.arena, self.design)
    }

    /// The walk that the trial of this seed follows.
    pub fn path(&self, seed: &Seed) -> Path {
        let walk = Walk { dt_s: self.dt_ms / 1e3, speed_m_s: self.speed_m_s, turn_rad_s: self.turn_rad_s };
        walk.walk(self.arena, self.steps, &mut seed.stream())
    }

    /// Mean length of a step in m.
    fn mean_step_m(&self) -> f64 {
        // Mean of a Rayleigh distribution.
        self.speed_m_s * (std::f64::consts::PI / 2.0).sqrt() * self.dt_ms / 1e3
    }
}

impl Task for PathIntegration {
    fn check(&self) -> Result<()> {
        self.arena.check()?;
        require("dt_ms", self.dt_ms, self.dt_ms > 0.0, "above 0 ms")?;
        require("steps", self.steps as f64, self.steps >= 1, "at least 1")?;
        require("speed_m_s", self.speed_m_s, self.speed_m_s > 0.0, "above 0 m/s")?;
        require("turn_rad_s", self.turn_rad_s, self.turn_rad_s >= 0.0, "0 rad/s or more")?;
        require("tolerance_m", self.tolerance_m, self.tolerance_m > 0.0, "above 0 m")?;
        self.read_out.check()
    }

    fn inputs(&self) -> Vec<String> {
        let names: &[&str] = match self.motion {
            Motion::Velocity => &["step x", "step y"],
            Motion::SpeedAndHeading => &["speed", "cosine of heading", "sine of heading"],
        };
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn outputs(&self) -> Vec<String> {
        match self.read_out {
            ReadOut::Cartesian => vec!["x (m)".into(), "y (m)".into()],
            other => {
                let groups = other.groups();
                let place = (1..=groups[0]).map(|k| format!("place cell {k}"));
                let direction = (1..=groups.get(1).copied().unwrap_or(0)).map(|k| format!("direction cell {k}"));
                place.chain(direction).collect()
            }
        }
    }

    fn dt_ms(&self) -> f64 {
        self.dt_ms
    }

    fn loss(&self) -> Loss {
        match self.read_out {
            ReadOut::Cartesian => Loss::SquaredError,
            other => Loss::CrossEntropy { groups: other.groups() },
        }
    }

    fn initial(&self) -> usize {
        self.read_out.length()
    }

    fn trial(&self, seed: &Seed) -> Trial {
        let (code, path) = (self.code(), self.path(seed));
        let mut trial = Trial::blank(self.steps, self.inputs().len(), self.read_out.length());
        trial.initial = code.standardised(path.places[0], path.headings[0]);
        let unit = self.mean_step_m();
        for t in 0..self.steps {
            let (distance, heading) = (path.distances[t] / unit, path.headings[t + 1]);
            let motion = match self.motion {
                Motion::Velocity => vec![distance * heading.cos(), distance * heading.sin()],
                Motion::SpeedAndHeading => vec![distance, heading.cos(), heading.sin()],
            };
            for (k, value) in motion.into_iter().enumerate() {
                trial.inputs[[t, k]] = value as f32;
            }
            for (k, value) in code.encode(path.places[t + 1], heading).into_iter().enumerate() {
                trial.targets[[t, k]] = value;
            }
        }
        trial.places = path.places[1..].to_vec();
        trial
    }

    fn score(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        self.judge(trial, outputs).0
    }

    fn error(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> Option<f64> {
        let code = self.code();
        let candidates = (self.decoder == Decoder::MostLikely).then(|| code.candidates(self.arena));
        let miss = trial.places.iter().zip(outputs.rows()).map(|(place, y)| {
            let y = y.to_vec();
            let found = candidates.as_ref().map_or_else(|| code.decode(&y), |c| code.decode_most_likely(&y, c));
            (found[0] - place[0]).hypot(found[1] - place[1])
        });
        Some(miss.sum::<f64>() / trial.places.len() as f64)
    }

    fn judge(&self, trial: &Trial, outputs: ArrayView2<'_, f32>) -> (Option<f64>, Option<f64>) {
        let error = self.error(trial, outputs);
        (error.map(|miss| f64::from(u8::from(miss <= self.tolerance_m))), error)
    }

    fn error_unit(&self) -> &'static str {
        "m"
    }
}
