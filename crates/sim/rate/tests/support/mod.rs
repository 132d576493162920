//! Small random networks and trials for the tests of recurrent networks.

use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use rheobase_rate::recurrent::{Backward, Cell, Nonlinearity, Penalties, RecurrentNetwork, Wiring};
use rheobase_task::{Loss, Trial};

/// Every kind of cell.
pub const CELLS: [Cell; 8] = [
    Cell::Rate { nonlinearity: Nonlinearity::Tanh, alpha: 1.0 },
    Cell::Rate { nonlinearity: Nonlinearity::Softplus, alpha: 0.3 },
    Cell::Current { nonlinearity: Nonlinearity::Sigmoid, alpha: 0.4 },
    Cell::Current { nonlinearity: Nonlinearity::Tanh, alpha: 0.2 },
    Cell::Gru,
    Cell::Lstm,
    Cell::SubLstm,
    Cell::FixedForgetSubLstm,
];

/// A network of this cell with 3 inputs and 2 outputs.
pub fn network(cell: Cell, units: usize) -> RecurrentNetwork {
    RecurrentNetwork {
        cell,
        inputs: 3,
        units,
        outputs: 2,
        bottleneck: 0,
        encoder: 0,
        wiring: Wiring::Free,
        masked: false,
        noise_sd: 0.0,
    }
}

/// Random parameters; a mask opens two of three connections.
pub fn parameters(network: &RecurrentNetwork, seed: u64) -> Vec<Vec<f64>> {
    let sizes = network.parameters().into_iter();
    sizes
        .enumerate()
        .map(|(k, p)| {
            let mut stream = Seed::root(seed).index(k).stream();
            let count: usize = p.shape.iter().product();
            if p.name == "recurrent.mask" {
                return (0..count).map(|i| f64::from(u8::from(i % 3 != 0))).collect();
            }
            (0..count).map(|_| 0.4 * Distribution::<f64>::sample(&StandardNormal, &mut stream)).collect()
        })
        .collect()
}

/// Random trials of different lengths, whose first step does not count.
pub fn trials(network: &RecurrentNetwork, loss: &Loss, count: usize, steps: usize) -> Vec<Trial> {
    let mut stream = Seed::root(99).stream();
    let mut normal = || Distribution::<f64>::sample(&StandardNormal, &mut stream) as f32;
    (0..count)
        .map(|k| {
            // Trials of different lengths are padded.
            let mut trial = Trial::blank(steps - k % 2, network.inputs, network.outputs);
            trial.inputs.mapv_inplace(|_| normal());
            trial.targets.mapv_inplace(|_| normal());
            if *loss != Loss::SquaredError {
                trial.targets.mapv_inplace(|v| if v > 0.0 { 1.0 } else { 0.0 });
            }
            trial.initial = (0..network.encoder).map(|_| normal()).collect();
            trial.mask.row_mut(0).fill(0.0);
            trial
        })
        .collect()
}

/// Full backpropagation on one thread.
pub fn settings<'a>(loss: &'a Loss, penalties: &'a Penalties) -> Backward<'a> {
    Backward { loss, penalties, truncation: None, dropout: 0.0, threads: 1 }
}
