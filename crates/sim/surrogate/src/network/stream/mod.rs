//! Copies of a network that go on one millisecond at a time, each with its own past: what a surrogate needs inside a network whose
//! later spikes depend on its own.
//!
//! Nothing is computed twice: the convolutional network keeps the frames that its later layers still look at and adds a spike's kernel
//! to the frames ahead; the others keep their states.

mod recurrent;
mod tcn;

use serde::{Deserialize, Serialize};

use super::{Network, elm};
use crate::copies::check_active;
use crate::{Error, Result};

/// What the copies remember.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Past {
    /// Milliseconds so far.
    pub steps: usize,
    /// Values of all copies, kind by kind.
    pub values: Vec<Vec<f32>>,
    /// States in double precision, of recurrent networks.
    pub wide: Vec<f64>,
}

/// Copies of a network in time.
pub struct Stream {
    kind: Kind,
    inputs: usize,
    copies: usize,
    past: Past,
    outputs: Vec<f32>,
}

enum Kind {
    Tcn(tcn::Stream),
    Elm(Box<elm::Stream>),
    Recurrent(Box<recurrent::Stream>),
}

impl Network {
    /// Copies of the network before their first millisecond.
    pub fn stream(&self, weights: &[Vec<f32>], copies: usize) -> Stream {
        let kind = match self {
            Self::Tcn(network) => Kind::Tcn(tcn::Stream::new(network, weights)),
            Self::Elm(network) => Kind::Elm(Box::new(elm::Stream::new(network, weights))),
            Self::Recurrent(network) => Kind::Recurrent(Box::new(recurrent::Stream::new(network, weights))),
        };
        let mut past = Past::default();
        match &kind {
            Kind::Tcn(stream) => past.values = stream.start(copies),
            Kind::Elm(stream) => past.values = stream.start(copies),
            Kind::Recurrent(stream) => past.wide = stream.start(copies),
        }
        Stream { kind, inputs: self.inputs(), copies, past, outputs: vec![0.0; copies * self.heads()] }
    }
}

impl Stream {
    /// Goes on by a millisecond in which these inputs of each copy are active; returns (copies, heads).
    ///
    /// # Errors
    /// If there are not as many lists as copies, or an input is not there.
    pub fn advance(&mut self, active: &[Vec<u32>]) -> Result<&[f32]> {
        check_active(active, self.copies, self.inputs)?;
        match &mut self.kind {
            Kind::Tcn(stream) => stream.advance(&mut self.past, active, &mut self.outputs),
            Kind::Elm(stream) => stream.advance(&mut self.past, active, &mut self.outputs),
            Kind::Recurrent(stream) => stream.advance(&mut self.past, active, &mut self.outputs),
        }
        self.past.steps += 1;
        Ok(&self.outputs)
    }

    /// What the copies remember now.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Returns to a past.
    ///
    /// # Errors
    /// If it is another network's or of another number of copies.
    pub fn restore(&mut self, past: Past) -> Result<()> {
        let shape = |p: &Past| (p.values.iter().map(Vec::len).collect::<Vec<_>>(), p.wide.len());
        if shape(&past) != shape(&self.past) {
            return Err(Error::Data("what copies of a surrogate remember is another network's".into()));
        }
        self.past = past;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Activation, BranchLayout, Branches, Elm, Recurrent, Tcn, Uptake};
    use crate::spikes::{InputSpikes, SpikeBatch};
    use rand::RngExt;
    use rheobase_core::Seed;
    use rheobase_rate::recurrent::Cell;

    fn networks(inputs: usize) -> Vec<Network> {
        let tcn = |kernels: Vec<usize>, activation| Tcn { inputs, width: 5, kernels, activation, heads: 2 };
        let elm = |branches, signs, uptake| Elm {
            inputs,
            signs,
            memories: 3,
            hidden: 7,
            branches,
            tau_synapse_ms: 5.0,
            tau_memory_ms: (1.0, 60.0),
            lambda: 5.0,
            uptake,
            heads: 2,
        };
        let recurrent = |cell| Network::Recurrent(Recurrent { cell, inputs, units: 4, heads: 2 });
        vec![
            Network::Tcn(tcn(vec![9, 4, 3], Activation::LeakyRelu)),
            Network::Tcn(tcn(vec![6], Activation::Linear)),
            Network::Elm(elm(None, vec![], Uptake::Linear)),
            Network::Elm(elm(
                Some(Branches { count: 3, synapses: 4, layout: BranchLayout::Even }),
                vec![1, 1, 1, 1, -1, -1, 1, 1],
                Uptake::Bounded,
            )),
            recurrent(Cell::Lstm),
            recurrent(Cell::Gru),
        ]
    }

    #[test]
    fn one_millisecond_at_a_time_is_the_whole_trial_at_once() {
        let (inputs, steps, copies) = (8, 40, 3);
        let mut stream = Seed::root(2).stream();
        let mut draw = |_| {
            let events = (0..90).map(|_| (stream.random_range(0..steps as u32), stream.random_range(0..inputs as u32)));
            InputSpikes::new(inputs, steps, events.collect()).unwrap()
        };
        let trials: Vec<InputSpikes> = (0..copies).map(&mut draw).collect();
        let batch = SpikeBatch::new(&trials).unwrap();
        for network in networks(inputs) {
            let mut weights = network.initial(&Seed::root(5)).unwrap();
            // Weights far from small, so that a misplaced one shows.
            weights.iter_mut().flatten().for_each(|w| *w *= 2.0);
            let whole = network.forward(&weights, &batch, 1).0;
            let mut live = network.stream(&weights, copies);
            let mut kept = None;
            for t in 0..steps {
                let active: Vec<Vec<u32>> = trials.iter().map(|trial| trial.at(t).to_vec()).collect();
                if t == 20 {
                    kept = Some(live.past().clone());
                }
                for (value, k) in live.advance(&active).unwrap().iter().zip(0..) {
                    let (copy, head) = (k / 2, k % 2);
                    let expected = whole[(copy * steps + t) * 2 + head];
                    let bound = 2e-5 * expected.abs().max(1.0);
                    assert!((value - expected).abs() < bound, "{network:?} at {t}: {value} {expected}");
                }
            }
            // A restored past goes on to the same bytes.
            let last = live.outputs.clone();
            let mut again = network.stream(&weights, copies);
            again.restore(kept.unwrap()).unwrap();
            for t in 20..steps {
                again.advance(&trials.iter().map(|trial| trial.at(t).to_vec()).collect::<Vec<_>>()).unwrap();
            }
            assert_eq!(again.outputs, last);
            assert!(network.stream(&weights, 2).restore(live.past().clone()).is_err());
            assert!(live.advance(&[vec![], vec![]]).unwrap_err().to_string().contains("2 copies"));
            assert!(live.advance(&[vec![], vec![8], vec![]]).unwrap_err().to_string().contains("input 8"));
        }
    }
}
