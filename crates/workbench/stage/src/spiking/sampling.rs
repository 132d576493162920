//! `[analysis.*] kind = "neural-sampling"` and `kind = "dual-stochastic"`: networks that compute by sampling.

use ndarray::Array2;
use rand::RngExt;
use rheobase_core::Seed;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Mosaic};
use rheobase_spiking::sampling::{BoltzmannMachine, DualStochastic, divergence_bits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, metric, series};
use crate::artifact::{Dataset, Images};
use crate::kind::{Kind, complaint, failed, main_output, threads};

/// Parameters of `neural-sampling`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NeuralSamplingParameters {
    /// Units, up to 16.
    pub units: usize,
    /// Standard deviation of weights and of biases.
    pub weight_sd: f64,
    /// Steps that a spike lasts.
    pub tau: u32,
    /// Steps.
    pub steps: usize,
    /// Random machines.
    pub machines: usize,
}

impl Default for NeuralSamplingParameters {
    fn default() -> Self {
        Self { units: 5, weight_sd: 0.6, tau: 20, steps: 400_000, machines: 5 }
    }
}

/// Neural sampling.
pub struct NeuralSampling;

impl Kind for NeuralSampling {
    type Parameters = NeuralSamplingParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "neural-sampling";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "spiking neurons as samplers of a Boltzmann machine (Buesing et al. 2011), beside Gibbs sampling";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("sampled distributions")];

    fn check(p: &NeuralSamplingParameters) -> Vec<Complaint> {
        let problem = BoltzmannMachine::random(p.units, p.weight_sd, p.weight_sd, &Seed::root(0)).err();
        let mut all: Vec<_> =
            problem.map(|e| complaint(&["units"], e.to_string(), "take fewer units")).into_iter().collect();
        if p.tau == 0 || p.steps == 0 || p.machines == 0 {
            all.push(complaint(&["steps"], "tau, steps and machines must be at least 1".into(), "raise them"));
        }
        all
    }

    fn run(p: &NeuralSamplingParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let (mut worst, mut points, mut diagonal) = ([0.0_f64; 2], vec![], vec![]);
        for k in 0..p.machines {
            let seed = context.seed.index(k);
            let machine =
                BoltzmannMachine::random(p.units, p.weight_sd, p.weight_sd, &seed.child("machine")).map_err(failed)?;
            let exact = machine.exact();
            let spiking = machine.sample_spiking(p.tau, p.steps, &seed.child("spikes"));
            let gibbs = machine.sample_gibbs(p.steps, &seed.child("gibbs"));
            let nats = |found: &[f64]| divergence_bits(found, &exact) * std::f64::consts::LN_2;
            worst = [worst[0].max(nats(&spiking)), worst[1].max(nats(&gibbs))];
            points.extend(exact.iter().copied().zip(spiking));
            diagonal.extend(exact.iter().map(|p| (*p, *p)));
        }
        diagonal.sort_by(|a, b| a.0.total_cmp(&b.0));
        metric(
            &mut outcome,
            "spiking_divergence",
            worst[0],
            ("largest KL of spiking samples", "nats"),
            (p.machines, "machines"),
        );
        metric(
            &mut outcome,
            "gibbs_divergence",
            worst[1],
            ("largest KL of Gibbs samples", "nats"),
            (p.machines, "machines"),
        );
        let lines = vec![series("states", points, Marks::Points), series("equal", diagonal, Marks::Dashed)];
        let caption = "Share of time in each state of all machines, by spiking neurons, against its probability.";
        chart(&mut outcome, ["states", "States", caption], ["probability", "share of time"], lines)?;
        Ok(outcome)
    }
}

/// Parameters of `dual-stochastic`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DualStochasticParameters {
    /// Labelled images; without them, 500 and 500 samples of ten random prototypes of 8 x 8 bits, 15 % of them flipped.
    #[serde(default)]
    pub on: Option<Input<Dataset>>,
    /// The learner.
    #[serde(default)]
    pub learner: DualStochastic,
    /// Sweeps after which accuracy is first judged; as many again follow.
    #[serde(default = "sweeps")]
    pub sweeps: usize,
    /// Brightness above which a pixel is on; 0 leaves pixels grey.
    #[serde(default)]
    pub binary_above: f64,
    /// Most training images that are used.
    #[serde(default = "most")]
    pub most_images: usize,
}

fn sweeps() -> usize {
    150
}

fn most() -> usize {
    2000
}

/// Learning by sampling neurons and synapses.
pub struct DualStochasticKind;

impl Kind for DualStochasticKind {
    type Parameters = DualStochasticParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "dual-stochastic";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "classification by Gibbs sampling of neurons and synapses (Teramae 2019): everything goes on moving";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("accuracy, weights and activity over sweeps")];

    fn check(p: &DualStochasticParameters) -> Vec<Complaint> {
        let problem = p.learner.check().err();
        problem.map(|e| complaint(&["learner"], e.to_string(), "mend this parameter")).into_iter().collect()
    }

    fn run(p: &DualStochasticParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = match &p.on {
            Some(on) => Images::load(context.input(on)?)?,
            None => prototypes(&context.seed.child("prototypes")),
        };
        if images.labels.is_empty() || images.part(true).is_empty() {
            return Err(StageError::Failed(
                "the learner needs classes and test images; give the data a test_fraction".into(),
            ));
        }
        if p.binary_above == 0.0 {
            images.require_shares_of_white()?;
        }
        let rows = |rows: &[usize]| -> (Vec<Vec<f64>>, Vec<usize>) {
            let pixel = |v: &f32| {
                if p.binary_above > 0.0 { f64::from(u8::from(f64::from(*v) > p.binary_above)) } else { f64::from(*v) }
            };
            let of = |i: &usize| (images.pixels.row(*i).iter().map(pixel).collect(), images.labels[*i]);
            rows.iter().map(of).unzip()
        };
        let mut train = images.part(false);
        train.truncate(p.most_images);
        let ((x, y), (tx, ty)) = (rows(&train), rows(&images.part(true)));
        let mut learner = p.learner.learner(x.clone(), y.clone(), &context.seed.child("learner")).map_err(failed)?;
        let mut outcome = Outcome::default();
        let (mut curves, mut first, mut reference) = ([vec![], vec![], vec![], vec![]], (0.0, 0.0), vec![]);
        let (mut hidden, mut flipped) = (vec![], 0.0);
        for sweep in 1..=2 * p.sweeps {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            context.progress.step("sweeps", sweep, 2 * p.sweeps);
            let happened = learner.sweep(threads());
            flipped += happened.flipped / (2.0 * p.sweeps as f64);
            if sweep % 10 == 0 || sweep == 1 || sweep == p.sweeps || sweep == 2 * p.sweeps {
                let judge = context.seed.child("test").index(sweep);
                let of = |x: &[Vec<f64>], y: &[usize], seed: &Seed| learner.accuracy(x, y, 20, seed, threads());
                let accuracy = (of(&tx, &ty, &judge), of(&x, &y, &judge.child("train")));
                let at = sweep as f64;
                curves[0].push((at, accuracy.0));
                curves[1].push((at, accuracy.1));
                if sweep == p.sweeps {
                    first = (settled(&curves[0], sweep, p.sweeps), settled(&curves[1], sweep, p.sweeps));
                    reference = learner.first_weights().to_vec();
                }
                if !reference.is_empty() {
                    let r = rheobase_core::statistics::pearson(&reference, learner.first_weights()).unwrap_or(f64::NAN);
                    curves[2].push((at, r));
                }
            }
            if sweep > 2 * p.sweeps - 60 {
                let states = learner.hidden_states(0);
                hidden.extend((0..states.len().min(60)).filter(|i| states[*i] > 0.5).map(|i| (sweep as f64, i as f64)));
            }
        }
        let correlation = curves[2].last().map_or(f64::NAN, |p| p.1);
        let change = (settled(&curves[0], 2 * p.sweeps, p.sweeps) - first.0).abs();
        let n = (ty.len(), "test images");
        for (name, value, what) in [
            ("accuracy", first.0, "test accuracy towards the end of the first half"),
            ("accuracy_gap", (first.0 - first.1).abs(), "difference between training and test"),
            ("accuracy_change", change, "change of test accuracy in the second half"),
            ("weight_correlation", correlation, "correlation of first weights over the second half"),
            ("flips", flipped / p.learner.units_drawn, "share of drawn hidden units that change"),
        ] {
            metric(&mut outcome, name, value, (what, ""), n);
        }
        let pairing = learner.pairing();
        for (name, value) in ["pre_and_post", "pre_only"].iter().zip(pairing) {
            metric(
                &mut outcome,
                &format!("change_{name}"),
                value,
                ("mean change of q by this pair", ""),
                (x.len(), "images"),
            );
        }
        let [test, training, weights, _] = curves;
        let lines = vec![
            series("test accuracy", test, Marks::Line),
            series("training accuracy", training, Marks::Dashed),
            series("correlation of weights", weights, Marks::Line),
        ];
        let caption = "Accuracy over sweeps, and how alike the first weights stay to those at half time: they go, the answers stay.";
        chart(&mut outcome, ["learning", "Learning", caption], ["sweep", "share or correlation"], lines)?;
        let caption = "Hidden units that are on for the first training image, in the last sweeps.";
        // A few units may all be off.
        if !hidden.is_empty() {
            let on = vec![series("on", hidden, Marks::Points)];
            chart(&mut outcome, ["hidden", "Hidden activity", caption], ["sweep", "hidden unit"], on)?;
        }
        fields(&images, learner.first_weights(), p.learner.hidden, &mut outcome)?;
        Ok(outcome)
    }
}

/// Mean of a curve over the last third of the half that ends with a sweep: what is never at rest has no accuracy at one moment.
fn settled(curve: &[(f64, f64)], end: usize, half: usize) -> f64 {
    let (first, last) = (end as f64 - half as f64 / 3.0, end as f64);
    let looks = curve.iter().filter(|(at, _)| *at > first && *at <= last);
    rheobase_core::statistics::mean(&looks.map(|(_, value)| *value).collect::<Vec<f64>>())
}

/// Noisy samples of random prototypes.
fn prototypes(seed: &Seed) -> Images {
    let mut stream = seed.stream();
    let shapes: Vec<bool> = (0..640).map(|_| stream.random::<f64>() < 0.5).collect();
    let bit = |k: usize, i: usize, flip: bool| f32::from(u8::from(shapes[k % 10 * 64 + i] ^ flip));
    let pixels = Array2::from_shape_fn((1000, 64), |(k, i)| bit(k, i, stream.random::<f64>() < 0.15));
    Images {
        pixels,
        shape: [1, 8, 8],
        labels: (0..1000).map(|k| k % 10).collect(),
        class_names: (0..10).map(|k| format!("prototype {k}")).collect(),
        is_test: (0..1000).map(|k| k >= 500).collect(),
    }
}

/// First weights of the first hidden units as pictures.
fn fields(images: &Images, weights: &[f64], hidden: usize, outcome: &mut Outcome) -> Result<(), StageError> {
    let pixels = images.pixels.ncols();
    let shown = hidden.min(24);
    let pictures = Array2::from_shape_fn((shown, pixels), |(j, i)| weights[i * hidden + j]);
    let mosaic = Mosaic {
        title: "weights".into(),
        images: pictures.view(),
        shape: [images.shape[1], images.shape[2]],
        labels: vec![],
        across: 12,
    };
    outcome.figure("weights", "Weights", "Weights onto the first hidden units.", mosaic.svg().map_err(failed)?);
    Ok(())
}
