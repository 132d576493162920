//! A trained surrogate: what it predicts, and how well.

use rheobase_core::parallel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::copies::matched_chance;
use crate::data::{Dataset, Trial};
use crate::dendrites::{DendriteBasis, DendriteFit};
use crate::loss::Targets;
use crate::metrics::{Discrimination, Scores, explained_variance};
use crate::network::Network;
use crate::spikes::{InputSpikes, SpikeBatch};
use crate::{Error, Result};

/// How voltage becomes a number that a network can say: clipped, so that spikes do not count, minus its mean, over its standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoltageScale {
    /// Voltages above are taken for this one, in mV.
    pub clip_mv: f64,
    /// Mean in mV.
    pub mean_mv: f64,
    /// Standard deviation in mV.
    pub sd_mv: f64,
}

impl VoltageScale {
    /// Mean and standard deviation of the clipped voltage of trials.
    ///
    /// # Errors
    /// If there is no voltage, or it does not vary.
    pub fn fitted(trials: &[Trial], clip_mv: f64) -> Result<Self> {
        let clipped = || trials.iter().flat_map(|t| &t.response.voltage_mv).map(|v| f64::from(*v).min(clip_mv));
        let count = clipped().count() as f64;
        let mean_mv = clipped().sum::<f64>() / count;
        let sd_mv = (clipped().map(|v| (v - mean_mv).powi(2)).sum::<f64>() / count).sqrt();
        if sd_mv.is_nan() || sd_mv == 0.0 {
            return Err(Error::Data(format!(
                "the voltage below {clip_mv} mV of {} trials does not vary: nothing can be learnt",
                trials.len()
            )));
        }
        Ok(Self { clip_mv, mean_mv, sd_mv })
    }

    /// A voltage as the network should say it.
    pub fn scaled(&self, v_mv: f32) -> f32 {
        ((f64::from(v_mv).min(self.clip_mv) - self.mean_mv) / self.sd_mv) as f32
    }

    /// What the network said in mV.
    pub fn mv(&self, scaled: f32) -> f32 {
        (f64::from(scaled) * self.sd_mv + self.mean_mv) as f32
    }
}

/// What a surrogate says of a trial, millisecond by millisecond.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prediction {
    /// Chance of a spike.
    pub spike_probability: Vec<f32>,
    /// Clipped voltage in mV.
    pub voltage_mv: Vec<f32>,
    /// Components of the dendritic voltages, (milliseconds, components).
    pub dendrites: Vec<f32>,
}

/// How well a surrogate predicts trials that it has not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Spikes.
    pub spikes: Discrimination,
    /// Share of the variance of the clipped voltage that is explained.
    pub voltage_explained: f64,
    /// Expected calibration error of the chance of a spike, over 20 bins.
    pub calibration_error: f64,
    /// Predicted and observed chance in each of them.
    pub calibration: Vec<(f64, f64)>,
    /// Correlation of the predicted chance with the spikes at lags of -10 to 10 ms; the spike later at positive lags.
    pub correlation: Vec<f64>,
    /// Dendritic voltages, where the surrogate says some.
    #[serde(default)]
    pub dendrites: Option<DendriteFit>,
    /// Milliseconds that were compared.
    pub milliseconds: usize,
}

/// A network that imitates one neuron, and the neuron's inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Surrogate {
    /// The network.
    pub network: Network,
    /// Its weights.
    pub weights: Vec<Vec<f32>>,
    /// What each input is.
    pub input_names: Vec<String>,
    /// How voltage is written.
    pub voltage: VoltageScale,
    /// What the heads after that of the voltage say; without one there are none.
    #[serde(default)]
    pub dendrites: Option<DendriteBasis>,
    /// Chance above which it spikes as often as the neuron did in the trials that it was trained on ([`crate::copies`]).
    pub matched_chance: f64,
}

/// First milliseconds of a trial that are not judged: the teacher settles (Beniaguev et al. 2021).
pub const WARM_UP_MS: usize = 500;
/// Share of false positives at which spikes found are read (Beniaguev et al. 2021).
pub const FALSE_POSITIVES: f64 = 0.0025;
/// Lags of the correlation on either side, in ms.
pub const LAGS_MS: usize = 10;
/// Trials over which spikes are counted to match them.
pub const MATCHED: usize = 128;
/// Trials that go through the network together.
const BATCH: usize = 8;

impl Surrogate {
    /// Refuses inputs that are not those of the neuron it was trained on.
    ///
    /// # Errors
    /// With the first input that differs.
    pub fn check_inputs(&self, names: &[String]) -> Result<()> {
        if names.len() != self.input_names.len() {
            return Err(Error::Data(format!(
                "this surrogate imitates a neuron with {} inputs, the data come from one with {}",
                self.input_names.len(),
                names.len()
            )));
        }
        match self.input_names.iter().zip(names).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(k) => Err(Error::Data(format!(
                "input {k} of the neuron that this surrogate imitates is `{}`, in the data it is `{}`: they are of another cell",
                self.input_names[k], names[k]
            ))),
        }
    }

    /// What it says of trials, which may differ in length.
    ///
    /// # Errors
    /// If a trial has another number of inputs.
    pub fn predict(&self, trials: &[&InputSpikes], threads: usize) -> Result<Vec<Prediction>> {
        let inputs = self.network.inputs();
        if let Some(trial) = trials.iter().find(|t| t.inputs() != inputs) {
            return Err(Error::Data(format!("a trial with {} inputs for a surrogate with {inputs}", trial.inputs())));
        }
        let mut predictions = Vec::with_capacity(trials.len());
        let mut rest = trials;
        while let Some(first) = rest.first() {
            let together = rest.iter().take(BATCH * threads.max(1)).take_while(|t| t.steps() == first.steps()).count();
            let (now, later) = rest.split_at(together);
            let pieces = parallel::try_map(now.len().div_ceil(BATCH), threads, |k| -> Result<Vec<f32>> {
                let piece: Vec<InputSpikes> =
                    now[k * BATCH..now.len().min((k + 1) * BATCH)].iter().map(|t| (*t).clone()).collect();
                Ok(self.network.forward(&self.weights, &SpikeBatch::new(&piece)?, 1).0)
            })?;
            let heads = self.network.heads();
            for values in pieces.concat().chunks_exact((first.steps() * heads).max(1)) {
                predictions.push(Prediction {
                    spike_probability: values.iter().step_by(heads).map(|y| 1.0 / (1.0 + (-y).exp())).collect(),
                    voltage_mv: values.iter().skip(1).step_by(heads).map(|y| self.voltage.mv(*y)).collect(),
                    dendrites: values.chunks_exact(heads).flat_map(|y| y.iter().skip(2)).copied().collect(),
                });
            }
            if first.steps() == 0 {
                predictions.resize(predictions.len() + together, Prediction::default());
            }
            rest = later;
        }
        Ok(predictions)
    }

    /// Sets the bound at which it spikes as often as the neuron in trials, the first [`MATCHED`] of them at most.
    ///
    /// # Errors
    /// As [`Surrogate::predict`].
    pub fn match_spikes(&mut self, trials: &[Trial], threads: usize) -> Result<()> {
        let trials = &trials[..trials.len().min(MATCHED)];
        let inputs: Vec<&InputSpikes> = trials.iter().map(|t| &t.input).collect();
        let chances: Vec<Vec<f32>> = self.predict(&inputs, threads)?.into_iter().map(|p| p.spike_probability).collect();
        let spikes = trials.iter().map(|t| t.response.spikes.len()).sum();
        self.matched_chance = matched_chance(spikes, &chances);
        Ok(())
    }

    /// How well it predicts trials.
    ///
    /// # Errors
    /// If the trials are another cell's, too short, or hold no spike.
    pub fn evaluate(&self, data: &Dataset, trials: std::ops::Range<usize>, threads: usize) -> Result<Evaluation> {
        self.check_inputs(&data.input_names)?;
        self.check_dendrites(data)?;
        let trials = &data.trials[trials];
        let inputs: Vec<&InputSpikes> = trials.iter().map(|t| &t.input).collect();
        let predictions = self.predict(&inputs, threads)?;
        let warm_up = WARM_UP_MS.min(inputs.first().map_or(0, |i| i.steps() / 2));
        let mut scores = Scores::default();
        let (mut found, mut predicted) = (vec![], vec![]);
        let mut correlation = Correlation::default();
        for (trial, prediction) in trials.iter().zip(&predictions) {
            let mut spikes = vec![false; trial.input.steps()];
            trial.response.spikes.iter().for_each(|s| spikes[*s as usize] = true);
            correlation.add(&prediction.spike_probability[warm_up..], &spikes[warm_up..]);
            scores.scores.extend(&prediction.spike_probability[warm_up..]);
            scores.spikes.extend(&spikes[warm_up..]);
            let clip = self.voltage.clip_mv as f32;
            found.extend(trial.response.voltage_mv[warm_up..].iter().map(|v| v.min(clip)));
            predicted.extend(&prediction.voltage_mv[warm_up..]);
        }
        let (calibration_error, calibration) = scores.calibration(20)?;
        Ok(Evaluation {
            spikes: scores.discrimination(FALSE_POSITIVES)?,
            voltage_explained: explained_variance(&found, &predicted)?,
            calibration_error,
            calibration,
            correlation: correlation.values(),
            dendrites: self.dendrites.as_ref().map(|basis| self.dendrite_fit(basis, data, trials, &predictions)),
            milliseconds: scores.scores.len(),
        })
    }
}

impl Surrogate {
    /// Refuses voltages of other places than those that it was trained on.
    fn check_dendrites(&self, data: &Dataset) -> Result<()> {
        match &self.dendrites {
            Some(basis) if basis.places != data.dendrite_names => Err(Error::Data(format!(
                "the surrogate says voltages of {} dendritic places, the trials hold those of {}: give the trials the same `dendrites`",
                basis.places.len(),
                data.dendrite_names.len()
            ))),
            _ => Ok(()),
        }
    }

    fn dendrite_fit(
        &self,
        basis: &DendriteBasis,
        data: &Dataset,
        trials: &[Trial],
        predictions: &[Prediction],
    ) -> DendriteFit {
        let (places, components) = (data.dendrite_names.len(), basis.axes.len());
        let pairs = trials.iter().zip(predictions).flat_map(|(trial, prediction)| {
            let warm_up = WARM_UP_MS.min(trial.input.steps() / 2);
            let voltages = trial.response.dendrites_mv.chunks_exact(places);
            prediction.dendrites.chunks_exact(components).zip(voltages).skip(warm_up)
        });
        basis.fit(pairs)
    }
}

/// Refuses trials on which no surrogate can be judged, before hours of training.
///
/// # Errors
/// If none of them holds a spike after the warm-up.
pub fn check_testable(trials: &[Trial]) -> Result<()> {
    let judged = |t: &Trial| t.response.spikes.iter().any(|s| *s as usize >= WARM_UP_MS.min(t.input.steps() / 2));
    if trials.iter().any(judged) {
        return Ok(());
    }
    Err(Error::Data(format!(
        "none of the {} trials to test on holds a spike after its first {WARM_UP_MS} ms: keep more trials for testing, or raise the \
         excitation",
        trials.len()
    )))
}

/// Sums for the correlation of probabilities with spikes at lags.
#[derive(Default)]
struct Correlation {
    count: f64,
    p: f64,
    pp: f64,
    s: f64,
    products: Vec<(f64, f64)>,
}

impl Correlation {
    fn add(&mut self, probability: &[f32], spikes: &[bool]) {
        self.products.resize(2 * LAGS_MS + 1, (0.0, 0.0));
        for (p, s) in probability.iter().zip(spikes) {
            let p = f64::from(*p);
            self.count += 1.0;
            (self.p, self.pp, self.s) = (self.p + p, self.pp + p * p, self.s + f64::from(*s));
        }
        for (k, (sum, pairs)) in self.products.iter_mut().enumerate() {
            let lag = k as i64 - LAGS_MS as i64;
            for (t, _) in spikes.iter().enumerate().filter(|(_, s)| **s) {
                if let Some(p) = usize::try_from(t as i64 - lag).ok().and_then(|t| probability.get(t)) {
                    *sum += f64::from(*p);
                    *pairs += 1.0;
                }
            }
        }
    }

    fn values(&self) -> Vec<f64> {
        let (mean, rate) = (self.p / self.count, self.s / self.count);
        let spread = ((self.pp / self.count - mean * mean) * rate * (1.0 - rate)).sqrt();
        // A surrogate that says the same all the time correlates with nothing.
        let value = |(sum, pairs): &(f64, f64)| {
            if *pairs > 0.0 && spread > 0.0 { rate * (sum / pairs - mean) / spread } else { 0.0 }
        };
        self.products.iter().map(value).collect()
    }
}

/// What the heads should say of windows of trials, (rows, steps, heads).
pub fn targets(
    windows: &[(&Trial, usize)],
    steps: usize,
    heads: usize,
    voltage: &VoltageScale,
    dendrites: Option<&DendriteBasis>,
) -> Targets<f32> {
    let mut values = vec![0.0; windows.len() * steps * heads];
    for ((trial, from), own) in windows.iter().zip(values.chunks_exact_mut((steps * heads).max(1))) {
        let response = &trial.response;
        let spikes = response.spikes.iter().map(|s| *s as usize).filter(|s| (*from..from + steps).contains(s));
        spikes.for_each(|s| own[(s - from) * heads] = 1.0);
        if heads > 1 {
            let voltages = &response.voltage_mv[*from..from + steps];
            own.chunks_exact_mut(heads).zip(voltages).for_each(|(own, v)| own[1] = voltage.scaled(*v));
        }
        if let Some(basis) = dendrites {
            let places = basis.places.len();
            let voltages = response.dendrites_mv.chunks_exact(places).skip(*from);
            for (own, voltages) in own.chunks_exact_mut(heads).zip(voltages) {
                own[2..].iter_mut().zip(basis.components(voltages)).for_each(|(own, c)| *own = c);
            }
        }
    }
    Targets { values, steps, heads }
}
