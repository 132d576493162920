//! Learning by Gibbs sampling of neurons and of synapses (Teramae 2019 bioRxiv 811646).
//!
//! Units are binary with P(x_j = 1) = sigma(v_j), v_j = sum_i x_i w_ij; a connection consists of K binary synapses, w_ij = sum_k a_k s_ijk
//! with P(s_ijk = 1) = sigma(q_0 + a_k q_ij). Visible units are clamped to data, in training outputs too. A hidden unit of datum d is
//! drawn with the log odds v_di + b_di, where b <- (1 - r_b) b + r_b sum_j (x_dj - sigma(v_dj)) w_ij runs behind what its targets make of it;
//! a synapse with q <- (1 - r_q) q + r_q sum_d x_di (x_dj - sigma(v_dj)). In a sweep half the hidden units and a few per cent of all
//! synapses are drawn again. Nothing is ever fixed: states and weights go on moving while the answers stay.

mod connections;
mod sweep;

use connections::Connections;
use rand::RngExt;
use rheobase_core::math::logistic;
use rheobase_core::vectorised::vectorised;
use rheobase_core::{Seed, parallel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sweep::{Answer, DrawUnits, Sums};

use crate::Error;
use crate::error::{POSITIVE, Result, require_range};

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DualStochastic {
    /// Hidden units.
    pub hidden: usize,
    /// Synapses of a connection, half of them excitatory.
    pub synapses: usize,
    /// Size of a synapse a_0.
    pub size: f64,
    /// Rate r_b of the neurons' running mean.
    pub neuron_rate: f64,
    /// Rate r_q of the synapses' running mean.
    pub synapse_rate: f64,
    /// Share of hidden units drawn in a sweep.
    pub units_drawn: f64,
    /// Share of synapses drawn in a sweep.
    pub synapses_drawn: f64,
    /// Synapses drawn in a sweep for each unit on average, in place of that share.
    pub synapses_drawn_per_unit: Option<f64>,
    /// Whether hidden units also connect to each other.
    pub recurrent: bool,
    /// Size of those synapses; large ones make so many units chaotic.
    pub recurrent_size: f64,
}

impl Default for DualStochastic {
    fn default() -> Self {
        Self {
            hidden: 100,
            synapses: 40,
            size: 0.2,
            neuron_rate: 0.1,
            synapse_rate: 0.1,
            units_drawn: 0.5,
            synapses_drawn: 0.02,
            synapses_drawn_per_unit: None,
            recurrent: false,
            recurrent_size: 0.05,
        }
    }
}

/// The learner with its data.
pub struct Learner {
    parameters: DualStochastic,
    inputs: Vec<Vec<f64>>,
    labels: Vec<usize>,
    classes: usize,
    into_hidden: Connections,
    into_output: Connections,
    within: Option<Connections>,
    beliefs: Vec<Belief>,
    seed: Seed,
    sweeps: usize,
}

/// What the network makes of a datum.
struct Belief {
    /// State of each hidden unit.
    hidden: Vec<f64>,
    /// Their running mean b of what targets make of them.
    bias: Vec<f64>,
}

/// What happened in a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// Share of hidden units that changed.
    pub flipped: f64,
    /// Mean surprise of the outputs, |x - sigma(v)|.
    pub surprise: f64,
}

impl DualStochastic {
    /// Refuses shares outside 0 to 1, an odd number of synapses, and too few units.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("hidden", self.hidden as f64, 1.0, 1e5)?;
        require_range("synapses", self.synapses as f64, 2.0, 1e4)?;
        if !self.synapses.is_multiple_of(2) {
            return Err(Error::Description(format!("synapses is {}; it must be even: half excite", self.synapses)));
        }
        for (name, value) in [
            ("size", self.size),
            ("recurrent_size", self.recurrent_size),
            ("neuron_rate", self.neuron_rate),
            ("synapse_rate", self.synapse_rate),
            ("units_drawn", self.units_drawn),
            ("synapses_drawn", self.synapses_drawn),
        ] {
            require_range(name, value, POSITIVE, if name.ends_with("size") { 100.0 } else { 1.0 })?;
        }
        if let Some(drawn) = self.synapses_drawn_per_unit {
            require_range("synapses_drawn_per_unit", drawn, POSITIVE, 1e9)?;
        }
        Ok(())
    }

    /// A learner of some data: inputs from 0 to 1 and classes.
    ///
    /// # Errors
    /// As [`DualStochastic::check`], or if inputs and labels differ in number.
    pub fn learner(&self, inputs: Vec<Vec<f64>>, labels: Vec<usize>, seed: &Seed) -> Result<Learner> {
        self.check()?;
        if inputs.len() != labels.len() || inputs.is_empty() {
            return Err(Error::Description(format!("{} inputs for {} labels", inputs.len(), labels.len())));
        }
        let classes = labels.iter().max().map_or(1, |m| m + 1);
        let visible = inputs[0].len();
        let mut stream = seed.stream();
        let mut build =
            |from: usize, to: usize, size: f64| Connections::new(from, to, self.synapses, size, &mut stream);
        let into_hidden = build(visible + 1, self.hidden, self.size);
        let into_output = build(self.hidden + 1, classes, self.size);
        let within = self.recurrent.then(|| build(self.hidden, self.hidden, self.recurrent_size));
        let mut belief = || Belief {
            hidden: (0..self.hidden).map(|_| f64::from(stream.random_range(0..2_u8))).collect(),
            bias: vec![0.0; self.hidden],
        };
        let beliefs = (0..inputs.len()).map(|_| belief()).collect();
        Ok(Learner {
            parameters: *self,
            inputs,
            labels,
            classes,
            into_hidden,
            into_output,
            within,
            beliefs,
            seed: seed.child("sweeps"),
            sweeps: 0,
        })
    }
}

impl Learner {
    #[inline(always)]
    fn add_within(&self, x: &[f64], v: &mut [f64]) {
        if let Some(within) = &self.within {
            within.add_input(x, v);
            // A unit does not connect to itself.
            (0..v.len()).for_each(|i| v[i] -= x[i] * within.to_itself(i));
        }
    }

    /// One sweep: units of every datum, then synapses. The number of threads does not change what happens.
    pub fn sweep(&mut self, threads: usize) -> Sweep {
        let seed = self.seed.index(self.sweeps);
        self.sweeps += 1;
        let mut beliefs = std::mem::take(&mut self.beliefs);
        let length = beliefs.len().div_ceil(PARTS);
        let mut parts: Vec<(&mut [Belief], Sums)> =
            beliefs.chunks_mut(length).map(|own| (own, Sums::default())).collect();
        parallel::for_each_chunk(&mut parts, 1, threads, |k, part| {
            for (beliefs, sums) in part {
                *sums = vectorised(DrawUnits { learner: self, first: k * length, beliefs, seed: &seed });
            }
        });
        // In order, whichever was ready first.
        let sums = parts.into_iter().map(|(_, sums)| sums).reduce(Sums::plus).unwrap_or_default();
        self.beliefs = beliefs;
        let (p, mut stream) = (self.parameters, seed.child("synapses").stream());
        self.into_hidden.draw(&sums.hidden, &p, &mut stream);
        self.into_output.draw(&sums.output, &p, &mut stream);
        if let Some(within) = &mut self.within {
            within.draw(&sums.within, &p, &mut stream);
        }
        let n = self.inputs.len() as f64;
        Sweep {
            flipped: sums.flips as f64 / (n * p.hidden as f64),
            surprise: sums.surprise / (n * self.classes as f64),
        }
    }

    /// Share of data that are answered rightly by the mean output over samples of the hidden units, outputs being free.
    pub fn accuracy(&self, inputs: &[Vec<f64>], labels: &[usize], samples: usize, seed: &Seed, threads: usize) -> f64 {
        let right = parallel::map(inputs.len().div_ceil(JUDGED_AT_ONCE), threads, |part| {
            let first = part * JUDGED_AT_ONCE;
            let data = first..(first + JUDGED_AT_ONCE).min(inputs.len());
            let answer =
                |d: usize| vectorised(Answer { learner: self, input: &inputs[d], samples, seed: seed.index(d) });
            data.filter(|&d| answer(d) == labels[d]).count()
        });
        right.into_iter().sum::<usize>() as f64 / labels.len() as f64
    }

    /// Weights from visible units, bias included, to hidden ones: row by row of sources.
    pub fn first_weights(&self) -> &[f64] {
        &self.into_hidden.weights
    }

    /// States of hidden units for one datum.
    pub fn hidden_states(&self, datum: usize) -> &[f64] {
        &self.beliefs[datum].hidden
    }

    /// Mean change of q that a pair of activities makes, x_i (x_j - sigma(v_j)), for the four pairs: pre and post, pre only, post only,
    /// neither; over connections into hidden units.
    pub fn pairing(&self) -> [f64; 4] {
        let (mut sums, mut counts) = ([0.0; 4], [0.0; 4]);
        for d in 0..self.inputs.len() {
            let mut v = vec![0.0; self.parameters.hidden];
            self.into_hidden.add_input(&self.inputs[d], &mut v);
            self.add_within(&self.beliefs[d].hidden, &mut v);
            for (j, post) in self.beliefs[d].hidden.iter().enumerate() {
                for pre in &self.inputs[d] {
                    let k = usize::from(*pre < 0.5) * 2 + usize::from(*post < 0.5);
                    sums[k] += pre * (post - logistic(v[j]));
                    counts[k] += 1.0;
                }
            }
        }
        std::array::from_fn(|k| if counts[k] > 0.0 { sums[k] / counts[k] } else { 0.0 })
    }
}

/// Data are summed up in so many parts, whatever the number of threads.
const PARTS: usize = 8;

/// Data whose answers one thread finds in a go.
const JUDGED_AT_ONCE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::RandomStream;

    /// SYN-DIG of systems.md: prototypes of 64 bits, samples with 15 % of them flipped.
    fn prototypes(n: usize, seed: &Seed) -> [(Vec<Vec<f64>>, Vec<usize>); 2] {
        let mut stream = seed.stream();
        let shapes: Vec<Vec<bool>> = (0..10).map(|_| (0..64).map(|_| stream.random::<f64>() < 0.5).collect()).collect();
        let mut set = || -> (Vec<Vec<f64>>, Vec<usize>) {
            (0..n)
                .map(|k| {
                    let bit =
                        |b: &bool, stream: &mut RandomStream| f64::from(u8::from(*b ^ (stream.random::<f64>() < 0.15)));
                    (shapes[k % 10].iter().map(|b| bit(b, &mut stream)).collect(), k % 10)
                })
                .unzip()
        };
        [set(), set()]
    }

    #[test]
    fn a_unit_has_as_many_synapses_drawn_whatever_the_number_of_its_inputs() {
        let parameters = DualStochastic { synapses_drawn_per_unit: Some(5.0), ..DualStochastic::default() };
        for inputs in [10, 100] {
            let mut stream = Seed::root(5).stream();
            let mut connections = Connections::new(inputs, 3, parameters.synapses, 0.2, &mut stream);
            let mut flips = 0;
            for _ in 0..400 {
                let before = connections.states.clone();
                connections.draw(&vec![0.0; 3 * inputs], &parameters, &mut stream);
                flips += before.iter().zip(&connections.states).filter(|(a, b)| a != b).count();
            }
            // Three units, and at even odds half of what is drawn changes: 3,000 changes, give or take 55.
            let expected = 400.0 * 3.0 * 5.0 / 2.0;
            assert!((flips as f64 / expected - 1.0).abs() < 0.06, "{inputs}: {flips}");
        }
    }

    #[test]
    fn threads_do_not_change_what_is_learnt() {
        let [(x, y), (tx, ty)] = prototypes(100, &Seed::root(3));
        let learnt = |threads: usize| {
            let parameters = DualStochastic { recurrent: true, hidden: 20, ..DualStochastic::default() };
            let mut learner = parameters.learner(x.clone(), y.clone(), &Seed::root(1)).unwrap();
            let sweeps: Vec<Sweep> = (0..5).map(|_| learner.sweep(threads)).collect();
            let accuracy = learner.accuracy(&tx, &ty, 5, &Seed::root(2), threads);
            (sweeps, learner.first_weights().to_vec(), accuracy)
        };
        let alone = learnt(1);
        assert_eq!(alone, learnt(2));
        assert_eq!(alone, learnt(5));
    }

    /// systems.md B11.
    #[test]
    fn neurons_and_synapses_go_on_moving_while_answers_stay() {
        let [(x, y), (tx, ty)] = prototypes(500, &Seed::root(3));
        for recurrent in [false, true] {
            // One synapse in a hundred, and the mean of five looks: a momentary accuracy goes down to .93 now and then.
            let parameters = DualStochastic { recurrent, synapses_drawn: 0.01, ..DualStochastic::default() };
            let mut learner = parameters.learner(x.clone(), y.clone(), &Seed::root(1)).unwrap();
            let mut flipped = 0.0;
            let mut accuracy_after = |learner: &mut Learner, sweeps: usize| -> (f64, f64) {
                let (mut test, mut training) = (0.0, 0.0);
                for sweep in 1..=sweeps {
                    flipped += learner.sweep(2).flipped / 300.0;
                    if sweep + 50 > sweeps && sweep.is_multiple_of(10) {
                        test += learner.accuracy(&tx, &ty, 20, &Seed::root(9), 1) / 5.0;
                        training += learner.accuracy(&x, &y, 20, &Seed::root(8), 2) / 5.0;
                    }
                }
                (test, training)
            };
            let first = accuracy_after(&mut learner, 150);
            let before = learner.first_weights().to_vec();
            let second = accuracy_after(&mut learner, 150);
            let correlation = rheobase_core::statistics::pearson(&before, learner.first_weights()).unwrap();
            let pairing = learner.pairing();
            let found = format!("{recurrent}: {first:?} {second:?} r {correlation} flips {flipped} {pairing:?}");
            assert!(first.0 >= 0.95 && (first.0 - first.1).abs() <= 0.03, "{found}");
            assert!((first.0 - second.0).abs() <= 0.04 && correlation <= 0.35, "{found}");
            // Half the units are drawn in a sweep: a fifth of those drawn change.
            assert!(flipped / 0.5 >= 0.2, "{found}");
            assert!(pairing[0] > 0.0 && pairing[1] < 0.0, "{found}");
        }
    }
}
