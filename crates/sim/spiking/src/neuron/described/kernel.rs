//! A described model compiled for a step: programs that do each operation for 64 neurons at a time.

use rheobase_core::expression::{Dimension, Formula, Node, Program, WIDE, WideProgram};
use rheobase_core::relative_exponential::{relative_exponential, relative_exponentials};

use super::super::Lif;
use super::{Formulas, Method};
use crate::Float;
use crate::propagator::exponential;

/// A described model compiled for a step.
#[derive(Debug, Clone)]
pub(crate) struct Kernel<F> {
    pub method: Method,
    /// Place of `v` among the variables, which are in the order of their names.
    pub voltage: usize,
    pub variables: usize,
    /// The built-in neuron that this is, if it is one.
    pub leaky: Option<Lif>,
    start: Vec<f64>,
    exact: Exact,
    /// Sections of [`WideProgram`]: derivatives (and slopes, for exponential Euler steps), threshold, resets.
    program: WideProgram,
    /// The variables that a spike resets, in the order of the results of [`RESETS`].
    resets: Vec<usize>,
    /// Slopes that are the same everywhere, for exponential Euler steps.
    constant_slopes: Vec<Option<f64>>,
    /// Whether the voltage stays where it is while no spike is possible.
    holds: bool,
    /// Numbers of the program: variables, input and time first.
    slots: Vec<[F; WIDE]>,
    /// Variables that are set together.
    next: Vec<[F; WIDE]>,
}

/// An exact step: x = keep x + push input + add.
#[derive(Debug, Clone, Default)]
struct Exact {
    keep: Vec<Vec<f64>>,
    push: Vec<f64>,
    add: Vec<f64>,
}

const RATES: usize = 0;
const THRESHOLD: usize = 1;
const RESETS: usize = 2;

/// Matrix of a linear system over a step, and what a constant input and the constant part add.
fn exact_step(rates: &[Formula], n: usize, dt_ms: f64) -> Exact {
    let program = Program::new(rates);
    let at = |place: Option<usize>| {
        let mut x = vec![0.0; n + 2];
        place.into_iter().for_each(|k| x[k] = 1.0);
        program.evaluate(&x)
    };
    let constant = at(None);
    // The input and the number 1 as two more variables that stay.
    let mut a = vec![vec![0.0; n + 2]; n + 2];
    for column in 0..=n {
        let moved = at(Some(column));
        (0..n).for_each(|row| a[row][column] = moved[row] - constant[row]);
    }
    (0..n).for_each(|row| a[row][n + 1] = constant[row]);
    let e = exponential(&a, dt_ms);
    Exact {
        keep: e[..n].iter().map(|row| row[..n].to_vec()).collect(),
        push: e[..n].iter().map(|row| row[n]).collect(),
        add: e[..n].iter().map(|row| row[n + 1]).collect(),
    }
}

/// What receptors do to a block of neurons in a step.
pub(crate) struct BlockInput<'a, F> {
    pub current: &'a [F; WIDE],
    pub conductance: &'a [F; WIDE],
    pub pull: &'a [F; WIDE],
    pub jumps: &'a [F; WIDE],
    /// Steps for which the voltage is still held.
    pub timer: &'a [u32; WIDE],
}

impl<F: Float> Kernel<F> {
    /// Compiles a model for a step with a method that is possible for it.
    pub(super) fn new(formulas: Formulas, method: Method, leaky: Option<Lif>, dt_ms: f64) -> Self {
        let Formulas { voltage, start, rates, threshold, resets } = formulas;
        let n = rates.len();
        let exact = if method == Method::Exact { exact_step(&rates, n, dt_ms) } else { Exact::default() };
        let slopes: Vec<Formula> = rates.iter().enumerate().filter_map(|(k, f)| f.slope(k)).collect();
        let input_factor = rates[voltage].slope(n);
        let mut formulas = if method == Method::Exact { vec![] } else { rates };
        if method == Method::ExponentialEuler {
            formulas.extend(slopes);
            let none = Formula { nodes: vec![Node::Constant(0.0)], result: 0, dimension: Dimension::NONE };
            formulas.push(input_factor.unwrap_or(none));
        }
        let (resets, values): (Vec<usize>, Vec<Formula>) = resets.into_iter().unzip();
        let program = WideProgram::new(&[formulas, vec![threshold], values], n + 2);
        Self {
            method,
            voltage,
            variables: n,
            leaky,
            start,
            exact,
            constant_slopes: match method {
                Method::ExponentialEuler => (0..n).map(|k| program.constant(RATES, n + k)).collect(),
                _ => vec![],
            },
            slots: program.slots(),
            next: vec![[F::default(); WIDE]; n],
            program,
            holds: resets.contains(&voltage),
            resets,
        }
    }

    /// Values at the start, in the order of the names.
    pub fn start(&self) -> &[f64] {
        &self.start
    }

    /// A variable of the block, by its place among the names; `None` is the voltage, others count without it.
    fn place(&self, slow: Option<usize>) -> usize {
        slow.map_or(self.voltage, |k| if k < self.voltage { k } else { k + 1 })
    }

    /// The values of a variable of the block that is worked on: the voltage, or one of the others in the order of their names.
    #[inline(always)]
    pub fn variable(&mut self, slow: Option<usize>) -> &mut [F; WIDE] {
        let place = self.place(slow);
        &mut self.slots[place]
    }

    /// Moves the block by a step and says who reached the threshold; those are reset.
    #[inline(always)]
    pub fn advance(&mut self, input: &BlockInput<'_, F>, t_ms: f64, dt_ms: f64) -> [bool; WIDE] {
        let n = self.variables;
        let zero = F::default();
        let before = self.slots[self.voltage];
        let sum: &mut [F; WIDE] = &mut self.slots[n];
        for i in 0..WIDE {
            sum[i] = input.current[i] + input.pull[i] - input.conductance[i] * before[i];
        }
        self.slots[n + 1] = [F::of(t_ms); WIDE];
        match self.method {
            Method::Exact => self.exact_step(),
            Method::ExponentialEuler => self.exponential_step(input.conductance, F::of(dt_ms)),
            Method::Euler => self.euler_step(F::of(dt_ms)),
        }
        let v: &mut [F; WIDE] = &mut self.next[self.voltage];
        let hold = if self.holds { 0 } else { u32::MAX };
        for i in 0..WIDE {
            let moved = v[i] + input.jumps[i];
            v[i] = if input.timer[i] > hold { before[i] } else { moved };
        }
        self.slots[..n].copy_from_slice(&self.next);
        self.program.run(THRESHOLD, &mut self.slots);
        let reached: &[F; WIDE] = &self.slots[self.program.result(THRESHOLD, 0)];
        let mut above = [false; WIDE];
        for i in 0..WIDE {
            above[i] = (reached[i] > zero) & (input.timer[i] == 0);
        }
        if above.iter().fold(false, |any, a| any | a) {
            self.reset(&above);
        }
        above
    }

    #[inline(always)]
    fn euler_step(&mut self, dt: F) {
        self.program.run(RATES, &mut self.slots);
        for (k, row) in self.next.iter_mut().enumerate() {
            let (rate, old): (&[F; WIDE], &[F; WIDE]) = (&self.slots[self.program.result(RATES, k)], &self.slots[k]);
            for i in 0..WIDE {
                row[i] = rate[i].mul_add(dt, old[i]);
            }
        }
    }

    #[inline(always)]
    fn exact_step(&mut self) {
        let sum: &[F; WIDE] = &self.slots[self.variables];
        for (k, row) in self.next.iter_mut().enumerate() {
            let (push, add) = (F::of(self.exact.push[k]), F::of(self.exact.add[k]));
            for i in 0..WIDE {
                row[i] = push.mul_add(sum[i], add);
            }
            for (factor, old) in self.exact.keep[k].iter().zip(&self.slots).filter(|(f, _)| **f != 0.0) {
                let factor = F::of(*factor);
                for i in 0..WIDE {
                    row[i] = factor.mul_add(old[i], row[i]);
                }
            }
        }
    }

    /// Every variable goes towards the value that its equation, linear in it, holds while the others stay.
    #[inline(always)]
    fn exponential_step(&mut self, conductance: &[F; WIDE], dt: F) {
        let n = self.variables;
        self.program.run(RATES, &mut self.slots);
        let result = |index: usize| -> &[F; WIDE] { &self.slots[self.program.result(RATES, index)] };
        for (k, row) in self.next.iter_mut().enumerate() {
            let (rate, slope, old): (_, _, &[F; WIDE]) = (result(k), result(n + k), &self.slots[k]);
            if k == self.voltage {
                let factor = result(2 * n);
                let growth: [F; WIDE] =
                    relative_exponentials(&std::array::from_fn(|i| dt * (slope[i] - factor[i] * conductance[i])));
                for i in 0..WIDE {
                    row[i] = (rate[i] * dt).mul_add(growth[i], old[i]);
                }
            } else if let Some(constant) = self.constant_slopes[k] {
                let step = dt * relative_exponential(dt * F::of(constant));
                for i in 0..WIDE {
                    row[i] = rate[i].mul_add(step, old[i]);
                }
            } else {
                let growth: [F; WIDE] = relative_exponentials(&std::array::from_fn(|i| dt * slope[i]));
                for i in 0..WIDE {
                    row[i] = (rate[i] * dt).mul_add(growth[i], old[i]);
                }
            }
        }
    }

    /// What the variables become at a spike, all from the values before it.
    #[inline(always)]
    fn reset(&mut self, above: &[bool; WIDE]) {
        self.program.run(RESETS, &mut self.slots);
        for (index, k) in self.resets.iter().enumerate() {
            let after: &[F; WIDE] = &self.slots[self.program.result(RESETS, index)];
            let (old, row): (&[F; WIDE], &mut [F; WIDE]) = (&self.slots[*k], &mut self.next[*k]);
            for i in 0..WIDE {
                row[i] = if above[i] { after[i] } else { old[i] };
            }
        }
        for k in &self.resets {
            self.slots[*k] = self.next[*k];
        }
    }
}
