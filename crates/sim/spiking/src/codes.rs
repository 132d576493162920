//! Codes in rate and in phase at once (Panzeri et al. 2010 Trends Neurosci 33:111; Montemurro et al. 2008 Curr Biol 18:375), and phase
//! precession (O'Keefe & Recce 1993 Hippocampus 3:317).

use rand::RngExt;
use rheobase_core::{RandomStream, Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, Result, require_range};

/// A neuron whose rate tells one stimulus and whose phase in a slow wave another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Multiplexing {
    /// Mean rate for each level of the first stimulus, in Hz.
    pub rates_hz: Vec<f64>,
    /// Preferred phases: levels of the second stimulus, evenly around the circle.
    pub phases: usize,
    /// Depth of modulation by phase, 0 to 1.
    pub depth: f64,
    /// Frequency of the wave in Hz.
    pub wave_hz: f64,
    /// Length of a trial in ms.
    pub trial_ms: f64,
    /// Trials of each pair of stimuli.
    pub trials: usize,
    /// Classes into which counts are divided, equally filled, and classes of the mean phase.
    pub classes: [usize; 2],
}

impl Default for Multiplexing {
    fn default() -> Self {
        Self {
            rates_hz: vec![10.0, 20.0, 40.0, 80.0],
            phases: 4,
            depth: 0.6,
            wave_hz: 4.0,
            trial_ms: 1000.0,
            trials: 300,
            classes: [6, 8],
        }
    }
}

/// Information in bits about both stimuli, corrected for the bias of few trials (Panzeri & Treves 1996 Network 7:87).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Information {
    /// In the count.
    pub rate: f64,
    /// In the mean phase.
    pub phase: f64,
    /// In both.
    pub joint: f64,
}

/// Information of a response about a stimulus: plug-in estimate less (sum_s (R_s - 1) - (R - 1)) / (2 N ln 2), R counting responses that
/// occur.
pub fn information_bits(stimuli: &[usize], responses: &[usize]) -> f64 {
    let (s, r) = (stimuli.iter().max().map_or(0, |m| m + 1), responses.iter().max().map_or(0, |m| m + 1));
    let mut counts = vec![vec![0.0; r]; s];
    stimuli.iter().zip(responses).for_each(|(s, r)| counts[*s][*r] += 1.0);
    let n = stimuli.len() as f64;
    let totals: Vec<f64> = (0..r).map(|k| counts.iter().map(|row| row[k]).sum()).collect();
    let mut plug_in = 0.0;
    let mut bias = 1.0 - totals.iter().filter(|t| **t > 0.0).count() as f64;
    for row in counts {
        let sum: f64 = row.iter().sum();
        bias += row.iter().filter(|c| **c > 0.0).count() as f64 - 1.0;
        for (c, total) in row.iter().zip(&totals).filter(|(c, _)| **c > 0.0) {
            plug_in += c / n * (c * n / (sum * total)).log2();
        }
    }
    plug_in - bias / (2.0 * n * std::f64::consts::LN_2)
}

impl Multiplexing {
    /// Refuses modulation above 1 and empty designs.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("depth", self.depth, 0.0, 1.0)?;
        require_range("wave_hz", self.wave_hz, POSITIVE, 1e3)?;
        require_range("trial_ms", self.trial_ms, 1000.0 / self.wave_hz, 1e6)?;
        require_range("trials", self.trials as f64, 2.0, 1e6)?;
        require_range("phases", self.phases as f64, 2.0, 100.0)?;
        require_range("number of rates_hz", self.rates_hz.len() as f64, 2.0, 100.0)?;
        self.classes.iter().try_for_each(|c| require_range("classes", *c as f64, 2.0, 1e3).map(|_| ()))?;
        self.rates_hz.iter().try_for_each(|r| require_range("rates_hz", *r, POSITIVE, 1e4).map(|_| ()))
    }

    /// Phases of the spikes of one trial, by thinning.
    fn trial(&self, level: usize, preferred: usize, stream: &mut RandomStream) -> Vec<f64> {
        let (top, tau) = (self.rates_hz[level] * 1e-3 * (1.0 + self.depth), std::f64::consts::TAU);
        let shift = tau * preferred as f64 / self.phases as f64;
        let (mut t, mut phases) = (0.0, Vec::new());
        loop {
            t -= (1.0 - stream.random::<f64>()).ln() / top;
            if t >= self.trial_ms {
                return phases;
            }
            let phase = (tau * self.wave_hz * t * 1e-3).rem_euclid(tau);
            if stream.random::<f64>() * (1.0 + self.depth) < 1.0 + self.depth * (phase - shift).cos() {
                phases.push(phase);
            }
        }
    }

    /// Information of all trials, and with the phases of all spikes shuffled among trials.
    pub fn run(&self, seed: &Seed) -> (Information, Information) {
        let mut stream = seed.stream();
        let (mut stimuli, mut spikes) = (Vec::new(), Vec::new());
        for level in 0..self.rates_hz.len() {
            for preferred in 0..self.phases {
                for _ in 0..self.trials {
                    stimuli.push(level * self.phases + preferred);
                    spikes.push(self.trial(level, preferred, &mut stream));
                }
            }
        }
        let intact = self.information(&stimuli, &spikes);
        let mut all: Vec<f64> = spikes.iter().flatten().copied().collect();
        for k in (1..all.len()).rev() {
            all.swap(k, stream.random_range(0..=k));
        }
        let mut rest = all.into_iter();
        let shuffled: Vec<Vec<f64>> = spikes.iter().map(|s| rest.by_ref().take(s.len()).collect()).collect();
        (intact, self.information(&stimuli, &shuffled))
    }

    fn information(&self, stimuli: &[usize], spikes: &[Vec<f64>]) -> Information {
        let mut sorted: Vec<usize> = spikes.iter().map(Vec::len).collect();
        sorted.sort_unstable();
        let edge = |k: usize| sorted[(sorted.len() * k / self.classes[0]).min(sorted.len() - 1)];
        let count_class = |n: usize| (1..self.classes[0]).filter(|k| n >= edge(*k)).count();
        let phase_class = |s: &Vec<f64>| {
            let (x, y) = s.iter().fold((0.0, 0.0), |(x, y), p| (x + p.cos(), y + p.sin()));
            let turn = y.atan2(x).rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU;
            // Classes are centred on phase 0.
            let n = self.classes[1];
            (turn * n as f64 + 0.5) as usize % n
        };
        let rate: Vec<usize> = spikes.iter().map(|s| count_class(s.len())).collect();
        let phase: Vec<usize> = spikes.iter().map(phase_class).collect();
        let joint: Vec<usize> = rate.iter().zip(&phase).map(|(r, p)| r * self.classes[1] + p).collect();
        Information {
            rate: information_bits(stimuli, &rate),
            phase: information_bits(stimuli, &phase),
            joint: information_bits(stimuli, &joint),
        }
    }
}

/// A place cell as the sum of two oscillators (O'Keefe & Recce 1993).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PhasePrecession {
    /// Frequency of theta in Hz.
    pub theta_hz: f64,
    /// Length of the field in cm.
    pub field_cm: f64,
    /// Speed in cm/s.
    pub speed_cm_s: f64,
    /// Cycles that the cell gains on theta per cm.
    pub beta_per_cm: f64,
    /// Runs through the field.
    pub runs: usize,
    /// Greatest rate in Hz.
    pub peak_hz: f64,
}

impl Default for PhasePrecession {
    fn default() -> Self {
        Self { theta_hz: 8.0, field_cm: 40.0, speed_cm_s: 20.0, beta_per_cm: 1.0 / 40.0, runs: 50, peak_hz: 60.0 }
    }
}

/// Spikes in a field and the line through them.
#[derive(Debug, Clone, PartialEq)]
pub struct Precession {
    /// Place in the field (0 to 1) and theta phase in degrees of each spike.
    pub spikes: Vec<(f64, f64)>,
    /// Slope of the circular-linear regression in degrees per field.
    pub slope_deg: f64,
    /// Circular-linear correlation.
    pub rho: f64,
}

impl PhasePrecession {
    /// Refuses fields without length and speeds of 0.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [
            ("theta_hz", self.theta_hz),
            ("field_cm", self.field_cm),
            ("speed_cm_s", self.speed_cm_s),
            ("peak_hz", self.peak_hz),
        ] {
            require_range(name, value, POSITIVE, 1e4)?;
        }
        require_range("beta_per_cm", self.beta_per_cm, 0.0, 10.0)?;
        require_range("runs", self.runs as f64, 1.0, 1e5).map(|_| ())
    }

    /// Runs through the field; theta starts at a random phase each time, the cell half a cycle away from it at the field's entry.
    pub fn run(&self, seed: &Seed) -> Precession {
        let tau = std::f64::consts::TAU;
        let cell_hz = self.theta_hz + self.beta_per_cm * self.speed_cm_s;
        let (duration_s, dt_s) = (self.field_cm / self.speed_cm_s, 1e-3);
        let mut spikes = Vec::new();
        for run in 0..self.runs {
            let mut stream = seed.index(run).stream();
            let start = tau * stream.random::<f64>();
            for step in 0..(duration_s / dt_s) as usize {
                let t = step as f64 * dt_s;
                let theta = start + tau * self.theta_hz * t;
                let cell = start + std::f64::consts::PI + tau * cell_hz * t;
                // Where the two are in phase, in the middle of the field, the cell fires most; its own wave decides when. A cell of
                // theta's frequency has no field.
                let field = if self.beta_per_cm > 0.0 { 0.5 + 0.5 * (cell - theta).cos() } else { 1.0 };
                let drive = cell.cos().max(0.0).powi(4) * field;
                if stream.random::<f64>() < self.peak_hz * dt_s * drive {
                    spikes.push((t / duration_s, theta.rem_euclid(tau).to_degrees()));
                }
            }
        }
        let (slope_deg, rho) = circular_linear(&spikes);
        Precession { spikes, slope_deg, rho }
    }
}

/// Slope in degrees per unit of the line that makes residual phases most alike, and the correlation of the phases with that line
/// (Kempter et al. 2012 J Neurosci Methods 207:113); slopes up to two cycles are searched.
pub fn circular_linear(points: &[(f64, f64)]) -> (f64, f64) {
    let length = |slope: f64| {
        let sums = points.iter().fold((0.0, 0.0), |(x, y), (place, deg)| {
            let residual = (deg - slope * place).to_radians();
            (x + residual.cos(), y + residual.sin())
        });
        (sums.0.hypot(sums.1) / points.len() as f64, sums.1.atan2(sums.0))
    };
    let mut best = (0.0, length(0.0).0);
    for k in -1440..=1440 {
        let slope = 0.5 * f64::from(k);
        let found = length(slope).0;
        if found > best.1 {
            best = (slope, found);
        }
    }
    let slope = best.0;
    let mean_angle = |angles: &[f64]| {
        let sums = angles.iter().fold((0.0, 0.0), |(x, y), a| (x + a.cos(), y + a.sin()));
        sums.1.atan2(sums.0)
    };
    let phases: Vec<f64> = points.iter().map(|(_, deg)| deg.to_radians()).collect();
    let line: Vec<f64> = points.iter().map(|(place, _)| (slope * place).to_radians()).collect();
    let (mp, ml) = (mean_angle(&phases), mean_angle(&line));
    let sum = |f: &dyn Fn(f64, f64) -> f64| {
        phases.iter().zip(&line).map(|(p, l)| f((p - mp).sin(), (l - ml).sin())).sum::<f64>()
    };
    let rho = sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (slope, if slope == 0.0 { 0.0 } else { rho * slope.signum() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_is_exact_where_it_is_known() {
        // Four stimuli, told apart without error: 2 bits; told apart in pairs: 1 bit.
        let stimuli: Vec<usize> = (0..4000).map(|k| k % 4).collect();
        assert!((information_bits(&stimuli, &stimuli) - 2.0).abs() < 1e-3);
        let pairs: Vec<usize> = stimuli.iter().map(|s| s / 2).collect();
        assert!((information_bits(&stimuli, &pairs) - 1.0).abs() < 1e-3);
        // Independent responses: the bias of 4 x 4 classes, 9 / (2 N ln 2) = .0016, is taken off.
        let mut stream = Seed::root(1).stream();
        let noise: Vec<usize> = stimuli.iter().map(|_| stream.random_range(0..4)).collect();
        assert!(information_bits(&stimuli, &noise).abs() < 2.5e-3);
    }

    /// systems.md B19.
    #[test]
    fn rate_and_phase_carry_their_own_stimulus() {
        let (intact, shuffled) = Multiplexing::default().run(&Seed::root(1));
        assert!((0.5..1.6).contains(&intact.rate) && (0.5..1.6).contains(&intact.phase), "{intact:?}");
        assert!(intact.joint >= 0.9 * (intact.rate + intact.phase), "{intact:?}");
        assert!(
            shuffled.phase <= 0.1 * intact.phase && (shuffled.rate / intact.rate - 1.0).abs() <= 0.05,
            "{shuffled:?}"
        );
    }

    #[test]
    fn a_faster_cell_precesses_and_one_of_thetas_frequency_does_not() {
        let found = PhasePrecession::default().run(&Seed::root(1));
        assert!((found.slope_deg + 360.0).abs() <= 30.0 && found.rho.abs() >= 0.8, "{} {}", found.slope_deg, found.rho);
        let locked = PhasePrecession { beta_per_cm: 0.0, ..PhasePrecession::default() }.run(&Seed::root(1));
        assert!(locked.slope_deg.abs() < 30.0, "{}", locked.slope_deg);
    }
}
