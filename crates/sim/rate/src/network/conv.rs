//! Small convolutional network: layers `conv1`, `conv2`, ... with rectification and max pooling, and a linear `output`.

use crate::network::{Activation, Layer, Network};
use crate::{Error, Result};

/// Description of a convolutional network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvNet {
    /// Filters of each convolutional layer.
    pub filters: Vec<usize>,
    /// Side of the square kernels of each layer, in px.
    pub kernels: Vec<usize>,
    /// Step of the first layer in px; later layers step by 1.
    pub first_stride: usize,
    /// Side of the max-pooling window after each layer; 1 for none.
    pub pools: Vec<usize>,
}

impl ConvNet {
    /// The network for inputs of this shape (channels, rows, columns) and number of outputs.
    ///
    /// # Errors
    /// If kernels and filters differ in number, or an image shrinks below its kernel; the message says at which layer.
    pub fn build(&self, input: [usize; 3], outputs: usize) -> Result<Network> {
        let layers_given = [self.filters.len(), self.kernels.len(), self.pools.len()];
        if layers_given.iter().any(|&n| n != layers_given[0] || n == 0) {
            return Err(Error::Architecture(format!(
                "a convolutional network needs filters, a kernel and a pool for each layer; found {} filters, {} kernels, {} pools",
                layers_given[0], layers_given[1], layers_given[2]
            )));
        }
        let first_stride = self.first_stride.max(1);
        let mut shape = input;
        let mut layers = Vec::new();
        for (index, (&filters, &kernel)) in self.filters.iter().zip(&self.kernels).enumerate() {
            let name = format!("conv{}", index + 1);
            let pool = self.pools[index].max(1);
            let stride = if index == 0 { first_stride } else { 1 };
            let smallest = shape[1].min(shape[2]);
            let fits = kernel > 0 && filters > 0 && smallest >= kernel && ((smallest - kernel) / stride + 1) / pool > 0;
            if !fits {
                return Err(Error::Architecture(format!(
                    "{name}: {filters} filters of {kernel} px with stride {stride} and pooling {pool} do not fit on maps of {} x {} px",
                    shape[1], shape[2]
                )));
            }
            let layer = Layer::Conv { input: shape, filters, kernel, stride, pool, activation: Activation::Relu };
            shape = layer.output_shape();
            layers.push((name, layer));
        }
        let inputs = shape.iter().product();
        layers.push(("output".to_owned(), Layer::Dense { inputs, outputs, activation: Activation::Linear }));
        Ok(Network { input, layers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_kernels_strides_and_pooling() {
        let net = ConvNet { filters: vec![8, 4], kernels: vec![9, 3], first_stride: 2, pools: vec![2, 2] };
        let network = net.build([1, 32, 32], 5).unwrap();
        // (32 - 9) / 2 + 1 = 12, pooled 6; 6 - 3 + 1 = 4, pooled 2.
        assert_eq!(network.layers[0].1.output_shape(), [8, 6, 6]);
        assert_eq!(network.layers[1].1.output_shape(), [4, 2, 2]);
        assert_eq!(network.parameter_shapes()[4], ("output.weight".to_owned(), vec![16, 5]));
    }

    #[test]
    fn a_kernel_larger_than_its_map_is_refused_by_layer() {
        let net = ConvNet { filters: vec![8, 4], kernels: vec![5, 5], first_stride: 1, pools: vec![2, 1] };
        let message = net.build([1, 8, 8], 5).unwrap_err().to_string();
        assert!(message.starts_with("conv2: 4 filters of 5 px"), "{message}");
    }
}
