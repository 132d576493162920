//! Training steps of surrogates at the size of a layer 5 cell: 1,278 synapses, spikes in one of a hundred bins; and such a cell itself.

use rand::RngExt;
use rheobase_core::Seed;
use rheobase_dendrite::synapse::Receptor;
use rheobase_dendrite::{Cell, Kinetics, Settings};
use rheobase_surrogate::Learner;
use rheobase_surrogate::data::{CellTeacher, PlacedInput, Protocol, Teacher};
use rheobase_surrogate::loss::{Loss, Targets};
use rheobase_surrogate::network::stream::Stream;
use rheobase_surrogate::network::{Activation, Elm, Network, Tcn, Uptake};
use rheobase_surrogate::spikes::{InputSpikes, SpikeBatch};

/// A surrogate and a batch to learn.
pub struct Imitation {
    learner: Learner,
    batch: SpikeBatch,
    targets: Targets<f32>,
}

/// Seven layers of `width` units with a first kernel of `first` ms and then of 24 ms.
pub fn tcn(inputs: usize, width: usize, first: usize) -> Network {
    let kernels = std::iter::once(first).chain([24; 6]).collect();
    Network::Tcn(Tcn { inputs, width, kernels, activation: Activation::Relu, heads: 2 })
}

/// An expressive leaky memory neuron without branches.
pub fn elm(inputs: usize, memories: usize) -> Network {
    Network::Elm(Elm {
        inputs,
        signs: vec![],
        memories,
        hidden: 2 * memories,
        branches: None,
        tau_synapse_ms: 5.0,
        tau_memory_ms: (1.0, 150.0),
        lambda: 5.0,
        uptake: Uptake::Linear,
        heads: 2,
    })
}

impl Imitation {
    /// `rows` windows of `steps` ms.
    pub fn new(network: Network, rows: usize, steps: usize) -> Self {
        let mut stream = Seed::root(7).stream();
        let inputs = network.inputs();
        let windows: Vec<InputSpikes> = (0..rows)
            .map(|_| {
                let all = (0..steps as u32).flat_map(|s| (0..inputs as u32).map(move |i| (s, i)));
                let active = all.filter(|_| stream.random::<f64>() < 0.01).collect();
                InputSpikes::new(inputs, steps, active).expect("all lie inside")
            })
            .collect();
        let mut value = |head| match head {
            0 => f32::from(stream.random::<f64>() < 0.005),
            _ => stream.random_range(-1.7..1.7),
        };
        let values = (0..rows * steps * 2).map(|k| value(k % 2)).collect();
        let loss = Loss { voltage_weight: 1.0, ..Loss::default() };
        let learner = Learner::new(network, loss, &Seed::root(0)).expect("it fits");
        let batch = SpikeBatch::new(&windows).expect("equal lengths");
        Self { learner, batch, targets: Targets { values, steps, heads: 2 } }
    }

    /// Forward, back and Adam; the loss.
    pub fn step(&mut self, threads: usize) -> f64 {
        self.learner.step(&self.batch, &self.targets, 1e-3, threads)
    }

    /// Forward.
    pub fn run(&self, threads: usize) {
        std::hint::black_box(self.learner.outputs(&self.batch, threads));
    }
}

/// Copies of a network as they go on inside a network of spiking neurons, and what is active in each millisecond.
pub struct Copies {
    stream: Stream,
    active: Vec<Vec<Vec<u32>>>,
}

impl Copies {
    /// `count` copies for `duration_ms`, 1 % of their inputs active in each millisecond.
    pub fn new(network: &Network, count: usize, duration_ms: usize) -> Self {
        let mut stream = Seed::root(7).stream();
        let inputs = network.inputs() as u32;
        let mut draw = || (0..inputs).filter(|_| stream.random::<f64>() < 0.01).collect();
        let active = (0..duration_ms).map(|_| (0..count).map(|_| draw()).collect()).collect();
        let weights = network.initial(&Seed::root(0)).expect("it fits");
        Self { stream: network.stream(&weights, count), active }
    }

    /// All milliseconds, one after the other.
    pub fn run(&mut self) {
        for active in &self.active {
            std::hint::black_box(self.stream.advance(active).expect("inputs are there"));
        }
    }
}

/// A cell with an excitatory and an inhibitory synapse on every dendritic compartment, and trials that drive it, for each lane one.
pub fn teacher(cell: Cell, lanes: usize, kinetics: Kinetics, duration_ms: usize) -> (CellTeacher, Vec<InputSpikes>) {
    let mut inputs = vec![];
    for (group, region) in ["dend", "apic"].into_iter().enumerate() {
        for compartment in cell.region(region).expect("the cell has dendrites") {
            let share = cell.compartments().list()[compartment].length_um + 10.0;
            let excitatory = vec![Receptor::ampa(0.4), Receptor::nmda(0.4)];
            for (receptors, excites) in [(excitatory, true), (vec![Receptor::gaba_a(1.0)], false)] {
                inputs.push(PlacedInput { compartment, receptors, excites, group, share });
            }
        }
    }
    let soma = cell.at("soma(0.5)").expect("the cell has a soma");
    let settings = Settings { v_init_mv: -76.0, lanes, kinetics, ..Settings::default() };
    let teacher = CellTeacher { cell, inputs, soma, dendrites: vec![], threshold_mv: -20.0, settings };
    let protocol = Protocol {
        duration_ms,
        excitatory_per_100_ms: [0.0, 800.0],
        inhibitory_difference: [-600.0, 200.0],
        hold_ms: [25.0, 300.0],
        smoothing_ms: [25.0, 250.0],
        ..Protocol::leaky()
    };
    let draw = |k| protocol.draw(teacher.inputs(), &teacher.groups(), &Seed::root(3).index(k)).expect("it can be");
    let trials = (0..lanes).map(draw).collect();
    (teacher, trials)
}
