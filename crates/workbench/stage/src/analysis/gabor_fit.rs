//! Gabor fits of receptive fields, and their statistics.

use ndarray::{Array2, ArrayView2, Axis};
use rheobase_core::statistics::{bootstrap_interval, median};
use rheobase_core::{Estimate, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::gabor::{GaborFit, fit_gabor};
use rheobase_report::figure::{Chart, Marks, Mosaic, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::share;
use crate::artifact::ReceptiveFields;
use crate::kind::{Kind, failed, main_output};

/// Parameters of `gabor-fit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaborFitParameters {
    /// The receptive fields.
    pub of: Input<ReceptiveFields>,
    /// Share of the variance that a good fit explains at least.
    #[serde(default = "threshold")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub r_squared_threshold: f64,
}

fn threshold() -> f64 {
    0.7
}

/// Gabor fits.
pub struct GaborFits;

/// Bins of 22.5 degrees over which orientations should spread.
const ORIENTATION_BINS: usize = 8;

impl Kind for GaborFits {
    type Parameters = GaborFitParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "gabor-fit";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "two-dimensional Gabor functions fitted to receptive fields (Jones & Palmer 1987)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("Gabor fits")];

    fn run(p: &GaborFitParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let arrays = context.input(&p.of)?.arrays()?;
        let missing = |name: &str| StageError::Failed(format!("the receptive fields have no array `{name}`"));
        let filters = arrays.get("filters").ok_or_else(|| missing("filters"))?;
        let filters = filters.clone().into_dimensionality::<ndarray::Ix2>().map_err(failed)?;
        let shape = arrays.get("shape").ok_or_else(|| missing("shape"))?;
        let shape = [shape[0] as usize, shape[1] as usize];
        let mut fits = Vec::new();
        for (unit, filter) in filters.rows().into_iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let values = filter.to_vec();
            let image = ArrayView2::from_shape((shape[0], shape[1]), &values).map_err(failed)?;
            // A silent unit has a flat field and no Gabor; it counts as not fitted.
            fits.push(fit_gabor(image).ok());
            context.progress.step("units", unit + 1, filters.nrows());
        }
        report(p, &filters, shape, &fits, &context.seed)
    }
}

struct Good<'a> {
    unit: usize,
    fit: &'a GaborFit,
}

fn report(
    p: &GaborFitParameters,
    filters: &Array2<f64>,
    shape: [usize; 2],
    fits: &[Option<GaborFit>],
    seed: &Seed,
) -> Result<Outcome, StageError> {
    let units = fits.len();
    let good: Vec<Good<'_>> = fits
        .iter()
        .enumerate()
        .filter_map(|(unit, fit)| fit.as_ref().map(|fit| Good { unit, fit }))
        .filter(|g| g.fit.r_squared >= p.r_squared_threshold)
        .collect();
    let localised = good.iter().filter(|g| g.fit.is_localised(shape[0], shape[1])).count();
    let mut outcome = Outcome::default();
    outcome.table("fits", table(p, shape, fits)?);
    let fraction = |count: usize, variant: &str| {
        share(count, units, "units well described by a Gabor", variant, "units")
            .with_constant("r_squared_threshold", p.r_squared_threshold)
    };
    outcome.metric("fraction_well_fit", fraction(good.len(), "R^2 of the fit above threshold"));
    let variant =
        "R^2 above threshold, centre inside the field, geometric mean of the envelope at most a quarter of it";
    outcome.metric("fraction_localised", fraction(localised, variant));
    let mut bins = [0; ORIENTATION_BINS];
    for g in &good {
        let bin = (g.fit.gabor.orientation_deg() / 180.0 * ORIENTATION_BINS as f64) as usize;
        bins[bin.min(ORIENTATION_BINS - 1)] += 1;
    }
    let covered = bins.iter().filter(|&&n| n > 0).count();
    outcome.metric(
        "orientation_bins_covered",
        Estimate::new(
            covered as f64,
            "orientation bins with a unit",
            "of 8 bins of 22.5 deg, well-fitted units",
            good.len(),
            "units",
        ),
    );
    let columns: [(&str, &str, Vec<f64>); 4] = [
        ("median_n_x", "n_x = sigma_x f", good.iter().map(|g| g.fit.gabor.n_x()).collect()),
        ("median_n_y", "n_y = sigma_y f", good.iter().map(|g| g.fit.gabor.n_y()).collect()),
        (
            "median_bandwidth_octaves",
            "bandwidth at half height, band-pass units",
            good.iter().filter_map(|g| g.fit.gabor.bandwidth_octaves()).collect(),
        ),
        (
            "median_frequency_cycles_per_px",
            "spatial frequency",
            good.iter().map(|g| g.fit.gabor.frequency_cycles_per_px).collect(),
        ),
    ];
    for (name, what, values) in columns {
        if values.len() >= 3 {
            let interval = bootstrap_interval(values.len(), 1000, &seed.child(name), |indices| {
                median(&indices.iter().map(|&i| values[i]).collect::<Vec<_>>())
            });
            let estimate = Estimate::new(median(&values), what, "median over well-fitted units", values.len(), "units");
            outcome.metric(name, estimate.with_interval(interval));
        }
    }
    if !good.is_empty() {
        figures(filters, shape, &good, &bins, &mut outcome)?;
    }
    Ok(outcome)
}

fn table(p: &GaborFitParameters, shape: [usize; 2], fits: &[Option<GaborFit>]) -> Result<Table, StageError> {
    let column = |f: &dyn Fn(&GaborFit) -> f64| -> Vec<f64> {
        fits.iter().map(|fit| fit.as_ref().map_or(f64::NAN, f)).collect()
    };
    let flag =
        |test: &dyn Fn(&GaborFit) -> bool| -> Vec<bool> { fits.iter().map(|f| f.as_ref().is_some_and(test)).collect() };
    let good = |f: &GaborFit| f.r_squared >= p.r_squared_threshold;
    Ok(Table::new()
        .with("unit", (0..fits.len()).collect::<Vec<_>>())?
        .with("r_squared", column(&|f| f.r_squared))?
        .with("well_fit", flag(&good))?
        .with("localised", flag(&|f| good(f) && f.is_localised(shape[0], shape[1])))?
        .with("n_x", column(&|f| f.gabor.n_x()))?
        .with("n_y", column(&|f| f.gabor.n_y()))?
        .with("frequency_cycles_per_px", column(&|f| f.gabor.frequency_cycles_per_px))?
        .with("orientation_deg", column(&|f| f.gabor.orientation_deg()))?
        .with("phase_deg", column(&|f| f.gabor.phase_rad.to_degrees()))?
        .with("bandwidth_octaves", column(&|f| f.gabor.bandwidth_octaves().unwrap_or(f64::NAN)))?
        .with("x_px", column(&|f| f.gabor.x_px))?
        .with("y_px", column(&|f| f.gabor.y_px))?
        .with("sigma_x_px", column(&|f| f.gabor.sigma_x_px))?
        .with("sigma_y_px", column(&|f| f.gabor.sigma_y_px))?)
}

fn figures(
    filters: &Array2<f64>,
    shape: [usize; 2],
    good: &[Good<'_>],
    bins: &[usize; ORIENTATION_BINS],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    const SHOWN: usize = 24;
    let shown = &good[..good.len().min(SHOWN)];
    let across = 12.min(shown.len());
    let mut images = Array2::zeros((0, shape[0] * shape[1]));
    let mut labels = Vec::new();
    // A row of fields, below it the row of their fits.
    for row in shown.chunks(across) {
        for field in [true, false] {
            for index in 0..across {
                let Some(g) = row.get(index) else {
                    images.push_row(ndarray::Array1::zeros(shape[0] * shape[1]).view()).map_err(failed)?;
                    labels.push(String::new());
                    continue;
                };
                let fit = g.fit.gabor.image(shape[0], shape[1]);
                let fit = ndarray::Array1::from_iter(fit.iter().copied());
                let pixels = if field { filters.index_axis(Axis(0), g.unit).to_owned() } else { fit };
                images.push_row(pixels.view()).map_err(failed)?;
                labels.push(if field { format!("unit {}", g.unit) } else { format!("R² {:.2}", g.fit.r_squared) });
            }
        }
    }
    let mosaic =
        Mosaic { title: "receptive fields and their Gabor fits".into(), images: images.view(), shape, labels, across };
    let caption = format!(
        "Receptive fields of {} of {} well-fitted units, and below each its Gabor fit with the share of variance explained.",
        shown.len(),
        good.len()
    );
    outcome.figure("fits", "Fields and fits", &caption, mosaic.svg().map_err(failed)?);
    let chart = Chart {
        title: "preferred orientations".into(),
        x_label: "orientation (deg)".into(),
        y_label: "units".into(),
        x_range: Some((0.0, 180.0)),
        y_range: None,
        series: vec![Series {
            name: String::new(),
            points: bins.iter().enumerate().map(|(i, &n)| (11.25 + 22.5 * i as f64, n as f64)).collect(),
            marks: Marks::Bars(20.0),
        }],
    };
    let caption =
        format!("Orientation of the stripes of the fitted Gabors, n = {} units; 0 is horizontal.", good.len());
    outcome.figure("orientations", "Orientations", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
