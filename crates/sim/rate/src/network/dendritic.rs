//! Networks whose units have dendrites: the k-tree of Jones & Kording (2021, Neural Comput 33:1554) and the dendritic network of Chavlis &
//! Poirazi (2025, Nat Commun 16:943).
//!
//! A k-tree sends every input through a tree of nodes with k children each to one node, several such trees to the soma. A dendritic network
//! has somata with dendrites with synapses; where the synapses of a dendrite come from is its receptive field.

use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;

use crate::network::{Activation, Layer, Network};
use crate::{Error, Result};

/// Repeated trees: layers `tree1`, `tree2`, ... and a dense `output`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DendriticTree {
    /// Trees, each of which sees every input.
    pub trees: usize,
    /// Children of a node.
    pub children: usize,
    /// Which inputs meet early in the tree.
    pub order: LeafOrder,
    /// Transfer function of the nodes.
    pub activation: Activation,
}

/// Which inputs meet early in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeafOrder {
    /// Neighbours in a row, then rows.
    Rows,
    /// Neighbours in both directions: quarters of quarters of the image.
    Blocks,
    /// Any, another in each tree.
    Random,
}

/// Where the synapses of a dendrite come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceptiveField {
    /// Anywhere.
    Everywhere,
    /// A window around a place of the soma's own.
    OfSoma {
        /// Side of the window in px.
        side_px: usize,
    },
    /// A window around a place of the dendrite's own.
    OfDendrite {
        /// Side of the window in px.
        side_px: usize,
    },
}

/// What the somata read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branches {
    /// Their own dendrites.
    Own,
    /// As many, drawn among all: the sparse control, which is no tree.
    Random,
}

/// Somata with dendrites: layers `dendrites`, `somata` and a dense `output`, or without the last where the somata are the outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DendriticNet {
    /// Somata; none for one for each output, which then is the output.
    pub somata: Option<usize>,
    /// Dendrites of a soma.
    pub dendrites: usize,
    /// Synapses of a dendrite.
    pub synapses: usize,
    /// Where they come from.
    pub field: ReceptiveField,
    /// What the somata read.
    pub branches: Branches,
    /// Transfer function of the dendrites.
    pub dendrite: Activation,
    /// Transfer function of the somata.
    pub soma: Activation,
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::Architecture(message))
}

impl DendriticTree {
    /// The network for inputs of this shape (channels, rows, columns) and number of outputs.
    ///
    /// # Errors
    /// If the inputs do not make a whole tree.
    pub fn build(&self, input: [usize; 3], outputs: usize, seed: &Seed) -> Result<Network> {
        let inputs: usize = input.iter().product();
        let (k, trees) = (self.children, self.trees);
        if k < 2 || trees == 0 || outputs == 0 {
            return refuse(format!(
                "{trees} trees of nodes with {k} children and {outputs} outputs: at least 1, 2 and 1"
            ));
        }
        let depth = inputs.checked_ilog(k).unwrap_or(0);
        let below = k.saturating_pow(depth);
        if depth == 0 || below != inputs {
            let above = k.saturating_pow(depth + 1);
            let sizes = if depth == 0 { format!("{k} would") } else { format!("{below} or {above} would") };
            return refuse(format!("{inputs} inputs do not make whole trees of nodes with {k} children: {sizes}"));
        }
        let mut leaves = Vec::with_capacity(trees * inputs);
        for tree in 0..trees {
            let mut order: Vec<u32> = (0..inputs as u32).collect();
            match self.order {
                LeafOrder::Rows => {}
                LeafOrder::Blocks => order = in_blocks(input)?,
                LeafOrder::Random => order.shuffle(&mut seed.child("inputs").index(tree).stream()),
            }
            leaves.extend(order);
        }
        let (mut nodes, mut sources, mut before) = (trees * inputs / k, Some(leaves), inputs);
        let mut layers = vec![];
        for level in 1..=depth {
            let activation = self.activation;
            let layer =
                Layer::Sparse { inputs: before, outputs: nodes, fan_in: k, sources: sources.take(), activation };
            layers.push((format!("tree{level}"), layer));
            (before, nodes) = (nodes, nodes / k);
        }
        layers.push(("output".into(), Layer::Dense { inputs: trees, outputs, activation: Activation::Linear }));
        Ok(Network { input, layers })
    }
}

/// Pixels in quarters of quarters of each channel.
fn in_blocks([channels, rows, columns]: [usize; 3]) -> Result<Vec<u32>> {
    if rows != columns || !rows.is_power_of_two() {
        return refuse(format!(
            "images of {rows} x {columns} px have no quarters of quarters: a power of two either way would"
        ));
    }
    let place = |index: usize| {
        // The bits of the index are those of row and column in turn.
        let every_second = |from: usize| (0..16).map(|bit| ((index >> (2 * bit + from)) & 1) << bit).sum::<usize>();
        every_second(1) * columns + every_second(0)
    };
    Ok((0..channels).flat_map(|c| (0..rows * columns).map(move |i| (c * rows * columns + place(i)) as u32)).collect())
}

impl DendriticNet {
    /// The network for inputs of this shape (channels, rows, columns) and number of outputs.
    ///
    /// # Errors
    /// If a dendrite has more synapses than its receptive field inputs, or a count is zero.
    pub fn build(&self, input: [usize; 3], outputs: usize, seed: &Seed) -> Result<Network> {
        let inputs: usize = input.iter().product();
        let somata = self.somata.unwrap_or(outputs);
        if somata == 0 || self.dendrites == 0 || self.synapses == 0 || outputs == 0 {
            let (dendrites, synapses) = (self.dendrites, self.synapses);
            return refuse(format!(
                "{somata} somata with {dendrites} dendrites with {synapses} synapses and {outputs} outputs: each at least 1"
            ));
        }
        let dendrites = somata * self.dendrites;
        let layer = Layer::Sparse {
            inputs,
            outputs: dendrites,
            fan_in: self.synapses,
            sources: Some(self.synapses_of(input, somata, seed)?),
            activation: self.dendrite,
        };
        let mut layers = vec![("dendrites".to_owned(), layer)];
        let sources = match self.branches {
            Branches::Own => None,
            Branches::Random => Some(
                (0..somata)
                    .flat_map(|soma| {
                        let mut all: Vec<u32> = (0..dendrites as u32).collect();
                        let stream = &mut seed.child("branches").index(soma).stream();
                        all.partial_shuffle(stream, self.dendrites).0.to_vec()
                    })
                    .collect(),
            ),
        };
        let fan_in = self.dendrites;
        let is_output = self.somata.is_none();
        let activation = if is_output { Activation::Linear } else { self.soma };
        layers.push((
            if is_output { "output" } else { "somata" }.to_owned(),
            Layer::Sparse { inputs: dendrites, outputs: somata, fan_in, sources, activation },
        ));
        if !is_output {
            layers.push(("output".into(), Layer::Dense { inputs: somata, outputs, activation: Activation::Linear }));
        }
        Ok(Network { input, layers })
    }

    /// Inputs of every dendrite, without repetition within one.
    fn synapses_of(&self, [channels, rows, columns]: [usize; 3], somata: usize, seed: &Seed) -> Result<Vec<u32>> {
        let side = match self.field {
            ReceptiveField::Everywhere => rows.max(columns),
            ReceptiveField::OfSoma { side_px } | ReceptiveField::OfDendrite { side_px } => side_px,
        };
        let (high, wide) = (side.min(rows), side.min(columns));
        if self.synapses > channels * high * wide {
            let (synapses, field) = (self.synapses, channels * high * wide);
            return refuse(format!(
                "{synapses} synapses for a receptive field of {field} inputs: fewer, or a wider field"
            ));
        }
        let mut sources = vec![];
        for soma in 0..somata {
            let corner = |stream: &mut rheobase_core::RandomStream| {
                (stream.random_range(0..=rows - high), stream.random_range(0..=columns - wide))
            };
            let of_soma = corner(&mut seed.child("fields").index(soma).stream());
            for dendrite in 0..self.dendrites {
                let mut stream = seed.child("synapses").index(soma).index(dendrite).stream();
                let (top, left) = match self.field {
                    ReceptiveField::OfSoma { .. } => of_soma,
                    _ => corner(&mut stream),
                };
                let mut field: Vec<u32> = (0..channels * high * wide)
                    .map(|i| {
                        let (channel, row, column) = (i / (high * wide), i / wide % high, i % wide);
                        ((channel * rows + top + row) * columns + left + column) as u32
                    })
                    .collect();
                sources.extend_from_slice(field.partial_shuffle(&mut stream, self.synapses).0);
            }
        }
        Ok(sources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use burn::tensor::Device;
    use ndarray::{Array2, arr2};

    fn net(field: ReceptiveField) -> DendriticNet {
        DendriticNet {
            somata: Some(4),
            dendrites: 3,
            synapses: 5,
            field,
            branches: Branches::Own,
            dendrite: Activation::LeakyRelu,
            soma: Activation::LeakyRelu,
        }
    }

    fn count(network: &Network) -> usize {
        network.parameter_shapes().iter().map(|(_, s)| s.iter().product::<usize>()).sum()
    }

    #[test]
    fn parameters_are_those_of_the_formula() {
        // S D (synapses + 1) + S (D + 1) + C (S + 1), Chavlis & Poirazi 2025.
        let (s, d, c) = (64, 16, 10);
        let big = DendriticNet {
            somata: Some(s),
            dendrites: d,
            synapses: 16,
            ..net(ReceptiveField::OfDendrite { side_px: 4 })
        };
        let network = big.build([1, 28, 28], c, &Seed::root(1)).unwrap();
        assert_eq!(count(&network), s * d * (16 + 1) + s * (d + 1) + c * (s + 1));
    }

    #[test]
    fn receptive_fields_are_windows_without_repetition() {
        for (field, of_soma) in
            [(ReceptiveField::OfSoma { side_px: 3 }, true), (ReceptiveField::OfDendrite { side_px: 3 }, false)]
        {
            let network = net(field).build([1, 9, 9], 2, &Seed::root(3)).unwrap();
            let Layer::Sparse { sources: Some(sources), .. } = &network.layers[0].1 else { panic!("a sparse layer") };
            let extent = |of: &[u32]| {
                let (rows, columns): (Vec<u32>, Vec<u32>) = of.iter().map(|s| (s / 9, s % 9)).unzip();
                let spread = |v: &[u32]| v.iter().max().unwrap() - v.iter().min().unwrap();
                spread(&rows).max(spread(&columns))
            };
            for dendrite in sources.chunks(5) {
                assert!(extent(dendrite) < 3);
                let mut once = dendrite.to_vec();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), 5);
            }
            assert_eq!(sources.chunks(15).all(|soma| extent(soma) < 3), of_soma);
        }
        let crowded = net(ReceptiveField::OfDendrite { side_px: 2 }).build([1, 9, 9], 2, &Seed::root(3));
        assert!(crowded.unwrap_err().to_string().contains("5 synapses for a receptive field of 4 inputs"));
    }

    #[test]
    fn a_linear_tree_is_a_linear_classifier_and_joins_neighbours_first() {
        let tree = DendriticTree { trees: 2, children: 2, order: LeafOrder::Blocks, activation: Activation::Linear };
        let network = tree.build([1, 4, 4], 1, &Seed::root(5)).unwrap();
        assert_eq!(network.layers.len(), 5);
        let Layer::Sparse { sources: Some(sources), .. } = &network.layers[0].1 else { panic!("a sparse layer") };
        assert_eq!(sources[..8], [0, 1, 4, 5, 2, 3, 6, 7]);
        let mut seen = sources[16..].to_vec();
        seen.sort_unstable();
        assert_eq!(seen, (0..16).collect::<Vec<_>>());
        // f(x + y) + f(0) = f(x) + f(y) for all that is affine.
        let model = Model::feedforward(network, &Seed::root(6));
        let row = |f: fn(usize) -> f64| (0..16).map(f).collect::<Vec<_>>();
        let (x, y) = (row(|i| (i as f64).sin()), row(|i| 0.3 * i as f64 - 1.0));
        let mut inputs = Array2::zeros((4, 16));
        for i in 0..16 {
            (inputs[[1, i]], inputs[[2, i]], inputs[[3, i]]) = (x[i], y[i], x[i] + y[i]);
        }
        let out = output(&model, &inputs);
        assert!((out[3] + out[0] - out[1] - out[2]).abs() < 1e-5, "{out:?}");
        let uneven = tree.build([1, 3, 5], 1, &Seed::root(5)).unwrap_err().to_string();
        assert!(uneven.contains("15 inputs") && uneven.contains("8 or 16 would"), "{uneven}");
        let single = tree.build([1, 1, 1], 1, &Seed::root(5)).unwrap_err().to_string();
        assert!(single.contains("1 inputs") && single.contains("2 would"), "{single}");
    }

    fn output(model: &Model, inputs: &Array2<f64>) -> Vec<f64> {
        use rheobase_core::{Probe, Stimulus};
        let stimulus = Stimulus::new(inputs.clone(), vec![inputs.ncols()], 1.0).unwrap();
        model.record(&stimulus, "output").unwrap().samples().iter().copied().collect()
    }

    #[test]
    fn a_crossing_dendrite_multiplies_its_inputs() {
        let layer = Layer::Sparse { inputs: 2, outputs: 1, fan_in: 2, sources: None, activation: Activation::Crossing };
        let device = Device::flex();
        let flat = |v: Vec<f32>| crate::tensors::flat(v, &device);
        let input = crate::tensors::to_tensor(arr2(&[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).view(), &device);
        let out = layer.forward(input, &flat(vec![0.5, 0.25]), &flat(vec![0.0]), None, 3);
        let found = crate::tensors::values(out).unwrap();
        // Together 2 w1 w2 more than apart.
        assert!((found[2] - found[0] - found[1] - 0.25).abs() < 1e-6, "{found:?}");
    }
}
