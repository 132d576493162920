//! Plastic synapses of one projection in one shard.
//!
//! Within a step: postsynaptic spikes are paired with presynaptic traces, traces decay, then spikes that arrive at the next step are
//! paired with postsynaptic traces and delivered with the weight they find.

use std::collections::VecDeque;

use rand::RngExt;
use rand_distr::{Distribution as _, StandardNormal};
use rheobase_core::Seed;

use super::delivery::{Event, deliver_row};
use super::part::Part;
use crate::Float;
use crate::network::{Delays, Rows, Weights};
use crate::plasticity::{CalciumState, Pairing, Plasticity, Rule, Upkeep};

/// The synapses onto each target: their places in the rows, and their sources.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub first: Vec<u32>,
    pub synapses: Vec<u32>,
    sources: Vec<u32>,
}

/// State of plastic synapses beside their weights.
pub(super) struct Plastic {
    plasticity: Plasticity,
    dt_ms: f64,
    seed: Seed,
    delay: usize,
    targets: std::ops::Range<usize>,
    pub columns: Columns,
    /// Sources that fired in the last steps, as many as the delay has.
    pub queue: VecDeque<Vec<u32>>,
    /// Fast and slow traces of sources and of targets.
    pub pre: [Vec<f64>; 2],
    pub post: [Vec<f64>; 2],
    /// What a step leaves of the four.
    keep: [f64; 4],
    /// Eligibility of each synapse, and the step of its last change.
    pub eligibility: Vec<(f64, u64)>,
    pub calcium: Vec<CalciumState>,
    /// Spikes of each target since rates were last looked at.
    pub counts: Vec<u32>,
}

impl Columns {
    pub fn new(rows: &Rows, targets: usize) -> Self {
        let sources = rows.offsets.len() - 1;
        let mut first = vec![0_u32; targets + 1];
        (0..rows.len()).for_each(|i| first[rows.targets.get(i) + 1] += 1);
        (0..targets).for_each(|t| first[t + 1] += first[t]);
        let mut next = first.clone();
        let mut columns = Self { first, synapses: vec![0; rows.len()], sources: vec![0; rows.len()] };
        for source in 0..sources {
            for i in rows.offsets[source]..rows.offsets[source + 1] {
                let place = &mut next[rows.targets.get(i as usize)];
                columns.synapses[*place as usize] = i;
                columns.sources[*place as usize] = source as u32;
                *place += 1;
            }
        }
        columns
    }

    fn of(&self, target: usize) -> std::ops::Range<usize> {
        self.first[target] as usize..self.first[target + 1] as usize
    }
}

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
        let delay = if let Delays::One(d) = rows.delays { d as usize } else { 1 };
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
            delay,
            targets: targets.clone(),
            columns: Columns::new(rows, targets.len()),
            queue: (1..delay).map(|_| vec![]).collect(),
            pre: [vec![0.0; sources], vec![0.0; sources]],
            post: [vec![0.0; targets.len()], vec![0.0; targets.len()]],
            keep: taus.map(|tau| (-dt_ms / tau).exp()),
            eligibility: vec![(0.0, 0); count(plasticity.reward.is_some())],
            calcium: vec![CalciumState::default(); count(matches!(plasticity.rule, Rule::Calcium(_)))],
            counts: vec![0; targets.len()],
            plasticity: plasticity.clone(),
        }
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
        let [pre, pre_slow, post, post_slow] = self.keep;
        for (traces, keep) in self.pre.iter_mut().chain(&mut self.post).zip([pre, pre_slow, post, post_slow]) {
            traces.iter_mut().for_each(|t| *t = (*t * keep + f64::TINY) - f64::TINY);
        }
        self.queue.push_back(fired.collect());
        let arriving = if self.queue.len() >= self.delay { self.queue.pop_front().unwrap_or_default() } else { vec![] };
        let mut delivered = 0;
        for &source in &arriving {
            self.learn_pre(rows, source as usize, step + 1);
            // The slot of a row is its emission plus the delay: the next step.
            let emitted = step + 1 - self.delay as u64;
            delivered += deliver_row(part, receptor, rows, None, Event { source, step: emitted, amount: 1.0 });
        }
        self.reward(rows, step + 1);
        for upkeep in self.plasticity.upkeep.clone() {
            if (step + 1).is_multiple_of((upkeep.every_ms() / self.dt_ms).round().max(1.0) as u64) {
                self.maintain(rows, upkeep, step);
            }
        }
        delivered
    }

    /// A change in units of the largest weight.
    fn change(&mut self, rows: &mut Rows, synapse: usize, change: f64, step: u64) {
        if let (Some(reward), Some((trace, last))) = (&self.plasticity.reward, self.eligibility.get_mut(synapse)) {
            *trace = *trace * (-((step - *last) as f64) * self.dt_ms / reward.tau_ms).exp() + change;
            *last = step;
            return;
        }
        self.add(rows, synapse, change);
    }

    fn add(&self, rows: &mut Rows, synapse: usize, change: f64) {
        let w = &mut each(&mut rows.weights)[synapse];
        let moved = f64::from(*w) + change * self.plasticity.most;
        *w = moved.clamp(self.plasticity.least, self.plasticity.most) as f32;
    }

    fn share(&self, rows: &mut Rows, synapse: usize) -> f64 {
        f64::from(each(&mut rows.weights)[synapse]) / self.plasticity.most
    }

    fn learn_post(&mut self, rows: &mut Rows, target: usize, step: u64) {
        self.counts[target] += 1;
        for k in self.columns.of(target) {
            let (synapse, source) = (self.columns.synapses[k] as usize, self.columns.sources[k] as usize);
            let w = self.share(rows, synapse);
            let change = match self.plasticity.rule {
                Rule::Stdp(rule) => rule.at_post(w, self.pre[0][source], self.post[1][target]),
                Rule::Inhibitory(rule) => rule.rate * self.pre[0][source],
                Rule::Calcium(rule) => rule.spike(&mut self.calcium[synapse], w, step, self.dt_ms, rule.post_jump) - w,
                Rule::None {} => continue,
            };
            self.change(rows, synapse, change, step);
        }
        let jump = self.jump();
        self.post.iter_mut().for_each(|traces| jump(&mut traces[target]));
    }

    fn learn_pre(&mut self, rows: &mut Rows, source: usize, step: u64) {
        for synapse in rows.offsets[source] as usize..rows.offsets[source + 1] as usize {
            let target = rows.targets.get(synapse);
            let w = self.share(rows, synapse);
            let change = match self.plasticity.rule {
                Rule::Stdp(rule) => rule.at_pre(w, self.post[0][target], self.pre[1][source]),
                Rule::Inhibitory(rule) => rule.at_pre(self.post[0][target]),
                Rule::Calcium(rule) => rule.spike(&mut self.calcium[synapse], w, step, self.dt_ms, rule.pre_jump) - w,
                Rule::None {} => continue,
            };
            self.change(rows, synapse, change, step);
        }
        let jump = self.jump();
        self.pre.iter_mut().for_each(|traces| jump(&mut traces[source]));
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
    pub fn give(&self, rows: &mut Rows, size: f64, step: u64) {
        let Some(reward) = &self.plasticity.reward else { return };
        for (synapse, (trace, last)) in self.eligibility.iter().enumerate() {
            let left = trace * (-((step.saturating_sub(*last)) as f64) * self.dt_ms / reward.tau_ms).exp();
            self.add(rows, synapse, size * left);
        }
    }

    fn maintain(&mut self, rows: &mut Rows, upkeep: Upkeep, step: u64) {
        let (least, most) = (self.plasticity.least, self.plasticity.most);
        match upkeep {
            Upkeep::Turnover { below, initial, .. } => return self.turn_over(rows, below, initial, step),
            Upkeep::Normalise { .. } | Upkeep::Scale { .. } | Upkeep::Fluctuate { .. } => {}
        }
        let weights = each(&mut rows.weights);
        for target in 0..self.targets.len() {
            let column = &self.columns.synapses[self.columns.of(target)];
            let mut stream = self.seed.child("upkeep").index(step as usize).index(self.targets.start + target).stream();
            let factor = match upkeep {
                Upkeep::Normalise { sum, .. } => {
                    sum / column.iter().map(|s| f64::from(weights[*s as usize])).sum::<f64>()
                }
                Upkeep::Scale { every_ms, target_hz, strength } => {
                    let rate_hz = f64::from(self.counts[target]) / (1e-3 * every_ms);
                    1.0 + strength * (target_hz - rate_hz).clamp(-target_hz, target_hz) / target_hz
                }
                _ => 1.0,
            };
            for synapse in column {
                let w = &mut weights[*synapse as usize];
                let next = match upkeep {
                    Upkeep::Fluctuate { factor, factor_sd, added, .. } => {
                        let normal: f64 = StandardNormal.sample(&mut stream);
                        (factor + factor_sd * normal).max(0.0) * f64::from(*w) + added
                    }
                    _ if factor.is_finite() => factor * f64::from(*w),
                    _ => continue,
                };
                *w = next.clamp(least, most) as f32;
            }
        }
        if matches!(upkeep, Upkeep::Scale { .. }) {
            self.counts.fill(0);
        }
    }

    /// Cuts weak synapses and draws other sources for as many new ones.
    fn turn_over(&mut self, rows: &mut Rows, below: f64, initial: f64, step: u64) {
        let sources = rows.offsets.len() - 1;
        let mut all = Vec::with_capacity(rows.len());
        for target in 0..self.targets.len() {
            let mut stream =
                self.seed.child("turnover").index(step as usize).index(self.targets.start + target).stream();
            for k in self.columns.of(target) {
                let w = each(&mut rows.weights)[self.columns.synapses[k] as usize];
                let kept = f64::from(w) >= below;
                let source = if kept { self.columns.sources[k] } else { stream.random_range(0..sources as u32) };
                all.push((source, target as u32, if kept { w } else { initial as f32 }));
            }
        }
        all.sort_by_key(|(source, target, _)| (*source, *target));
        rows.refill(&all);
        self.columns = Columns::new(rows, self.targets.len());
    }

    /// Weights in the order of targets, and of sources for each.
    pub fn weights_by_target(&self, rows: &Rows) -> Vec<(u32, u32, f32)> {
        let Weights::Each(weights) = &rows.weights else { return vec![] };
        (0..self.targets.len())
            .flat_map(|target| self.columns.of(target).map(move |k| (target, k)))
            .map(|(target, k)| {
                let weight = weights[self.columns.synapses[k] as usize];
                (self.columns.sources[k], (self.targets.start + target) as u32, weight)
            })
            .collect()
    }
}
