//! Rules that differ between compartments (Wright, Hedrick & Komiyama 2025 Science 388:322).
//!
//! Apical synapses learn from their neighbours, dw_i = eta x_i (mean_{|z_j - z_i| < d} x_j - theta_a), basal ones from the
//! output, dw_i = eta x_i (y - theta_b); each branch is normalised, so that its synapses compete. Activity comes in bins. The
//! unit stands for a cell of the motor cortex around lever presses: apical clusters of correlated synapses, basal synapses that
//! prefer the press or its absence to different degrees, and an output that is driven by the basal ones and by the press.

use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::require_range;
use crate::{Error, Result};

/// Constants of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompartmentRules {
    /// Change of a weight per bin.
    pub rate: f64,
    /// Distance in um within which synapses count as neighbours.
    pub neighbours_um: f64,
    /// Share of active neighbours that keeps an apical weight.
    pub theta_apical: f64,
    /// Output that keeps a basal weight.
    pub theta_basal: f64,
}

impl Default for CompartmentRules {
    fn default() -> Self {
        Self { rate: 0.002, neighbours_um: 20.0, theta_apical: 0.3, theta_basal: 0.3 }
    }
}

/// A unit with an apical and a basal compartment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TwoCompartmentUnit {
    /// Synapses of each compartment.
    pub synapses: usize,
    /// Clusters of correlated apical synapses.
    pub clusters: usize,
    /// Distance between neighbouring synapses in um; clusters lie apart by more than neighbours reach.
    pub spacing_um: f64,
    /// Share of bins in which a synapse is active.
    pub activity: f64,
    /// Share of bins in which the lever is pressed.
    pub presses: f64,
    /// Bins.
    pub bins: usize,
    /// Whether the output is silenced.
    pub silenced: bool,
}

impl Default for TwoCompartmentUnit {
    fn default() -> Self {
        Self { synapses: 40, clusters: 4, spacing_um: 3.0, activity: 0.2, presses: 0.5, bins: 4000, silenced: false }
    }
}

/// What one compartment learned; one entry per synapse.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// Positions in um.
    pub position_um: Vec<f64>,
    /// Changes of the weights from 1.
    pub change: Vec<f64>,
    /// Mean activity of the neighbours while the synapse is active.
    pub local_coactivity: Vec<f64>,
    /// Mean output while the synapse is active.
    pub spike_coincidence: Vec<f64>,
}

/// One compartment while it learns.
struct Compartment {
    position_um: Vec<f64>,
    neighbours: Vec<Vec<usize>>,
    weight: Vec<f64>,
    active: Vec<bool>,
    events: Vec<f64>,
    local: Vec<f64>,
    coincidence: Vec<f64>,
}

impl Compartment {
    fn new(position_um: Vec<f64>, reach_um: f64) -> Self {
        let n = position_um.len();
        let near = |i: usize| {
            (0..n).filter(|&j| j != i && (position_um[j] - position_um[i]).abs() < reach_um).collect::<Vec<_>>()
        };
        let neighbours = (0..n).map(near).collect();
        let zeros = vec![0.0; n];
        Self {
            neighbours,
            position_um,
            weight: vec![1.0; n],
            active: vec![false; n],
            events: zeros.clone(),
            local: zeros.clone(),
            coincidence: zeros,
        }
    }

    fn drive(&self) -> f64 {
        self.weight.iter().zip(&self.active).filter(|(_, a)| **a).map(|(w, _)| w).sum()
    }

    fn local_activity(&self, i: usize) -> f64 {
        let near = &self.neighbours[i];
        near.iter().filter(|&&j| self.active[j]).count() as f64 / near.len().max(1) as f64
    }

    /// Changes the weights of active synapses by `rate` times `signal`, and scales the branch back to its sum.
    fn learn(&mut self, rate: f64, output: f64, signal: impl Fn(&Self, usize) -> f64) {
        for i in 0..self.weight.len() {
            if self.active[i] {
                self.events[i] += 1.0;
                self.local[i] += self.local_activity(i);
                self.coincidence[i] += output;
                self.weight[i] = (self.weight[i] + rate * signal(self, i)).max(0.0);
            }
        }
        let scale = self.weight.len() as f64 / self.weight.iter().sum::<f64>();
        self.weight.iter_mut().for_each(|w| *w *= scale);
    }

    fn learned(self) -> Learned {
        let per_event = |sums: &[f64]| sums.iter().zip(&self.events).map(|(s, n)| s / n.max(1.0)).collect::<Vec<f64>>();
        Learned {
            change: self.weight.iter().map(|w| w - 1.0).collect(),
            local_coactivity: per_event(&self.local),
            spike_coincidence: per_event(&self.coincidence),
            position_um: self.position_um,
        }
    }
}

impl TwoCompartmentUnit {
    /// Learns and returns what the apical and the basal synapses became. A silenced unit sees the same inputs.
    ///
    /// # Errors
    /// If a share is not between 0 and 1, or the synapses do not divide into the clusters.
    pub fn learn(&self, rules: &CompartmentRules, seed: &Seed) -> Result<[Learned; 2]> {
        require_range("activity", self.activity, 0.0, 0.5)?;
        require_range("presses", self.presses, 0.01, 0.9)?;
        require_range("rate of the rules", rules.rate, 0.0, 1.0)?;
        if self.clusters == 0 || self.synapses == 0 || !self.synapses.is_multiple_of(self.clusters) {
            let (n, clusters) = (self.synapses, self.clusters);
            return Err(Error::Description(format!("{n} synapses do not divide into {clusters} clusters")));
        }
        let size = self.synapses / self.clusters;
        let pitch = self.spacing_um * size as f64 + 2.0 * rules.neighbours_um;
        let clustered = |i: usize| (i / size) as f64 * pitch + (i % size) as f64 * self.spacing_um;
        let mut apical = Compartment::new((0..self.synapses).map(clustered).collect(), rules.neighbours_um);
        let evenly = |i: usize| i as f64 * self.spacing_um;
        let mut basal = Compartment::new((0..self.synapses).map(evenly).collect(), rules.neighbours_um);
        let mut traits = seed.child("traits").stream();
        // How strongly a cluster follows its common signal, and a basal synapse the lever; mean activity is the same for all.
        let common: Vec<f64> = (0..self.clusters).map(|_| traits.random::<f64>() * 0.9).collect();
        let tuned: Vec<f64> = (0..self.synapses).map(|_| 2.0 * traits.random::<f64>() - 1.0).collect();
        let mut stream = seed.child("bins").stream();
        for _ in 0..self.bins {
            let press = stream.random::<f64>() < self.presses;
            for (cluster, follow) in common.iter().enumerate() {
                let on = stream.random::<f64>() < self.activity;
                for i in cluster * size..(cluster + 1) * size {
                    let (own, follows) = (stream.random::<f64>() < self.activity, stream.random::<f64>() < *follow);
                    apical.active[i] = if follows { on } else { own };
                }
            }
            for (active, tuning) in basal.active.iter_mut().zip(&tuned) {
                // Some prefer the press, some its absence; the mean activity of all is the same.
                let preferred = if *tuning > 0.0 { self.presses } else { 1.0 - self.presses };
                let at = if press == (*tuning > 0.0) { (self.activity / preferred).min(1.0) } else { 0.0 };
                *active = stream.random::<f64>() < tuning.abs() * at + (1.0 - tuning.abs()) * self.activity;
            }
            // Basal input and the press drive the output; plateaus of the apical compartment stay there.
            let expected = self.activity * self.synapses as f64;
            let drive = basal.drive() / expected - 1.0 + if press { 1.0 } else { 0.0 };
            let fires = stream.random::<f64>() < 1.0 / (1.0 + (-6.0 * (drive - 0.5)).exp());
            let output = f64::from(u8::from(fires && !self.silenced));
            apical.learn(rules.rate, output, |c, i| c.local_activity(i) - rules.theta_apical);
            basal.learn(rules.rate, output, |_, _| output - rules.theta_basal);
        }
        Ok([apical.learned(), basal.learned()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::statistics::pearson;

    #[test]
    fn apical_synapses_follow_their_neighbours_and_basal_ones_the_output() {
        let [apical, basal] =
            TwoCompartmentUnit::default().learn(&CompartmentRules::default(), &Seed::root(2)).unwrap();
        assert!(pearson(&apical.change, &apical.local_coactivity).unwrap() > 0.7);
        assert!(pearson(&basal.change, &basal.spike_coincidence).unwrap() > 0.7);
        // Normalised: what some gain others lose.
        for part in [&apical, &basal] {
            assert!(part.change.iter().sum::<f64>().abs() < 1e-9);
        }
    }

    #[test]
    fn without_output_basal_synapses_learn_little_and_apical_ones_the_same() {
        let unit = TwoCompartmentUnit::default();
        let learn = |silenced| {
            TwoCompartmentUnit { silenced, ..unit }.learn(&CompartmentRules::default(), &Seed::root(3)).unwrap()
        };
        let ([apical, basal], [apical_silenced, basal_silenced]) = (learn(false), learn(true));
        let size = |l: &Learned| l.change.iter().map(|c| c.abs()).sum::<f64>();
        assert!(size(&basal_silenced) < 0.3 * size(&basal));
        assert_eq!(apical.change, apical_silenced.change);
        let error = TwoCompartmentUnit { synapses: 41, ..unit }.learn(&CompartmentRules::default(), &Seed::root(1));
        assert!(error.unwrap_err().to_string().contains("41 synapses"));
    }
}
