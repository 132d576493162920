//! `[analysis.*] kind = "conductance-theory"`: self-consistent rates of a conductance network, and what its neurons see.

use rheobase_core::parallel;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::theory::{ConductanceTheory, Membrane, Search, Strong};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, histogram, metric, series};
use super::tables;
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `conductance-theory`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConductanceTheoryParameters {
    /// The network.
    pub network: NetworkDescription,
    /// Population whose rate is held while roots are looked for.
    pub population: String,
    /// Rates between which roots are looked for, in Hz.
    pub range_hz: [f64; 2],
    /// Size in mV from which on synapses act one by one; by default all are noise.
    #[serde(default)]
    pub strong_from_mv: Option<f64>,
    /// Size in mV of a weight of 1.
    #[serde(default = "one")]
    pub mv_per_weight: f64,
    /// Rates in Hz of all populations, in the order of their names, at which the membrane is looked at.
    #[serde(default)]
    pub membrane_at_hz: Vec<f64>,
    /// Neurons of the simulation that the theory of the membrane is compared with, 5 s each; 0 for none.
    #[serde(default)]
    pub simulated_neurons: usize,
    /// Mean of the free voltage in mV for that simulation, instead of the network's.
    #[serde(default)]
    pub simulated_mean_mv: Option<f64>,
}

fn one() -> f64 {
    1.0
}

/// Theory of conductance networks.
pub struct ConductanceTheoryKind;

impl ConductanceTheoryParameters {
    fn strong(&self) -> Option<Strong> {
        self.strong_from_mv.map(|from_mv| Strong { from_mv, mv_per_weight: self.mv_per_weight })
    }
}

impl Kind for ConductanceTheoryKind {
    type Parameters = ConductanceTheoryParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "conductance-theory";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "self-consistent rates of a network of leaky neurons with conductances (diffusion \
                                 approximation with coloured noise; strong synapses one by one)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("self-consistent rates")];

    fn check(p: &ConductanceTheoryParameters) -> Vec<Complaint> {
        let mut complaints = tables::complaints(&p.network);
        if !complaints.is_empty() {
            return complaints;
        }
        if let Err(error) = ConductanceTheory::new(&p.network, p.strong()) {
            complaints.push(complaint(&["network"], error.to_string(), "mend this part of the network"));
        } else if let Err(error) = p.network.population(&p.population) {
            complaints.push(complaint(&["population"], error.to_string(), "name one of the populations"));
        }
        if !(p.range_hz[0] > 0.0 && p.range_hz[1] > p.range_hz[0]) {
            let message = format!("{:?} is no range of positive rates", p.range_hz);
            complaints.push(complaint(&["range_hz"], message, "give a smaller and a larger rate, as in [0.05, 400]"));
        }
        let (given, needed) = (p.membrane_at_hz.len(), p.network.populations.len());
        if given != 0 && given != needed {
            let message = format!("{given} rates for {needed} populations");
            complaints.push(complaint(&["membrane_at_hz"], message, "give one for each population"));
        }
        complaints
    }

    fn run(p: &ConductanceTheoryParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let theory = ConductanceTheory::new(&p.network, p.strong()).map_err(failed)?;
        let (population, _) = p.network.population(&p.population).map_err(failed)?;
        let search = Search { population, range_hz: p.range_hz, points: 80 };
        roots(p, &theory, &search, &mut outcome)?;
        if !p.membrane_at_hz.is_empty() {
            let membrane = theory.membrane(population, &p.membrane_at_hz);
            let rest = theory.membrane(population, &vec![0.0; theory.populations()]);
            for (name, value, what, unit) in [
                ("v0_mv", membrane.v0_mv, "mean of the free voltage", "mV"),
                ("tau_e_ms", membrane.tau_e_ms, "effective time constant", "ms"),
                ("sd_mv", membrane.sd_mv(), "standard deviation of the free voltage", "mV"),
                ("resistance_ratio", rest.tau_e_ms / membrane.tau_e_ms, "input resistance at rest over active", ""),
            ] {
                metric(&mut outcome, name, value, (what, unit), (1, "neuron"));
            }
            fidelity(&membrane, context, &mut outcome)?;
            if p.simulated_neurons > 0 {
                let v0_mv = p.simulated_mean_mv.unwrap_or(membrane.v0_mv);
                compare(&Membrane { v0_mv, ..membrane }, p.simulated_neurons, context, &mut outcome)?;
            }
        }
        Ok(outcome)
    }
}

fn roots(
    p: &ConductanceTheoryParameters,
    theory: &ConductanceTheory<'_>,
    search: &Search,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let found = theory.roots(search);
    metric(outcome, "roots", found.len() as f64, ("self-consistent states", ""), (search.points, "rates tried"));
    let lasting = found.iter().filter(|r| r.stable).count();
    metric(outcome, "stable_roots", lasting as f64, ("states that last", ""), (found.len(), "states"));
    for (k, root) in found.iter().enumerate() {
        let kind = if root.stable { "rate of a state that lasts" } else { "rate of a state that does not last" };
        metric(outcome, &format!("root_{}_hz", k + 1), root.rates_hz[search.population], (kind, "Hz"), (1, "state"));
    }
    if let Some(root) = found.iter().find(|r| r.stable) {
        for (name, rate) in p.network.populations.keys().zip(&root.rates_hz) {
            metric(outcome, &format!("stable_{name}_hz"), *rate, ("rate in the lasting state", "Hz"), (1, "state"));
        }
    }
    let strong = theory.strong_synapses(search.population);
    metric(outcome, "strong_synapses", strong, ("strong synapses of a neuron", ""), (1, "neuron"));
    let curve = theory.balance(search);
    let points: Vec<(f64, f64)> = curve.iter().map(|(r, _, b)| (r.log10(), ((b + r) / r).log10())).collect();
    let zero = vec![(p.range_hz[0].log10(), 0.0), (p.range_hz[1].log10(), 0.0)];
    let at = |stable: bool| {
        let of = found.iter().filter(|r| r.stable == stable);
        of.map(|r| (r.rates_hz[search.population].log10(), 0.0)).collect::<Vec<_>>()
    };
    let mut lines = vec![series("response", points, Marks::Line), series("self-consistent", zero, Marks::Dashed)];
    for (name, stable) in [("lasting state", true), ("state that does not last", false)] {
        if !at(stable).is_empty() {
            lines.push(series(name, at(stable), Marks::Points));
        }
    }
    let caption =
        "Rate that a population answers with when its own rate is held and the others follow, over the rate held.";
    let axes = ["log10 rate (Hz)", "log10 response / rate"];
    chart(outcome, ["roots", "Self-consistent states", caption], axes, lines)
}

/// Noises at which the transmission of events is simulated, and events at each.
const NOISES: usize = 10;
const EVENTS: usize = 2000;

/// Probability that an event of a size makes a spike beyond what noise alone does, against the noise: by theory, and simulated.
fn fidelity(membrane: &Membrane, context: &Context<'_>, outcome: &mut Outcome) -> Result<(), StageError> {
    let sizes = [2.0, 5.0, 10.0];
    let mut lines: Vec<_> = sizes.iter().map(|size| series(&format!("{size} mV"), vec![], Marks::Line)).collect();
    let noisy = |sd: f64| Membrane { sigma_mv: sd * std::f64::consts::SQRT_2, ..*membrane };
    for k in 1..=40 {
        let sd = 0.25 * f64::from(k);
        let chances = noisy(sd).near_threshold(&sizes);
        // Spikes that noise makes by itself in the time an event lasts are no transmission.
        let chance = 1.0 - (-noisy(sd).rate_hz() * 1e-3 * membrane.tau_e_ms).exp();
        for (line, p) in lines.iter_mut().zip(chances) {
            line.points.push((sd, (p - chance).max(0.0)));
        }
    }
    let peak = |points: &[(f64, f64)]| points.iter().fold((0.0, 0.0), |best, p| if p.1 > best.1 { *p } else { best });
    let best = peak(&lines[2].points);
    metric(outcome, "best_noise_mv", best.0, ("noise of the best transmission of 10 mV", "mV"), (40, "noises"));
    let seed = context.seed.child("transmission");
    let simulated = parallel::map(sizes.len() * NOISES, threads(), |k| {
        let (size, sd) = (sizes[k / NOISES], (k % NOISES + 1) as f64);
        let [with, without] = noisy(sd).transmission(size, EVENTS, &seed.index(k));
        (sd, with - without)
    });
    for (size, points) in sizes.iter().zip(simulated.chunks(NOISES)) {
        lines.push(series(&format!("{size} mV, simulated"), points.to_vec(), Marks::Points));
        let (key, n) = (format!("best_noise_{size}_mv_simulated"), (EVENTS * NOISES, "events"));
        metric(outcome, &key, peak(points).0, ("noise of the best transmission, simulated", "mV"), n);
    }
    let caption = format!(
        "Transmission of a single event by its size, less what noise alone does in one time constant: noise helps, then hides. \
         Theory counts events that reach threshold at once; points are {EVENTS} simulated events each, and what follows within one \
         time constant."
    );
    chart(
        outcome,
        ["fidelity", "Transmission and noise", &caption],
        ["standard deviation of the voltage (mV)", "probability"],
        lines,
    )
}

fn compare(
    membrane: &Membrane,
    neurons: usize,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let found = membrane.simulate(neurons, 5000.0, 0.02, &context.seed);
    let ratio = found.rate_hz / membrane.rate_hz();
    metric(outcome, "theory_hz", membrane.rate_hz(), ("rate by theory", "Hz"), (1, "neuron"));
    metric(outcome, "simulated_hz", found.rate_hz, ("rate by simulation", "Hz"), (found.spikes, "spikes"));
    metric(outcome, "rate_ratio", ratio, ("simulation over theory", ""), (found.spikes, "spikes"));
    let distance = membrane.density_distance(&found.voltages_mv);
    metric(outcome, "density_distance", distance, ("Kolmogorov-Smirnov", ""), (found.voltages_mv.len(), "voltages"));
    let low = found.voltages_mv.iter().copied().fold(f64::MAX, f64::min);
    let top = membrane.lif.threshold_mv;
    let simulated = histogram(&found.voltages_mv, [low, top], 60);
    let width = (top - low) / 60.0;
    let voltages: Vec<f64> = simulated.iter().map(|p| p.0).collect();
    let theory = voltages.iter().copied().zip(membrane.density(&voltages)).collect();
    let simulated = simulated.into_iter().map(|(v, share)| (v, share / width)).collect();
    let lines = vec![series("theory", theory, Marks::Line), series("simulated", simulated, Marks::Points)];
    let caption =
        "Stationary density of the voltage under coloured noise, by theory and by simulation of the same equations.";
    chart(outcome, ["density", "Voltage", caption], ["voltage (mV)", "density (1/mV)"], lines)
}
