//! Units and their dimensions.

use std::fmt;

/// Exponents of mV, ms, mM and um.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dimension(pub [i8; 4]);

impl Dimension {
    /// A plain number.
    pub const NONE: Self = Self([0; 4]);
    /// mV.
    pub const VOLTAGE: Self = Self([1, 0, 0, 0]);
    /// ms.
    pub const TIME: Self = Self([0, 1, 0, 0]);
    /// 1/ms.
    pub const RATE: Self = Self([0, -1, 0, 0]);
    /// mM.
    pub const CONCENTRATION: Self = Self([0, 0, 1, 0]);
    /// um.
    pub const LENGTH: Self = Self([0, 0, 0, 1]);

    /// Of a product (`sign` 1) or quotient (-1).
    pub fn combine(self, other: Self, sign: i8) -> Self {
        Self(std::array::from_fn(|k| self.0[k].saturating_add(sign.saturating_mul(other.0[k]))))
    }

    /// Of a whole power.
    pub fn power(self, exponent: i8) -> Self {
        Self(self.0.map(|e| e.saturating_mul(exponent)))
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return write!(f, "a plain number");
        }
        let parts: Vec<String> = self
            .0
            .iter()
            .zip(["mV", "ms", "mM", "um"])
            .filter(|(e, _)| **e != 0)
            .map(|(e, name)| if *e == 1 { name.to_owned() } else { format!("{name}^{e}") })
            .collect();
        write!(f, "{}", parts.join(" "))
    }
}

/// Size in the base units (mV, ms, mM, um) and dimension of a unit.
pub fn unit(name: &str) -> Option<(f64, Dimension)> {
    Some(match name {
        "mV" => (1.0, Dimension::VOLTAGE),
        "V" => (1e3, Dimension::VOLTAGE),
        "ms" => (1.0, Dimension::TIME),
        "us" => (1e-3, Dimension::TIME),
        "s" => (1e3, Dimension::TIME),
        "kHz" => (1.0, Dimension::RATE),
        "Hz" => (1e-3, Dimension::RATE),
        "mM" => (1.0, Dimension::CONCENTRATION),
        "uM" => (1e-3, Dimension::CONCENTRATION),
        "nM" => (1e-6, Dimension::CONCENTRATION),
        "um" => (1.0, Dimension::LENGTH),
        "mm" => (1e3, Dimension::LENGTH),
        _ => return None,
    })
}
