//! From text to a tree with checked units.
//!
//! Numbers may carry a unit (`27 mV`); operators are `+ - * / ^`, comparisons `< <= > >=`, `and or not`, functions
//! `exp ln sqrt sin cos abs min max linoid logistic` and `if(condition, yes, no)`. `linoid(x)` is x / (1 - exp(-x)), guarded at 0.

use super::ExpressionError;
use super::node::{Function, Node, Operator};
use super::units::{Dimension, unit};

type Result<T> = std::result::Result<T, ExpressionError>;

/// A parsed formula: nodes in an order in which each comes after what it uses; the last is the result. Equal nodes are
/// stored once.
#[derive(Debug, Clone, PartialEq)]
pub struct Formula {
    /// Operations.
    pub nodes: Vec<Node>,
    /// Node of the result.
    pub result: usize,
    /// Dimension of the result.
    pub dimension: Dimension,
}

impl Formula {
    /// Which variables it uses.
    pub fn uses(&self, variable: usize) -> bool {
        self.nodes.contains(&Node::Variable(variable))
    }
}

/// Parses a formula over named variables with dimensions.
///
/// # Errors
/// With the character: what does not parse, unknown names (with the known ones), units that do not fit.
pub fn parse(text: &str, variables: &[(&str, Dimension)]) -> Result<Formula> {
    let mut parser = Parser { text, at: 0, variables, nodes: vec![], dimensions: vec![], depth: 0 };
    let result = parser.either()?;
    parser.space();
    if parser.at < text.len() {
        return parser.fail(parser.at, "an operator or the end was expected here".into());
    }
    let dimension = parser.dimensions[result];
    Ok(Formula { nodes: parser.nodes, result, dimension })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    variables: &'a [(&'a str, Dimension)],
    nodes: Vec<Node>,
    dimensions: Vec<Dimension>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, at: usize, problem: String) -> Result<T> {
        let at = self.text[..at.min(self.text.len())].chars().count() + 1;
        Err(ExpressionError { text: self.text.into(), at, problem })
    }

    fn space(&mut self) {
        self.at += self.text[self.at..].len() - self.text[self.at..].trim_start().len();
    }

    /// Takes one of these symbols or words, longest first.
    fn take(&mut self, symbols: &[&str]) -> Option<usize> {
        self.space();
        let rest = &self.text[self.at..];
        let found = symbols.iter().position(|s| {
            rest.starts_with(s)
                && (!s.ends_with(char::is_alphabetic)
                    || !rest[s.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })?;
        self.at += symbols[found].len();
        Some(found)
    }

    fn push(&mut self, node: Node, dimension: Dimension) -> usize {
        let folded = self.fold(node);
        if let Some(same) = (0..self.nodes.len()).find(|&i| self.nodes[i] == folded && self.dimensions[i] == dimension)
        {
            return same;
        }
        self.nodes.push(folded);
        self.dimensions.push(dimension);
        self.nodes.len() - 1
    }

    /// Computes what is constant.
    fn fold(&self, node: Node) -> Node {
        let constant = |i: usize| match self.nodes[i] {
            Node::Constant(value) => Some(value),
            _ => None,
        };
        match node {
            Node::Binary(operator, a, b) => match (constant(a), constant(b)) {
                (Some(a), Some(b)) => Node::Constant(operator.apply(a, b)),
                // A product is several times cheaper than a quotient.
                (None, Some(b))
                    if operator == Operator::Divide
                        && (1.0 / b).is_normal()
                        && (1.0 / b) * b == 1.0
                        && b.log2().fract() == 0.0 =>
                {
                    self.nodes
                        .iter()
                        .position(|n| *n == Node::Constant(1.0 / b))
                        .map_or(node, |inverse| Node::Binary(Operator::Multiply, a, inverse))
                }
                _ => node,
            },
            Node::Unary(function, a) => constant(a).map_or(node, |a| Node::Constant(function.apply(a))),
            _ => node,
        }
    }

    fn either(&mut self) -> Result<usize> {
        self.depth += 1;
        if self.depth > 200 {
            return self.fail(self.at, "nested too deeply".into());
        }
        let mut left = self.both()?;
        while self.take(&["or"]).is_some() {
            let right = self.both()?;
            left = self.push(Node::Binary(Operator::Maximum, left, right), Dimension::NONE);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<usize> {
        let mut left = self.negation()?;
        while self.take(&["and"]).is_some() {
            let right = self.negation()?;
            left = self.push(Node::Binary(Operator::Minimum, left, right), Dimension::NONE);
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<usize> {
        let mut nots = 0;
        while self.take(&["not"]).is_some() {
            nots += 1;
        }
        let value = self.comparison()?;
        if nots % 2 == 0 {
            return Ok(value);
        }
        let zero = self.push(Node::Constant(0.0), Dimension::NONE);
        Ok(self.push(Node::Binary(Operator::LessEqual, value, zero), Dimension::NONE))
    }

    fn comparison(&mut self) -> Result<usize> {
        let left = self.sum()?;
        self.space();
        let at = self.at;
        let Some(symbol) = self.take(&["<=", ">=", "<", ">"]) else { return Ok(left) };
        let right = self.sum()?;
        self.require_same(at, left, right, "compared")?;
        let (a, b) = if symbol % 2 == 0 { (left, right) } else { (right, left) };
        let operator = if symbol < 2 { Operator::LessEqual } else { Operator::Less };
        Ok(self.push(Node::Binary(operator, a, b), Dimension::NONE))
    }

    fn require_same(&self, at: usize, a: usize, b: usize, how: &str) -> Result<()> {
        let (da, db) = (self.dimensions[a], self.dimensions[b]);
        if da == db {
            return Ok(());
        }
        self.fail(at, format!("{da} and {db} cannot be {how}; give a number its unit, as in 27 mV"))
    }

    fn sum(&mut self) -> Result<usize> {
        let mut left = self.product()?;
        loop {
            self.space();
            let at = self.at;
            let Some(symbol) = self.take(&["+", "-"]) else { return Ok(left) };
            let right = self.product()?;
            self.require_same(at, left, right, if symbol == 0 { "added" } else { "subtracted" })?;
            let operator = if symbol == 0 { Operator::Add } else { Operator::Subtract };
            let dimension = self.dimensions[left];
            left = self.push(Node::Binary(operator, left, right), dimension);
        }
    }

    fn product(&mut self) -> Result<usize> {
        let mut left = self.sign()?;
        while let Some(symbol) = self.take(&["*", "/"]) {
            let right = self.sign()?;
            let (operator, sign) = if symbol == 0 { (Operator::Multiply, 1) } else { (Operator::Divide, -1) };
            let dimension = self.dimensions[left].combine(self.dimensions[right], sign);
            left = self.push(Node::Binary(operator, left, right), dimension);
        }
        Ok(left)
    }

    fn sign(&mut self) -> Result<usize> {
        let mut negative = false;
        while let Some(symbol) = self.take(&["-", "+"]) {
            negative ^= symbol == 0;
        }
        let value = self.power()?;
        if !negative {
            return Ok(value);
        }
        let dimension = self.dimensions[value];
        Ok(self.push(Node::Unary(Function::Negate, value), dimension))
    }

    fn power(&mut self) -> Result<usize> {
        let base = self.atom()?;
        self.space();
        let at = self.at;
        if self.take(&["^"]).is_none() {
            return Ok(base);
        }
        let negative = self.take(&["-"]).is_some();
        let exponent = self.atom()?;
        let Node::Constant(exponent) = self.nodes[exponent] else {
            return self.fail(at, "an exponent must be a number".into());
        };
        let exponent = if negative { -exponent } else { exponent };
        if exponent.fract() == 0.0 && exponent.abs() <= 16.0 {
            let dimension = self.dimensions[base];
            let mut value = self.push(Node::Constant(1.0), Dimension::NONE);
            for k in 0..exponent.abs() as i8 {
                value = if k == 0 {
                    base
                } else {
                    self.push(Node::Binary(Operator::Multiply, value, base), dimension.power(k + 1))
                };
            }
            if exponent < 0.0 {
                let one = self.push(Node::Constant(1.0), Dimension::NONE);
                value = self.push(Node::Binary(Operator::Divide, one, value), dimension.power(exponent as i8));
            }
            return Ok(value);
        }
        if self.dimensions[base] != Dimension::NONE {
            return self.fail(at, "a power that is not whole needs a plain number below it".into());
        }
        let logarithm = self.push(Node::Unary(Function::Ln, base), Dimension::NONE);
        let factor = self.push(Node::Constant(exponent), Dimension::NONE);
        let product = self.push(Node::Binary(Operator::Multiply, logarithm, factor), Dimension::NONE);
        Ok(self.push(Node::Unary(Function::Exp, product), Dimension::NONE))
    }

    fn atom(&mut self) -> Result<usize> {
        self.space();
        let start = self.at;
        let rest: &'a str = &self.text[start..];
        match rest.chars().next() {
            Some('(') => {
                self.at += 1;
                let value = self.either()?;
                self.expect(")")?;
                Ok(value)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(rest),
            Some(c) if c.is_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || "_[]".contains(c))).unwrap_or(rest.len());
                self.at += end;
                self.name(&rest[..end], start)
            }
            _ => self.fail(start, "a number, a name or an opening bracket was expected here".into()),
        }
    }

    fn expect(&mut self, symbol: &str) -> Result<()> {
        if self.take(&[symbol]).is_some() {
            Ok(())
        } else {
            self.fail(self.at, format!("\"{symbol}\" was expected here"))
        }
    }

    fn number(&mut self, rest: &str) -> Result<usize> {
        let bytes = rest.as_bytes();
        let mut end = 0;
        while end < bytes.len() {
            let exponent_sign = matches!(bytes[end], b'+' | b'-') && end > 0 && matches!(bytes[end - 1], b'e' | b'E');
            let exponent = matches!(bytes[end], b'e' | b'E')
                && bytes.get(end + 1).is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-'));
            if !(bytes[end].is_ascii_digit() || bytes[end] == b'.' || bytes[end] == b'_' || exponent || exponent_sign) {
                break;
            }
            end += 1;
        }
        let Ok(value) = rest[..end].replace('_', "").parse::<f64>() else {
            return self.fail(self.at, format!("\"{}\" is not a number", &rest[..end]));
        };
        self.at += end;
        // A unit right after a number belongs to it; variables need a sign in between.
        self.space();
        let tail = &self.text[self.at..];
        let length = tail.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tail.len());
        let (size, dimension) = match unit(&tail[..length]) {
            Some(found) => {
                self.at += length;
                found
            }
            None => (1.0, Dimension::NONE),
        };
        Ok(self.push(Node::Constant(value * size), dimension))
    }

    fn name(&mut self, name: &str, start: usize) -> Result<usize> {
        if self.take(&["("]).is_some() {
            return self.call(name, start);
        }
        if let Some(place) = self.variables.iter().position(|(known, _)| *known == name) {
            return Ok(self.push(Node::Variable(place), self.variables[place].1));
        }
        if let Some((size, dimension)) = unit(name) {
            return Ok(self.push(Node::Constant(size), dimension));
        }
        let known: Vec<&str> = self.variables.iter().map(|(name, _)| *name).take(40).collect();
        self.fail(start, format!("\"{name}\" is neither a variable ({}) nor a unit", known.join(", ")))
    }

    fn call(&mut self, name: &str, start: usize) -> Result<usize> {
        let mut arguments = vec![self.either()?];
        while self.take(&[","]).is_some() {
            arguments.push(self.either()?);
        }
        self.expect(")")?;
        let count = |n: usize| -> Result<()> {
            if arguments.len() == n {
                Ok(())
            } else {
                self.fail(start, format!("{name} takes {n} arguments, not {}", arguments.len()))
            }
        };
        let plain = |i: usize| -> Result<()> {
            let dimension = self.dimensions[arguments[i]];
            if dimension == Dimension::NONE {
                return Ok(());
            }
            self.fail(start, format!("the argument of {name} must be a plain number; it is {dimension}"))
        };
        let unary = |function: Function| -> Result<Node> {
            count(1)?;
            plain(0)?;
            Ok(Node::Unary(function, arguments[0]))
        };
        let node = match name {
            "exp" => unary(Function::Exp)?,
            "ln" | "log" => unary(Function::Ln)?,
            "linoid" => unary(Function::Linoid)?,
            "logistic" => unary(Function::Logistic)?,
            "sin" => unary(Function::Sin)?,
            "cos" => unary(Function::Cos)?,
            "sqrt" => {
                unary(Function::Ln)?;
                let half = self.push(Node::Constant(0.5), Dimension::NONE);
                let logarithm = self.push(Node::Unary(Function::Ln, arguments[0]), Dimension::NONE);
                let product = self.push(Node::Binary(Operator::Multiply, logarithm, half), Dimension::NONE);
                Node::Unary(Function::Exp, product)
            }
            "abs" => {
                count(1)?;
                let dimension = self.dimensions[arguments[0]];
                let negative = self.push(Node::Unary(Function::Negate, arguments[0]), dimension);
                return Ok(self.push(Node::Binary(Operator::Maximum, arguments[0], negative), dimension));
            }
            "min" | "max" => {
                count(2)?;
                self.require_same(start, arguments[0], arguments[1], "compared")?;
                let operator = if name == "min" { Operator::Minimum } else { Operator::Maximum };
                let dimension = self.dimensions[arguments[0]];
                return Ok(self.push(Node::Binary(operator, arguments[0], arguments[1]), dimension));
            }
            "if" => {
                count(3)?;
                self.require_same(start, arguments[1], arguments[2], "chosen between")?;
                let dimension = self.dimensions[arguments[1]];
                return Ok(self.push(Node::IfElse(arguments[0], arguments[1], arguments[2]), dimension));
            }
            _ => {
                let known = "exp, ln, sqrt, sin, cos, abs, min, max, linoid, logistic, if";
                return self.fail(start, format!("\"{name}\" is not a function; known are {known}"));
            }
        };
        Ok(self.push(node, Dimension::NONE))
    }
}
