//! Repeated trees of dendritic nodes.

use rheobase_rate::network::{DendriticTree, LeafOrder};
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mlp::Transfer;
use crate::model::architecture::{ArchitecturePart, Family, Surroundings};

/// Which pixels meet early in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrderPart {
    /// Neighbours in a row, then rows.
    #[default]
    Rows,
    /// Neighbours in both directions: quarters of quarters of the image.
    Blocks,
    /// Any, another in each tree.
    Random,
}

/// Repeated trees of nodes from every pixel to the soma (Jones & Kording 2021): layers `tree1`, `tree2`, ... and `output`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DendriticTreeParameters {
    /// Trees.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub trees: usize,
    /// Children of a node; the number of pixels is a power of it.
    #[serde(default = "two")]
    #[schemars(range(min = 2))]
    pub children: usize,
    /// Which pixels meet early in the tree.
    #[serde(default)]
    pub order: OrderPart,
    /// Transfer function of the nodes.
    #[serde(default = "leaky")]
    pub activation: Transfer,
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn leaky() -> Transfer {
    Transfer::LeakyRelu
}

impl ArchitecturePart for DendriticTreeParameters {
    fn family(&self) -> Family {
        Family::Dendritic
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let tree = DendriticTree {
            trees: self.trees,
            children: self.children,
            order: match self.order {
                OrderPart::Rows => LeafOrder::Rows,
                OrderPart::Blocks => LeafOrder::Blocks,
                OrderPart::Random => LeafOrder::Random,
            },
            activation: self.activation.activation(),
        };
        let network = tree.build(around.input, around.outputs, &around.seed.child("wiring"))?;
        Ok(Model::feedforward(network, &around.seed))
    }
}
