//! Codes of images: one layer called `code` that represents its input (sparse, linear), and a fixed model of V1.

mod gabor_energy;
mod linear;
mod sparse;

pub use gabor_energy::GaborEnergy;
pub use linear::LinearCode;
pub use sparse::SparseCode;
