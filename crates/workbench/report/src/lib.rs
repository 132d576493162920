//! Figures as SVG, and the report: one HTML file that needs no network.
//!
//! Figures are drawn by plotters in fixed ink colours that the report's style sheet maps to the reader's light or dark scheme;
//! data colours are those of Okabe & Ito (2008), told apart by colour-blind readers too.

mod error;
pub mod figure;
mod graph;
mod html;
mod provenance;

pub use error::{Error, Result};
pub use graph::pipeline_graph;
pub use html::{Report, ReportNode, number, page};
pub use provenance::Provenance;
