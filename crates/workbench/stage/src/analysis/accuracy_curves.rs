//! `[analysis.*] kind = "accuracy-curves"`: how well networks of growing size name classes.

use std::collections::BTreeMap;

use rheobase_core::statistics::wilson_interval;
use rheobase_data::Table;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::classification::named;
use crate::artifact::{Dataset, Images, Seeing, load_model};
use crate::draw::{chart, series};
use crate::kind::{Kind, complaint, main_output};

/// Parameters of `accuracy-curves`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccuracyCurvesParameters {
    /// Labelled images; those for testing are used.
    pub on: Input<Dataset>,
    /// Models of each line, by the line's name; a line of one model is a point.
    pub lines: BTreeMap<String, Vec<Input<Seeing>>>,
}

/// Curves of accuracy.
pub struct AccuracyCurves;

impl Kind for AccuracyCurves {
    type Parameters = AccuracyCurvesParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "accuracy-curves";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "accuracy of networks on test images against their number of weights";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("accuracy curves")];

    fn check(p: &AccuracyCurvesParameters) -> Vec<Complaint> {
        let empty = p.lines.is_empty() || p.lines.values().any(Vec::is_empty);
        let message = "there is a line without a model, or no line".to_owned();
        if empty { vec![complaint(&["lines"], message, "name models: lines = { trees = [..] }")] } else { vec![] }
    }

    fn run(p: &AccuracyCurvesParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.on)?)?;
        let rows = images.held_out();
        let mut outcome = Outcome::default();
        let (mut lines, mut table) = (vec![], (vec![], vec![], vec![], vec![]));
        for (name, models) in &p.lines {
            let mut band = Vec::with_capacity(models.len());
            for input in models {
                let model = load_model(context.input(input)?)?;
                let named = named(&model, &images, &rows)?;
                let right = named.iter().filter(|(label, name)| label == name).count();
                let interval = wilson_interval(right, named.len());
                let (size, accuracy) = (model.parameter_count() as f64, right as f64 / named.len() as f64);
                band.push((size.log10(), accuracy, interval.low, interval.high));
                table.0.push(name.clone());
                table.1.push(input.0.clone());
                table.2.push(size);
                table.3.push(accuracy);
            }
            band.sort_by(|a, b| a.0.total_cmp(&b.0));
            let points = band.iter().map(|b| (b.0, b.1)).collect();
            let shown = band.iter().map(|b| (b.0, b.2, b.3)).collect();
            lines.push(series(name, points, if band.len() > 1 { Marks::Band(shown) } else { Marks::Points }));
        }
        let table = Table::new()
            .with("line", table.0)?
            .with("model", table.1)?
            .with("parameters", table.2)?
            .with("test_accuracy", table.3)?;
        outcome.table("accuracy", table);
        let caption = format!(
            "Share of {} test images whose class has the largest output, with 95 % intervals (Wilson 1927), against the number of weights and \
             biases on a logarithmic axis.",
            rows.len()
        );
        let key = ["accuracy", "Accuracy and size", caption.as_str()];
        chart(&mut outcome, key, ["log10 of weights and biases", "test accuracy"], lines)?;
        Ok(outcome)
    }
}
