//! The ladder-like nervous system of worms and arthropods: a chain of paired ganglia, of which the first is the brain.
//!
//! Every half of a ganglion has sensory neurons, local interneurons and motor neurons, which make a reflex; commissures, by which its
//! inhibitory neurons silence the other half; and ascending neurons. Paired connectives, one on each side, carry ascending axons
//! to the brain, descending axons from it to all ganglia, and weak ones between neighbours. Half of what ascending and descending
//! neurons hear comes from the other side, so one connective of a pair can stand in for both. An axon is lost where its connective
//! is cut. The plan is that of textbooks (Bullock & Horridge 1965); sizes and strengths are our own choice.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::index::sample;
use rheobase_core::Seed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionRule, Listed, NetworkDescription, Population, Precision, Projection, Receptor};
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

/// Jumps of the voltage in mV by one spike, by source and target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Sensory to local interneurons.
    pub sensory_interneuron: f64,
    /// Sensory to motor neurons.
    pub sensory_motor: f64,
    /// Local interneurons to motor neurons.
    pub interneuron_motor: f64,
    /// Local interneurons to commissural, ascending and descending neurons.
    pub interneuron_projecting: f64,
    /// Commissural neurons to motor neurons and interneurons of the other half, inhibitory.
    pub commissural: f64,
    /// Ascending neurons to interneurons of the brain.
    pub ascending: f64,
    /// Descending neurons to motor neurons.
    pub descending: f64,
    /// Local interneurons to motor neurons of the ganglia before and behind.
    pub neighbour: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            sensory_interneuron: 1.5,
            sensory_motor: 1.5,
            interneuron_motor: 1.0,
            interneuron_projecting: 2.0,
            commissural: -1.5,
            ascending: 8.0,
            descending: 3.0,
            neighbour: 0.2,
        }
    }
}

impl Weights {
    fn named(&self) -> [(&'static str, f64); 8] {
        [
            ("sensory_interneuron", self.sensory_interneuron),
            ("sensory_motor", self.sensory_motor),
            ("interneuron_motor", self.interneuron_motor),
            ("interneuron_projecting", self.interneuron_projecting),
            ("commissural", self.commissural),
            ("ascending", self.ascending),
            ("descending", self.descending),
            ("neighbour", self.neighbour),
        ]
    }
}

/// A side of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    fn other(self) -> Self {
        if self == Self::Left { Self::Right } else { Self::Left }
    }
}

/// A cut through the connectives behind a ganglion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The ganglion, 0 for the brain.
    pub behind: usize,
    /// Which of the two; by default both.
    #[serde(default)]
    pub side: Option<Side>,
}

/// A touch of some halves of ganglia, of which all sensory neurons then fire at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Touch {
    /// Beginning in ms.
    pub start_ms: f64,
    /// Duration in ms.
    pub duration_ms: f64,
    /// Rate of a sensory neuron in Hz.
    pub rate_hz: f64,
}

impl Default for Touch {
    fn default() -> Self {
        Self { start_ms: 50.0, duration_ms: 100.0, rate_hz: 100.0 }
    }
}

impl Touch {
    /// Refuses rates and times outside their ranges.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn check(&self) -> Result<()> {
        require_range("start_ms of the touch", self.start_ms, 0.0, 1e6)?;
        require_range("duration_ms of the touch", self.duration_ms, 0.0, 1e6)?;
        require_range("rate_hz of the touch", self.rate_hz, 0.0, 1000.0)?;
        Ok(())
    }
}

/// Where neurons are that a synapse joins, and along which connective their axons run.
#[derive(Clone, Copy)]
struct Half {
    ganglion: usize,
    side: Side,
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

/// Synapses as they are laid, by source and target.
struct Wires<'a> {
    chain: &'a GanglionChain,
    cuts: &'a [Cut],
    seed: &'a Seed,
    laid: BTreeMap<(&'static str, &'static str), Vec<Listed>>,
}

impl<'a> Wires<'a> {
    fn new(chain: &'a GanglionChain, cuts: &'a [Cut], seed: &'a Seed) -> Self {
        Self { chain, cuts, seed, laid: BTreeMap::new() }
    }

    /// Delay of axons from one half to another; none if a cut is in their way. Commissures lie inside ganglia.
    fn delay_ms(&self, from: Half, to: Half) -> Option<f64> {
        let (near, far) = (from.ganglion.min(to.ganglion), from.ganglion.max(to.ganglion));
        let lost = |cut: &Cut| (near..far).contains(&cut.behind) && cut.side.is_none_or(|side| side == to.side);
        let conduction_ms = (far - near) as f64 * self.chain.conduction_ms;
        (!self.cuts.iter().any(lost)).then_some(self.chain.synapse_ms + conduction_ms)
    }

    /// Every source to every target.
    fn all(&mut self, from: (&'static str, Half), to: (&'static str, Half), weight: f64) -> Result<()> {
        self.lay(from, to, weight, usize::MAX)
    }

    /// So many sources as a neuron has inputs, drawn for every target.
    fn some(&mut self, from: (&'static str, Half), to: (&'static str, Half), weight: f64) -> Result<()> {
        self.lay(from, to, weight, self.chain.inputs)
    }

    fn lay(&mut self, from: (&'static str, Half), to: (&'static str, Half), weight: f64, inputs: usize) -> Result<()> {
        let Some(delay_ms) = self.delay_ms(from.1, to.1) else { return Ok(()) };
        let members = |(kind, half): (&str, Half)| self.chain.members(kind, half.ganglion, half.side);
        let (sources, targets) = (members(from)?, members(to)?);
        let seed = self.seed.child(from.0).index(sources.start).child(to.0);
        let laid = self.laid.entry((from.0, to.0)).or_default();
        for target in targets {
            let mut stream = seed.index(target).stream();
            let mut chosen = sample(&mut stream, sources.len(), inputs.min(sources.len())).into_vec();
            chosen.sort_unstable();
            let synapse =
                |k| Listed { from: sources.start + k, to: target, weight: Some(weight), delay_ms: Some(delay_ms) };
            laid.extend(chosen.into_iter().map(synapse));
        }
        Ok(())
    }

    fn projections(self) -> Vec<Projection> {
        let delay_ms = self.chain.synapse_ms;
        let projection = |((from, to), synapses): ((&str, &str), Vec<Listed>)| {
            Projection::new(from, to, "synapse", ConnectionRule::List { synapses }, 0.0, delay_ms)
        };
        self.laid.into_iter().map(projection).collect()
    }
}

#[cfg(test)]
mod tests {
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
