//! Mean field of networks with conductance synapses: diffusion approximation with coloured noise (Teramae, Tsubo & Fukai 2012 Sci Rep
//! 2:485; Fourcaud & Brunel 2002 Neural Comput 14:2057; Burkitt 2006 Biol Cybern 95:1).
//!
//! With conductances divided by the capacitance, K inputs of rate r and weight G give a mean conductance g_0 = tau_g r G K and a variance
//! rate s^2 = r G^2 K. The voltage relaxes to V_0 = (g_L V_L + sum g_0 V_Y) / (g_L + sum g_0) with tau_e = 1 / (g_L + sum g_0), under noise of
//! amplitude A^2 = sum (tau_g s (V_0 - V_Y))^2 and time constant tau_g: v' = -(v - V_0) / tau_e + eta. The free voltage has a standard
//! deviation of A sqrt(tau_e / 2); the rate is Siegert's with the shift of coloured noise. Failures weigh moments by the
//! probability of transmission.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::{Distribution, NetworkDescription, Projection, Receptor};
use crate::neuron::{Lif, Neuron};
use crate::{Error, Result};

use super::inputs::Inputs;
use super::{coloured_shift, siegert_rate_hz};

/// What a neuron's membrane sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Membrane {
    /// Mean of the free voltage in mV.
    pub v0_mv: f64,
    /// Effective time constant in ms.
    pub tau_e_ms: f64,
    /// A sqrt(tau_e) in mV: sqrt 2 times the standard deviation of the free voltage.
    pub sigma_mv: f64,
    /// Time constant of the noise in ms, that of the receptors weighted by their share of the noise.
    pub tau_g_ms: f64,
    /// The neuron.
    pub lif: Lif,
}

impl Membrane {
    /// The neuron with its effective time constant.
    fn effective(&self) -> Lif {
        Lif { tau_ms: self.tau_e_ms, ..self.lif }
    }

    /// Standard deviation of the free voltage in mV (white limit).
    pub fn sd_mv(&self) -> f64 {
        self.sigma_mv / std::f64::consts::SQRT_2
    }

    /// Rate in Hz.
    pub fn rate_hz(&self) -> f64 {
        siegert_rate_hz(&self.effective(), self.v0_mv, self.sigma_mv, self.tau_g_ms)
    }

    /// Stationary density of the voltage, per mV, of neurons that are not refractory:
    /// P(v) ~ e^(-s^2) int_{max(s_1, s)}^{s_2} e^(x^2) dx with s = (v - V_0) / sigma; coloured noise shifts the reset s_1 and the threshold
    /// s_2. Below threshold only, where it is normalised.
    pub fn density(&self, voltages_mv: &[f64]) -> Vec<f64> {
        let shift = coloured_shift(self.sigma_mv, self.tau_g_ms, self.tau_e_ms);
        let tabulated = Tabulated::new(self, self.lif.threshold_mv + shift, self.lif.reset_mv + shift, self.v0_mv);
        let below = tabulated.up_to(self.lif.threshold_mv);
        let at = |v: f64| if v < self.lif.threshold_mv { tabulated.at(v) / below } else { 0.0 };
        voltages_mv.iter().map(|v| at(*v)).collect()
    }

    /// Probability P_g that one event of a size makes a spike: that the voltage is less than this below threshold. As in the published
    /// theory (Teramae et al. 2012) the shift of coloured noise moves the whole density, which then vanishes at threshold; the density
    /// that simulations find ([`Membrane::density`]) does not.
    pub fn near_threshold(&self, sizes_mv: &[f64]) -> Vec<f64> {
        let shift = coloured_shift(self.sigma_mv, self.tau_g_ms, self.tau_e_ms);
        let threshold = self.lif.threshold_mv;
        let tabulated = Tabulated::new(self, threshold, self.lif.reset_mv, self.v0_mv - shift);
        sizes_mv.iter().map(|size| 1.0 - tabulated.up_to(threshold - size)).collect()
    }
}

/// A density between an end far below and the threshold, with its integral.
struct Tabulated {
    bottom_mv: f64,
    h_mv: f64,
    density: Vec<f64>,
    cumulative: Vec<f64>,
}

impl Tabulated {
    fn new(membrane: &Membrane, threshold_mv: f64, reset_mv: f64, middle_mv: f64) -> Self {
        const POINTS: usize = 1500;
        let bottom_mv = (middle_mv - 6.0 * membrane.sigma_mv).min(reset_mv - 1.0);
        let h_mv = (threshold_mv - bottom_mv) / (POINTS - 1) as f64;
        // Above 26 the integrand overflows; no neuron comes there.
        let scaled = |v: f64| ((v - middle_mv) / membrane.sigma_mv).clamp(-26.0, 26.0);
        let low = scaled(reset_mv);
        let mut density = vec![0.0; POINTS];
        let (mut inner, mut above) = (0.0, scaled(threshold_mv));
        for k in (0..POINTS - 1).rev() {
            let s = scaled(bottom_mv + k as f64 * h_mv);
            let to = s.max(low);
            if to < above {
                let middle = 0.5 * (to + above);
                let f = |x: f64| (x * x).exp();
                inner += (above - to) / 6.0 * (f(to) + 4.0 * f(middle) + f(above));
                above = to;
            }
            density[k] = (-s * s).exp() * inner;
        }
        let mut cumulative = vec![0.0; POINTS];
        for k in 1..POINTS {
            cumulative[k] = cumulative[k - 1] + 0.5 * h_mv * (density[k - 1] + density[k]);
        }
        let total = cumulative[POINTS - 1];
        density.iter_mut().chain(&mut cumulative).for_each(|x| *x /= total);
        Self { bottom_mv, h_mv, density, cumulative }
    }

    fn interpolate(&self, values: &[f64], v: f64) -> f64 {
        let place = ((v - self.bottom_mv) / self.h_mv).max(0.0);
        let k = (place as usize).min(values.len() - 2);
        values[k] + (place - k as f64).min(1.0) * (values[k + 1] - values[k])
    }

    fn at(&self, v: f64) -> f64 {
        if v < self.bottom_mv { 0.0 } else { self.interpolate(&self.density, v) }
    }

    fn up_to(&self, v: f64) -> f64 {
        if v < self.bottom_mv { 0.0 } else { self.interpolate(&self.cumulative, v) }
    }
}

/// Simpson's rule on 240 pieces.
fn quadrature(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    const PIECES: usize = 240;
    let h = (high - low) / PIECES as f64;
    let inner: f64 = (1..PIECES).map(|k| f(low + k as f64 * h) * if k % 2 == 1 { 4.0 } else { 2.0 }).sum();
    h / 3.0 * (f(low) + f(high) + inner)
}

/// Strong synapses, which act one by one instead of as noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Strong {
    /// Size in mV from which on a synapse is strong.
    pub from_mv: f64,
    /// Size in mV of a weight of 1.
    pub mv_per_weight: f64,
}

/// Theory of one network: [`Membrane`]s and rates as functions of the rates.
pub struct ConductanceTheory<'a> {
    network: &'a NetworkDescription,
    strong: Option<Strong>,
    inputs: Vec<Vec<Pathway>>,
}

/// One way in which events reach a population.
struct Pathway {
    /// Population that they come from, or none for a constant rate.
    from: Option<usize>,
    rate_hz: f64,
    receptor: Receptor,
    /// Inputs of a neuron, and moments of the transmitted weak weights.
    count: f64,
    mean: f64,
    square: f64,
    /// Strong synapses: number, size in mV and probability of transmission, on a grid of sizes.
    strong: Vec<(f64, f64, f64)>,
}

impl Distribution {
    /// Integral of a function over the values between two ends, weighted by their density.
    pub fn integral(&self, low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
        let normal = |z: f64| (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
        let cumulative = |z: f64| 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
        match *self {
            Self::Constant { value } => {
                if (low..high).contains(&value) {
                    f(value)
                } else {
                    0.0
                }
            }
            Self::Uniform { low: a, high: b } => {
                let (from, to) = (low.max(a), high.min(b));
                if to <= from { 0.0 } else { quadrature(from, to, f) / (b - a) }
            }
            Self::Normal { mean, sd, at_least, at_most } => {
                let z = |x: f64| ((x - mean) / sd).clamp(-9.0, 9.0);
                let share = cumulative(z(at_most)) - cumulative(z(at_least));
                let (from, to) = (z(low.max(at_least)), z(high.min(at_most)));
                if to <= from { 0.0 } else { quadrature(from, to, |z| normal(z) * f(mean + sd * z)) / share }
            }
            Self::Lognormal { mu, sigma, at_most } => {
                let z = |x: f64| if x <= 0.0 { -9.0 } else { ((x.ln() - mu) / sigma).clamp(-9.0, 9.0) };
                let (from, to) = (z(low), z(high.min(at_most)));
                let share = cumulative(z(at_most));
                if to <= from { 0.0 } else { quadrature(from, to, |z| normal(z) * f((mu + sigma * z).exp())) / share }
            }
        }
    }
}

impl<'a> ConductanceTheory<'a> {
    /// Prepares the theory of a network of leaky neurons with exponential conductances.
    ///
    /// # Errors
    /// Naming what it does not cover.
    pub fn new(network: &'a NetworkDescription, strong: Option<Strong>) -> Result<Self> {
        network.check()?;
        let mut inputs = Vec::new();
        for (name, population) in &network.populations {
            let refuse = |what: String| {
                Error::Description(format!("{what}; this theory is for leaky neurons with exponential conductances"))
            };
            if !matches!(population.neuron, Neuron::Lif(_)) {
                return Err(refuse(format!("population {name} is not leaky")));
            }
            if population.noise_mv > 0.0 {
                return Err(refuse(format!("population {name} has noise_mv")));
            }
            let receptor = |of: &str| match population.receptors.get(of) {
                Some(r @ Receptor::ExponentialConductance { .. }) => Ok(*r),
                _ => Err(refuse(format!("receptor {of} of population {name} is of another kind"))),
            };
            let mut pathways = Vec::new();
            // Input that ends is a kick, not part of the state.
            for outside in population.input.iter().filter(|input| input.stop_ms > 1e12) {
                pathways.push(Pathway {
                    from: None,
                    rate_hz: outside.rate_hz,
                    receptor: receptor(&outside.receptor)?,
                    count: 1.0,
                    mean: outside.weight,
                    square: outside.weight.powi(2),
                    strong: vec![],
                });
            }
            for projection in network.projections.iter().filter(|p| p.to == *name) {
                pathways.push(pathway(network, projection, receptor(&projection.receptor)?, strong)?);
            }
            inputs.push(pathways);
        }
        Ok(Self { network, strong, inputs })
    }

    /// Number of populations.
    pub fn populations(&self) -> usize {
        self.inputs.len()
    }

    /// Strong synapses of each neuron of a population.
    pub fn strong_synapses(&self, population: usize) -> f64 {
        self.inputs[population].iter().flat_map(|p| &p.strong).map(|s| s.0).sum()
    }

    /// What a population's membrane sees at these rates in Hz.
    pub fn membrane(&self, population: usize, rates_hz: &[f64]) -> Membrane {
        let lif = match self.network.populations.values().nth(population).map(|p| &p.neuron) {
            Some(Neuron::Lif(lif)) => *lif,
            _ => Lif::default(),
        };
        let leak = 1.0 / lif.tau_ms;
        let (mut total, mut pull) = (leak, leak * (lif.rest_mv + lif.drive_mv));
        let course = |p: &Pathway| {
            let tau = p.receptor.time_course_ms().map_or(0.0, |c| c.1);
            let events = p.count * 1e-3 * p.from.map_or(p.rate_hz, |k| rates_hz[k]);
            (tau, events, p.receptor.reversal_mv().unwrap_or(0.0))
        };
        for p in &self.inputs[population] {
            let (tau, events, reversal) = course(p);
            let g = tau * events * p.mean * leak;
            total += g;
            pull += g * reversal;
        }
        let v0_mv = pull / total;
        let (mut noise, mut weighted) = (0.0, 0.0);
        for p in &self.inputs[population] {
            let (tau, events, reversal) = course(p);
            let share = tau * tau * events * p.square * leak * leak * (v0_mv - reversal).powi(2);
            noise += share;
            weighted += share * tau;
        }
        let tau_e_ms = 1.0 / total;
        let tau_g_ms = if noise > 0.0 { weighted / noise } else { 0.0 };
        Membrane { v0_mv, tau_e_ms, sigma_mv: (noise * tau_e_ms).sqrt(), tau_g_ms, lif }
    }

    /// Rate in Hz that a population answers with: of noise, and of strong synapses on top of it.
    pub fn response_hz(&self, population: usize, rates_hz: &[f64]) -> f64 {
        let membrane = self.membrane(population, rates_hz);
        let mut rate = membrane.rate_hz();
        if membrane.sigma_mv > 0.0 && self.strong.is_some() {
            for p in self.inputs[population].iter().filter(|p| !p.strong.is_empty()) {
                let source_hz = p.from.map_or(p.rate_hz, |k| rates_hz[k]);
                let sizes: Vec<f64> = p.strong.iter().map(|s| s.1).collect();
                let chances = membrane.near_threshold(&sizes);
                rate += source_hz * p.strong.iter().zip(chances).map(|(s, chance)| s.0 * s.2 * chance).sum::<f64>();
            }
        }
        rate
    }
}

/// Sizes that strong synapses are taken to have.
const SIZES: usize = 24;

fn pathway(
    network: &NetworkDescription,
    projection: &Projection,
    receptor: Receptor,
    strong: Option<Strong>,
) -> Result<Pathway> {
    let (from, source) = network.population(&projection.from)?;
    let (_, target) = network.population(&projection.to)?;
    let inputs = Inputs::new(projection, source.size, target.size)?;
    let count = inputs.sum(f64::MIN, f64::MAX, |_| 1.0);
    let top = inputs.most().min(1e12);
    let all = top * (1.0 + 1e-12) + 1e-300;
    // Inhibition has no strong synapses.
    let excites = receptor.reversal_mv().is_some_and(|e| e > -55.0);
    let cut = strong.filter(|_| excites).map_or(f64::MAX, |s| s.from_mv / s.mv_per_weight);
    let weak = cut.min(all);
    let moment = |power: i32| inputs.sum(f64::MIN, weak, |w| inputs.transmitted(w) * w.powi(power)) / count;
    let mut sizes = Vec::new();
    if let Some(strong) = strong
        && cut < top
    {
        // A finite end for distributions without one: the size that one synapse in a million exceeds does not matter.
        let end = top.min(cut * 1e3);
        let edge = |k: usize| cut * (end / cut).powf(k as f64 / SIZES as f64);
        for k in 0..SIZES {
            let (a, b) = (edge(k), if k + 1 == SIZES { all } else { edge(k + 1) });
            let number = inputs.sum(a, b, |_| 1.0);
            if number > 0.0 {
                let mean = |f: &dyn Fn(f64) -> f64| inputs.sum(a, b, f) / number;
                sizes.push((number, mean(&|w| w) * strong.mv_per_weight, mean(&|w| inputs.transmitted(w))));
            }
        }
    }
    let (mean, square) = if count > 0.0 { (moment(1), moment(2)) } else { (0.0, 0.0) };
    Ok(Pathway { from: Some(from), rate_hz: 0.0, receptor, count, mean, square, strong: sizes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_is_one_and_spikes_are_its_flux() {
        let lif = Lif {
            tau_ms: 20.0,
            rest_mv: -70.0,
            threshold_mv: -50.0,
            reset_mv: -60.0,
            refractory_ms: 1.0,
            drive_mv: 0.0,
        };
        let membrane = Membrane { v0_mv: -56.0, tau_e_ms: 10.0, sigma_mv: 5.0, tau_g_ms: 0.0, lif };
        let v: Vec<f64> = (0..4000).map(|k| -90.0 + 0.01 * f64::from(k)).collect();
        let p = membrane.density(&v);
        assert!((p.iter().sum::<f64>() * 0.01 - 1.0).abs() < 1e-3);
        // The flux through threshold is sigma^2 / (2 tau) times the slope there, of the neurons that are not refractory.
        let slope = -membrane.density(&[-50.001])[0] / 0.001;
        let rate = membrane.rate_hz() * 1e-3;
        let flux = -slope * 25.0 / (2.0 * 10.0) * (1.0 - rate * 1.0);
        // The table of the density has steps of .03 mV, over which its slope changes by half a percent.
        assert!((flux / rate - 1.0).abs() < 1e-2, "{flux} {rate}");
    }

    #[test]
    fn integrals_over_distributions_are_their_moments() {
        let lognormal = Distribution::Lognormal { mu: -0.609_44, sigma: 1.0, at_most: 20.0 };
        // systems.md B9: mean .893 mV after values above 20 are drawn again.
        assert!((lognormal.integral(0.0, 20.1, |x| x) - 0.893).abs() < 0.004);
        assert!((lognormal.integral(0.0, 20.1, |_| 1.0) - 1.0).abs() < 1e-6);
        let uniform = Distribution::Uniform { low: 1.0, high: 3.0 };
        assert!((uniform.integral(0.0, 2.0, |x| x) - 0.75).abs() < 1e-12);
        let normal = Distribution::Normal { mean: 1.0, sd: 2.0, at_least: f64::MIN, at_most: f64::MAX };
        assert!((normal.integral(f64::MIN, f64::MAX, |x| x * x) - 5.0).abs() < 1e-6);
    }
}
