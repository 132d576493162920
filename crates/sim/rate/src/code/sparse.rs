//! Sparse coding (Olshausen & Field 1996).
//!
//! An image x is explained by few dictionary rows: r minimises 1/2 |x - r D|^2 + lambda |r|_1, by FISTA (Beck & Teboulle 2009)
//! with a fixed number of iterations; learning moves D along (x - r D)' r and keeps its rows at unit norm.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use ndarray::{Array2, ArrayView2};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::Seed;
use serde::{Deserialize, Serialize};

use crate::learning::Gradient;
use crate::optimizer::Moments;
use crate::tensors::{flat, rows_to_tensor, scalar, to_matrix, to_tensor, values};
use crate::training::{Checkpoint, EpochRecord, Session};
use crate::{Error, Result};

/// A sparse code of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SparseCode {
    /// Rows and columns of the images.
    pub shape: [usize; 2],
    /// Number of units.
    pub units: usize,
    /// lambda, the price of activity.
    pub sparsity: f64,
    /// Whether activities are rates (>= 0) or signed.
    pub nonnegative: bool,
    /// FISTA iterations for each image.
    pub iterations: usize,
    /// Dictionary, (units, pixels), rows of unit norm.
    #[serde(skip)]
    pub dictionary: Vec<f32>,
}

impl SparseCode {
    /// A code with a random dictionary.
    ///
    /// # Errors
    /// If there is no unit or pixel, or the sparsity is not positive.
    pub fn new(
        shape: [usize; 2],
        units: usize,
        sparsity: f64,
        nonnegative: bool,
        iterations: usize,
        seed: &Seed,
    ) -> Result<Self> {
        if units == 0 || shape.contains(&0) || !(sparsity > 0.0 && sparsity.is_finite()) {
            return Err(Error::Architecture(format!(
                "a sparse code needs units, pixels and a sparsity > 0; found {units} units, {shape:?} pixels, sparsity {sparsity}"
            )));
        }
        let mut stream = seed.child("dictionary").stream();
        let count = units * shape[0] * shape[1];
        let dictionary = (0..count).map(|_| Distribution::<f64>::sample(&StandardNormal, &mut stream) as f32).collect();
        let mut code = Self { shape, units, sparsity, nonnegative, iterations, dictionary };
        let pixels = code.pixels();
        normalise_rows(&mut code.dictionary, pixels);
        Ok(code)
    }

    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// Activities (images, units) for images (images, pixels).
    ///
    /// # Errors
    /// If the device fails.
    pub fn respond(&self, images: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let device = Device::flex();
        let dictionary = flat(self.dictionary.clone(), &device).reshape([self.units, self.pixels()]);
        let step = self.lipschitz();
        to_matrix(self.infer(to_tensor(images, &device), &dictionary, step))
    }

    fn infer(&self, images: Tensor<2>, dictionary: &Tensor<2>, lipschitz: f64) -> Tensor<2> {
        let gram = dictionary.clone().matmul(dictionary.clone().transpose());
        let drive = images.matmul(dictionary.clone().transpose());
        let threshold = self.sparsity / lipschitz;
        let mut code = drive.zeros_like();
        let mut ahead = code.clone();
        let mut t = 1.0_f64;
        for _ in 0..self.iterations {
            let gradient = ahead.clone().matmul(gram.clone()) - drive.clone();
            let moved = ahead - gradient * (1.0 / lipschitz);
            let next = if self.nonnegative {
                relu(moved - threshold)
            } else {
                relu(moved.clone() - threshold) - relu(-moved - threshold)
            };
            let t_next = (1.0 + (1.0 + 4.0 * t * t).sqrt()) / 2.0;
            ahead = next.clone() + (next.clone() - code) * ((t - 1.0) / t_next);
            code = next;
            t = t_next;
        }
        code
    }

    /// Upper bound of the largest eigenvalue of D D', by power iteration from a fixed start.
    fn lipschitz(&self) -> f64 {
        let (units, pixels) = (self.units, self.pixels());
        let row = |u: usize| &self.dictionary[u * pixels..(u + 1) * pixels];
        let mut vector: Vec<f64> = (0..units).map(|u| 1.0 + (u as f64).sin() * 0.5).collect();
        let mut largest = 1.0;
        for _ in 0..30 {
            let mut image = vec![0.0; pixels];
            for (u, v) in vector.iter().enumerate() {
                for (sum, d) in image.iter_mut().zip(row(u)) {
                    *sum += v * f64::from(*d);
                }
            }
            let back: Vec<f64> =
                (0..units).map(|u| row(u).iter().zip(&image).map(|(d, x)| f64::from(*d) * x).sum()).collect();
            largest = back.iter().map(|v| v * v).sum::<f64>().sqrt();
            vector = back.iter().map(|v| v / largest).collect();
        }
        // Power iteration approaches from below; FISTA needs a bound from above.
        1.1 * largest.max(1e-6)
    }

    pub(crate) fn train(&mut self, rule: &Gradient, session: &mut Session<'_>) -> Result<Vec<EpochRecord>> {
        session.train.check(false)?;
        if session.train.inputs.ncols() != self.pixels() {
            return Err(Error::Data(format!(
                "images have {} pixels, the code takes {:?}",
                session.train.inputs.ncols(),
                self.shape
            )));
        }
        let mut state = session.start(std::slice::from_ref(&self.dictionary))?;
        let code = self.clone();
        session.run_epochs(&mut state, rule.epochs, |session, state, epoch| {
            code.train_epoch(rule, session, state, epoch)
        })?;
        self.dictionary = state.parameters.swap_remove(0);
        Ok(state.history)
    }

    fn train_epoch(
        &self,
        rule: &Gradient,
        session: &Session<'_>,
        state: &mut Checkpoint,
        epoch: usize,
    ) -> Result<EpochRecord> {
        let mut code = self.clone();
        let device = &session.device;
        let order = session.order(epoch);
        let (mut loss, mut batches) = (0.0, 0.0);
        for batch in order.chunks(rule.batch) {
            if session.progress.cancelled() {
                // The epoch is done again from its start, so the interrupted one leaves no trace.
                return Err(rheobase_core::Error::Interrupted.into());
            }
            code.dictionary.clone_from(&state.parameters[0]);
            let images = rows_to_tensor(&session.train.inputs, batch, device);
            let dictionary = flat(code.dictionary.clone(), device).reshape([self.units, self.pixels()]);
            let activity = code.infer(images.clone(), &dictionary, code.lipschitz());
            let residual = images - activity.clone().matmul(dictionary);
            let price = residual.clone().square().sum() * 0.5 + activity.clone().abs().sum() * self.sparsity;
            let gradient = activity.transpose().matmul(residual) * (-1.0 / batch.len() as f64);
            loss += scalar(price)? / batch.len() as f64;
            batches += 1.0;
            let gradient = values(gradient)?;
            let moments: &mut Moments = &mut state.moments[0];
            rule.optimizer.step(&mut state.parameters[0], &gradient, moments, rule.rate);
            normalise_rows(&mut state.parameters[0], self.pixels());
        }
        Session::check_finite(epoch, loss, &["dictionary".to_owned()], &state.parameters, rule.rate)?;
        Ok(EpochRecord {
            epoch,
            train_loss: Some(loss / batches),
            test_loss: None,
            test_accuracy: None,
            alignment_deg: None,
        })
    }
}

fn normalise_rows(dictionary: &mut [f32], pixels: usize) {
    for row in dictionary.chunks_mut(pixels) {
        let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        if norm > 0.0 {
            row.iter_mut().for_each(|v| *v /= norm);
        }
    }
}
