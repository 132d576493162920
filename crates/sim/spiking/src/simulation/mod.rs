//! A network in time.
//!
//! Each step of length h goes from t to t + h: voltages move under the receptors' states at t, neurons at or above threshold
//! spike at t + h, receptors decay, and events that arrive at t + h are added. An event sent at t arrives at t + delay.
//!
//! The neurons are divided into shards, one per thread. A shard owns the states of its neurons, the buffers of events under
//! way to them and the rows of synapses onto them, so that threads share nothing but the list of spikes; events of a step are
//! added in the order of projections and sources whatever the number of shards, so that the bytes are the same.

mod population;
mod shard;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

use rheobase_core::{Progress, Seed, SpikeTrains};

use crate::error::require_range;
use crate::network::NetworkDescription;
use crate::{Error, Result};
use shard::Shard;

/// Spikes of one shard in one step: the numbers of the neurons, population by population.
type Mail = Vec<Vec<u32>>;

/// A network in time.
pub struct Simulation {
    network: NetworkDescription,
    shards: Vec<Shard>,
    steps: u64,
}

impl Simulation {
    /// Builds a network on a number of threads.
    ///
    /// # Errors
    /// What [`NetworkDescription::check`] refuses.
    pub fn new(network: &NetworkDescription, seed: &Seed, threads: usize) -> Result<Self> {
        network.check()?;
        let threads = threads.clamp(1, 64);
        let build = |index: usize| Shard::build(network, seed, index, threads);
        let shards: Result<Vec<Shard>> = if threads == 1 {
            build(0).map(|shard| vec![shard])
        } else {
            std::thread::scope(|scope| {
                let build = &build;
                let running: Vec<_> = (0..threads).map(|i| scope.spawn(move || build(i))).collect();
                running
                    .into_iter()
                    .map(|t| t.join().unwrap_or_else(|_| Err(Error::Description("building a shard failed".into()))))
                    .collect()
            })
        };
        let mut shards = shards?;
        // Every shard keeps events for as many steps as the longest delay of all.
        let longest = shards.iter().map(Shard::longest_delay).max().unwrap_or(1);
        shards.iter_mut().for_each(|s| s.make_room(longest));
        Ok(Self { network: network.clone(), shards, steps: 0 })
    }

    /// Time in ms.
    pub fn time_ms(&self) -> f64 {
        self.steps as f64 * self.network.dt_ms
    }

    /// Number of synapses.
    pub fn synapses(&self) -> usize {
        self.shards.iter().map(Shard::synapses).sum()
    }

    /// Events delivered to synapses so far, without input from outside.
    pub fn delivered_events(&self) -> u64 {
        self.shards.iter().map(|s| s.delivered).sum()
    }

    /// Runs for a time; the same command after an interruption goes on.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop, or an error naming population and neuron where a voltage is not finite.
    pub fn run_ms(&mut self, duration_ms: f64, progress: &dyn Progress) -> Result<()> {
        require_range("duration_ms", duration_ms, 0.0, 1e12)?;
        let steps = (duration_ms / self.network.dt_ms).round() as u64;
        let mut done = 0;
        while done < steps {
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
            let now = (steps - done).min(1000);
            self.run_steps(now);
            done += now;
            progress.step("steps", done as usize, steps as usize);
            self.shards
                .iter()
                .try_for_each(|s| s.require_finite(&self.network, self.steps as f64 * self.network.dt_ms))?;
        }
        Ok(())
    }

    fn run_steps(&mut self, steps: u64) {
        let first = self.steps;
        self.steps += steps;
        if let [shard] = &mut self.shards[..] {
            for step in first..first + steps {
                let mail = shard.advance(step);
                shard.deliver(step, std::iter::once(&mail));
                shard.keep(mail);
            }
            return;
        }
        let threads = self.shards.len();
        // Two boxes for each shard: while one is read the next step's spikes go into the other.
        let boxes: Vec<[RwLock<Mail>; 2]> = (0..threads).map(|_| [RwLock::default(), RwLock::default()]).collect();
        let barrier = Barrier::new(threads);
        let (boxes, barrier) = (&boxes, &barrier);
        std::thread::scope(|scope| {
            for (index, shard) in self.shards.iter_mut().enumerate() {
                scope.spawn(move || {
                    for step in first..first + steps {
                        let parity = (step & 1) as usize;
                        let mut mail = shard.advance(step);
                        // Nobody else touches this box now: its readers have passed the barrier of the step between.
                        let mut slot = boxes[index][parity].write().unwrap_or_else(PoisonError::into_inner);
                        std::mem::swap(&mut *slot, &mut mail);
                        drop(slot);
                        shard.keep(mail);
                        barrier.wait();
                        let all: Vec<_> =
                            boxes.iter().map(|b| b[parity].read().unwrap_or_else(PoisonError::into_inner)).collect();
                        shard.deliver(step, all.iter().map(|mail| &**mail));
                    }
                });
            }
        });
    }

    /// Spikes of a population so far, in s.
    ///
    /// # Errors
    /// If there is no such population.
    pub fn spike_trains(&self, population: &str) -> Result<SpikeTrains> {
        let (index, described) = self.network.population(population)?;
        let mut units = vec![Vec::new(); described.size];
        for shard in &self.shards {
            for &(step, neuron) in shard.spikes(index) {
                units[neuron as usize].push((step + 1) as f64 * self.network.dt_ms * 1e-3);
            }
        }
        SpikeTrains::from_units(units, (0.0, self.time_ms() * 1e-3)).map_err(|e| Error::Description(e.to_string()))
    }

    /// Present voltages of a population in mV.
    ///
    /// # Errors
    /// If there is no such population.
    pub fn voltages_mv(&self, population: &str) -> Result<Vec<f64>> {
        let (index, _) = self.network.population(population)?;
        Ok(self.shards.iter().flat_map(|s| s.voltages(index).iter().copied()).collect())
    }
}

/// Lets threads wait for each other some ten thousand times a second: they spin, and give way if that takes long.
struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    turn: AtomicBool,
}

impl Barrier {
    fn new(threads: usize) -> Self {
        Self { threads, waiting: AtomicUsize::new(0), turn: AtomicBool::new(false) }
    }

    fn wait(&self) {
        let turn = self.turn.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Release);
            self.turn.store(!turn, Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.turn.load(Ordering::Acquire) == turn {
            spins += 1;
            if spins < 2000 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Rows, Shared, Targets};
    use crate::random::{BLOCK, PoissonTable, philox_block};
    use rand::Rng;
    use rheobase_core::Silent;

    fn network() -> NetworkDescription {
        let text = r#"{
          "populations": {
            "a": { "size": 300, "neuron": { "kind": "lif" }, "receptors": { "jump": { "kind": "delta" } },
                   "input": [{ "receptor": "jump", "rate_hz": 20000, "weight": 0.1 }] },
            "b": { "size": 70, "neuron": { "kind": "lif", "refractory_ms": 1.0 }, "receptors": { "jump": { "kind": "delta" } },
                   "input": [{ "receptor": "jump", "rate_hz": 20000, "weight": 0.1 }] }
          },
          "projections": [
            { "from": "a", "to": "a", "receptor": "jump", "rule": { "kind": "fixed-in-degree", "count": 30 },
              "weight": { "kind": "normal", "mean": 0.5, "sd": 0.1 }, "delay_ms": { "kind": "uniform", "low": 0.1, "high": 3.0 } },
            { "from": "a", "to": "b", "receptor": "jump", "rule": { "kind": "fixed-probability", "probability": 0.1 },
              "weight": { "kind": "constant", "value": 0.5 }, "delay_ms": { "kind": "constant", "value": 1.5 } },
            { "from": "b", "to": "a", "receptor": "jump", "rule": { "kind": "all-to-all" },
              "weight": { "kind": "constant", "value": -0.25 }, "delay_ms": { "kind": "constant", "value": 0.1 } }
          ]
        }"#;
        serde_json::from_str(text).expect("a network")
    }

    /// The same network in the plainest way: one neuron after the other, a list of events for each step.
    fn plain(network: &NetworkDescription, seed: &Seed, steps: u64) -> Vec<Vec<Vec<u64>>> {
        let names: Vec<&String> = network.populations.keys().collect();
        let sizes: Vec<usize> = network.populations.values().map(|p| p.size).collect();
        let rows: Vec<Rows> = network
            .projections
            .iter()
            .enumerate()
            .map(|(k, p)| {
                let size = network.population(&p.to).unwrap().1.size;
                Rows::build(network, p, 0..size, &seed.child("projection").index(k)).unwrap()
            })
            .collect();
        let mut arriving: Vec<Vec<Vec<f64>>> = sizes.iter().map(|n| vec![vec![0.0; *n]; steps as usize + 40]).collect();
        let mut v: Vec<Vec<f64>> = sizes.iter().map(|n| vec![0.0; *n]).collect();
        let mut held: Vec<Vec<u64>> = sizes.iter().map(|n| vec![0; *n]).collect();
        let mut spikes: Vec<Vec<Vec<u64>>> = sizes.iter().map(|n| vec![vec![]; *n]).collect();
        let table = PoissonTable::new(2.0);
        for step in 0..steps {
            for (p, name) in names.iter().enumerate() {
                let bits = seed.child("population").child(name).child("outside").stream().next_u64();
                let key = [bits as u32, (bits >> 32) as u32];
                for i in 0..sizes[p] {
                    let mut outside = [0.0; BLOCK];
                    outside.copy_from_slice(&[arriving[p][step as usize][i]; BLOCK]);
                    table.add(&philox_block(key, (i / BLOCK) as u32, step, (p * 64) as u32), 0.1, &mut outside);
                    if held[p][i] > 0 {
                        held[p][i] -= 1;
                        continue;
                    }
                    v[p][i] = v[p][i].mul_add((-0.1_f64 / 20.0).exp(), 0.0) + outside[i % BLOCK];
                    if v[p][i] >= 20.0 {
                        v[p][i] = 10.0;
                        held[p][i] = if p == 0 { 20 } else { 10 };
                        spikes[p][i].push(step);
                    }
                }
            }
            for (rows, projection) in rows.iter().zip(&network.projections) {
                let (from, _) = network.population(&projection.from).unwrap();
                let (to, _) = network.population(&projection.to).unwrap();
                for source in 0..sizes[from] {
                    if spikes[from][source].last() != Some(&step) {
                        continue;
                    }
                    for i in rows.offsets[source] as usize..rows.offsets[source + 1] as usize {
                        let Targets::Narrow(targets) = &rows.targets else { panic!("few targets fit 2 bytes") };
                        let weight = if let Shared::Each(w) = &rows.weights {
                            w[i]
                        } else {
                            projection.weight.constant().unwrap() as f32
                        };
                        let delay = match &rows.delays {
                            Shared::One(d) => *d,
                            Shared::Each(d) => d[i],
                        };
                        arriving[to][step as usize + delay as usize][targets[i] as usize] += f64::from(weight);
                    }
                }
            }
        }
        spikes
    }

    #[test]
    fn a_network_is_what_the_plainest_loops_make_of_it() {
        let (network, seed) = (network(), Seed::root(8));
        let expected = plain(&network, &seed, 3000);
        let mut simulation = Simulation::new(&network, &seed, 2).unwrap();
        simulation.run_ms(300.0, &Silent).unwrap();
        let mut total = 0;
        for (p, name) in network.populations.keys().enumerate() {
            let trains = simulation.spike_trains(name).unwrap();
            for i in 0..trains.units() {
                let found: Vec<u64> = trains.unit(i).iter().map(|t| (t * 1e4).round() as u64 - 1).collect();
                assert_eq!(found, expected[p][i], "{name} {i}");
                total += found.len();
            }
        }
        assert!(total > 2000, "{total}");
    }
}
