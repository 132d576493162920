//! Channels as data: a TOML text with gates as formulas and units, compiled to vectorised operations.
//!
//! ```toml
//! name = "my-calcium"
//! about = "High-voltage-activated calcium"
//! open = "m^2 * h"            # share of open channels, over the gates
//! reversal_mv = 120.0         # or: carries_calcium = true
//! [parameters]                # may be set where the channel is inserted
//! shift_mv = 0.0
//! [gates.m]
//! opening = "0.209 / ms * linoid((v - shift_mv + 27 mV) / (3.8 mV))"
//! closing = "0.94 / ms * exp((-75 mV - v) / (17 mV))"
//! [gates.h]
//! limit = "1 / (1 + exp((v + 55 mV) / (6 mV)))"
//! tau = "20 ms"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use super::bank::{Bank, Membrane, Pullback, StepRecord, Stretch, blocks, blocks_mut, padded};
use crate::math::{Dual, Real, exp};
use crate::vectorised::{Kernel, vectorised};
use crate::{Error, Result};
use rheobase_core::expression::{BLOCK, Dimension, Program, parse};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    #[serde(default)]
    about: String,
    open: String,
    reversal_mv: Option<f64>,
    #[serde(default)]
    carries_calcium: bool,
    #[serde(default)]
    parameters: BTreeMap<String, f64>,
    #[serde(default)]
    gates: BTreeMap<String, GateText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GateText {
    opening: Option<String>,
    closing: Option<String>,
    limit: Option<String>,
    tau: Option<String>,
}

/// A channel read from a text.
#[derive(Debug, Clone)]
pub struct DescribedChannel {
    /// Name by which cells insert it.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Parameters with their values where none are given: `g_s_per_cm2`, `e_mv`, then the text's own in order of name.
    pub parameters: Vec<(String, f64)>,
    /// Names of its gates.
    pub gates: Vec<String>,
    /// Whether its current is carried by calcium.
    pub carries_calcium: bool,
    kinetics: Program,
    open: Program,
}

impl DescribedChannel {
    /// Reads and checks a text: units of every formula, and finite rates from -150 to 100 mV.
    ///
    /// # Errors
    /// What the TOML reader says, formulas that do not parse or whose units do not fit, gates without a complete pair of
    /// formulas, rates that are not finite or not positive somewhere in that range.
    pub fn read(text: &str) -> Result<Self> {
        let parsed: Text =
            toml::from_str(text).map_err(|e| Error::Description(format!("channel: {}", e.to_string().trim())))?;
        if parsed.reversal_mv.is_none() && !parsed.carries_calcium {
            let message = format!("channel {}: give reversal_mv, or carries_calcium = true", parsed.name);
            return Err(Error::Description(message));
        }
        let mut parameters =
            vec![("g_s_per_cm2".to_owned(), 1e-4), ("e_mv".to_owned(), parsed.reversal_mv.unwrap_or(132.0))];
        parameters.extend(parsed.parameters.clone());
        let dimension = |name: &str| match name.rsplit('_').next() {
            Some("mv") => Dimension::VOLTAGE,
            Some("ms") => Dimension::TIME,
            Some("mm") => Dimension::CONCENTRATION,
            Some("um") => Dimension::LENGTH,
            _ => Dimension::NONE,
        };
        let mut variables = vec![("v", Dimension::VOLTAGE), ("calcium", Dimension::CONCENTRATION)];
        variables.extend(parsed.parameters.keys().map(|name| (name.as_str(), dimension(name))));
        let mut formulas = Vec::new();
        for (gate, text) in &parsed.gates {
            let (first, second, wanted) = match (&text.opening, &text.closing, &text.limit, &text.tau) {
                (Some(opening), Some(closing), None, None) => (
                    format!("({opening}) / (({opening}) + ({closing}))"),
                    format!("({opening}) + ({closing})"),
                    Dimension::RATE,
                ),
                (None, None, Some(limit), Some(tau)) => (limit.clone(), format!("1 / ({tau})"), Dimension::RATE),
                _ => {
                    let message =
                        format!("channel {}, gate {gate}: give opening and closing, or limit and tau", parsed.name);
                    return Err(Error::Description(message));
                }
            };
            // The user's own texts first, so that messages quote them.
            for own in [&text.opening, &text.closing, &text.limit, &text.tau].into_iter().flatten() {
                parse(own, &variables)?;
            }
            for (formula, dimension) in [(first, Dimension::NONE), (second, wanted)] {
                let formula = parse(&formula, &variables)?;
                if formula.dimension != dimension {
                    let what = if dimension == Dimension::NONE { "limit" } else { "rate (1/ms) or tau (ms)" };
                    let found = formula.dimension;
                    return Err(Error::Description(format!(
                        "channel {}, gate {gate}: the {what} has the unit of {found}; it must be {dimension}",
                        parsed.name
                    )));
                }
                formulas.push(formula);
            }
        }
        let gates: Vec<String> = parsed.gates.keys().cloned().collect();
        let states: Vec<(&str, Dimension)> = gates.iter().map(|g| (g.as_str(), Dimension::NONE)).collect();
        let open = parse(&parsed.open, &states)?;
        if open.dimension != Dimension::NONE {
            return Err(Error::Description(format!(
                "channel {}: open has the unit of {}",
                parsed.name, open.dimension
            )));
        }
        let channel = Self {
            name: parsed.name,
            about: parsed.about,
            parameters,
            gates,
            carries_calcium: parsed.carries_calcium,
            kinetics: Program::new(&formulas),
            open: Program::new(&[open]),
        };
        channel.check_rates()?;
        Ok(channel)
    }

    fn check_rates(&self) -> Result<()> {
        let own: Vec<f64> = self.parameters[2..].iter().map(|(_, value)| *value).collect();
        for tenth in -1500..=1000 {
            let v = f64::from(tenth) * 0.1;
            let mut variables = vec![v, 1e-4];
            variables.extend(&own);
            let values: Vec<f64> = self.kinetics.evaluate(&variables);
            for (gate, pair) in self.gates.iter().zip(values.chunks(2)) {
                if !pair[0].is_finite() || !pair[1].is_finite() || pair[1] <= 0.0 {
                    return Err(Error::Description(format!(
                        "channel {}, gate {gate}: at {v} mV the limit is {} and the rate {} per ms; both must be finite and \
                         the rate positive. A quotient that is 0 / 0 can be written with linoid(x) = x / (1 - exp(-x))",
                        self.name, pair[0], pair[1]
                    )));
                }
            }
        }
        Ok(())
    }

    /// Makes its bank from values of shape (parameters, compartments).
    pub fn make(&self, parameters: &[Vec<f64>], lanes: usize) -> Box<dyn Bank> {
        let spread = |values: &Vec<f64>| padded(values.iter().flat_map(|&v| std::iter::repeat_n(v, lanes)).collect());
        let parameters: Vec<Vec<f64>> = parameters.iter().map(spread).collect();
        let size = parameters[0].len();
        Box::new(DescribedBank {
            states: vec![vec![0.0; size]; self.gates.len()],
            registers: vec![[0.0; BLOCK]; self.kinetics.registers().max(self.open.registers())],
            variables: vec![[0.0; BLOCK]; parameters.len()],
            gate_blocks: vec![[0.0; BLOCK]; self.gates.len()],
            parameters,
            channel: self.clone(),
        })
    }
}

struct DescribedBank {
    channel: DescribedChannel,
    states: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
    registers: Vec<[f64; BLOCK]>,
    variables: Vec<[f64; BLOCK]>,
    gate_blocks: Vec<[f64; BLOCK]>,
}

impl DescribedBank {
    fn variables_at<T: Real>(&self, i: usize, v: T, calcium: T) -> Vec<T> {
        let mut variables = vec![v, calcium];
        variables.extend(self.parameters[2..].iter().map(|values| T::constant(values[i])));
        variables
    }
}

impl Bank for DescribedBank {
    fn name(&self) -> &str {
        &self.channel.name
    }

    fn state_names(&self) -> Vec<String> {
        self.channel.gates.clone()
    }

    fn settle(&mut self, membrane: &Membrane) {
        for i in 0..membrane.v.len() {
            let values: Vec<f64> =
                self.channel.kinetics.evaluate(&self.variables_at(i, membrane.v[i], membrane.calcium[i]));
            for (state, pair) in self.states.iter_mut().zip(values.chunks(2)) {
                state[i] = pair[0];
            }
        }
    }

    fn step(&mut self, membrane: &mut Membrane, stretch: &Stretch) {
        vectorised(Step { bank: self, membrane, stretch });
    }

    fn state(&self, which: usize, index: usize) -> f64 {
        self.states[which][index]
    }

    fn memory(&self) -> Vec<Vec<f64>> {
        self.states.to_vec()
    }

    fn remember(&mut self, memory: &[Vec<f64>]) {
        self.states.iter_mut().zip(memory).for_each(|(own, saved)| own.clone_from(saved));
    }

    fn carries_calcium(&self) -> bool {
        self.channel.carries_calcium
    }

    fn parameter_count(&self) -> usize {
        self.parameters.len()
    }

    fn parameter_mut(&mut self, name: &str) -> Option<&mut Vec<f64>> {
        let place = self.channel.parameters.iter().position(|(known, _)| known == name)?;
        Some(&mut self.parameters[place])
    }

    fn pull_back(&self, step: StepRecord<'_>, states: &mut [f64], parameters: &mut [f64]) -> Result<Pullback> {
        let StepRecord { index, v, calcium, e_calcium, dt_ms, old, current } = step;
        let count = self.states.len();
        let by_v =
            self.channel.kinetics.evaluate(&self.variables_at(index, Dual::variable(v), Dual::constant(calcium)));
        let by_calcium =
            self.channel.kinetics.evaluate(&self.variables_at(index, Dual::constant(v), Dual::variable(calcium)));
        let advanced = |k: usize, by: &[Dual]| {
            let kept = (by[2 * k + 1] * -dt_ms).exp();
            by[2 * k] + (Dual::constant(old[k]) - by[2 * k]) * kept
        };
        let new: Vec<f64> = (0..count).map(|k| advanced(k, &by_v).value).collect();
        let g_max = self.parameters[0][index];
        let e = if self.channel.carries_calcium { e_calcium } else { self.parameters[1][index] };
        // g = g_max open, ge = g e.
        let to_g = current.0 + current.1 * e;
        let mut open = 0.0;
        for k in 0..count {
            let slope = self.channel.open.slopes(&new, k)[0];
            states[k] += to_g * g_max * slope.slope;
            open = slope.value;
        }
        parameters[0] += to_g * open;
        let mut pulled = Pullback::default();
        if self.channel.carries_calcium {
            pulled.e_calcium = current.1 * g_max * open;
        } else {
            parameters[1] += current.1 * g_max * open;
        }
        for k in 0..count {
            pulled.v += states[k] * advanced(k, &by_v).slope;
            pulled.calcium += states[k] * advanced(k, &by_calcium).slope;
            states[k] *= f64::exp(-dt_ms * by_v[2 * k + 1].value);
        }
        Ok(pulled)
    }
}

struct Step<'a> {
    bank: &'a mut DescribedBank,
    membrane: &'a mut Membrane,
    stretch: &'a Stretch,
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Step { bank, membrane, stretch } = self;
        let DescribedBank { channel, states, parameters, registers, variables, gate_blocks } = bank;
        for b in stretch.blocks.clone() {
            variables[0] = blocks(&membrane.v)[b];
            variables[1] = blocks(&membrane.calcium)[b];
            for (values, block) in parameters[2..].iter().zip(&mut variables[2..]) {
                *block = blocks(values)[b];
            }
            channel.kinetics.run(variables, registers);
            for (k, (state, block)) in states.iter_mut().zip(gate_blocks.iter_mut()).enumerate() {
                let state = &mut blocks_mut(state)[b];
                let limit = &registers[channel.kinetics.result(2 * k)];
                let rate = &registers[channel.kinetics.result(2 * k + 1)];
                for i in 0..BLOCK {
                    block[i] = limit[i] + (state[i] - limit[i]) * exp(rate[i] * -stretch.dt_ms);
                }
                *state = *block;
            }
            channel.open.run(gate_blocks, registers);
            let open = &registers[channel.open.result(0)];
            let e = &blocks(if channel.carries_calcium { &membrane.e_calcium } else { &parameters[1] })[b];
            let g_max = &blocks(&parameters[0])[b];
            let g: [f64; BLOCK] = std::array::from_fn(|i| g_max[i] * open[i]);
            let ge: [f64; BLOCK] = std::array::from_fn(|i| g[i] * e[i]);
            let add = |to: &mut [f64], what: &[f64; BLOCK]| {
                let block = &mut blocks_mut(to)[b];
                (0..BLOCK).for_each(|i| block[i] += what[i]);
            };
            add(&mut membrane.g, &g);
            add(&mut membrane.ge, &ge);
            if channel.carries_calcium {
                add(&mut membrane.g_calcium, &g);
                add(&mut membrane.ge_calcium, &ge);
            }
        }
    }
}
