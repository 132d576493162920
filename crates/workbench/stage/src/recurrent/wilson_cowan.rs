//! `[analysis.*] kind = "wilson-cowan"`: two populations of rates that excite and inhibit each other, at rest or in a limit cycle
//! (Wilson & Cowan 1972).

use ndarray::{Array2, array};
use rheobase_core::{Estimate, Silent};
use rheobase_data::Table;
use rheobase_fixed_point::{Linearisation, Search};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_rate::wilson_cowan::{WilsonCowan, oscillation};
use rheobase_report::figure::{Marks, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draw::{chart, label, series};
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `wilson-cowan`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WilsonCowanParameters {
    /// The two populations.
    pub model: WilsonCowan,
    /// Inputs of the excitatory population beside its constant drive, one run for each.
    pub drives: Vec<f64>,
    /// Active shares at the start, excitatory and inhibitory.
    #[serde(default = "start")]
    pub start: [f64; 2],
    /// Duration in ms; oscillations are measured in its second half.
    #[serde(default = "duration")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_ms: f64,
    /// Least range, peak to peak, that counts as a limit cycle.
    #[serde(default = "least")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub least_range: f64,
}

fn start() -> [f64; 2] {
    [0.1, 0.05]
}
fn duration() -> f64 {
    2000.0
}
fn least() -> f64 {
    1e-3
}

/// Two populations of rates.
pub struct WilsonCowanKind;

impl Kind for WilsonCowanKind {
    type Parameters = WilsonCowanParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "wilson-cowan";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "two populations of rates that excite and inhibit each other: fixed points and limit cycles by drive";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("fixed points and limit cycles")];

    fn check(p: &WilsonCowanParameters) -> Vec<Complaint> {
        let mut all = vec![];
        if let Some((part, message)) = p.model.problem() {
            all.push(complaint(&["model", part], message, "mend this parameter"));
        }
        if p.drives.is_empty() || p.drives.iter().any(|d| !d.is_finite()) {
            all.push(complaint(&["drives"], format!("drives are {:?}", p.drives), "give at least one number"));
        }
        if p.start.iter().any(|s| !(0.0..=1.0).contains(s)) {
            all.push(complaint(&["start"], format!("the start is {:?}", p.start), "shares lie between 0 and 1"));
        }
        let steps = p.duration_ms / p.model.dt_ms;
        if !(20.0..=1e8).contains(&steps) {
            let message = format!("{} ms are {steps} steps of {} ms", p.duration_ms, p.model.dt_ms);
            all.push(complaint(&["duration_ms"], message, "20 to 10^8 steps"));
        }
        all
    }

    fn run(p: &WilsonCowanParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let mut rows: [Vec<f64>; 6] = Default::default();
        let mut shown: Option<(usize, Vec<[f64; 2]>)> = None;
        for (k, drive) in p.drives.iter().enumerate() {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let course = p.model.course(p.start, [*drive, 0.0], p.duration_ms);
            let late: Vec<f64> = course[course.len() / 2..].iter().map(|s| s[0]).collect();
            let cycle = oscillation(&late, p.model.dt_ms).filter(|(range, _)| *range >= p.least_range);
            let (range, hz) = cycle.unwrap_or((0.0, 0.0));
            let (points, stable, own_hz) = points(p, *drive)?;
            let name = label(*drive);
            let number = |value: f64, what: &str, unit: &str| {
                let variant = "Runge-Kutta of fourth order, second half";
                Estimate::new(value, what, variant, course.len(), "steps").with_unit(unit)
            };
            outcome.metric(&format!("range_at_{name}"), number(range, "range of the active share, peak to peak", ""));
            outcome.metric(&format!("hz_at_{name}"), number(hz, "frequency of the limit cycle", "Hz"));
            let count = |value: usize, what| Estimate::new(value as f64, what, "from 400 starts", 400, "starts");
            outcome.metric(&format!("fixed_at_{name}"), count(points, "fixed points"));
            outcome.metric(&format!("stable_at_{name}"), count(stable, "stable fixed points"));
            for (column, value) in rows.iter_mut().zip([*drive, range, hz, points as f64, stable as f64, own_hz]) {
                column.push(value);
            }
            // The largest cycle is drawn, or else the last course.
            if shown.as_ref().is_none_or(|(best, _)| range >= rows[1][*best]) {
                shown = Some((k, course));
            }
        }
        if let Some((k, course)) = shown {
            figures(p, p.drives[k], &course, &mut outcome)?;
        }
        let across = |column: usize| rows[0].iter().copied().zip(rows[column].iter().copied()).collect::<Vec<_>>();
        let lines = vec![series("range", across(1), Marks::Joined)];
        let caption = "Range of the excitatory share in the second half of the run, by drive.";
        chart(&mut outcome, ["by_drive", "Limit cycles", caption], ["drive", "range of E"], lines)?;
        let [drive, range, hz, points, stable, own_hz] = rows;
        let table = Table::new().with("drive", drive)?.with("range", range)?.with("hz", hz)?;
        outcome.table("drives", table.with("fixed", points)?.with("stable", stable)?.with("spiral_hz", own_hz)?);
        Ok(outcome)
    }
}

/// Numbers of fixed points and of stable ones, and how often per second the state turns about the first that it turns about.
fn points(p: &WilsonCowanParameters, drive: f64) -> Result<(usize, usize, f64), StageError> {
    let starts = Array2::from_shape_fn((400, 2), |(k, axis)| [k % 20, k / 20][axis] as f64 / 19.0);
    let input = array![drive, 0.0];
    let search = Search { threads: 1, unique_distance: 1e-3, ..Search::default() };
    let found = search.run(&p.model, starts.view(), input.view(), &Silent).map_err(failed)?;
    let (mut stable, mut hz) = (0, 0.0);
    for point in &found.fixed {
        let linear = Linearisation::at(&p.model, point.state.view(), input.view()).map_err(failed)?;
        stable += usize::from(linear.is_stable());
        if hz == 0.0 && linear.values[0].im != 0.0 {
            hz = linear.frequency(0, 1e-3 * p.model.dt_ms);
        }
    }
    Ok((found.fixed.len(), stable, hz))
}

/// The plane of the two shares with nullclines, and the shares over time.
fn figures(
    p: &WilsonCowanParameters,
    drive: f64,
    course: &[[f64; 2]],
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let e_line = nullcline(p, drive, 0);
    let i_line = nullcline(p, drive, 1);
    let path: Vec<(f64, f64)> = course.iter().map(|s| (s[0], s[1])).collect();
    let lines = vec![
        Series { name: "course".into(), points: path, marks: Marks::Line },
        series("E does not change", e_line, Marks::Points),
        series("I does not change", i_line, Marks::Points),
    ];
    let caption = format!("Course from the start under a drive of {drive}, and where either share stands still.");
    chart(outcome, ["plane", "Phase plane", &caption], ["excitatory share", "inhibitory share"], lines)?;
    let last = course.len().saturating_sub((300.0 / p.model.dt_ms) as usize);
    let over = |axis: usize| -> Vec<(f64, f64)> {
        (last..course.len()).map(|k| (k as f64 * p.model.dt_ms, course[k][axis])).collect()
    };
    let lines = vec![series("excitatory", over(0), Marks::Line), series("inhibitory", over(1), Marks::Line)];
    let caption = format!("The last 300 ms under a drive of {drive}.");
    chart(outcome, ["shares", "Active shares", &caption], ["time (ms)", "share"], lines)
}

/// Points of the plane between which the velocity of one share changes its sign.
fn nullcline(p: &WilsonCowanParameters, drive: f64, axis: usize) -> Vec<(f64, f64)> {
    const SIDE: usize = 150;
    let at = |k: usize| 0.6 * k as f64 / SIDE as f64 - 0.02;
    let velocity = |a: usize, b: usize| p.model.velocity([at(a), at(b)], [drive, 0.0])[axis];
    let mut all = vec![];
    for a in 0..SIDE {
        for b in 0..SIDE {
            let here = velocity(a, b);
            if here * velocity(a + 1, b) < 0.0 || here * velocity(a, b + 1) < 0.0 {
                all.push((at(a), at(b)));
            }
        }
    }
    all
}
