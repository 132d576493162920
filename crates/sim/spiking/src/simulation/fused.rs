//! The loop over 64 leaky neurons whose receptors are all exponential currents or all exponential conductances, as in most networks: one
//! pass in which whatever lies between loading a state and storing it stays in registers. The general loops keep sums of 64 neurons in
//! memory between receptors.
//!
//! With conductances that stay at their mean over the step the equation is dv = z v + p in units of a step, where z and p are linear in the
//! receptors' states; so both are sums with factors that are known before, and the exact step is v + (z v + p) (e^z - 1) / z.

use rheobase_core::relative_exponential::{is_near, polynomial, relative_exponential};

use super::kernels::count_down;
use super::leaky::reset;
use super::part::{Leak, Part};
use super::receptor::{Action, ReceptorState};
use crate::Float;
use crate::neuron::Neuron;
use crate::random::BLOCK;

/// What a receptor's state does in a step: what it adds to the voltage or, as a conductance, to z and p.
#[derive(Clone, Copy)]
struct Effect<F> {
    keep: F,
    current: F,
    z: F,
    p: F,
}

impl<F: Float> Effect<F> {
    fn of(receptor: &ReceptorState<F>, leak: &Leak<F>) -> Self {
        let e_mv = match receptor.action {
            Action::Conductance { e_mv, .. } => e_mv,
            _ => F::default(),
        };
        let z = leak.rate * receptor.effect_x;
        Self { keep: receptor.keep_x, current: receptor.effect_x, z, p: -z * e_mv }
    }
}

/// What all receptors of a population are, which is then moved in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fused {
    Currents,
    Conductances,
}

impl Fused {
    /// None where the general loops are needed: other neurons or receptors, noise, parameters that differ, or more receptors than have a
    /// loop here.
    pub fn of<F: Float>(part: &Part<F>) -> Option<Self> {
        let all = |wanted: fn(&Action<F>) -> bool| part.receptors.iter().all(|r| r.y.is_empty() && wanted(&r.action));
        let leaky = matches!(part.neuron, Neuron::Lif(_) | Neuron::Graded(_));
        if !leaky || part.noise > 0.0 || !part.leaks.is_empty() || !(1..=3).contains(&part.receptors.len()) {
            None
        } else if all(|action| *action == Action::Current) {
            Some(Self::Currents)
        } else if all(|action| matches!(action, Action::Conductance { block: None, .. })) {
            Some(Self::Conductances)
        } else {
            None
        }
    }
}

/// Moves all neurons of a population by a step and appends the numbers of those that spike.
#[inline(always)]
pub(super) fn move_fused<F: Float>(part: &mut Part<F>, how: Fused, slot: usize, fired: &mut Vec<u32>) {
    match how {
        Fused::Currents => move_as::<F, false>(part, slot, fired),
        Fused::Conductances => move_as::<F, true>(part, slot, fired),
    }
}

#[inline(always)]
fn move_as<F: Float, const CONDUCTANCES: bool>(part: &mut Part<F>, slot: usize, fired: &mut Vec<u32>) {
    let Part { leak, first, len, v, timer, receptors, buffers, .. } = part;
    let padded = v.len();
    let (v, timer) = (blocks(v), blocks(timer));
    macro_rules! all_blocks {
        ($name:ident, $($receptor:ident $buffer:ident),+) => {{
            let effects = [$(Effect::of($receptor, leak)),+];
            $(let ($receptor, $buffer) = (blocks(&mut $receptor.x), blocks(&mut $buffer[slot..slot + padded]));)+
            for k in 0..v.len() {
                let above = $name::<F, CONDUCTANCES>(
                    &mut v[k], &mut timer[k], *leak, effects, $((&mut $receptor[k], &mut $buffer[k])),+
                );
                if above > 0 {
                    reset(&mut v[k], &mut timer[k], |_| *leak, [*first, *len, k * BLOCK], fired);
                }
            }
        }};
    }
    match (&mut receptors[..], &mut buffers[..]) {
        ([a], [p]) => all_blocks!(one, a p),
        ([a, b], [p, q]) => all_blocks!(two, a p, b q),
        ([a, b, c], [p, q, r]) => all_blocks!(three, a p, b q, c r),
        _ => {}
    }
}

#[inline(always)]
fn blocks<F>(values: &mut [F]) -> &mut [[F; BLOCK]] {
    values.as_chunks_mut().0
}

/// States and arriving events of a receptor in a block.
type Pair<'a, F> = (&'a mut [F; BLOCK], &'a mut [F; BLOCK]);

/// The loops for a number of receptors; each state is an argument of its own, which tells the compiler that none of them overlap.
macro_rules! fused {
    ($name:ident, $count:literal, $($k:literal $x:ident $arriving:ident),+) => {
        #[inline(always)]
        #[allow(clippy::too_many_arguments)]
        fn $name<F: Float, const CONDUCTANCES: bool>(
            v: &mut [F; BLOCK],
            timer: &mut [u32; BLOCK],
            leak: Leak<F>,
            effects: [Effect<F>; $count],
            $(($x, $arriving): Pair<'_, F>),+
        ) -> u32 {
            let p = -leak.rate * leak.steady;
            let before = *v;
            let (mut above, mut far) = (0_u32, 0_u32);
            for i in 0..BLOCK {
                let moved = if CONDUCTANCES {
                    let (mut z, mut p) = (leak.rate, p);
                    $(
                        z = effects[$k].z.mul_add($x[i], z);
                        p = effects[$k].p.mul_add($x[i], p);
                    )+
                    far += u32::from(!is_near(z));
                    polynomial(z).mul_add(z.mul_add(before[i], p), before[i])
                } else {
                    let mut current = F::default();
                    $(current = effects[$k].current.mul_add($x[i], current);)+
                    (before[i] - leak.steady).mul_add(leak.keep, leak.steady) + current
                };
                let next = if timer[i] > 0 { before[i] } else { moved };
                v[i] = next;
                above += u32::from(next >= leak.threshold);
            }
            if far > 0 {
                above = 0;
                for i in 0..BLOCK {
                    let (mut z, mut p) = (leak.rate, p);
                    $(
                        z = effects[$k].z.mul_add($x[i], z);
                        p = effects[$k].p.mul_add($x[i], p);
                    )+
                    let moved = relative_exponential(z).mul_add(z.mul_add(before[i], p), before[i]);
                    let next = if timer[i] > 0 { before[i] } else { moved };
                    v[i] = next;
                    above += u32::from(next >= leak.threshold);
                }
            }
            for i in 0..BLOCK {
                $(
                    $x[i] = effects[$k].keep.mul_add($x[i], $arriving[i]);
                    $arriving[i] = F::TINY;
                )+
            }
            count_down(timer);
            above
        }
    };
}

fused!(one, 1, 0 x arriving);
fused!(two, 2, 0 x arriving, 1 y arriving_y);
fused!(three, 3, 0 x arriving, 1 y arriving_y, 2 w arriving_w);

#[cfg(test)]
mod tests {
    use super::super::leaky::leaky_block;
    use super::super::receptor::Sums;
    use super::*;
    use crate::network::NetworkDescription;
    use rheobase_core::Seed;

    fn part(receptors: &str) -> Part<f64> {
        let text = format!(
            r#"{{ "populations": {{ "a": {{ "size": 64, "neuron": {{ "kind": "lif", "refractory_ms": 1.0 }}, "receptors": {{ {receptors} }} }} }},
               "projections": [] }}"#
        );
        let network: NetworkDescription = serde_json::from_str(&text).expect("a network");
        let (_, population) = network.population("a").expect("it is there");
        let mut part = Part::new(&network, 0, population, 0..64, &Seed::root(1)).expect("a part");
        part.make_room(1);
        for i in 0..BLOCK {
            let wave = |k: f64| (k * (i as f64 + 1.0)).sin();
            part.v[i] = 22.0 * wave(0.7).abs();
            part.timer[i] = (3.0 * wave(1.3)).round() as u32;
            part.receptors.iter_mut().zip(&mut part.buffers).zip([0.9, 1.7, 2.9]).for_each(
                |((receptor, buffer), k)| {
                    receptor.x[i] = 3.0 * wave(k).abs();
                    buffer[i] = wave(2.0 * k).max(0.0);
                },
            );
        }
        part
    }

    fn states(part: &Part<f64>) -> Vec<Vec<f64>> {
        let receptors = part.receptors.iter().zip(&part.buffers).flat_map(|(r, b)| [r.x.to_vec(), b.to_vec()]);
        let timers = part.timer.iter().map(|t| f64::from(*t)).collect();
        [part.v.to_vec(), timers].into_iter().chain(receptors).collect()
    }

    /// The general loops.
    fn move_general(part: &mut Part<f64>) -> Vec<u32> {
        let (mut fired, mut sums) = (vec![], Sums::zeros());
        part.take_events(0, 0, &mut sums);
        leaky_block(part, 0, 0, 0, &mut sums, &mut fired);
        fired
    }

    fn move_in_one_pass(part: &mut Part<f64>) -> Vec<u32> {
        let (mut fired, how) = (vec![], Fused::of(part).expect("leaky neurons"));
        move_fused(part, how, 0, &mut fired);
        fired
    }

    #[test]
    fn one_pass_does_what_the_general_loops_do() {
        let current = |k: usize| format!(r#""{k}": {{ "kind": "exponential-current", "tau_ms": {}.5 }}"#, k + 2);
        let conductance = |k: usize| {
            format!(
                r#""{k}": {{ "kind": "exponential-conductance", "tau_ms": {}.5, "e_mv": {} }}"#,
                k + 2,
                60 * (k + 1)
            )
        };
        for count in 1..=3 {
            let list = |one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(", ");
            for (receptors, how) in [(list(&current), Fused::Currents), (list(&conductance), Fused::Conductances)] {
                for large in [0.0, 1e3] {
                    let (mut fused, mut general) = (part(&receptors), part(&receptors));
                    for part in [&mut fused, &mut general] {
                        part.receptors[0].x[5] += large;
                    }
                    assert_eq!(Fused::of(&fused), Some(how));
                    let fired = move_in_one_pass(&mut fused);
                    assert_eq!(fired, move_general(&mut general));
                    assert!(!fired.is_empty(), "{receptors}");
                    for (a, b) in states(&fused).concat().into_iter().zip(states(&general).concat()) {
                        // Both round some ten times, and differences of terms up to a hundred times as large.
                        assert!((a - b).abs() <= 1e-13 * b.abs(), "{receptors}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_neuron_does_not_depend_on_its_neighbours() {
        let receptors = r#""g": { "kind": "exponential-conductance", "tau_ms": 5.0, "e_mv": 0.0 }"#;
        let (mut near, mut mixed) = (part(receptors), part(receptors));
        mixed.receptors[0].x[5] = 1e4;
        for part in [&mut near, &mut mixed] {
            move_in_one_pass(part);
        }
        for (near, mixed) in states(&near).iter().zip(states(&mixed)) {
            for i in (0..BLOCK).filter(|i| *i != 5) {
                assert_eq!(near[i].to_bits(), mixed[i].to_bits(), "{i}");
            }
        }
    }

    #[test]
    fn what_one_pass_cannot_do_is_left_to_the_general_loops() {
        let conductance = r#""g": { "kind": "exponential-conductance", "tau_ms": 5.0, "e_mv": 0.0 }"#;
        for others in [
            r#""d": { "kind": "delta" }"#.to_owned(),
            r#""a": { "kind": "alpha-conductance", "tau_ms": 3.0, "e_mv": 0.0 }"#.to_owned(),
            format!(r#"{conductance}, "c": {{ "kind": "exponential-current", "tau_ms": 5.0 }}"#),
        ] {
            let text = format!(
                r#"{{ "populations": {{ "a": {{ "size": 64, "neuron": {{ "kind": "lif" }}, "receptors": {{ {others} }} }} }}, "projections": [] }}"#
            );
            let network: NetworkDescription = serde_json::from_str(&text).expect("a network");
            let (_, population) = network.population("a").expect("it is there");
            let part = Part::<f64>::new(&network, 0, population, 0..64, &Seed::root(1)).expect("a part");
            assert_eq!(Fused::of(&part), None, "{others}");
        }
    }
}
