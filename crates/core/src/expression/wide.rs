//! Formulas compiled for long rows of neurons: the same operations as [`Program`](super::Program), over blocks so wide that choosing an
//! operation costs little beside doing it, in single or double precision.
//!
//! All numbers lie in one array of slots: variables first, constants (filled once), intermediate values, which share slots when
//! they are no longer needed. Constants are folded, a division by one becomes a product, and a product that is used once joins
//! the sum it is part of, rounded once.

use super::node::{Function, Node, Operator};
use super::parse::Formula;
use crate::{Float, math};

/// Numbers worked on at once.
pub const WIDE: usize = 64;

/// What a product is added to, or taken from.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Joined {
    /// a b + c
    Plus,
    /// a b - c
    Minus,
    /// c - a b
    From,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Binary(Operator, usize, usize),
    Product(Joined, usize, usize, usize),
    Unary(Function, usize),
    IfElse(usize, usize, usize),
}

impl Operation {
    fn arguments(&self) -> [Option<usize>; 3] {
        match *self {
            Self::Binary(_, a, b) => [Some(a), Some(b), None],
            Self::Product(_, a, b, c) | Self::IfElse(a, b, c) => [Some(a), Some(b), Some(c)],
            Self::Unary(_, a) => [Some(a), None, None],
        }
    }

    fn map(self, f: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::Binary(o, a, b) => Self::Binary(o, f(a), f(b)),
            Self::Product(j, a, b, c) => Self::Product(j, f(a), f(b), f(c)),
            Self::Unary(u, a) => Self::Unary(u, f(a)),
            Self::IfElse(a, b, c) => Self::IfElse(f(a), f(b), f(c)),
        }
    }
}

/// Sections of formulas over the same variables, run one at a time.
#[derive(Debug, Clone)]
pub struct WideProgram {
    constants: Vec<(usize, f64)>,
    slots: usize,
    sections: Vec<Section>,
}

#[derive(Debug, Clone)]
struct Section {
    /// Operations and the slots they write to.
    operations: Vec<(Operation, usize)>,
    results: Vec<usize>,
}

/// A value while it is compiled.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Variable(usize),
    Constant(f64),
    Operation(Operation),
}

impl WideProgram {
    /// Compiles sections of formulas over so many variables.
    pub fn new(sections: &[Vec<Formula>], variables: usize) -> Self {
        let mut constants: Vec<f64> = Vec::new();
        let compiled: Vec<_> = sections.iter().map(|formulas| joined(values_of(formulas))).collect();
        for (values, _) in &compiled {
            for value in values {
                if let Value::Constant(c) = value
                    && !constants.contains(c)
                {
                    constants.push(*c);
                }
            }
        }
        let first_free = variables + constants.len();
        let mut slots = first_free;
        let sections = compiled
            .into_iter()
            .map(|(values, results)| {
                let fixed = |value: &Value| match *value {
                    Value::Variable(v) => Some(v),
                    Value::Constant(c) => constants.iter().position(|k| *k == c).map(|k| variables + k),
                    Value::Operation(_) => None,
                };
                let (section, most) = allocated(&values, &results, first_free, fixed);
                slots = slots.max(most);
                section
            })
            .collect();
        let constants = constants.into_iter().enumerate().map(|(k, c)| (variables + k, c)).collect();
        Self { constants, slots, sections }
    }

    /// Slots with the constants in their places.
    pub fn slots<F: Float>(&self) -> Vec<[F; WIDE]> {
        let mut slots = vec![[F::default(); WIDE]; self.slots];
        self.constants.iter().for_each(|(slot, value)| slots[*slot] = [F::of(*value); WIDE]);
        slots
    }

    /// Slot of a result of a section after it ran.
    pub fn result(&self, section: usize, index: usize) -> usize {
        self.sections[section].results[index]
    }

    /// The value of a result that does not depend on the variables.
    pub fn constant(&self, section: usize, index: usize) -> Option<f64> {
        let place = self.result(section, index);
        self.constants.iter().find(|(slot, _)| *slot == place).map(|(_, value)| *value)
    }

    /// Runs a section over one block.
    #[inline(always)]
    pub fn run<F: Float>(&self, section: usize, slots: &mut [[F; WIDE]]) {
        for &(operation, out) in &self.sections[section].operations {
            match operation {
                Operation::Binary(operator, a, b) => binary(operator, slots, [a, b], out),
                Operation::Product(how, a, b, c) => product(how, slots, [a, b, c], out),
                Operation::Unary(function, a) => unary(function, slots, a, out),
                Operation::IfElse(condition, yes, no) => {
                    let zero = F::default();
                    three(slots, [condition, yes, no], out, |c, yes, no| if c > zero { yes } else { no });
                }
            }
        }
    }
}

/// The values that formulas need, each once, and which of them are the results.
fn values_of(formulas: &[Formula]) -> (Vec<Value>, Vec<usize>) {
    let mut values: Vec<Value> = Vec::new();
    let mut results = Vec::new();
    for formula in formulas {
        let mut place: Vec<usize> = Vec::with_capacity(formula.nodes.len());
        for node in &formula.nodes {
            let value = match *node {
                Node::Constant(c) => Value::Constant(c),
                Node::Variable(v) => Value::Variable(v),
                Node::Binary(operator, a, b) => folded_binary(&values, operator, place[a], place[b]),
                Node::Unary(function, a) => match values[place[a]] {
                    Value::Constant(c) => Value::Constant(function.apply(c)),
                    _ => Value::Operation(Operation::Unary(function, place[a])),
                },
                Node::IfElse(condition, yes, no) => match values[place[condition]] {
                    Value::Constant(c) => values[place[if c > 0.0 { yes } else { no }]],
                    _ => Value::Operation(Operation::IfElse(place[condition], place[yes], place[no])),
                },
            };
            let value = match value {
                // A division by a constant is a product with its inverse.
                Value::Operation(Operation::Binary(Operator::Divide, a, b)) => match values[b] {
                    Value::Constant(c) if c != 0.0 => {
                        let inverse = numbered(&mut values, Value::Constant(1.0 / c));
                        Value::Operation(Operation::Binary(Operator::Multiply, a, inverse))
                    }
                    _ => value,
                },
                _ => value,
            };
            place.push(numbered(&mut values, value));
        }
        results.push(place[formula.result]);
    }
    (values, results)
}

fn numbered(values: &mut Vec<Value>, value: Value) -> usize {
    values.iter().position(|known| *known == value).unwrap_or_else(|| {
        values.push(value);
        values.len() - 1
    })
}

fn folded_binary(values: &[Value], operator: Operator, a: usize, b: usize) -> Value {
    match (values[a], values[b], operator) {
        (Value::Constant(x), Value::Constant(y), _) => Value::Constant(operator.apply(x, y)),
        (Value::Constant(1.0), other, Operator::Multiply)
        | (other, Value::Constant(1.0), Operator::Multiply | Operator::Divide)
        | (Value::Constant(0.0), other, Operator::Add)
        | (other, Value::Constant(0.0), Operator::Add | Operator::Subtract) => other,
        (Value::Constant(0.0), _, Operator::Multiply) | (_, Value::Constant(0.0), Operator::Multiply) => {
            Value::Constant(0.0)
        }
        _ => Value::Operation(Operation::Binary(operator, a, b)),
    }
}

/// How often each value is used.
fn uses(values: &[Value], results: &[usize]) -> Vec<usize> {
    let mut uses = vec![0; values.len()];
    results.iter().for_each(|r| uses[*r] += 1);
    for i in (0..values.len()).rev() {
        if let Value::Operation(operation) = values[i]
            && uses[i] > 0
        {
            operation.arguments().into_iter().flatten().for_each(|a| uses[a] += 1);
        }
    }
    uses
}

/// Products that are used once, in a sum or difference, join it.
fn joined((mut values, results): (Vec<Value>, Vec<usize>)) -> (Vec<Value>, Vec<usize>) {
    let uses = uses(&values, &results);
    for i in 0..values.len() {
        let Value::Operation(Operation::Binary(operator @ (Operator::Add | Operator::Subtract), a, b)) = values[i]
        else {
            continue;
        };
        let factors = |place: usize| match values[place] {
            Value::Operation(Operation::Binary(Operator::Multiply, x, y)) if uses[place] == 1 => Some((x, y)),
            _ => None,
        };
        let (how, (x, y), other) = match (operator, factors(a), factors(b)) {
            (Operator::Add, Some(product), _) => (Joined::Plus, product, b),
            (Operator::Add, None, Some(product)) => (Joined::Plus, product, a),
            (_, Some(product), _) => (Joined::Minus, product, b),
            (_, None, Some(product)) => (Joined::From, product, a),
            _ => continue,
        };
        values[i] = Value::Operation(Operation::Product(how, x, y, other));
    }
    (values, results)
}

/// Slots for the values of a section; those of intermediate values are used again after their last use.
fn allocated(
    values: &[Value],
    results: &[usize],
    first_free: usize,
    fixed: impl Fn(&Value) -> Option<usize>,
) -> (Section, usize) {
    let used = uses(values, results);
    let mut last = vec![0; values.len()];
    for (i, value) in values.iter().enumerate().filter(|(i, _)| used[*i] > 0) {
        if let Value::Operation(operation) = value {
            operation.arguments().into_iter().flatten().for_each(|a| last[a] = i);
        }
    }
    results.iter().for_each(|r| last[*r] = usize::MAX);
    let mut place: Vec<usize> = values.iter().map(|v| fixed(v).unwrap_or(usize::MAX)).collect();
    let (mut free, mut most, mut operations) = (Vec::new(), first_free, Vec::new());
    for (i, value) in values.iter().enumerate().filter(|(i, _)| used[*i] > 0) {
        let Value::Operation(operation) = value else { continue };
        let moved = operation.map(|a| place[a]);
        let mut ended: Vec<usize> = operation.arguments().into_iter().flatten().filter(|a| last[*a] == i).collect();
        ended.sort_unstable();
        ended.dedup();
        free.extend(ended.into_iter().map(|a| place[a]).filter(|slot| *slot >= first_free));
        place[i] = free.pop().unwrap_or_else(|| {
            most += 1;
            most - 1
        });
        operations.push((moved, place[i]));
    }
    (Section { operations, results: results.iter().map(|r| place[*r]).collect() }, most)
}

/// Numbers that are in registers at once.
const LANES: usize = 16;

/// Applies a function to slots and puts the results into another one, or the same.
#[inline(always)]
fn one<F: Float>(slots: &mut [[F; WIDE]], a: usize, to: usize, f: impl Fn(F) -> F) {
    for at in (0..WIDE).step_by(LANES) {
        let mut out = [F::default(); LANES];
        let a = &slots[a][at..at + LANES];
        for k in 0..LANES {
            out[k] = f(a[k]);
        }
        slots[to][at..at + LANES].copy_from_slice(&out);
    }
}

/// As [`one`].
#[inline(always)]
fn two<F: Float>(slots: &mut [[F; WIDE]], [a, b]: [usize; 2], to: usize, f: impl Fn(F, F) -> F) {
    for at in (0..WIDE).step_by(LANES) {
        let mut out = [F::default(); LANES];
        let (a, b) = (&slots[a][at..at + LANES], &slots[b][at..at + LANES]);
        for k in 0..LANES {
            out[k] = f(a[k], b[k]);
        }
        slots[to][at..at + LANES].copy_from_slice(&out);
    }
}

/// As [`one`].
#[inline(always)]
fn three<F: Float>(slots: &mut [[F; WIDE]], [a, b, c]: [usize; 3], to: usize, f: impl Fn(F, F, F) -> F) {
    for at in (0..WIDE).step_by(LANES) {
        let mut out = [F::default(); LANES];
        let (a, b, c) = (&slots[a][at..at + LANES], &slots[b][at..at + LANES], &slots[c][at..at + LANES]);
        for k in 0..LANES {
            out[k] = f(a[k], b[k], c[k]);
        }
        slots[to][at..at + LANES].copy_from_slice(&out);
    }
}

#[inline(always)]
fn binary<F: Float>(operator: Operator, slots: &mut [[F; WIDE]], from: [usize; 2], to: usize) {
    let truth = |condition: bool| if condition { F::of(1.0) } else { F::default() };
    match operator {
        Operator::Add => two(slots, from, to, |a, b| a + b),
        Operator::Subtract => two(slots, from, to, |a, b| a - b),
        Operator::Multiply => two(slots, from, to, |a, b| a * b),
        Operator::Divide => two(slots, from, to, |a, b| a / b),
        Operator::Less => two(slots, from, to, |a, b| truth(a < b)),
        Operator::LessEqual => two(slots, from, to, |a, b| truth(a <= b)),
        Operator::Minimum => two(slots, from, to, |a, b| if a < b { a } else { b }),
        Operator::Maximum => two(slots, from, to, |a, b| if a > b { a } else { b }),
    }
}

#[inline(always)]
fn product<F: Float>(how: Joined, slots: &mut [[F; WIDE]], from: [usize; 3], to: usize) {
    match how {
        Joined::Plus => three(slots, from, to, |a, b, c| a.mul_add(b, c)),
        Joined::Minus => three(slots, from, to, |a, b, c| a.mul_add(b, -c)),
        Joined::From => three(slots, from, to, |a, b, c| (-a).mul_add(b, c)),
    }
}

#[inline(always)]
fn unary<F: Float>(function: Function, slots: &mut [[F; WIDE]], from: usize, to: usize) {
    let double = |f: fn(f64) -> f64| move |x: F| F::of(f(x.value()));
    match function {
        Function::Negate => one(slots, from, to, |a| -a),
        Function::Exp => one(slots, from, to, |a| a.exp()),
        Function::Ln => one(slots, from, to, double(math::ln)),
        Function::Linoid => one(slots, from, to, |a| linoid(a)),
        Function::Logistic => one(slots, from, to, |a| F::of(1.0) / (F::of(1.0) + (-a).exp())),
        Function::Sin => one(slots, from, to, double(libm::sin)),
        Function::Cos => one(slots, from, to, double(libm::cos)),
    }
}

/// x / (1 - e^-x) as [`math::linoid`], in either precision.
#[inline(always)]
pub fn linoid<F: Float>(x: F) -> F {
    let of = F::of;
    let near = x < of(0.02) && x > of(-0.02);
    let q = x * x;
    let series = q.mul_add(q.mul_add(of(-1.0 / 720.0), of(1.0 / 12.0)), x.mul_add(of(0.5), of(1.0)));
    let safe = if near { of(1.0) } else { x };
    let quotient = safe / (of(1.0) - (-safe).exp());
    if near { series } else { quotient }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Dimension, Program, parse};

    const TEXTS: [&str; 8] = [
        "x * y + x - y * 2",
        "if(x < y, x / 3, exp(-y)) - x * y",
        "linoid(x) / (linoid(-y) + 2) + min(x, y) * max(x, 0.5)",
        "logistic(x) * ln(3 + x * x) - sin(y) * cos(x)",
        "(2 * 3 - 6) * x + 0 * y",
        "1 * x / 1",
        "x <= y and not (x < 0)",
        "y - x * x * x / (1 + x * x) + (x + y) * (x + y)",
    ];

    fn formulas() -> Vec<Formula> {
        TEXTS.iter().map(|t| parse(t, &[("x", Dimension::NONE), ("y", Dimension::NONE)]).unwrap()).collect()
    }

    fn largest_difference<F: Float>() -> f64 {
        // Two sections, so that results of one must survive only within it.
        let all = formulas();
        let sections = [all[..4].to_vec(), all[4..].to_vec()];
        let wide = WideProgram::new(&sections, 2);
        let mut slots = wide.slots::<F>();
        let (x, y) = (|k: usize| 0.11 * k as f64 - 3.3, |k: usize| 1.7 - 0.05 * k as f64);
        for k in 0..WIDE {
            slots[0][k] = F::of(x(k));
            slots[1][k] = F::of(y(k));
        }
        let mut largest = 0.0_f64;
        for (section, formulas) in sections.iter().enumerate() {
            wide.run(section, &mut slots);
            let program = Program::new(formulas);
            for k in 0..WIDE {
                let point = [slots[0][k].value(), slots[1][k].value()];
                let expected = program.evaluate::<f64>(&point);
                for (index, expected) in expected.iter().enumerate() {
                    let found = slots[wide.result(section, index)][k].value();
                    largest = largest.max((found - expected).abs() / (1.0 + expected.abs()));
                }
            }
        }
        largest
    }

    #[test]
    fn wide_blocks_give_what_single_numbers_give() {
        // A few roundings.
        assert!(largest_difference::<f64>() < 1e-14, "{}", largest_difference::<f64>());
        assert!(largest_difference::<f32>() < 5e-6, "{}", largest_difference::<f32>());
    }

    #[test]
    fn nothing_is_done_twice_or_for_nothing() {
        let of = |texts: &[&str]| {
            let known = [("x", Dimension::NONE), ("y", Dimension::NONE)];
            let formulas: Vec<Formula> = texts.iter().map(|t| parse(t, &known).unwrap()).collect();
            let wide = WideProgram::new(&[formulas], 2);
            (wide.sections[0].operations.len(), wide.slots, wide.constants.len())
        };
        // x y + 1 is one operation on two variables, a constant and a result.
        assert_eq!(of(&["x * y + 1"]), (1, 4, 1));
        // The product is shared, so it stays one.
        assert_eq!(of(&["x * y + 1", "x * y - 2"]).0, 3);
        assert_eq!(of(&["x", "y"]), (0, 2, 0));
        assert_eq!(of(&["(x - 3) / (4 * 5)"]).0, 2);
        // A long chain goes through two slots.
        assert_eq!(of(&["exp(exp(exp(exp(exp(x)))))"]).1, 3);
    }
}
