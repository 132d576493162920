//! Somata with dendrites with synapses.

use rheobase_rate::network::{Branches, DendriticNet, ReceptiveField};
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mlp::Transfer;
use crate::model::architecture::{ArchitecturePart, Family, Surroundings};

/// Where the synapses of a dendrite come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FieldPart {
    /// Anywhere in the image.
    #[default]
    Random,
    /// A window of the image, one for all dendrites of a soma: a global receptive field.
    Global {
        /// Side of the window in px.
        side_px: usize,
    },
    /// A window of the image, one for each dendrite: local receptive fields.
    Local {
        /// Side of the window in px.
        side_px: usize,
    },
}

/// Which dendrites a soma reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BranchesPart {
    /// Its own.
    #[default]
    Own,
    /// As many drawn among all: the sparse control, which is no tree.
    Random,
}

/// Somata with dendrites with synapses (Chavlis & Poirazi 2025): layers `dendrites`, `somata` and `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DendriticParameters {
    /// Somata; without them there is one for each class, which is the output.
    #[serde(default)]
    pub somata: Option<usize>,
    /// Dendrites of each soma.
    #[schemars(range(min = 1))]
    pub dendrites: usize,
    /// Synapses of each dendrite.
    #[serde(default = "sixteen")]
    #[schemars(range(min = 1))]
    pub synapses: usize,
    /// Where the synapses of a dendrite come from.
    #[serde(default)]
    pub field: FieldPart,
    /// Which dendrites a soma reads.
    #[serde(default)]
    pub branches: BranchesPart,
    /// Transfer function of the dendrites.
    #[serde(default = "leaky")]
    pub dendrite: Transfer,
    /// Transfer function of the somata; as outputs they are linear.
    #[serde(default = "leaky")]
    pub soma: Transfer,
}

fn sixteen() -> usize {
    16
}

fn leaky() -> Transfer {
    Transfer::LeakyRelu
}

impl ArchitecturePart for DendriticParameters {
    fn family(&self) -> Family {
        Family::Dendritic
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let net = DendriticNet {
            somata: self.somata,
            dendrites: self.dendrites,
            synapses: self.synapses,
            field: match self.field {
                FieldPart::Random => ReceptiveField::Everywhere,
                FieldPart::Global { side_px } => ReceptiveField::OfSoma { side_px },
                FieldPart::Local { side_px } => ReceptiveField::OfDendrite { side_px },
            },
            branches: match self.branches {
                BranchesPart::Own => Branches::Own,
                BranchesPart::Random => Branches::Random,
            },
            dendrite: self.dendrite.activation(),
            soma: self.soma.activation(),
        };
        let network = net.build(around.input, around.outputs, &around.seed.child("wiring"))?;
        Ok(Model::feedforward(network, &around.seed))
    }
}
