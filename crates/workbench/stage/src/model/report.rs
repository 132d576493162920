//! What a model node reports of its training: history, weights, principal subspace.

use rheobase_core::Estimate;
use rheobase_core::statistics::wilson_interval;
use rheobase_data::Table;
use rheobase_linalg::{eigh, qr};
use rheobase_pipeline::{Outcome, StageError};
use rheobase_rate::Model;
use rheobase_rate::training::EpochRecord;
use rheobase_report::figure::{Chart, Marks, Mosaic, Series};

use crate::artifact::Images;
use crate::kind::failed;

/// One quantity of the history as a line.
fn line(history: &[EpochRecord], name: &str, quantity: fn(&EpochRecord) -> Option<f64>) -> Series {
    let points = history.iter().filter_map(|r| quantity(r).map(|v| (r.epoch as f64, v))).collect();
    Series { name: name.into(), points, marks: Marks::Line }
}

/// Lines over epochs; empty ones are left out.
fn chart(title: &str, y_label: &str, y_range: Option<(f64, f64)>, lines: Vec<Series>) -> Chart {
    Chart {
        title: title.into(),
        x_label: "epoch".into(),
        y_label: y_label.into(),
        x_range: None,
        y_range,
        series: lines.into_iter().filter(|s| !s.points.is_empty()).collect(),
    }
}

/// Loss, accuracy and alignment over the epochs.
pub fn report_history(
    history: &[EpochRecord],
    images: Option<&Images>,
    labelled: bool,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let tests = images.map_or(0, |i| i.part(true).len());
    let trains = images.map_or(0, |i| i.part(false).len());
    let column =
        |f: fn(&EpochRecord) -> Option<f64>| history.iter().map(|r| f(r).unwrap_or(f64::NAN)).collect::<Vec<f64>>();
    let table = Table::new()
        .with("epoch", history.iter().map(|r| r.epoch).collect::<Vec<_>>())?
        .with("train_loss", column(|r| r.train_loss))?
        .with("test_loss", column(|r| r.test_loss))?
        .with("test_accuracy", column(|r| r.test_accuracy))?
        .with("alignment_deg", column(|r| r.alignment_deg))?;
    outcome.table("history", table);
    let last = |f: fn(&EpochRecord) -> Option<f64>| history.iter().rev().find_map(f);
    if let Some(loss) = last(|r| r.train_loss) {
        let estimate = Estimate::new(
            loss,
            "training loss",
            "mean over the last epoch, penalties included",
            trains,
            "training images",
        );
        outcome.metric("train_loss", estimate);
    }
    if let Some(accuracy) = last(|r| r.test_accuracy) {
        let right = (accuracy * tests as f64).round() as usize;
        let estimate =
            Estimate::new(accuracy, "test accuracy", "share of held-out images named correctly", tests, "test images")
                .with_interval(wilson_interval(right, tests));
        outcome.metric("test_accuracy", estimate);
    }
    let unit = if labelled { "loss (nats or squared error)" } else { "loss per image" };
    let losses = chart(
        "loss per epoch",
        unit,
        None,
        vec![line(history, "training", |r| r.train_loss), line(history, "test", |r| r.test_loss)],
    );
    outcome.figure(
        "loss",
        "Loss",
        &match tests {
            0 => format!("Loss after each epoch, {trains} training images."),
            _ => format!("Loss after each epoch, {trains} training and {tests} test images."),
        },
        losses.svg().map_err(failed)?,
    );
    let accuracies =
        chart("test accuracy", "test accuracy", Some((0.0, 1.0)), vec![line(history, "", |r| r.test_accuracy)]);
    if !accuracies.series.is_empty() {
        let caption = format!("Share of {tests} held-out images named correctly after each epoch.");
        outcome.figure("accuracy", "Test accuracy", &caption, accuracies.svg().map_err(failed)?);
    }
    report_alignment(history, tests, outcome)
}

fn report_alignment(history: &[EpochRecord], tests: usize, outcome: &mut Outcome) -> Result<(), StageError> {
    let angles: Vec<f64> = history.iter().filter_map(|r| r.alignment_deg).collect();
    let (Some(&first), Some(&last)) = (angles.first(), angles.last()) else { return Ok(()) };
    let estimate = |value: f64, when: &str| {
        let variant = format!("mean angle between e B' and e W' at the output layer, {when}");
        Estimate::new(value, "alignment angle", &variant, tests, "test images").with_unit("deg")
    };
    outcome.metric("alignment_angle_start_deg", estimate(first, "before training"));
    outcome.metric("alignment_angle_deg", estimate(last, "after training"));
    let mut lines = vec![line(history, "", |r| r.alignment_deg)];
    let end = history.last().map_or(1.0, |r| r.epoch as f64);
    lines.push(Series { name: "no alignment".into(), points: vec![(0.0, 90.0), (end, 90.0)], marks: Marks::Dashed });
    lines[0].name = "feedback against backprop".into();
    let figure = chart("alignment angle", "angle (deg)", Some((0.0, 105.0)), lines);
    let caption = format!(
        "Angle between the error that the fixed random feedback sends to the last hidden layer and the one backpropagation would send, mean over {tests} test images."
    );
    outcome.figure("alignment", "Alignment", &caption, figure.svg().map_err(failed)?);
    Ok(())
}

/// The weights of the first stage as images.
pub fn report_weights(model: &Model, outcome: &mut Outcome) -> Result<(), StageError> {
    const SHOWN: usize = 60;
    let Some((weights, shape)) = model.first_stage_images() else { return Ok(()) };
    let shown = weights.nrows().min(SHOWN);
    let images = weights.slice(ndarray::s![..shown, ..]);
    let mosaic = Mosaic { title: "weights of the first stage".into(), images, shape, labels: vec![], across: 12 };
    let caption = format!(
        "Weights of {shown} of {} units onto the input ({} x {} px), each scaled to its own largest value; red is positive, blue negative.",
        weights.nrows(),
        shape[0],
        shape[1]
    );
    outcome.figure("weights", "First-stage weights", &caption, mosaic.svg().map_err(failed)?);
    Ok(())
}

/// How much of the principal subspace of the data the first stage spans, against the untrained weights.
pub fn report_subspace(
    model: &Model,
    untrained: &Model,
    images: &Images,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let rows = images.part(false);
    let x = images.samples(&rows).inputs.mapv(f64::from);
    let mean = x.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| ndarray::Array1::zeros(x.ncols()));
    let centred = x - &mean;
    let covariance = centred.t().dot(&centred) / centred.nrows() as f64;
    let components = eigh(covariance.view()).map_err(failed)?.vectors;
    let overlap = |model: &Model| -> Result<Option<(f64, usize)>, StageError> {
        let Some((weights, _)) = model.first_stage_images() else { return Ok(None) };
        if weights.ncols() != components.nrows() || weights.nrows() >= weights.ncols() {
            return Ok(None);
        }
        let units = weights.nrows();
        let basis = qr(weights.t()).map_err(failed)?.0;
        let shared = basis.t().dot(&components.slice(ndarray::s![.., ..units]));
        Ok(Some((shared.iter().map(|v| v * v).sum::<f64>() / units as f64, units)))
    };
    if let (Some((value, units)), Some((before, _))) = (overlap(model)?, overlap(untrained)?) {
        let variant = "mean squared cosine of the principal angles between the span of the weights and that of as many principal components; 1 is the same subspace";
        let estimate = Estimate::new(value, "principal subspace overlap", variant, rows.len(), "training images")
            .with_constant("components", units as f64)
            .with_constant("before_training", before);
        outcome.metric("principal_subspace_overlap", estimate);
    }
    Ok(())
}
