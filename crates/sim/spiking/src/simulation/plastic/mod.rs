//! Plastic synapses of one projection in one shard.
//!
//! Within a step: postsynaptic spikes are paired with presynaptic traces, traces decay, then spikes that arrive at the next step are
//! paired with postsynaptic traces and delivered with the weight they find. A presynaptic trace is what arrived by the shortest delay; a
//! synapse with a longer one sees it as it was before.

mod columns;
mod upkeep;

use std::collections::VecDeque;

use rheobase_core::Seed;

pub(super) use columns::Columns;

use super::delivery::{Event, deliver_run};
use super::part::Part;
use crate::Float;
use crate::network::{Rows, Synapse, Weights};
use crate::plasticity::{CalciumState, Pairing, Plasticity, Rule};

/// Synapses of one source that its spike reaches in one step.
#[derive(Debug, Clone, Copy)]
struct Arrival {
    source: u32,
    emitted: u64,
    delay: u16,
    first: u32,
    end: u32,
}

/// State of plastic synapses beside their weights.
pub(super) struct Plastic {
    plasticity: Plasticity,
    dt_ms: f64,
    seed: Seed,
    /// Shortest and longest delay in steps.
    delays: [usize; 2],
    targets: std::ops::Range<usize>,
    pub columns: Columns,
    /// Sources that fired in the last steps, the oldest first.
    pub queue: VecDeque<Vec<u32>>,
    /// What arrives at the next step, the one after, ...
    arrivals: VecDeque<Vec<Arrival>>,
    /// Fast and slow traces of sources as the shortest delay brings them: now, a step ago, ... as far back as delays differ.
    pub pre: VecDeque<[Vec<f64>; 2]>,
    /// Fast and slow traces of targets.
    pub post: [Vec<f64>; 2],
    /// What a step leaves of the four.
    keep: [f64; 4],
    /// Eligibility of each synapse, and the step of its last change.
    pub eligibility: Vec<(f64, u64)>,
    /// What the last reward left of the substance that carries it, and the step of that reward.
    pub level: (f64, u64),
    pub calcium: Vec<CalciumState>,
    /// Spikes of each target since rates were last looked at.
    pub counts: Vec<u32>,
}

/// Time constants after which nothing is left of what a reward released: 1e-13 of it.
const GONE: f64 = 30.0;

fn each(weights: &mut Weights) -> &mut [f32] {
    match weights {
        Weights::Each(all) => all,
        Weights::One(_) => &mut [],
    }
}

impl Plastic {
    pub fn new(
        plasticity: &Plasticity,
        rows: &mut Rows,
        targets: &std::ops::Range<usize>,
        dt_ms: f64,
        seed: Seed,
    ) -> Self {
        if let Weights::One(weight) = rows.weights {
            rows.weights = Weights::Each(vec![weight; rows.len()]);
        }
        let sources = rows.offsets.len() - 1;
        let taus = match plasticity.rule {
            Rule::Stdp(rule) => {
                let slow = rule.triplet.map_or([1.0, 1.0], |t| [t.tau_x_ms, t.tau_y_ms]);
                [rule.tau_plus_ms, slow[0], rule.tau_minus_ms, slow[1]]
            }
            Rule::Inhibitory(rule) => [rule.tau_ms, 1.0, rule.tau_ms, 1.0],
            Rule::Calcium(_) | Rule::None {} => [1.0; 4],
        };
        let count = |needed: bool| if needed { rows.len() } else { 0 };
        Self {
            dt_ms,
            seed,
            delays: [1, 1],
            targets: targets.clone(),
            columns: Columns::default(),
            queue: VecDeque::new(),
            arrivals: VecDeque::new(),
            pre: [[vec![0.0; sources], vec![0.0; sources]]].into(),
            post: [vec![0.0; targets.len()], vec![0.0; targets.len()]],
            keep: taus.map(|tau| (-dt_ms / tau).exp()),
            eligibility: vec![(0.0, 0); count(plasticity.reward.is_some())],
            level: (0.0, 0),
            calcium: vec![CalciumState::default(); count(matches!(plasticity.rule, Rule::Calcium(_)))],
            counts: vec![0; targets.len()],
            plasticity: plasticity.clone(),
        }
    }

    /// Makes room for the delays of the projection, the shortest and the longest in steps that any shard's synapses have.
    pub fn make_room(&mut self, rows: &Rows, [shortest, longest]: [usize; 2]) {
        self.delays = [shortest, longest];
        self.columns = Columns::new(rows, self.targets.len(), shortest);
        self.queue.resize(longest - 1, vec![]);
        self.arrivals.resize(longest, vec![]);
        let silent = self.pre[0].clone();
        self.pre.resize(1 + longest - shortest, silent);
    }

    /// Bytes that the synapses take beside their weights.
    pub fn bytes(&self) -> usize {
        let (eligibility, calcium) = (size_of_val(&self.eligibility[..]), size_of_val(&self.calcium[..]));
        self.columns.bytes() + eligibility + calcium
    }

    /// In steps.
    pub fn shortest_delay(&self) -> usize {
        self.delays[0]
    }

    /// A step: learns and delivers; returns how many events were delivered.
    pub fn step<F: Float>(
        &mut self,
        rows: &mut Rows,
        part: &mut Part<F>,
        receptor: usize,
        step: u64,
        fired: impl Iterator<Item = u32>,
        posts: &[u32],
    ) -> u64 {
        for post in posts {
            self.learn_post(rows, *post as usize - part.first, step);
        }
        let [.., fast, slow] = self.keep;
        for (traces, keep) in self.post.iter_mut().zip([fast, slow]) {
            traces.iter_mut().for_each(|t| *t = decayed(*t, keep));
        }
        self.queue.push_back(fired.collect());
        self.send(rows, self.queue.len() - 1, step);
        let arriving = self.arrivals.pop_front().unwrap_or_default();
        let mut delivered = 0;
        for arrival in &arriving {
            self.learn_pre(rows, arrival, step + 1);
            let run = arrival.first as usize..arrival.end as usize;
            let event = Event { source: arrival.source, step: arrival.emitted, amount: 1.0 };
            delivered += deliver_run(part, receptor, rows, event, (arrival.delay, run));
        }
        self.arrivals.push_back(arriving);
        if let Some(reused) = self.arrivals.back_mut() {
            reused.clear();
        }
        self.trace();
        self.queue.pop_front();
        self.reward(rows, step + 1);
        for upkeep in self.plasticity.upkeep.clone() {
            if (step + 1).is_multiple_of((upkeep.every_ms() / self.dt_ms).round().max(1.0) as u64) {
                self.settle_all(rows, step + 1);
                self.maintain(rows, upkeep, step);
            }
        }
        delivered
    }

    /// Puts the spikes of one step on their way, those that have not arrived at `step` already.
    fn send(&mut self, rows: &Rows, place: usize, step: u64) {
        let age = self.queue.len() - 1 - place;
        for &source in &self.queue[place] {
            for (delay, run) in rows.runs(source as usize) {
                let Some(ahead) = (delay as usize).checked_sub(1 + age) else { continue };
                let emitted = step - age as u64;
                let (first, end) = (run.start as u32, run.end as u32);
                self.arrivals[ahead].push(Arrival { source, emitted, delay, first, end });
            }
        }
    }

    /// Looks up again what is on its way before `step`, after synapses have moved.
    pub fn send_again(&mut self, rows: &Rows, step: u64) {
        self.arrivals.iter_mut().for_each(Vec::clear);
        // What fires in the step itself is sent then.
        self.queue.push_back(vec![]);
        (0..self.queue.len()).for_each(|place| self.send(rows, place, step));
        self.queue.pop_back();
    }

    /// Moves the traces of sources by a step, with the spikes that the shortest delay brings.
    fn trace(&mut self) {
        if self.pre.len() > 1
            && let Some(mut oldest) = self.pre.pop_back()
        {
            oldest.iter_mut().zip(&self.pre[0]).for_each(|(old, newest)| old.copy_from_slice(newest));
            self.pre.push_front(oldest);
        }
        let jump = self.jump();
        let fired = &self.queue[self.queue.len() - self.delays[0]];
        for (traces, keep) in self.pre[0].iter_mut().zip(self.keep) {
            traces.iter_mut().for_each(|t| *t = decayed(*t, keep));
            fired.iter().for_each(|source| jump(&mut traces[*source as usize]));
        }
    }

    /// Brings a weight up to now: what eligibility and the substance of past rewards did to it since it was last looked at,
    /// the integral of trace x level / tau of the level.
    fn settle(&mut self, rows: &mut Rows, synapse: usize, step: u64) {
        let Some((trace, last)) = self.eligibility.get(synapse) else { return };
        let (kept, gained) = self.course(*trace, *last, step);
        self.eligibility[synapse] = (kept, step);
        if gained != 0.0 {
            self.add(rows, synapse, gained);
        }
    }

    fn settle_all(&mut self, rows: &mut Rows, step: u64) {
        (0..self.eligibility.len()).for_each(|synapse| self.settle(rows, synapse, step));
    }

    /// What is left of a trace, and what it added to the weight meanwhile.
    fn course(&self, trace: f64, last: u64, step: u64) -> (f64, f64) {
        let Some(reward) = &self.plasticity.reward else { return (trace, 0.0) };
        let elapsed_ms = step.saturating_sub(last) as f64 * self.dt_ms;
        let kept = trace * (-elapsed_ms / reward.tau_ms).exp();
        let (level, since) = self.level;
        let ended = last.saturating_sub(since) as f64 * self.dt_ms > GONE * reward.release_tau_ms;
        if level == 0.0 || trace == 0.0 || ended {
            return (kept, 0.0);
        }
        let level = level * (-(last.saturating_sub(since) as f64) * self.dt_ms / reward.release_tau_ms).exp();
        let both_ms = 1.0 / (1.0 / reward.tau_ms + 1.0 / reward.release_tau_ms);
        (kept, -trace * level * both_ms / reward.release_tau_ms * (-elapsed_ms / both_ms).exp_m1())
    }

    /// A change in units of the largest weight, of a weight that is up to date.
    fn change(&mut self, rows: &mut Rows, synapse: usize, change: f64) {
        if let Some((trace, _)) = self.eligibility.get_mut(synapse) {
            *trace += change;
            return;
        }
        self.add(rows, synapse, change);
    }

    fn add(&self, rows: &mut Rows, synapse: usize, change: f64) {
        let w = &mut each(&mut rows.weights)[synapse];
        *w = self.moved(*w, change);
    }

    fn moved(&self, weight: f32, change: f64) -> f32 {
        let moved = f64::from(weight) + change * self.plasticity.most;
        moved.clamp(self.plasticity.least, self.plasticity.most) as f32
    }

    fn share(&self, rows: &mut Rows, synapse: usize) -> f64 {
        f64::from(each(&mut rows.weights)[synapse]) / self.plasticity.most
    }

    fn learn_post(&mut self, rows: &mut Rows, target: usize, step: u64) {
        self.counts[target] += 1;
        for k in self.columns.of(target) {
            let (synapse, source) = (self.columns.synapses[k] as usize, self.columns.sources[k] as usize);
            self.settle(rows, synapse, step);
            let (w, pre) = (self.share(rows, synapse), self.pre[self.columns.lag(k)][0][source]);
            let change = match self.plasticity.rule {
                Rule::Stdp(rule) => rule.at_post(w, pre, self.post[1][target]),
                Rule::Inhibitory(rule) => rule.rate * pre,
                Rule::Calcium(rule) => rule.spike(&mut self.calcium[synapse], w, step, self.dt_ms, rule.post_jump) - w,
                Rule::None {} => continue,
            };
            self.change(rows, synapse, change);
        }
        let jump = self.jump();
        self.post.iter_mut().for_each(|traces| jump(&mut traces[target]));
    }

    fn learn_pre(&mut self, rows: &mut Rows, arrival: &Arrival, step: u64) {
        // Traces of sources move after this.
        let before = &self.pre[arrival.delay as usize - self.delays[0]][1];
        let slow = decayed(before[arrival.source as usize], self.keep[1]);
        for synapse in arrival.first as usize..arrival.end as usize {
            let target = rows.targets.get(synapse);
            self.settle(rows, synapse, step);
            let w = self.share(rows, synapse);
            let change = match self.plasticity.rule {
                Rule::Stdp(rule) => rule.at_pre(w, self.post[0][target], slow),
                Rule::Inhibitory(rule) => rule.at_pre(self.post[0][target]),
                Rule::Calcium(rule) => rule.spike(&mut self.calcium[synapse], w, step, self.dt_ms, rule.pre_jump) - w,
                Rule::None {} => continue,
            };
            self.change(rows, synapse, change);
        }
    }

    /// What a spike does to a trace.
    fn jump(&self) -> fn(&mut f64) {
        match self.plasticity.rule {
            Rule::Stdp(rule) if rule.pairing == Pairing::Nearest => |t| *t = 1.0,
            _ => |t| *t += 1.0,
        }
    }

    fn reward(&mut self, rows: &mut Rows, step: u64) {
        let Some(reward) = &self.plasticity.reward else { return };
        let now = |[time, _]: &&[f64; 2]| (time / self.dt_ms).round() as u64 == step;
        let size: f64 = reward.rewards.iter().filter(now).map(|[_, size]| size).sum();
        if size != 0.0 {
            self.give(rows, size, step);
        }
    }

    /// A reward at a step.
    pub fn give(&mut self, rows: &mut Rows, size: f64, step: u64) {
        let Some(reward) = &self.plasticity.reward else { return };
        let release_tau_ms = reward.release_tau_ms;
        self.settle_all(rows, step);
        if release_tau_ms > 0.0 {
            let (level, since) = self.level;
            let kept = level * (-(step.saturating_sub(since) as f64) * self.dt_ms / release_tau_ms).exp();
            self.level = (kept + size, step);
            return;
        }
        for synapse in 0..self.eligibility.len() {
            self.add(rows, synapse, size * self.eligibility[synapse].0);
        }
    }

    /// Synapses in the order of targets, and of sources for each, as they stand in the rows.
    pub fn synapses_by_target(&self, rows: &Rows) -> Vec<Synapse> {
        let Weights::Each(weights) = &rows.weights else { return vec![] };
        let shortest = self.delays[0] as u16;
        (0..self.targets.len())
            .flat_map(|target| self.columns.of(target).map(move |k| (target, k)))
            .map(|(target, k)| Synapse {
                source: self.columns.sources[k],
                target: (self.targets.start + target) as u32,
                weight: weights[self.columns.synapses[k] as usize],
                delay: shortest + self.columns.lag(k) as u16,
            })
            .collect()
    }

    /// A weight as it is at a step, whether or not it has been brought up to it.
    pub fn weight_at(&self, synapse: usize, weight: f32, step: u64) -> f32 {
        let Some((trace, last)) = self.eligibility.get(synapse) else { return weight };
        self.moved(weight, self.course(*trace, *last, step).1)
    }
}

/// A trace a step later; subnormal values become 0.
fn decayed(trace: f64, keep: f64) -> f64 {
    (trace * keep + f64::TINY) - f64::TINY
}
