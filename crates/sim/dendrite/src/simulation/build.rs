//! From a description to arrays.

use super::clamp::PlacedClamps;
use super::events::Queue;
use super::{Current, Domain, KINETIC, PlacedGraded, Settings, Simulation, Synapse, VoltageClamp};
use crate::cell::Cell;
use crate::error::require_range;
use crate::mechanism::{Membrane, Pools, padded};
use crate::runs::runs;
use crate::solver::{CableTree, Elimination, LANES};
use crate::synapse::{GradedSynapse, KineticBank, KineticReceptor, Receptor, ReceptorBank};
use crate::{Error, Result};

impl Simulation {
    /// Prepares a cell at rest: every gate at its steady state for the initial voltage.
    ///
    /// # Errors
    /// If the step is not positive, the number of lanes is not one that is compiled, or a calcium channel shares a
    /// membrane with others of which only some have a pool.
    pub fn new(cell: &Cell, settings: Settings) -> Result<Self> {
        require_range("dt_ms", settings.dt_ms, 1e-6, 1e3)?;
        require_range("v_init_mv", settings.v_init_mv, -500.0, 500.0)?;
        if !LANES.contains(&settings.lanes) {
            let found = settings.lanes;
            return Err(Error::Description(format!("{found} lanes; 1, 2, 4, 8 or 16 are compiled")));
        }
        let ra: Vec<f64> = cell.cable.iter().map(|c| c.ra_ohm_cm).collect();
        let tree = CableTree::new(cell.morphology(), cell.compartments(), &ra)?;
        let lanes = settings.lanes;
        let (domains, home) = domains(cell, &tree, &settings);
        let mut has_membrane = vec![false; tree.len()];
        tree.node_of.iter().for_each(|&node| has_membrane[node as usize] = true);
        let mut simulation = Self {
            v: vec![settings.v_init_mv; tree.len() * lanes],
            elimination: Elimination::new(&tree, lanes),
            bare_nodes: (0..tree.len()).filter(|&node| !has_membrane[node]).collect(),
            places: (0..cell.compartments().len()).map(|i| cell.describe(i)).collect(),
            receptors: vec![],
            kinetic: KineticBank::new(lanes),
            synapses: vec![],
            graded: vec![],
            gaps: vec![],
            clamps: PlacedClamps::default(),
            queue: Queue::default(),
            connections: vec![],
            detectors: vec![],
            recordings: vec![],
            record_every: 1,
            steps: 0,
            origin_ms: 0.0,
            time_ms: 0.0,
            lag_ms: 0.0,
            factored_for_ms: None,
            conductances_change: domains.iter().any(|d| !d.banks.is_empty()),
            delivered: None,
            settings,
            tree,
            domains,
            home,
        };
        simulation.settle();
        Ok(simulation)
    }

    /// Puts every gate at its steady state for the present voltage and calcium.
    pub fn settle(&mut self) {
        let lanes = self.settings.lanes;
        for domain in &mut self.domains {
            for (k, &node) in domain.nodes.iter().enumerate() {
                for lane in 0..lanes {
                    domain.membrane.v[k * lanes + lane] = self.v[node as usize * lanes + lane];
                }
            }
            domain.v_mid.copy_from_slice(&domain.membrane.v);
            for bank in &mut domain.banks {
                bank.settle(&domain.membrane);
            }
        }
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Number of compartments.
    pub fn compartments(&self) -> usize {
        self.home.len()
    }

    /// Present time in ms.
    pub fn time_ms(&self) -> f64 {
        self.time_ms
    }

    /// Present voltage in mV.
    ///
    /// # Panics
    /// If the compartment or the lane is not there.
    pub fn voltage_mv(&self, compartment: usize, lane: usize) -> f64 {
        assert!(lane < self.settings.lanes, "lane {lane} of {}", self.settings.lanes);
        self.v[self.tree.node_of[compartment] as usize * self.settings.lanes + lane]
    }

    /// Sets a parameter of a mechanism in one compartment and lane, in the units of the cell description times the
    /// compartment's area for conductances (uS): for lanes that differ in parameters.
    ///
    /// # Errors
    /// If the mechanism is not in this compartment or has no such parameter, or the value is not finite.
    pub fn set_parameter(
        &mut self,
        compartment: usize,
        lane: usize,
        mechanism: &str,
        name: &str,
        value: f64,
    ) -> Result<()> {
        require_range(format!("{name} of {mechanism}"), value, f64::MIN, f64::MAX)?;
        let place = self.check_place(compartment, Some(lane))?;
        let (domain, k) = self.home[place];
        let lanes = self.settings.lanes;
        let domain = &mut self.domains[domain];
        let slot = if mechanism == "passive" {
            match name {
                "g_leak_us" => Some(&mut domain.leak),
                "leak_current_na" => Some(&mut domain.leak_current),
                _ => None,
            }
        } else {
            domain.banks.iter_mut().find(|b| b.name() == mechanism).and_then(|bank| bank.parameter_mut(name))
        };
        let Some(values) = slot else {
            let what = format!("parameter of {mechanism} in {}", self.places[compartment]);
            return Err(Error::Unknown {
                what,
                name: name.into(),
                known: "those of the mechanism, where it is inserted".into(),
            });
        };
        values[k * lanes + lane] = value;
        self.factored_for_ms = None;
        Ok(())
    }

    /// Injects a current in nA.
    ///
    /// # Errors
    /// If the compartment or lane is not there, or the current is not finite.
    pub fn inject(&mut self, compartment: usize, lane: Option<usize>, current: Current) -> Result<()> {
        let compartment = self.check_place(compartment, lane)?;
        current.check()?;
        self.clamps.currents.push((self.tree.node_of[compartment] as usize, lane, current));
        Ok(())
    }

    /// Clamps the voltage through a series resistance, with a single electrode.
    ///
    /// # Errors
    /// If the compartment or lane is not there, or a number is out of its range.
    pub fn clamp_voltage(&mut self, compartment: usize, lane: Option<usize>, clamp: VoltageClamp) -> Result<()> {
        let compartment = self.check_place(compartment, lane)?;
        clamp.check()?;
        self.clamps.voltages.push((self.tree.node_of[compartment] as usize, lane, clamp));
        self.conductances_change = true;
        Ok(())
    }

    /// Places a synapse with these receptors; returns its number.
    ///
    /// # Errors
    /// If the compartment is not there, or a receptor's number is out of its range.
    pub fn add_synapse(&mut self, compartment: usize, receptors: &[Receptor]) -> Result<usize> {
        let compartment = self.check_place(compartment, None)?;
        receptors.iter().try_for_each(Receptor::check)?;
        let node = self.tree.node_of[compartment];
        let place = |receptor: &Receptor| {
            let known = self.receptors.iter().position(|bank| bank.holds(receptor));
            let bank = known.unwrap_or_else(|| {
                self.receptors.push(ReceptorBank::new(self.settings.lanes, self.settings.kinetics, *receptor));
                self.receptors.len() - 1
            });
            (bank, self.receptors[bank].add(node, receptor.g_ns))
        };
        let receptors = receptors.iter().map(place).collect();
        self.synapses.push(Synapse { receptors });
        self.conductances_change = true;
        Ok(self.synapses.len() - 1)
    }

    /// Places a synapse with kinetic receptors; returns its number.
    ///
    /// # Errors
    /// As [`Simulation::add_synapse`].
    pub fn add_kinetic_synapse(&mut self, compartment: usize, receptors: &[KineticReceptor]) -> Result<usize> {
        let compartment = self.check_place(compartment, None)?;
        receptors.iter().try_for_each(KineticReceptor::check)?;
        let node = self.tree.node_of[compartment];
        let receptors = receptors.iter().map(|r| (KINETIC, self.kinetic.add(node, *r))).collect();
        self.synapses.push(Synapse { receptors });
        self.conductances_change = true;
        Ok(self.synapses.len() - 1)
    }

    /// Lets the voltage of one compartment open a conductance in another, in the same lane.
    ///
    /// # Errors
    /// If a compartment is not there or a number is out of its range.
    pub fn add_graded_synapse(&mut self, from: usize, to: usize, synapse: GradedSynapse) -> Result<()> {
        require_range("tau_ms of a graded synapse", synapse.tau_ms, 1e-6, 1e9)?;
        require_range("slope_mv of a graded synapse", synapse.slope_mv, 1e-6, 1e6)?;
        require_range("g_ns of a graded synapse", synapse.g_ns, 0.0, 1e9)?;
        let from = self.tree.node_of[self.check_place(from, None)?] as usize;
        let to = self.tree.node_of[self.check_place(to, None)?] as usize;
        let lanes = self.settings.lanes;
        let release = |v: f64| crate::math::logistic((v - synapse.half_mv) / synapse.slope_mv);
        let state = (0..lanes).map(|lane| release(self.v[from * lanes + lane])).collect();
        self.graded.push(PlacedGraded { synapse, from, to, state });
        self.conductances_change = true;
        Ok(())
    }

    /// Joins two compartments by a conductance in nS that is not part of the tree. The neighbour's voltage is that at the
    /// beginning of the step, so that the tree stays a tree; this part is of first order.
    ///
    /// # Errors
    /// If a compartment is not there or the conductance is negative.
    pub fn add_gap_junction(&mut self, a: usize, b: usize, g_ns: f64) -> Result<()> {
        require_range("g_ns of a gap junction", g_ns, 0.0, 1e9)?;
        let a = self.tree.node_of[self.check_place(a, None)?] as usize;
        let b = self.tree.node_of[self.check_place(b, None)?] as usize;
        self.gaps.push((a, b, g_ns * 1e-3));
        self.conductances_change = true;
        Ok(())
    }

    pub(super) fn check_place(&self, compartment: usize, lane: Option<usize>) -> Result<usize> {
        if compartment >= self.home.len() {
            let count = self.home.len();
            return Err(Error::Description(format!("compartment {compartment} of {count}; the first is 0")));
        }
        match lane {
            Some(lane) if lane >= self.settings.lanes => {
                Err(Error::Description(format!("lane {lane} of {}; the first is 0", self.settings.lanes)))
            }
            _ => Ok(compartment),
        }
    }
}

/// Groups compartments by their mechanisms, so that each group is worked on as a whole.
fn domains(cell: &Cell, tree: &CableTree, settings: &Settings) -> (Vec<Domain>, Vec<(usize, usize)>) {
    let count = cell.compartments().len();
    let mut by_node: Vec<usize> = (0..count).collect();
    by_node.sort_by_key(|&i| tree.node_of[i]);
    let signature = |i: usize| {
        let present: Vec<bool> = cell.inserted.iter().map(|m| m.is_in(i)).collect();
        let pool = cell.pools[i].map(|p| (p.nernst_mv.to_bits(), p.outside_mm.to_bits(), p.inward_only));
        (present, pool)
    };
    // Which mechanisms are present, and the constants that all pools of a domain share.
    type Signature = (Vec<bool>, Option<(u64, u64, bool)>);
    let mut groups: Vec<(Signature, Vec<usize>)> = vec![];
    for i in by_node {
        let own = signature(i);
        match groups.iter_mut().find(|(s, _)| *s == own) {
            Some((_, members)) => members.push(i),
            None => groups.push((own, vec![i])),
        }
    }
    let areas = cell.areas_um2();
    let mut home = vec![(0, 0); count];
    let domains = groups
        .into_iter()
        .enumerate()
        .map(|(d, (_, members))| {
            members.iter().enumerate().for_each(|(k, &i)| home[i] = (d, k));
            domain(cell, tree, &areas, members, settings)
        })
        .collect();
    (domains, home)
}

fn domain(cell: &Cell, tree: &CableTree, areas: &[f64], members: Vec<usize>, settings: &Settings) -> Domain {
    let (lanes, v_init_mv) = (settings.lanes, settings.v_init_mv);
    let spread = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
        padded(members.iter().flat_map(|&i| std::iter::repeat_n(value(i), lanes)).collect())
    };
    let pool = cell.pools[members[0]];
    let mut membrane = Membrane::new(members.len() * lanes, pool.map_or(132.0, |p| p.e_mv));
    membrane.v.fill(v_init_mv);
    if pool.is_some() {
        let of = |i: usize| cell.pools[i].expect("grouped by having a pool");
        membrane.calcium = spread(&|i| of(i).start_mm);
        membrane.e_calcium = spread(&|i| of(i).reversal_mv(of(i).start_mm));
    }
    let pools = pool.map(|first| {
        let of = |i: usize| cell.pools[i].expect("grouped by having a pool");
        Pools {
            gain: spread(&|i| of(i).gain(areas[i])),
            decay_ms: spread(&|i| of(i).decay_ms),
            rest_mm: spread(&|i| of(i).rest_mm),
            outside_mm: first.outside_mm,
            nernst_mv: first.nernst_mv,
            inward_only: first.inward_only,
            kept: (0.0, vec![]),
        }
    });
    let nodes: Vec<u32> = members.iter().map(|&i| tree.node_of[i]).collect();
    Domain {
        runs: runs(&nodes),
        nodes,
        axial: spread(&|i| tree.axial_sum_us[tree.node_of[i] as usize]),
        // uF/cm2 um2 = 1e-5 nF; S/cm2 um2 = 1e-2 uS.
        capacitance: spread(&|i| 1e-5 * cell.cable[i].cm_uf_cm2 * areas[i]),
        leak: spread(&|i| 1e-2 * cell.cable[i].g_leak_s_per_cm2 * areas[i]),
        leak_current: spread(&|i| 1e-2 * cell.cable[i].g_leak_s_per_cm2 * areas[i] * cell.cable[i].e_leak_mv),
        banks: cell
            .inserted
            .iter()
            .filter(|m| m.is_in(members[0]))
            .map(|m| m.bank(&members, areas, settings))
            .collect(),
        v_mid: membrane.v.clone(),
        membrane,
        pools,
        compartments: members,
    }
}
