//! The loops over data: units drawn in a sweep, and the answers of a network.

use rand::RngExt;
use rheobase_core::Seed;
use rheobase_core::math::logistic;
use rheobase_core::vectorised::Kernel;

use super::{Belief, Learner};

/// What the synapses learn from some data, and what happened there.
#[derive(Default)]
pub(super) struct Sums {
    pub hidden: Vec<f64>,
    pub output: Vec<f64>,
    pub within: Vec<f64>,
    /// Hidden units that changed.
    pub flips: usize,
    /// Sum of |x - sigma(v)| over outputs.
    pub surprise: f64,
}

impl Sums {
    /// Those of both.
    pub fn plus(mut self, other: Self) -> Self {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.hidden, &other.hidden);
        add(&mut self.output, &other.output);
        add(&mut self.within, &other.within);
        Self { flips: self.flips + other.flips, surprise: self.surprise + other.surprise, ..self }
    }
}

/// The units of some data.
pub(super) struct DrawUnits<'a> {
    pub learner: &'a Learner,
    /// Number of the first datum.
    pub first: usize,
    pub beliefs: &'a mut [Belief],
    pub seed: &'a Seed,
}

impl Kernel for DrawUnits<'_> {
    type Output = Sums;

    #[inline(always)]
    fn run(self) -> Sums {
        let Self { learner, first, beliefs, seed } = self;
        let (p, classes) = (&learner.parameters, learner.classes);
        let mut sums = Sums {
            hidden: vec![0.0; learner.into_hidden.weights.len()],
            output: vec![0.0; learner.into_output.weights.len()],
            within: vec![0.0; learner.within.as_ref().map_or(0, |w| w.weights.len())],
            ..Sums::default()
        };
        let (mut v, mut feedback) = (vec![0.0; p.hidden], vec![0.0; p.hidden]);
        let (mut error, mut hidden_error) = (vec![0.0; classes], vec![0.0; p.hidden]);
        for (k, Belief { hidden: x, bias }) in beliefs.iter_mut().enumerate() {
            let (input, label) = (&learner.inputs[first + k], learner.labels[first + k]);
            let mut stream = seed.index(first + k).stream();
            v.fill(0.0);
            learner.into_hidden.add_input(input, &mut v);
            feedback.copy_from_slice(&v);
            learner.add_within(x, &mut v);
            for i in 0..p.hidden {
                if stream.random::<f64>() < p.units_drawn {
                    let on = stream.random::<f64>() < logistic(v[i] + bias[i]);
                    sums.flips += usize::from((x[i] == 1.0) != on);
                    x[i] = f64::from(u8::from(on));
                }
            }
            if learner.within.is_some() {
                v.copy_from_slice(&feedback);
                learner.add_within(x, &mut v);
            }
            error.fill(0.0);
            learner.into_output.add_input(x, &mut error);
            for (j, e) in error.iter_mut().enumerate() {
                *e = f64::from(u8::from(label == j)) - logistic(*e);
                sums.surprise += e.abs();
            }
            for i in 0..p.hidden {
                hidden_error[i] = x[i] - logistic(v[i]);
            }
            feedback.fill(0.0);
            learner.into_output.add_feedback(&error, &mut feedback);
            if let Some(within) = &learner.within {
                within.add_feedback(&hidden_error, &mut feedback);
                (0..p.hidden).for_each(|i| feedback[i] -= within.to_itself(i) * hidden_error[i]);
                within.add_product(x, &hidden_error, &mut sums.within);
            }
            bias.iter_mut().zip(&feedback).for_each(|(b, f)| *b += p.neuron_rate * (f - *b));
            learner.into_hidden.add_product(input, &hidden_error, &mut sums.hidden);
            learner.into_output.add_product(x, &error, &mut sums.output);
        }
        sums
    }
}

/// The class that a network names for an input.
pub(super) struct Answer<'a> {
    pub learner: &'a Learner,
    pub input: &'a [f64],
    pub samples: usize,
    pub seed: Seed,
}

impl Kernel for Answer<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { learner, input, samples, seed } = self;
        let mut stream = seed.stream();
        let (mut mean, mut output) = (vec![0.0; learner.classes], vec![0.0; learner.classes]);
        let mut forward = vec![0.0; learner.parameters.hidden];
        learner.into_hidden.add_input(input, &mut forward);
        let (mut v, mut x) = (forward.clone(), vec![0.5; learner.parameters.hidden]);
        // A recurrent network is sampled one unit after the other; its first sweeps are not counted.
        let settle = if learner.within.is_some() { 10 } else { 0 };
        for sample in 0..samples + settle {
            v.copy_from_slice(&forward);
            learner.add_within(&x, &mut v);
            for i in 0..x.len() {
                if learner.within.is_none() || stream.random::<f64>() < 0.5 || sample == 0 {
                    x[i] = f64::from(u8::from(stream.random::<f64>() < logistic(v[i])));
                }
            }
            if sample >= settle {
                output.fill(0.0);
                learner.into_output.add_input(&x, &mut output);
                mean.iter_mut().zip(&output).for_each(|(m, o)| *m += logistic(*o));
            }
        }
        (0..learner.classes).fold(0, |best, j| if mean[j] > mean[best] { j } else { best })
    }
}
