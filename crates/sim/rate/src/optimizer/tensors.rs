//! The same steps on tensors, where weights, gradients and moments stay on a device.

use burn::tensor::{Device, Tensor};

use super::{BETA_1, BETA_2, Change, Moments, Optimizer};
use crate::Result;
use crate::tensors::{flat, values};

/// The memory of an optimiser for one parameter, on a device.
#[derive(Debug, Clone)]
pub struct TensorMoments {
    first: Tensor<1>,
    second: Tensor<1>,
    steps: u64,
}

impl TensorMoments {
    /// Puts moments of a parameter of `length` values on a device.
    pub fn new(moments: &Moments, length: usize, device: &Device) -> Self {
        let padded = |known: &[f32]| {
            let mut all = known.to_vec();
            all.resize(length, 0.0);
            flat(all, device)
        };
        Self { first: padded(&moments.first), second: padded(&moments.second), steps: moments.steps }
    }

    /// Copies them back.
    ///
    /// # Errors
    /// If the device fails.
    pub fn read(&self, optimizer: Optimizer) -> Result<Moments> {
        let second = if optimizer.has_second() { values(self.second.clone())? } else { vec![] };
        Ok(Moments { first: values(self.first.clone())?, second, steps: self.steps })
    }
}

impl Optimizer {
    /// [`Optimizer::step`] on a device: the weights after one step along `gradient`.
    pub fn step_tensor(
        self,
        weights: Tensor<1>,
        gradient: Tensor<1>,
        moments: &mut TensorMoments,
        rate: f64,
    ) -> Tensor<1> {
        moments.steps += 1;
        match self.change(rate, moments.steps) {
            Change::Sgd { momentum, rate } => {
                moments.first = moments.first.clone().mul_scalar(momentum) + gradient;
                weights - moments.first.clone().mul_scalar(rate)
            }
            Change::Adam { by_mean, by_gradient } => {
                moments.first = moments.first.clone().mul_scalar(BETA_1) + gradient.clone().mul_scalar(1.0 - BETA_1);
                let squared = gradient.clone() * gradient.clone();
                moments.second = moments.second.clone().mul_scalar(BETA_2) + squared.mul_scalar(1.0 - BETA_2);
                let ahead = moments.first.clone().mul_scalar(by_mean) + gradient.mul_scalar(by_gradient);
                weights - ahead / moments.second.clone().sqrt().add_scalar(1e-8)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_on_tensors_are_steps_on_slices() {
        let device = Device::flex();
        let n = 50;
        for optimizer in [Optimizer::Sgd { momentum: 0.9 }, Optimizer::Adam, Optimizer::Nadam] {
            let (mut w, mut moments) = (vec![0.5_f32; n], Moments::default());
            let mut on_device = (flat(w.clone(), &device), TensorMoments::new(&moments, n, &device));
            for k in 0..4 {
                let gradient: Vec<f32> = (0..n).map(|i| ((i + 7 * k) as f32 * 0.37).sin()).collect();
                optimizer.step(&mut w, &gradient, &mut moments, 0.01);
                on_device.0 = optimizer.step_tensor(on_device.0, flat(gradient, &device), &mut on_device.1, 0.01);
            }
            let found = values(on_device.0).unwrap();
            assert!(w.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-6), "{optimizer:?}");
            let read = on_device.1.read(optimizer).unwrap();
            assert_eq!((read.steps, read.first.len(), read.second.len()), (4, n, moments.second.len()));
        }
    }
}
