//! Exact steps of linear systems: the matrix exponential (scaling and squaring of Taylor's series; Moler & Van Loan 2003 SIAM
//! Rev 45:3), which needs no special case where time constants are equal.

/// e^(A h) of a small square matrix, row by row.
pub(crate) fn exponential(a: &[Vec<f64>], h: f64) -> Vec<Vec<f64>> {
    let n = a.len();
    let norm = a.iter().map(|row| row.iter().map(|x| (x * h).abs()).sum::<f64>()).fold(0.0, f64::max);
    let squarings = if norm > 0.25 { (norm * 4.0).log2().ceil() as i32 } else { 0 };
    let scale = h / f64::from(2_u32.saturating_pow(squarings.clamp(0, 31) as u32));
    let identity = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
    let matrix = |f: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
        (0..n).map(|i| (0..n).map(|j| f(i, j)).collect()).collect()
    };
    let product = |x: &[Vec<f64>], y: &[Vec<f64>]| matrix(&|i, j| (0..n).map(|k| x[i][k] * y[k][j]).sum());
    let scaled = matrix(&|i, j| a[i][j] * scale);
    // Horner's rule; with a norm of at most 1/4 the fifteenth term is below 1e-21.
    let mut sum = matrix(&identity);
    for k in (1..=14).rev() {
        let next = product(&scaled, &sum);
        sum = matrix(&|i, j| identity(i, j) + next[i][j] / f64::from(k));
    }
    for _ in 0..squarings {
        sum = product(&sum, &sum);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_of_decays_have_their_closed_forms() {
        // Equal time constants: t e^-t.
        let equal = exponential(&[vec![-1.0, 0.0], vec![1.0, -1.0]], 0.7);
        assert!((equal[1][0] - 0.7 * (-0.7_f64).exp()).abs() < 1e-15);
        // Stiff: the fast one has gone.
        let stiff = exponential(&[vec![-1000.0, 0.0], vec![1.0, -1.0]], 1.0);
        assert!((stiff[1][0] - (-1.0_f64).exp() / 999.0).abs() < 1e-15 && stiff[0][0] < 1e-300);
        // Rotation.
        let turn = exponential(&[vec![0.0, -1.0], vec![1.0, 0.0]], 1.0);
        assert!((turn[0][0] - 1.0_f64.cos()).abs() < 1e-15 && (turn[1][0] - 1.0_f64.sin()).abs() < 1e-15);
    }
}
