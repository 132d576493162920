//! A surrogate as a probe, with units that can be lesioned.

use ndarray::{Array2, s};
use rheobase_core::{Activity, LayerInfo, Lesion, LesionManner, LesionTarget, Probe, Seed, Stimulus, require_layer};

use super::{TOGETHER, milliseconds_of, outside, windows};
use crate::network::Network;
use crate::network::layers::Lesioned;
use crate::spikes::{InputSpikes, SpikeBatch};
use crate::{Result, Surrogate};

/// The layer that names: `silent` or `spike` in the last millisecond.
pub const OUTPUT: &str = "output";
const VOLTAGE: &str = "voltage";
const DENDRITES: &str = "dendrites";

/// A surrogate that is shown windows of input spikes.
///
/// Its layers are those of its network, from input to output, then `voltage` in mV, `dendrites` in mV where it says them, and `output`: the
/// log odds of the chance of a spike, behind those of the chance above which it spikes as often as the neuron
/// ([`Surrogate::matched_chance`]), so that the larger of the two names what it does.
#[derive(Debug, Clone)]
pub struct SurrogateProbe {
    /// The surrogate.
    pub surrogate: Surrogate,
    /// Threads; they change no number.
    pub threads: usize,
}

impl SurrogateProbe {
    /// Milliseconds that a convolutional network looks back; those of a long past for others, which have no end.
    fn reach_ms(&self) -> usize {
        match &self.surrogate.network {
            Network::Tcn(tcn) => tcn.reach_ms(),
            Network::Elm(elm) => (3.0 * elm.tau_memory_ms.1).ceil() as usize,
            Network::Recurrent(_) => 500,
        }
    }

    /// What the heads say in the last millisecond of each window, made into `width` numbers each.
    fn last_heads(&self, outputs: &[f32], rows: usize, width: usize, make: impl Fn(&[f32]) -> Vec<f64>) -> Array2<f64> {
        let heads = self.surrogate.network.heads();
        let mut made = Array2::zeros((rows, width));
        for (mut own, said) in made.outer_iter_mut().zip(outputs.chunks_exact(outputs.len() / rows.max(1))) {
            own.iter_mut().zip(make(&said[said.len() - heads..])).for_each(|(own, value)| *own = value);
        }
        made
    }

    /// `[bound, odds]` of a spike.
    fn names(&self, said: &[f32]) -> Vec<f64> {
        let bound = self.surrogate.matched_chance.clamp(1e-6, 1.0 - 1e-6);
        vec![(bound / (1.0 - bound)).ln(), f64::from(said[0])]
    }

    fn read(&self, windows: &[InputSpikes], layer: &LayerInfo) -> Result<Array2<f64>> {
        let Surrogate { network, weights, voltage, dendrites, .. } = &self.surrogate;
        let batch = SpikeBatch::new(windows)?;
        let outputs = || network.forward(weights, &batch, self.threads).0;
        let rows = windows.len();
        Ok(match layer.name.as_str() {
            OUTPUT => self.last_heads(&outputs(), rows, 2, |said| self.names(said)),
            VOLTAGE => self.last_heads(&outputs(), rows, 1, |said| vec![f64::from(voltage.mv(said[1]))]),
            DENDRITES => self.last_heads(&outputs(), rows, layer.units, |said| {
                dendrites.as_ref().map_or(vec![], |basis| basis.voltages_mv(&said[2..]))
            }),
            hidden => {
                let values = network.last_of(weights, &batch, hidden, self.threads)?;
                Array2::from_shape_fn((rows, layer.units), |(row, unit)| f64::from(values[row * layer.units + unit]))
            }
        })
    }
}

impl Probe for SurrogateProbe {
    fn stimulus_shape(&self) -> Vec<usize> {
        vec![self.surrogate.network.inputs(), self.reach_ms()]
    }

    fn layers(&self) -> Vec<LayerInfo> {
        let layer = |name: &str, units| LayerInfo { name: name.into(), units };
        let mut all = self.surrogate.network.hidden_layers();
        if self.surrogate.network.heads() > 1 {
            all.push(layer(VOLTAGE, 1));
        }
        all.extend(self.surrogate.dendrites.as_ref().map(|basis| layer(DENDRITES, basis.places.len())));
        all.push(layer(OUTPUT, 2));
        all
    }

    fn record(&self, stimulus: &Stimulus, layer: &str) -> rheobase_core::Result<Activity> {
        let info = require_layer(self, layer)?;
        let inputs = self.surrogate.network.inputs();
        let milliseconds = milliseconds_of(stimulus, inputs)?;
        let mut responses = Array2::zeros((stimulus.len(), info.units));
        for start in (0..stimulus.len()).step_by(TOGETHER) {
            let rows = s![start..(start + TOGETHER).min(stimulus.len()), ..];
            let shown = windows(stimulus.frames().slice(rows), inputs, milliseconds).map_err(outside)?;
            responses.slice_mut(rows).assign(&self.read(&shown, &info).map_err(outside)?);
        }
        Activity::from_static(responses)
    }
}

impl Lesion for SurrogateProbe {
    fn output_with_lesion(
        &self,
        stimulus: &Stimulus,
        target: &LesionTarget,
        manner: LesionManner,
        seed: &Seed,
    ) -> rheobase_core::Result<Activity> {
        require_layer(self, &target.layer)?;
        match target.layer.as_str() {
            OUTPUT => {
                return Err(rheobase_core::Error::Model(format!("layer `{OUTPUT}` only reads out; lesion another")));
            }
            // Nothing reads what it says of voltages.
            VOLTAGE | DENDRITES => return self.record(stimulus, OUTPUT),
            _ => {}
        }
        let inputs = self.surrogate.network.inputs();
        let milliseconds = milliseconds_of(stimulus, inputs)?;
        // All windows in one batch: means, noise and permutations are over the whole set shown.
        let shown = windows(stimulus.frames().view(), inputs, milliseconds).map_err(outside)?;
        let batch = SpikeBatch::new(&shown).map_err(outside)?;
        let lesion = Lesioned { layer: &target.layer, units: &target.units, manner, seed: *seed };
        let Surrogate { network, weights, .. } = &self.surrogate;
        let outputs = network.lesioned(weights, &batch, lesion, self.threads).map_err(outside)?;
        Activity::from_static(self.last_heads(&outputs, shown.len(), 2, |said| self.names(said)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Tcn};
    use crate::probe::frame_of;
    use crate::surrogate::VoltageScale;
    use ndarray::Axis;

    fn probe() -> SurrogateProbe {
        let tcn = Tcn { inputs: 5, width: 6, kernels: vec![7, 4], activation: Activation::LeakyRelu, heads: 2 };
        let network = Network::Tcn(tcn);
        let surrogate = Surrogate {
            weights: network.initial(&Seed::root(2)).unwrap(),
            network,
            input_names: (0..5).map(|k| k.to_string()).collect(),
            voltage: VoltageScale { clip_mv: -55.0, mean_mv: -60.0, sd_mv: 3.0 },
            dendrites: None,
            matched_chance: 0.4,
        };
        SurrogateProbe { surrogate, threads: 2 }
    }

    /// More windows than go together, of 12 ms.
    fn shown() -> (Vec<InputSpikes>, Stimulus) {
        let window = |row: u32| {
            InputSpikes::new(5, 12, (0..9).map(|k| ((5 * k + row) % 12, (k * k + row) % 5)).collect()).unwrap()
        };
        let spikes: Vec<InputSpikes> = (0..70).map(window).collect();
        let frames = spikes.iter().flat_map(frame_of).map(f64::from).collect();
        let frames = Array2::from_shape_vec((70, 60), frames).unwrap();
        (spikes, Stimulus::new(frames, vec![5, 12], 1.0).unwrap())
    }

    #[test]
    fn what_is_recorded_is_what_the_surrogate_predicts() {
        let (spikes, stimulus) = shown();
        let probe = probe();
        let predicted = probe.surrogate.predict(&spikes.iter().collect::<Vec<_>>(), 1).unwrap();
        let output = probe.record(&stimulus, OUTPUT).unwrap();
        let voltage = probe.record(&stimulus, VOLTAGE).unwrap();
        assert_eq!(probe.record(&stimulus, "layer1").unwrap().samples().dim(), (70, 6));
        for (k, prediction) in predicted.iter().enumerate() {
            let chance = f64::from(*prediction.spike_probability.last().unwrap());
            let said = output.samples()[[k, 1]];
            assert!((1.0 / (1.0 + (-said).exp()) - chance).abs() < 1e-6);
            assert_eq!(said > output.samples()[[k, 0]], chance > 0.4);
            assert!((voltage.samples()[[k, 0]] - f64::from(*prediction.voltage_mv.last().unwrap())).abs() < 1e-4);
        }
    }

    #[test]
    fn lesions_reach_the_output_and_what_cannot_be_lesioned_is_refused() {
        let (_, stimulus) = shown();
        let probe = probe();
        let intact = probe.record(&stimulus, OUTPUT).unwrap();
        let lesion = |layer: &str, units: &[usize]| {
            let target = LesionTarget { layer: layer.into(), units: units.to_vec() };
            probe.output_with_lesion(&stimulus, &target, LesionManner::Silence, &Seed::root(1))
        };
        assert_eq!(lesion("layer1", &[]).unwrap().samples(), intact.samples());
        assert_ne!(lesion("layer1", &[0, 2]).unwrap().samples(), intact.samples());
        let all = lesion("layer2", &[0, 1, 2, 3, 4, 5]).unwrap();
        let column = all.samples().index_axis(Axis(1), 1).to_vec();
        assert!(column.iter().all(|v| *v == column[0]), "without its last layer it says the same of all windows");
        assert_eq!(lesion(VOLTAGE, &[0]).unwrap().samples(), intact.samples());
        assert!(lesion(OUTPUT, &[0]).unwrap_err().to_string().contains("only reads out"));
        assert!(lesion("layer1", &[6]).unwrap_err().to_string().contains("no unit 6"));
        let wrong = Stimulus::new(Array2::zeros((3, 24)), vec![4, 6], 1.0).unwrap();
        let message = probe.record(&wrong, OUTPUT).unwrap_err().to_string();
        assert!(message.contains("[4, 6]") && message.contains("[5, milliseconds]"), "{message}");
    }
}
