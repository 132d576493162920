//! Adapters between the library crates and the pipeline: one file for each kind of node, one line each in `STAGES`.

mod analysis;
mod artifact;
mod cell;
mod compare;
mod data;
mod draw;
mod kind;
pub mod model;
mod recording;
mod recurrent;
mod spiking;
mod surrogate;
mod trajectories;

use rheobase_pipeline::{Registry, Stage};

use kind::Adapter;

/// Every kind of node. A new kind is one file and one line here; schema, help, listing and completion follow from it.
static STAGES: &[&dyn Stage] = &[
    &Adapter::<data::Digits>::NEW,
    &Adapter::<data::DrawnDigits>::NEW,
    &Adapter::<data::LabelledImages>::NEW,
    &Adapter::<data::NaturalImagePatches>::NEW,
    &Adapter::<data::File>::NEW,
    &Adapter::<recording::RecordingKind>::NEW,
    &Adapter::<recording::SimulatedSession>::NEW,
    &Adapter::<recording::SimulatedTrials>::NEW,
    &Adapter::<recording::SimulatedModulation>::NEW,
    &Adapter::<recording::SimulatedFeatures>::NEW,
    &Adapter::<recording::SimulatedReceptiveFields>::NEW,
    &Adapter::<data::Responses>::NEW,
    &Adapter::<data::DissimilaritiesKind>::NEW,
    &Adapter::<cell::CellKind>::NEW,
    &Adapter::<surrogate::NeuronTrials>::NEW,
    &Adapter::<surrogate::SpikeWindows>::NEW,
    &Adapter::<surrogate::SpokenDigitsKind>::NEW,
    &Adapter::<model::Network>::NEW,
    &Adapter::<recurrent::RecurrentModel>::NEW,
    &Adapter::<surrogate::Imitation>::NEW,
    &Adapter::<surrogate::ImportedSurrogate>::NEW,
    &Adapter::<surrogate::SpikeClassifierKind>::NEW,
    &Adapter::<surrogate::SurrogateCurves>::NEW,
    &Adapter::<surrogate::ComplexityIndex>::NEW,
    &Adapter::<surrogate::SurrogateMap>::NEW,
    &Adapter::<analysis::Sta>::NEW,
    &Adapter::<analysis::Classification>::NEW,
    &Adapter::<analysis::AccuracyCurves>::NEW,
    &Adapter::<analysis::GaborFits>::NEW,
    &Adapter::<analysis::OrientationTuning>::NEW,
    &Adapter::<analysis::ActivityStatistics>::NEW,
    &Adapter::<analysis::Stc>::NEW,
    &Adapter::<analysis::FilterEstimates>::NEW,
    &Adapter::<analysis::RecordedUnits>::NEW,
    &Adapter::<analysis::Ablation>::NEW,
    &Adapter::<analysis::LesionGroups>::NEW,
    &Adapter::<analysis::Decode>::NEW,
    &Adapter::<analysis::PopulationStructure>::NEW,
    &Adapter::<cell::Stimulation>::NEW,
    &Adapter::<cell::CurrentSteps>::NEW,
    &Adapter::<cell::ImpedanceKind>::NEW,
    &Adapter::<cell::WorkPrecision>::NEW,
    &Adapter::<cell::BooleanNeuron>::NEW,
    &Adapter::<cell::InputTuning>::NEW,
    &Adapter::<cell::TwoLayer>::NEW,
    &Adapter::<cell::LocalisedInhibition>::NEW,
    &Adapter::<cell::NeuriteDistances>::NEW,
    &Adapter::<cell::PlateauPlasticity>::NEW,
    &Adapter::<cell::CompartmentPlasticity>::NEW,
    &Adapter::<spiking::PointNeuronKind>::NEW,
    &Adapter::<spiking::ShuntingRate>::NEW,
    &Adapter::<spiking::SpikingNetwork>::NEW,
    &Adapter::<spiking::ConductanceTheoryKind>::NEW,
    &Adapter::<spiking::PhaseDiagram>::NEW,
    &Adapter::<spiking::GanglionChainKind>::NEW,
    &Adapter::<spiking::SynapticPotential>::NEW,
    &Adapter::<spiking::SpikeSources>::NEW,
    &Adapter::<spiking::TimingReliability>::NEW,
    &Adapter::<spiking::ThresholdLogic>::NEW,
    &Adapter::<spiking::PlasticNetwork>::NEW,
    &Adapter::<spiking::DistalReward>::NEW,
    &Adapter::<spiking::DigitPlasticity>::NEW,
    &Adapter::<spiking::SynapseSizes>::NEW,
    &Adapter::<spiking::RedundantSynapses>::NEW,
    &Adapter::<spiking::NeuralSampling>::NEW,
    &Adapter::<spiking::DualStochasticKind>::NEW,
    &Adapter::<spiking::MultiplexedCode>::NEW,
    &Adapter::<spiking::RateToSpiking>::NEW,
    &Adapter::<spiking::RateEquivalentKind>::NEW,
    &Adapter::<recurrent::FixedPoints>::NEW,
    &Adapter::<recurrent::FixedPointBranches>::NEW,
    &Adapter::<recurrent::Choices>::NEW,
    &Adapter::<recurrent::ConditionScores>::NEW,
    &Adapter::<recurrent::RecurrentLesions>::NEW,
    &Adapter::<recurrent::DynamicalSimilarity>::NEW,
    &Adapter::<recurrent::SimilarityOverTime>::NEW,
    &Adapter::<recurrent::PopulationDynamics>::NEW,
    &Adapter::<recurrent::GainFields>::NEW,
    &Adapter::<recurrent::SpatialTuning>::NEW,
    &Adapter::<recurrent::PatternFormation>::NEW,
    &Adapter::<recurrent::WilsonCowanKind>::NEW,
    &Adapter::<recurrent::EchoStates>::NEW,
    &Adapter::<recurrent::ForceLearning>::NEW,
    &Adapter::<recording::FiringStatistics>::NEW,
    &Adapter::<recording::EventResponse>::NEW,
    &Adapter::<recording::SpikeGlm>::NEW,
    &Adapter::<recording::ReverseCorrelation>::NEW,
    &Adapter::<recording::PlaceField>::NEW,
    &Adapter::<recording::HeadDirection>::NEW,
    &Adapter::<recording::PhaseOfFiring>::NEW,
    &Adapter::<recording::PhasePrecession>::NEW,
    &Adapter::<recording::TrialInformation>::NEW,
    &Adapter::<recording::TrialTuning>::NEW,
    &Adapter::<recording::TrialDecoding>::NEW,
    &Adapter::<recording::PairSynchrony>::NEW,
    &Adapter::<recording::TrialDynamics>::NEW,
    &Adapter::<recording::ModulationTransfer>::NEW,
    &Adapter::<recording::GainModulation>::NEW,
    &Adapter::<recording::FeatureEncoding>::NEW,
    &Adapter::<recording::RepresentationOverTime>::NEW,
    &Adapter::<compare::Cka>::NEW,
    &Adapter::<compare::Rsa>::NEW,
    &Adapter::<compare::PopulationSimilarity>::NEW,
    &Adapter::<compare::ResponseSimilarity>::NEW,
    &Adapter::<compare::BrainPredictivity>::NEW,
    &Adapter::<compare::Predictivity>::NEW,
    &Adapter::<compare::RepresentationalModels>::NEW,
    &Adapter::<compare::PublishedTarget>::NEW,
    &Adapter::<compare::ConfigurationSpace>::NEW,
];

/// The registry of this program.
pub const REGISTRY: Registry = Registry::new(STAGES);

/// Refuses a device that this build or this machine does not have.
///
/// # Errors
/// With what there is.
pub fn require_device(name: &str) -> Result<(), String> {
    rheobase_rate::device::by_name(name).map(|_| ()).map_err(|e| e.to_string())
}
