//! Compartments with the same mechanisms, and their part of a step.

use crate::mechanism::{BLOCK, Bank, Kinetics, Membrane, Pools, Stretch};
use crate::runs::Run;
use crate::vectorised::{Kernel, vectorised};

/// Compartments with the same mechanisms, and those mechanisms. Numbers have shape (compartments, lanes), then padding.
pub(super) struct Domain {
    /// Node of each compartment, in rising order.
    pub nodes: Vec<u32>,
    pub runs: Vec<Run>,
    pub compartments: Vec<usize>,
    pub membrane: Membrane,
    /// Capacitance in nF, leak conductance in uS, leak current in nA.
    pub capacitance: Vec<f64>,
    pub leak: Vec<f64>,
    pub leak_current: Vec<f64>,
    /// Conductance in uS to all neighbours.
    pub axial: Vec<f64>,
    pub banks: Vec<Box<dyn Bank>>,
    pub pools: Option<Pools>,
    /// Voltage at the middle of the last step, for the calcium current.
    pub v_mid: Vec<f64>,
}

/// Blocks of a domain that go through all its mechanisms together: 2 kB of each array.
const BLOCKS_AT_ONCE: usize = 16;

impl Domain {
    /// Moves gates and calcium, and sums up conductances and currents.
    pub fn assemble(&mut self, v: &[f64], lanes: usize, per_ms: f64, gates_ms: f64, kinetics: Kinetics) {
        let membrane = &mut self.membrane;
        gather(&self.runs, lanes, v, &mut membrane.v);
        // A few blocks at a time go through all mechanisms, so that voltages and sums stay in the first cache.
        let count = membrane.v.len() / BLOCK;
        for first in (0..count).step_by(BLOCKS_AT_ONCE) {
            let blocks = first..(first + BLOCKS_AT_ONCE).min(count);
            let part = blocks.start * BLOCK..blocks.end * BLOCK;
            vectorised(Passive {
                v: &membrane.v[part.clone()],
                capacitance: &self.capacitance[part.clone()],
                leak: &self.leak[part.clone()],
                leak_current: &self.leak_current[part.clone()],
                g: &mut membrane.g[part.clone()],
                ge: &mut membrane.ge[part.clone()],
                per_ms,
            });
            let stretch = Stretch { blocks, dt_ms: gates_ms, kinetics };
            membrane.prepare(&stretch);
            if let Some(pools) = &mut self.pools {
                pools.step(membrane, &self.v_mid, &stretch);
                membrane.g_calcium[part.clone()].fill(0.0);
                membrane.ge_calcium[part].fill(0.0);
            }
            for bank in &mut self.banks {
                bank.step(membrane, &stretch);
            }
        }
    }

    /// Writes the sums into matrix and right-hand side, both of shape (nodes, lanes).
    pub fn scatter(&self, lanes: usize, kinetics: Kinetics, diagonal: Option<&mut [f64]>, right: &mut [f64]) {
        let m = &self.membrane;
        let single = |sums| (kinetics == Kinetics::Single).then_some(sums);
        let (runs, g_single, ge_single) = (self.runs.as_slice(), single(&m.g_single), single(&m.ge_single));
        vectorised(Sum { runs, lanes, of: &m.ge, axial: None, single: ge_single, to: right });
        if let Some(to) = diagonal {
            vectorised(Sum { runs, lanes, of: &m.g, axial: Some(&self.axial), single: g_single, to });
        }
    }

    /// Keeps the voltage at the middle of the step for the calcium current.
    pub fn keep_middle(&mut self, solved: &[f64], lanes: usize) {
        if self.pools.is_some() {
            gather(&self.runs, lanes, solved, &mut self.v_mid);
        }
    }
}

/// Reads the voltages of the nodes of a domain.
fn gather(runs: &[Run], lanes: usize, from: &[f64], to: &mut [f64]) {
    for &Run { place, node, len } in runs {
        to[place * lanes..(place + len) * lanes].copy_from_slice(&from[node * lanes..(node + len) * lanes]);
    }
}

/// Sums of what membrane, neighbours and kinetics with 24 bits say, written to the nodes.
struct Sum<'a> {
    runs: &'a [Run],
    lanes: usize,
    of: &'a [f64],
    axial: Option<&'a Vec<f64>>,
    single: Option<&'a Vec<f32>>,
    to: &'a mut [f64],
}

impl Kernel for Sum<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for &Run { place, node, len } in self.runs {
            let n = len * self.lanes;
            let from = place * self.lanes..place * self.lanes + n;
            let (of, to) = (&self.of[from.clone()], &mut self.to[node * self.lanes..][..n]);
            match (self.axial.map(|a| &a[from.clone()]), self.single.map(|s| &s[from])) {
                (None, None) => to.copy_from_slice(of),
                (Some(axial), None) => {
                    for i in 0..n {
                        to[i] = of[i] + axial[i];
                    }
                }
                (None, Some(single)) => {
                    for i in 0..n {
                        to[i] = of[i] + f64::from(single[i]);
                    }
                }
                (Some(axial), Some(single)) => {
                    for i in 0..n {
                        to[i] = of[i] + axial[i] + f64::from(single[i]);
                    }
                }
            }
        }
    }
}

/// Capacitance and leak.
struct Passive<'a> {
    v: &'a [f64],
    capacitance: &'a [f64],
    leak: &'a [f64],
    leak_current: &'a [f64],
    g: &'a mut [f64],
    ge: &'a mut [f64],
    per_ms: f64,
}

impl Kernel for Passive<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let n = self.v.len();
        let (v, c, leak, current) = (&self.v[..n], &self.capacitance[..n], &self.leak[..n], &self.leak_current[..n]);
        let (g, ge) = (&mut self.g[..n], &mut self.ge[..n]);
        for i in 0..n {
            let c = c[i] * self.per_ms;
            g[i] = c + leak[i];
            ge[i] = c.mul_add(v[i], current[i]);
        }
    }
}
