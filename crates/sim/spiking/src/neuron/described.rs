//! A neuron as data: differential equations, threshold and reset as formulas with units.
//!
//! ```toml
//! neuron = { kind = "described", equations = { v = "(-60 mV - v - w + input) / tau", w = "(a * (v + 60 mV) - w) / (100 ms)" },
//!            parameters = { tau = "20 ms", a = "0.1" }, start = { v = "-60 mV" }, threshold = "v > -50 mV",
//!            reset = { v = "-60 mV", w = "w + 2 mV" }, refractory_ms = 2.0 }
//! ```
//!
//! `v` is the voltage; `input` in mV is what the receptors contribute, conductances in units of the leak included; `t` is the time.
//! The method is chosen from the equations: linear ones with constant coefficients are integrated exactly (matrix exponential), ones
//! that are each linear in their own variable by exponential Euler steps, others by Euler steps.

use std::collections::BTreeMap;

use rheobase_core::expression::{BLOCK, Dimension, Formula, Node, Program, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require_range};
use crate::propagator::exponential;
use crate::{Error, Float};

/// How the equations are integrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Matrix exponential.
    Exact,
    /// Exact for each variable while the others stay.
    ExponentialEuler,
    /// Forward Euler.
    Euler,
}

/// A model given by its equations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// Time derivative of each variable; one of them is `v`.
    pub equations: BTreeMap<String, String>,
    /// Constants as text, such as `20 ms`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Value of variables at the start, as text; by default 0.
    #[serde(default)]
    pub start: BTreeMap<String, String>,
    /// Condition of a spike.
    pub threshold: String,
    /// What variables become at a spike.
    #[serde(default)]
    pub reset: BTreeMap<String, String>,
    /// Time for which `v` is held after a spike, in ms.
    #[serde(default)]
    pub refractory_ms: f64,
    /// Method; by default the best that the equations allow.
    #[serde(default)]
    pub method: Option<Method>,
}

/// A described model compiled for a step.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    pub method: Method,
    /// Place of `v` among the variables, which are in the order of their names.
    pub voltage: usize,
    pub variables: usize,
    start: Vec<f64>,
    /// Exact steps: x = keep x + push input + add.
    keep: Vec<Vec<f64>>,
    push: Vec<f64>,
    add: Vec<f64>,
    /// Derivatives, then slopes for exponential Euler steps.
    rates: Program,
    threshold: Program,
    reset: Vec<Option<Program>>,
}

impl Described {
    fn formula(
        &self,
        text: &str,
        known: &[(&str, Dimension)],
        of: Dimension,
        field: &str,
        what: &str,
    ) -> Result<Formula> {
        let failed = |problem: String| Error::Description(format!("{field} of {what}: {problem}"));
        let formula = parse(text, known).map_err(|e| failed(e.to_string()))?;
        if formula.dimension != of {
            return Err(failed(format!("\"{text}\" is {}; it must be {of}", formula.dimension)));
        }
        Ok(formula)
    }

    /// Constants put into a text, as numbers with their dimension.
    fn constants(&self, what: &str) -> Result<Vec<(String, Formula)>> {
        self.parameters
            .iter()
            .map(|(name, text)| {
                let failed = |e| Error::Description(format!("parameter {name} of {what}: {e}"));
                Ok((name.clone(), parse(text, &[]).map_err(failed)?))
            })
            .collect()
    }

    /// Refuses equations that do not parse or whose units do not fit.
    ///
    /// # Errors
    /// Naming population, field and character.
    pub fn check(&self, what: &str) -> Result<()> {
        require_range(format!("refractory_ms of {what}"), self.refractory_ms, 0.0, 1e9)?;
        self.kernel(what, 0.1, false).map(|_| ())
    }

    /// The method that a step would use; `conductances` says whether receptors change the conductance.
    ///
    /// # Errors
    /// As [`Described::check`].
    pub fn chosen_method(&self, conductances: bool) -> Result<Method> {
        self.kernel("the model", 0.1, conductances).map(|k| k.method)
    }

    pub(crate) fn kernel(&self, what: &str, dt_ms: f64, conductances: bool) -> Result<Kernel> {
        let fail = |problem: String| Err(Error::Description(format!("{what}: {problem}")));
        let names: Vec<&str> = self.equations.keys().map(String::as_str).collect();
        let Some(voltage) = names.iter().position(|n| *n == "v") else {
            return fail(format!("no equation for v among {}", names.join(", ")));
        };
        for name in self.start.keys().chain(self.reset.keys()) {
            if !names.contains(&name.as_str()) {
                return fail(format!("{name} is not a variable; known: {}", names.join(", ")));
            }
        }
        let constants = self.constants(what)?;
        let values: Vec<f64> =
            constants.iter().map(|(_, f)| Program::new(std::slice::from_ref(f)).evaluate::<f64>(&[])[0]).collect();
        // A variable's dimension is that of its start, or else mV.
        let mut dimensions = Vec::new();
        let mut start = vec![0.0; names.len()];
        for (k, name) in names.iter().enumerate() {
            let Some(text) = self.start.get(*name) else {
                dimensions.push(Dimension::VOLTAGE);
                continue;
            };
            let known: Vec<(&str, Dimension)> = constants.iter().map(|(n, f)| (n.as_str(), f.dimension)).collect();
            let formula =
                parse(text, &known).map_err(|e| Error::Description(format!("start of {name} of {what}: {e}")))?;
            start[k] = Program::new(std::slice::from_ref(&formula)).evaluate(&values)[0];
            dimensions.push(formula.dimension);
        }
        let mut known: Vec<(&str, Dimension)> = names.iter().copied().zip(dimensions.iter().copied()).collect();
        known.extend([("input", Dimension::VOLTAGE), ("t", Dimension::TIME)]);
        known.extend(constants.iter().map(|(n, f)| (n.as_str(), f.dimension)));
        let fixed = |formula: Formula| with_constants(formula, names.len() + 2, &values);
        let mut rates = Vec::new();
        for (k, (name, text)) in self.equations.iter().enumerate() {
            let of = dimensions[k].combine(Dimension::TIME, -1);
            rates.push(fixed(self.formula(text, &known, of, &format!("equation of {name}"), what)?));
        }
        let threshold = fixed(self.formula(&self.threshold, &known, Dimension::NONE, "threshold", what)?);
        let mut reset = vec![None; names.len()];
        for (name, text) in &self.reset {
            let k = names.iter().position(|n| n == name).unwrap_or(0);
            let formula = self.formula(text, &known, dimensions[k], &format!("reset of {name}"), what)?;
            reset[k] = Some(Program::new(&[fixed(formula)]));
        }
        let slopes: Option<Vec<Formula>> = rates.iter().enumerate().map(|(k, f)| f.slope(k)).collect();
        // Conductances make the input depend on the voltage: the factor of v is then not constant.
        let all: Vec<usize> = (0..=names.len() + 1).collect();
        let linear = rates.iter().all(|f| f.degree(&all).is_some_and(|d| d <= 1) && !f.uses(names.len() + 1));
        let best = match (&slopes, linear && !conductances) {
            (Some(_), true) => Method::Exact,
            (Some(_), false) if !conductances || rates[voltage].degree(&[names.len()]).is_some_and(|d| d <= 1) => {
                Method::ExponentialEuler
            }
            _ => Method::Euler,
        };
        let method = self.method.unwrap_or(best);
        if (method == Method::Exact && best != Method::Exact) || (method != Method::Euler && best == Method::Euler) {
            return fail(format!("method {method:?} is not possible for these equations; {best:?} is"));
        }
        let (keep, push, add) = exact_step(&rates, names.len(), dt_ms, method);
        let input_factor = rates[voltage].slope(names.len());
        let mut formulas = rates;
        if let (Method::ExponentialEuler, Some(slopes)) = (method, slopes) {
            formulas.extend(slopes);
            let none = Formula { nodes: vec![Node::Constant(0.0)], result: 0, dimension: Dimension::NONE };
            formulas.push(input_factor.unwrap_or(none));
        }
        Ok(Kernel {
            method,
            voltage,
            variables: names.len(),
            start,
            keep,
            push,
            add,
            rates: Program::new(&formulas),
            threshold: Program::new(&[threshold]),
            reset,
        })
    }
}

/// Variables from `first` on replaced by their values.
fn with_constants(mut formula: Formula, first: usize, values: &[f64]) -> Formula {
    for node in &mut formula.nodes {
        if let Node::Variable(v) = *node
            && v >= first
        {
            *node = Node::Constant(values[v - first]);
        }
    }
    formula
}

/// Matrix of a linear system over a step, and what a constant input and the constant part add.
fn exact_step(rates: &[Formula], n: usize, dt_ms: f64, method: Method) -> (Vec<Vec<f64>>, Vec<f64>, Vec<f64>) {
    if method != Method::Exact {
        return (vec![], vec![], vec![]);
    }
    let program = Program::new(rates);
    let at = |place: Option<usize>| {
        let mut x = vec![0.0; n + 2];
        place.into_iter().for_each(|k| x[k] = 1.0);
        program.evaluate(&x)
    };
    let constant = at(None);
    // The input and the number 1 as two more variables that stay.
    let mut a = vec![vec![0.0; n + 2]; n + 2];
    for column in 0..=n {
        let moved = at(Some(column));
        (0..n).for_each(|row| a[row][column] = moved[row] - constant[row]);
    }
    (0..n).for_each(|row| a[row][n + 1] = constant[row]);
    let e = exponential(&a, dt_ms);
    (
        e[..n].iter().map(|row| row[..n].to_vec()).collect(),
        e[..n].iter().map(|row| row[n]).collect(),
        e[..n].iter().map(|row| row[n + 1]).collect(),
    )
}

impl Kernel {
    /// Values at the start, in the order of the names.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// Registers for [`Kernel::advance`].
    pub fn registers(&self) -> Vec<[f64; BLOCK]> {
        vec![[0.0; BLOCK]; self.rates.registers().max(self.threshold.registers()).max(self.variables)]
    }

    /// Moves a block of neurons by a step; rows of `x` are the variables, then input and time. `current` and `pull` belong to
    /// receptors, `conductance` too. Those that `held` says keep their voltage. `above` becomes whether the threshold is reached.
    #[inline(always)]
    #[expect(clippy::too_many_arguments)]
    pub fn advance<F: Float>(
        &self,
        x: &mut [[f64; BLOCK]],
        [current, conductance, pull]: [&[F]; 3],
        jumps: &[F],
        held: &[bool; BLOCK],
        dt_ms: f64,
        registers: &mut [[f64; BLOCK]],
        above: &mut [bool; BLOCK],
    ) {
        let n = self.variables;
        let before = x[self.voltage];
        for i in 0..BLOCK {
            x[n][i] = current[i].value() + pull[i].value() - conductance[i].value() * before[i];
        }
        match self.method {
            Method::Exact => {
                let next = &mut registers[..n];
                for (k, row) in next.iter_mut().enumerate() {
                    for i in 0..BLOCK {
                        row[i] = self.push[k].mul_add(x[n][i], self.add[k]);
                    }
                    for (factor, old) in self.keep[k].iter().zip(x.iter()) {
                        for i in 0..BLOCK {
                            row[i] = factor.mul_add(old[i], row[i]);
                        }
                    }
                }
                x[..n].copy_from_slice(next);
            }
            Method::ExponentialEuler => {
                self.rates.run(x, registers);
                for k in 0..n {
                    let (rate, slope) = (&registers[self.rates.result(k)], &registers[self.rates.result(n + k)]);
                    for i in 0..BLOCK {
                        let mut a = slope[i];
                        if k == self.voltage {
                            a -= registers[self.rates.result(2 * n)][i] * conductance[i].value();
                        }
                        // (e^z - 1) / z = e^z / linoid(z)
                        let z = a * dt_ms;
                        let grown = rheobase_core::math::exp(z) / rheobase_core::math::linoid(z);
                        x[k][i] = (rate[i] * dt_ms).mul_add(grown, x[k][i]);
                    }
                }
            }
            Method::Euler => {
                self.rates.run(x, registers);
                for k in 0..n {
                    let rate = &registers[self.rates.result(k)];
                    for i in 0..BLOCK {
                        x[k][i] = rate[i].mul_add(dt_ms, x[k][i]);
                    }
                }
            }
        }
        for i in 0..BLOCK {
            x[self.voltage][i] = if held[i] { before[i] } else { x[self.voltage][i] + jumps[i].value() };
        }
        self.threshold.run(x, registers);
        let reached = &registers[self.threshold.result(0)];
        for i in 0..BLOCK {
            above[i] = reached[i] > 0.0 && !held[i];
        }
    }

    /// What the variables become at a spike; the last two of `x` are input and time.
    pub fn reset(&self, x: &mut [f64]) {
        let old = x.to_vec();
        for (k, program) in self.reset.iter().enumerate() {
            if let Some(program) = program {
                x[k] = program.evaluate(&old)[0];
            }
        }
    }
}
