//! Whether the machine has the memory that a network needs.

use crate::{Error, Result};

/// Bytes that are available, where the system says so.
pub(crate) fn available_bytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Refuses a network that needs more than there is; building takes half as much again as the network itself.
pub(crate) fn require(synapses: f64, bytes: f64, available: Option<f64>) -> Result<()> {
    match available {
        Some(free) if bytes * 1.5 > free => Err(Error::Description(format!(
            "the network needs about {:.1} GB for {synapses:.2e} synapses and their building; {:.1} GB are free: make it smaller, or set procedural = true where rules allow",
            bytes * 1.5e-9,
            free * 1e-9
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_memory_is_foreseen_and_enough_is_not_refused() {
        let error = require(1e9, 4e9, Some(5e9)).unwrap_err().to_string();
        assert!(error.contains("6.0 GB for 1.00e9 synapses") && error.contains("5.0 GB are free"), "{error}");
        assert_eq!(require(1e9, 4e9, Some(6.1e9)), Ok(()));
        assert_eq!(require(1e9, 4e9, None), Ok(()));
    }
}
