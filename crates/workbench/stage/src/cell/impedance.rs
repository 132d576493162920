//! `[analysis.*] kind = "impedance"`: input and transfer impedance between places, at several frequencies.

use std::collections::BTreeMap;

use rheobase_core::Estimate;
use rheobase_data::Table;
use rheobase_dendrite::morphology::picture_svg;
use rheobase_dendrite::{Settings, Simulation};
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;
use super::{CellArtifact, load_cell};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `impedance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImpedanceParameters {
    /// The cell.
    pub of: Input<CellArtifact>,
    /// Places by name.
    pub places: BTreeMap<String, String>,
    /// Frequencies in Hz.
    #[serde(default = "steady")]
    pub frequencies_hz: Vec<f64>,
    /// Time in ms that the cell rests before the measurement.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub settle_ms: f64,
    /// Voltage at the start in mV.
    #[serde(default = "defaults::start_mv")]
    pub v_init_mv: f64,
}

fn steady() -> Vec<f64> {
    vec![0.0]
}

/// Input and transfer impedance.
pub struct ImpedanceKind;

impl Kind for ImpedanceKind {
    type Parameters = ImpedanceParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "impedance";
    const VERSION: u32 = 5;
    const ABOUT: &'static str = "input and transfer impedance of a simulated cell, and how voltages attenuate";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("impedances")];

    fn run(p: &ImpedanceParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let cell = load_cell(context.input(&p.of)?)?;
        let settings = Settings { v_init_mv: p.v_init_mv, ..Settings::default() };
        let mut simulation = Simulation::new(&cell, settings).map_err(failed)?;
        simulation.run_until(p.settle_ms).map_err(failed)?;
        let mut outcome = Outcome::default();
        let mut rows: Vec<Row<'_>> = Vec::new();
        for &frequency in &p.frequencies_hz {
            let suffix = if frequency == 0.0 { String::new() } else { format!("_{frequency}hz").replace('.', "p") };
            for (index, (from, at)) in p.places.iter().enumerate() {
                let site = cell.at(at).map_err(failed)?;
                let impedance = simulation.impedance(site, frequency, 0).map_err(failed)?;
                if index == 0 && frequency == p.frequencies_hz[0] && cell.compartments().len() > 1 {
                    let ratios: Vec<f64> = (0..cell.compartments().len()).map(|i| impedance.ratio(i)).collect();
                    let label = format!("voltage per voltage at {at}, {frequency} Hz");
                    let svg = picture_svg(cell.morphology(), cell.compartments(), &ratios, &label).map_err(failed)?;
                    let caption =
                        format!("How a voltage made at {at} spreads: the share that arrives, at {frequency} Hz.");
                    outcome.figure("spread", "Spread of voltage", &caption, svg);
                }
                let number = |value: f64, name: &str, unit: &str| {
                    Estimate::new(
                        value,
                        name,
                        "slope conductances of the present state",
                        cell.compartments().len(),
                        "compartments",
                    )
                    .with_constant("frequency_hz", frequency)
                    .with_unit(unit)
                };
                let own = impedance.magnitude_mohm(site);
                outcome.metric(&format!("z_{from}{suffix}"), number(own, "input impedance", "Mohm"));
                for (to, place) in p.places.iter().filter(|(to, _)| *to != from) {
                    let target = cell.at(place).map_err(failed)?;
                    let (transfer, ratio) = (impedance.magnitude_mohm(target), impedance.ratio(target));
                    outcome.metric(&format!("z_{from}_{to}{suffix}"), number(transfer, "transfer impedance", "Mohm"));
                    outcome.metric(
                        &format!("ratio_{from}_{to}{suffix}"),
                        number(ratio, "voltage there per voltage here", ""),
                    );
                    rows.push((frequency, from, to, transfer, ratio));
                }
            }
        }
        compartmentalisation(p, &rows, &mut outcome);
        outcome.table(
            "impedances",
            Table::new()
                .with("frequency_hz", rows.iter().map(|r| r.0).collect::<Vec<_>>())?
                .with("from", rows.iter().map(|r| r.1.to_owned()).collect::<Vec<_>>())?
                .with("to", rows.iter().map(|r| r.2.to_owned()).collect::<Vec<_>>())?
                .with("transfer_mohm", rows.iter().map(|r| r.3).collect::<Vec<_>>())?
                .with("voltage_ratio", rows.iter().map(|r| r.4).collect::<Vec<_>>())?,
        );
        Ok(outcome)
    }
}

/// Frequency, from, to, transfer impedance, voltage ratio.
type Row<'a> = (f64, &'a str, &'a str, f64, f64);

/// How separate two places are at the first frequency: I_Z = (Z_ii + Z_jj) / (2 Z_ij) - 1, and the attenuation one way
/// over that of the way back (Wybo et al. 2019; Branco & Hausser 2010).
fn compartmentalisation(p: &ImpedanceParameters, rows: &[Row<'_>], outcome: &mut Outcome) {
    let first: Vec<&Row<'_>> = rows.iter().filter(|r| r.0 == p.frequencies_hz[0]).collect();
    let ratio = |from: &str, to: &str| first.iter().find(|r| r.1 == from && r.2 == to).map(|r| r.4);
    for row in &first {
        let (from, to) = (row.1, row.2);
        let (Some(there), Some(back)) = (ratio(from, to), ratio(to, from)) else { continue };
        let number = |value: f64, name: &str| Estimate::new(value, name, "slope conductances", 2, "places");
        // Z_ii / Z_ij is the attenuation from i to j.
        if from < to {
            let index = 0.5 * (1.0 / there + 1.0 / back) - 1.0;
            outcome.metric(&format!("separation_{from}_{to}"), number(index, "compartmentalisation index I_Z"));
        }
        let fold = number(back / there, "attenuation this way over the way back");
        outcome.metric(&format!("attenuation_{from}_{to}_over_back"), fold);
    }
}
