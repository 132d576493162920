//! From the units to the outputs: y = W (B r) + b. The linear bottleneck B is left out where a network has none (Banino et al. 2018, Nature
//! 557:429, read place and head direction from such a layer); dropout acts on what W reads.

use std::borrow::Cow;

use super::network::{RecurrentNetwork, Weights};
use crate::product::{Packed, Strided, add_transposed_product};
use crate::scalar::Scalar;

/// A matrix packed for both directions.
struct Both<F> {
    forward: Packed<F>,
    back: Packed<F>,
}

impl<F: Scalar> Both<F> {
    fn new(weights: &[F], from: usize, to: usize) -> Self {
        Self {
            forward: Packed::new(Strided::rows(weights, to), from, to),
            back: Packed::new(Strided::transposed(weights, to), to, from),
        }
    }
}

/// The read-out of a network.
pub(super) struct ReadOut<F> {
    units: usize,
    /// What the output weights read: the units, or the bottleneck.
    width: usize,
    outputs: usize,
    bottleneck: Option<Both<F>>,
    output: Both<F>,
}

impl<F: Scalar> ReadOut<F> {
    pub fn new(network: &RecurrentNetwork, weights: &Weights<F>) -> Self {
        let (units, width, outputs) = (network.units, network.read_width(), network.outputs);
        let bottleneck = (network.bottleneck > 0).then(|| Both::new(&weights.bottleneck, units, width));
        Self { units, width, outputs, bottleneck, output: Both::new(&weights.output, width, outputs) }
    }

    fn places(&self, units: &[F]) -> usize {
        units.len() / self.units
    }

    /// What the output weights read of the units' outputs (places, units), times `kept` (places, width) under dropout; empty without.
    pub fn read<'t>(&self, units: &'t [F], kept: &[F]) -> Cow<'t, [F]> {
        let mut read = match &self.bottleneck {
            None => Cow::Borrowed(units),
            Some(narrow) => {
                let places = self.places(units);
                let mut values = vec![F::ZERO; places * self.width];
                narrow.forward.multiply(Strided::rows(units, self.units), places, &mut values, false);
                Cow::Owned(values)
            }
        };
        if !kept.is_empty() {
            read.to_mut().iter_mut().zip(kept).for_each(|(r, k)| *r = *r * *k);
        }
        read
    }

    /// Outputs (places, outputs) of what is read.
    pub fn outputs(&self, read: &[F], bias: &[F]) -> Vec<F> {
        let places = read.len() / self.width;
        let mut y = bias.repeat(places);
        self.output.forward.multiply(Strided::rows(read, self.width), places, &mut y, true);
        y
    }

    /// Adds the derivative by the units' outputs, from that by the outputs. Returns the derivative by the bottleneck before dropout,
    /// which its gradient needs; empty without a bottleneck.
    pub fn back(&self, by_y: &[F], kept: &[F], by_units: &mut [F]) -> Vec<F> {
        let places = self.places(by_units);
        let by_y = Strided::rows(by_y, self.outputs);
        if self.bottleneck.is_none() && kept.is_empty() {
            self.output.back.multiply(by_y, places, by_units, true);
            return vec![];
        }
        let mut by_read = vec![F::ZERO; places * self.width];
        self.output.back.multiply(by_y, places, &mut by_read, false);
        if !kept.is_empty() {
            by_read.iter_mut().zip(kept).for_each(|(b, k)| *b = *b * *k);
        }
        let Some(narrow) = &self.bottleneck else {
            by_units.iter_mut().zip(by_read).for_each(|(b, s)| *b += s);
            return vec![];
        };
        narrow.back.multiply(Strided::rows(&by_read, self.width), places, by_units, true);
        by_read
    }

    /// The gradients by the bottleneck's and by the output weights.
    pub fn gradients(&self, units: &[F], kept: &[F], by_bottleneck: &[F], by_y: &[F]) -> [Vec<F>; 2] {
        let mut packed = Packed::new(Strided::rows(&[], 1), 0, 0);
        let mut product = |a: &[F], m: usize, b: &[F], columns: usize| {
            let mut c = vec![F::ZERO; m * columns];
            add_transposed_product(a, m, b, columns, &mut c, &mut packed);
            c
        };
        let output = product(&self.read(units, kept), self.width, by_y, self.outputs);
        let narrow = self.bottleneck.is_some();
        [if narrow { product(units, self.units, by_bottleneck, self.width) } else { vec![] }, output]
    }
}
