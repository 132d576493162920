//! Two populations whose active shares excite and inhibit each other (Wilson & Cowan 1972 Biophys J 12:1, equations 12 and 13):
//!
//! tau_e E' = -E + (k_e - r_e E) S_e(c_1 E - c_2 I + P), tau_i I' = -I + (k_i - r_i I) S_i(c_3 E - c_4 I + Q), with
//! S(x) = 1 / (1 + e^(-a (x - theta))) - 1 / (1 + e^(a theta)), so that rest is at 0, and k = S(infinity).

use ndarray::{Array1, ArrayView1, array};
use rheobase_core::Dynamics;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One population.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Weight of the excitatory population, c_1 or c_3.
    pub from_excitatory: f64,
    /// Weight of the inhibitory population, c_2 or c_4; it is subtracted.
    pub from_inhibitory: f64,
    /// Greatest slope of the response times 4, a.
    pub slope: f64,
    /// Input at which the response is steepest, theta.
    pub threshold: f64,
    /// Share of its time that an active neuron is refractory, r.
    #[serde(default = "one")]
    pub refractory: f64,
    /// Constant input, P or Q.
    #[serde(default)]
    pub drive: f64,
    /// Time constant in ms.
    #[serde(default = "eight")]
    pub tau_ms: f64,
}

fn one() -> f64 {
    1.0
}
fn eight() -> f64 {
    8.0
}

impl Share {
    /// Share that fires at a mean input.
    pub fn response(&self, x: f64) -> f64 {
        1.0 / (1.0 + (-self.slope * (x - self.threshold)).exp()) - self.at_rest()
    }

    fn at_rest(&self) -> f64 {
        1.0 / (1.0 + (self.slope * self.threshold).exp())
    }

    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        for (name, value) in [("tau_ms", self.tau_ms), ("slope", self.slope)] {
            if !(value > 0.0 && value.is_finite()) {
                return Some(format!("{name} is {value}, it must be above 0"));
            }
        }
        let numbers = [self.from_excitatory, self.from_inhibitory, self.threshold, self.refractory, self.drive];
        let wrong = numbers.iter().find(|v| !v.is_finite());
        wrong.map(|v| format!("{v} is no number to calculate with"))
    }

    fn velocity(&self, own: f64, e: f64, i: f64, input: f64) -> f64 {
        let x = self.from_excitatory * e - self.from_inhibitory * i + self.drive + input;
        let most = 1.0 - self.at_rest();
        ((most - self.refractory * own) * self.response(x) - own) / self.tau_ms
    }
}

/// Two populations in steps of the classical Runge-Kutta method. As [`Dynamics`] its state is (E, I) and its inputs are added to P and Q.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WilsonCowan {
    /// The excitatory population.
    pub excitatory: Share,
    /// The inhibitory one.
    pub inhibitory: Share,
    /// Step in ms.
    #[serde(default = "step")]
    pub dt_ms: f64,
}

fn step() -> f64 {
    0.1
}

impl WilsonCowan {
    /// What is wrong with it: name of the part and message.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let [e, i] = [("excitatory", &self.excitatory), ("inhibitory", &self.inhibitory)];
        let part = [e, i].into_iter().find_map(|(name, share)| share.problem().map(|message| (name, message)));
        let longest = 0.5 * self.excitatory.tau_ms.min(self.inhibitory.tau_ms);
        let wrong = !(self.dt_ms > 0.0 && self.dt_ms <= longest);
        part.or_else(|| {
            wrong.then(|| ("dt_ms", format!("dt_ms is {}, it must be above 0 and at most {longest}", self.dt_ms)))
        })
    }

    /// E' and I' in 1/ms.
    pub fn velocity(&self, [e, i]: [f64; 2], [p, q]: [f64; 2]) -> [f64; 2] {
        [self.excitatory.velocity(e, e, i, p), self.inhibitory.velocity(i, e, i, q)]
    }

    /// The state after a step.
    pub fn next(&self, state: [f64; 2], input: [f64; 2]) -> [f64; 2] {
        let h = self.dt_ms;
        let along = |k: [f64; 2], by: f64| [state[0] + by * k[0], state[1] + by * k[1]];
        let first = self.velocity(state, input);
        let second = self.velocity(along(first, 0.5 * h), input);
        let third = self.velocity(along(second, 0.5 * h), input);
        let fourth = self.velocity(along(third, h), input);
        let mean = |k: usize| (first[k] + 2.0 * second[k] + 2.0 * third[k] + fourth[k]) / 6.0;
        along([mean(0), mean(1)], h)
    }

    /// The course from a state, (E, I) at every step, the start included.
    pub fn course(&self, start: [f64; 2], input: [f64; 2], duration_ms: f64) -> Vec<[f64; 2]> {
        let steps = (duration_ms / self.dt_ms).round() as usize;
        let mut all = vec![start];
        for _ in 0..steps {
            all.push(self.next(all[all.len() - 1], input));
        }
        all
    }
}

impl Dynamics for WilsonCowan {
    fn dimension(&self) -> usize {
        2
    }

    fn step(&self, state: ArrayView1<'_, f64>, input: ArrayView1<'_, f64>) -> Array1<f64> {
        let [e, i] = self.next([state[0], state[1]], [input[0], input[1]]);
        array![e, i]
    }
}

/// Size and frequency of an oscillation of a signal, if it goes up through its mean at least three times: peak to peak, Hz.
pub fn oscillation(signal: &[f64], dt_ms: f64) -> Option<(f64, f64)> {
    let mean = signal.iter().sum::<f64>() / signal.len().max(1) as f64;
    let crossing = |k: usize| {
        let (a, b) = (signal[k] - mean, signal[k + 1] - mean);
        (a < 0.0 && b >= 0.0).then(|| k as f64 - a / (b - a))
    };
    let ups: Vec<f64> = (0..signal.len().saturating_sub(1)).filter_map(crossing).collect();
    let (low, high) = signal.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    let (first, last) = (ups.first()?, ups.last()?);
    (ups.len() >= 3).then(|| (high - low, 1e3 * (ups.len() - 1) as f64 / ((last - first) * dt_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters of figure 11 of the paper.
    fn published() -> WilsonCowan {
        let share = |c: [f64; 2], slope, threshold| Share {
            from_excitatory: c[0],
            from_inhibitory: c[1],
            slope,
            threshold,
            refractory: 1.0,
            drive: 0.0,
            tau_ms: 8.0,
        };
        WilsonCowan { excitatory: share([16.0, 12.0], 1.3, 4.0), inhibitory: share([15.0, 3.0], 2.0, 3.7), dt_ms: 0.1 }
    }

    fn end(drive: f64) -> Option<(f64, f64)> {
        let course = published().course([0.1, 0.05], [drive, 0.0], 2000.0);
        let e: Vec<f64> = course[course.len() / 2..].iter().map(|s| s[0]).collect();
        oscillation(&e, 0.1).filter(|o| o.0 > 1e-3)
    }

    #[test]
    fn it_oscillates_under_the_published_drive_and_rests_without() {
        assert!(published().problem().is_none());
        // An independent solution (scipy's DOP853, tolerance 1e-10): .16710 and 25.0206 Hz.
        let (range, hz) = end(1.25).expect("a limit cycle");
        assert!((range - 0.16710).abs() < 1e-4 && (hz - 25.0206).abs() < 0.02, "{range} {hz}");
        assert_eq!(end(0.0), None);
        // Rest is a fixed point without drive.
        assert!(published().velocity([0.0, 0.0], [0.0, 0.0]).iter().all(|v| v.abs() < 1e-15));
    }

    #[test]
    fn steps_are_of_fourth_order() {
        let at = |dt_ms: f64| {
            let model = WilsonCowan { dt_ms, ..published() };
            *model.course([0.1, 0.05], [1.25, 0.0], 40.0).last().expect("a course")
        };
        let (coarse, fine, exact) = (at(1.0), at(0.5), at(0.01));
        let miss = |s: [f64; 2]| (s[0] - exact[0]).hypot(s[1] - exact[1]);
        let ratio = miss(coarse) / miss(fine);
        assert!((10.0..26.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn oscillations_are_measured_and_rest_is_none() {
        let sine: Vec<f64> =
            (0..10_000).map(|k| 3.0 + 2.0 * (f64::from(k) * 0.1 * std::f64::consts::TAU / 100.0).sin()).collect();
        let (range, hz) = oscillation(&sine, 0.1).unwrap();
        assert!((range - 4.0).abs() < 1e-3 && (hz - 10.0).abs() < 0.05, "{range} {hz}");
        assert_eq!(oscillation(&[1.0; 50], 0.1), None);
        assert_eq!(oscillation(&[], 0.1), None);
    }

    #[test]
    fn what_is_no_model_is_told() {
        let mut model = published();
        model.inhibitory.tau_ms = 0.0;
        assert_eq!(model.problem().unwrap(), ("inhibitory", "tau_ms is 0, it must be above 0".into()));
        let model = WilsonCowan { dt_ms: 5.0, ..published() };
        assert_eq!(model.problem().unwrap().0, "dt_ms");
    }
}
