//! Learning by Gibbs sampling of neurons and of synapses (Teramae 2019 bioRxiv 811646).
//!
//! Units are binary with P(x_j = 1) = sigma(v_j), v_j = sum_i x_i w_ij; a connection consists of K binary synapses, w_ij = sum_k a_k s_ijk
//! with P(s_ijk = 1) = sigma(q_0 + a_k q_ij). Visible units are clamped to data, in training outputs too. A hidden unit of datum d is
//! drawn with the log odds v_di + b_di, where b <- (1 - r_b) b + r_b sum_j (x_dj - sigma(v_dj)) w_ij runs behind what its targets make of it;
//! a synapse with q <- (1 - r_q) q + r_q sum_d x_di (x_dj - sigma(v_dj)). In a sweep half the hidden units and a few per cent of all
//! synapses are drawn again. Nothing is ever fixed: states and weights go on moving while the answers stay.

use rand::RngExt;
use rheobase_core::{RandomStream, Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Connections from some units to others; the last source is a bias that is always on.
struct Connections {
    from: usize,
    to: usize,
    size: f64,
    weights: Vec<f64>,
    states: Vec<bool>,
    q: Vec<f64>,
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
    /// State of hidden units and b, datum by datum.
    hidden: Vec<Vec<f64>>,
    bias: Vec<Vec<f64>>,
    stream: RandomStream,
}

/// What happened in a sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// Share of hidden units that changed.
    pub flipped: f64,
    /// Mean surprise of the outputs, |x - sigma(v)|.
    pub surprise: f64,
}

fn logistic(x: f64) -> f64 {
    rheobase_core::math::logistic(x)
}

impl Connections {
    fn new(from: usize, to: usize, synapses: usize, size: f64, stream: &mut RandomStream) -> Self {
        let states = (0..from * to * synapses).map(|_| stream.random::<f64>() < 0.5).collect();
        let mut connections = Self { from, to, size, weights: vec![0.0; from * to], states, q: vec![0.0; from * to] };
        connections.sum_up(synapses);
        connections
    }

    fn sum_up(&mut self, synapses: usize) {
        let size = self.size;
        for (weight, states) in self.weights.iter_mut().zip(self.states.chunks(synapses)) {
            let sign = |k: usize| if k < synapses / 2 { size } else { -size };
            *weight = states.iter().enumerate().filter(|(_, on)| **on).map(|(k, _)| sign(k)).sum();
        }
    }

    /// Adds the input of all targets; what is missing at the end of `x` is the bias.
    fn add_input(&self, x: &[f64], out: &mut [f64]) {
        for (i, value) in x.iter().copied().chain([1.0]).take(self.from).enumerate() {
            if value != 0.0 {
                let row = &self.weights[i * self.to..(i + 1) * self.to];
                out.iter_mut().zip(row).for_each(|(o, w)| *o += value * w);
            }
        }
    }

    /// Adds x_i (error_j) to a sum over data.
    fn add_product(&self, x: &[f64], error: &[f64], sums: &mut [f64]) {
        for (i, value) in x.iter().copied().chain([1.0]).take(self.from).enumerate() {
            if value != 0.0 {
                let row = &mut sums[i * self.to..(i + 1) * self.to];
                row.iter_mut().zip(error).for_each(|(s, e)| *s += value * e);
            }
        }
    }

    /// Adds sum_j error_j w_ij for each source.
    fn add_feedback(&self, error: &[f64], out: &mut [f64]) {
        for (i, o) in out.iter_mut().enumerate() {
            let row = &self.weights[i * self.to..(i + 1) * self.to];
            *o += row.iter().zip(error).map(|(w, e)| w * e).sum::<f64>();
        }
    }

    /// Draws a share of the synapses again.
    fn draw(&mut self, sums: &[f64], p: &DualStochastic, stream: &mut RandomStream) {
        for (q, sum) in self.q.iter_mut().zip(sums) {
            *q += p.synapse_rate * (sum - *q);
        }
        // Gaps between drawn synapses are geometric.
        let of_unit = (self.from * p.synapses) as f64;
        let share = p.synapses_drawn_per_unit.map_or(p.synapses_drawn, |drawn| (drawn / of_unit).min(1.0));
        let scale = 1.0 / (-share).ln_1p();
        let mut at = 0_usize;
        loop {
            let gap = if share >= 1.0 { 0.0 } else { ((1.0 - stream.random::<f64>()).ln() * scale).floor() };
            at += gap.min(1e15) as usize;
            if at >= self.states.len() {
                break;
            }
            let (connection, k) = (at / p.synapses, at % p.synapses);
            let size = if k < p.synapses / 2 { self.size } else { -self.size };
            self.states[at] = stream.random::<f64>() < logistic(size * self.q[connection]);
            at += 1;
        }
        self.sum_up(p.synapses);
    }
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
        let (visible, n) = (inputs[0].len(), inputs.len());
        let mut stream = seed.stream();
        let mut build =
            |from: usize, to: usize, size: f64| Connections::new(from, to, self.synapses, size, &mut stream);
        let into_hidden = build(visible + 1, self.hidden, self.size);
        let into_output = build(self.hidden + 1, classes, self.size);
        let within = self.recurrent.then(|| build(self.hidden, self.hidden, self.recurrent_size));
        let hidden =
            (0..n).map(|_| (0..self.hidden).map(|_| f64::from(stream.random_range(0..2_u8))).collect()).collect();
        Ok(Learner {
            parameters: *self,
            inputs,
            labels,
            classes,
            into_hidden,
            into_output,
            within,
            hidden,
            bias: vec![vec![0.0; self.hidden]; n],
            stream,
        })
    }
}

impl Learner {
    fn without_self(&self, v: &mut [f64], x: &[f64]) {
        if let Some(within) = &self.within {
            within.add_input(x, v);
            // A unit does not connect to itself.
            (0..v.len()).for_each(|i| v[i] -= x[i] * within.weights[i * within.to + i]);
        }
    }

    /// One sweep: units of every datum, then synapses.
    pub fn sweep(&mut self) -> Sweep {
        let p = self.parameters;
        let mut sums = vec![0.0; self.into_hidden.weights.len()];
        let mut output_sums = vec![0.0; self.into_output.weights.len()];
        let mut within_sums = vec![0.0; self.within.as_ref().map_or(0, |w| w.weights.len())];
        let (mut flips, mut surprise) = (0_usize, 0.0);
        for d in 0..self.inputs.len() {
            let mut v = vec![0.0; p.hidden];
            self.into_hidden.add_input(&self.inputs[d], &mut v);
            let mut x = std::mem::take(&mut self.hidden[d]);
            self.without_self(&mut v, &x);
            for i in 0..p.hidden {
                if self.stream.random::<f64>() < p.units_drawn {
                    let on = self.stream.random::<f64>() < logistic(v[i] + self.bias[d][i]);
                    flips += usize::from((x[i] == 1.0) != on);
                    x[i] = f64::from(u8::from(on));
                }
            }
            if self.within.is_some() {
                v.fill(0.0);
                self.into_hidden.add_input(&self.inputs[d], &mut v);
                self.without_self(&mut v, &x);
            }
            let mut output = vec![0.0; self.classes];
            self.into_output.add_input(&x, &mut output);
            let target = |j: usize| f64::from(u8::from(self.labels[d] == j));
            let error: Vec<f64> = (0..self.classes).map(|j| target(j) - logistic(output[j])).collect();
            surprise += error.iter().map(|e| e.abs()).sum::<f64>();
            let hidden_error: Vec<f64> = x.iter().zip(&v).map(|(x, v)| x - logistic(*v)).collect();
            let mut feedback = vec![0.0; p.hidden];
            self.into_output.add_feedback(&error, &mut feedback);
            if let Some(within) = &self.within {
                within.add_feedback(&hidden_error, &mut feedback);
                (0..p.hidden).for_each(|i| feedback[i] -= within.weights[i * within.to + i] * hidden_error[i]);
                within.add_product(&x, &hidden_error, &mut within_sums);
            }
            self.bias[d].iter_mut().zip(&feedback).for_each(|(b, f)| *b += p.neuron_rate * (f - *b));
            self.into_hidden.add_product(&self.inputs[d], &hidden_error, &mut sums);
            self.into_output.add_product(&x, &error, &mut output_sums);
            self.hidden[d] = x;
        }
        self.into_hidden.draw(&sums, &p, &mut self.stream);
        self.into_output.draw(&output_sums, &p, &mut self.stream);
        if let Some(within) = &mut self.within {
            within.draw(&within_sums, &p, &mut self.stream);
        }
        let n = self.inputs.len() as f64;
        Sweep { flipped: flips as f64 / (n * p.hidden as f64), surprise: surprise / (n * self.classes as f64) }
    }

    /// Share of data that are answered rightly by the mean output over samples of the hidden units, outputs being free.
    pub fn accuracy(&self, inputs: &[Vec<f64>], labels: &[usize], samples: usize, seed: &Seed) -> f64 {
        let mut right = 0;
        for (d, (input, label)) in inputs.iter().zip(labels).enumerate() {
            let mut stream = seed.index(d).stream();
            let mut mean = vec![0.0; self.classes];
            let mut forward = vec![0.0; self.parameters.hidden];
            self.into_hidden.add_input(input, &mut forward);
            let mut x: Vec<f64> = vec![0.5; self.parameters.hidden];
            // A recurrent network is sampled one unit after the other; its first sweeps are not counted.
            let settle = if self.within.is_some() { 10 } else { 0 };
            for sample in 0..samples + settle {
                let mut v = forward.clone();
                self.without_self(&mut v, &x);
                for i in 0..x.len() {
                    if self.within.is_none() || stream.random::<f64>() < 0.5 || sample == 0 {
                        x[i] = f64::from(u8::from(stream.random::<f64>() < logistic(v[i])));
                    }
                }
                if sample >= settle {
                    let mut output = vec![0.0; self.classes];
                    self.into_output.add_input(&x, &mut output);
                    mean.iter_mut().zip(output).for_each(|(m, o)| *m += logistic(o));
                }
            }
            let best = (0..self.classes).fold(0, |best, j| if mean[j] > mean[best] { j } else { best });
            right += usize::from(best == *label);
        }
        right as f64 / labels.len() as f64
    }

    /// Weights from visible units, bias included, to hidden ones: row by row of sources.
    pub fn first_weights(&self) -> &[f64] {
        &self.into_hidden.weights
    }

    /// States of hidden units for one datum.
    pub fn hidden_states(&self, datum: usize) -> &[f64] {
        &self.hidden[datum]
    }

    /// Mean change of q that a pair of activities makes, x_i (x_j - sigma(v_j)), for the four pairs: pre and post, pre only, post only,
    /// neither; over connections into hidden units.
    pub fn pairing(&self) -> [f64; 4] {
        let (mut sums, mut counts) = ([0.0; 4], [0.0; 4]);
        for d in 0..self.inputs.len() {
            let mut v = vec![0.0; self.parameters.hidden];
            self.into_hidden.add_input(&self.inputs[d], &mut v);
            self.without_self(&mut v, &self.hidden[d]);
            for (j, post) in self.hidden[d].iter().enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;

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

    /// systems.md B11.
    #[test]
    fn neurons_and_synapses_go_on_moving_while_answers_stay() {
        let [(x, y), (tx, ty)] = prototypes(500, &Seed::root(3));
        for recurrent in [false, true] {
            let parameters = DualStochastic { recurrent, ..DualStochastic::default() };
            let mut learner = parameters.learner(x.clone(), y.clone(), &Seed::root(1)).unwrap();
            (0..150).for_each(|_| {
                learner.sweep();
            });
            let accuracy =
                |l: &Learner| (l.accuracy(&tx, &ty, 20, &Seed::root(9)), l.accuracy(&x, &y, 20, &Seed::root(8)));
            let (first, before) = (accuracy(&learner), learner.first_weights().to_vec());
            let mut flipped = 0.0;
            (0..150).for_each(|_| flipped += learner.sweep().flipped / 150.0);
            let second = accuracy(&learner);
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
