//! `[analysis.*] kind = "multiplexed-code"` and `kind = "rate-to-spiking"`: what rates and phases of spikes can carry.

use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::codes::{Multiplexing, PhasePrecession};
use rheobase_spiking::conversion::{Converted, Layer, activations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, metric, series};
use crate::artifact::{Dataset, Images, Seeing, load_model};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `multiplexed-code`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MultiplexedCodeParameters {
    /// Rate and phase as two codes.
    pub multiplexing: Multiplexing,
    /// A place cell's phases.
    pub precession: PhasePrecession,
}

/// Codes in rate and phase.
pub struct MultiplexedCode;

impl Kind for MultiplexedCode {
    type Parameters = MultiplexedCodeParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "multiplexed-code";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "information in rate and in phase of the same spikes (Panzeri et al. 2010), and phase precession";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("information and phases")];

    fn check(p: &MultiplexedCodeParameters) -> Vec<Complaint> {
        let problem = p.multiplexing.check().err().or(p.precession.check().err());
        problem.map(|e| complaint(&["multiplexing"], e.to_string(), "mend this parameter")).into_iter().collect()
    }

    fn run(p: &MultiplexedCodeParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let (intact, shuffled) = p.multiplexing.run(&context.seed.child("multiplexing"));
        let n = (p.multiplexing.trials * p.multiplexing.rates_hz.len() * p.multiplexing.phases, "trials");
        for (name, value, what) in [
            ("rate_bits", intact.rate, "information in the count"),
            ("phase_bits", intact.phase, "information in the mean phase"),
            ("joint_bits", intact.joint, "information in both"),
        ] {
            metric(&mut outcome, name, value, (what, "bit"), n);
        }
        metric(&mut outcome, "joint_over_sum", intact.joint / (intact.rate + intact.phase), ("joint over sum", ""), n);
        metric(
            &mut outcome,
            "phase_lost",
            1.0 - shuffled.phase / intact.phase,
            ("share of phase information lost by shuffling phases", ""),
            n,
        );
        metric(
            &mut outcome,
            "rate_lost",
            1.0 - shuffled.rate / intact.rate,
            ("share of rate information lost by shuffling phases", ""),
            n,
        );
        let bars = |i: &rheobase_spiking::codes::Information| vec![(1.0, i.rate), (2.0, i.phase), (3.0, i.joint)];
        let lines = vec![
            series("intact", bars(&intact), Marks::Points),
            series("phases shuffled", bars(&shuffled), Marks::Points),
        ];
        let caption = "Information about both stimuli in the count (1), in the mean phase (2) and in both (3).";
        chart(&mut outcome, ["information", "Information", caption], ["1 count, 2 phase, 3 both", "bit"], lines)?;
        let found = p.precession.run(&context.seed.child("precession"));
        let locked = PhasePrecession { beta_per_cm: 0.0, ..p.precession }.run(&context.seed.child("locked"));
        let of = (found.spikes.len(), "spikes");
        metric(&mut outcome, "slope_deg", found.slope_deg, ("slope of phase over the field", "deg"), of);
        metric(&mut outcome, "rho", found.rho.abs(), ("circular-linear correlation", ""), of);
        metric(
            &mut outcome,
            "slope_without_beta_deg",
            locked.slope_deg,
            ("slope at theta's frequency", "deg"),
            (locked.spikes.len(), "spikes"),
        );
        let twice = found.spikes.iter().flat_map(|(x, deg)| [(*x, *deg), (*x, deg + 360.0)]).collect();
        let caption = "Theta phase of spikes over the place field, two cycles.";
        chart(
            &mut outcome,
            ["precession", "Phase precession", caption],
            ["place in the field", "phase (deg)"],
            vec![series("spikes", twice, Marks::Points)],
        )?;
        Ok(outcome)
    }
}

/// Parameters of `rate-to-spiking`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateToSpikingParameters {
    /// A trained network of rectified dense layers.
    pub of: Input<Seeing>,
    /// Labelled images; training images set the scale, test images are answered.
    pub on: Input<Dataset>,
    /// Numbers of steps.
    pub steps: Vec<usize>,
    /// Percentile of activations that becomes one spike per step.
    #[serde(default = "percentile")]
    pub percentile: f64,
}

fn percentile() -> f64 {
    99.9
}

/// Conversion of rate networks.
pub struct RateToSpiking;

impl Kind for RateToSpiking {
    type Parameters = RateToSpikingParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "rate-to-spiking";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a trained rectified network as integrate-and-fire neurons (Diehl et al. 2015; Rueckauer et al. 2017)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("answers of spiking neurons")];

    fn run(p: &RateToSpikingParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let model = load_model(context.input(&p.of)?)?;
        let images = Images::load(context.input(&p.on)?)?;
        if images.labels.is_empty() {
            return Err(StageError::Failed(
                "conversion is judged by classification, but the data set has no classes".into(),
            ));
        }
        let arrays = model.arrays();
        let mut layers = Vec::new();
        for pair in arrays.chunks(2) {
            let [weight, bias] = pair else { return Err(StageError::Failed("layers need weights and biases".into())) };
            let &[inputs, units] = &weight.shape[..] else {
                return Err(StageError::Failed(format!(
                    "{} is not dense; only dense layers are converted",
                    weight.name
                )));
            };
            let row = |unit: usize| (0..inputs).map(|i| f64::from(weight.values[i * units + unit])).collect();
            let biases = bias.values.iter().map(|b| f64::from(*b)).collect();
            layers.push(Layer { weights: (0..units).map(row).collect(), biases });
        }
        let rows = |rows: Vec<usize>| -> Vec<Vec<f64>> {
            rows.into_iter().map(|i| images.pixels.row(i).iter().map(|v| f64::from(*v)).collect()).collect()
        };
        let converted = Converted::new(&layers, &rows(images.part(false)), p.percentile).map_err(failed)?;
        let held_out = images.held_out();
        let labels: Vec<usize> = held_out.iter().map(|i| images.labels[*i]).collect();
        let inputs = rows(held_out);
        let best = |x: &[f64]| (0..x.len()).fold(0, |b, j| if x[j] > x[b] { j } else { b });
        let exact: Vec<_> = inputs.iter().map(|x| activations(&layers, x)).collect();
        let right = |answers: &[usize]| {
            answers.iter().zip(&labels).filter(|(a, l)| a == l).count() as f64 / labels.len() as f64
        };
        let rate_accuracy = right(&exact.iter().map(|a| best(a.last().map_or(&[], |v| v))).collect::<Vec<_>>());
        let mut outcome = Outcome::default();
        let n = (labels.len(), "test images");
        metric(&mut outcome, "rate_accuracy", rate_accuracy, ("accuracy of the rate network", ""), n);
        let (mut accuracy, mut errors) = (vec![], vec![]);
        for &steps in &p.steps {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let answers: Vec<_> = inputs.iter().map(|x| converted.run(x, steps)).collect();
            let found = right(&answers.iter().map(|a| best(&a.output)).collect::<Vec<_>>());
            let rates: Vec<f64> = answers.iter().flat_map(|a| a.rates.iter().flatten().copied()).collect();
            let hidden = |a: &Vec<Vec<f64>>| a[..a.len() - 1].iter().flatten().copied().collect::<Vec<_>>();
            let wanted: Vec<f64> = exact.iter().flat_map(hidden).collect();
            let r = rheobase_core::statistics::pearson(&rates, &wanted).unwrap_or(f64::NAN);
            let error = rates.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).sum::<f64>() / rates.len() as f64;
            metric(&mut outcome, &format!("loss_{steps}"), rate_accuracy - found, ("accuracy lost", ""), n);
            metric(
                &mut outcome,
                &format!("correlation_{steps}"),
                r,
                ("correlation of rates and activations", ""),
                (rates.len(), "units x images"),
            );
            metric(
                &mut outcome,
                &format!("error_{steps}"),
                error,
                ("mean error of rates", ""),
                (rates.len(), "units x images"),
            );
            accuracy.push(((steps as f64).log10(), found));
            errors.push(((steps as f64).log10(), error.log10()));
        }
        if let (Some(first), Some(last)) = (errors.first(), errors.last()) {
            let slope = (last.1 - first.1) / (last.0 - first.0);
            metric(
                &mut outcome,
                "error_exponent",
                slope,
                ("exponent of the error over steps", ""),
                (p.steps.len(), "numbers of steps"),
            );
        }
        let caption =
            "Accuracy of spiking neurons by the number of steps; the rate network's is the last number's limit.";
        chart(
            &mut outcome,
            ["accuracy", "Accuracy", caption],
            ["log10 steps", "accuracy"],
            vec![series("spiking", accuracy, Marks::Line)],
        )?;
        let caption = "Mean error of rates as activations.";
        chart(
            &mut outcome,
            ["error", "Error of rates", caption],
            ["log10 steps", "log10 error"],
            vec![series("error", errors, Marks::Line)],
        )?;
        Ok(outcome)
    }
}
