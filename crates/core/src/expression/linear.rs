//! Where a formula is linear, and its slope there.

use super::node::{Function, Node, Operator};
use super::parse::Formula;

/// Degree of a node as a polynomial; none where it is no polynomial.
type Degree = Option<u8>;

impl Formula {
    /// Degree of the formula as a polynomial in some of its variables together; none where it is no polynomial in them.
    pub fn degree(&self, variables: &[usize]) -> Option<u8> {
        self.degrees(variables)[self.result]
    }

    fn degrees(&self, variables: &[usize]) -> Vec<Degree> {
        let mut degrees: Vec<Degree> = Vec::with_capacity(self.nodes.len());
        let both = |a: Degree, b: Degree| Some(a?.max(b?));
        for node in &self.nodes {
            let degree = match *node {
                Node::Constant(_) => Some(0),
                Node::Variable(v) => Some(u8::from(variables.contains(&v))),
                Node::Binary(Operator::Add | Operator::Subtract, a, b) => both(degrees[a], degrees[b]),
                Node::Binary(Operator::Multiply, a, b) => degrees[a].zip(degrees[b]).map(|(a, b)| a.saturating_add(b)),
                Node::Binary(Operator::Divide, a, b) => {
                    if degrees[b] == Some(0) {
                        degrees[a]
                    } else {
                        None
                    }
                }
                Node::Binary(_, a, b) => (both(degrees[a], degrees[b]) == Some(0)).then_some(0),
                Node::Unary(Function::Negate, a) => degrees[a],
                Node::Unary(_, a) => (degrees[a] == Some(0)).then_some(0),
                Node::IfElse(condition, yes, no) => {
                    if degrees[condition] == Some(0) {
                        both(degrees[yes], degrees[no])
                    } else {
                        None
                    }
                }
            };
            degrees.push(degree);
        }
        degrees
    }

    /// The factor of a variable in a formula that is linear in it; none where it is not.
    pub fn slope(&self, variable: usize) -> Option<Self> {
        let degrees = self.degrees(&[variable]);
        if degrees[self.result]? > 1 {
            return None;
        }
        let mut nodes = self.nodes.clone();
        let mut push = |node: Node| {
            nodes.push(node);
            nodes.len() - 1
        };
        let (zero, one) = (push(Node::Constant(0.0)), push(Node::Constant(1.0)));
        // Slope of every node; those of degree 0 have none.
        let mut slopes = vec![zero; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if degrees[i] != Some(1) {
                continue;
            }
            slopes[i] = match *node {
                Node::Variable(_) => one,
                Node::Binary(operator @ (Operator::Add | Operator::Subtract), a, b) => {
                    push(Node::Binary(operator, slopes[a], slopes[b]))
                }
                Node::Binary(Operator::Multiply, a, b) if degrees[a] == Some(1) => {
                    push(Node::Binary(Operator::Multiply, slopes[a], b))
                }
                Node::Binary(Operator::Multiply, a, b) => push(Node::Binary(Operator::Multiply, a, slopes[b])),
                Node::Binary(Operator::Divide, a, b) => push(Node::Binary(Operator::Divide, slopes[a], b)),
                Node::Unary(Function::Negate, a) => push(Node::Unary(Function::Negate, slopes[a])),
                Node::IfElse(condition, yes, no) => push(Node::IfElse(condition, slopes[yes], slopes[no])),
                _ => return None,
            };
        }
        let result = slopes[self.result];
        Some(Self { nodes, result, dimension: self.dimension })
    }
}

#[cfg(test)]
mod tests {
    use crate::expression::{Dimension, Program, parse};

    const VARIABLES: [(&str, Dimension); 3] = [("v", Dimension::NONE), ("w", Dimension::NONE), ("g", Dimension::NONE)];

    #[test]
    fn degrees_and_slopes() {
        let formula = |text: &str| parse(text, &VARIABLES).unwrap();
        let linear = formula("(3 - v * (1 + g * exp(w))) / (2 + w) + if(w < 1, v, 2 * v)");
        assert_eq!(linear.degree(&[0]), Some(1));
        assert_eq!(linear.degree(&[0, 1]), None);
        assert_eq!(formula("v * w + 2").degree(&[0, 1]), Some(2));
        assert_eq!(formula("v ^ 3").degree(&[0]), Some(3));
        assert_eq!(formula("exp(v)").degree(&[0]), None);
        assert!(formula("v * v").slope(0).is_none());
        let slope = Program::new(&[linear.slope(0).unwrap()]);
        let at = |v: f64| Program::new(std::slice::from_ref(&linear)).evaluate(&[v, 0.5, 2.0])[0];
        assert!((slope.evaluate(&[7.0, 0.5, 2.0])[0] - (at(1.0) - at(0.0))).abs() < 1e-12);
    }
}
