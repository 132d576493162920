//! How recurrent weights begin: what matters is how far activity echoes before learning.

use ndarray::Array2;
use rand::RngExt;
use rand_distr::{Distribution, Gamma, StandardNormal};
use rheobase_core::Seed;
use rheobase_linalg::{eig, qr};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::network::{RecurrentNetwork, Wiring};
use crate::{Error, Result};

/// Initial recurrent weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Initial {
    /// Evenly between -1/sqrt(units) and 1/sqrt(units), as PyTorch does.
    Uniform {},
    /// Normal with standard deviation gain / sqrt(units): the gain is the spectral radius of a large network (Sompolinsky et al. 1988).
    Gaussian {
        /// Gain.
        gain: f64,
    },
    /// Normal, a share of them zero, scaled to this largest modulus of the eigenvalues.
    SpectralRadius {
        /// Largest modulus of the eigenvalues.
        radius: f64,
        /// Share of weights that are not zero.
        density: f64,
    },
    /// A random rotation times a gain (Saxe, McClelland & Ganguli 2014).
    Orthogonal {
        /// Gain.
        gain: f64,
    },
    /// The identity times a scale (Le, Jaitly & Hinton 2015).
    Identity {
        /// Scale.
        scale: f64,
    },
    /// For Dale's law: gamma-distributed sizes, excitation and inhibition balanced, scaled to a spectral radius (Song, Yang & Wang
    /// 2016).
    Balanced {
        /// Largest modulus of the eigenvalues.
        radius: f64,
    },
}

impl Initial {
    /// What fits a wiring: gamma-distributed and balanced under Dale's law, uniform otherwise.
    pub fn fitting(wiring: &Wiring) -> Self {
        match wiring {
            Wiring::Dale { .. } => Self::Balanced { radius: 1.5 },
            _ => Self::Uniform {},
        }
    }

    /// Refuses combinations that cannot be.
    ///
    /// # Errors
    /// With the reason.
    pub fn check(&self, wiring: &Wiring) -> Result<()> {
        let fail = |message: String| Err(Error::Architecture(message));
        let dale = matches!(wiring, Wiring::Dale { .. });
        match self {
            Self::Balanced { .. } if !dale => fail("a balanced start needs Dale's law: set wiring to dale".into()),
            Self::Orthogonal { .. } if dale => fail(
                "an orthogonal start has weights of both signs in every row, which Dale's law forbids: use balanced"
                    .into(),
            ),
            Self::Identity { .. } | Self::Gaussian { .. } | Self::Uniform { .. } | Self::SpectralRadius { .. }
                if dale =>
            {
                fail("under Dale's law half of such weights would start silent: use balanced".into())
            }
            Self::Orthogonal { .. } | Self::SpectralRadius { .. } | Self::Identity { .. }
                if matches!(wiring, Wiring::LowRank { .. }) =>
            {
                fail("a low-rank network starts from normal factors: use uniform or gaussian".into())
            }
            Self::SpectralRadius { density, .. } if !(*density > 0.0 && *density <= 1.0) => {
                fail(format!("density is {density}, it must lie in (0, 1]"))
            }
            Self::Gaussian { gain: v }
            | Self::Orthogonal { gain: v }
            | Self::Identity { scale: v }
            | Self::SpectralRadius { radius: v, .. }
            | Self::Balanced { radius: v }
                if !(*v > 0.0 && v.is_finite()) =>
            {
                fail(format!("the gain or radius of the initial weights is {v}, it must be above 0"))
            }
            _ => Ok(()),
        }
    }

    /// One square block of recurrent weights, (sources, targets), and its signs already applied.
    ///
    /// # Errors
    /// If eigenvalues cannot be found.
    pub fn block(&self, units: usize, excitatory: usize, seed: &Seed) -> Result<Array2<f64>> {
        let mut stream = seed.stream();
        let n = units as f64;
        let mut normal = |sd: f64| {
            Array2::from_shape_simple_fn((units, units), || {
                sd * Distribution::<f64>::sample(&StandardNormal, &mut stream)
            })
        };
        Ok(match self {
            Self::Uniform {} => {
                let bound = 1.0 / n.sqrt();
                Array2::from_shape_simple_fn((units, units), || bound * (2.0 * stream.random::<f64>() - 1.0))
            }
            Self::Gaussian { gain } => normal(gain / n.sqrt()),
            Self::SpectralRadius { radius, density } => {
                let mut w = normal(1.0);
                let mut keep = seed.child("density").stream();
                w.mapv_inplace(|v| if keep.random::<f64>() < *density { v } else { 0.0 });
                to_radius(w, *radius)?
            }
            Self::Orthogonal { gain } => {
                // Signs of R's diagonal make the rotation uniformly distributed (Mezzadri 2007).
                let (q, r) = qr(normal(1.0).view())?;
                let signs = r.diag().mapv(|v| if v < 0.0 { -gain } else { *gain });
                q * &signs
            }
            Self::Identity { scale } => Array2::eye(units) * *scale,
            Self::Balanced { radius } => {
                let gamma = Gamma::new(2.0, 1.0).map_err(|e| Error::Architecture(e.to_string()))?;
                // Inhibition is stronger by the ratio of numbers, so that the two cancel on average.
                let inhibitory = units - excitatory;
                let ratio = if inhibitory > 0 { excitatory as f64 / inhibitory as f64 } else { 0.0 };
                let mut w = Array2::from_shape_fn((units, units), |(source, target)| {
                    let size = gamma.sample(&mut stream);
                    if source == target {
                        0.0
                    } else if source < excitatory {
                        size
                    } else {
                        -ratio * size
                    }
                });
                w /= n;
                to_radius(w, *radius)?
            }
        })
    }
}

/// The same matrix with this largest modulus of its eigenvalues.
///
/// # Errors
/// If eigenvalues cannot be found, or all are zero.
pub fn to_radius(w: Array2<f64>, radius: f64) -> Result<Array2<f64>> {
    let found = spectral_radius(&w)?;
    if found == 0.0 {
        return Err(Error::Architecture(
            "weights without an eigenvalue cannot be scaled to a spectral radius; raise the density".into(),
        ));
    }
    Ok(w * (radius / found))
}

/// Largest modulus of the eigenvalues.
///
/// # Errors
/// If they cannot be found.
pub fn spectral_radius(w: &Array2<f64>) -> Result<f64> {
    Ok(eig(w.view())?.values.iter().map(|v| v.norm()).fold(0.0, f64::max))
}

/// Initial parameters, in the network's order. Input weights are normal with standard deviation `input_gain` / sqrt(inputs), output
/// weights and those of a bottleneck normal with 1 / sqrt(what they read), biases zero but for the forget gates, which start at 1 (Gers et al. 2000). With `longest`, the
/// gates of each unit start at a time constant of its own, drawn evenly up to so many steps (Tallec & Ollivier 2018).
///
/// # Errors
/// If the start does not fit the wiring.
pub fn initial_parameters(
    network: &RecurrentNetwork,
    initial: &Initial,
    input_gain: f64,
    mask: Option<&Array2<f64>>,
    longest: Option<f64>,
    seed: &Seed,
) -> Result<Vec<Vec<f32>>> {
    network.check()?;
    check_longest(network, longest)?;
    initial.check(&network.wiring)?;
    let (n, columns) = (network.units, network.columns());
    let excitatory = match network.wiring {
        Wiring::Dale { excitatory } => Some(excitatory),
        _ => None,
    };
    let normals = |name: &str, count: usize, sd: f64| -> Vec<f32> {
        let mut stream = seed.child(name).stream();
        let mut draw = || sd * Distribution::<f64>::sample(&StandardNormal, &mut stream);
        let signed = (0..count).map(|_| draw());
        signed.map(|v| if excitatory.is_some() { v.abs() as f32 } else { v as f32 }).collect()
    };
    let mut all = Vec::new();
    for info in network.parameters() {
        let count: usize = info.shape.iter().product();
        all.push(match info.name.as_str() {
            "input.weight" => normals("input", count, input_gain / (network.inputs.max(1) as f64).sqrt()),
            "recurrent.weight" => {
                let mut weights = vec![0.0; count];
                for gate in 0..network.cell.gates() {
                    let seed = seed.child("recurrent").index(gate);
                    let block = initial.block(n, excitatory.unwrap_or(n), &seed)?;
                    for ((source, target), w) in block.indexed_iter() {
                        // Under Dale's law the free weight is the size.
                        let free = if excitatory.is_some() { w.abs() } else { *w };
                        weights[source * columns + gate * n + target] = free as f32;
                    }
                }
                weights
            }
            "recurrent.left" | "recurrent.right" => normals(&info.name, count, 1.0),
            "bottleneck.weight" => normals("bottleneck", count, 1.0 / (n as f64).sqrt()),
            "output.weight" => normals("output", count, 1.0 / (network.read_width() as f64).sqrt()),
            "encoder.weight" => normals("encoder", count, 1.0 / (network.encoder as f64).sqrt()),
            "bias" => {
                let mut bias = vec![0.0; count];
                if let Some(forget) = network.cell.gate_names().iter().position(|g| *g == "forget") {
                    bias[forget * n..(forget + 1) * n].fill(1.0);
                }
                if let Some(steps) = longest {
                    start_gates(network.cell, &mut bias, n, steps, &seed.child("time constants"));
                }
                bias
            }
            "recurrent.mask" => match mask {
                Some(mask) => {
                    let row = |source: usize| (0..columns).map(move |c| mask[[source, c % n]] as f32);
                    (0..n).flat_map(row).collect()
                }
                None => vec![1.0; count],
            },
            _ => vec![0.0; count],
        });
    }
    Ok(all)
}

/// Refuses a longest time constant that gates cannot start at.
///
/// # Errors
/// With the number of steps.
pub fn check_longest(network: &RecurrentNetwork, longest: Option<f64>) -> Result<()> {
    let gated = network.cell.rate_equation().is_none();
    match longest {
        Some(steps) if !(steps > 2.0 && steps.is_finite() && gated) => Err(Error::Architecture(format!(
            "gates that start at up to {steps} steps: it takes more than 2 steps, and a cell with gates"
        ))),
        _ => Ok(()),
    }
}

/// Biases that give each unit a time constant between 1 and `steps` - 1: ln of it for forget gates, less for update and input gates.
fn start_gates(cell: Cell, bias: &mut [f32], units: usize, steps: f64, seed: &Seed) {
    let mut stream = seed.stream();
    for unit in 0..units {
        let scale = (1.0 + (steps - 2.0) * stream.random::<f64>()).ln() as f32;
        for (gate, name) in cell.gate_names().iter().enumerate() {
            match *name {
                "forget" => bias[gate * units + unit] = scale,
                "update" => bias[gate * units + unit] = -scale,
                "input" if cell == Cell::Lstm => bias[gate * units + unit] = -scale,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_have_the_spectrum_they_promise() {
        let seed = Seed::root(1);
        let radius =
            |initial: Initial, excitatory| spectral_radius(&initial.block(100, excitatory, &seed).unwrap()).unwrap();
        assert!((radius(Initial::SpectralRadius { radius: 0.95, density: 0.1 }, 100) - 0.95).abs() < 1e-9);
        assert!((radius(Initial::Orthogonal { gain: 1.2 }, 100) - 1.2).abs() < 1e-9);
        // The circular law: the radius of 100 units is within some percent of the gain.
        assert!((radius(Initial::Gaussian { gain: 1.5 }, 100) - 1.5).abs() < 0.2);
        let balanced = Initial::Balanced { radius: 1.5 }.block(100, 80, &seed).unwrap();
        assert!((spectral_radius(&balanced).unwrap() - 1.5).abs() < 1e-9);
        assert!(balanced.rows().into_iter().take(80).all(|r| r.iter().all(|w| *w >= 0.0)));
        assert!(balanced.rows().into_iter().skip(80).all(|r| r.iter().all(|w| *w <= 0.0)));
        // Balance: the mean weight is a tenth of the mean size or less.
        assert!(balanced.sum().abs() < 0.1 * balanced.iter().map(|w| w.abs()).sum::<f64>());
        let q = Initial::Orthogonal { gain: 1.0 }.block(20, 20, &seed).unwrap();
        assert!((q.dot(&q.t()) - Array2::<f64>::eye(20)).iter().all(|v| v.abs() < 1e-12));
    }

    #[test]
    fn impossible_starts_are_refused_with_the_reason() {
        let dale = Wiring::Dale { excitatory: 8 };
        let message = Initial::Orthogonal { gain: 1.0 }.check(&dale).unwrap_err().to_string();
        assert!(message.contains("Dale") && message.contains("balanced"), "{message}");
        assert!(Initial::Balanced { radius: 1.0 }.check(&Wiring::Free).is_err());
        assert!(Initial::Gaussian { gain: -1.0 }.check(&Wiring::Free).is_err());
    }
}
