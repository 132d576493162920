//! Convolutional layers and a recurrent one that reads their maps row by row.

use rheobase_rate::network::ConvRecurrentNet;
use rheobase_rate::{Model, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conv::ConvParameters;
use crate::model::architecture::{ArchitecturePart, Family, Surroundings};
use crate::recurrent::parts::CellPart;

/// Convolutional layers whose maps recurrent units read row by row, from top to bottom: layers `conv1`, ..., `recurrent` and `output`,
/// which reads the units after the last row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvRecurrentParameters {
    /// The convolutional layers.
    pub conv: ConvParameters,
    /// Kind of recurrent unit; the step of a rate equation, one row, counts as 1 ms.
    pub cell: CellPart,
    /// Number of recurrent units.
    #[schemars(range(min = 1))]
    pub units: usize,
}

impl ArchitecturePart for ConvRecurrentParameters {
    fn family(&self) -> Family {
        Family::ConvRecurrent
    }
    fn build(&self, around: &Surroundings<'_>) -> Result<Model> {
        let net = ConvRecurrentNet { conv: self.conv.net(), cell: self.cell.cell(1.0), units: self.units };
        Ok(Model::feedforward(net.build(around.input, around.outputs)?, &around.seed))
    }
}
