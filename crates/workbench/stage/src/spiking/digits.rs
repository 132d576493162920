//! `[analysis.*] kind = "digit-plasticity"`: classes found without a teacher by STDP and competition (Diehl & Cook 2015 Front Comput
//! Neurosci 9:99).
//!
//! Pixels are Poisson neurons; excitatory neurons get them through plastic synapses, and each excites its own inhibitory neuron,
//! which silences all others. A threshold that grows with every spike lets all of them win. Afterwards each neuron stands for
//! the class it answers most.

use std::collections::BTreeMap;

use ndarray::Array2;
use rheobase_core::Silent;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Marks, Mosaic};
use rheobase_spiking::Simulation;
use rheobase_spiking::network::{
    ConnectionRule, Distribution, Listed, NetworkDescription, Population, Precision, Projection, Receptor,
};
use rheobase_spiking::neuron::{Described, Lif, Neuron, Renewal};
use rheobase_spiking::plasticity::{Pairing, Plasticity, Rule, Stdp, Triplet, Upkeep};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, metric, series};
use crate::artifact::{Dataset, Images};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `digit-plasticity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigitPlasticityParameters {
    /// Labelled images.
    pub on: Input<Dataset>,
    /// Excitatory neurons.
    #[serde(default = "neurons")]
    #[schemars(range(min = 2, max = 10_000))]
    pub neurons: usize,
    /// Images shown for learning, the training images in turn.
    #[serde(default = "shown")]
    #[schemars(range(min = 1))]
    pub shown: usize,
    /// Rate of a white pixel in Hz.
    #[serde(default = "white")]
    pub white_hz: f64,
    /// Time of an image, and of the rest after it, in ms.
    #[serde(default = "times")]
    pub image_and_rest_ms: [f64; 2],
    /// What a spike adds to a neuron's threshold in mV.
    #[serde(default = "theta")]
    pub threshold_step_mv: f64,
    /// Sum to which the weights onto each neuron are scaled after every image.
    #[serde(default = "sum")]
    pub weight_sum: f64,
    /// Learning rates at presynaptic and postsynaptic spikes.
    #[serde(default = "rates")]
    pub rates: [f64; 2],
}

fn neurons() -> usize {
    100
}
fn shown() -> usize {
    3000
}
fn white() -> f64 {
    63.75
}
fn times() -> [f64; 2] {
    [350.0, 150.0]
}
fn theta() -> f64 {
    0.05
}
fn sum() -> f64 {
    78.0
}
fn rates() -> [f64; 2] {
    [1e-4, 1e-2]
}

/// Digits by STDP.
pub struct DigitPlasticity;

const DT_MS: f64 = 0.5;

impl Kind for DigitPlasticity {
    type Parameters = DigitPlasticityParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "digit-plasticity";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "classes of images found by STDP and competition without a teacher (Diehl & Cook 2015)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("receptive fields and answers")];

    fn check(p: &DigitPlasticityParameters) -> Vec<Complaint> {
        let positive = [p.white_hz, p.weight_sum, p.image_and_rest_ms[0]].iter().all(|x| *x > 0.0);
        let fine = positive
            && p.threshold_step_mv >= 0.0
            && p.image_and_rest_ms[1] >= 0.0
            && p.rates.iter().all(|r| *r >= 0.0);
        let message = "white_hz, weight_sum and the image's time must be positive, the others at least 0".to_owned();
        if fine { vec![] } else { vec![complaint(&["white_hz"], message, "mend this parameter")] }
    }

    fn run(p: &DigitPlasticityParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.on)?)?;
        let (train, test) = (images.part(false), images.part(true));
        if images.labels.is_empty() || train.is_empty() || test.is_empty() {
            return Err(StageError::Failed(
                "digits need classes and test images; give the data a test_fraction".into(),
            ));
        }
        images.require_shares_of_white()?;
        let pixels = images.pixels.ncols();
        let network = network(p, pixels)?;
        let mut simulation = Simulation::new(&network, &context.seed, 1).map_err(failed)?;
        let classes = images.class_names.len();
        let mut outcome = Outcome::default();
        let (mut answers, mut curve) = (vec![vec![0.0; p.neurons]; classes], vec![]);
        let (mut recent, mut right) = (vec![], 0_usize);
        for k in 0..p.shown {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            context.progress.step("images", k + 1, p.shown + 2 * test.len().min(1000));
            let image = train[k % train.len()];
            let counts = show(&mut simulation, &images, image, p)?;
            let label = images.labels[image];
            if k >= 200 {
                let assigned = assign(&answers);
                recent.push(usize::from(answer(&counts, &assigned, classes) == label));
                if recent.len() == 200 {
                    curve.push((k as f64, recent.drain(..).sum::<usize>() as f64 / 200.0));
                }
            }
            for (n, count) in counts.iter().enumerate() {
                // Answers to old images fade: fields are still moving.
                answers.iter_mut().for_each(|a| a[n] *= 0.999);
                answers[label][n] += f64::from(*count);
            }
        }
        // Labels and test with weights as they are; learning goes on, as slowly as thresholds let it.
        let labelling: Vec<usize> = train.iter().copied().take(1000).collect();
        let mut answers = vec![vec![0.0; p.neurons]; classes];
        let mut shown_of = vec![0.0; classes];
        for image in labelling {
            let counts = show(&mut simulation, &images, image, p)?;
            shown_of[images.labels[image]] += 1.0;
            counts.iter().enumerate().for_each(|(n, c)| answers[images.labels[image]][n] += f64::from(*c));
        }
        answers.iter_mut().zip(&shown_of).for_each(|(a, n)| a.iter_mut().for_each(|x| *x /= f64::max(*n, 1.0)));
        let assigned = assign(&answers);
        let tested: Vec<usize> = test.iter().copied().take(1000).collect();
        for &image in &tested {
            let counts = show(&mut simulation, &images, image, p)?;
            right += usize::from(answer(&counts, &assigned, classes) == images.labels[image]);
        }
        let accuracy = right as f64 / tested.len() as f64;
        metric(
            &mut outcome,
            "accuracy",
            accuracy,
            ("accuracy of the most active class", ""),
            (tested.len(), "test images"),
        );
        fields(&simulation, &images, &train, p, &mut outcome)?;
        let caption = "Share of images whose class the most active neurons already stood for, while they learned.";
        chart(
            &mut outcome,
            ["learning", "Learning", caption],
            ["images", "accuracy"],
            vec![series("accuracy", curve, Marks::Line)],
        )?;
        Ok(outcome)
    }
}

fn network(p: &DigitPlasticityParameters, pixels: usize) -> Result<NetworkDescription, StageError> {
    let excitatory = Described {
        equations: BTreeMap::from([
            ("v".to_owned(), "(-65 mV - v + input) / (100 ms)".to_owned()),
            ("theta".to_owned(), "-theta / (1e7 ms)".to_owned()),
        ]),
        parameters: BTreeMap::new(),
        start: BTreeMap::from([("v".to_owned(), "-65 mV".to_owned()), ("theta".to_owned(), "20 mV".to_owned())]),
        threshold: "v > -72 mV + theta".into(),
        reset: BTreeMap::from([
            ("v".to_owned(), "-65 mV".to_owned()),
            ("theta".to_owned(), format!("theta + {:?} mV", p.threshold_step_mv)),
        ]),
        refractory_ms: 5.0,
        method: None,
    };
    let inhibitory =
        Lif { tau_ms: 10.0, rest_mv: -60.0, threshold_mv: -40.0, reset_mv: -45.0, refractory_ms: 2.0, drive_mv: 0.0 };
    let ampa = Receptor::ExponentialConductance { tau_ms: 1.0, e_mv: 0.0 };
    let stdp = Stdp {
        a_plus: 0.0,
        a_minus: p.rates[0],
        tau_plus_ms: 20.0,
        tau_minus_ms: 20.0,
        pairing: Pairing::Nearest,
        triplet: Some(Triplet { a_plus: p.rates[1], a_minus: 0.0, tau_x_ms: 20.0, tau_y_ms: 40.0 }),
        ..Stdp::default()
    };
    let cycle_ms = p.image_and_rest_ms[0] + p.image_and_rest_ms[1];
    let plasticity = Plasticity {
        upkeep: vec![Upkeep::Normalise { every_ms: cycle_ms, sum: p.weight_sum }],
        ..Plasticity::new(Rule::Stdp(stdp), [0.0, 1.0])
    };
    let all = ConnectionRule::AllToAll { autapses: true };
    let mut input = Projection::new("pixels", "excitatory", "ampa", all, 0.0, DT_MS);
    input.weight = Distribution::Uniform { low: 0.0, high: 0.3 };
    input.plasticity = Some(plasticity);
    let others = (0..p.neurons).flat_map(|from| {
        (0..p.neurons).filter(move |to| *to != from).map(move |to| Listed { from, to, weight: None, delay_ms: None })
    });
    let competition = ConnectionRule::List { synapses: others.collect() };
    let network = NetworkDescription {
        dt_ms: DT_MS,
        precision: Precision::Double,
        populations: BTreeMap::from([
            (
                "pixels".to_owned(),
                Population::new(pixels, Neuron::Renewal(Renewal { rate_hz: 0.0, ..Renewal::default() })),
            ),
            (
                "excitatory".to_owned(),
                Population::new(p.neurons, Neuron::Described(excitatory))
                    .with_receptor("ampa", ampa)
                    .with_receptor("gaba", Receptor::ExponentialConductance { tau_ms: 2.0, e_mv: -100.0 }),
            ),
            ("inhibitory".to_owned(), Population::new(p.neurons, Neuron::Lif(inhibitory)).with_receptor("ampa", ampa)),
        ]),
        projections: vec![
            input,
            Projection::new("excitatory", "inhibitory", "ampa", ConnectionRule::OneToOne {}, 10.4, DT_MS),
            Projection::new("inhibitory", "excitatory", "gaba", competition, 17.0, DT_MS),
        ],
    };
    network.check().map_err(failed)?;
    Ok(network)
}

/// Shows an image and returns the spikes of each excitatory neuron; an image that makes few spikes is shown again, brighter.
fn show(
    simulation: &mut Simulation,
    images: &Images,
    image: usize,
    p: &DigitPlasticityParameters,
) -> Result<Vec<u32>, StageError> {
    let mut brightness = 1.0;
    loop {
        let rate = |v: &f32| f64::from(*v).clamp(0.0, 1.0) * p.white_hz * brightness;
        let rates: Vec<f64> = images.pixels.row(image).iter().map(rate).collect();
        simulation.set_rates("pixels", &rates).map_err(failed)?;
        let from_ms = simulation.time_ms();
        simulation.run_ms(p.image_and_rest_ms[0], &Silent).map_err(failed)?;
        let counts = simulation.spike_counts("excitatory", from_ms).map_err(failed)?;
        simulation.set_rates("pixels", &vec![0.0; rates.len()]).map_err(failed)?;
        simulation.run_ms(p.image_and_rest_ms[1], &Silent).map_err(failed)?;
        if counts.iter().sum::<u32>() >= 5 || brightness > 4.0 {
            return Ok(counts);
        }
        brightness += 0.5;
    }
}

/// The class that each neuron answers most.
fn assign(answers: &[Vec<f64>]) -> Vec<usize> {
    let best = |n: usize| (0..answers.len()).fold(0, |b, c| if answers[c][n] > answers[b][n] { c } else { b });
    (0..answers[0].len()).map(best).collect()
}

/// The class whose neurons spike most on average.
fn answer(counts: &[u32], assigned: &[usize], classes: usize) -> usize {
    let mut sums = vec![(0.0, 0.0); classes];
    for (count, class) in counts.iter().zip(assigned) {
        sums[*class].0 += f64::from(*count);
        sums[*class].1 += 1.0;
    }
    let mean = |c: usize| if sums[c].1 > 0.0 { sums[c].0 / sums[c].1 } else { 0.0 };
    (0..classes).fold(0, |b, c| if mean(c) > mean(b) { c } else { b })
}

/// Weights as pictures, and how alike they are to the mean image of a class.
fn fields(
    simulation: &Simulation,
    images: &Images,
    train: &[usize],
    p: &DigitPlasticityParameters,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let pixels = images.pixels.ncols();
    let mut weights = Array2::zeros((p.neurons, pixels));
    for (from, to, weight) in simulation.synapses_of(0) {
        weights[[to as usize, from as usize]] = f64::from(weight);
    }
    let classes = images.class_names.len();
    let mut templates = vec![vec![0.0; pixels]; classes];
    for &i in train {
        images.pixels.row(i).iter().zip(&mut templates[images.labels[i]]).for_each(|(v, t)| *t += f64::from(*v));
    }
    let alike = |n: usize| {
        let field = weights.row(n).to_vec();
        let r = templates.iter().filter_map(|t| rheobase_core::statistics::pearson(&field, t));
        r.fold(-1.0, f64::max)
    };
    let close = (0..p.neurons).filter(|n| alike(*n) >= 0.7).count() as f64 / p.neurons as f64;
    metric(
        outcome,
        "fields_like_classes",
        close,
        ("fields that correlate by .7 with a class", ""),
        (p.neurons, "neurons"),
    );
    let shown = weights.slice(ndarray::s![..p.neurons.min(60), ..]);
    let mosaic = Mosaic {
        title: "fields".into(),
        images: shown.view(),
        shape: [images.shape[1], images.shape[2]],
        labels: vec![],
        across: 12,
    };
    outcome.figure(
        "fields",
        "Receptive fields",
        "Weights onto the first excitatory neurons.",
        mosaic.svg().map_err(failed)?,
    );
    Ok(())
}
