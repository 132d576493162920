//! Training steps of recurrent networks, and a network whose fixed points are known.

use ndarray::{Array1, Array2, ArrayView1};
use rheobase_core::{Dynamics, Seed};
use rheobase_rate::optimizer::{Moments, Optimizer};
use rheobase_rate::recurrent::{
    Backward, Batch, Cell, Initial, Nonlinearity, Penalties, RecurrentNetwork, Wiring, initial_parameters,
};
use rheobase_task::memory::FlipFlop;
use rheobase_task::{Loss, Task, Trial};

/// A network that learns the flip-flop of three bits.
pub struct Training {
    network: RecurrentNetwork,
    parameters: Vec<Vec<f32>>,
    moments: Vec<Moments>,
    trials: Vec<Trial>,
}

impl Training {
    /// A network of one kind of cell; trials of `steps` steps.
    pub fn new(cell: Cell, units: usize, steps: usize, batch: usize) -> Self {
        let network = RecurrentNetwork {
            cell,
            inputs: 3,
            units,
            outputs: 3,
            bottleneck: 0,
            encoder: 0,
            wiring: Wiring::Free,
            masked: false,
            noise_sd: 0.0,
        };
        let task = FlipFlop { steps, ..FlipFlop::default() };
        let trials = (0..batch).map(|k| task.trial(&Seed::root(1).index(k))).collect();
        let parameters = initial_parameters(&network, &Initial::Uniform {}, 1.0, None, None, &Seed::root(3));
        let parameters = parameters.expect("it fits");
        let moments = vec![Moments::default(); parameters.len()];
        Self { network, parameters, moments, trials }
    }

    /// The rate network that PyTorch calls an RNN.
    pub fn elman() -> Cell {
        Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha: 1.0 }
    }

    fn batch(&self) -> Batch<'_> {
        Batch { trials: &self.trials, noise: Seed::root(2) }
    }

    /// Forward.
    pub fn run(&self, threads: usize) {
        std::hint::black_box(self.batch().run(&self.network, &self.parameters, threads));
    }

    /// Forward, back and Adam; the loss.
    pub fn step(&mut self, threads: usize) -> f64 {
        let settings = Backward {
            loss: &Loss::SquaredError,
            penalties: &Penalties::default(),
            truncation: None,
            dropout: 0.0,
            threads,
        };
        let cost = self.batch().cost(&self.network, &self.parameters, settings);
        for ((p, g), m) in self.parameters.iter_mut().zip(&cost.gradient).zip(&mut self.moments) {
            Optimizer::Adam.step(p, g, m, 1e-3);
        }
        cost.task
    }
}

/// F(x) = tanh(x W) with W[i, :] = -roll(linspace(-1, 1, n), -i).
pub struct TanhRing(Array2<f64>);

impl TanhRing {
    /// A ring of `n` units.
    pub fn new(n: usize) -> Self {
        let line = Array1::linspace(-1.0, 1.0, n);
        Self(Array2::from_shape_fn((n, n), |(i, j)| -line[(j + i) % n]))
    }
}

impl Dynamics for TanhRing {
    fn dimension(&self) -> usize {
        self.0.nrows()
    }
    fn step(&self, x: ArrayView1<'_, f64>, _: ArrayView1<'_, f64>) -> Array1<f64> {
        x.dot(&self.0).mapv(f64::tanh)
    }
    fn jacobian(&self, x: ArrayView1<'_, f64>, u: ArrayView1<'_, f64>) -> Array2<f64> {
        let slopes = self.step(x, u).mapv(|y| 1.0 - y * y);
        Array2::from_shape_fn(self.0.dim(), |(i, j)| slopes[i] * self.0[[j, i]])
    }
}
