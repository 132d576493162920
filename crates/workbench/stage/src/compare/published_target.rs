//! Measurements beside published brain figures.

use rheobase_core::Estimate;
use rheobase_core::statistics::{median, wilson_interval};
use rheobase_data::Table;
use rheobase_data::target::{Quantity, Target, load, names};
use rheobase_pipeline::{Complaint, Context, Input, InputHandle, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Chart, Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::Fits;
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `published-target`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedTargetParameters {
    /// The fits.
    pub of: Input<Fits>,
    /// Name of the target; `rheobase list targets` shows all.
    pub target: String,
}

/// Comparison with a published figure.
pub struct PublishedTarget;

impl Kind for PublishedTarget {
    type Parameters = PublishedTargetParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "published-target";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "measurements beside the published figures of a brain (datasets/targets)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a comparison")];

    fn check(p: &PublishedTargetParameters) -> Vec<Complaint> {
        if names().contains(&p.target.as_str()) {
            return vec![];
        }
        let help = format!("targets: {}", names().join(", "));
        vec![complaint(&["target"], format!("no published target is called `{}`", p.target), &help)]
    }

    fn run(p: &PublishedTargetParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let target = load(&p.target)?;
        let input = context.input(&p.of)?;
        let mut outcome = Outcome::default();
        let mut lines: Vec<(String, f64, &Quantity)> = Vec::new();
        for quantity in &target.quantities {
            let found = values_of(input, &quantity.name)?;
            if let Some(values) = found.column {
                let inside = values.iter().filter(|v| (quantity.low..=quantity.high).contains(*v)).count();
                let variant = format!("share of units from {} to {}", quantity.low, quantity.high);
                let value = if values.is_empty() { f64::NAN } else { inside as f64 / values.len() as f64 };
                let estimate = Estimate::new(value, &quantity.meaning, &variant, values.len(), "units")
                    .with_interval(wilson_interval(inside, values.len()));
                outcome.metric(&format!("{}_fraction_in_published_range", quantity.name), estimate);
                lines.push((quantity.name.clone(), median(&values), quantity));
            } else if let Some(metric) = found.metric {
                let inside = (quantity.low..=quantity.high).contains(&metric.value);
                let variant = format!("1 if from {} to {}", quantity.low, quantity.high);
                let mut estimate = Estimate::new(
                    f64::from(u8::from(inside)),
                    &quantity.meaning,
                    &variant,
                    metric.card.n,
                    &metric.card.n_of,
                );
                estimate = estimate.with_constant("ours", metric.value);
                outcome.metric(&format!("{}_in_published_range", quantity.name), estimate);
                lines.push((quantity.name.clone(), metric.value, quantity));
            } else {
                return Err(StageError::Failed(format!(
                    "{} has no column or metric `{}`",
                    input.address, quantity.name
                )));
            }
        }
        let table = Table::new()
            .with("quantity", lines.iter().map(|l| l.0.clone()).collect::<Vec<_>>())?
            .with("ours", lines.iter().map(|l| l.1).collect::<Vec<_>>())?
            .with("published_low", lines.iter().map(|l| l.2.low).collect::<Vec<_>>())?
            .with("published_high", lines.iter().map(|l| l.2.high).collect::<Vec<_>>())?
            .with("published_centre", lines.iter().map(|l| l.2.centre.unwrap_or(f64::NAN)).collect::<Vec<_>>())?
            .with("how_known", lines.iter().map(|l| l.2.provenance.clone()).collect::<Vec<_>>())?
            .with("meaning", lines.iter().map(|l| l.2.meaning.clone()).collect::<Vec<_>>())?
            .with("preparation", lines.iter().map(|_| target.preparation.clone()).collect::<Vec<_>>())?
            .with("source", lines.iter().map(|_| target.citation.clone()).collect::<Vec<_>>())?;
        outcome.table("comparison", table);
        draw(&target, input, &mut outcome)?;
        Ok(outcome)
    }
}

struct Found {
    column: Option<Vec<f64>>,
    metric: Option<Estimate>,
}

/// A column of the well-fitted units, or a metric of the fits.
fn values_of(input: &InputHandle, name: &str) -> Result<Found, StageError> {
    let table = input.table("fits")?;
    let column = match table.names().iter().any(|n| n == name) {
        true => {
            let good = table.numbers("well_fit")?;
            let values = table.numbers(name)?;
            Some(values.into_iter().zip(good).filter(|(v, g)| *g > 0.0 && v.is_finite()).map(|(v, _)| v).collect())
        }
        false => None,
    };
    Ok(Found { column, metric: input.record.metrics.get(name).cloned() })
}

/// The plane of the first two quantities, where both are columns.
fn draw(target: &Target, input: &InputHandle, outcome: &mut Outcome) -> Result<(), StageError> {
    let [x, y, ..] = &target.quantities[..] else { return Ok(()) };
    let (Some(a), Some(b)) = (values_of(input, &x.name)?.column, values_of(input, &y.name)?.column) else {
        return Ok(());
    };
    if a.is_empty() || a.len() != b.len() {
        return Ok(());
    }
    let largest = |values: &[f64], published: f64| values.iter().copied().fold(published, f64::max) * 1.08;
    let chart = Chart {
        title: format!("{} against {}", y.name, x.name),
        x_label: x.name.clone(),
        y_label: y.name.clone(),
        x_range: Some((0.0, largest(&a, x.high))),
        y_range: Some((0.0, largest(&b, y.high))),
        series: vec![
            Series {
                name: "published range".into(),
                points: vec![(x.low, y.low), (x.high, y.high)],
                marks: Marks::Region,
            },
            Series { name: "our units".into(), points: a.iter().copied().zip(b).collect(), marks: Marks::Points },
        ],
    };
    let caption =
        format!("{} well-fitted units beside the published range ({}; {}).", a.len(), target.citation, x.provenance);
    outcome.figure("plane", "Published range", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
