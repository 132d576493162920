//! Recurrent networks: the node that trains one on a task, and what is measured inside it.

mod branches;
mod choices;
mod demixed;
mod dynamical_similarity;
mod dynamics;
mod fixed_point_figure;
mod fixed_points;
mod gain_fields;
mod lesions;
mod lessons;
mod model;
mod parts;
mod reservoir;
mod similarity_over_time;
mod source;
mod spatial;

pub use branches::FixedPointBranches;
pub use choices::Choices;
pub use dynamical_similarity::DynamicalSimilarity;
pub use dynamics::PopulationDynamics;
pub use fixed_points::FixedPoints;
pub use gain_fields::GainFields;
pub use lesions::RecurrentLesions;
pub use model::RecurrentModel;
pub use reservoir::{EchoStates, ForceLearning};
pub use similarity_over_time::SimilarityOverTime;
pub use spatial::{PatternFormation, SpatialTuning};
