//! Every decomposition reconstructs its input at awkward sizes, follows the order and sign conventions, and refuses what it
//! cannot do. The same file runs against both backends.

use ndarray::{Array2, array};
use rheobase_linalg::{Complex, Error, cholesky, eig, eigh, least_squares, qr, singular_values, solve, svd};

/// A reproducible full-rank matrix: sines of incommensurate angles.
fn matrix(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        (1.7 * (i + 1) as f64 + 0.9 * ((i + 2) * (j + 1)) as f64).sin() + if i == j { 0.5 } else { 0.0 }
    })
}

fn largest_difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    (a - b).iter().fold(0.0, |worst, d| worst.max(d.abs()))
}

// Backward-stable factorisations of matrices with entries of order 1 and size n <= 65 lose about n x eps = 1.4e-14;
// two further decimal digits are left for the reconstruction product.
const TOLERANCE: f64 = 1e-12;
const SIZES: [(usize, usize); 9] = [(0, 0), (1, 1), (2, 5), (5, 2), (7, 7), (13, 64), (65, 31), (0, 3), (3, 0)];

#[test]
fn singular_values_alone_are_those_of_the_whole_decomposition() {
    for (rows, columns) in SIZES {
        let a = matrix(rows, columns);
        let (alone, whole) = (singular_values(a.view()).unwrap(), svd(a.view()).unwrap().s);
        assert_eq!(alone.len(), whole.len(), "{rows} x {columns}");
        assert!(alone.iter().zip(&whole).all(|(x, y)| (x - y).abs() < TOLERANCE), "{rows} x {columns}");
    }
    assert!(singular_values(array![[f64::NAN]].view()).is_err());
}

#[test]
fn svd_reconstructs_with_descending_values_and_fixed_signs() {
    for (rows, columns) in SIZES {
        let a = matrix(rows, columns);
        let f = svd(a.view()).unwrap();
        let rebuilt = (&f.u * &f.s).dot(&f.vt);
        assert!(largest_difference(&rebuilt, &a) < TOLERANCE, "{rows} x {columns}");
        assert!(f.s.windows(2).into_iter().all(|w| w[0] >= w[1]));
        for row in f.vt.rows() {
            let largest = row.iter().fold(0.0_f64, |best, &v| if v.abs() > best.abs() { v } else { best });
            assert!(largest > 0.0);
        }
    }
}

#[test]
fn svd_rank_of_an_outer_product_is_one() {
    let a = Array2::from_shape_fn((6, 4), |(i, j)| (i + 1) as f64 * (j as f64 - 1.5));
    assert_eq!(svd(a.view()).unwrap().rank(), 1);
}

#[test]
fn qr_reconstructs_with_orthonormal_columns_and_non_negative_diagonal() {
    for (rows, columns) in SIZES {
        let a = matrix(rows, columns);
        let (q, r) = qr(a.view()).unwrap();
        assert!(largest_difference(&q.dot(&r), &a) < TOLERANCE, "{rows} x {columns}");
        assert!(largest_difference(&q.t().dot(&q), &Array2::eye(q.ncols())) < TOLERANCE);
        assert!(r.diag().iter().all(|&d| d >= 0.0));
    }
}

#[test]
fn eigh_reconstructs_and_orders_descending() {
    for n in [0, 1, 2, 13, 65] {
        let m = matrix(n, n);
        let a = &m + &m.t();
        let f = eigh(a.view()).unwrap();
        let rebuilt = (&f.vectors * &f.values).dot(&f.vectors.t());
        assert!(largest_difference(&rebuilt, &a) < 4.0 * TOLERANCE, "{n}");
        assert!(f.values.windows(2).into_iter().all(|w| w[0] >= w[1]));
    }
}

#[test]
fn eig_of_a_rotation_is_a_conjugate_pair_on_the_unit_circle() {
    let angle: f64 = 0.7;
    let rotation = array![[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    let f = eig(rotation.view()).unwrap();
    assert!((f.values[0].re - angle.cos()).abs() < TOLERANCE && (f.values[0].im - angle.sin()).abs() < TOLERANCE);
    assert!((f.values[1].im + angle.sin()).abs() < TOLERANCE);
}

#[test]
fn eig_satisfies_its_equation_at_odd_sizes() {
    for n in [1, 3, 17] {
        let a = matrix(n, n);
        let f = eig(a.view()).unwrap();
        for k in 0..n {
            for i in 0..n {
                let mut left = Complex::new(0.0, 0.0);
                for j in 0..n {
                    left += Complex::new(a[[i, j]], 0.0) * f.vectors[[j, k]];
                }
                let gap = left - f.values[k] * f.vectors[[i, k]];
                assert!(gap.re.hypot(gap.im) < 10.0 * TOLERANCE, "n {n}, pair {k}");
            }
        }
    }
}

#[test]
fn cholesky_reconstructs_and_refuses_an_indefinite_matrix() {
    for n in [0, 1, 13, 65] {
        let m = matrix(n, n);
        let a = m.dot(&m.t()) + Array2::<f64>::eye(n);
        let l = cholesky(a.view()).unwrap();
        assert!(largest_difference(&l.dot(&l.t()), &a) < 65.0 * TOLERANCE);
    }
    assert_eq!(cholesky(array![[1.0, 2.0], [2.0, 1.0]].view()).unwrap_err(), Error::NotPositiveDefinite);
}

#[test]
fn solve_recovers_a_planted_solution_and_refuses_a_singular_matrix() {
    let a = matrix(13, 13);
    let x = matrix(13, 3);
    let found = solve(a.view(), a.dot(&x).view()).unwrap();
    // The condition number of this matrix is below 1e4.
    assert!(largest_difference(&found, &x) < 1e-9);
    let singular = array![[1.0, 2.0], [2.0, 4.0]];
    assert_eq!(solve(singular.view(), array![[1.0], [0.0]].view()).unwrap_err(), Error::Singular);
}

#[test]
fn least_squares_gives_the_minimum_norm_answer_and_its_rank() {
    // Two equal columns: the weight is shared.
    let a = array![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]];
    let answer = least_squares(a.view(), array![[2.0], [4.0], [6.0]].view()).unwrap();
    assert_eq!(answer.rank, 1);
    assert!(largest_difference(&answer.solution, &array![[1.0], [1.0]]) < TOLERANCE);
    assert!(answer.residual[0] < TOLERANCE);
}

#[test]
fn bad_shapes_and_nan_are_refused_by_name() {
    assert_eq!(eigh(matrix(2, 3).view()).unwrap_err(), Error::NotSquare { rows: 2, columns: 3 });
    assert_eq!(svd(array![[f64::NAN]].view()).unwrap_err(), Error::NonFinite);
    assert_eq!(solve(matrix(2, 2).view(), matrix(3, 1).view()).unwrap_err(), Error::RowMismatch { a: 2, b: 3 });
}
