//! Between ndarray (f64, analysis) and burn (f32, training).

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView2};

use crate::{Error, Result};

/// Copies a matrix to a device as f32.
pub fn to_tensor(matrix: ArrayView2<'_, f64>, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = matrix.iter().map(|&v| v as f32).collect();
    Tensor::from_data(TensorData::new(values, [matrix.nrows(), matrix.ncols()]), device)
}

/// Copies rows of an f32 matrix, given by index, to a device.
pub fn rows_to_tensor(matrix: &Array2<f32>, rows: &[usize], device: &Device) -> Tensor<2> {
    let mut values: Vec<f32> = Vec::with_capacity(rows.len() * matrix.ncols());
    for &row in rows {
        values.extend(matrix.row(row));
    }
    Tensor::from_data(TensorData::new(values, [rows.len(), matrix.ncols()]), device)
}

/// A flat tensor from values.
pub fn flat(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}

/// Values of a tensor in row order.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor.try_into_vec_as::<f32>().map_err(|e| Error::Data(format!("device returned unreadable data: {e:?}")))
}

/// Copies a matrix back as f64.
pub fn to_matrix(tensor: Tensor<2>) -> Result<Array2<f64>> {
    let dims = tensor.dims();
    let values: Vec<f64> = values(tensor)?.into_iter().map(f64::from).collect();
    Array2::from_shape_vec((dims[0], dims[1]), values).map_err(|e| Error::Data(e.to_string()))
}

/// The value of a tensor with one element.
pub fn scalar(tensor: Tensor<1>) -> Result<f64> {
    values(tensor)?.first().map(|&v| f64::from(v)).ok_or_else(|| Error::Data("a loss without value".into()))
}
