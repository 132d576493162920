//! The neurons of one population in one shard: states, events under way, and the loops that move them.

use rand::Rng;
use rheobase_core::Seed;
use rheobase_core::vectorised::{Kernel, vectorised};

use super::aligned::Aligned;
use super::fused::{Fused, move_fused};
use super::kernels;
use super::receptor::{ReceptorState, Sums, block, block_mut};
use crate::network::{NetworkDescription, Population};
use crate::neuron::{DescribedKernel, Neuron, Processes};
use crate::random::{BLOCK, PoissonTable, philox_block};
use crate::{Float, Result};

/// Input from outside, ready to draw.
struct Outside {
    receptor: usize,
    table: PoissonTable,
    weight: f64,
    steps: std::ops::Range<u64>,
    number: u32,
}

/// Numbers of a leaky neuron over one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leak<F> {
    pub steady: F,
    /// -h / tau.
    pub rate: F,
    /// Share of the distance from the target that is left.
    pub keep: F,
    pub threshold: F,
    pub reset: F,
    pub refractory: u32,
}

impl<F: Float> Leak<F> {
    fn new(neuron: &Neuron, dt_ms: f64) -> Self {
        let lif = match neuron {
            Neuron::Lif(lif) => *lif,
            Neuron::Graded(graded) => graded.membrane(),
            _ => crate::neuron::Lif::default(),
        };
        Self {
            steady: F::of(lif.rest_mv + lif.drive_mv),
            rate: F::of(-dt_ms / lif.tau_ms),
            keep: F::of((-dt_ms / lif.tau_ms).exp()),
            threshold: F::of(lif.threshold_mv),
            reset: F::of(lif.reset_mv),
            refractory: (lif.refractory_ms / dt_ms).round() as u32,
        }
    }
}

/// Neurons `first..first + len` of a population; all arrays are padded to whole blocks.
pub(super) struct Part<F> {
    pub first: usize,
    pub len: usize,
    pub neuron: Neuron,
    /// Models of single neurons, where parameters differ.
    pub varied: Option<Vec<Neuron>>,
    pub leak: Leak<F>,
    /// Leaks of single neurons, where parameters differ.
    pub leaks: Vec<Leak<F>>,
    pub dt_ms: f64,
    pub v: Aligned<F>,
    pub slow: Vec<Aligned<F>>,
    /// Steps that a neuron stays refractory.
    pub timer: Aligned<u32>,
    pub receptors: Vec<ReceptorState<F>>,
    /// Events under way to each receptor, in as many slots as the longest delay: those of a step arrive before new ones are sent.
    pub buffers: Vec<Aligned<F>>,
    pub slots: usize,
    outside: Vec<Outside>,
    /// Noise added to the voltage in a step, in mV.
    pub noise: f64,
    pub key: [u32; 2],
    pub processes: Option<Processes>,
    /// Given spikes: step and neuron, in order; those of relays as they are told.
    pub given: Vec<(u64, u32)>,
    pub described: Option<DescribedKernel<F>>,
}

/// Slots of a buffer: one for each step, which come round again.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    count: u64,
    size: usize,
}

impl Slots {
    /// Where the slot of a step begins.
    #[inline(always)]
    pub fn of(self, step: u64) -> usize {
        (step % self.count) as usize * self.size
    }
}

impl<F: Float> Part<F> {
    pub fn new(
        network: &NetworkDescription,
        number: usize,
        population: &Population,
        range: std::ops::Range<usize>,
        seed: &Seed,
    ) -> Result<Self> {
        let (first, len) = (range.start, range.len());
        let padded = len.div_ceil(BLOCK) * BLOCK;
        let dt = network.dt_ms;
        let conductances = population.receptors.values().any(|r| r.reversal_mv().is_some());
        let described = match &population.neuron {
            Neuron::Described(model) => Some(model.kernel("a described model", dt, conductances)?),
            _ => None,
        };
        // What is a leaky neuron in other words is moved as one.
        let leaky = described.as_ref().and_then(|kernel| kernel.leaky);
        let neuron = leaky.map_or_else(|| population.neuron.clone(), Neuron::Lif);
        let varied = vary(population, &range, padded, seed)?;
        let slow = described.as_ref().map_or(3, |d| d.variables - 1);
        let zeros = |len: usize| Aligned::filled(F::default(), len);
        let outside = population.input.iter().enumerate().map(|(k, input)| Outside {
            receptor: population.receptors.keys().position(|r| *r == input.receptor).unwrap_or(0),
            table: PoissonTable::new(input.rate_hz * 1e-3 * dt),
            weight: input.weight,
            steps: (input.start_ms / dt).round() as u64..(input.stop_ms / dt).round() as u64,
            number: (number * 64 + k) as u32,
        });
        let bits = seed.child("outside").stream().next_u64();
        let receptors: Vec<_> =
            population.receptors.values().map(|r| ReceptorState::new(r, &neuron, dt, padded)).collect();
        let leak = Leak::new(&neuron, dt);
        let mut part = Self {
            first,
            len,
            leaks: varied.iter().flatten().map(|n| Leak::new(n, dt)).collect(),
            leak,
            dt_ms: dt,
            v: zeros(padded),
            slow: (0..slow).map(|_| zeros(padded)).collect(),
            timer: Aligned::filled(0, padded),
            buffers: receptors.iter().map(|_| zeros(padded)).collect(),
            receptors,
            slots: 1,
            outside: outside.collect(),
            // The stationary standard deviation is the one asked for.
            noise: population.noise_mv * (1.0 - leak.keep.value().powi(2)).sqrt(),
            key: [bits as u32, (bits >> 32) as u32],
            processes: processes(population, &range, varied.as_deref(), seed)?,
            given: given(population, &range, dt),
            neuron,
            varied,
            described,
        };
        part.set_start(population, seed);
        part.described = part.described.filter(|_| leaky.is_none());
        Ok(part)
    }

    /// The model of one neuron.
    pub fn model(&self, i: usize) -> &Neuron {
        self.varied.as_ref().map_or(&self.neuron, |all| &all[i])
    }

    fn set_start(&mut self, population: &Population, seed: &Seed) {
        for i in 0..self.v.len() {
            let rest = self.model(i).start();
            self.v[i] = F::of(rest[0]);
            if let Some(kernel) = &self.described {
                let mut others = kernel.start().iter().enumerate().filter(|(k, _)| *k != kernel.voltage);
                self.slow.iter_mut().for_each(|s| s[i] = F::of(others.next().map_or(0.0, |(_, x)| *x)));
                self.v[i] = F::of(kernel.start()[kernel.voltage]);
            } else {
                self.slow.iter_mut().zip(&rest[1..]).for_each(|(s, x)| s[i] = F::of(*x));
            }
            if i >= self.len {
                continue;
            }
            // Each neuron's own stream, so that the division into shards changes nothing.
            let mut stream = seed.child("start").index(self.first + i).stream();
            if let Some(start) = &population.start_mv {
                self.v[i] = F::of(start.draw(&mut stream));
            }
            for (name, receptor) in population.receptors.keys().zip(&mut self.receptors) {
                if let (Some(start), false) = (population.start.get(name), receptor.x.is_empty()) {
                    receptor.x[i] = F::of(start.draw(&mut stream));
                }
            }
            if let Neuron::Described(model) = &population.neuron {
                let slow = model.equations.keys().filter(|name| *name != "v").zip(&mut self.slow);
                for (name, values) in slow {
                    if let Some(start) = population.start.get(name) {
                        values[i] = F::of(start.draw(&mut stream));
                    }
                }
            }
        }
    }

    /// Makes the buffers long enough; before the first step.
    pub fn make_room(&mut self, longest_delay: usize) {
        self.slots = longest_delay.max(1);
        let size = self.slots * self.v.len();
        self.buffers = self.receptors.iter().map(|r| Aligned::filled(r.nothing(), size)).collect();
    }

    /// Where the slots of steps begin.
    pub fn places_of_slots(&self) -> Slots {
        Slots { count: self.slots as u64, size: self.v.len() }
    }

    /// Events that arrive at the end of a step.
    #[inline]
    pub fn slot(&mut self, receptor: usize, step: u64) -> &mut [F] {
        let slots = self.places_of_slots();
        let at = slots.of(step);
        &mut self.buffers[receptor][at..at + slots.size]
    }

    pub fn voltages(&self) -> impl Iterator<Item = f64> + '_ {
        self.v[..self.len].iter().map(|v| v.value())
    }

    /// The first neuron whose voltage is not finite.
    pub fn not_finite(&self) -> Option<(usize, f64)> {
        self.voltages().position(|v| !v.is_finite()).map(|i| (self.first + i, self.v[i].value()))
    }

    /// What the receptors of a block do in the coming step, after which they decay and take the events that arrive at its end.
    #[inline(always)]
    pub fn take_events(&mut self, from: usize, slot: usize, sums: &mut Sums<F, BLOCK>) {
        let v: &[F; BLOCK] = block(&self.v, from);
        for (receptor, buffer) in self.receptors.iter_mut().zip(&mut self.buffers) {
            receptor.act(from, v, sums);
            let arriving: &mut [F; BLOCK] = block_mut(buffer, slot + from);
            receptor.decay(from, arriving, &mut sums.jumps);
            *arriving = [receptor.nothing(); BLOCK];
        }
    }

    /// Moves all neurons by a step and appends the numbers of those that send events, with what they send where it is not 1.
    pub fn advance(&mut self, step: u64, fired: &mut Vec<u32>, amounts: &mut Vec<f32>) {
        if let Some(processes) = &mut self.processes {
            let (key, dt) = (self.key, self.dt_ms);
            let numbers = |block: usize| philox_block(key, block as u32, step, u32::MAX);
            return processes.advance(step as f64 * dt, dt, numbers, fired);
        }
        if let Neuron::SpikeTimes(_) | Neuron::Relay(_) = self.neuron {
            let from = self.given.partition_point(|(s, _)| *s < step);
            fired.extend(self.given[from..].iter().take_while(|(s, _)| *s == step).map(|(_, n)| *n));
            return;
        }
        vectorised(Advance { part: self, step, fired });
        if let Neuron::Graded(graded) = &self.neuron {
            for i in 0..self.len {
                fired.push((self.first + i) as u32);
                amounts.push((graded.release(self.v[i].value()) * self.dt_ms) as f32);
            }
        }
    }
}

/// Models of single neurons where parameters are drawn.
fn vary(
    population: &Population,
    range: &std::ops::Range<usize>,
    padded: usize,
    seed: &Seed,
) -> Result<Option<Vec<Neuron>>> {
    if population.vary.is_empty() {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(padded);
    for i in range.clone() {
        let mut stream = seed.child("parameters").index(i).stream();
        let mut neuron = population.neuron.clone();
        for (name, values) in &population.vary {
            neuron = neuron.with_parameter(name, values.draw(&mut stream), "a population")?;
        }
        neuron.check(&format!("neuron {i}"), 0.1)?;
        all.push(neuron);
    }
    all.resize(padded, population.neuron.clone());
    Ok(Some(all))
}

fn processes(
    population: &Population,
    range: &std::ops::Range<usize>,
    varied: Option<&[Neuron]>,
    seed: &Seed,
) -> Result<Option<Processes>> {
    let Neuron::Renewal(renewal) = &population.neuron else { return Ok(None) };
    let rate = |i: usize| match varied.map(|all| &all[i]) {
        Some(Neuron::Renewal(own)) => own.rate_hz,
        _ => renewal.rate_hz,
    };
    Processes::new(renewal, (0..range.len()).map(rate).collect(), range.start, seed).map(Some)
}

/// A spike at t is sent at the end of the step that ends nearest to t.
fn given(population: &Population, range: &std::ops::Range<usize>, dt_ms: f64) -> Vec<(u64, u32)> {
    let Neuron::SpikeTimes(spikes) = &population.neuron else { return vec![] };
    let mut all: Vec<(u64, u32)> = range
        .clone()
        .flat_map(|i| spikes.times_ms.get(i).into_iter().flatten().map(move |t| (t, i)))
        .map(|(t, i)| ((t / dt_ms).round().max(1.0) as u64 - 1, i as u32))
        .collect();
    all.sort_unstable();
    all
}

struct Advance<'a, F> {
    part: &'a mut Part<F>,
    step: u64,
    fired: &'a mut Vec<u32>,
}

impl<F: Float> Kernel for Advance<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { part, step, fired } = self;
        let padded = part.v.len();
        let slot = part.places_of_slots().of(step);
        let fused = Fused::of(part);
        if let (Some(how), true) = (fused, part.outside.is_empty()) {
            return move_fused(part, how, slot, fired);
        }
        for number in 0..padded / BLOCK {
            let from = number * BLOCK;
            let first_block = (part.first / BLOCK + number) as u32;
            for outside in part.outside.iter().filter(|o| o.steps.contains(&step)) {
                let uniform = philox_block(part.key, first_block, step, outside.number);
                let arriving = block_mut(&mut part.buffers[outside.receptor], slot + from);
                outside.table.add(&uniform, outside.weight, arriving);
            }
            if fused.is_some() {
                continue;
            }
            let mut sums = Sums::zeros();
            part.take_events(from, slot, &mut sums);
            kernels::advance_block(part, from, first_block, step, &mut sums, fired);
        }
        if let Some(how) = fused {
            move_fused(part, how, slot, fired);
        }
    }
}
