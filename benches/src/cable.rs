//! Cable cells.

use rheobase_dendrite::morphology::{AxisPoint, Morphology, Section, Tag, cylinder};
use rheobase_dendrite::simulation::Current;
use rheobase_dendrite::{Cell, Compartments, Discretisation, Settings, Simulation};

/// A current from the start, for ever.
pub fn step(amplitude_na: f64) -> Current {
    Current::Step { start_ms: 0.0, duration_ms: 1e9, amplitude_na }
}

/// The cable of Rallpack 1, or the axon of Rallpack 3 (Bhalla, Bilitch & Bower 1992): 1 mm by 1 um.
pub fn rallpack(axon: bool, compartments: usize) -> Cell {
    let mut cell = Cell::new(cylinder(1000.0, 1.0).unwrap(), Discretisation::Fixed { count: compartments }).unwrap();
    let leak = [("g_leak_s_per_cm2", 2.5e-5.into()), ("e_leak_mv", (-65.0).into())];
    if axon {
        cell.insert("all", "hodgkin-huxley", &leak).unwrap();
    } else {
        cell.set_cable("all", &leak).unwrap();
    }
    cell.set_cable("all", &[("ra_ohm_cm", 100.0.into()), ("cm_uf_cm2", 1.0.into())]).unwrap();
    cell
}

/// The branching cell of the peers' many-cell workload: a soma, two trees of four levels, 211 compartments.
pub fn branching() -> Cell {
    let axis = |start: [f64; 3], length: f64, diameter_um: f64| {
        let end = [start[0] + length, start[1], start[2]];
        vec![AxisPoint { position_um: start, diameter_um }, AxisPoint { position_um: end, diameter_um }]
    };
    let section = |tag, axis, parent| Section { name: String::new(), tag, axis, parent };
    let mut sections = vec![section(Tag::Soma, axis([0.0; 3], 20.0, 20.0), None)];
    let mut previous = vec![0_usize];
    for level in 0..4_usize {
        let mut current = vec![];
        for k in 0..2 << level {
            let parent = if level == 0 { 0 } else { previous[k / 2] };
            current.push(sections.len());
            let start = [20.0 + 100.0 * level as f64, k as f64, 0.0];
            sections.push(section(Tag::Dendrite, axis(start, 100.0, 2.0), Some((parent, 1.0))));
        }
        previous = current;
    }
    let morphology = Morphology::new(sections, vec![]).unwrap();
    let counts: Vec<usize> = morphology.sections().iter().map(|s| if s.tag == Tag::Soma { 1 } else { 7 }).collect();
    let compartments = Compartments::with_counts(&morphology, &counts).unwrap();
    let mut cell = Cell::from_compartments(morphology, compartments).unwrap();
    let leak = [("g_leak_s_per_cm2", 0.0003.into()), ("e_leak_mv", (-54.3).into())];
    cell.insert("all", "hodgkin-huxley", &leak).unwrap();
    cell
}

/// A cell with a current into its first compartment, in all lanes.
pub fn driven(cell: &Cell, dt_ms: f64, lanes: usize, amplitude_na: f64) -> Simulation {
    let mut simulation = Simulation::new(cell, Settings { dt_ms, lanes, ..Settings::default() }).unwrap();
    simulation.inject(0, None, step(amplitude_na)).unwrap();
    simulation
}
