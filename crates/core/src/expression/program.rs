//! Formulas compiled to operations over blocks of numbers.

use super::node::{Function, Node, Operator};
use super::parse::Formula;
use crate::math::{Dual, Real, exp, linoid, ln, logistic};

/// Numbers worked on at once: few enough for the first cache, enough to hide the cost of choosing the operation.
pub const BLOCK: usize = 16;

/// Several formulas over the same variables, sharing what they have in common.
#[derive(Debug, Clone)]
pub struct Program {
    nodes: Vec<Node>,
    results: Vec<usize>,
}

impl Program {
    /// Compiles formulas; results come in their order.
    pub fn new(formulas: &[Formula]) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let mut results = Vec::new();
        for formula in formulas {
            let mut place = Vec::with_capacity(formula.nodes.len());
            let used = used(formula);
            for (i, node) in formula.nodes.iter().enumerate() {
                if !used[i] {
                    place.push(0);
                    continue;
                }
                let moved = match *node {
                    Node::Binary(operator, a, b) => Node::Binary(operator, place[a], place[b]),
                    Node::Unary(function, a) => Node::Unary(function, place[a]),
                    Node::IfElse(a, b, c) => Node::IfElse(place[a], place[b], place[c]),
                    other => other,
                };
                place.push(nodes.iter().position(|n| *n == moved).unwrap_or_else(|| {
                    nodes.push(moved);
                    nodes.len() - 1
                }));
            }
            results.push(place[formula.result]);
        }
        Self { nodes, results }
    }

    /// Registers that [`Program::run`] needs.
    pub fn registers(&self) -> usize {
        self.nodes.len()
    }

    /// Register of a result after [`Program::run`].
    pub fn result(&self, index: usize) -> usize {
        self.results[index]
    }

    /// Runs over one block; `variables` are blocks in the order of the list given to the parser.
    #[inline(always)]
    pub fn run(&self, variables: &[[f64; BLOCK]], registers: &mut [[f64; BLOCK]]) {
        for (i, node) in self.nodes.iter().enumerate() {
            let (before, rest) = registers.split_at_mut(i);
            let out = &mut rest[0];
            match *node {
                Node::Constant(value) => *out = [value; BLOCK],
                Node::Variable(place) => *out = variables[place],
                Node::Binary(operator, a, b) => {
                    let (a, b) = (&before[a], &before[b]);
                    match operator {
                        Operator::Add => two(a, b, out, |a, b| a + b),
                        Operator::Subtract => two(a, b, out, |a, b| a - b),
                        Operator::Multiply => two(a, b, out, |a, b| a * b),
                        Operator::Divide => two(a, b, out, |a, b| a / b),
                        other => two(a, b, out, |a, b| other.apply(a, b)),
                    }
                }
                Node::Unary(function, a) => {
                    let a = &before[a];
                    match function {
                        Function::Negate => one(a, out, |a| -a),
                        Function::Exp => one(a, out, exp),
                        Function::Ln => one(a, out, ln),
                        Function::Linoid => one(a, out, linoid),
                        Function::Logistic => one(a, out, logistic),
                        Function::Sin => one(a, out, libm::sin),
                        Function::Cos => one(a, out, libm::cos),
                    }
                }
                Node::IfElse(condition, yes, no) => {
                    for k in 0..BLOCK {
                        out[k] = if before[condition][k] > 0.0 { before[yes][k] } else { before[no][k] };
                    }
                }
            }
        }
    }

    /// One evaluation with any kind of number.
    pub fn evaluate<T: Real>(&self, variables: &[T]) -> Vec<T> {
        let mut values: Vec<T> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let value = match *node {
                Node::Constant(value) => T::constant(value),
                Node::Variable(place) => variables[place],
                Node::Binary(operator, a, b) => binary(operator, values[a], values[b]),
                Node::Unary(function, a) => match function {
                    Function::Negate => -values[a],
                    Function::Exp => values[a].exp(),
                    Function::Ln => values[a].ln(),
                    Function::Linoid => linoid(values[a]),
                    Function::Logistic => logistic(values[a]),
                    Function::Sin => values[a].sin(),
                    Function::Cos => values[a].cos(),
                },
                Node::IfElse(condition, yes, no) => {
                    T::if_else(values[condition].value() > 0.0, values[yes], values[no])
                }
            };
            values.push(value);
        }
        self.results.iter().map(|&r| values[r]).collect()
    }

    /// Values and derivatives with respect to one variable.
    pub fn slopes(&self, variables: &[f64], along: usize) -> Vec<Dual> {
        let duals: Vec<Dual> = variables
            .iter()
            .enumerate()
            .map(|(i, &value)| Dual { value, slope: if i == along { 1.0 } else { 0.0 } })
            .collect();
        self.evaluate(&duals)
    }
}

fn binary<T: Real>(operator: Operator, a: T, b: T) -> T {
    match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Less | Operator::LessEqual => T::constant(operator.apply(a.value(), b.value())),
        Operator::Minimum => T::if_else(a.value() < b.value(), a, b),
        Operator::Maximum => T::if_else(a.value() > b.value(), a, b),
    }
}

/// Which nodes the result needs; constants folded away are left out.
fn used(formula: &Formula) -> Vec<bool> {
    let mut used = vec![false; formula.nodes.len()];
    used[formula.result] = true;
    for i in (0..formula.nodes.len()).rev() {
        if !used[i] {
            continue;
        }
        match formula.nodes[i] {
            Node::Binary(_, a, b) => {
                used[a] = true;
                used[b] = true;
            }
            Node::Unary(_, a) => used[a] = true,
            Node::IfElse(a, b, c) => {
                used[a] = true;
                used[b] = true;
                used[c] = true;
            }
            Node::Constant(_) | Node::Variable(_) => {}
        }
    }
    used
}

#[inline(always)]
fn one(a: &[f64; BLOCK], out: &mut [f64; BLOCK], f: impl Fn(f64) -> f64) {
    for k in 0..BLOCK {
        out[k] = f(a[k]);
    }
}

#[inline(always)]
fn two(a: &[f64; BLOCK], b: &[f64; BLOCK], out: &mut [f64; BLOCK], f: impl Fn(f64, f64) -> f64) {
    for k in 0..BLOCK {
        out[k] = f(a[k], b[k]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Dimension, parse};

    const VARIABLES: [(&str, Dimension); 2] = [("v", Dimension::VOLTAGE), ("distance", Dimension::LENGTH)];

    fn value(text: &str, v: f64, distance: f64) -> f64 {
        Program::new(&[parse(text, &VARIABLES).unwrap()]).evaluate(&[v, distance])[0]
    }

    #[test]
    fn formulas_mean_what_they_say() {
        assert_eq!(value("2 + 3 * 4 ^ 2 / 8 - -1", 0.0, 0.0), 9.0);
        assert_eq!(value("(v + 27 mV) / (3.8 mV)", -27.0 + 3.8, 0.0), (-27.0 + 3.8 + 27.0) / 3.8);
        assert_eq!(value("if(v < -50 mV, 1, 2) + min(3, 4)", -60.0, 0.0), 4.0);
        assert_eq!(value("distance > 685 um and distance < 885 um", 0.0, 700.0), 1.0);
        assert_eq!(value("not (distance > 685 um) or v > 0 V", -1.0, 700.0), 0.0);
        assert!((value("2 ^ 0.5 + sqrt(9)", 0.0, 0.0) - (2.0_f64.sqrt() + 3.0)).abs() < 1e-14);
    }

    #[test]
    fn mistakes_are_located_and_explained() {
        let problem = |text: &str| parse(text, &VARIABLES).unwrap_err().to_string();
        assert!(
            problem("v + 27").contains("at character 3: mV and a plain number cannot be added"),
            "{}",
            problem("v + 27")
        );
        assert!(problem("exp(v)").contains("must be a plain number; it is mV"));
        assert!(problem("2 * w").contains("\"w\" is neither a variable (v, distance) nor a unit"));
        assert!(problem("2 * (3 + 4").contains("\")\" was expected"));
        assert!(problem("tan(3)").contains("not a function; known are exp"));
        assert!(problem("").contains("was expected"));
        assert!(problem(&"(".repeat(1000)).contains("nested too deeply"));
    }

    #[test]
    fn blocks_numbers_and_slopes_agree() {
        let text = "0.055 / mV / ms * 3.8 mV * linoid((v + 27 mV) / (3.8 mV)) * exp(-v / (17 mV))";
        let program = Program::new(&[parse(text, &VARIABLES).unwrap()]);
        let mut variables = [[0.0; BLOCK]; 2];
        (0..BLOCK).for_each(|k| variables[0][k] = -60.0 + 2.0 * k as f64);
        let mut registers = vec![[0.0; BLOCK]; program.registers()];
        program.run(&variables, &mut registers);
        for k in 0..BLOCK {
            let v = variables[0][k];
            let block = registers[program.result(0)][k];
            assert_eq!(program.evaluate(&[v, 0.0])[0], block);
            let h = 1e-4;
            let numeric = (program.evaluate(&[v + h, 0.0])[0] - program.evaluate(&[v - h, 0.0])[0]) / (2.0 * h);
            // Central differences of a function with third derivatives below 1.
            assert!((program.slopes(&[v, 0.0], 0)[0].slope - numeric).abs() < 1e-7);
        }
    }
}
