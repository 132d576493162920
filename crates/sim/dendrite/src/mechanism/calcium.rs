//! Calcium in a shell below the membrane: what flows in, is buffered and decays (Destexhe, Contreras & Sejnowski 1994).
//!
//! ca' = -1e4 i gamma / (2 F depth) - (ca - rest) / decay, with i in mA/cm2; solved exactly over a step for constant i.

use super::Kinetics;
use super::bank::{BLOCK, Membrane, Stretch};
use crate::math::{exp, ln};
use crate::single;
use crate::vectorised::{Kernel, vectorised};

/// Faraday's constant in C/mol.
const FARADAY: f64 = 96485.33;

/// Parameters of a pool, the same for all its compartments.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CalciumPool {
    /// Share of the calcium that is not buffered.
    pub gamma: f64,
    /// Time constant of removal in ms.
    pub decay_ms: f64,
    /// Depth of the shell in um.
    pub depth_um: f64,
    /// Concentration at rest in mM.
    pub rest_mm: f64,
    /// Concentration at the start in mM.
    pub start_mm: f64,
    /// Concentration outside in mM.
    pub outside_mm: f64,
    /// RT / 2F in mV for the reversal potential by Nernst's equation; 0 keeps `e_mv`.
    pub nernst_mv: f64,
    /// Reversal potential in mV where Nernst's equation is not used.
    pub e_mv: f64,
    /// Whether a pool counts only what flows in.
    pub inward_only: bool,
}

impl Default for CalciumPool {
    /// Constants of Hay et al. 2011 at 6.3 C.
    fn default() -> Self {
        Self {
            gamma: 0.0005,
            decay_ms: 80.0,
            depth_um: 0.1,
            rest_mm: 1e-4,
            start_mm: 5e-5,
            outside_mm: 2.0,
            nernst_mv: 12.040_6,
            e_mv: 140.0,
            inward_only: false,
        }
    }
}

/// Pools of the compartments of a membrane.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    /// Rise in mM per ms and nA of inward current, per compartment and lane.
    pub gain: Vec<f64>,
    pub decay_ms: Vec<f64>,
    pub rest_mm: Vec<f64>,
    pub outside_mm: f64,
    pub nernst_mv: f64,
    pub inward_only: bool,
    /// Share that is left after a step of this many ms, per compartment and lane; empty before the first.
    pub kept: (f64, Vec<f64>),
}

impl CalciumPool {
    /// mM per ms and nA for a compartment of this area.
    pub(crate) fn gain(&self, area_um2: f64) -> f64 {
        // 1 nA / um2 = 100 mA / cm2.
        1e4 * 100.0 / area_um2 * self.gamma / (2.0 * FARADAY * self.depth_um)
    }

    /// Reversal potential in mV at a concentration.
    pub fn reversal_mv(&self, calcium_mm: f64) -> f64 {
        if self.nernst_mv > 0.0 { self.nernst_mv * ln(self.outside_mm / calcium_mm) } else { self.e_mv }
    }
}

impl Pools {
    /// Moves the concentrations by `dt_ms` under the calcium current at `v_mid`, then sets the reversal potential.
    pub fn step(&mut self, membrane: &mut Membrane, v_mid: &[f64], stretch: &Stretch) {
        let dt_ms = stretch.dt_ms;
        if self.kept.0 != dt_ms || self.kept.1.is_empty() {
            self.kept = (dt_ms, self.decay_ms.iter().map(|decay| exp(-dt_ms / decay)).collect());
        }
        vectorised(Step { pools: self, membrane, v_mid, stretch });
    }
}

struct Step<'a> {
    pools: &'a Pools,
    membrane: &'a mut Membrane,
    v_mid: &'a [f64],
    stretch: &'a Stretch,
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Step { pools, membrane, v_mid, stretch } = self;
        let part = stretch.blocks.start * BLOCK..stretch.blocks.end * BLOCK;
        let n = part.len();
        let (calcium, e_calcium) = (&mut membrane.calcium[part.clone()], &mut membrane.e_calcium[part.clone()]);
        let (g, ge) = (&membrane.g_calcium[part.clone()], &membrane.ge_calcium[part.clone()]);
        let (gain, decay, rest) =
            (&pools.gain[part.clone()], &pools.decay_ms[part.clone()], &pools.rest_mm[part.clone()]);
        let (kept, v_mid) = (&pools.kept.1[part.clone()], &v_mid[part]);
        let (calcium, e_calcium, kept, v_mid) = (&mut calcium[..n], &mut e_calcium[..n], &kept[..n], &v_mid[..n]);
        let (g, ge, gain, decay, rest) = (&g[..n], &ge[..n], &gain[..n], &decay[..n], &rest[..n]);
        let floor = if pools.inward_only { 0.0 } else { f64::MIN };
        for i in 0..n {
            let inward = ge[i] - g[i] * v_mid[i];
            let inward = if inward < floor { floor } else { inward };
            let limit = (inward * gain[i]).mul_add(decay[i], rest[i]);
            let next = (calcium[i] - limit).mul_add(kept[i], limit);
            // A strong outward current must not make the concentration negative.
            calcium[i] = if next < 1e-9 { 1e-9 } else { next };
        }
        if pools.nernst_mv > 0.0 {
            match stretch.kinetics {
                Kinetics::Double => {
                    for i in 0..n {
                        e_calcium[i] = pools.nernst_mv * ln(pools.outside_mm / calcium[i]);
                    }
                }
                Kinetics::Single => {
                    // As a sum, which needs no division.
                    let (nernst_mv, outside) = (pools.nernst_mv as f32, pools.nernst_mv * ln(pools.outside_mm));
                    for i in 0..n {
                        e_calcium[i] = outside - f64::from(nernst_mv * single::ln(calcium[i] as f32));
                    }
                }
            }
        }
    }
}
