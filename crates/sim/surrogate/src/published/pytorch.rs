//! Checkpoints of PyTorch (`torch.save` of a state, or of a module).

use std::path::Path;

use pytorch_reader::{DType, PytorchReader, Tensor};

use super::Array;
use crate::{Error, Result};

/// The arrays of floating-point numbers of a checkpoint, in the order of their names; others, such as counts and indices, are left out.
///
/// # Errors
/// If the file is no checkpoint, or is cut short.
pub fn read(path: &Path) -> Result<Vec<Array>> {
    let failed =
        |e: &dyn std::fmt::Display| Error::Data(format!("{} is no checkpoint of PyTorch: {e}", path.display()));
    let reader = PytorchReader::new(path).map_err(|e| failed(&e))?;
    let mut tensors: Vec<&Tensor> = reader.tensors().values().collect();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let mut arrays = Vec::new();
    for tensor in tensors {
        let bytes = || tensor.read().map_err(|e| failed(&e));
        let values = match tensor.dtype() {
            DType::F32 => bytes()?.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            DType::F64 => bytes()?.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            _ => continue,
        };
        arrays.push(Array { name: tensor.name.clone(), dims: tensor.shape().to_vec(), values });
    }
    Ok(arrays)
}
