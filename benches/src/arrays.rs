//! Stimuli and populations.

use ndarray::{Array2, Array3, Axis};
use rheobase_core::Seed;
use rheobase_receptive_field::stimuli::white_noise;

/// Gaussian noise of this shape; a name is a draw.
pub fn noise(rows: usize, columns: usize, name: &str) -> Array2<f64> {
    white_noise(rows, [1, columns], 1.0, &Seed::root(1).child(name)).expect("finite noise").frames().clone()
}

/// Two layers (conditions, units) that share `dimensions` dimensions.
pub fn populations(conditions: usize, units: usize, dimensions: usize) -> [Array2<f64>; 2] {
    let z = noise(conditions, dimensions, "z");
    ["a", "b"].map(|name| {
        (z.dot(&noise(dimensions, units, name)) / (dimensions as f64).sqrt()).mapv(|v| v.max(0.0))
            + noise(conditions, units, &format!("{name} noise")) * 0.5
    })
}

/// Noise-free patterns (conditions, channels) and noisy repeats (repeats, conditions, channels) of them.
pub fn repeats(repeats: usize, conditions: usize, channels: usize) -> (Array2<f64>, Array3<f64>) {
    let patterns = noise(conditions, 40, "u").dot(&noise(40, channels, "v")) / 40.0_f64.sqrt();
    let mut all = Array3::zeros((repeats, conditions, channels));
    for (r, mut repeat) in all.axis_iter_mut(Axis(0)).enumerate() {
        repeat.assign(&(&patterns + &(noise(conditions, channels, &format!("repeat {r}")) * 1.5)));
    }
    (patterns, all)
}
