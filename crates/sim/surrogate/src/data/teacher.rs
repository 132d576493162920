//! Neurons to imitate: a leaky integrate-and-fire neuron, and any cell of the dendrite crate with synapses on it.

use rheobase_dendrite::simulation::Probe;
use rheobase_dendrite::synapse::Receptor;
use rheobase_dendrite::{Cell, Settings, Simulation};
use serde::{Deserialize, Serialize};

use super::protocol::Group;
use crate::spikes::InputSpikes;
use crate::{Error, Result};

/// What a neuron does in a trial, in bins of 1 ms.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Response {
    /// Bins with a spike, in order.
    pub spikes: Vec<u32>,
    /// Voltage of the soma in mV at the end of each bin.
    pub voltage_mv: Vec<f32>,
}

/// A neuron that can be shown input spikes.
pub trait Teacher: Sync {
    /// Number of inputs.
    fn inputs(&self) -> usize;
    /// Inputs whose rates wander together.
    fn groups(&self) -> Vec<Group>;
    /// What each input is, in one line: a surrogate keeps them, so that it is never used for another cell.
    fn input_names(&self) -> Vec<String>;
    /// Trials that are simulated at once.
    fn lanes(&self) -> usize;
    /// Responses to trials, at most [`Teacher::lanes`] of them, of equal length.
    ///
    /// # Errors
    /// If the cell refuses something.
    fn respond(&self, trials: &[InputSpikes]) -> Result<Vec<Response>>;
}

/// The leaky integrate-and-fire neuron of Beniaguev et al. 2021: v decays to its reset value, each input adds `gain_mv` times its
/// weight at once, and a spike sets v to the reset value in the bin after.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakyNeuron {
    /// Weight of every input; above zero excitatory.
    pub weights: Vec<f64>,
    /// Membrane time constant in ms.
    pub tau_ms: f64,
    /// Rest and reset in mV.
    pub v_reset_mv: f64,
    /// Threshold in mV.
    pub v_threshold_mv: f64,
    /// mV for a spike of an input of weight 1.
    pub gain_mv: f64,
}

impl LeakyNeuron {
    /// 80 excitatory and 20 inhibitory inputs of weight 1.
    pub fn published() -> Self {
        let weights = std::iter::repeat_n(1.0, 80).chain(std::iter::repeat_n(-1.0, 20)).collect();
        Self { weights, tau_ms: 20.0, v_reset_mv: -75.0, v_threshold_mv: -55.0, gain_mv: 2.0 }
    }
}

/// Splits inputs by whether they excite.
fn split(count: usize, excites: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<usize>) {
    (0..count).partition(|i| excites(*i))
}

impl Teacher for LeakyNeuron {
    fn inputs(&self) -> usize {
        self.weights.len()
    }

    fn groups(&self) -> Vec<Group> {
        let (excitatory, inhibitory) = split(self.weights.len(), |i| self.weights[i] > 0.0);
        let evenly = |inputs: Vec<usize>| inputs.into_iter().map(|i| (i, 1.0)).collect();
        vec![Group { excitatory: evenly(excitatory), inhibitory: evenly(inhibitory) }]
    }

    fn input_names(&self) -> Vec<String> {
        self.weights.iter().map(|w| format!("weight {w}")).collect()
    }

    fn lanes(&self) -> usize {
        1
    }

    fn respond(&self, trials: &[InputSpikes]) -> Result<Vec<Response>> {
        let decay = (-1.0 / self.tau_ms).exp();
        let run = |trial: &InputSpikes| {
            let mut response = Response::default();
            let (mut above, mut fired) = (0.0, false);
            for step in 0..trial.steps() {
                let input: f64 = trial.at(step).iter().map(|&i| self.weights[i as usize]).sum();
                above = if fired { 0.0 } else { above * decay + self.gain_mv * input };
                let v_mv = self.v_reset_mv + above;
                fired = v_mv > self.v_threshold_mv;
                if fired {
                    response.spikes.push(step as u32);
                }
                response.voltage_mv.push(v_mv as f32);
            }
            response
        };
        Ok(trials.iter().map(run).collect())
    }
}

/// A synapse on a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedInput {
    /// Compartment.
    pub compartment: usize,
    /// Receptors.
    pub receptors: Vec<Receptor>,
    /// Whether it excites: its rate follows the protocol's excitation.
    pub excites: bool,
    /// Group of inputs whose rates wander together.
    pub group: usize,
    /// Share of the group's spikes before normalisation.
    pub share: f64,
}

/// A cell with synapses, its soma's voltage and its spikes.
#[derive(Clone)]
pub struct CellTeacher {
    /// The cell.
    pub cell: Cell,
    /// Its synapses, one for each input.
    pub inputs: Vec<PlacedInput>,
    /// Where voltage and spikes are read.
    pub soma: usize,
    /// Threshold of a spike in mV.
    pub threshold_mv: f64,
    /// Step, method and start; lanes are trials at once.
    pub settings: Settings,
}

impl CellTeacher {
    /// Refuses a step that does not divide a millisecond.
    fn steps_a_ms(&self) -> Result<usize> {
        let steps = (1.0 / self.settings.dt_ms).round();
        if steps < 1.0 || (steps * self.settings.dt_ms - 1.0).abs() > 1e-9 {
            let dt_ms = self.settings.dt_ms;
            return Err(Error::Description(format!(
                "a step of {dt_ms} ms does not divide the bins of 1 ms; 0.025 does"
            )));
        }
        Ok(steps as usize)
    }
}

impl Teacher for CellTeacher {
    fn inputs(&self) -> usize {
        self.inputs.len()
    }

    fn groups(&self) -> Vec<Group> {
        let count = self.inputs.iter().map(|i| i.group + 1).max().unwrap_or(0);
        let mut groups = vec![Group::default(); count];
        for (index, input) in self.inputs.iter().enumerate() {
            let group = &mut groups[input.group];
            let members = if input.excites { &mut group.excitatory } else { &mut group.inhibitory };
            members.push((index, input.share));
        }
        groups
    }

    fn input_names(&self) -> Vec<String> {
        let name = |input: &PlacedInput| {
            let kind = if input.excites { "excitatory" } else { "inhibitory" };
            format!("{kind}, {}", self.cell.describe(input.compartment))
        };
        self.inputs.iter().map(name).collect()
    }

    fn lanes(&self) -> usize {
        self.settings.lanes
    }

    fn respond(&self, trials: &[InputSpikes]) -> Result<Vec<Response>> {
        let every = self.steps_a_ms()?;
        let Some(first) = trials.first() else { return Ok(vec![]) };
        let lanes = trials.len().next_power_of_two();
        let mut simulation = Simulation::new(&self.cell, Settings { lanes, ..self.settings })?;
        // Conductances of like synapses at one place add up, so one of them takes the events of all.
        let mut placed: Vec<(&PlacedInput, usize)> = Vec::new();
        let mut synapses = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let like = |(other, _): &&(&PlacedInput, usize)| {
                other.compartment == input.compartment && other.receptors == input.receptors
            };
            let known = placed.iter().find(like).map(|(_, synapse)| *synapse);
            synapses.push(match known {
                Some(synapse) => synapse,
                None => {
                    let synapse = simulation.add_synapse(input.compartment, &input.receptors)?;
                    placed.push((input, synapse));
                    synapse
                }
            });
        }
        let detector = simulation.detect_spikes(self.soma, self.threshold_mv)?;
        let voltage = simulation.record(Probe::Voltage(self.soma))?;
        simulation.record_every(every)?;
        for step in 0..first.steps() {
            // Events are sent just before they are due, so that the queue stays short.
            for (lane, trial) in trials.iter().enumerate() {
                for &input in trial.at(step) {
                    simulation.send(synapses[input as usize], lane, step as f64, 1.0)?;
                }
            }
            simulation.run_until((step + 1) as f64)?;
        }
        // One more step records the end of the last bin.
        simulation.run_until(first.steps() as f64 + self.settings.dt_ms)?;
        let read = |lane: usize| {
            let mut spikes: Vec<u32> = simulation.spikes_ms(detector, lane).iter().map(|t| t.floor() as u32).collect();
            spikes.retain(|s| (*s as usize) < first.steps());
            spikes.dedup();
            let trace = simulation.recording(voltage, lane);
            Response { spikes, voltage_mv: trace[1..=first.steps()].iter().map(|v| *v as f32).collect() }
        };
        Ok((0..trials.len()).map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_dendrite::Discretisation;
    use rheobase_dendrite::morphology::star;

    #[test]
    fn ten_inputs_at_once_reach_the_threshold_and_eleven_cross_it() {
        let neuron = LeakyNeuron::published();
        let volley = |n: u32| InputSpikes::new(100, 4, (0..n).map(|i| (1, i)).collect()).unwrap();
        let responses = neuron.respond(&[volley(10), volley(11)]).unwrap();
        assert!(responses[0].spikes.is_empty() && (responses[0].voltage_mv[1] + 55.0).abs() < 1e-5);
        assert_eq!(responses[1].spikes, [1]);
        assert_eq!(responses[1].voltage_mv[2], -75.0);
    }

    fn small_cell(lanes: usize) -> CellTeacher {
        let mut cell =
            Cell::new(star(20.0, 2, 100.0, 1.0).unwrap(), Discretisation::MaximumLength { um: 50.0 }).unwrap();
        cell.set_cable("all", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-65.0).into())]).unwrap();
        cell.insert("soma", "hodgkin-huxley", &[]).unwrap();
        let at = |label: &str| cell.at(label).unwrap();
        let place = |label: &str, excites: bool, group| PlacedInput {
            compartment: at(label),
            receptors: vec![if excites { Receptor::ampa(2.0) } else { Receptor::gaba_a(1.0) }],
            excites,
            group,
            share: 1.0,
        };
        let inputs = vec![place("dend[0](0.8)", true, 0), place("dend[1](0.8)", true, 1), place("soma(0.5)", false, 0)];
        let soma = at("soma(0.5)");
        CellTeacher { inputs, soma, threshold_mv: 0.0, settings: Settings { lanes, ..Settings::default() }, cell }
    }

    #[test]
    fn lanes_do_not_change_a_response() {
        let trial = |k: u32| {
            let events = (0..3).flat_map(|i| (0..20).map(move |j| (5 + j + k, i))).filter(|(s, i)| (s + i) % 3 > 0);
            InputSpikes::new(3, 60, events.collect()).unwrap()
        };
        let trials = [trial(0), trial(7), trial(20)];
        let together = small_cell(4).respond(&trials).unwrap();
        for (trial, found) in trials.iter().zip(&together) {
            assert_eq!(small_cell(1).respond(std::slice::from_ref(trial)).unwrap()[0], *found);
        }
        assert!(!together[0].spikes.is_empty());
        assert_ne!(together[0], together[1]);
    }

    #[test]
    fn groups_follow_the_inputs_and_a_step_must_divide_a_bin() {
        let cell = small_cell(1);
        let groups = cell.groups();
        assert_eq!(groups[0].excitatory, [(0, 1.0)]);
        assert_eq!(groups[0].inhibitory, [(2, 1.0)]);
        assert_eq!(groups[1].excitatory, [(1, 1.0)]);
        let odd = CellTeacher { settings: Settings { dt_ms: 0.03, ..cell.settings }, ..cell };
        let trial = InputSpikes::new(3, 5, vec![]).unwrap();
        assert!(odd.respond(&[trial]).unwrap_err().to_string().contains("0.03"));
    }
}
