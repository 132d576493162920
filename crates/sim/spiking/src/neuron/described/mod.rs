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

mod kernel;
mod leaky;

use std::collections::BTreeMap;

use rheobase_core::expression::{Dimension, Formula, Node, Program, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require_range};
use crate::{Error, Float};
pub(crate) use kernel::{BlockInput, Kernel};
use leaky::leaky;

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

    pub(crate) fn kernel<F: Float>(&self, what: &str, dt_ms: f64, conductances: bool) -> Result<Kernel<F>> {
        let formulas = self.formulas(what)?;
        let best = formulas.best_method(conductances);
        let method = self.method.unwrap_or(best);
        if (method == Method::Exact && best != Method::Exact) || (method != Method::Euler && best == Method::Euler) {
            let problem = format!("{what}: method {method:?} is not possible for these equations; {best:?} is");
            return Err(Error::Description(problem));
        }
        let leaky = leaky::<F>(&formulas, self.refractory_ms).filter(|_| method != Method::Euler);
        Ok(Kernel::new(formulas, method, leaky, dt_ms))
    }

    /// All texts as formulas of the variables, the input and the time, constants put in.
    fn formulas(&self, what: &str) -> Result<Formulas> {
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
        let mut resets = vec![];
        for (name, text) in &self.reset {
            let k = names.iter().position(|n| n == name).unwrap_or(0);
            let formula = self.formula(text, &known, dimensions[k], &format!("reset of {name}"), what)?;
            resets.push((k, fixed(formula)));
        }
        Ok(Formulas { voltage, start, rates, threshold, resets })
    }
}

/// A model as formulas; its variables, in the order of their names, then the input and the time are what they depend on.
struct Formulas {
    /// Place of `v`.
    voltage: usize,
    start: Vec<f64>,
    rates: Vec<Formula>,
    threshold: Formula,
    /// Variable and what it becomes.
    resets: Vec<(usize, Formula)>,
}

impl Formulas {
    fn best_method(&self, conductances: bool) -> Method {
        let n = self.rates.len();
        let all: Vec<usize> = (0..=n + 1).collect();
        let linear = |f: &Formula| f.degree(&all).is_some_and(|d| d <= 1) && !f.uses(n + 1);
        let own = self.rates.iter().enumerate().all(|(k, f)| f.slope(k).is_some());
        // Conductances make the input depend on the voltage: the factor of v is then not constant.
        if own && !conductances && self.rates.iter().all(linear) {
            Method::Exact
        } else if own && (!conductances || self.rates[self.voltage].degree(&[n]).is_some_and(|d| d <= 1)) {
            Method::ExponentialEuler
        } else {
            Method::Euler
        }
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
