//! The receptors of a population in one shard: exact decay, and what they do to the membrane within a step.

use super::aligned::Aligned;
use crate::Float;
use crate::network::Receptor;
use crate::neuron::Neuron;
use crate::propagator::exponential;

/// How a receptor acts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action<F> {
    Jump,
    Current,
    Conductance {
        e_mv: F,
        /// [Mg] / 3.57 where magnesium blocks it.
        block: Option<F>,
    },
}

/// States of one receptor; x' = -x / decay + filling y, y' = -y / rise, and events add to y, or to x where there is no rise.
pub(super) struct ReceptorState<F> {
    pub action: Action<F>,
    pub x: Aligned<F>,
    pub y: Aligned<F>,
    /// What is left of x and y after a step, and what y adds to x.
    pub keep_x: F,
    pub keep_y: F,
    pub fill: F,
    /// What x and y do in a step: for currents into leaky neurons the change of the voltage, else the mean over the step.
    pub effect_x: F,
    pub effect_y: F,
}

impl<F: Float> ReceptorState<F> {
    pub fn new(receptor: &Receptor, neuron: &Neuron, dt_ms: f64, padded: usize) -> Self {
        let (rise, decay_ms) = receptor.time_course_ms().unwrap_or((None, 1.0));
        let (rise_ms, filling) = rise.map_or((decay_ms, 0.0), |r| (r, Receptor::filling(r, decay_ms)));
        // A fourth variable is the integral over the step, or a leaky neuron's voltage.
        let tau_ms = match neuron {
            Neuron::Lif(n) => Some(n.tau_ms),
            Neuron::Graded(n) => Some(n.tau_ms),
            _ => None,
        };
        let (leak, gain) = match (receptor.reversal_mv(), tau_ms) {
            (None, Some(tau_ms)) => (-1.0 / tau_ms, 1.0 / tau_ms),
            _ => (0.0, 1.0 / dt_ms),
        };
        let e = exponential(
            &[vec![-1.0 / rise_ms, 0.0, 0.0], vec![filling, -1.0 / decay_ms, 0.0], vec![0.0, gain, leak]],
            dt_ms,
        );
        let action = match *receptor {
            Receptor::Delta => Action::Jump,
            Receptor::Nmda { e_mv, magnesium_mm, .. } => {
                Action::Conductance { e_mv: F::of(e_mv), block: Some(F::of(magnesium_mm / 3.57)) }
            }
            _ => receptor
                .reversal_mv()
                .map_or(Action::Current, |e_mv| Action::Conductance { e_mv: F::of(e_mv), block: None }),
        };
        let size = |needed: bool| Aligned::filled(F::default(), if needed { padded } else { 0 });
        Self {
            x: size(action != Action::Jump),
            y: size(rise.is_some()),
            action,
            keep_x: F::of(e[1][1]),
            keep_y: F::of(e[0][0]),
            fill: F::of(e[1][0]),
            effect_x: F::of(e[2][1]),
            effect_y: F::of(e[2][0]),
        }
    }

    /// What arrives where no event does: so little that nothing shows it, yet a state that decays for long never gets to numbers too small
    /// for fast arithmetic.
    #[inline(always)]
    pub fn nothing(&self) -> F {
        if self.action == Action::Jump { F::default() } else { F::TINY }
    }

    /// Adds what the receptor does to a block of neurons in the coming step.
    #[inline(always)]
    pub fn act<const N: usize>(&self, from: usize, v: &[F; N], sums: &mut Sums<F, N>) {
        if self.action == Action::Jump {
            return;
        }
        let x: &[F; N] = block(&self.x, from);
        let mut effect = [F::default(); N];
        for i in 0..N {
            effect[i] = self.effect_x * x[i];
        }
        if !self.y.is_empty() {
            let y: &[F; N] = block(&self.y, from);
            for i in 0..N {
                effect[i] = self.effect_y.mul_add(y[i], effect[i]);
            }
        }
        let Action::Conductance { e_mv, block } = self.action else {
            for i in 0..N {
                sums.current[i] += effect[i];
            }
            return;
        };
        if let Some(magnesium) = block {
            for i in 0..N {
                effect[i] = effect[i] / (magnesium * (F::of(-0.062) * v[i]).exp() + F::of(1.0));
            }
        }
        for i in 0..N {
            sums.conductance[i] += effect[i];
            sums.pull[i] = e_mv.mul_add(effect[i], sums.pull[i]);
        }
    }

    /// Decays a block over the step and takes what arrives at its end; jumps go to `jumps`.
    #[inline(always)]
    pub fn decay<const N: usize>(&mut self, from: usize, arriving: &[F; N], jumps: &mut [F; N]) {
        if self.action == Action::Jump {
            for i in 0..N {
                jumps[i] += arriving[i];
            }
        } else if self.y.is_empty() {
            let x: &mut [F; N] = block_mut(&mut self.x, from);
            for i in 0..N {
                x[i] = self.keep_x.mul_add(x[i], arriving[i]);
            }
        } else {
            let (x, y): (&mut [F; N], &mut [F; N]) = (block_mut(&mut self.x, from), block_mut(&mut self.y, from));
            for i in 0..N {
                x[i] = self.keep_x.mul_add(x[i], self.fill * y[i]);
                y[i] = self.keep_y.mul_add(y[i], arriving[i]);
            }
        }
    }
}

/// What all receptors do to a block of neurons in a step. It begins with a cache line, as vectors that lie across two are slow.
#[repr(align(64))]
pub(super) struct Sums<F, const N: usize> {
    pub current: [F; N],
    pub conductance: [F; N],
    pub pull: [F; N],
    /// Events without a time course that arrive at its end.
    pub jumps: [F; N],
}

impl<F: Float, const N: usize> Sums<F, N> {
    #[inline(always)]
    pub fn zeros() -> Self {
        let zero = [F::default(); N];
        Self { current: zero, conductance: zero, pull: zero, jumps: zero }
    }
}

/// `N` values from a place on.
#[inline(always)]
pub(super) fn block<F, const N: usize>(values: &[F], from: usize) -> &[F; N] {
    values[from..from + N].try_into().expect("a whole block")
}

/// As [`block`].
#[inline(always)]
pub(super) fn block_mut<F, const N: usize>(values: &mut [F], from: usize) -> &mut [F; N] {
    (&mut values[from..from + N]).try_into().expect("a whole block")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuron::{Lif, Quadratic};

    /// Events of weight 1 peak at 1, and their integral is the closed form whatever the step: for a single exponential tau, for
    /// rise and decay filling x rise x decay.
    #[test]
    fn time_courses_peak_at_one_and_carry_the_same_charge_at_any_step() {
        let other = Neuron::Quadratic(Quadratic::default());
        for (receptor, charge) in [
            (Receptor::ExponentialCurrent { tau_ms: 5.0 }, 5.0),
            (Receptor::AlphaConductance { tau_ms: 3.0, e_mv: 0.0 }, 3.0 * std::f64::consts::E),
            (
                Receptor::DoubleExponentialConductance { rise_ms: 1.0, decay_ms: 4.0, e_mv: 0.0 },
                4.0 * Receptor::filling(1.0, 4.0),
            ),
        ] {
            for dt in [0.05, 0.1, 0.4] {
                let mut state = ReceptorState::<f64>::new(&receptor, &other, dt, 4);
                let (mut jumps, mut total, mut peak) = ([0.0; 4], 0.0, 0.0_f64);
                let mut one = [1.0, 0.0, 0.0, 0.0];
                for _ in 0..(200.0 / dt) as usize {
                    state.decay(0, &one, &mut jumps);
                    one = [0.0; 4];
                    let mut sums = Sums::<f64, 4>::zeros();
                    peak = peak.max(state.x[0]);
                    state.act(0, &[0.0; 4], &mut sums);
                    total += dt * (sums.current[0] + sums.conductance[0]);
                }
                assert!((total / charge - 1.0).abs() < 1e-12, "{receptor:?} {dt}: {total} {charge}");
                // Seen at steps, the peak is missed by at most a hundredth at .05 ms.
                assert!(dt > 0.05 || (peak - 1.0).abs() < 1e-3, "{receptor:?}: {peak}");
            }
        }
    }

    #[test]
    fn currents_move_leaky_neurons_by_the_closed_form() {
        let lif = Neuron::Lif(Lif { tau_ms: 20.0, ..Lif::default() });
        let state = ReceptorState::<f64>::new(&Receptor::ExponentialCurrent { tau_ms: 5.0 }, &lif, 0.1, 4);
        let exact = 5.0 / 15.0 * ((-0.1_f64 / 20.0).exp() - (-0.1_f64 / 5.0).exp());
        assert!((state.effect_x - exact).abs() < 1e-15);
    }
}
