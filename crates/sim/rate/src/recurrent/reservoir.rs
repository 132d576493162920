//! Reservoirs: recurrent networks whose recurrent weights stay as they are.
//!
//! Echo-state network (Jaeger & Haas 2004, Science 304:78): x = tanh(W x + W_in u), the read-out by ridge regression. FORCE (Sussillo
//! & Abbott 2009, Neuron 63:544): tau x' = -x + g J r + w_f z, r = tanh x, the read-out z by recursive least squares while it is
//! fed back.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Progress, Seed};
use rheobase_linalg::solve;

use super::initial::to_radius;
use crate::{Error, Result};

/// An echo-state network with one input.
#[derive(Debug, Clone, PartialEq)]
pub struct EchoState {
    /// Recurrent weights, (targets, sources).
    pub recurrent: Array2<f64>,
    /// Input weights.
    pub input: Array1<f64>,
}

impl EchoState {
    /// Draws a network: a share of the weights not zero, scaled to a spectral radius; input weights evenly in +- `input_size`.
    ///
    /// # Errors
    /// If no weight is left to scale.
    pub fn new(units: usize, radius: f64, density: f64, input_size: f64, seed: &Seed) -> Result<Self> {
        let mut stream = seed.stream();
        let weights = Array2::from_shape_simple_fn((units, units), || {
            let value: f64 = StandardNormal.sample(&mut stream);
            if stream.random::<f64>() < density { value } else { 0.0 }
        });
        let recurrent = to_radius(weights, radius)?;
        let input = Array1::from_shape_simple_fn(units, || input_size * (2.0 * stream.random::<f64>() - 1.0));
        Ok(Self { recurrent, input })
    }

    /// States after each input, (steps, units), from `state`.
    pub fn states(&self, inputs: &[f64], mut state: Array1<f64>) -> Array2<f64> {
        let mut states = Array2::zeros((inputs.len(), state.len()));
        for (u, mut row) in inputs.iter().zip(states.rows_mut()) {
            state = (self.recurrent.dot(&state) + &self.input * *u).mapv(f64::tanh);
            row.assign(&state);
        }
        states
    }

    /// Short-term memory capacity (Jaeger 2001): the sum over delays of the squared correlation between the input that many steps ago
    /// and its linear reconstruction on steps that the read-out was not trained on.
    ///
    /// # Errors
    /// If the regression fails.
    pub fn memory_capacity(&self, delays: usize, steps: usize, seed: &Seed) -> Result<Vec<f64>> {
        let wash = delays + 100;
        let mut stream = seed.stream();
        let inputs: Vec<f64> = (0..2 * steps + wash).map(|_| 2.0 * stream.random::<f64>() - 1.0).collect();
        let states = self.states(&inputs, Array1::zeros(self.input.len()));
        let (train, test) = (wash..wash + steps, wash + steps..wash + 2 * steps);
        let targets = |range: std::ops::Range<usize>| {
            Array2::from_shape_fn((range.len(), delays), |(t, d)| inputs[range.start + t - d - 1])
        };
        let weights = ridge(states.slice(ndarray::s![train.clone(), ..]), targets(train).view(), 1e-9)?;
        let found = states.slice(ndarray::s![test.clone(), ..]).dot(&weights);
        let wanted = targets(test);
        Ok((0..delays)
            .map(|d| {
                let r = rheobase_core::statistics::pearson(&found.column(d).to_vec(), &wanted.column(d).to_vec());
                r.map_or(0.0, |r| r * r)
            })
            .collect())
    }

    /// Distance between the states reached from two different starts under the same inputs, over that at the start.
    pub fn echo(&self, steps: usize, seed: &Seed) -> f64 {
        let mut stream = seed.stream();
        let inputs: Vec<f64> = (0..steps).map(|_| 2.0 * stream.random::<f64>() - 1.0).collect();
        let mut start = || Array1::from_shape_simple_fn(self.input.len(), || 2.0 * stream.random::<f64>() - 1.0);
        let (a, b) = (start(), start());
        let size = |d: Array1<f64>| d.dot(&d).sqrt();
        let first = size(&a - &b);
        let last = |s: Array2<f64>| s.row(steps - 1).to_owned();
        size(last(self.states(&inputs, a)) - last(self.states(&inputs, b))) / first
    }

    /// Normalised root mean squared error of the tenth-order non-linear moving average (Atiya & Parlos 2000) on steps that the
    /// read-out was not trained on.
    ///
    /// # Errors
    /// If the regression fails.
    pub fn narma_error(&self, steps: usize, seed: &Seed) -> Result<f64> {
        const WASH: usize = 200;
        let mut stream = seed.stream();
        let inputs: Vec<f64> = (0..WASH + 2 * steps).map(|_| 0.5 * stream.random::<f64>()).collect();
        let mut y = vec![0.0; inputs.len()];
        for t in 9..inputs.len() - 1 {
            let past: f64 = y[t - 9..=t].iter().sum();
            y[t + 1] = 0.3 * y[t] + 0.05 * y[t] * past + 1.5 * inputs[t - 9] * inputs[t] + 0.1;
        }
        let states = self.states(&inputs, Array1::zeros(self.input.len()));
        // A constant regressor stands for the mean of the target.
        let with_constant = ndarray::concatenate![ndarray::Axis(1), states, Array2::ones((inputs.len(), 1))];
        let target =
            |range: std::ops::Range<usize>| Array2::from_shape_fn((range.len(), 1), |(t, _)| y[range.start + t + 1]);
        let (train, test) = (WASH..WASH + steps, WASH + steps..WASH + 2 * steps - 1);
        let rows = |range: &std::ops::Range<usize>| with_constant.slice(ndarray::s![range.clone(), ..]).to_owned();
        let weights = ridge(rows(&train).view(), target(train).view(), 1e-9)?;
        let (found, wanted) = (rows(&test).dot(&weights), target(test));
        let mean = wanted.mean().unwrap_or(0.0);
        let miss: f64 = (&found - &wanted).iter().map(|v| v * v).sum();
        let power: f64 = wanted.iter().map(|v| (v - mean).powi(2)).sum();
        Ok((miss / power).sqrt())
    }
}

/// (X'X + penalty n I)^-1 X'Y.
fn ridge(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, penalty: f64) -> Result<Array2<f64>> {
    let mut gram = x.t().dot(&x);
    gram.diag_mut().mapv_inplace(|v| v + penalty * x.nrows() as f64);
    Ok(solve(gram.view(), x.t().dot(&y).view())?)
}

/// A FORCE network with one output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Force {
    /// Units.
    pub units: usize,
    /// Gain of the recurrent weights; chaotic above 1.
    pub gain: f64,
    /// Share of recurrent weights that are not zero.
    pub density: f64,
    /// Step over the time constant.
    pub dt: f64,
    /// Steps between updates of the read-out.
    pub update_every: usize,
    /// Initial inverse correlation is the identity over this.
    pub alpha: f64,
}

impl Default for Force {
    fn default() -> Self {
        Self { units: 500, gain: 1.5, density: 0.1, dt: 0.1, update_every: 2, alpha: 1.0 }
    }
}

/// What a FORCE run gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Forced {
    /// Output of every step, training and test.
    pub output: Vec<f64>,
    /// Target of every step.
    pub target: Vec<f64>,
    /// Size of the change of the read-out weights at every update.
    pub changes: Vec<f64>,
    /// Steps of training.
    pub trained: usize,
}

impl Force {
    /// Refuses settings that cannot be.
    ///
    /// # Errors
    /// With the setting.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("gain", self.gain, self.gain > 0.0, "above 0"),
            ("density", self.density, self.density > 0.0 && self.density <= 1.0, "in (0, 1]"),
            ("dt", self.dt, self.dt > 0.0 && self.dt <= 1.0, "in (0, 1] time constants"),
            ("alpha", self.alpha, self.alpha > 0.0, "above 0"),
        ];
        match ranges.iter().find(|r| !r.2) {
            Some((what, found, _, allowed)) => {
                Err(Error::Architecture(format!("{what} is {found}, allowed is {allowed}")))
            }
            None if self.units == 0 || self.update_every == 0 => {
                Err(Error::Architecture("units and update_every must be at least 1".into()))
            }
            None => Ok(()),
        }
    }

    /// Trains on `target` for `train` time constants and lets the network run alone for `test` more. `target` is a function of time.
    ///
    /// # Errors
    /// If settings cannot be, or the user interrupts.
    pub fn run(
        &self,
        target: impl Fn(f64) -> f64,
        train: f64,
        test: f64,
        seed: &Seed,
        progress: &dyn Progress,
    ) -> Result<Forced> {
        self.check()?;
        let n = self.units;
        let mut stream = seed.stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let sd = 1.0 / (self.density * n as f64).sqrt();
        let mut keep = seed.child("density").stream();
        // The sparse rows: sources and weights of each unit.
        let rows: Vec<Vec<(usize, f64)>> = (0..n)
            .map(|_| {
                (0..n).filter(|_| keep.random::<f64>() < self.density).map(|j| (j, self.gain * sd * normal())).collect()
            })
            .collect();
        let mut feedback = seed.child("feedback").stream();
        let feedback: Vec<f64> = (0..n).map(|_| 2.0 * feedback.random::<f64>() - 1.0).collect();
        let mut x: Vec<f64> = (0..n).map(|_| 0.5 * normal()).collect();
        let mut r: Vec<f64> = x.iter().map(|x| x.tanh()).collect();
        let mut w = Array1::<f64>::zeros(n);
        let mut inverse = Array2::<f64>::eye(n) / self.alpha;
        let trained = (train / self.dt).round() as usize;
        let steps = trained + (test / self.dt).round() as usize;
        let mut forced = Forced { output: vec![], target: vec![], changes: vec![], trained };
        let mut z = 0.0;
        for step in 1..=steps {
            if step % 512 == 0 {
                if progress.cancelled() {
                    return Err(rheobase_core::Error::Interrupted.into());
                }
                progress.step("steps", step, steps);
            }
            for (i, row) in rows.iter().enumerate() {
                let drive: f64 = row.iter().map(|(j, w)| w * r[*j]).sum();
                x[i] += self.dt * (-x[i] + drive + feedback[i] * z);
            }
            r.iter_mut().zip(&x).for_each(|(r, x)| *r = x.tanh());
            let rates = ArrayView1::from(&r);
            z = w.dot(&rates);
            let wanted = target(step as f64 * self.dt);
            if step <= trained && step % self.update_every == 0 {
                let change = least_squares_update(&mut w, &mut inverse, rates, z - wanted);
                forced.changes.push(change);
                // What is fed back is the output before the update: its errors are what the network learns to bear.
            }
            forced.output.push(z);
            forced.target.push(wanted);
        }
        Ok(forced)
    }
}

/// One step of recursive least squares: k = P r, P -= k k' / (1 + r'k), w -= e k / (1 + r'k) (Haykin 2002). Returns |change of w|.
fn least_squares_update(w: &mut Array1<f64>, inverse: &mut Array2<f64>, r: ArrayView1<'_, f64>, error: f64) -> f64 {
    let k = inverse.dot(&r);
    let c = 1.0 / (1.0 + r.dot(&k));
    for (mut row, k_i) in inverse.rows_mut().into_iter().zip(&k) {
        row.scaled_add(-c * k_i, &k);
    }
    let change = &k * (-c * error);
    *w += &change;
    change.dot(&change).sqrt()
}

impl Forced {
    /// Normalised root mean squared error over steps from `from` on, the target shifted by up to `lag` steps to fit best: a free-running
    /// oscillator slips in phase.
    pub fn error(&self, from: usize, count: usize, lag: usize) -> f64 {
        let end = (from + count).min(self.output.len());
        let own = &self.output[from..end];
        let at = |shift: i64| -> f64 {
            let (mut miss, mut power, mut sum) = (0.0, 0.0, 0.0);
            let mut n = 0.0;
            for (k, z) in own.iter().enumerate() {
                let place = from as i64 + k as i64 + shift;
                if let Some(t) = usize::try_from(place).ok().and_then(|p| self.target.get(p)) {
                    miss += (z - t).powi(2);
                    power += t * t;
                    sum += t;
                    n += 1.0;
                }
            }
            (miss / (power - sum * sum / n)).sqrt()
        };
        let lag = lag as i64;
        (-lag..=lag).map(at).fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Silent;

    #[test]
    fn echo_state_networks_remember_as_the_reference_says() {
        // N 100, radius .95, inputs +-.1, density .1: capacity 28, at least 22, never above N.
        let network = EchoState::new(100, 0.95, 0.1, 0.1, &Seed::root(1)).unwrap();
        let capacity: f64 = network.memory_capacity(100, 3000, &Seed::root(2)).unwrap().iter().sum();
        assert!((22.0..=100.0).contains(&capacity), "{capacity}");
        assert!(network.echo(500, &Seed::root(3)) < 1e-6);
        // Beyond the edge two starts stay apart.
        let wild = EchoState::new(100, 1.3, 0.1, 0.1, &Seed::root(1)).unwrap();
        assert!(wild.echo(500, &Seed::root(3)) > 1e-2);
        let narma = EchoState::new(200, 0.9, 0.1, 1.0, &Seed::root(4)).unwrap();
        let error = narma.narma_error(2000, &Seed::root(5)).unwrap();
        assert!(error <= 0.30, "{error}");
    }

    #[test]
    fn recursive_least_squares_is_ridge_regression() {
        let mut stream = Seed::root(6).stream();
        let x = Array2::from_shape_simple_fn((200, 8), || Distribution::<f64>::sample(&StandardNormal, &mut stream));
        let y = Array1::from_shape_fn(200, |t| (0.1 * t as f64).sin());
        let (mut w, mut inverse) = (Array1::zeros(8), Array2::eye(8) / 0.5);
        for (row, target) in x.rows().into_iter().zip(&y) {
            let error = w.dot(&row) - target;
            least_squares_update(&mut w, &mut inverse, row, error);
        }
        let exact = ridge(x.view(), y.view().insert_axis(ndarray::Axis(1)), 0.5 / 200.0).unwrap();
        assert!(w.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-10));
    }

    #[test]
    fn force_learns_to_run_alone_on_a_slow_sine() {
        let force = Force { units: 200, ..Force::default() };
        let run =
            force.run(|t| (std::f64::consts::TAU * t / 60.0).sin(), 600.0, 120.0, &Seed::root(2), &Silent).unwrap();
        let error = run.error(run.trained, 600, 50);
        assert!(error < 0.1, "{error}");
        let half = run.changes.len() / 2;
        let mean = |c: &[f64]| c.iter().sum::<f64>() / c.len() as f64;
        assert!(mean(&run.changes[half..]) < 0.2 * mean(&run.changes[..half]));
    }
}
