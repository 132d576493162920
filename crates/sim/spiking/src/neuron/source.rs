//! Neurons without a membrane: point processes and given spike times.
//!
//! A renewal process in operational time (Cox & Lewis 1966; Brown et al. 2002): the integral of the rate since the last spike is
//! compared with a number drawn from a gamma distribution of mean 1, whose shape 1 is the Poisson process and whose coefficient of
//! variation is 1 / sqrt(shape). After a spike nothing comes for the dead time; the rate outside it is raised to r / (1 - r t_dead), so
//! that r is the rate that is found.

use rand::RngExt;
use rand_distr::{Distribution as _, Gamma};
use rheobase_core::Seed;
use rheobase_core::expression::{Dimension, Program, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::{POSITIVE, Result, require_range};
use crate::random::BLOCK;

/// How spikes are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Drawing {
    /// One number for each interval.
    #[default]
    Intervals,
    /// One number for each step (Poisson processes only).
    Steps,
}

/// A point process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Renewal {
    /// Rate in Hz; multiplied by `course` where that is given.
    pub rate_hz: f64,
    /// Course of the rate over `t`, such as `sin(0.01 * t / ms) ^ 2`; below 0 it is 0.
    pub course: Option<String>,
    /// Shape of the gamma distribution of intervals in operational time; 1 is Poisson.
    pub shape: f64,
    /// Dead time in ms.
    pub dead_ms: f64,
    /// How spikes are drawn.
    pub drawing: Drawing,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { rate_hz: 10.0, course: None, shape: 1.0, dead_ms: 0.0, drawing: Drawing::Intervals }
    }
}

/// Spikes at given times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpikeTimes {
    /// Times of each neuron in ms; a neuron without a list is silent.
    pub times_ms: Vec<Vec<f64>>,
}

impl Renewal {
    fn program(&self) -> Result<Option<Program>> {
        let Some(text) = &self.course else { return Ok(None) };
        let formula = parse(text, &[("t", Dimension::TIME)]).map_err(|e| Error::Description(e.to_string()))?;
        if formula.dimension != Dimension::NONE {
            let problem = format!("the course \"{text}\" is {}; it must be a plain number", formula.dimension);
            return Err(Error::Description(problem));
        }
        Ok(Some(Program::new(&[formula])))
    }

    /// Refuses rates and shapes that make no process, and more than one spike in a step.
    ///
    /// # Errors
    /// Naming population and parameter.
    pub fn check(&self, what: &str, dt_ms: f64) -> Result<()> {
        require_range(format!("rate_hz of {what}"), self.rate_hz, 0.0, 1000.0 / dt_ms)?;
        require_range(format!("shape of {what}"), self.shape, POSITIVE, 1e6)?;
        let longest = if self.rate_hz > 0.0 { 999.0 / self.rate_hz } else { 1e9 };
        require_range(format!("dead_ms of {what}"), self.dead_ms, 0.0, longest)?;
        if self.drawing == Drawing::Steps && self.shape != 1.0 {
            return Err(Error::Description(format!("{what} is drawn by steps, which needs shape = 1")));
        }
        self.program().map(|_| ())
    }
}

impl SpikeTimes {
    /// Refuses times that are not finite or before 0.
    ///
    /// # Errors
    /// Naming population, neuron and time.
    pub fn check(&self, what: &str) -> Result<()> {
        for (neuron, times) in self.times_ms.iter().enumerate() {
            times.iter().try_for_each(|t| {
                require_range(format!("a spike time of neuron {neuron} of {what}"), *t, 0.0, 1e12).map(|_| ())
            })?;
        }
        Ok(())
    }
}

/// The processes of the neurons of a shard.
pub(crate) struct Processes {
    renewal: Renewal,
    program: Option<Program>,
    seed: Seed,
    first: usize,
    /// Rate of each neuron in Hz.
    pub rates_hz: Vec<f64>,
    pub state: Vec<ProcessState>,
}

/// One process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProcessState {
    /// Operational time to the next spike.
    left: f64,
    /// Steps of dead time left.
    dead: u32,
    /// Numbers drawn.
    drawn: u64,
}

impl Processes {
    pub fn new(renewal: &Renewal, rates_hz: Vec<f64>, first: usize, seed: &Seed) -> Result<Self> {
        let mut processes = Self {
            renewal: renewal.clone(),
            program: renewal.program()?,
            seed: seed.child("process"),
            first,
            state: vec![ProcessState::default(); rates_hz.len()],
            rates_hz,
        };
        for i in 0..processes.state.len() {
            // The first interval has begun before: a uniform part is left of one found with a probability that grows with its
            // length, which for a gamma distribution is one of a shape larger by 1.
            let mut stream = processes.seed.index(processes.first + i).child("first").stream();
            let shape = renewal.shape;
            let found = Gamma::new(shape + 1.0, 1.0 / shape).map_or(1.0, |g| g.sample(&mut stream));
            processes.state[i].left = found * stream.random::<f64>();
        }
        Ok(processes)
    }

    fn draw(&mut self, i: usize) -> f64 {
        let state = &mut self.state[i];
        let mut stream = self.seed.index(self.first + i).index(state.drawn as usize).stream();
        state.drawn += 1;
        match self.renewal.drawing {
            Drawing::Steps => 0.0,
            Drawing::Intervals if self.renewal.shape == 1.0 => -(1.0 - stream.random::<f64>()).ln(),
            Drawing::Intervals => {
                let shape = self.renewal.shape;
                Gamma::new(shape, 1.0 / shape).map_or(1.0, |g| g.sample(&mut stream))
            }
        }
    }

    /// Appends the numbers of those that spike in a step from `t_ms` on; `numbers` are random for
    /// each block of 64 neurons of the population.
    pub fn advance(&mut self, t_ms: f64, dt_ms: f64, numbers: impl Fn(usize) -> [u32; BLOCK], fired: &mut Vec<u32>) {
        let course = self.program.as_ref().map_or(1.0, |p| p.evaluate(&[t_ms + 0.5 * dt_ms])[0].max(0.0));
        let mut block = [0; BLOCK];
        for i in 0..self.state.len() {
            if self.renewal.drawing == Drawing::Steps && i % BLOCK == 0 {
                block = numbers((self.first + i) / BLOCK);
            }
            if self.state[i].dead > 0 {
                self.state[i].dead -= 1;
                continue;
            }
            let rate = self.rates_hz[i] * course * 1e-3;
            let raised = rate / (1.0 - rate * self.renewal.dead_ms).max(1e-3);
            let spikes = if self.renewal.drawing == Drawing::Steps {
                (f64::from(block[i % BLOCK]) + 0.5) / 4_294_967_296.0 < raised * dt_ms
            } else {
                self.state[i].left -= raised * dt_ms;
                self.state[i].left <= 0.0
            };
            if spikes {
                let next = self.draw(i);
                self.state[i].left = (self.state[i].left + next).max(0.0);
                self.state[i].dead = (self.renewal.dead_ms / dt_ms).round() as u32;
                fired.push((self.first + i) as u32);
            }
        }
    }
}
