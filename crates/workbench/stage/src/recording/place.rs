//! Rate maps over position: spatial information, sparsity, grid and border scores.

use rheobase_core::Estimate;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_receptive_field::spatial::autocorrelogram::autocorrelogram;
use rheobase_receptive_field::spatial::border::border_score;
use rheobase_receptive_field::spatial::ellipse::inner_ellipse;
use rheobase_receptive_field::spatial::grid::{Likeness, Rings, grid_score, score_rings};
use rheobase_receptive_field::spatial::information::{Shuffle, null_of, shuffled, spatial_information};
use rheobase_receptive_field::spatial::map::{MapParameters, Path, RateMap, Smoothing, rate_map};
use rheobase_report::figure::{Chart, Marks, Matrix, Panel, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Kind, complaint, failed, main_output, threads};
use crate::recording::{Recorded, load, signal, unit};

/// Parameters of `place-field`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceFieldParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Unit, counted from 0.
    #[serde(default)]
    pub unit: usize,
    /// The signal with the position, one or two values at a time.
    #[serde(default = "position")]
    pub signal: String,
    /// Bins along each axis.
    #[serde(default = "bins")]
    #[schemars(range(min = 2, max = 500))]
    pub bins: usize,
    /// Range of the positions, the same for both axes; by default from the least to the largest.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// Standard deviation of the smoothing in bins; spikes and occupancy are smoothed apart.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 50.0))]
    pub smoothing_bins: f64,
    /// Instead, circles that are as wide as alpha asks for: radius in bins >= alpha / (frames x sqrt(spikes)) within it (Skaggs et
    /// al. 1996).
    #[serde(default)]
    pub adaptive_alpha: Option<f64>,
    /// Bins visited for less than this have no rate, in s.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub least_occupancy_s: f64,
    /// Slower frames are left out, in units of position per s.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub least_speed: f64,
    /// Longest time a frame counts, in s.
    #[serde(default = "gap")]
    pub longest_gap_s: f64,
    /// Random shifts of the spikes along the path.
    #[serde(default = "draws")]
    #[schemars(range(min = 0, max = 100_000))]
    pub shuffles: usize,
    /// Smallest shift in s.
    #[serde(default = "least_shift")]
    #[schemars(range(min = 0.0))]
    pub least_shift_s: f64,
}

fn position() -> String {
    "position".into()
}
fn bins() -> usize {
    20
}
fn gap() -> f64 {
    0.5
}
fn draws() -> usize {
    200
}
fn least_shift() -> f64 {
    20.0
}

/// Place fields.
pub struct PlaceField;

impl Kind for PlaceField {
    type Parameters = PlaceFieldParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "place-field";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "rate map over position with spatial information (Skaggs 1993), and in two dimensions grid and border scores";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a rate map")];

    fn check(p: &PlaceFieldParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if let Some([from, to]) = p.range
            && from >= to
        {
            all.push(complaint(
                &["range"],
                format!("the range reaches from {from} to {to}"),
                "write it as [start, stop]",
            ));
        }
        match p.adaptive_alpha {
            Some(alpha) if alpha.is_nan() || alpha <= 0.0 => {
                all.push(complaint(&["adaptive_alpha"], format!("adaptive_alpha is {alpha}"), "a number above 0"));
            }
            Some(_) if p.smoothing_bins > 0.0 => {
                let message = "the map is smoothed by a Gaussian and by circles".to_owned();
                all.push(complaint(&["adaptive_alpha"], message, "give either smoothing_bins or adaptive_alpha"));
            }
            _ => {}
        }
        all
    }

    fn run(p: &PlaceFieldParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spikes = unit(&recording, p.unit)?;
        let place = signal(&recording, &p.signal)?;
        let plane = match place.values.ncols() {
            1 => false,
            2 => true,
            other => {
                return Err(StageError::Failed(format!(
                    "signal `{}` has {other} values at a time; a position has 1 or 2",
                    p.signal
                )));
            }
        };
        let axis = |k: usize| place.values.column(k).to_vec();
        let range = |values: &[f64]| match p.range {
            Some([from, to]) => (from, to),
            None => values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v))),
        };
        let (x, y) = (axis(0), if plane { axis(1) } else { vec![] });
        let parameters = MapParameters {
            bins: [if plane { p.bins } else { 1 }, p.bins],
            x_range: range(&x),
            y_range: if plane { range(&y) } else { (0.0, 0.0) },
            smoothing: match p.adaptive_alpha {
                Some(alpha) => Smoothing::Adaptive { alpha },
                None => Smoothing::Gaussian { sd_bins: p.smoothing_bins },
            },
            least_occupancy_s: p.least_occupancy_s,
            least_speed: p.least_speed,
        };
        let path = Path::new(place.times_s.clone(), x, y, p.longest_gap_s).map_err(failed)?;
        let map = rate_map(&path, spikes, &parameters).map_err(failed)?;
        let mut outcome = Outcome::default();
        for (name, array) in [("occupancy_s", &map.occupancy_s), ("spikes", &map.spikes), ("rate_hz", &map.rate_hz)] {
            outcome.array(name, rheobase_data::npy::Array::F64(array.clone().into_dyn()));
        }
        information(p, &path, spikes, &parameters, &map, context, &mut outcome)?;
        if plane {
            scores(&map, &parameters, &mut outcome)?;
            let panels = vec![Panel { name: "rate (Hz)".into(), values: map.rate_hz.clone() }];
            let figure = Matrix { title: "rate map".into(), label: "Hz".into(), panels, across: 1, range: None };
            outcome.figure(
                "map",
                "Rate map",
                "Rate by place; grey bins were not visited.",
                figure.svg().map_err(failed)?,
            );
        } else {
            curve(&map, &parameters, &place.unit, &p.signal, &mut outcome)?;
        }
        Ok(outcome)
    }
}

fn information(
    p: &PlaceFieldParameters,
    path: &Path,
    spikes: &[f64],
    parameters: &MapParameters,
    map: &RateMap,
    context: &Context<'_>,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let found = spatial_information(map).map_err(failed)?;
    let shuffle = Shuffle { draws: p.shuffles, least_shift_s: p.least_shift_s, threads: threads() };
    let statistic = |map: &RateMap| spatial_information(map).ok().map(|i| i.bits_per_spike);
    let null =
        shuffled(path, spikes, parameters, statistic, shuffle, &context.seed.child("shuffle")).map_err(failed)?;
    let n = spikes.len();
    let estimate = |value: f64, name: &str, variant: &str, unit: &str| {
        Estimate::new(value, name, variant, n, "spikes").with_constant("bins", p.bins as f64).with_unit(unit)
    };
    let variant = "Skaggs, occupancy as probability and occupancy mean as rate";
    let mut bits = estimate(found.bits_per_spike, "spatial information", variant, "bit/spike");
    if !null.is_empty() {
        bits.null = Some(null_of(found.bits_per_spike, &null));
        let unbiased = found.bits_per_spike - rheobase_core::statistics::mean(&null);
        let unbiased = estimate(unbiased, "spatial information", "minus the mean of shuffled spikes", "bit/spike");
        outcome.metric("information_above_shuffled", unbiased);
    }
    outcome.metric("bits_per_spike", bits);
    outcome.metric("bits_per_s", estimate(found.bits_per_s, "spatial information", variant, "bit/s"));
    outcome.metric("mean_rate_hz", estimate(found.mean_rate_hz, "mean rate", "over occupancy", "Hz"));
    outcome.metric("sparsity", estimate(found.sparsity, "sparsity", "(sum P r)^2 / sum P r^2", ""));
    Ok(())
}

fn scores(map: &RateMap, parameters: &MapParameters, outcome: &mut Outcome) -> Result<(), StageError> {
    let n = map.rate_hz.iter().filter(|r| r.is_finite()).count();
    grid_scores(map, n, outcome);
    let bin_cm = (parameters.x_range.1 - parameters.x_range.0) / parameters.bins[1] as f64;
    if let Ok(score) = border_score(&map.rate_hz, bin_cm, 0.3, 200.0) {
        let estimate = Estimate::new(score, "border score", "Solstad 2008; positions taken as cm", n, "bins");
        outcome.metric("border_score", estimate.with_constant("bin_cm", bin_cm));
    }
    if let Ok(correlogram) = autocorrelogram(&map.rate_hz, 20) {
        let panels = vec![Panel { name: "autocorrelogram".into(), values: correlogram }];
        let figure = Matrix {
            title: "spatial autocorrelogram".into(),
            label: "r".into(),
            panels,
            across: 1,
            range: Some((-1.0, 1.0)),
        };
        let caption = "Correlation of the rate map with itself at each shift, over at least 20 bins.";
        outcome.figure("autocorrelogram", "Spatial autocorrelogram", caption, figure.svg().map_err(failed)?);
    }
    Ok(())
}

/// Grid scores by both rules and both kinds of correlation, and without elliptic distortion where six peaks lie on an ellipse.
fn grid_scores(map: &RateMap, n: usize, outcome: &mut Outcome) {
    let (min_max, means, square) =
        ("min(r60, r120) - max(r30, r90, r150)", "mean(r60, r120) - mean(r30, r90, r150)", "r90 - mean(r45, r135)");
    let mut put = |name: &str, value: f64, rule: &str, likeness: &str| {
        let variant = format!("{rule}, best of ten rings, {likeness}");
        outcome.metric(name, Estimate::new(value, "grid score", &variant, n, "bins"));
    };
    let pearson = Rings::banino(Likeness::Pearson);
    if let Ok(score) = grid_score(&map.rate_hz, &pearson) {
        put("grid_score", score.min_max, min_max, pearson.likeness.name());
        put("grid_score_means", score.means, means, pearson.likeness.name());
        put("square_score", score.square, square, pearson.likeness.name());
    }
    let unturned = Rings::banino(Likeness::Unturned);
    if let Ok(score) = grid_score(&map.rate_hz, &unturned) {
        put("grid_score_banino", score.means, means, unturned.likeness.name());
    }
    let Ok(correlogram) = autocorrelogram(&map.rate_hz, 20) else { return };
    let Some(ellipse) = inner_ellipse(&correlogram, 0.1) else { return };
    if let Ok(score) = score_rings(&ellipse.corrected(&correlogram), map.rate_hz.nrows(), &pearson) {
        put("grid_score_corrected", score.min_max, min_max, "Pearson, the six inner peaks put on a circle first");
        let variant = "long over short axis of the ellipse through the six inner peaks";
        outcome.metric("ellipse_ratio", Estimate::new(ellipse.ratio(), "elliptic distortion", variant, n, "bins"));
    }
}

fn curve(map: &RateMap, p: &MapParameters, unit: &str, name: &str, outcome: &mut Outcome) -> Result<(), StageError> {
    let width = (p.x_range.1 - p.x_range.0) / p.bins[1] as f64;
    let points =
        map.rate_hz.row(0).iter().enumerate().map(|(k, r)| (p.x_range.0 + width * (k as f64 + 0.5), *r)).collect();
    let chart = Chart {
        title: "rate by place".into(),
        x_label: if unit.is_empty() { name.to_owned() } else { format!("{name} ({unit})") },
        y_label: "rate (Hz)".into(),
        x_range: Some(p.x_range),
        y_range: None,
        series: vec![Series { name: String::new(), points, marks: Marks::Bars(0.95 * width) }],
    };
    let caption = format!("Spikes over occupancy in {} bins.", p.bins[1]);
    outcome.figure("map", "Rate by place", &caption, chart.svg().map_err(failed)?);
    Ok(())
}
