//! Two-state receptors opened by a pulse of transmitter (Destexhe, Mainen & Sejnowski 1994 J Comput Neurosci 1:195).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::{POSITIVE, require_range};

use super::MagnesiumBlock;

/// G-protein stage of GABA-B: dG/dt = production R - removal G; open share G^4 / (G^4 + half).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondStage {
    /// In 1/ms.
    pub production_per_ms: f64,
    /// In 1/ms.
    pub removal_per_ms: f64,
    /// G^4 at which half of the channels are open.
    pub half: f64,
}

/// dR/dt = opening C (1 - R) - closing R, with transmitter C = 1 mM during a pulse after each event.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KineticReceptor {
    /// Opening rate in 1/(ms mM).
    pub opening_per_ms: f64,
    /// Closing rate in 1/ms.
    pub closing_per_ms: f64,
    /// Duration of the pulse in ms; an event during a pulse makes it begin anew.
    pub pulse_ms: f64,
    /// Largest conductance in nS.
    pub g_ns: f64,
    /// Reversal potential in mV.
    pub e_mv: f64,
    /// Magnesium block.
    #[serde(default)]
    pub block: Option<MagnesiumBlock>,
    /// G-protein stage.
    #[serde(default)]
    pub second_stage: Option<SecondStage>,
}

impl KineticReceptor {
    /// Refuses rates and times that are not positive.
    ///
    /// # Errors
    /// Naming the field.
    pub fn check(&self) -> Result<()> {
        require_range("opening_per_ms of a kinetic receptor", self.opening_per_ms, POSITIVE, 1e6)?;
        require_range("closing_per_ms of a kinetic receptor", self.closing_per_ms, POSITIVE, 1e6)?;
        require_range("pulse_ms of a kinetic receptor", self.pulse_ms, POSITIVE, 1e6)?;
        require_range("g_ns of a kinetic receptor", self.g_ns, 0.0, 1e9)?;
        require_range("e_mv of a kinetic receptor", self.e_mv, -500.0, 500.0)?;
        if let Some(stage) = self.second_stage {
            require_range("production_per_ms of a kinetic receptor", stage.production_per_ms, POSITIVE, 1e6)?;
            require_range("removal_per_ms of a kinetic receptor", stage.removal_per_ms, POSITIVE, 1e6)?;
            require_range("half of a kinetic receptor", stage.half, POSITIVE, 1e12)?;
        }
        Ok(())
    }

    /// R after `ms` from `r`, with or without transmitter.
    fn relax(&self, r: f64, ms: f64, transmitter: bool) -> f64 {
        if transmitter {
            let rate = self.opening_per_ms + self.closing_per_ms;
            let limit = self.opening_per_ms / rate;
            limit + (r - limit) * (-rate * ms).exp()
        } else {
            r * (-self.closing_per_ms * ms).exp()
        }
    }
}

/// All kinetic receptors of a simulation.
#[derive(Debug, Clone, Default)]
pub(crate) struct KineticBank {
    lanes: usize,
    nodes: Vec<u32>,
    receptors: Vec<KineticReceptor>,
    /// R, G and what is left of the pulse in ms; shape (receptors, lanes).
    pub states: [Vec<f64>; 3],
}

impl KineticBank {
    pub fn new(lanes: usize) -> Self {
        Self { lanes, ..Self::default() }
    }

    pub fn add(&mut self, node: u32, receptor: KineticReceptor) -> usize {
        self.nodes.push(node);
        self.receptors.push(receptor);
        let size = self.nodes.len() * self.lanes;
        self.states.iter_mut().for_each(|s| s.resize(size, 0.0));
        self.nodes.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Begins a pulse that began `ms` ago.
    pub fn event(&mut self, receptor: usize, lane: usize, ms: f64) {
        let i = receptor * self.lanes + lane;
        let kinetics = &self.receptors[receptor];
        let lasted = ms.min(kinetics.pulse_ms);
        if self.states[2][i] == 0.0 {
            // The state when the event came was the present one before it decayed.
            let before = self.states[0][i] * (kinetics.closing_per_ms * ms).exp();
            let opened = kinetics.relax(before.min(1.0), lasted, true);
            self.states[0][i] = kinetics.relax(opened, ms - lasted, false);
        }
        self.states[2][i] = kinetics.pulse_ms - lasted;
    }

    pub fn advance(&mut self, ms: f64) {
        for k in 0..self.nodes.len() {
            let kinetics = &self.receptors[k];
            for lane in 0..self.lanes {
                let i = k * self.lanes + lane;
                let during = self.states[2][i].min(ms);
                let start = self.states[0][i];
                let opened = kinetics.relax(start, during, true);
                let end = kinetics.relax(if during > 0.0 { opened } else { start }, ms - during, false);
                self.states[0][i] = end;
                self.states[2][i] -= during;
                if let Some(stage) = kinetics.second_stage {
                    let limit = stage.production_per_ms / stage.removal_per_ms * 0.5 * (start + end);
                    let g = &mut self.states[1][i];
                    *g = limit + (*g - limit) * (-stage.removal_per_ms * ms).exp();
                }
            }
        }
    }

    /// Conductance in uS without block.
    pub fn g_us(&self, k: usize, lane: usize) -> f64 {
        let i = k * self.lanes + lane;
        let open = match self.receptors[k].second_stage {
            Some(stage) => {
                let g4 = self.states[1][i].powi(4);
                g4 / (g4 + stage.half)
            }
            None => self.states[0][i],
        };
        open * self.receptors[k].g_ns * 1e-3
    }

    pub fn assemble(&self, v: &[f64], diagonal: &mut [f64], right: &mut [f64]) {
        for k in 0..self.nodes.len() {
            for lane in 0..self.lanes {
                let at = self.nodes[k] as usize * self.lanes + lane;
                let receptor = &self.receptors[k];
                let open = receptor.block.map_or(1.0, |block| block.open(v[at]));
                let g = self.g_us(k, lane) * open;
                diagonal[at] += g;
                right[at] += g * receptor.e_mv;
            }
        }
    }
}
