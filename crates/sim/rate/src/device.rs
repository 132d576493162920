//! Where tensors live: the CPU by default, a GPU where the program was built for one.

use burn::tensor::Device;

use crate::{Error, Result};

/// The device of this name: `cpu`, and `cuda` or `wgpu` in builds with that feature.
///
/// # Errors
/// If this build does not have the device, with those it has, or if this machine has none.
pub fn by_name(name: &str) -> Result<Device> {
    match name {
        "cpu" => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        "cuda" => present(burn::tensor::DeviceType::Cuda, name).map(|()| Device::cuda(0)),
        #[cfg(feature = "wgpu")]
        "wgpu" => present(burn::tensor::DeviceType::Wgpu, name).map(|()| Device::wgpu(Default::default())),
        other => Err(Error::Device(other.to_owned(), available().join(", "))),
    }
}

/// Refuses a device that this machine does not have, before the work begins.
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn present(kind: burn::tensor::DeviceType, name: &str) -> Result<()> {
    if Device::enumerate(kind).into_vec().is_empty() { Err(Error::NoDevice(name.to_owned())) } else { Ok(()) }
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
