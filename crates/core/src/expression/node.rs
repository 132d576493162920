//! The operations a formula consists of.

/// An operation on the values of other nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// A number.
    Constant(f64),
    /// A variable, by its place in the list given to [`parse`](super::parse()).
    Variable(usize),
    /// Sum, difference, product, quotient, smaller, larger.
    Binary(Operator, usize, usize),
    /// A function of one argument.
    Unary(Function, usize),
    /// The second where the first is above 0, else the third.
    IfElse(usize, usize, usize),
}

/// Operators of two arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// a + b
    Add,
    /// a - b
    Subtract,
    /// a b
    Multiply,
    /// a / b
    Divide,
    /// 1 if a < b, else 0
    Less,
    /// 1 if a <= b, else 0
    LessEqual,
    /// the smaller
    Minimum,
    /// the larger
    Maximum,
}

/// Functions of one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// -a
    Negate,
    /// e^a
    Exp,
    /// natural logarithm
    Ln,
    /// a / (1 - e^-a)
    Linoid,
    /// 1 / (1 + e^-a)
    Logistic,
    /// sine
    Sin,
    /// cosine
    Cos,
}

impl Operator {
    /// On numbers.
    #[inline(always)]
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Less => f64::from(u8::from(a < b)),
            Self::LessEqual => f64::from(u8::from(a <= b)),
            Self::Minimum => {
                if a < b {
                    a
                } else {
                    b
                }
            }
            Self::Maximum => {
                if a > b {
                    a
                } else {
                    b
                }
            }
        }
    }
}

impl Function {
    /// On a number.
    #[inline(always)]
    pub fn apply(self, a: f64) -> f64 {
        match self {
            Self::Negate => -a,
            Self::Exp => crate::math::exp(a),
            Self::Ln => crate::math::ln(a),
            Self::Linoid => crate::math::linoid(a),
            Self::Logistic => crate::math::logistic(a),
            Self::Sin => libm::sin(a),
            Self::Cos => libm::cos(a),
        }
    }
}
