//! Any cell of the dendrite crate, with synapses on it.

use rheobase_core::parallel;
use rheobase_dendrite::simulation::Snapshot;
use rheobase_dendrite::synapse::Receptor;
use rheobase_dendrite::{Cell, Settings, Simulation};

use super::protocol::Group;
use super::teacher::Teacher;
use crate::copies::{Copies, Millisecond, check_active, check_state, read, written};
use crate::{Error, Result};

/// A synapse on a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedInput {
    /// Compartment.
    pub compartment: usize,
    /// Receptors.
    pub receptors: Vec<Receptor>,
    /// Whether it excites: its rate follows the protocol's excitation.
    pub excites: bool,
    /// Group of inputs whose rates wander together.
    pub group: usize,
    /// Share of the group's spikes before normalisation.
    pub share: f64,
}

/// A cell with synapses, its soma's voltage and its spikes.
#[derive(Clone)]
pub struct CellTeacher {
    /// The cell.
    pub cell: Cell,
    /// Its synapses, one for each input.
    pub inputs: Vec<PlacedInput>,
    /// Where voltage and spikes are read.
    pub soma: usize,
    /// Compartments whose voltages are kept, too.
    pub dendrites: Vec<usize>,
    /// Threshold of a spike in mV.
    pub threshold_mv: f64,
    /// Step, method and start; lanes are trials at once.
    pub settings: Settings,
}

impl CellTeacher {
    /// Refuses a step that does not divide a millisecond.
    fn steps_a_ms(&self) -> Result<usize> {
        let steps = (1.0 / self.settings.dt_ms).round();
        if steps < 1.0 || (steps * self.settings.dt_ms - 1.0).abs() > 1e-9 {
            let dt_ms = self.settings.dt_ms;
            return Err(Error::Description(format!(
                "a step of {dt_ms} ms does not divide the bins of 1 ms; 0.025 does"
            )));
        }
        Ok(steps as usize)
    }
}

impl Teacher for CellTeacher {
    fn inputs(&self) -> usize {
        self.inputs.len()
    }

    fn groups(&self) -> Vec<Group> {
        let count = self.inputs.iter().map(|i| i.group + 1).max().unwrap_or(0);
        let mut groups = vec![Group::default(); count];
        for (index, input) in self.inputs.iter().enumerate() {
            let group = &mut groups[input.group];
            let members = if input.excites { &mut group.excitatory } else { &mut group.inhibitory };
            members.push((index, input.share));
        }
        groups
    }

    fn input_names(&self) -> Vec<String> {
        let name = |input: &PlacedInput| {
            let kind = if input.excites { "excitatory" } else { "inhibitory" };
            format!("{kind}, {}", self.cell.describe(input.compartment))
        };
        self.inputs.iter().map(name).collect()
    }

    fn dendrite_names(&self) -> Vec<String> {
        self.dendrites.iter().map(|place| self.cell.describe(*place)).collect()
    }

    fn shape(&self) -> Option<(&Cell, Vec<usize>)> {
        Some((&self.cell, self.inputs.iter().map(|i| i.compartment).collect()))
    }

    fn lanes(&self) -> usize {
        self.settings.lanes
    }

    fn copies(&self, count: usize) -> Result<Box<dyn Copies + '_>> {
        self.steps_a_ms()?;
        let together = self.settings.lanes.max(1);
        let mut groups = Vec::new();
        for first in (0..count).step_by(together) {
            groups.push(CellGroup::new(self, together.min(count - first))?);
        }
        Ok(Box::new(CellCopies { groups, teacher: self, count, threads: 1 }))
    }
}

/// Copies of a cell, as many at a time as there are lanes.
struct CellCopies<'a> {
    groups: Vec<CellGroup>,
    teacher: &'a CellTeacher,
    count: usize,
    threads: usize,
}

/// Copies that are simulated together.
struct CellGroup {
    simulation: Simulation,
    /// Synapse of each input.
    synapses: Vec<usize>,
    detector: usize,
    copies: usize,
    /// Milliseconds so far.
    steps: usize,
}

impl CellGroup {
    fn new(teacher: &CellTeacher, copies: usize) -> Result<Self> {
        let lanes = copies.next_power_of_two();
        let mut simulation = Simulation::new(&teacher.cell, Settings { lanes, ..teacher.settings })?;
        // Conductances of like synapses at one place add up, so one of them takes the events of all.
        let mut placed: Vec<(&PlacedInput, usize)> = Vec::new();
        let mut synapses = Vec::with_capacity(teacher.inputs.len());
        for input in &teacher.inputs {
            let like = |(other, _): &&(&PlacedInput, usize)| {
                other.compartment == input.compartment && other.receptors == input.receptors
            };
            let known = placed.iter().find(like).map(|(_, synapse)| *synapse);
            synapses.push(match known {
                Some(synapse) => synapse,
                None => {
                    let synapse = simulation.add_synapse(input.compartment, &input.receptors)?;
                    placed.push((input, synapse));
                    synapse
                }
            });
        }
        let detector = simulation.detect_spikes(teacher.soma, teacher.threshold_mv)?;
        Ok(Self { simulation, synapses, detector, copies, steps: 0 })
    }

    /// What its copies do in the next millisecond; they are counted from its first.
    fn advance(&mut self, active: &[Vec<u32>], teacher: &CellTeacher) -> Result<Millisecond> {
        let mut done = Millisecond::default();
        let spikes = |simulation: &Simulation, lane| simulation.spikes_ms(self.detector, lane).len();
        let before: Vec<usize> = (0..self.copies).map(|lane| spikes(&self.simulation, lane)).collect();
        // Events are sent just before they are due, so that the queue stays short.
        for (lane, inputs) in active.iter().enumerate() {
            for &input in inputs {
                self.simulation.send(self.synapses[input as usize], lane, self.steps as f64, 1.0)?;
            }
        }
        self.steps += 1;
        self.simulation.run_until(self.steps as f64)?;
        for (lane, before) in before.into_iter().enumerate() {
            if spikes(&self.simulation, lane) > before {
                done.spiked.push(lane as u32);
            }
            let voltage_mv = |place: &usize| self.simulation.voltage_mv(*place, lane) as f32;
            done.voltage_mv.push(voltage_mv(&teacher.soma));
            done.dendrites_mv.extend(teacher.dendrites.iter().map(voltage_mv));
        }
        Ok(done)
    }
}

impl Copies for CellCopies<'_> {
    fn advance(&mut self, active: &[Vec<u32>]) -> Result<Millisecond> {
        check_active(active, self.count, self.groups.first().map_or(0, |g| g.synapses.len()))?;
        let mut rest = active;
        let turn = |group| {
            let group: &mut CellGroup = group;
            let (own, others) = rest.split_at(group.copies);
            rest = others;
            (group, own, Ok(Millisecond::default()))
        };
        let mut turns: Vec<_> = self.groups.iter_mut().map(turn).collect();
        parallel::for_each_chunk(&mut turns, 1, self.threads, |_, turn| {
            for (group, own, done) in turn {
                *done = group.advance(own, self.teacher);
            }
        });
        let mut all = Millisecond::default();
        for (_, _, done) in turns {
            let (done, first) = (done?, all.voltage_mv.len() as u32);
            all.spiked.extend(done.spiked.iter().map(|copy| first + copy));
            all.voltage_mv.extend(done.voltage_mv);
            all.dendrites_mv.extend(done.dendrites_mv);
        }
        Ok(all)
    }

    fn set_threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    fn keep(&self) -> Result<Vec<u8>> {
        written(&self.groups.iter().map(|g| (g.steps, g.simulation.snapshot())).collect::<Vec<_>>())
    }

    fn restore(&mut self, kept: &[u8]) -> Result<()> {
        let states: Vec<(usize, Snapshot)> = read(kept)?;
        check_state(states.len(), self.groups.len())?;
        for (group, (steps, snapshot)) in self.groups.iter_mut().zip(states) {
            group.simulation.restore(&snapshot)?;
            group.steps = steps;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spikes::InputSpikes;
    use rheobase_dendrite::Discretisation;
    use rheobase_dendrite::morphology::star;

    fn small_cell(lanes: usize) -> CellTeacher {
        let mut cell =
            Cell::new(star(20.0, 2, 100.0, 1.0).unwrap(), Discretisation::MaximumLength { um: 50.0 }).unwrap();
        cell.set_cable("all", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-65.0).into())]).unwrap();
        cell.insert("soma", "hodgkin-huxley", &[]).unwrap();
        let at = |label: &str| cell.at(label).unwrap();
        let place = |label: &str, excites: bool, group| PlacedInput {
            compartment: at(label),
            receptors: vec![if excites { Receptor::ampa(2.0) } else { Receptor::gaba_a(1.0) }],
            excites,
            group,
            share: 1.0,
        };
        let inputs = vec![place("dend[0](0.8)", true, 0), place("dend[1](0.8)", true, 1), place("soma(0.5)", false, 0)];
        let soma = at("soma(0.5)");
        CellTeacher {
            inputs,
            soma,
            dendrites: vec![at("dend[0](0.8)"), at("dend[1](0.2)")],
            threshold_mv: 0.0,
            settings: Settings { lanes, ..Settings::default() },
            cell,
        }
    }

    #[test]
    fn lanes_do_not_change_a_response() {
        let trial = |k: u32| {
            let events = (0..3).flat_map(|i| (0..20).map(move |j| (5 + j + k, i))).filter(|(s, i)| (s + i) % 3 > 0);
            InputSpikes::new(3, 60, events.collect()).unwrap()
        };
        let trials = [trial(0), trial(7), trial(20)];
        let together = small_cell(4).respond(&trials).unwrap();
        for (trial, found) in trials.iter().zip(&together) {
            assert_eq!(small_cell(1).respond(std::slice::from_ref(trial)).unwrap()[0], *found);
        }
        assert!(!together[0].spikes.is_empty());
        // Two places a millisecond, which differ from the soma and from each other.
        let [soma, dendrites] = [&together[0].voltage_mv, &together[0].dendrites_mv];
        assert_eq!(dendrites.len(), 2 * soma.len());
        assert!(dendrites.chunks_exact(2).zip(soma).skip(30).all(|(d, s)| d[0] != *s && d[0] != d[1]));
        assert_ne!(together[0], together[1]);
    }

    #[test]
    fn a_state_kept_on_the_way_goes_on_to_the_same_voltages() {
        let teacher = small_cell(2);
        let active =
            |step: u32| (0..3).map(|copy| (0..3).filter(|i| (step + i + copy).is_multiple_of(4)).collect()).collect();
        let steps = |copies: &mut dyn Copies, range: std::ops::Range<u32>| -> Vec<Millisecond> {
            range.map(|step| copies.advance(&active(step) as &Vec<Vec<u32>>).unwrap()).collect()
        };
        let mut copies = teacher.copies(3).unwrap();
        let first = steps(&mut *copies, 0..20);
        let kept = copies.keep().unwrap();
        let rest = steps(&mut *copies, 20..40);
        let mut again = teacher.copies(3).unwrap();
        // Groups of two copies and of one, each on a thread of its own.
        again.set_threads(2);
        again.restore(&kept).unwrap();
        assert_eq!(steps(&mut *again, 20..40), rest);
        assert!(first.iter().chain(&rest).any(|done| !done.spiked.is_empty()));
        assert!(teacher.copies(5).unwrap().restore(&kept).is_err());
        assert!(copies.advance(&[vec![], vec![3], vec![]]).unwrap_err().to_string().contains("input 3"));
    }

    #[test]
    fn groups_follow_the_inputs_and_a_step_must_divide_a_bin() {
        let cell = small_cell(1);
        let groups = cell.groups();
        assert_eq!(groups[0].excitatory, [(0, 1.0)]);
        assert_eq!(groups[0].inhibitory, [(2, 1.0)]);
        assert_eq!(groups[1].excitatory, [(1, 1.0)]);
        let odd = CellTeacher { settings: Settings { dt_ms: 0.03, ..cell.settings }, ..cell };
        let trial = InputSpikes::new(3, 5, vec![]).unwrap();
        assert!(odd.respond(&[trial]).unwrap_err().to_string().contains("0.03"));
    }
}
