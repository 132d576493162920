//! One layer: dense, convolutional, sparse as dendrites are, or recurrent, with its activation.

use burn::tensor::activation::{leaky_relu, relu, sigmoid, tanh};
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Int, Tensor, TensorData};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use serde::{Deserialize, Serialize};

use crate::recurrent::{Cell, RecurrentLayer};

/// The transfer function of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// max(0, x).
    Relu,
    /// x above zero, 0.01 x below.
    LeakyRelu,
    /// Hyperbolic tangent.
    Tanh,
    /// Logistic function.
    Sigmoid,
    /// x itself.
    Linear,
    /// x + x^2: every pair of inputs is multiplied, as in dendrites that amplify coincidence.
    Crossing,
}

impl Activation {
    fn apply(self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Relu => relu(x),
            Self::LeakyRelu => leaky_relu(x, 0.01),
            Self::Tanh => tanh(x),
            Self::Sigmoid => sigmoid(x),
            Self::Linear => x,
            Self::Crossing => x.clone() * x.clone() + x,
        }
    }
}

/// A layer with weights and biases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// Every unit sees every input; weights (inputs, outputs).
    Dense {
        /// Number of inputs.
        inputs: usize,
        /// Number of units.
        outputs: usize,
        /// Transfer function.
        activation: Activation,
    },
    /// Every unit has a few inputs of its own, as a dendrite has synapses and a soma dendrites; weights (outputs, inputs of a unit). There
    /// is no weight where there is no connection, so no mask has to be kept.
    Sparse {
        /// Number of inputs.
        inputs: usize,
        /// Number of units.
        outputs: usize,
        /// Inputs of each unit.
        fan_in: usize,
        /// Inputs of every unit, (outputs, inputs of a unit); none if each unit reads the next ones in order.
        sources: Option<Vec<u32>>,
        /// Transfer function.
        activation: Activation,
    },
    /// Square kernels without padding; weights (filters, channels, kernel, kernel).
    Conv {
        /// Channels, rows and columns of the input.
        input: [usize; 3],
        /// Number of filters.
        filters: usize,
        /// Side of the kernel in px.
        kernel: usize,
        /// Step between neighbouring positions in px.
        stride: usize,
        /// Side of the max-pooling window after the activation; 1 for none.
        pool: usize,
        /// Transfer function.
        activation: Activation,
    },
    /// Recurrent units that read the rows of the input from top to bottom, one in each step and all channels of it at once; weights
    /// as in [`RecurrentLayer::weight_shape`]. Its activity, and so what a lesion changes, is that after the last row.
    Recurrent {
        /// Channels, rows and columns of the input.
        input: [usize; 3],
        /// Kind of unit.
        cell: Cell,
        /// Number of units.
        units: usize,
    },
}

impl Layer {
    /// Channels, rows and columns of the activity.
    pub fn output_shape(&self) -> [usize; 3] {
        match self {
            Self::Dense { outputs, .. } | Self::Sparse { outputs, .. } => [1, 1, *outputs],
            Self::Recurrent { units, .. } => [1, 1, *units],
            Self::Conv { input, filters, kernel, stride, pool, .. } => {
                let along = |n: usize| ((n - kernel) / stride + 1) / pool;
                [*filters, along(input[1]), along(input[2])]
            }
        }
    }

    /// Number of units (filters x positions for a convolution).
    pub fn units(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// Shape of the weights.
    pub fn weight_shape(&self) -> Vec<usize> {
        match self {
            Self::Dense { inputs, outputs, .. } => vec![*inputs, *outputs],
            Self::Sparse { outputs, fan_in, .. } => vec![*outputs, *fan_in],
            Self::Conv { input, filters, kernel, .. } => vec![*filters, input[0], *kernel, *kernel],
            Self::Recurrent { input, cell, units } => recurrent(*input, *cell, *units).weight_shape().to_vec(),
        }
    }

    /// Number of biases.
    pub fn bias_length(&self) -> usize {
        match self {
            Self::Dense { outputs, .. } | Self::Sparse { outputs, .. } => *outputs,
            Self::Conv { filters, .. } => *filters,
            Self::Recurrent { input, cell, units } => recurrent(*input, *cell, *units).bias_length(),
        }
    }

    /// Biases before training: zero, but for the forget gates of recurrent units.
    pub(crate) fn initial_biases(&self, seed: &Seed) -> Vec<f32> {
        match self {
            Self::Recurrent { input, cell, units } => recurrent(*input, *cell, *units).initial(seed).1,
            _ => vec![0.0; self.bias_length()],
        }
    }

    pub(crate) fn initial_weights(&self, seed: &Seed) -> Vec<f32> {
        let (fan_in, activation) = match self {
            Self::Recurrent { input, cell, units } => return recurrent(*input, *cell, *units).initial(seed).0,
            Self::Dense { inputs, activation, .. } => (*inputs, activation),
            Self::Sparse { fan_in, activation, .. } => (*fan_in, activation),
            Self::Conv { input, kernel, activation, .. } => (input[0] * kernel * kernel, activation),
        };
        let gain = if matches!(activation, Activation::Relu | Activation::LeakyRelu) { 2.0 } else { 1.0 };
        let sd = (gain / fan_in as f64).sqrt();
        let mut stream = seed.stream();
        let count = self.weight_shape().iter().product();
        (0..count).map(|_| (sd * Distribution::<f64>::sample(&StandardNormal, &mut stream)) as f32).collect()
    }

    /// Activity (batch, units). With `feedback`, the forward value is unchanged but the error reaches the input through the
    /// feedback weights instead of the transposed forward weights: the input is detached from the forward product, and the
    /// difference of a product and its own detached copy, which is exactly zero, carries the gradient (Lillicrap et al. 2016).
    pub(crate) fn forward(
        &self,
        input: Tensor<2>,
        weight: &Tensor<1>,
        bias: &Tensor<1>,
        feedback: Option<&Tensor<1>>,
        batch: usize,
    ) -> Tensor<2> {
        let drive = match feedback {
            None => self.drive(input, weight.clone(), Some(bias.clone()), batch),
            Some(random) => {
                let carrier = self.drive(input.clone(), random.clone(), None, batch);
                let silent = carrier.clone() - carrier.detach();
                self.drive(input.detach(), weight.clone(), Some(bias.clone()), batch) + silent
            }
        };
        self.rectify_and_pool(drive, batch)
    }

    fn drive(&self, input: Tensor<2>, weight: Tensor<1>, bias: Option<Tensor<1>>, batch: usize) -> Tensor<2> {
        match self {
            Self::Dense { inputs, outputs, .. } => {
                let product = input.matmul(weight.reshape([*inputs, *outputs]));
                match bias {
                    Some(bias) => product + bias.reshape([1, *outputs]),
                    None => product,
                }
            }
            Self::Sparse { outputs, fan_in, sources, .. } => {
                let read = match sources {
                    None => input,
                    Some(sources) => {
                        let places: Vec<i64> = sources.iter().map(|s| i64::from(*s)).collect();
                        let places = TensorData::new(places, [sources.len()]);
                        let places = Tensor::<1, Int>::from_data(places, &input.device());
                        input.select(1, places)
                    }
                };
                let read = read.reshape([batch, *outputs, *fan_in]);
                let product = (read * weight.reshape([1, *outputs, *fan_in])).sum_dim(2).reshape([batch, *outputs]);
                match bias {
                    Some(bias) => product + bias.reshape([1, *outputs]),
                    None => product,
                }
            }
            Self::Conv { input: [channels, rows, columns], filters, kernel, stride, .. } => {
                let image = input.reshape([batch, *channels, *rows, *columns]);
                let weight = weight.reshape([*filters, *channels, *kernel, *kernel]);
                let options = ConvOptions::new([*stride, *stride], [0, 0], [1, 1], 1);
                let maps = conv2d(image, weight, bias, options);
                let [_, filters, rows, columns] = maps.dims();
                maps.reshape([batch, filters * rows * columns])
            }
            Self::Recurrent { input: [channels, rows, columns], cell, units } => {
                let layer = recurrent([*channels, *rows, *columns], *cell, *units);
                let steps = input.reshape([batch, *channels, *rows, *columns]).permute([0, 2, 1, 3]);
                let steps = steps.reshape([batch, *rows, channels * columns]);
                let bias = bias.unwrap_or_else(|| Tensor::zeros([layer.bias_length()], &steps.device()));
                let outputs = layer.outputs(steps, weight, bias, None);
                outputs.slice([0..batch, rows - 1..*rows, 0..*units]).reshape([batch, *units])
            }
        }
    }

    fn rectify_and_pool(&self, drive: Tensor<2>, batch: usize) -> Tensor<2> {
        match self {
            Self::Dense { activation, .. } | Self::Sparse { activation, .. } => activation.apply(drive),
            Self::Recurrent { .. } => drive,
            Self::Conv { input, filters, kernel, stride, pool, activation } => {
                let active = activation.apply(drive);
                if *pool == 1 {
                    return active;
                }
                let along = |n: usize| (n - kernel) / stride + 1;
                let maps = active.reshape([batch, *filters, along(input[1]), along(input[2])]);
                let options = MaxPoolOptions::new([*pool, *pool]).with_stride([*pool, *pool]);
                let pooled = max_pool2d(maps, options);
                pooled.reshape([batch, self.units()])
            }
        }
    }
}

fn recurrent([channels, _, columns]: [usize; 3], cell: Cell, units: usize) -> RecurrentLayer {
    RecurrentLayer { cell, inputs: channels * columns, units }
}
