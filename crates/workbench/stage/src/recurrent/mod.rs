//! Recurrent networks: the node that trains one on a task, and what is measured inside it.

mod branches;
mod choices;
mod condition_scores;
mod demixed;
mod dynamical_similarity;
mod dynamics;
mod fixed_point_figure;
mod fixed_points;
mod gain_fields;
mod lesions;
mod lessons;
mod model;
pub mod parts;
mod pattern_formation;
mod reservoir;
mod similarity_over_time;
mod source;
mod spatial;
mod wilson_cowan;

pub use branches::FixedPointBranches;
pub use choices::Choices;
pub use condition_scores::ConditionScores;
pub use dynamical_similarity::DynamicalSimilarity;
pub use dynamics::PopulationDynamics;
pub use fixed_points::FixedPoints;
pub use gain_fields::GainFields;
pub use lesions::RecurrentLesions;
pub use model::RecurrentModel;
pub use pattern_formation::PatternFormation;
pub use reservoir::{EchoStates, ForceLearning};
pub use similarity_over_time::SimilarityOverTime;
pub use spatial::SpatialTuning;
pub use wilson_cowan::WilsonCowanKind;
