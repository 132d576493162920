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
//! that are each linear in their own variable by exponential Euler steps, others by Euler steps. Equations of a leaky neuron are
//! recognised and run in the loops of the built-in one.

use std::collections::BTreeMap;

use rheobase_core::expression::{Dimension, Formula, Node, Operator, Program, WIDE, WideProgram, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Lif;
use crate::error::{Result, require_range};
use crate::propagator::exponential;
use crate::relative_exponential::{relative_exponential, relative_exponentials};
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
    /// Time after a spike in which there is none, in ms. `v` is held meanwhile if a spike resets it; models that make their own
    /// spikes go on.
    #[serde(default)]
    pub refractory_ms: f64,
    /// Method; by default the best that the equations allow.
    #[serde(default)]
    pub method: Option<Method>,
}

/// A described model compiled for a step.
#[derive(Debug, Clone)]
pub(crate) struct Kernel<F> {
    pub method: Method,
    /// Place of `v` among the variables, which are in the order of their names.
    pub voltage: usize,
    pub variables: usize,
    /// The built-in neuron that this is, if it is one.
    pub leaky: Option<Lif>,
    start: Vec<f64>,
    exact: Exact,
    /// Sections of [`WideProgram`]: derivatives (and slopes, for exponential Euler steps), threshold, resets.
    program: WideProgram,
    /// The variables that a spike resets, in the order of the results of [`RESETS`].
    resets: Vec<usize>,
    /// Whether the voltage stays where it is while no spike is possible.
    holds: bool,
    /// Numbers of the program: variables, input and time first.
    slots: Vec<[F; WIDE]>,
    /// Variables that are set together.
    next: Vec<[F; WIDE]>,
}

/// An exact step: x = keep x + push input + add.
#[derive(Debug, Clone, Default)]
struct Exact {
    keep: Vec<Vec<f64>>,
    push: Vec<f64>,
    add: Vec<f64>,
}

const RATES: usize = 0;
const THRESHOLD: usize = 1;
const RESETS: usize = 2;

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
        self.kernel::<f64>(what, 0.1, false).map(|_| ())
    }

    /// The method that a step would use; `conductances` says whether receptors change the conductance.
    ///
    /// # Errors
    /// As [`Described::check`].
    pub fn chosen_method(&self, conductances: bool) -> Result<Method> {
        self.kernel::<f64>("the model", 0.1, conductances).map(|k| k.method)
    }

    /// The leaky neuron that a model is whose only variable is v: v' = (rest - v + input) / tau, a threshold from which on it spikes, and a
    /// constant reset below that.
    fn leaky<F: Float>(&self, rates: &[Formula], threshold: &Formula, resets: &[Formula]) -> Option<Lif> {
        let ([rate], [reset]) = (rates, resets) else { return None };
        let constant = |formula: Formula| {
            let zeros = [0.0; 3];
            (formula.degree(&[0, 1, 2])? == 0).then(|| Program::new(&[formula]).evaluate::<f64>(&zeros)[0])
        };
        if rate.degree(&[0, 1])? > 1 || rate.uses(2) {
            return None;
        }
        let (leak, gain) = (-constant(rate.slope(0)?)?, constant(rate.slope(1)?)?);
        if leak <= 0.0 || (gain - leak).abs() > 1e-12 * leak {
            return None;
        }
        let at_zero: f64 = Program::new(std::slice::from_ref(rate)).evaluate(&[0.0; 3])[0];
        let Node::Binary(operator, limit, v) = threshold.nodes[threshold.result] else { return None };
        let limit = constant(Formula { result: limit, ..threshold.clone() })?;
        let threshold_mv = match operator {
            _ if threshold.nodes[v] != Node::Variable(0) => return None,
            Operator::LessEqual => limit,
            // Above a number is at or above the next one.
            Operator::Less if size_of::<F>() == size_of::<f32>() => f64::from((limit as f32).next_up()),
            Operator::Less => limit.next_up(),
            _ => return None,
        };
        let lif = Lif {
            tau_ms: 1.0 / leak,
            rest_mv: at_zero / leak,
            threshold_mv,
            reset_mv: constant(reset.clone())?,
            refractory_ms: self.refractory_ms,
            drive_mv: 0.0,
        };
        lif.check("a described model").is_ok().then_some(lif)
    }

    pub(crate) fn kernel<F: Float>(&self, what: &str, dt_ms: f64, conductances: bool) -> Result<Kernel<F>> {
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
        let (mut resets, mut reset_formulas) = (vec![], vec![]);
        for (name, text) in &self.reset {
            let k = names.iter().position(|n| n == name).unwrap_or(0);
            let formula = self.formula(text, &known, dimensions[k], &format!("reset of {name}"), what)?;
            resets.push(k);
            reset_formulas.push(fixed(formula));
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
        let exact = if method == Method::Exact { exact_step(&rates, names.len(), dt_ms) } else { Exact::default() };
        let leaky = if method == Method::Euler { None } else { self.leaky::<F>(&rates, &threshold, &reset_formulas) };
        let input_factor = rates[voltage].slope(names.len());
        let mut formulas = if method == Method::Exact { vec![] } else { rates };
        if let (Method::ExponentialEuler, Some(slopes)) = (method, slopes) {
            formulas.extend(slopes);
            let none = Formula { nodes: vec![Node::Constant(0.0)], result: 0, dimension: Dimension::NONE };
            formulas.push(input_factor.unwrap_or(none));
        }
        let program = WideProgram::new(&[formulas, vec![threshold], reset_formulas], names.len() + 2);
        Ok(Kernel {
            method,
            voltage,
            variables: names.len(),
            leaky,
            start,
            exact,
            slots: program.slots(),
            next: vec![[F::default(); WIDE]; names.len()],
            program,
            holds: resets.contains(&voltage),
            resets,
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
fn exact_step(rates: &[Formula], n: usize, dt_ms: f64) -> Exact {
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
    Exact {
        keep: e[..n].iter().map(|row| row[..n].to_vec()).collect(),
        push: e[..n].iter().map(|row| row[n]).collect(),
        add: e[..n].iter().map(|row| row[n + 1]).collect(),
    }
}

/// What receptors do to a block of neurons in a step.
pub(crate) struct BlockInput<'a, F> {
    pub current: &'a [F; WIDE],
    pub conductance: &'a [F; WIDE],
    pub pull: &'a [F; WIDE],
    pub jumps: &'a [F; WIDE],
    /// Steps for which the voltage is still held.
    pub timer: &'a [F; WIDE],
}

impl<F: Float> Kernel<F> {
    /// Values at the start, in the order of the names.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// A variable of the block, by its place among the names; `None` is the voltage, others count without it.
    fn place(&self, slow: Option<usize>) -> usize {
        slow.map_or(self.voltage, |k| if k < self.voltage { k } else { k + 1 })
    }

    /// The values of a variable of the block that is worked on: the voltage, or one of the others in the order of their names.
    #[inline(always)]
    pub fn variable(&mut self, slow: Option<usize>) -> &mut [F; WIDE] {
        let place = self.place(slow);
        &mut self.slots[place]
    }

    /// Moves the block by a step and says who reached the threshold; those are reset.
    #[inline(always)]
    pub fn advance(&mut self, input: &BlockInput<'_, F>, t_ms: f64, dt_ms: f64) -> [bool; WIDE] {
        let n = self.variables;
        let zero = F::default();
        let before = self.slots[self.voltage];
        let sum: &mut [F; WIDE] = &mut self.slots[n];
        for i in 0..WIDE {
            sum[i] = input.current[i] + input.pull[i] - input.conductance[i] * before[i];
        }
        self.slots[n + 1] = [F::of(t_ms); WIDE];
        match self.method {
            Method::Exact => self.exact_step(),
            Method::ExponentialEuler => self.exponential_step(input.conductance, F::of(dt_ms)),
            Method::Euler => self.euler_step(F::of(dt_ms)),
        }
        let v: &mut [F; WIDE] = &mut self.next[self.voltage];
        let hold = if self.holds { zero } else { F::of(f64::MAX) };
        for i in 0..WIDE {
            let moved = v[i] + input.jumps[i];
            v[i] = if input.timer[i] > hold { before[i] } else { moved };
        }
        self.slots[..n].copy_from_slice(&self.next);
        self.program.run(THRESHOLD, &mut self.slots);
        let reached: &[F; WIDE] = &self.slots[self.program.result(THRESHOLD, 0)];
        let mut above = [false; WIDE];
        for i in 0..WIDE {
            above[i] = (reached[i] > zero) & (input.timer[i] <= zero);
        }
        if above.iter().fold(false, |any, a| any | a) {
            self.reset(&above);
        }
        above
    }

    #[inline(always)]
    fn euler_step(&mut self, dt: F) {
        self.program.run(RATES, &mut self.slots);
        for (k, row) in self.next.iter_mut().enumerate() {
            let (rate, old): (&[F; WIDE], &[F; WIDE]) = (&self.slots[self.program.result(RATES, k)], &self.slots[k]);
            for i in 0..WIDE {
                row[i] = rate[i].mul_add(dt, old[i]);
            }
        }
    }

    #[inline(always)]
    fn exact_step(&mut self) {
        let sum: &[F; WIDE] = &self.slots[self.variables];
        for (k, row) in self.next.iter_mut().enumerate() {
            let (push, add) = (F::of(self.exact.push[k]), F::of(self.exact.add[k]));
            for i in 0..WIDE {
                row[i] = push.mul_add(sum[i], add);
            }
            for (factor, old) in self.exact.keep[k].iter().zip(&self.slots).filter(|(f, _)| **f != 0.0) {
                let factor = F::of(*factor);
                for i in 0..WIDE {
                    row[i] = factor.mul_add(old[i], row[i]);
                }
            }
        }
    }

    /// Every variable goes towards the value that its equation, linear in it, holds while the others stay.
    #[inline(always)]
    fn exponential_step(&mut self, conductance: &[F; WIDE], dt: F) {
        let n = self.variables;
        self.program.run(RATES, &mut self.slots);
        let result = |index: usize| -> &[F; WIDE] { &self.slots[self.program.result(RATES, index)] };
        for (k, row) in self.next.iter_mut().enumerate() {
            let (rate, slope, old): (_, _, &[F; WIDE]) = (result(k), result(n + k), &self.slots[k]);
            if k == self.voltage {
                let factor = result(2 * n);
                let growth: [F; WIDE] =
                    relative_exponentials(&std::array::from_fn(|i| dt * (slope[i] - factor[i] * conductance[i])));
                for i in 0..WIDE {
                    row[i] = (rate[i] * dt).mul_add(growth[i], old[i]);
                }
            } else if let Some(constant) = self.program.constant(RATES, n + k) {
                let step = dt * relative_exponential(dt * F::of(constant));
                for i in 0..WIDE {
                    row[i] = rate[i].mul_add(step, old[i]);
                }
            } else {
                let growth: [F; WIDE] = relative_exponentials(&std::array::from_fn(|i| dt * slope[i]));
                for i in 0..WIDE {
                    row[i] = (rate[i] * dt).mul_add(growth[i], old[i]);
                }
            }
        }
    }

    /// What the variables become at a spike, all from the values before it.
    #[inline(always)]
    fn reset(&mut self, above: &[bool; WIDE]) {
        self.program.run(RESETS, &mut self.slots);
        for (index, k) in self.resets.iter().enumerate() {
            let after: &[F; WIDE] = &self.slots[self.program.result(RESETS, index)];
            let (old, row): (&[F; WIDE], &mut [F; WIDE]) = (&self.slots[*k], &mut self.next[*k]);
            for i in 0..WIDE {
                row[i] = if above[i] { after[i] } else { old[i] };
            }
        }
        for k in &self.resets {
            self.slots[*k] = self.next[*k];
        }
    }
}
