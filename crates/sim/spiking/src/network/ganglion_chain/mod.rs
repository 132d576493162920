//! The ladder-like nervous system of worms and arthropods: a chain of paired ganglia, of which the first is the brain.
//!
//! Every half of a ganglion has sensory neurons, local interneurons and motor neurons, which make a reflex; commissures, by which its
//! inhibitory neurons silence the other half; and ascending neurons. Paired connectives, one on each side, carry ascending axons
//! to the brain, descending axons from it to all ganglia, and weak ones between neighbours. Half of what ascending and descending
//! neurons hear comes from the other side, so one connective of a pair can stand in for both. An axon is lost where its connective
//! is cut. The plan is that of textbooks (Bullock & Horridge 1965); sizes and strengths are our own choice.

mod parts;
mod wires;

use std::collections::BTreeMap;

use rand::RngExt;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use parts::{Cut, Side, Touch, Weights};
use wires::{Half, Wires};

use super::{NetworkDescription, Population, Precision, Projection, Receptor};
use crate::Error;
use crate::error::{Result, require_range};
use crate::neuron::{Lif, Neuron, SpikeTimes};

/// Step of the network: a synapse takes one at least.
const DT_MS: f64 = 0.1;

/// Sizes and strengths; sizes count a half of a ganglion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GanglionChain {
    /// Ganglia, the brain included.
    #[schemars(range(min = 2, max = 1000))]
    pub ganglia: usize,
    /// Sensory neurons.
    #[schemars(range(min = 1))]
    pub sensory: usize,
    /// Local interneurons.
    #[schemars(range(min = 1))]
    pub interneurons: usize,
    /// Inhibitory neurons whose axons cross.
    #[schemars(range(min = 1))]
    pub commissural: usize,
    /// Motor neurons.
    #[schemars(range(min = 1))]
    pub motor: usize,
    /// Neurons whose axons ascend to the brain.
    #[schemars(range(min = 1))]
    pub ascending: usize,
    /// Neurons of the brain whose axons descend to all ganglia.
    #[schemars(range(min = 1))]
    pub descending: usize,
    /// Inputs within a ganglion that a neuron gets from each half and kind that it hears.
    #[schemars(range(min = 1))]
    pub inputs: usize,
    /// Delay of a synapse in ms: a step of 0.1 or more.
    pub synapse_ms: f64,
    /// Conduction time from a ganglion to the next in ms.
    pub conduction_ms: f64,
    /// Noise of all neurons but sensory ones: standard deviation of the free voltage in mV; threshold is 20 mV above rest.
    pub noise_mv: f64,
    /// Jumps of the voltage in mV by one spike.
    pub weights_mv: Weights,
}

impl Default for GanglionChain {
    fn default() -> Self {
        Self {
            ganglia: 7,
            sensory: 20,
            interneurons: 20,
            commissural: 10,
            motor: 10,
            ascending: 5,
            descending: 5,
            inputs: 10,
            synapse_ms: 1.0,
            conduction_ms: 3.0,
            noise_mv: 2.0,
            weights_mv: Weights::default(),
        }
    }
}

/// Kinds of neurons, which are the populations.
const KINDS: [&str; 6] = ["sensory", "interneuron", "commissural", "motor", "ascending", "descending"];

impl GanglionChain {
    /// Neurons of a kind in half a ganglion.
    ///
    /// # Errors
    /// If there is no such kind; the known ones are listed.
    pub fn size(&self, kind: &str) -> Result<usize> {
        let sizes = [self.sensory, self.interneurons, self.commissural, self.motor, self.ascending, self.descending];
        let place = KINDS.iter().position(|k| *k == kind).ok_or_else(|| Error::Unknown {
            what: "kind of neuron of a ganglion".into(),
            name: kind.into(),
            known: KINDS.join(", "),
        })?;
        Ok(sizes[place])
    }

    /// Numbers of the neurons of a kind in half a ganglion; halves follow each other from the brain on, left before right. Descending
    /// neurons are in the brain only.
    ///
    /// # Errors
    /// As [`Self::size`].
    pub fn members(&self, kind: &str, ganglion: usize, side: Side) -> Result<std::ops::Range<usize>> {
        let size = self.size(kind)?;
        let first = (2 * ganglion + usize::from(side == Side::Right)) * size;
        Ok(first..first + size)
    }

    /// Refuses a chain of one, halves without neurons, and times and weights outside their ranges.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("ganglia", self.ganglia as f64, 2.0, 1000.0)?;
        for kind in KINDS {
            require_range(format!("number of {kind} neurons in half a ganglion"), self.size(kind)? as f64, 1.0, 1e5)?;
        }
        require_range("inputs", self.inputs as f64, 1.0, 1e5)?;
        require_range("synapse_ms", self.synapse_ms, DT_MS, 1e3)?;
        require_range("conduction_ms", self.conduction_ms, 0.0, 1e3)?;
        require_range("noise_mv", self.noise_mv, 0.0, 1e3)?;
        for (name, weight_mv) in self.weights_mv.named() {
            require_range(format!("weights_mv.{name}"), weight_mv, -1e3, 1e3)?;
        }
        Ok(())
    }

    /// The network, with some halves touched and some connectives cut. Synapses and spikes of sensory neurons are drawn from the seed,
    /// whatever is cut.
    ///
    /// # Errors
    /// As [`Self::check`], and if a touch or a cut is not on the chain.
    pub fn network(
        &self,
        touched: &[(usize, Side)],
        touch: &Touch,
        cuts: &[Cut],
        seed: &Seed,
    ) -> Result<NetworkDescription> {
        self.check()?;
        for cut in cuts {
            require_range("ganglion in front of a cut", cut.behind as f64, 0.0, self.ganglia as f64 - 2.0)?;
        }
        let mut populations = BTreeMap::new();
        for kind in KINDS {
            let halves = if kind == "descending" { 2 } else { 2 * self.ganglia };
            let neuron = match kind {
                "sensory" => Neuron::SpikeTimes(self.sensory_spikes(touched, touch, &seed.child("touch"))?),
                _ => Neuron::Lif(Lif::default()),
            };
            let mut population = Population::new(halves * self.size(kind)?, neuron);
            if kind != "sensory" {
                population = population.with_receptor("synapse", Receptor::Delta);
                population.noise_mv = self.noise_mv;
            }
            populations.insert(kind.to_owned(), population);
        }
        let projections = self.projections(cuts, &seed.child("synapses"))?;
        let network = NetworkDescription { dt_ms: DT_MS, precision: Precision::Double, populations, projections };
        network.check()?;
        Ok(network)
    }

    fn sensory_spikes(&self, touched: &[(usize, Side)], touch: &Touch, seed: &Seed) -> Result<SpikeTimes> {
        touch.check()?;
        let mut times_ms = vec![vec![]; 2 * self.ganglia * self.sensory];
        for &(ganglion, side) in touched {
            require_range("touched ganglion", ganglion as f64, 0.0, self.ganglia as f64 - 1.0)?;
            for neuron in self.members("sensory", ganglion, side)? {
                let mut stream = seed.index(neuron).stream();
                // An interval is longer than any touch at a rate of 0.
                let mean_ms = 1000.0 / touch.rate_hz.max(1e-12);
                let mut later = |at_ms: f64| Some(at_ms - mean_ms * (1.0 - stream.random::<f64>()).ln());
                let spikes = std::iter::successors(Some(touch.start_ms), |at_ms| later(*at_ms)).skip(1);
                times_ms[neuron] = spikes.take_while(|at_ms| *at_ms < touch.start_ms + touch.duration_ms).collect();
            }
        }
        Ok(SpikeTimes { times_ms })
    }

    fn projections(&self, cuts: &[Cut], seed: &Seed) -> Result<Vec<Projection>> {
        let w = &self.weights_mv;
        let mut local = Wires::new(self, cuts, seed);
        for ganglion in 0..self.ganglia {
            for side in Side::BOTH {
                let (here, across) = (Half { ganglion, side }, Half { ganglion, side: side.other() });
                local.some(("sensory", here), ("interneuron", here), w.sensory_interneuron)?;
                local.some(("sensory", here), ("motor", here), w.sensory_motor)?;
                local.some(("interneuron", here), ("motor", here), w.interneuron_motor)?;
                local.some(("interneuron", here), ("commissural", here), w.interneuron_projecting)?;
                local.some(("commissural", across), ("motor", here), w.commissural)?;
                local.some(("commissural", across), ("interneuron", here), w.commissural)?;
                let projecting = if ganglion == 0 { "descending" } else { "ascending" };
                for from in [here, across] {
                    local.some(("interneuron", from), (projecting, here), w.interneuron_projecting)?;
                }
                if ganglion > 0 {
                    let brain = Half { ganglion: 0, side };
                    local.all(("ascending", here), ("interneuron", brain), w.ascending)?;
                    local.all(("descending", brain), ("motor", here), w.descending)?;
                    let before = Half { ganglion: ganglion - 1, side };
                    local.some(("interneuron", here), ("motor", before), w.neighbour)?;
                    local.some(("interneuron", before), ("motor", here), w.neighbour)?;
                }
            }
        }
        Ok(local.projections())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ConnectionRule, Listed};
    use super::*;
    use crate::Simulation;
    use rheobase_core::Silent;

    fn synapses(network: &NetworkDescription, from: &str, to: &str) -> Vec<Listed> {
        let found = network.projections.iter().find(|p| p.from == from && p.to == to);
        found.map_or_else(Vec::new, |p| match &p.rule {
            ConnectionRule::List { synapses } => synapses.clone(),
            other => panic!("{other:?}"),
        })
    }

    fn network(cuts: &[Cut]) -> NetworkDescription {
        GanglionChain::default().network(&[(3, Side::Left)], &Touch::default(), cuts, &Seed::root(4)).unwrap()
    }

    #[test]
    fn a_cut_takes_the_axons_that_pass_it_and_no_others() {
        let whole = network(&[]);
        assert_eq!(synapses(&whole, "descending", "motor").len(), 6 * 2 * 10 * 5);
        let cut = Cut { behind: 2, side: Some(Side::Left) };
        let (whole, left) = (synapses(&whole, "descending", "motor"), network(&[cut]));
        // Motor neurons 20 g to 20 g + 9 are the left ones of ganglion g.
        let lost = |s: &&Listed| s.to / 20 > 2 && s.to % 20 < 10;
        let expected: Vec<Listed> = whole.iter().filter(|s| !lost(s)).copied().collect();
        assert_eq!(synapses(&left, "descending", "motor"), expected);
        for (from, to) in [("sensory", "motor"), ("commissural", "motor"), ("interneuron", "ascending")] {
            assert_eq!(synapses(&left, from, to), synapses(&network(&[]), from, to), "{from} {to}");
        }
        // Neighbours: the left ones of ganglia 2 and 3 no longer hear each other.
        let crossing = |n: &NetworkDescription| {
            let pairs = synapses(n, "interneuron", "motor").into_iter().map(|s| (s.from / 40, s.to / 20));
            pairs.filter(|&(from, to)| from.min(to) == 2 && from.max(to) == 3).count()
        };
        assert_eq!((crossing(&network(&[])), crossing(&left)), (400, 200));
        let brain = network(&[Cut { behind: 0, side: None }]);
        assert!(synapses(&brain, "descending", "motor").is_empty());
        assert!(synapses(&brain, "ascending", "interneuron").is_empty());
    }

    #[test]
    fn delays_grow_with_the_way_and_every_neuron_has_its_inputs() {
        let whole = network(&[]);
        for s in synapses(&whole, "ascending", "interneuron") {
            let ganglion = s.from / 10;
            assert!((s.delay_ms.unwrap() - 1.0 - 3.0 * ganglion as f64).abs() < 1e-12 && s.to < 40, "{s:?}");
        }
        let mut inputs = vec![0; 2 * 7 * 20];
        synapses(&whole, "sensory", "interneuron").iter().for_each(|s| inputs[s.to] += 1);
        assert!(inputs.iter().all(|n| *n == 10));
    }

    #[test]
    fn the_reflex_before_the_brain_can_answer_is_the_same_without_it() {
        let early = |cuts: &[Cut]| -> Vec<f64> {
            let mut simulation = Simulation::new(&network(cuts), &Seed::root(9), 1).unwrap();
            // Three ganglia up and three down take 18 ms and four synapses.
            simulation.run_ms(70.0, &Silent).unwrap();
            let trains = simulation.spike_trains("motor").unwrap();
            (0..trains.units()).flat_map(|unit| trains.unit(unit).to_vec()).collect()
        };
        let whole = early(&[]);
        assert!(!whole.is_empty());
        assert_eq!(whole, early(&[Cut { behind: 0, side: None }]));
    }

    #[test]
    fn what_is_not_on_the_chain_is_refused() {
        let chain = GanglionChain::default();
        let of = |touched: &[(usize, Side)], cuts: &[Cut]| {
            chain.network(touched, &Touch::default(), cuts, &Seed::root(1)).unwrap_err().to_string()
        };
        assert!(of(&[(7, Side::Left)], &[]).contains("touched ganglion"));
        assert!(of(&[], &[Cut { behind: 6, side: None }]).contains("cut"));
        let one = GanglionChain { ganglia: 1, ..chain.clone() };
        assert!(one.check().unwrap_err().to_string().contains("ganglia"));
        assert!(GanglionChain { motor: 0, ..chain.clone() }.check().unwrap_err().to_string().contains("motor"));
        assert!(chain.size("sensor").unwrap_err().to_string().contains("sensory"));
    }
}
