//! Neurons with real shapes, active membranes and synapses.
//!
//! # A first cell, beside the same cell in NEURON
//!
//! | NEURON (Python) | here |
//! |---|---|
//! | `Import3d_SWC_read()`, `Import3d_Neurolucida3()` | [`morphology::read_swc`], [`morphology::read_neurolucida`] |
//! | `h.Section()`, `.L`, `.diam`, `.connect()` | [`morphology::ball_and_stick`] and the other builders, [`morphology::Section`] |
//! | `sec.nseg`, the d_lambda rule | [`Discretisation`] |
//! | `sec.cm`, `sec.Ra`, `g_pas`, `e_pas` | [`Cell::set_cable`] |
//! | `sec.insert("hh")`, `seg.hh.gnabar = f(h.distance(seg))` | [`Cell::insert`] with numbers or formulas over the place |
//! | a `.mod` file and `nrnivmodl` | a text, [`Cell::add_channel`]; nothing is compiled |
//! | `h.finitialize(-65)`, `h.dt`, `h.secondorder` | [`Settings`], [`Simulation::new`] |
//! | `h.IClamp`, `h.SEClamp` | [`Simulation::inject`], [`Simulation::clamp_voltage`] |
//! | `h.Exp2Syn`, `h.NetStim`, `h.NetCon.event` | [`Simulation::add_synapse`], [`synapse::SpikeSource`], [`Simulation::send`] |
//! | `h.Vector().record(...)`, `h.NetCon(...).record` | [`Simulation::record`], [`Simulation::detect_spikes`] |
//! | `h.continuerun`, CVODE | [`Simulation::run_until`], [`Simulation::run_adaptive_until`] |
//! | `h.Impedance`, `h.SaveState`, `h.ParallelContext` | [`Simulation::impedance`], [`Simulation::snapshot`], [`simulation::Network`] |
//! | - | [`Simulation::gradient`]: derivatives by every conductance, weight and current in one sweep |
//!
//! ```
//! use rheobase_dendrite::morphology::ball_and_stick;
//! use rheobase_dendrite::simulation::{Current, Probe};
//! use rheobase_dendrite::synapse::Receptor;
//! use rheobase_dendrite::{Cell, Discretisation, Settings, Simulation};
//!
//! # fn main() -> rheobase_dendrite::Result<()> {
//! // soma = h.Section(); soma.L = soma.diam = 20; dend.L, dend.diam, dend.nseg = 300, 2, 11; dend.connect(soma(1))
//! let shape = ball_and_stick(20.0, 300.0, 2.0)?;
//! let mut cell = Cell::new(shape, Discretisation::MaximumLength { um: 30.0 })?;
//!
//! // sec.Ra = 150; dend.insert("pas"); soma.insert("hh")
//! cell.set_cable("all", &[("ra_ohm_cm", 150.0.into())])?;
//! cell.set_cable("dend", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-65.0).into())])?;
//! cell.insert("soma", "hodgkin-huxley", &[])?;
//! // A density that grows with distance; in NEURON a loop over segments.
//! cell.insert("dend", "hay-ih", &[("g_s_per_cm2", "2e-5 * (1 + distance / (100 um))".into())])?;
//!
//! // h.finitialize(-65)
//! let mut simulation = Simulation::new(&cell, Settings::default())?;
//! // ic = h.IClamp(soma(0.5)); ic.delay, ic.dur, ic.amp = 5, 1, 0.6
//! let step = Current::Step { start_ms: 5.0, duration_ms: 1.0, amplitude_na: 0.6 };
//! simulation.inject(cell.at("soma(0.5)")?, None, step)?;
//! // A synapse with AMPA and NMDA receptors, and one event: nc = h.NetCon(None, syn); nc.event(20)
//! let synapse = simulation.add_synapse(cell.at("dend(0.8)")?, &[Receptor::ampa(1.0), Receptor::nmda(1.0)])?;
//! simulation.send(synapse, 0, 20.0, 1.0)?;
//! // v = h.Vector().record(soma(0.5)._ref_v)
//! let soma = simulation.record(Probe::Voltage(cell.at("soma(0.5)")?))?;
//! let spikes = simulation.detect_spikes(cell.at("soma(0.5)")?, 0.0)?;
//! simulation.run_until(50.0)?; // h.continuerun(50)
//!
//! assert_eq!(simulation.spikes_ms(spikes, 0).len(), 1);
//! let trace = simulation.recording(soma, 0);
//! assert!(trace.iter().cloned().fold(f64::MIN, f64::max) > 20.0);
//! # Ok(())
//! # }
//! ```
//!
//! Times are in ms, voltages in mV, currents in nA, lengths in um, conductances of synapses in nS and of membranes in
//! S/cm2; every name says its unit.
//!
//! # How it is built
//!
//! [`morphology`] reads and builds shapes, [`Compartments`] cuts them, [`Cell`] paints regions ([`region`], [`rheobase_core::expression`])
//! with [`mechanism`]s, [`simulation`] moves it in time by [`solver`] and [`synapse`]s. Adding a channel is one file in
//! `mechanism/` and one line in [`mechanism::MECHANISMS`].

pub mod boolean;
mod cell;
mod compartments;
mod error;
pub mod localised_inhibition;

pub mod mechanism;
pub mod morphology;
pub mod plasticity;
pub mod rallpack;
pub mod region;
mod runs;
pub mod simulation;
pub mod skeleton;
pub mod solver;
pub mod synapse;
pub mod two_layer;

pub use cell::{Cable, Cell, Value};
pub use compartments::{Compartment, Compartments, Discretisation};
pub use error::{Error, Result};
pub use mechanism::Kinetics;
pub use rheobase_core::math;
use rheobase_core::{single, vectorised};
pub use simulation::{Method, Settings, Simulation};
