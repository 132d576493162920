//! A session of many units along a probe, some of which encode a feature of the events.

use std::collections::BTreeMap;

use rheobase_core::{Estimate, SpikeTrains};
use rheobase_data::Table;
use rheobase_data::recording::Recording;
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_task::feature_trials::FeatureTrials;

use super::source::describe;
use crate::kind::{Kind, complaint, failed, main_output};
use crate::recording::store;

/// Simulated encoding of features.
pub struct SimulatedFeatures;

impl Kind for SimulatedFeatures {
    type Parameters = FeatureTrials;
    const ROLE: Role = Role::Data;
    const KIND: &'static str = "simulated-features";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a recording whose truth is known: many units along a probe, some of which encode a feature of the events";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("a recording")];

    fn check(p: &FeatureTrials) -> Vec<Complaint> {
        p.check().err().map(|e| complaint(&[], e.to_string(), "mend this number")).into_iter().collect()
    }

    fn run(p: &FeatureTrials, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recorded = p.record(&context.seed).map_err(failed)?;
        let encodes: Vec<String> =
            recorded.encodes.iter().map(|e| e.map(|(k, _)| format!("feature_{k}")).unwrap_or_default()).collect();
        let weights: Vec<f64> = recorded.encodes.iter().map(|e| e.map_or(0.0, |(_, w)| w)).collect();
        let n = encodes.iter().filter(|e| !e.is_empty()).count();
        let mut trials = Table::new()
            .with("start_time", recorded.events_s.clone())?
            .with("stop_time", recorded.events_s.iter().map(|s| s + p.window_s).collect::<Vec<_>>())?;
        for k in 0..p.features {
            trials =
                trials.with(&format!("feature_{k}"), recorded.features.iter().map(|f| f[k]).collect::<Vec<_>>())?;
        }
        let end = p.interval_s * p.events as f64;
        let recording = Recording {
            spikes: SpikeTrains::from_units(recorded.spikes_s, (0.0, end))?,
            units: Table::new()
                .with("id", (0..p.units).collect::<Vec<_>>())?
                .with("depth_um", recorded.depths_um)?
                .with("encodes", encodes)?
                .with("weight", weights)?,
            trials,
            signals: BTreeMap::new(),
        };
        let mut outcome = Outcome::default();
        store(&recording, &mut outcome);
        describe(&recording, &mut outcome)?;
        outcome.metric(
            "encoding_units",
            Estimate::new(n as f64, "units that encode a feature", "put in", p.units, "units"),
        );
        Ok(outcome)
    }
}
