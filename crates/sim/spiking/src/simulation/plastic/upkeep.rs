//! What is done to plastic synapses from time to time.

use rand::RngExt;
use rand_distr::{Distribution as _, StandardNormal};

use super::{Columns, Plastic, each};
use crate::network::{Rows, Synapse};
use crate::plasticity::Upkeep;

impl Plastic {
    /// Does one kind of upkeep at the end of `step`, with weights that are up to date.
    pub(super) fn maintain(&mut self, rows: &mut Rows, upkeep: Upkeep, step: u64) {
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
        let shortest = self.delays[0] as u16;
        for target in 0..self.targets.len() {
            let mut stream =
                self.seed.child("turnover").index(step as usize).index(self.targets.start + target).stream();
            for k in self.columns.of(target) {
                let w = each(&mut rows.weights)[self.columns.synapses[k] as usize];
                let kept = f64::from(w) >= below;
                let source = if kept { self.columns.sources[k] } else { stream.random_range(0..sources as u32) };
                let weight = if kept { w } else { initial as f32 };
                let delay = shortest + self.columns.lag(k) as u16;
                all.push(Synapse { source, target: target as u32, weight, delay });
            }
        }
        rows.refill(all);
        self.columns = Columns::new(rows, self.targets.len(), self.delays[0]);
        self.send_again(rows, step + 1);
    }
}
