//! Input and transfer impedance: the response to a small sinusoidal current.
//!
//! (G + i w C + A) V = I at the slope conductances of the present state; gates are held.

use super::Simulation;
use crate::error::require_range;
use crate::{Error, Result};

/// Complex voltages per current, in Mohm, for a current into one compartment.
#[derive(Debug, Clone, PartialEq)]
pub struct Impedance {
    /// Real and imaginary part per compartment.
    pub transfer_mohm: Vec<[f64; 2]>,
    /// Where the current enters.
    pub site: usize,
}

impl Impedance {
    /// Size at a compartment in Mohm; at the site itself the input impedance.
    ///
    /// # Panics
    /// If the compartment is not there.
    pub fn magnitude_mohm(&self, compartment: usize) -> f64 {
        let [re, im] = self.transfer_mohm[compartment];
        re.hypot(im)
    }

    /// Voltage there over the voltage at the site.
    ///
    /// # Panics
    /// If the compartment is not there.
    pub fn ratio(&self, compartment: usize) -> f64 {
        self.magnitude_mohm(compartment) / self.magnitude_mohm(self.site)
    }
}

fn multiply([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [a * c - b * d, a * d + b * c]
}

fn divide([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    let size = c * c + d * d;
    [(a * c + b * d) / size, (b * c - a * d) / size]
}

impl Simulation {
    /// Impedance between a site and every compartment at a frequency, in a lane, for the present state.
    ///
    /// # Errors
    /// If the compartment or lane is not there, or the frequency is negative.
    pub fn impedance(&mut self, site: usize, frequency_hz: f64, lane: usize) -> Result<Impedance> {
        self.check_place(site, Some(lane))?;
        require_range("frequency_hz", frequency_hz, 0.0, 1e6)?;
        let lanes = self.settings.lanes;
        let omega_per_ms = std::f64::consts::TAU * frequency_hz * 1e-3;
        let mut diagonal: Vec<[f64; 2]> = self.tree.axial_sum_us.iter().map(|g| [*g, 0.0]).collect();
        let state = self.snapshot();
        for domain in &mut self.domains {
            // A step of no duration only sums the conductances.
            domain.assemble(&self.v, lanes, 0.0, 0.0, self.settings.kinetics);
            for (k, &node) in domain.nodes.iter().enumerate() {
                let at = &mut diagonal[node as usize];
                at[0] += domain.membrane.g[k * lanes + lane];
                at[1] += omega_per_ms * domain.capacitance[k * lanes + lane];
            }
        }
        let mut synaptic = vec![0.0; self.v.len()];
        let mut currents = vec![0.0; self.v.len()];
        self.receptors.iter_mut().for_each(|bank| bank.assemble(&self.v, &mut synaptic, &mut currents));
        self.kinetic.assemble(&self.v, &mut synaptic, &mut currents);
        diagonal.iter_mut().enumerate().for_each(|(node, d)| d[0] += synaptic[node * lanes + lane]);
        self.restore(&state)?;
        let nodes = self.tree.len();
        let mut right = vec![[0.0; 2]; nodes];
        right[self.tree.node_of[site] as usize] = [1.0, 0.0];
        for i in (1..nodes).rev() {
            let (p, a) = (self.tree.parent[i] as usize, self.tree.axial_us[i]);
            let f = divide([a, 0.0], diagonal[i]);
            diagonal[p] = [diagonal[p][0] - f[0] * a, diagonal[p][1] - f[1] * a];
            let up = multiply(f, right[i]);
            right[p] = [right[p][0] + up[0], right[p][1] + up[1]];
        }
        right[0] = divide(right[0], diagonal[0]);
        for i in 1..nodes {
            let a = self.tree.axial_us[i];
            let above = right[self.tree.parent[i] as usize];
            right[i] = divide([right[i][0] + a * above[0], right[i][1] + a * above[1]], diagonal[i]);
        }
        let transfer_mohm: Vec<[f64; 2]> = self.tree.node_of.iter().map(|&n| right[n as usize]).collect();
        if transfer_mohm.iter().flatten().any(|z| !z.is_finite()) {
            let message = "the impedance is infinite: without any leak a steady current has no steady response".into();
            return Err(Error::Description(message));
        }
        Ok(Impedance { transfer_mohm, site })
    }
}
