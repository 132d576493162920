//! Multi-layer perceptron: dense layers called `hidden1`, `hidden2`, ... and a linear `output`.

use crate::network::{Activation, Layer, Network};
use crate::{Error, Result};

/// Description of a multi-layer perceptron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mlp {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Transfer function of the hidden units; the output is linear.
    pub activation: Activation,
}

impl Mlp {
    /// The network for inputs of this shape (channels, rows, columns) and number of outputs.
    ///
    /// # Errors
    /// If a layer would have no unit.
    pub fn build(&self, input: [usize; 3], outputs: usize) -> Result<Network> {
        let mut inputs = input.iter().product();
        if inputs == 0 || outputs == 0 || self.hidden.contains(&0) {
            return Err(Error::Architecture(format!(
                "every layer needs at least one unit: input {input:?}, hidden {:?}, output {outputs}",
                self.hidden
            )));
        }
        let mut layers = Vec::new();
        for (index, &units) in self.hidden.iter().enumerate() {
            let layer = Layer::Dense { inputs, outputs: units, activation: self.activation };
            layers.push((format!("hidden{}", index + 1), layer));
            inputs = units;
        }
        layers.push(("output".to_owned(), Layer::Dense { inputs, outputs, activation: Activation::Linear }));
        Ok(Network { input, layers })
    }
}
