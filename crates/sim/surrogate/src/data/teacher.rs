//! Neurons to imitate.

use rheobase_dendrite::Cell;
use serde::{Deserialize, Serialize};

use super::protocol::Group;
use crate::Result;
use crate::copies::Copies;
use crate::spikes::InputSpikes;

/// What a neuron does in a trial, in bins of 1 ms.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Response {
    /// Bins with a spike, in order.
    pub spikes: Vec<u32>,
    /// Voltage of the soma in mV at the end of each bin.
    pub voltage_mv: Vec<f32>,
    /// Voltages in mV of the dendritic places that are recorded, (bins, places).
    pub dendrites_mv: Vec<f32>,
}

/// A neuron that can be shown input spikes.
pub trait Teacher: Send + Sync {
    /// Number of inputs.
    fn inputs(&self) -> usize;
    /// Inputs whose rates wander together.
    fn groups(&self) -> Vec<Group>;
    /// What each input is, in one line: a surrogate keeps them, so that it is never used for another cell.
    fn input_names(&self) -> Vec<String>;
    /// Dendritic places whose voltages are recorded.
    fn dendrite_names(&self) -> Vec<String> {
        vec![]
    }
    /// The cell and the compartment of each input; none for neurons without a shape.
    fn shape(&self) -> Option<(&Cell, Vec<usize>)> {
        None
    }
    /// Trials that are simulated at once.
    fn lanes(&self) -> usize;
    /// Copies of the neuron at rest.
    ///
    /// # Errors
    /// If the cell refuses something.
    fn copies(&self, count: usize) -> Result<Box<dyn Copies + '_>>;

    /// Responses to trials of equal length.
    ///
    /// # Errors
    /// If the cell refuses something.
    fn respond(&self, trials: &[InputSpikes]) -> Result<Vec<Response>> {
        let mut copies = self.copies(trials.len())?;
        let mut responses = vec![Response::default(); trials.len()];
        for step in 0..trials.first().map_or(0, InputSpikes::steps) {
            let active: Vec<Vec<u32>> = trials.iter().map(|trial| trial.at(step).to_vec()).collect();
            let done = copies.advance(&active)?;
            let places = done.dendrites_mv.len() / trials.len();
            for (copy, (response, v_mv)) in responses.iter_mut().zip(done.voltage_mv).enumerate() {
                response.voltage_mv.push(v_mv);
                response.dendrites_mv.extend(&done.dendrites_mv[copy * places..][..places]);
            }
            done.spiked.iter().for_each(|copy| responses[*copy as usize].spikes.push(step as u32));
        }
        Ok(responses)
    }
}
