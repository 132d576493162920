//! Order and sign conventions, so that both backends return the same factors.

use ndarray::{Array1, Array2, Axis};

use crate::{Complex, Eig, Eigh, Svd};

/// Sorts symmetric eigenpairs by descending eigenvalue.
pub fn descending(eigh: Eigh) -> Eigh {
    let mut order: Vec<usize> = (0..eigh.values.len()).collect();
    order.sort_by(|&a, &b| eigh.values[b].total_cmp(&eigh.values[a]));
    Eigh { values: eigh.values.select(Axis(0), &order), vectors: eigh.vectors.select(Axis(1), &order) }
}

/// Sorts general eigenpairs by descending modulus, real part, imaginary part, and normalises the vectors.
pub fn by_modulus(eig: Eig) -> Eig {
    // Conjugate pairs have equal moduli up to rounding; rounding must not decide their order.
    let scale = eig.values.iter().map(|v| v.re.hypot(v.im)).fold(f64::MIN_POSITIVE, f64::max) * 1e-12;
    let key = |v: &Complex| {
        let grid = |x: f64| (x / scale).round() as i64;
        (-grid(v.re.hypot(v.im)), -grid(v.re), -grid(v.im))
    };
    let mut order: Vec<usize> = (0..eig.values.len()).collect();
    order.sort_by_key(|&i| key(&eig.values[i]));
    let mut vectors = Array2::from_elem(eig.vectors.raw_dim(), Complex::new(0.0, 0.0));
    for (to, &from) in order.iter().enumerate() {
        let column = eig.vectors.column(from);
        let norm = column.iter().map(|v| v.re * v.re + v.im * v.im).sum::<f64>().sqrt();
        // The phase that makes the largest component real and positive.
        let largest = column.iter().fold(Complex::new(0.0, 0.0), |best, v| {
            if v.re.hypot(v.im) > best.re.hypot(best.im) * (1.0 + 1e-9) { *v } else { best }
        });
        let phase = Complex::new(largest.re, -largest.im) / Complex::new(largest.re.hypot(largest.im) * norm, 0.0);
        for (row, v) in column.iter().enumerate() {
            vectors[[row, to]] = *v * phase;
        }
    }
    let values: Array1<Complex> = order.iter().map(|&i| eig.values[i]).collect();
    Eig { values, vectors }
}

fn sign_of_largest<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    // A later component wins only by a clear margin, so that rounding does not choose between equal ones.
    let largest = values.fold(0.0_f64, |best, &v| if v.abs() > best.abs() * (1.0 + 1e-9) { v } else { best });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

/// Makes the largest component of each column positive.
pub fn fix_column_signs(vectors: &mut Array2<f64>) {
    for mut column in vectors.axis_iter_mut(Axis(1)) {
        let sign = sign_of_largest(column.iter());
        column *= sign;
    }
}

/// Makes the largest component of each right singular vector positive.
pub fn fix_svd_signs(svd: &mut Svd) {
    for (mut row, mut column) in svd.vt.axis_iter_mut(Axis(0)).zip(svd.u.axis_iter_mut(Axis(1))) {
        let sign = sign_of_largest(row.iter());
        row *= sign;
        column *= sign;
    }
}
