//! Defaults that the experiments on cells share.

/// The soma's middle.
pub fn soma() -> String {
    "soma(0.5)".into()
}

/// Step in ms.
pub fn step_ms() -> f64 {
    0.025
}

/// Voltage at the start in mV.
pub fn start_mv() -> f64 {
    -65.0
}

/// A weight or factor that changes nothing.
pub fn unit() -> f64 {
    1.0
}

/// One of something.
pub fn one() -> usize {
    1
}

/// The whole cell.
pub fn everywhere() -> String {
    "all".into()
}
