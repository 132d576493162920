//! The loop over 64 leaky neurons whose receptors are all exponential currents or all exponential conductances, as in most networks: one
//! pass in which whatever lies between loading a state and storing it stays in registers. The general loops keep sums of 64 neurons in
//! memory between receptors. Both do the same operations in the same order.

use super::part::{Leak, Part};
use super::receptor::{Action, ReceptorState, block, block_mut};
use crate::Float;
use crate::neuron::Neuron;
use crate::random::BLOCK;
use crate::relative_exponential::{is_near, series};

/// What a receptor does, without its states.
#[derive(Clone, Copy)]
struct Effect<F> {
    effect: F,
    keep: F,
    e_mv: F,
}

impl<F: Float> Effect<F> {
    fn of(receptor: &ReceptorState<F>) -> Self {
        let e_mv = match receptor.action {
            Action::Conductance { e_mv, .. } => e_mv,
            _ => F::default(),
        };
        Self { effect: receptor.effect_x, keep: receptor.keep_x, e_mv }
    }
}

/// How neurons of a population can be moved in one pass.
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

/// States and arriving events of a receptor in a block.
type Pair<'a, F> = (&'a mut [F; BLOCK], &'a mut [F; BLOCK]);

/// Moves a block and says whether any neuron is at its threshold; None, and nothing is moved, where a conductance is so large that the
/// series for its exponential does not reach.
#[inline(always)]
pub(super) fn move_fused<F: Float>(part: &mut Part<F>, how: Fused, from: usize, slot: usize) -> Option<bool> {
    let leak = part.leak;
    if how == Fused::Conductances && !near(part, from) {
        return None;
    }
    let v = block_mut(&mut part.v, from);
    let timer = block_mut(&mut part.timer, from);
    macro_rules! pair {
        ($receptor:ident, $buffer:ident) => {
            (block_mut(&mut $receptor.x, from), block_mut($buffer, slot + from))
        };
    }
    let above = match (&mut part.receptors[..], &mut part.buffers[..]) {
        ([a], [p]) => {
            let effects = [Effect::of(a)];
            match how {
                Fused::Currents => one::<F, false>(v, timer, leak, effects, pair!(a, p)),
                Fused::Conductances => one::<F, true>(v, timer, leak, effects, pair!(a, p)),
            }
        }
        ([a, b], [p, q]) => {
            let effects = [Effect::of(a), Effect::of(b)];
            match how {
                Fused::Currents => two::<F, false>(v, timer, leak, effects, pair!(a, p), pair!(b, q)),
                Fused::Conductances => two::<F, true>(v, timer, leak, effects, pair!(a, p), pair!(b, q)),
            }
        }
        ([a, b, c], [p, q, r]) => {
            let effects = [Effect::of(a), Effect::of(b), Effect::of(c)];
            match how {
                Fused::Currents => three::<F, false>(v, timer, leak, effects, pair!(a, p), pair!(b, q), pair!(c, r)),
                Fused::Conductances => three::<F, true>(v, timer, leak, effects, pair!(a, p), pair!(b, q), pair!(c, r)),
            }
        }
        _ => return None,
    };
    Some(above > 0)
}

/// Whether the series reaches for every neuron of a block.
#[inline(always)]
fn near<F: Float>(part: &Part<F>, from: usize) -> bool {
    let mut total = [F::of(1.0); BLOCK];
    for receptor in &part.receptors {
        let x: &[F; BLOCK] = block(&receptor.x, from);
        for i in 0..BLOCK {
            total[i] += receptor.effect_x * x[i];
        }
    }
    let mut far = 0_u32;
    for conductance in total {
        far += u32::from(!is_near(part.leak.rate * conductance));
    }
    far == 0
}

/// A loop for a number of receptors; each state is an argument of its own, which tells the compiler that none of them overlap.
macro_rules! fused {
    ($name:ident, $count:literal, $($k:literal $x:ident $arriving:ident),+) => {
        #[inline(always)]
        #[allow(clippy::too_many_arguments)]
        fn $name<F: Float, const CONDUCTANCES: bool>(
            v: &mut [F; BLOCK],
            timer: &mut [F; BLOCK],
            leak: Leak<F>,
            effects: [Effect<F>; $count],
            $(($x, $arriving): Pair<'_, F>),+
        ) -> u32 {
            let zero = F::default();
            let mut above = 0_u32;
            for i in 0..BLOCK {
                let (mut current, mut conductance, mut pull) = (zero, zero, zero);
                $(
                    let effect = effects[$k].effect * $x[i];
                    if CONDUCTANCES {
                        conductance += effect;
                        pull = effects[$k].e_mv.mul_add(effect, pull);
                    } else {
                        current += effect;
                    }
                    $x[i] = (effects[$k].keep.mul_add($x[i], $arriving[i]) + F::TINY) - F::TINY;
                    $arriving[i] = zero;
                )+
                let moved = if CONDUCTANCES {
                    let total = F::of(1.0) + conductance;
                    let distance = (-v[i]).mul_add(total, leak.steady + pull);
                    (-leak.rate * distance).mul_add(series(leak.rate * total), v[i])
                } else {
                    (v[i] - leak.steady).mul_add(leak.keep, leak.steady) + current
                };
                let next = if timer[i] > zero { v[i] } else { moved };
                let left = timer[i] - F::of(1.0);
                timer[i] = if left > zero { left } else { zero };
                v[i] = next;
                above += u32::from(next >= leak.threshold);
            }
            above
        }
    };
}

fused!(one, 1, 0 x arriving);
fused!(two, 2, 0 x arriving, 1 y arriving_y);
fused!(three, 3, 0 x arriving, 1 y arriving_y, 2 z arriving_z);

#[cfg(test)]
mod tests {
    use super::super::leaky::{leaky_block, reset};
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
            part.timer[i] = (3.0 * wave(1.3)).round().max(0.0);
            part.receptors.iter_mut().zip(&mut part.buffers).zip([0.9, 1.7, 2.9]).for_each(
                |((receptor, buffer), k)| {
                    receptor.x[i] = 3.0 * wave(k).abs();
                    buffer[i] = wave(2.0 * k).max(0.0);
                },
            );
        }
        part
    }

    fn states(part: &Part<f64>) -> Vec<u64> {
        let receptors = part.receptors.iter().zip(&part.buffers).flat_map(|(r, b)| r.x.iter().chain(&b[..BLOCK]));
        part.v.iter().chain(part.timer.iter()).chain(receptors).map(|x| x.to_bits()).collect()
    }

    #[test]
    fn one_pass_does_what_the_general_loops_do_to_the_last_bit() {
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
                let (mut fused, mut general) = (part(&receptors), part(&receptors));
                assert_eq!(Fused::of(&fused), Some(how));
                let (mut fired, mut expected) = (vec![], vec![]);
                assert_eq!(move_fused(&mut fused, how, 0, 0), Some(true));
                reset(&mut fused, 0, &mut fired);
                let mut sums = Sums::zeros();
                general.take_events(0, 0, &mut sums);
                leaky_block(&mut general, 0, 0, 0, &mut sums, &mut expected);
                assert_eq!(fired, expected);
                assert!(!fired.is_empty(), "{receptors}");
                assert_eq!(states(&fused), states(&general), "{receptors}");
            }
        }
    }

    #[test]
    fn what_one_pass_cannot_do_is_left_as_it_is() {
        let conductance = r#""g": { "kind": "exponential-conductance", "tau_ms": 5.0, "e_mv": 0.0 }"#;
        let mut large = part(conductance);
        large.receptors[0].x[5] = 1e4;
        let before = states(&large);
        assert_eq!(move_fused(&mut large, Fused::Conductances, 0, 0), None);
        assert_eq!(states(&large), before);
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
