//! What is inside a network that is shown windows of spikes: its layers in the last millisecond, and lesions of their units.
//!
//! A lesion replaces what others see of a unit, in every millisecond; the unit itself goes on.

use rheobase_core::{LayerInfo, LesionManner, Seed};
use rheobase_rate::recurrent::replacement::{Replacement, spread};

use super::{Network, Tape, elm};
use crate::spikes::SpikeBatch;
use crate::{Error, Result};

/// The layer of memories of a leaky memory neuron.
const MEMORIES: &str = "memories";
/// The units of an LSTM or GRU.
const UNITS: &str = "units";

/// Units that are lesioned, and how.
#[derive(Debug, Clone, Copy)]
pub struct Lesioned<'a> {
    /// Layer.
    pub layer: &'a str,
    /// Units in it.
    pub units: &'a [usize],
    /// What is done to them.
    pub manner: LesionManner,
    /// Decides noise and permutations.
    pub seed: Seed,
}

impl Network {
    /// Layers between input and output.
    pub fn hidden_layers(&self) -> Vec<LayerInfo> {
        let layer = |name: &str, units| LayerInfo { name: name.into(), units };
        match self {
            Self::Tcn(tcn) => (1..=tcn.kernels.len()).map(|l| layer(&format!("layer{l}"), tcn.width)).collect(),
            Self::Elm(elm) => {
                let branches = elm.branches.map(|of| layer("branches", of.count));
                branches.into_iter().chain([layer("hidden", elm.hidden), layer(MEMORIES, elm.memories)]).collect()
            }
            Self::Recurrent(network) => vec![layer(UNITS, network.units)],
        }
    }

    fn place_of(&self, layer: &str) -> Result<(usize, usize)> {
        let known = self.hidden_layers();
        let place = known.iter().position(|l| l.name == layer).ok_or_else(|| rheobase_core::Error::UnknownLayer {
            found: layer.into(),
            known: known.iter().map(|l| l.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        Ok((place, known[place].units))
    }

    /// Values of a hidden layer in the last millisecond, (rows, units).
    ///
    /// # Errors
    /// If there is no such layer, or the windows have no millisecond.
    pub fn last_of(&self, weights: &[Vec<f32>], batch: &SpikeBatch, layer: &str, threads: usize) -> Result<Vec<f32>> {
        let (place, width) = self.place_of(layer)?;
        require_steps(batch)?;
        // The last step of (steps, rows, units).
        let last = |values: &[f32], steps: usize| values[values.len() / steps * (steps - 1)..].to_vec();
        Ok(match self.forward(weights, batch, threads).1 {
            Tape::Tcn(tape) => {
                let frames = tape.layer(place);
                let of_row = |row: usize| frames.inner(row)[(batch.steps - 1) * width..].to_vec();
                (0..batch.rows).flat_map(of_row).collect()
            }
            Tape::Elm(tape) => {
                let which = match layer {
                    MEMORIES => elm::Layer::Memories,
                    "hidden" => elm::Layer::Hidden,
                    _ => elm::Layer::Branches,
                };
                tape.layer(which).into_iter().flat_map(|group| last(group, batch.steps)).collect()
            }
            Tape::Recurrent(tape) => tape.outputs().flat_map(|group| last(group, batch.steps + 1)).collect(),
        })
    }

    /// Outputs (rows, steps, heads) while units are lesioned. Means, noise and permutations are over all rows.
    ///
    /// # Errors
    /// If a layer or unit does not exist, or the units cannot be lesioned.
    pub fn lesioned(
        &self,
        weights: &[Vec<f32>],
        batch: &SpikeBatch,
        lesion: Lesioned<'_>,
        threads: usize,
    ) -> Result<Vec<f32>> {
        let (place, width) = self.place_of(lesion.layer)?;
        require_steps(batch)?;
        if let Some(unit) = lesion.units.iter().find(|unit| **unit >= width) {
            let message = format!("there is no unit {unit} to lesion in {}; it has {width}, from 0", lesion.layer);
            return Err(Error::Description(message));
        }
        match self {
            Self::Tcn(tcn) => {
                let (outputs, _) = tcn.forward_with(weights, batch, threads, |layer, frames| {
                    if layer == place {
                        let intact = || (0..batch.rows).map(|row| frames.inner(row).to_vec()).collect();
                        let replacement = lesion.replacement(intact, width);
                        frames.for_each_row(threads, |row, values| {
                            let steps = values.chunks_exact_mut(width).enumerate();
                            steps.for_each(|(step, values)| replacement.apply(row, step, values));
                        });
                    }
                });
                Ok(outputs)
            }
            Self::Elm(elm) if lesion.layer == MEMORIES => {
                let intact = || elm.forward(weights, batch, threads).1.memories(batch.steps, width);
                let replacement = lesion.replacement(intact, width);
                let see = |row: usize, step: usize, values: &mut [f32]| replacement.apply(row, step, values);
                Ok(elm.outputs_seen(weights, batch, threads, &see))
            }
            Self::Elm(_) => Err(Error::Description(format!(
                "in a leaky memory neuron `{MEMORIES}` are lesioned; {} are only passed through",
                lesion.layer
            ))),
            Self::Recurrent(network) => network.lesioned(weights, batch, lesion, threads),
        }
    }
}

fn require_steps(batch: &SpikeBatch) -> Result<()> {
    if batch.steps == 0 { Err(Error::Data("windows of 0 ms have no last millisecond".into())) } else { Ok(()) }
}

impl Lesioned<'_> {
    /// What stands in for the units; `intact` gives the values (steps, width) of each row where they matter.
    fn replacement(&self, intact: impl FnOnce() -> Vec<Vec<f32>>, width: usize) -> Replacement {
        if self.manner == LesionManner::Silence {
            let zeros = vec![0.0; width];
            return Replacement::new(self.units, self.manner, &self.seed, &[], (&zeros, &zeros));
        }
        let intact = intact();
        let rows: Vec<&[f32]> = intact.iter().map(Vec::as_slice).collect();
        let (mean, sd) = spread(&rows, width);
        Replacement::new(self.units, self.manner, &self.seed, &rows, (&mean, &sd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Elm, Recurrent, Tcn, Uptake};
    use crate::spikes::InputSpikes;
    use rheobase_rate::recurrent::Cell;

    const STEPS: usize = 40;

    fn batch() -> SpikeBatch {
        let trial = |row: u32| {
            let events = (0..30).map(|k| ((7 * k + 3 * row) % STEPS as u32, (k * k + row) % 6)).collect();
            InputSpikes::new(6, STEPS, events).unwrap()
        };
        SpikeBatch::new(&(0..10).map(trial).collect::<Vec<_>>()).unwrap()
    }

    fn networks() -> Vec<(Network, &'static str)> {
        let tcn = Tcn { inputs: 6, width: 8, kernels: vec![9, 5], activation: Activation::LeakyRelu, heads: 2 };
        let elm = Elm {
            inputs: 6,
            signs: vec![],
            memories: 7,
            hidden: 14,
            branches: None,
            tau_synapse_ms: 5.0,
            tau_memory_ms: (1.0, 60.0),
            lambda: 5.0,
            uptake: Uptake::Linear,
            heads: 2,
        };
        let gru = Recurrent { cell: Cell::Gru, inputs: 6, units: 8, heads: 2 };
        vec![(Network::Tcn(tcn), "layer1"), (Network::Elm(elm), MEMORIES), (Network::Recurrent(gru), UNITS)]
    }

    fn lesion<'a>(layer: &'a str, units: &'a [usize], manner: LesionManner) -> Lesioned<'a> {
        Lesioned { layer, units, manner, seed: Seed::root(3) }
    }

    #[test]
    fn the_last_layer_makes_the_outputs() {
        let batch = batch();
        for (network, _) in networks() {
            let weights = network.initial(&Seed::root(1)).unwrap();
            let layer = network.hidden_layers().pop().unwrap();
            let last = network.last_of(&weights, &batch, &layer.name, 2).unwrap();
            let (outputs, _) = network.forward(&weights, &batch, 1);
            let shapes = network.shapes();
            let of = |name: &str| &weights[shapes.iter().position(|s| s.name == name).unwrap()];
            for (row, values) in last.chunks_exact(layer.units).enumerate() {
                for head in 0..2 {
                    let sum: f32 =
                        values.iter().zip(of("output.weight").chunks_exact(2)).map(|(v, w)| v * w[head]).sum();
                    let found = outputs[(row * STEPS + STEPS - 1) * 2 + head];
                    assert!((sum + of("output.bias")[head] - found).abs() < 1e-5, "{} {row} {head}", layer.name);
                }
            }
        }
    }

    #[test]
    fn a_silent_unit_is_one_without_weights_to_others() {
        let batch = batch();
        for (network, layer) in networks() {
            let weights = network.initial(&Seed::root(1)).unwrap();
            let silent = network.lesioned(&weights, &batch, lesion(layer, &[3], LesionManner::Silence), 2).unwrap();
            let mut edited = weights.clone();
            for (shape, values) in network.shapes().iter().zip(&mut edited) {
                // Weights from the unit: the last axis but one counts units before.
                let from = match (&network, shape.name.as_str()) {
                    (Network::Tcn(_), "layer2.weight") => 8,
                    (Network::Elm(_), "memory.weight" | "output.weight") => 7,
                    (Network::Recurrent(_), "recurrent.weight" | "output.weight") => 8,
                    _ => continue,
                };
                let to = shape.dims[shape.dims.len() - 1];
                values.chunks_exact_mut(from * to).for_each(|block| block[3 * to..4 * to].fill(0.0));
            }
            let by_hand = network.forward(&edited, &batch, 1).0;
            let apart = silent.iter().zip(&by_hand).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let intact = network.forward(&weights, &batch, 1).0;
            assert!(apart < 1e-5, "{layer}: {apart}");
            assert_ne!(silent, intact, "{layer}");
        }
    }

    #[test]
    fn manners_differ_and_threads_do_not() {
        let batch = batch();
        for (network, layer) in networks() {
            let weights = network.initial(&Seed::root(1)).unwrap();
            let intact = network.forward(&weights, &batch, 1).0;
            let run = |units: &[usize], manner, threads| {
                network.lesioned(&weights, &batch, lesion(layer, units, manner), threads).unwrap()
            };
            assert_eq!(run(&[], LesionManner::Permute, 2), intact, "{layer}");
            let manners = [LesionManner::ClampToMean, LesionManner::Noise { relative_sd: 1.0 }, LesionManner::Permute];
            let found = manners.map(|manner| {
                assert_eq!(run(&[1, 4], manner, 1), run(&[1, 4], manner, 2), "{layer} {manner:?}");
                run(&[1, 4], manner, 2)
            });
            assert!(found[0] != found[1] && found[1] != found[2] && found[0] != intact, "{layer}");
            let none = network.lesioned(&weights, &batch, lesion(layer, &[8], LesionManner::Silence), 1);
            assert!(none.unwrap_err().to_string().contains("no unit 8"));
            let none = network.last_of(&weights, &batch, "layer9", 1).unwrap_err().to_string();
            assert!(none.contains("layer9") && none.contains(layer), "{none}");
        }
    }
}
