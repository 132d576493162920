//! The F-I curve of a rate unit, with its slope and curvature from the output alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scalar::Scalar;

/// F-I curve of a rate unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Nonlinearity {
    /// Hyperbolic tangent.
    Tanh,
    /// max(0, x).
    Relu,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// ln(1 + e^x).
    Softplus,
    /// max(0, tanh x).
    RectifiedTanh,
    /// x itself.
    Linear,
}

impl Nonlinearity {
    /// f(x).
    #[inline(always)]
    pub fn value<F: Scalar>(self, x: F) -> F {
        match self {
            Self::Tanh => x.tanh(),
            Self::Relu => x.positive(),
            Self::Sigmoid => x.logistic(),
            // max(x, 0) + ln(1 + e^-|x|) neither overflows nor cancels.
            Self::Softplus => x.positive() + (-x.abs()).exp().ln_1p(),
            Self::RectifiedTanh => x.tanh().positive(),
            Self::Linear => x,
        }
    }

    /// f'(x) from y = f(x).
    #[inline(always)]
    pub fn slope<F: Scalar>(self, y: F) -> F {
        let on = if y > F::ZERO { F::ONE } else { F::ZERO };
        match self {
            Self::Tanh => F::ONE - y * y,
            Self::Relu => on,
            Self::Sigmoid => y * (F::ONE - y),
            Self::Softplus => F::ONE - (-y).exp(),
            Self::RectifiedTanh => on * (F::ONE - y * y),
            Self::Linear => F::ONE,
        }
    }

    /// f''(x) from y = f(x).
    #[inline(always)]
    pub fn curvature<F: Scalar>(self, y: F) -> F {
        let two = F::ONE + F::ONE;
        let slope = self.slope(y);
        match self {
            Self::Tanh | Self::RectifiedTanh => -two * y * slope,
            Self::Sigmoid => slope * (F::ONE - two * y),
            Self::Softplus => slope * (F::ONE - slope),
            Self::Relu | Self::Linear => F::ZERO,
        }
    }
}

/// Runs a body once with `$f` as the nonlinearity found in `$found`, a constant there: each has its own loop, so that each vectorises.
macro_rules! with_nonlinearity {
    ($found:expr, $f:ident => $body:block) => {
        match $found {
            Nonlinearity::Tanh => {
                let $f = Nonlinearity::Tanh;
                $body
            }
            Nonlinearity::Relu => {
                let $f = Nonlinearity::Relu;
                $body
            }
            Nonlinearity::Sigmoid => {
                let $f = Nonlinearity::Sigmoid;
                $body
            }
            Nonlinearity::Softplus => {
                let $f = Nonlinearity::Softplus;
                $body
            }
            Nonlinearity::RectifiedTanh => {
                let $f = Nonlinearity::RectifiedTanh;
                $body
            }
            Nonlinearity::Linear => {
                let $f = Nonlinearity::Linear;
                $body
            }
        }
    };
}

pub(super) use with_nonlinearity;
