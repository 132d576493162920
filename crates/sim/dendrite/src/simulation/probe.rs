//! What is recorded.

use super::{KINETIC, Simulation};
use crate::{Error, Result};
use rheobase_core::Activity;
use serde::{Deserialize, Serialize};

/// A quantity to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// Voltage of a compartment in mV.
    Voltage(usize),
    /// State of a mechanism in a compartment, by the names of both.
    State(usize, String, String),
    /// Calcium concentration of a compartment in mM.
    Calcium(usize),
    /// Current of a compartment's calcium channels in nA, outward positive.
    CalciumCurrent(usize),
    /// Current in nA that flows along the axis out of a compartment into its neighbours.
    AxialCurrent(usize),
    /// Conductance of a synapse's receptor in nS, without magnesium block.
    SynapticConductance(usize, usize),
    /// Current of a synapse in nA, outward positive.
    SynapticCurrent(usize),
}

/// What a probe recorded, time by time, all lanes of a time together.
#[derive(Debug, Clone)]
pub(super) struct Recording {
    pub source: Source,
    pub values: Vec<f64>,
}

#[derive(Debug, Clone)]
pub(super) enum Source {
    Node(usize),
    State { domain: usize, bank: usize, state: usize, place: usize },
    Calcium { domain: usize, place: usize },
    CalciumCurrent { domain: usize, place: usize },
    Axial(usize),
    Conductance { bank: usize, receptor: usize },
    SynapticCurrent(usize),
}

impl Simulation {
    /// Records a quantity at every recording step; returns the recording's number.
    ///
    /// # Errors
    /// If what it names is not there.
    pub fn record(&mut self, probe: Probe) -> Result<usize> {
        let source = self.source(&probe)?;
        self.recordings.push(Recording { source, values: vec![] });
        Ok(self.recordings.len() - 1)
    }

    /// Records every n-th step only.
    ///
    /// # Errors
    /// If n is 0 or something was recorded already.
    pub fn record_every(&mut self, n: usize) -> Result<()> {
        if n == 0 || self.recordings.iter().any(|r| !r.values.is_empty()) {
            return Err(Error::Description(
                "recording takes every n-th step, n at least 1, set before the first".into(),
            ));
        }
        self.record_every = n;
        Ok(())
    }

    fn source(&self, probe: &Probe) -> Result<Source> {
        let place = |compartment: usize| self.check_place(compartment, None).map(|i| self.home[i]);
        Ok(match probe {
            Probe::Voltage(compartment) => {
                Source::Node(self.tree.node_of[self.check_place(*compartment, None)?] as usize)
            }
            Probe::AxialCurrent(compartment) => {
                Source::Axial(self.tree.node_of[self.check_place(*compartment, None)?] as usize)
            }
            Probe::Calcium(compartment) => {
                let (domain, place) = place(*compartment)?;
                Source::Calcium { domain, place }
            }
            Probe::CalciumCurrent(compartment) => {
                let (domain, place) = place(*compartment)?;
                Source::CalciumCurrent { domain, place }
            }
            Probe::State(compartment, mechanism, state) => {
                let (domain, k) = place(*compartment)?;
                let banks = &self.domains[domain].banks;
                let Some(bank) = banks.iter().position(|b| b.name() == mechanism) else {
                    let known: Vec<&str> = banks.iter().map(|b| b.name()).collect();
                    let what = format!("mechanism in {}", self.places[*compartment]);
                    return Err(Error::Unknown { what, name: mechanism.clone(), known: known.join(", ") });
                };
                let states = banks[bank].state_names();
                let Some(state) = states.iter().position(|s| s == state) else {
                    let what = format!("state of {mechanism}");
                    return Err(Error::Unknown { what, name: state.clone(), known: states.join(", ") });
                };
                Source::State { domain, bank, state, place: k }
            }
            Probe::SynapticConductance(synapse, receptor) => {
                let found = self.synapses.get(*synapse).and_then(|s| s.receptors.get(*receptor));
                let Some(&(bank, receptor)) = found else {
                    return Err(Error::Description(format!("there is no receptor {receptor} of synapse {synapse}")));
                };
                Source::Conductance { bank, receptor }
            }
            Probe::SynapticCurrent(synapse) if *synapse < self.synapses.len() => Source::SynapticCurrent(*synapse),
            Probe::SynapticCurrent(synapse) => {
                return Err(Error::Description(format!("there is no synapse {synapse}")));
            }
        })
    }

    /// What was recorded in a lane.
    ///
    /// # Panics
    /// If the recording or lane is not there.
    pub fn recording(&self, recording: usize, lane: usize) -> Vec<f64> {
        assert!(lane < self.settings.lanes, "lane {lane} of {}", self.settings.lanes);
        self.recordings[recording].values.iter().skip(lane).step_by(self.settings.lanes).copied().collect()
    }

    /// Forgets what was recorded so far, so that long runs can be read piece by piece.
    pub fn clear_recordings(&mut self) {
        self.recordings.iter_mut().for_each(|r| r.values.clear());
    }

    /// Times in ms of what was recorded with fixed steps since the beginning.
    pub fn recorded_times_ms(&self) -> Vec<f64> {
        let count = self.recordings.first().map_or(0, |r| r.values.len() / self.settings.lanes);
        let interval = self.settings.dt_ms * self.record_every as f64;
        (0..count).map(|k| self.origin_ms + k as f64 * interval).collect()
    }

    /// All recordings as responses of shape (lanes, time, recordings).
    ///
    /// # Errors
    /// If nothing was recorded.
    pub fn activity(&self) -> Result<Activity> {
        let (lanes, units) = (self.settings.lanes, self.recordings.len());
        let times = self.recordings.first().map_or(0, |r| r.values.len() / lanes);
        if times == 0 {
            return Err(Error::Description("nothing was recorded: add a probe before running".into()));
        }
        let responses = ndarray::Array3::from_shape_fn((lanes, times, units), |(lane, t, unit)| {
            self.recordings[unit].values[t * lanes + lane]
        });
        let interval_s = self.settings.dt_ms * self.record_every as f64 * 1e-3;
        Activity::new(responses, interval_s).map_err(|e| Error::Description(e.to_string()))
    }

    /// Writes the present values of all probes.
    pub(super) fn take_recordings(&mut self) {
        let mut recordings = std::mem::take(&mut self.recordings);
        for recording in &mut recordings {
            for lane in 0..self.settings.lanes {
                let value = self.present(&recording.source, lane);
                recording.values.push(value);
            }
        }
        self.recordings = recordings;
    }

    fn present(&self, source: &Source, lane: usize) -> f64 {
        let lanes = self.settings.lanes;
        match *source {
            Source::Node(node) => self.v[node * lanes + lane],
            Source::State { domain, bank, state, place } => {
                self.domains[domain].banks[bank].state(state, place * lanes + lane)
            }
            Source::Calcium { domain, place } => self.domains[domain].membrane.calcium[place * lanes + lane],
            Source::CalciumCurrent { domain, place } => {
                let (domain, i) = (&self.domains[domain], place * lanes + lane);
                domain.membrane.g_calcium[i] * domain.v_mid[i] - domain.membrane.ge_calcium[i]
            }
            Source::Axial(node) => self.axial_current_na(node, lane),
            Source::Conductance { bank, receptor } => match bank {
                KINETIC => self.kinetic.g_us(receptor, lane) * 1e3,
                _ => self.receptors[bank].g_us(receptor, lane) * 1e3,
            },
            Source::SynapticCurrent(synapse) => {
                let of = |&(bank, receptor): &(usize, usize)| match bank {
                    KINETIC => f64::NAN,
                    _ => {
                        let bank = &self.receptors[bank];
                        bank.current_na(receptor, lane, self.v[bank.node(receptor) * lanes + lane])
                    }
                };
                self.synapses[synapse].receptors.iter().map(of).sum()
            }
        }
    }

    fn axial_current_na(&self, node: usize, lane: usize) -> f64 {
        let lanes = self.settings.lanes;
        let v = |n: usize| self.v[n * lanes + lane];
        let mut sum = 0.0;
        for other in 1..self.tree.len() {
            let parent = self.tree.parent[other] as usize;
            if other == node {
                sum += self.tree.axial_us[other] * (v(node) - v(parent));
            } else if parent == node {
                sum += self.tree.axial_us[other] * (v(node) - v(other));
            }
        }
        sum
    }
}
