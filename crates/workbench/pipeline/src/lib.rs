//! Declarative pipelines: from a TOML file to results in a content-addressed store.
//!
//! | module | step |
//! |---|---|
//! | [`document`] | TOML text to a tree that remembers where every value stands |
//! | [`registry`] | what a stage is; the stages a program has |
//! | [`schema`] | validation of a tree against a stage's JSON schema, all mistakes at once |
//! | [`declaration`] | the checked pipeline: nodes, expectations, sweep |
//! | [`sweep`] | the variants of a sweep |
//! | [`plan`] | the graph with one key for each node; `plan.lock` |
//! | [`store`] | objects by key, written atomically, locked by the kernel, verified on use |
//! | [`run`] | parallel execution within threads and memory; resume |
//! | [`summary`] | metrics by address and the verdict on every expectation |
//! | [`diagnostic`] | located messages |

pub mod declaration;
pub mod diagnostic;
pub mod document;
mod error;
pub mod expectation;
pub mod plan;
pub mod registry;
pub mod run;
pub mod schema;
pub mod store;
mod suggest;
pub mod summary;
pub mod sweep;

pub use error::{Error, Result};
pub use registry::{
    Artifact, Complaint, Context, FigureFile, Input, InputHandle, Outcome, OutputInfo, Registry, Role, Stage,
    StageError,
};
