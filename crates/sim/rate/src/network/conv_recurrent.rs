//! Convolutional layers whose maps a recurrent layer reads row by row: layers `conv1`, `conv2`, ..., `recurrent`, and a linear `output` of
//! what the units do after the last row.

use crate::Result;
use crate::network::{Activation, ConvNet, Layer, Network};
use crate::recurrent::{Cell, RecurrentLayer};

/// Description of such a network.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvRecurrentNet {
    /// The convolutional layers.
    pub conv: ConvNet,
    /// Kind of recurrent unit.
    pub cell: Cell,
    /// Number of recurrent units.
    pub units: usize,
}

impl ConvRecurrentNet {
    /// The network for inputs of this shape (channels, rows, columns) and number of outputs.
    ///
    /// # Errors
    /// If the convolutional layers do not fit, or there are no recurrent units.
    pub fn build(&self, input: [usize; 3], outputs: usize) -> Result<Network> {
        let mut network = self.conv.build(input, outputs)?;
        network.layers.pop();
        let maps = network.layers.last().map_or(input, |(_, layer)| layer.output_shape());
        RecurrentLayer { cell: self.cell, inputs: maps[0] * maps[2], units: self.units }.check()?;
        let units = Layer::Recurrent { input: maps, cell: self.cell, units: self.units };
        let output = Layer::Dense { inputs: self.units, outputs, activation: Activation::Linear };
        network.layers.extend([("recurrent".to_owned(), units), ("output".to_owned(), output)]);
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv() -> ConvNet {
        ConvNet { filters: vec![6], kernels: vec![5], first_stride: 1, pools: vec![2] }
    }

    #[test]
    fn each_step_reads_a_row_of_all_maps() {
        let network = ConvRecurrentNet { conv: conv(), cell: Cell::Gru, units: 10 }.build([1, 20, 16], 3).unwrap();
        // (20 - 5 + 1) / 2 = 8 rows, (16 - 5 + 1) / 2 = 6 columns.
        assert_eq!(network.layers[0].1.output_shape(), [6, 8, 6]);
        let shapes = network.parameter_shapes();
        assert_eq!(shapes[2], ("recurrent.weight".to_owned(), vec![6 * 6 + 10, 30]));
        assert_eq!(shapes[3], ("recurrent.bias".to_owned(), vec![40]));
        assert_eq!(shapes[4], ("output.weight".to_owned(), vec![10, 3]));
    }

    #[test]
    fn no_units_are_refused() {
        let message = ConvRecurrentNet { conv: conv(), cell: Cell::Lstm, units: 0 }.build([1, 20, 16], 3).unwrap_err();
        assert!(message.to_string().contains("at least one unit, found 0"));
    }
}
