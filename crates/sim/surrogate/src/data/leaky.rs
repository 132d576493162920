//! The leaky integrate-and-fire neuron of Beniaguev, Segev & London (2021, Neuron 109:2727), in steps of 1 ms.

use super::protocol::Group;
use super::teacher::Teacher;
use crate::Result;
use crate::copies::{Copies, Millisecond, check_active, check_state, read, written};

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

    fn copies(&self, count: usize) -> Result<Box<dyn Copies + '_>> {
        Ok(Box::new(LeakyCopies { neuron: self, states: vec![(0.0, false); count] }))
    }
}

/// Copies of a leaky neuron.
struct LeakyCopies<'a> {
    neuron: &'a LeakyNeuron,
    /// Voltage above rest in mV, and whether there was a spike just before.
    states: Vec<(f64, bool)>,
}

impl Copies for LeakyCopies<'_> {
    fn advance(&mut self, active: &[Vec<u32>]) -> Result<Millisecond> {
        check_active(active, self.states.len(), self.neuron.weights.len())?;
        let neuron = self.neuron;
        let decay = (-1.0 / neuron.tau_ms).exp();
        let mut done = Millisecond::default();
        for (copy, ((above, fired), inputs)) in self.states.iter_mut().zip(active).enumerate() {
            let input: f64 = inputs.iter().map(|&i| neuron.weights[i as usize]).sum();
            *above = if *fired { 0.0 } else { *above * decay + neuron.gain_mv * input };
            let v_mv = neuron.v_reset_mv + *above;
            *fired = v_mv > neuron.v_threshold_mv;
            if *fired {
                done.spiked.push(copy as u32);
            }
            done.voltage_mv.push(v_mv as f32);
        }
        Ok(done)
    }

    fn keep(&self) -> Result<Vec<u8>> {
        written(&self.states)
    }

    fn restore(&mut self, kept: &[u8]) -> Result<()> {
        let states: Vec<(f64, bool)> = read(kept)?;
        check_state(states.len(), self.states.len())?;
        self.states = states;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spikes::InputSpikes;

    #[test]
    fn ten_inputs_at_once_reach_the_threshold_and_eleven_cross_it() {
        let neuron = LeakyNeuron::published();
        let volley = |n: u32| InputSpikes::new(100, 4, (0..n).map(|i| (1, i)).collect()).unwrap();
        let responses = neuron.respond(&[volley(10), volley(11)]).unwrap();
        assert!(responses[0].spikes.is_empty() && (responses[0].voltage_mv[1] + 55.0).abs() < 1e-5);
        assert_eq!(responses[1].spikes, [1]);
        assert_eq!(responses[1].voltage_mv[2], -75.0);
    }
}
