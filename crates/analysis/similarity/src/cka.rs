//! Linear centred kernel alignment (CKA).
//!
//! With column-centred X (n, p) and Y (n, q), the biased form is ||Yt X||^2 / (||Xt X|| ||Yt Y||) in Frobenius norms
//! (Kornblith, Norouzi, Lee & Hinton 2019). The unbiased form replaces each HSIC by the estimator of Song et al. (2012, eq. 5):
//! HSIC1(K, L) = [tr(K L) + (1'K1)(1'L1)/((n-1)(n-2)) - 2/(n-2) 1'K L 1] / (n (n-3)), K and L with zero diagonals.
//! It can be negative. Both are computed from features in O(n p q), or from Gram matrices in O(n^2 (p + q)) where n is smaller.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rheobase_linalg::{gram, transposed_product};

use crate::kernel::linear_cka_by_gram;
use crate::prepare::{centred_moments, centred_pair, squared_norm};
use crate::{Error, Result};

/// Which HSIC estimator CKA is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// Kornblith 2019; grows with units / conditions, even for unrelated data.
    Biased,
    /// Song 2012; centred on zero for unrelated data, needs 4 conditions.
    Unbiased,
    /// Centred, then without the diagonal (Lange et al. 2023).
    ZeroDiagonal,
}

impl Bias {
    /// Name as printed on cards.
    pub fn name(self) -> &'static str {
        match self {
            Self::Biased => "biased (Kornblith 2019)",
            Self::Unbiased => "unbiased (Song 2012)",
            Self::ZeroDiagonal => "centred, zero diagonal (Lange 2023)",
        }
    }
}

/// Linear CKA of responses `x` (conditions, p units) and `y` (conditions, q units).
///
/// # Errors
/// If the conditions differ or are too few, a value is not finite, or a side does not vary.
pub fn linear_cka(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, bias: Bias) -> Result<f64> {
    // n^2 (p + q) against p^2 + q^2 + p q, all times n.
    let (n, p, q) = (x.nrows(), x.ncols(), y.ncols());
    if bias == Bias::ZeroDiagonal || n * (p + q) < p * p + q * q + p * q {
        return linear_cka_by_gram(x, y, bias);
    }
    if bias == Bias::Biased {
        let moments = centred_moments("CKA", x, y, 2)?;
        return Ok(squared_norm(&moments.xy) / (squared_norm(&moments.xx) * squared_norm(&moments.yy)).sqrt());
    }
    let (x, y) = centred_pair("CKA", x, y, 4)?;
    let (x_gram, y_gram) = (gram(x.view()), gram(y.view()));
    let cross = transposed_product(x.view(), y.view());
    let (x, y) = (Side::of(&x), Side::of(&y));
    let (xx, yy) = (hsic_unbiased(&x, &x, &x_gram), hsic_unbiased(&y, &y, &y_gram));
    if xx <= 0.0 || yy <= 0.0 {
        let side = if xx <= 0.0 { "left" } else { "right" };
        return Err(Error::Constant { side, what: "unbiased CKA (its self-similarity is not positive)" });
    }
    Ok(hsic_unbiased(&x, &y, &cross) / (xx * yy).sqrt())
}

/// What the zero-diagonal kernel of one side's features (conditions, units) adds up to.
struct Side {
    /// Squared norm of each condition: the diagonal that is left out.
    diagonal: Array1<f64>,
    /// Row sums of the kernel without it.
    rows: Array1<f64>,
}

impl Side {
    fn of(m: &Array2<f64>) -> Self {
        let diagonal = m.map_axis(Axis(1), |row| row.dot(&row));
        let rows = m.dot(&m.sum_axis(Axis(0))) - &diagonal;
        Self { diagonal, rows }
    }
}

/// The unbiased estimate of HSIC (Song 2012) of linear kernels, from both sides and the product X'Y of their features.
fn hsic_unbiased(x: &Side, y: &Side, product: &Array2<f64>) -> f64 {
    let n = x.rows.len() as f64;
    let trace = squared_norm(product) - x.diagonal.dot(&y.diagonal);
    hsic1(n, trace, x.rows.sum() * y.rows.sum(), x.rows.dot(&y.rows))
}

/// HSIC1 of Song et al. 2012, eq. 5, for n conditions: from tr(K L), 1'K1 1'L1 and 1'K L 1 of kernels without their diagonals.
pub(crate) fn hsic1(n: f64, trace: f64, all: f64, both: f64) -> f64 {
    (trace + all / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * both) / (n * (n - 3.0))
}
