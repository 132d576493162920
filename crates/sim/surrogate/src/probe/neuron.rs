//! A simulated neuron as a probe: its somatic voltage, and those of the dendritic places that its trials keep.

use ndarray::Array2;
use rheobase_core::{Activity, LayerInfo, Lesion, LesionManner, LesionTarget, Probe, Seed, Stimulus};
use rheobase_core::{parallel, require_layer};

use super::{milliseconds_of, outside, windows};
use crate::data::Teacher;

const SOMA: &str = "soma";
const DENDRITES: &str = "dendrites";

/// A neuron that is shown windows of input spikes, from rest each time.
///
/// Its layers are the voltages at the end of the window in mV: `soma`, and `dendrites` where places are kept.
pub struct NeuronProbe {
    /// The neuron.
    pub neuron: Box<dyn Teacher>,
    /// Threads; they change no number.
    pub threads: usize,
}

impl Probe for NeuronProbe {
    /// Inputs, and the 500 ms after which a neuron has settled.
    fn stimulus_shape(&self) -> Vec<usize> {
        vec![self.neuron.inputs(), crate::surrogate::WARM_UP_MS]
    }

    fn layers(&self) -> Vec<LayerInfo> {
        let layer = |name: &str, units| LayerInfo { name: name.into(), units };
        let places = self.neuron.dendrite_names().len();
        let dendrites = (places > 0).then(|| layer(DENDRITES, places));
        [layer(SOMA, 1)].into_iter().chain(dendrites).collect()
    }

    fn record(&self, stimulus: &Stimulus, layer: &str) -> rheobase_core::Result<Activity> {
        let info = require_layer(self, layer)?;
        let inputs = self.neuron.inputs();
        let shown = windows(stimulus.frames().view(), inputs, milliseconds_of(stimulus, inputs)?).map_err(outside)?;
        let lanes = self.neuron.lanes().max(1);
        let respond = |k: usize| self.neuron.respond(&shown[k * lanes..shown.len().min((k + 1) * lanes)]);
        let responses = parallel::try_map(shown.len().div_ceil(lanes), self.threads, respond).map_err(outside)?;
        let mut voltages = Array2::zeros((shown.len(), info.units));
        for (mut own, response) in voltages.outer_iter_mut().zip(responses.iter().flatten()) {
            let all = if info.name == SOMA { &response.voltage_mv } else { &response.dendrites_mv };
            let last = &all[all.len() - info.units..];
            own.iter_mut().zip(last).for_each(|(own, v)| *own = f64::from(*v));
        }
        Activity::from_static(voltages)
    }
}

impl Lesion for NeuronProbe {
    fn output_with_lesion(
        &self,
        _stimulus: &Stimulus,
        _target: &LesionTarget,
        _manner: LesionManner,
        _seed: &Seed,
    ) -> rheobase_core::Result<Activity> {
        let message = "a neuron has no units to lesion; cut its inputs off with `surrogate-map` (`lesion_neuron`)";
        Err(rheobase_core::Error::Model(message.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::LeakyNeuron;
    use crate::probe::frame_of;
    use crate::spikes::InputSpikes;

    #[test]
    fn the_last_voltage_is_that_of_the_neuron() {
        let neuron = LeakyNeuron::published();
        let inputs = neuron.inputs();
        let window = |row: u32| {
            let events = (0..40).map(|k| ((3 * k + row) % 30, (7 * k + row) % inputs as u32)).collect();
            InputSpikes::new(inputs, 30, events).unwrap()
        };
        let shown: Vec<InputSpikes> = (0..11).map(window).collect();
        let frames = shown.iter().flat_map(frame_of).map(f64::from).collect();
        let frames = Array2::from_shape_vec((11, inputs * 30), frames).unwrap();
        let stimulus = Stimulus::new(frames, vec![inputs, 30], 1.0).unwrap();
        let probe = NeuronProbe { neuron: Box::new(LeakyNeuron::published()), threads: 2 };
        let found = probe.record(&stimulus, SOMA).unwrap();
        for (k, response) in neuron.respond(&shown).unwrap().iter().enumerate() {
            assert_eq!(found.samples()[[k, 0]], f64::from(*response.voltage_mv.last().unwrap()));
        }
        assert!(found.samples().iter().any(|v| *v != found.samples()[[0, 0]]));
        let message = probe.record(&stimulus, DENDRITES).unwrap_err().to_string();
        assert!(message.contains(SOMA), "{message}");
    }
}
