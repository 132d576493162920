//! A network in time.
//!
//! Each step of length h goes from t to t + h: voltages move under the receptors' mean over the step, neurons at or above threshold
//! spike at t + h, receptors decay, and events that arrive at t + h are added. An event sent at t arrives at t + delay.
//!
//! The neurons are divided into shards, one per thread. A shard owns the states of its neurons, the buffers of events under
//! way to them and the rows of synapses onto them, so that threads share nothing but the list of spikes; events of a step are
//! added in the order of projections and sources whatever the number of shards, so that the bytes are the same.

mod access;
mod aligned;
mod companion;
mod crew;
mod delivery;
mod engine;
mod failing;
mod fused;
mod kernels;
mod leaky;
mod mailbox;
mod part;
mod plastic;
mod receptor;
mod recorder;
mod shard;
mod snapshot;

pub use companion::{Alone, Companion};
pub use recorder::{Recording, WeightRecording};
pub use snapshot::Snapshot;

use rheobase_core::{Progress, Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require_range;
use crate::network::NetworkDescription;
use crate::{Error, Result};
use engine::Engine;
use recorder::Recorder;

/// When to stop before the time is over; looked at every 100 ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StopWhen {
    /// No neuron of any population has spiked for this time in ms.
    pub silent_ms: Option<f64>,
    /// The mean rate of all neurons over the last 100 ms is above this, in Hz.
    pub above_hz: Option<f64>,
    /// More spikes than this have been kept.
    pub spikes: Option<usize>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The time was over.
    Finished,
    /// No more spikes.
    Silent,
    /// The rate was above the limit.
    AboveRate,
    /// More spikes than were asked for.
    TooManySpikes,
}

/// A network in time.
pub struct Simulation {
    network: NetworkDescription,
    engine: Box<dyn Engine>,
    steps: u64,
    recorders: Vec<Recorder>,
    stop_when: StopWhen,
    keep_spikes: bool,
    last_spike_step: u64,
}

/// Steps between looks at progress and stop conditions, in ms.
const LOOK_MS: f64 = 100.0;

impl Simulation {
    /// Builds a network on a number of threads.
    ///
    /// # Errors
    /// What [`NetworkDescription::check`] refuses, and networks that need more memory than the machine has.
    pub fn new(network: &NetworkDescription, seed: &Seed, threads: usize) -> Result<Self> {
        network.check()?;
        let (synapses, bytes) = network.estimate()?;
        crate::memory::require(synapses, bytes, crate::memory::available_bytes())?;
        Ok(Self {
            network: network.clone(),
            engine: engine::build(network, seed, threads.clamp(1, 64))?,
            steps: 0,
            recorders: vec![],
            stop_when: StopWhen::default(),
            keep_spikes: true,
            last_spike_step: 0,
        })
    }

    /// Builds a network and sets it to a state that was taken before, on any number of threads.
    ///
    /// # Errors
    /// As [`Simulation::new`], or if the snapshot is of another network.
    pub fn resume(network: &NetworkDescription, seed: &Seed, threads: usize, snapshot: &Snapshot) -> Result<Self> {
        let mut simulation = Self::new(network, seed, threads)?;
        simulation.engine.restore(snapshot)?;
        simulation.steps = snapshot.steps;
        simulation.last_spike_step = snapshot.last_spike_step;
        simulation.recorders = snapshot.recordings.iter().map(|r| r.resume(network)).collect::<Result<_>>()?;
        Ok(simulation)
    }

    /// The whole state, events under way and recordings included.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.engine.snapshot(&self.network, self.steps);
        snapshot.last_spike_step = self.last_spike_step;
        snapshot.recordings = self.recorders.iter().map(|r| r.kept().clone()).collect();
        snapshot
    }

    /// Records values from now on.
    ///
    /// # Errors
    /// If population, variable or neurons are not there.
    pub fn record(&mut self, recording: &Recording) -> Result<()> {
        let mut recorder = recording.start(&self.network)?;
        recorder.sample(&*self.engine, self.steps, self.network.dt_ms)?;
        self.recorders.push(recorder);
        Ok(())
    }

    /// Records weights from now on.
    ///
    /// # Errors
    /// If the projection is not there or stores no synapses.
    pub fn record_weights(&mut self, recording: &WeightRecording) -> Result<()> {
        let mut recorder = recording.start(&self.network)?;
        recorder.sample(&*self.engine, self.steps, self.network.dt_ms)?;
        self.recorders.push(recorder);
        Ok(())
    }

    /// Times in ms of a recording, by the order in which they were asked for, and the values of all neurons or synapses at each.
    pub fn recorded(&self, recording: usize) -> (&[f64], &[Vec<f64>]) {
        self.recorders.get(recording).map_or((&[], &[]), |r| (&r.kept().times_ms, &r.kept().values))
    }

    /// Sets when to stop early.
    pub fn stop_when(&mut self, stop_when: StopWhen) {
        self.stop_when = stop_when;
    }

    /// Whether spikes are kept for [`Simulation::spike_trains`]; without them memory stays the same for ever.
    pub fn keep_spikes(&mut self, keep: bool) {
        self.keep_spikes = keep;
    }

    /// Time in ms.
    pub fn time_ms(&self) -> f64 {
        self.steps as f64 * self.network.dt_ms
    }

    /// Number of stored synapses.
    pub fn synapses(&self) -> usize {
        self.engine.synapses().0
    }

    /// Bytes of stored synapses.
    pub fn synapse_bytes(&self) -> usize {
        self.engine.synapses().1
    }

    /// Events delivered to synapses so far, without input from outside.
    pub fn delivered_events(&self) -> u64 {
        self.engine.delivered()
    }

    /// Runs for a time; the same command after an interruption goes on.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when asked to stop, or an error naming population and neuron where a voltage is not finite.
    pub fn run_ms(&mut self, duration_ms: f64, progress: &dyn Progress) -> Result<Ending> {
        self.run_with(duration_ms, progress, &mut Alone)
    }

    /// As [`Simulation::run_ms`], with something that acts on the way or keeps a snapshot.
    ///
    /// # Errors
    /// As [`Simulation::run_ms`], what the companion returns, and if it acts at other times than those of steps.
    pub fn run_with(
        &mut self,
        duration_ms: f64,
        progress: &dyn Progress,
        companion: &mut dyn Companion,
    ) -> Result<Ending> {
        require_range("duration_ms", duration_ms, 0.0, 1e12)?;
        let dt = self.network.dt_ms;
        let acts = companion.every_ms().map(|every_ms| self.network.steps_in(every_ms)).transpose()?;
        let end = self.steps + (duration_ms / dt).round() as u64;
        let begin = self.steps;
        let look = (LOOK_MS / dt).round().max(1.0) as u64;
        let mut looked = (self.steps, self.kept_spikes());
        while self.steps < end {
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
            if acts.is_some_and(|every| self.steps.is_multiple_of(every)) {
                companion.act(self)?;
            }
            let act = acts.map(|every| (self.steps / every + 1) * every);
            let sample = self.recorders.iter().map(|r| (self.steps / r.every + 1) * r.every);
            let next = sample.chain(act).chain([end, (self.steps / look + 1) * look]).min().unwrap_or(end);
            self.engine.run_steps(self.steps, next - self.steps, self.keep_spikes);
            self.steps = next;
            for recorder in &mut self.recorders {
                recorder.sample(&*self.engine, next, dt)?;
            }
            if next.is_multiple_of(look) || next == end {
                self.engine.require_finite(&self.network, next as f64 * dt)?;
                let biology = |steps: u64| (steps as f64 * dt).round() as usize;
                progress.step("ms of biology", biology(next - begin), biology(end - begin));
                if let Some(ending) = self.look(&mut looked) {
                    return Ok(ending);
                }
                if next < end {
                    companion.watch(self)?;
                }
            }
        }
        Ok(Ending::Finished)
    }

    fn kept_spikes(&self) -> usize {
        let of = |k: usize| self.engine.spikes(k).iter().map(|s| s.len()).sum::<usize>();
        (0..self.network.populations.len()).map(of).sum()
    }

    /// Whether a stop condition holds; `looked` are step and number of spikes of the last look.
    fn look(&mut self, looked: &mut (u64, usize)) -> Option<Ending> {
        let spikes = self.kept_spikes();
        let (since, before) = *looked;
        *looked = (self.steps, spikes);
        if spikes > before {
            self.last_spike_step = self.steps;
        }
        let ms = |steps: u64| steps as f64 * self.network.dt_ms;
        let neurons: usize = self.network.populations.values().map(|p| p.size).sum();
        let rate_hz = (spikes - before) as f64 / neurons as f64 / (1e-3 * ms(self.steps - since).max(1e-9));
        let StopWhen { silent_ms, above_hz, spikes: most } = self.stop_when;
        if silent_ms.is_some_and(|limit| ms(self.steps - self.last_spike_step) >= limit) {
            Some(Ending::Silent)
        } else if above_hz.is_some_and(|limit| rate_hz > limit) {
            Some(Ending::AboveRate)
        } else if most.is_some_and(|limit| spikes > limit) {
            Some(Ending::TooManySpikes)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Rows, Weights, Wiring};
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
        let rows: Vec<Rows> = (0..network.projections.len())
            .map(|k| {
                let wiring = Wiring::new(network, k, seed).unwrap();
                let rule = &network.projections[k].rule;
                Rows::build(&wiring, rule.by_source(), &(0..wiring.to))
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
                    for (delay, range) in rows.runs(source) {
                        for i in range {
                            let weight = match &rows.weights {
                                Weights::Each(w) => w[i],
                                Weights::One(w) => *w,
                            };
                            arriving[to][step as usize + delay as usize][rows.targets.get(i)] += f64::from(weight);
                        }
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
