//! Copies of one neuron that go on a millisecond at a time, each with its own input: cells, leaky neurons and the surrogates that take
//! their place.

use rand::RngExt;
use rheobase_core::{Seed, parallel};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::network::stream::{Past, Stream};
use crate::{Error, Result, Surrogate};

/// What copies did in a millisecond.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Millisecond {
    /// Copies that spiked, in order.
    pub spiked: Vec<u32>,
    /// Voltage of each at its end, in mV.
    pub voltage_mv: Vec<f32>,
    /// Voltages in mV of the dendritic places that are recorded, copy after copy.
    pub dendrites_mv: Vec<f32>,
}

/// Copies of a neuron.
pub trait Copies: Send {
    /// Goes on by a millisecond, at whose beginning these inputs of each copy are active.
    ///
    /// # Errors
    /// If the lists are not those of the copies, or the neuron refuses something.
    fn advance(&mut self, active: &[Vec<u32>]) -> Result<Millisecond>;

    /// Goes on with so many threads from now on; they change no byte. Copies that need more to start threads than to go on stay on one.
    fn set_threads(&mut self, _threads: usize) {}

    /// The state as bytes.
    ///
    /// # Errors
    /// If it cannot be written.
    fn keep(&self) -> Result<Vec<u8>>;

    /// Returns to a state.
    ///
    /// # Errors
    /// If it is another neuron's.
    fn restore(&mut self, kept: &[u8]) -> Result<()>;
}

/// Refuses input that is not that of so many copies with so many inputs.
pub(crate) fn check_active(active: &[Vec<u32>], copies: usize, inputs: usize) -> Result<()> {
    if active.len() != copies {
        return Err(Error::Data(format!("input of {} copies for {copies}", active.len())));
    }
    match active.iter().flatten().find(|i| **i as usize >= inputs) {
        Some(stranger) => {
            Err(Error::Data(format!("a spike of input {stranger}, but there are {inputs} inputs, counted from 0")))
        }
        None => Ok(()),
    }
}

/// Refuses a state of another number of copies.
pub(crate) fn check_state(found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Data(format!("a state of {found} copies, or groups of them, for {expected}")))
}

/// A state as bytes.
pub(crate) fn written(state: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(state, &mut bytes).map_err(|e| Error::Data(format!("a state could not be kept: {e}")))?;
    Ok(bytes)
}

/// A state from bytes.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    ciborium::from_reader(bytes).map_err(|e| Error::Data(format!("a state that was kept is damaged: {e}")))
}

/// How a surrogate's chance of a spike becomes spikes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Firing {
    /// By chance, in every millisecond anew.
    Drawn {
        /// Time after a spike without another one, in ms.
        #[serde(default)]
        dead_ms: usize,
    },
    /// Where the chance reaches a bound.
    Bound {
        /// The bound; by default the one at which the surrogate spikes as often as the neuron in the trials that it was trained on.
        #[serde(default)]
        chance: Option<f64>,
        /// Time after a spike without another one, in ms.
        #[serde(default = "dead")]
        dead_ms: usize,
    },
}

fn dead() -> usize {
    DEAD_MS
}

/// Time after a spike without another one for which the bound of a surrogate is found, in ms.
pub const DEAD_MS: usize = 3;

impl Default for Firing {
    fn default() -> Self {
        Self::Bound { chance: None, dead_ms: DEAD_MS }
    }
}

impl Firing {
    /// Refuses a bound that is no chance.
    ///
    /// # Errors
    /// With the bound.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Bound { chance: Some(chance), .. } if !(*chance > 0.0 && *chance < 1.0) => {
                Err(Error::Description(format!("a bound of {chance} for a chance: above 0 and below 1")))
            }
            _ => Ok(()),
        }
    }
}

/// Spikes where chances reach a bound, each followed by [`DEAD_MS`] without one.
fn spikes_at(bound: f64, chances: &[Vec<f32>]) -> usize {
    let count = |chances: &Vec<f32>| {
        let (mut count, mut dead_until) = (0, 0);
        for (t, chance) in chances.iter().enumerate() {
            if t >= dead_until && f64::from(*chance) >= bound {
                count += 1;
                dead_until = t + 1 + DEAD_MS;
            }
        }
        count
    };
    chances.iter().map(count).sum()
}

/// The bound at which chances give a number of spikes, to a part in a thousand of itself.
pub(crate) fn matched_chance(spikes: usize, chances: &[Vec<f32>]) -> f64 {
    let (mut low, mut high) = (1e-6_f64, 1.0_f64);
    while high / low > 1.001 {
        let middle = (low * high).sqrt();
        if spikes_at(middle, chances) > spikes { low = middle } else { high = middle }
    }
    high
}

impl Surrogate {
    /// Copies of the surrogate; `seed` draws their spikes.
    ///
    /// # Errors
    /// If `firing` is none.
    pub fn copies(&self, count: usize, firing: Firing, seed: Seed) -> Result<SurrogateCopies<'_>> {
        firing.check()?;
        let (bound, dead_ms) = match firing {
            Firing::Drawn { dead_ms } => (None, dead_ms),
            Firing::Bound { chance, dead_ms } => (Some(chance.unwrap_or(self.matched_chance)), dead_ms),
        };
        let group = |first: usize| {
            let copies = TOGETHER.min(count - first);
            Group { first, stream: self.network.stream(&self.weights, copies), dead_until: vec![0; copies] }
        };
        let groups = (0..count).step_by(TOGETHER).map(group).collect();
        Ok(SurrogateCopies { surrogate: self, groups, count, bound, dead_ms, seed, threads: 1 })
    }
}

/// Copies that go on together, whatever the threads: enough that weights are read once for many.
const TOGETHER: usize = 16;
/// Multiplications of a millisecond below which starting threads takes longer than it saves. An estimate: a fifth of a millisecond of one
/// thread, which is what starting two was seen to cost.
const WORTH_THREADS: usize = 10_000_000;

/// Copies of a surrogate.
pub struct SurrogateCopies<'a> {
    surrogate: &'a Surrogate,
    groups: Vec<Group>,
    count: usize,
    /// Without one spikes are drawn.
    bound: Option<f64>,
    dead_ms: usize,
    seed: Seed,
    threads: usize,
}

/// Copies that go on together.
struct Group {
    /// The first of them.
    first: usize,
    stream: Stream,
    /// Milliseconds at which they may spike again.
    dead_until: Vec<usize>,
}

impl SurrogateCopies<'_> {
    /// What a group does in the next millisecond.
    fn advance_group(&self, group: &mut Group, active: &[Vec<u32>]) -> Result<Millisecond> {
        let now = group.stream.past().steps;
        let mut done = Millisecond::default();
        for (k, said) in group.stream.advance(active)?.chunks_exact(self.surrogate.network.heads()).enumerate() {
            let (copy, chance) = (group.first + k, 1.0 / (1.0 + (-f64::from(said[0])).exp()));
            let spikes = now >= group.dead_until[k]
                && match self.bound {
                    Some(bound) => chance >= bound,
                    None => self.seed.index(copy).index(now).stream().random::<f64>() < chance,
                };
            if spikes {
                done.spiked.push(copy as u32);
                group.dead_until[k] = now + 1 + self.dead_ms;
            }
            done.voltage_mv.push(said.get(1).map_or(f32::NAN, |v| self.surrogate.voltage.mv(*v)));
        }
        Ok(done)
    }
}

impl Copies for SurrogateCopies<'_> {
    fn advance(&mut self, active: &[Vec<u32>]) -> Result<Millisecond> {
        check_active(active, self.count, self.surrogate.network.inputs())?;
        let mut groups = std::mem::take(&mut self.groups);
        let mut turns: Vec<_> = groups.iter_mut().map(|group| (group, Ok(Millisecond::default()))).collect();
        parallel::for_each_chunk(&mut turns, 1, self.threads, |_, turn| {
            for (group, done) in turn {
                let own = &active[group.first..group.first + group.dead_until.len()];
                *done = self.advance_group(group, own);
            }
        });
        let done: Result<Vec<Millisecond>> = turns.into_iter().map(|(_, done)| done).collect();
        self.groups = groups;
        let mut all = Millisecond::default();
        for done in done? {
            all.spiked.extend(done.spiked);
            all.voltage_mv.extend(done.voltage_mv);
        }
        Ok(all)
    }

    fn set_threads(&mut self, threads: usize) {
        let work = self.surrogate.network.step_products().saturating_mul(self.count);
        self.threads = if work >= WORTH_THREADS { threads } else { 1 };
    }

    fn keep(&self) -> Result<Vec<u8>> {
        written(&self.groups.iter().map(|group| (group.stream.past(), &group.dead_until)).collect::<Vec<_>>())
    }

    fn restore(&mut self, kept: &[u8]) -> Result<()> {
        let states: Vec<(Past, Vec<usize>)> = read(kept)?;
        check_state(states.iter().map(|state| state.1.len()).sum(), self.count)?;
        for (group, (past, dead_until)) in self.groups.iter_mut().zip(states) {
            group.stream.restore(past)?;
            group.dead_until = dead_until;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, Network, Tcn};
    use crate::surrogate::VoltageScale;

    #[test]
    fn copies_on_threads_go_on_to_the_same_bytes_and_return_to_a_state_of_one_thread() {
        let tcn = Tcn { inputs: 4, width: 6, kernels: vec![8, 5], activation: Activation::LeakyRelu, heads: 2 };
        let network = Network::Tcn(tcn);
        let surrogate = Surrogate {
            weights: network.initial(&Seed::root(2)).unwrap(),
            network,
            input_names: (0..4).map(|k| k.to_string()).collect(),
            voltage: VoltageScale { clip_mv: -55.0, mean_mv: -60.0, sd_mv: 3.0 },
            dendrites: None,
            matched_chance: 0.5,
        };
        // More copies than two groups hold.
        let count = 37;
        let firing = Firing::Drawn { dead_ms: 2 };
        let active = |step: u32| -> Vec<Vec<u32>> {
            (0..count as u32).map(|copy| (0..4).filter(|i| (step * 3 + i + copy).is_multiple_of(3)).collect()).collect()
        };
        let mut one = surrogate.copies(count, firing, Seed::root(1)).unwrap();
        let mut two = surrogate.copies(count, firing, Seed::root(1)).unwrap();
        two.threads = 2;
        let mut kept = vec![];
        let mut spikes = 0;
        for step in 0..30 {
            if step == 15 {
                kept = one.keep().unwrap();
            }
            let done = one.advance(&active(step)).unwrap();
            assert_eq!(done, two.advance(&active(step)).unwrap());
            assert_eq!(done.voltage_mv.len(), count);
            spikes += done.spiked.len();
        }
        assert!(spikes > 50 && spikes < 30 * count / 2, "{spikes}");
        let last = one.keep().unwrap();
        two.restore(&kept).unwrap();
        (15..30).for_each(|step| drop(two.advance(&active(step)).unwrap()));
        assert_eq!(two.keep().unwrap(), last);
        let mut fewer = surrogate.copies(36, firing, Seed::root(1)).unwrap();
        assert!(fewer.restore(&kept).unwrap_err().to_string().contains("a state of 37 copies"));
        assert!(one.advance(&active(0)[..36]).unwrap_err().to_string().contains("36 copies for 37"));
    }
}
