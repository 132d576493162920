//! Where tensors live: the CPU by default, a GPU where the program was built for one.

use burn::tensor::Device;

use crate::{Error, Result};

/// The device of this name: `cpu`, and `cuda` or `wgpu` in builds with that feature.
///
/// # Errors
/// If this build does not have the device; the message lists those it has.
pub fn by_name(name: &str) -> Result<Device> {
    match name {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(0)),
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(Default::default())),
        other => Err(Error::Device(other.to_owned(), available().join(", "))),
    }
}

/// Names of the devices of this build.
pub fn available() -> Vec<&'static str> {
    let mut names = vec!["cpu"];
    if cfg!(feature = "cuda") {
        names.push("cuda");
    }
    if cfg!(feature = "wgpu") {
        names.push("wgpu");
    }
    names
}
