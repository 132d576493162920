//! Dendritic calcium action potentials whose amplitude is largest at threshold (Gidon et al. 2020 Science 367:83).
//!
//! When the voltage crosses threshold, and the refractory time is over, an event begins: A and B follow logistic curves from
//! .001, A' = A (1 - A) / tau_a at once, B' = B (1 - B) / tau_b after a delay, and the current is -(A - B) w K with
//! K = min(1, e^(-(V - V_th) / ((V_th - V_rest) D))). K follows the voltage until A has reached .05, about 12 ms, and is
//! then kept for the rest of the event, so that the input decides the amplitude and not the event itself (our choice: the
//! source names no moment).

use super::bank::{BLOCK, Bank, Membrane, Stretch, padded};
use super::{Kinetics, MechanismEntry, MechanismInfo, ParameterInfo, factor, voltage};

const INFO: MechanismInfo = MechanismInfo {
    name: "dendritic-calcium-spike",
    about: "dCaAP: calcium action potential that is largest at threshold and smaller for stronger input (Gidon et al. 2020)",
    states: &["since_ms", "amplitude"],
    parameters: &[
        ParameterInfo {
            name: "w_ma_per_cm2",
            about: "largest current density in mA/cm2",
            default: 0.05,
            low: 0.0,
            high: 1e3,
        },
        voltage("threshold_mv", "threshold in mV", -36.0),
        voltage("rest_mv", "voltage in mV that sets the scale of the amplitude", -75.0),
        factor("width", "D: width of the amplitude's fall, as a share of threshold minus rest", 0.3),
        factor("refractory_ms", "time in ms from one event to the next", 200.0),
        factor("tau_a_ms", "time constant of the rise in ms", 3.0),
        factor("tau_b_ms", "time constant of the end in ms", 0.4),
        factor("duration_ms", "delay of the end after the beginning in ms", 21.0),
    ],
    carries_calcium: false,
    reads_calcium: false,
};

/// The registry's entry.
pub const ENTRY: MechanismEntry = MechanismEntry { info: &INFO, make };

/// Where A has risen so far that K is kept.
const KEPT_FROM: f64 = 0.05;
/// Both logistic curves begin here.
const FIRST: f64 = 0.001;

fn make(parameters: Vec<Vec<f64>>, lanes: usize, _: Kinetics) -> Box<dyn Bank> {
    let spread = |values: &Vec<f64>| padded(values.iter().flat_map(|&v| std::iter::repeat_n(v, lanes)).collect());
    let parameters: Vec<Vec<f64>> = parameters.iter().map(spread).collect();
    let size = parameters[0].len();
    Box::new(DendriticCalciumSpike { states: [vec![f64::MAX; size], vec![0.0; size]], parameters })
}

struct DendriticCalciumSpike {
    /// Time since the beginning of the last event, and its amplitude K.
    states: [Vec<f64>; 2],
    parameters: Vec<Vec<f64>>,
}

/// Share of the largest amplitude at a voltage.
fn amplitude(v_mv: f64, threshold_mv: f64, rest_mv: f64, width: f64) -> f64 {
    (-(v_mv - threshold_mv) / ((threshold_mv - rest_mv) * width)).exp().min(1.0)
}

/// Logistic curve from `FIRST` at time 0.
fn logistic_from_first(ms: f64, tau_ms: f64) -> f64 {
    if ms < 0.0 { 0.0 } else { 1.0 / (1.0 + (1.0 / FIRST - 1.0) * (-ms / tau_ms).exp()) }
}

impl Bank for DendriticCalciumSpike {
    fn name(&self) -> &str {
        INFO.name
    }

    fn state_names(&self) -> Vec<String> {
        INFO.states.iter().map(|s| (*s).to_owned()).collect()
    }

    fn settle(&mut self, _: &Membrane) {
        self.states[0].fill(f64::MAX);
        self.states[1].fill(0.0);
    }

    fn step(&mut self, membrane: &mut Membrane, stretch: &Stretch) {
        let p = |k: usize, i: usize| self.parameters[k][i];
        for i in stretch.blocks.start * BLOCK..stretch.blocks.end * BLOCK {
            let v = membrane.v[i];
            let mut since = (self.states[0][i] + stretch.dt_ms).min(f64::MAX);
            if v > p(1, i) && since > p(4, i) {
                since = 0.0;
            }
            let a = logistic_from_first(since, p(5, i));
            if a < KEPT_FROM {
                self.states[1][i] = amplitude(v, p(1, i), p(2, i), p(3, i));
            }
            let b = logistic_from_first(since - p(7, i), p(6, i));
            membrane.ge[i] += (a - b) * p(0, i) * self.states[1][i];
            self.states[0][i] = since;
        }
    }

    fn state(&self, which: usize, index: usize) -> f64 {
        self.states[which][index]
    }

    fn memory(&self) -> Vec<Vec<f64>> {
        self.states.to_vec()
    }

    fn remember(&mut self, memory: &[Vec<f64>]) {
        self.states.iter_mut().zip(memory).for_each(|(own, saved)| own.clone_from(saved));
    }

    fn carries_calcium(&self) -> bool {
        false
    }

    fn parameter_count(&self) -> usize {
        INFO.parameters.len()
    }

    fn parameter_mut(&mut self, name: &str) -> Option<&mut Vec<f64>> {
        let place = INFO.parameters.iter().position(|p| p.name == name)?;
        Some(&mut self.parameters[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::cylinder;
    use crate::simulation::{Current, Probe};
    use crate::{Cell, Discretisation, Settings, Simulation};

    /// systems.md A18, to .005.
    #[test]
    fn the_amplitude_falls_with_the_voltage_as_published() {
        for (v, expected) in [(-35.9, 0.991), (-30.0, 0.599), (-25.0, 0.391), (-20.0, 0.255), (-10.0, 0.108)] {
            let found = amplitude(v, -36.0, -75.0, 0.3);
            assert!((found - expected).abs() < 0.005, "{v}: {found}");
        }
    }

    #[test]
    fn a_stronger_input_makes_a_smaller_spike_and_only_one_in_the_refractory_time() {
        let peak_over_input = |amplitude_na: f64| {
            let mut cell = Cell::new(cylinder(200.0, 3.0).unwrap(), Discretisation::Fixed { count: 1 }).unwrap();
            cell.set_cable("all", &[("g_leak_s_per_cm2", 1e-4.into()), ("e_leak_mv", (-75.0).into())]).unwrap();
            let run = |cell: &Cell| {
                let mut simulation =
                    Simulation::new(cell, Settings { v_init_mv: -75.0, ..Settings::default() }).unwrap();
                let step = Current::Step { start_ms: 10.0, duration_ms: 150.0, amplitude_na };
                simulation.inject(0, None, step).unwrap();
                let recording = simulation.record(Probe::Voltage(0)).unwrap();
                simulation.run_until(160.0).unwrap();
                simulation.recording(recording, 0)
            };
            let passive = run(&cell);
            cell.insert("all", INFO.name, &[("w_ma_per_cm2", 0.02.into())]).unwrap();
            let active = run(&cell);
            let events = active.iter().zip(&passive).map(|(a, b)| a - b).collect::<Vec<f64>>();
            let crossings = events.windows(2).filter(|w| w[0] < 1.0 && w[1] >= 1.0).count();
            (events.into_iter().fold(0.0, f64::max), crossings)
        };
        // Area 1885 um2, 1.885 nS: 80 pA reach -33 mV, 110 pA -17 mV.
        let (weak, one) = peak_over_input(0.080);
        let (strong, _) = peak_over_input(0.110);
        assert!(weak > 10.0 && one == 1, "{weak} {one}");
        assert!(strong < 0.6 * weak, "{weak} {strong}");
        assert_eq!(peak_over_input(0.060).1, 0);
    }
}
