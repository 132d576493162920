//! A [`Channel`] in many compartments: states, parameters and the reverse of a step.

use std::marker::PhantomData;

use super::Kinetics;
use super::bank::{Bank, Channel, Current, Gate, Membrane, Pullback, StepRecord, Stretch, padded};
use super::step_in_double::StepInDouble;
use super::step_in_single::{Compensated, StepInSingle};
use crate::math::{Dual, Real};
use crate::vectorised::vectorised;

/// States and parameters with as many bits as the kinetics.
enum Numbers<const S: usize, const P: usize> {
    Double([Vec<f64>; S]),
    Single([Compensated; S], [Vec<f32>; P]),
}

/// Which parameters are the same everywhere, so that their first block does for all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uniform<const P: usize>([bool; P]);

impl<const P: usize> Uniform<P> {
    /// Which block of a parameter stands for a block of compartments.
    #[inline(always)]
    pub fn block(&self, parameter: usize, block: usize) -> usize {
        if self.0[parameter] { 0 } else { block }
    }
}

/// A [`Channel`] in many compartments.
struct ChannelBank<const S: usize, const P: usize, C> {
    numbers: Numbers<S, P>,
    parameters: [Vec<f64>; P],
    /// `None` after parameters may have changed.
    is_uniform: Option<Uniform<P>>,
    channel: PhantomData<fn() -> C>,
}

/// Makes the bank of a channel; `parameters` has one value per compartment, spread over the lanes here.
pub(super) fn make<const S: usize, const P: usize, C: Channel<S, P>>(
    parameters: Vec<Vec<f64>>,
    lanes: usize,
    kinetics: Kinetics,
) -> Box<dyn Bank> {
    let spread = |values: &Vec<f64>| padded(values.iter().flat_map(|&v| std::iter::repeat_n(v, lanes)).collect());
    let mut spread = parameters.iter().map(spread);
    let parameters: [Vec<f64>; P] = std::array::from_fn(|_| spread.next().expect("as many parameters as declared"));
    let size = parameters.first().map_or(0, Vec::len);
    let numbers = match kinetics {
        Kinetics::Double => Numbers::Double(std::array::from_fn(|_| vec![0.0; size])),
        Kinetics::Single => {
            let state = || Compensated { value: vec![0.0; size], rest: vec![0.0; size] };
            Numbers::Single(std::array::from_fn(|_| state()), std::array::from_fn(|_| vec![0.0; size]))
        }
    };
    Box::new(ChannelBank::<S, P, C> { numbers, parameters, is_uniform: None, channel: PhantomData })
}

impl<const S: usize, const P: usize, C: Channel<S, P>> ChannelBank<S, P, C> {
    fn parameters_at(&self, i: usize) -> [f64; P] {
        std::array::from_fn(|k| self.parameters[k][i])
    }

    /// What is known of the parameters since they last changed.
    fn prepared(&mut self) -> Uniform<P> {
        let parameters = &self.parameters;
        *self.is_uniform.get_or_insert_with(|| {
            if let Numbers::Single(_, rounded) = &mut self.numbers {
                for (own, values) in rounded.iter_mut().zip(parameters) {
                    own.iter_mut().zip(values).for_each(|(own, value)| *own = *value as f32);
                }
            }
            Uniform(std::array::from_fn(|k| parameters[k].iter().all(|p| *p == parameters[k][0])))
        })
    }
}

impl<const S: usize, const P: usize, C: Channel<S, P>> Bank for ChannelBank<S, P, C> {
    fn name(&self) -> &str {
        C::INFO.name
    }

    fn state_names(&self) -> Vec<String> {
        C::INFO.states.iter().map(|s| (*s).to_owned()).collect()
    }

    fn settle(&mut self, membrane: &Membrane) {
        for i in 0..membrane.v.len() {
            let gates = C::gates(membrane.v[i], membrane.calcium[i], &self.parameters_at(i));
            match &mut self.numbers {
                Numbers::Double(states) => states.iter_mut().zip(gates).for_each(|(own, gate)| own[i] = gate.limit),
                Numbers::Single(states, _) => {
                    states.iter_mut().zip(gates).for_each(|(own, gate)| own.set(i, gate.limit))
                }
            }
        }
    }

    fn step(&mut self, membrane: &mut Membrane, stretch: &Stretch) {
        let is_uniform = self.prepared();
        let (parameters, channel) = (&self.parameters, self.channel);
        match &mut self.numbers {
            Numbers::Double(states) => {
                vectorised(StepInDouble { states, parameters, is_uniform, membrane, stretch, channel });
            }
            Numbers::Single(states, parameters) => {
                vectorised(StepInSingle { states, parameters, is_uniform, membrane, stretch, channel });
            }
        }
    }

    fn state(&self, which: usize, index: usize) -> f64 {
        match &self.numbers {
            Numbers::Double(states) => states[which][index],
            Numbers::Single(states, _) => states[which].get(index),
        }
    }

    fn memory(&self) -> Vec<Vec<f64>> {
        match &self.numbers {
            Numbers::Double(states) => states.to_vec(),
            Numbers::Single(states, _) => {
                let wide = |values: &Vec<f32>| values.iter().copied().map(f64::from).collect();
                states.iter().flat_map(|s| [wide(&s.value), wide(&s.rest)]).collect()
            }
        }
    }

    fn remember(&mut self, memory: &[Vec<f64>]) {
        match &mut self.numbers {
            Numbers::Double(states) => states.iter_mut().zip(memory).for_each(|(own, saved)| own.clone_from(saved)),
            Numbers::Single(states, _) => {
                let own = states.iter_mut().flat_map(|s| [&mut s.value, &mut s.rest]);
                for (own, saved) in own.zip(memory) {
                    own.iter_mut().zip(saved).for_each(|(own, saved)| *own = *saved as f32);
                }
            }
        }
    }

    fn carries_calcium(&self) -> bool {
        C::INFO.carries_calcium
    }

    fn parameter_count(&self) -> usize {
        P
    }

    fn parameter_mut(&mut self, name: &str) -> Option<&mut Vec<f64>> {
        let place = C::INFO.parameters.iter().position(|p| p.name == name)?;
        self.is_uniform = None;
        Some(&mut self.parameters[place])
    }

    fn pull_back(&self, step: StepRecord<'_>, states: &mut [f64], parameters: &mut [f64]) -> crate::Result<Pullback> {
        let StepRecord { index, v, calcium, e_calcium, dt_ms, old, current } = step;
        let p = self.parameters_at(index);
        let old: [f64; S] = std::array::from_fn(|k| old[k]);
        let constant = Dual::constant;
        let advanced = |v: Dual, calcium: Dual| -> [Dual; S] {
            let gates = C::gates(v, calcium, &p);
            std::array::from_fn(|k| advance(constant(old[k]), gates[k], dt_ms))
        };
        let by_v = advanced(Dual::variable(v), constant(calcium));
        let by_calcium = advanced(constant(v), Dual::variable(calcium));
        let new: [f64; S] = std::array::from_fn(|k| by_v[k].value);
        let flows = |c: Current<Dual>| current.0 * c.g.slope + current.1 * c.ge.slope;
        let mut pulled = Pullback::default();
        // What the current says about the states after the step.
        for k in 0..S {
            let mut seeded = new.map(constant);
            seeded[k].slope = 1.0;
            states[k] += flows(C::current(constant(v), constant(e_calcium), &seeded, &p));
        }
        let still = new.map(constant);
        pulled.v += flows(C::current(Dual::variable(v), constant(e_calcium), &still, &p));
        pulled.e_calcium += flows(C::current(constant(v), Dual::variable(e_calcium), &still, &p));
        // Central differences with 1e-6 of a parameter's size: parameters enter linearly or nearly so.
        for (k, sensitivity) in parameters.iter_mut().enumerate().take(P) {
            let h = 1e-6 * p[k].abs().max(1e-6);
            let shifted = |sign: f64| {
                let mut q = p;
                q[k] += sign * h;
                let gates = C::gates(v, calcium, &q);
                let later: f64 = (0..S).map(|j| states[j] * advance(old[j], gates[j], dt_ms)).sum();
                let c = C::current(v, e_calcium, &new, &q);
                current.0 * c.g + current.1 * c.ge + later
            };
            *sensitivity += (shifted(1.0) - shifted(-1.0)) / (2.0 * h);
        }
        for k in 0..S {
            pulled.v += states[k] * by_v[k].slope;
            pulled.calcium += states[k] * by_calcium[k].slope;
            let gate = C::gates(v, calcium, &p)[k];
            states[k] *= f64::exp(-dt_ms * gate.rate_per_ms);
        }
        Ok(pulled)
    }
}

/// Exact solution of x' = (limit - x) rate over a step.
#[inline(always)]
fn advance<T: Real>(x: T, gate: Gate<T>, dt_ms: f64) -> T {
    gate.limit + (x - gate.limit) * (gate.rate_per_ms * -dt_ms).exp()
}

#[cfg(test)]
mod tests {
    use super::super::{BLOCK, MECHANISMS, MechanismEntry};
    use super::*;

    /// States after a step of .025 ms from half of every limit, at voltages from -110 to 100 mV and
    /// calcium from 5e-5 to 2e-3 mM. (A published time constant of `bahl-kslow` crosses zero at -116 mV.)
    fn after_a_step(entry: &MechanismEntry, kinetics: Kinetics) -> Vec<Vec<f64>> {
        const COUNT: usize = 4192;
        let values = entry.info.parameters.iter().map(|p| vec![p.default; COUNT]).collect();
        let mut bank = (entry.make)(values, 1, kinetics);
        let mut membrane = Membrane::new(COUNT, 132.0);
        for i in 0..COUNT {
            membrane.v[i] = -110.0 + 0.05 * i as f64;
            membrane.calcium[i] = 5e-5 * (1.0 + (i % 40) as f64);
        }
        bank.settle(&membrane);
        let halves: Vec<Vec<f64>> = bank.memory().iter().map(|s| s.iter().map(|x| 0.5 * x).collect()).collect();
        bank.remember(&halves);
        let stretch = Stretch { blocks: 0..COUNT / BLOCK, dt_ms: 0.025, kinetics };
        membrane.prepare(&stretch);
        bank.step(&mut membrane, &stretch);
        (0..entry.info.states.len()).map(|k| (0..COUNT).map(|i| bank.state(k, i)).collect()).collect()
    }

    #[test]
    fn single_kinetics_of_every_mechanism_are_those_of_double_to_six_digits() {
        for entry in MECHANISMS {
            let (double, single) = (after_a_step(entry, Kinetics::Double), after_a_step(entry, Kinetics::Single));
            for (k, (double, single)) in double.iter().zip(&single).enumerate() {
                let scale = double.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                for (i, (a, b)) in double.iter().zip(single).enumerate() {
                    // Limit and share are rounded to 6e-8, as are a few numbers before them.
                    let close = (a - b).abs() <= 1e-6 * a.abs() + 1e-7 * scale;
                    assert!(close, "{}, state {k}, at {} mV: {a} {b}", entry.info.name, -110.0 + 0.05 * i as f64);
                }
            }
        }
    }

    #[test]
    fn a_gate_that_moves_by_less_than_the_last_digit_in_a_step_gets_where_it_tends_to() {
        // Steps of 1e-5 ms take hay-ih at -80 mV, of about 100 ms, 1e-7 of its way each; of the last thousandth of it 24 bits alone see nothing.
        let arrived = |kinetics: Kinetics| {
            let mut bank =
                (super::super::find("hay-ih").unwrap().make)(vec![vec![1e-3; 16], vec![-45.0; 16]], 1, kinetics);
            let mut membrane = Membrane::new(16, 132.0);
            membrane.v.fill(-80.0);
            bank.settle(&membrane);
            let limit = bank.state(0, 0);
            let start: Vec<Vec<f64>> = bank
                .memory()
                .iter()
                .enumerate()
                .map(|(k, s)| vec![if k == 0 { 0.999 * limit } else { 0.0 }; s.len()])
                .collect();
            bank.remember(&start);
            let stretch = Stretch { blocks: 0..1, dt_ms: 1e-5, kinetics };
            membrane.prepare(&stretch);
            (0..1_000_000).for_each(|_| bank.step(&mut membrane, &stretch));
            (limit - bank.state(0, 0)) / (0.001 * limit)
        };
        let (double, single) = (arrived(Kinetics::Double), arrived(Kinetics::Single));
        assert!(double < 0.95 && (single - double).abs() < 1e-3, "{double} {single}");
    }

    #[test]
    fn a_parameter_that_is_no_longer_uniform_is_read_everywhere() {
        let entry = super::super::find("hay-ih").unwrap();
        let mut bank = (entry.make)(vec![vec![1e-3; 40], vec![-45.0; 40]], 1, Kinetics::Double);
        let conductances = |bank: &mut Box<dyn Bank>| {
            let mut membrane = Membrane::new(40, 132.0);
            membrane.v.fill(-90.0);
            bank.settle(&membrane);
            bank.step(&mut membrane, &Stretch { blocks: 0..3, dt_ms: 0.025, kinetics: Kinetics::Double });
            membrane.g
        };
        let before = conductances(&mut bank);
        bank.parameter_mut("g_s_per_cm2").unwrap()[39] *= 2.0;
        let after = conductances(&mut bank);
        assert_eq!(before[..39], after[..39]);
        assert!(before[39] > 0.0 && after[39] == 2.0 * before[39]);
    }
}
