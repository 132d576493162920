//! Potentiation by local voltage, without somatic spikes (Gambino et al. 2014 Nature 515:116).
//!
//! dw / dt = eta x [V - theta]_+, where x is a trace of the synapse's own events, x' = -x / tau with a jump of 1 at each, and
//! V the voltage of its compartment. There is no term for spikes: plateaus of the branch are what the rule sees.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{POSITIVE, require_range};
use crate::{Result, Simulation};

/// Constants of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VoltagePlasticity {
    /// Change of the weight per ms, mV and unit of the trace.
    pub rate_per_ms_mv: f64,
    /// Voltage above which weights grow, in mV.
    pub threshold_mv: f64,
    /// Time constant of the trace in ms.
    pub trace_ms: f64,
    /// Largest weight.
    pub most: f64,
}

impl Default for VoltagePlasticity {
    fn default() -> Self {
        Self { rate_per_ms_mv: 1e-6, threshold_mv: -40.0, trace_ms: 100.0, most: 2.0 }
    }
}

/// A synapse that learns, in one lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlasticSynapse {
    /// Synapse of the simulation.
    pub synapse: usize,
    /// Its compartment.
    pub compartment: usize,
    /// Lane.
    pub lane: usize,
    /// Sorted times of its events in ms.
    pub times_ms: Vec<f64>,
    /// Present weight.
    pub weight: f64,
    /// Trace of its events.
    pub trace: f64,
    /// Events that have been sent.
    pub sent: usize,
}

impl PlasticSynapse {
    /// A synapse with a weight and the times of its events.
    pub fn new(synapse: usize, compartment: usize, lane: usize, times_ms: Vec<f64>, weight: f64) -> Self {
        Self { synapse, compartment, lane, times_ms, weight, trace: 0.0, sent: 0 }
    }
}

impl VoltagePlasticity {
    /// Refuses constants that are not finite or have the wrong sign.
    ///
    /// # Errors
    /// Naming the constant.
    pub fn check(&self) -> Result<()> {
        require_range("rate_per_ms_mv of a plasticity rule", self.rate_per_ms_mv, 0.0, 1e6)?;
        require_range("threshold_mv of a plasticity rule", self.threshold_mv, -500.0, 500.0)?;
        require_range("trace_ms of a plasticity rule", self.trace_ms, POSITIVE, 1e9)?;
        require_range("most of a plasticity rule", self.most, 0.0, 1e9)?;
        Ok(())
    }

    /// Moves the simulation by `steps` steps; each event is sent with the weight its synapse has then.
    ///
    /// # Errors
    /// If a synapse, lane or weight is refused by the simulation, or it diverges.
    pub fn run(&self, simulation: &mut Simulation, synapses: &mut [PlasticSynapse], steps: usize) -> Result<()> {
        self.check()?;
        let h = simulation.settings().dt_ms;
        let keep = (-h / self.trace_ms).exp();
        for _ in 0..steps {
            let (from, to) = (simulation.time_ms(), simulation.time_ms() + h);
            for s in synapses.iter_mut() {
                s.trace *= keep;
                while let Some(&time) = s.times_ms.get(s.sent).filter(|t| **t < to) {
                    simulation.send(s.synapse, s.lane, time.max(from), s.weight)?;
                    s.trace += (-(to - time) / self.trace_ms).exp();
                    s.sent += 1;
                }
            }
            simulation.run_until(to)?;
            for s in synapses.iter_mut() {
                let above = simulation.voltage_mv(s.compartment, s.lane) - self.threshold_mv;
                if above > 0.0 {
                    s.weight = (s.weight + self.rate_per_ms_mv * s.trace * above * h).min(self.most);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::cylinder;
    use crate::simulation::VoltageClamp;
    use crate::synapse::Receptor;
    use crate::{Cell, Discretisation, Settings};

    #[test]
    fn a_clamped_branch_learns_the_integral_of_the_trace() {
        let cell = Cell::new(cylinder(50.0, 2.0).unwrap(), Discretisation::Fixed { count: 1 }).unwrap();
        let changed = |command_mv: f64| {
            let mut simulation =
                Simulation::new(&cell, Settings { v_init_mv: command_mv, ..Settings::default() }).unwrap();
            let commands = vec![(0.0, command_mv)];
            simulation.clamp_voltage(0, None, VoltageClamp { series_mohm: 1e-4, commands, stop_ms: 1e9 }).unwrap();
            let synapse = simulation.add_synapse(0, &[Receptor::ampa(1e-6)]).unwrap();
            let mut synapses = [PlasticSynapse::new(synapse, 0, 0, vec![10.0, 30.0], 1.0)];
            let rule = VoltagePlasticity { rate_per_ms_mv: 1e-5, ..VoltagePlasticity::default() };
            rule.run(&mut simulation, &mut synapses, 40_000).unwrap();
            synapses[0].weight - 1.0
        };
        // 10 mV above threshold: eta 10 (two traces of area 100 ms, cut after 1 s at e^-9.7); the sum takes the trace at the
        // end of each step, .0125 % too late.
        assert!((changed(-30.0) / (1e-5 * 10.0 * 200.0) - 1.0).abs() < 1e-3, "{}", changed(-30.0));
        assert_eq!(changed(-41.0), 0.0);
    }
}
