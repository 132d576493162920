//! Similarity of populations shown more stimuli than memory holds: means and covariances are accumulated block by block, so that memory is
//! units x units whatever the number of stimuli.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rheobase_core::require_finite;
use rheobase_linalg::{gram, solve_lower, svd, transposed_product};

use crate::{Error, Result};

/// Accumulated moments of two populations.
#[derive(Debug, Clone)]
pub struct Moments {
    n: f64,
    mean: (Array1<f64>, Array1<f64>),
    xx: Array2<f64>,
    yy: Array2<f64>,
    xy: Array2<f64>,
    /// Sums over stimuli of |x|^2 |y|^2 and of |x|^2, |y|^2 about a fixed origin, for the unbiased forms.
    norms: [f64; 3],
    /// Sums over stimuli of |x|^2 y, |y|^2 x, |x|^2 x and |y|^2 y.
    weighted: [Array1<f64>; 4],
    origin: Option<(Array1<f64>, Array1<f64>)>,
    /// Responses to the first stimulus, and which units have ever responded otherwise.
    first: (Array1<f64>, Array1<f64>),
    varies: (Vec<bool>, Vec<bool>),
}

impl Moments {
    /// Moments of populations of `left` and `right` units, before any stimulus.
    pub fn new(left: usize, right: usize) -> Self {
        Self {
            n: 0.0,
            mean: (Array1::zeros(left), Array1::zeros(right)),
            xx: Array2::zeros((left, left)),
            yy: Array2::zeros((right, right)),
            xy: Array2::zeros((left, right)),
            norms: [0.0; 3],
            weighted: [Array1::zeros(right), Array1::zeros(left), Array1::zeros(left), Array1::zeros(right)],
            origin: None,
            first: (Array1::zeros(left), Array1::zeros(right)),
            varies: (vec![false; left], vec![false; right]),
        }
    }

    /// Adds a block of stimuli, (stimuli, units) on both sides.
    ///
    /// # Errors
    /// If shapes do not fit or values are not finite.
    pub fn add(&mut self, x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<()> {
        if x.nrows() != y.nrows() {
            return Err(Error::ConditionMismatch { left: x.nrows(), right: y.nrows() });
        }
        if x.ncols() != self.xx.nrows() || y.ncols() != self.yy.nrows() {
            return Err(Error::UnitMismatch {
                what: "a block of accumulated moments",
                left: x.ncols(),
                right: y.ncols(),
            });
        }
        require_finite("left responses", x.iter())?;
        require_finite("right responses", y.iter())?;
        if x.nrows() == 0 {
            return Ok(());
        }
        if self.n == 0.0 {
            self.first = (x.row(0).to_owned(), y.row(0).to_owned());
        }
        let note = |values: ArrayView2<'_, f64>, first: &Array1<f64>, varies: &mut [bool]| {
            for row in values.outer_iter() {
                row.iter().zip(first).zip(&mut *varies).for_each(|((value, first), varies)| *varies |= value != first);
            }
        };
        note(x, &self.first.0, &mut self.varies.0);
        note(y, &self.first.1, &mut self.varies.1);
        // An origin near the data keeps the sums of squares from cancelling.
        let (ox, oy) = self.origin.get_or_insert_with(|| {
            (x.mean_axis(Axis(0)).unwrap_or_default(), y.mean_axis(Axis(0)).unwrap_or_default())
        });
        let (x, y) = (&x - &*ox, &y - &*oy);
        self.n += x.nrows() as f64;
        self.mean.0 += &x.sum_axis(Axis(0));
        self.mean.1 += &y.sum_axis(Axis(0));
        self.xx += &gram(x.view());
        self.yy += &gram(y.view());
        self.xy += &transposed_product(x.view(), y.view());
        for (a, b) in x.outer_iter().zip(y.outer_iter()) {
            let (na, nb) = (a.dot(&a), b.dot(&b));
            self.norms[0] += na * nb;
            self.norms[1] += na * na;
            self.norms[2] += nb * nb;
            self.weighted[0].scaled_add(na, &b);
            self.weighted[1].scaled_add(nb, &a);
            self.weighted[2].scaled_add(na, &a);
            self.weighted[3].scaled_add(nb, &b);
        }
        Ok(())
    }

    /// Stimuli so far.
    pub fn stimuli(&self) -> usize {
        self.n as usize
    }

    fn require(&self, what: &'static str, needed: usize) -> Result<()> {
        if self.stimuli() < needed {
            Err(Error::TooFewConditions { what, needed, found: self.stimuli() })
        } else {
            Ok(())
        }
    }

    /// Centred sums of products.
    fn centred(&self) -> (Array2<f64>, Array2<f64>, Array2<f64>) {
        let outer = |m: &Array2<f64>, a: &Array1<f64>, b: &Array1<f64>| {
            let mut out = m.clone();
            for (i, v) in a.iter().enumerate() {
                out.row_mut(i).scaled_add(-v / self.n, b);
            }
            out
        };
        let (mx, my) = &self.mean;
        (outer(&self.xx, mx, mx), outer(&self.yy, my, my), outer(&self.xy, mx, my))
    }

    /// Linear CKA, biased.
    ///
    /// # Errors
    /// With fewer than 2 stimuli, or a side that does not vary.
    pub fn cka_biased(&self) -> Result<f64> {
        self.require("streaming CKA", 2)?;
        let (xx, yy, xy) = self.centred();
        let norm = |m: &Array2<f64>| m.iter().map(|v| v * v).sum::<f64>();
        let (x, y) = (norm(&xx).sqrt(), norm(&yy).sqrt());
        if x == 0.0 || y == 0.0 {
            return Err(Error::Constant { side: if x == 0.0 { "left" } else { "right" }, what: "streaming CKA" });
        }
        Ok(norm(&xy) / (x * y))
    }

    /// Linear CKA, unbiased (Song et al. 2012): exactly that of all stimuli at once.
    ///
    /// With K, L the Gram matrices without their diagonals, HSIC is [tr KL + 1'K1 1'L1 / ((n-1)(n-2)) - 2 1'KL1 / (n-2)] / (n(n-3)); each
    /// term is a function of the accumulated moments.
    ///
    /// # Errors
    /// With fewer than 4 stimuli, or a side whose estimate is not above 0.
    pub fn cka_unbiased(&self) -> Result<f64> {
        self.require("streaming unbiased CKA", 4)?;
        let (mx, my) = &self.mean;
        let hsic = |ab: &Array2<f64>, aa: f64, bb: f64, squares: f64, sums: (f64, f64), product: f64| {
            let n = self.n;
            // tr KL = |A'B|^2 - sum |a|^2 |b|^2; 1'K1 = |sum a|^2 - sum |a|^2; 1'KL1 expands into four sums.
            let trace = ab.iter().map(|v| v * v).sum::<f64>() - squares;
            let (k, l) = (sums.0 - aa, sums.1 - bb);
            (trace + k * l / ((n - 1.0) * (n - 2.0)) - 2.0 * product / (n - 2.0)) / (n * (n - 3.0))
        };
        let (tx, ty) = (self.xx.diag().sum(), self.yy.diag().sum());
        let (sx, sy) = (mx.dot(mx), my.dot(my));
        let xy = hsic(
            &self.xy,
            tx,
            ty,
            self.norms[0],
            (sx, sy),
            mx.dot(&self.xy.dot(my)) - mx.dot(&self.weighted[1]) - my.dot(&self.weighted[0]) + self.norms[0],
        );
        let own = |m: &Array2<f64>, mean: &Array1<f64>, t: f64, s: f64, squares: f64, weighted: &Array1<f64>| {
            hsic(m, t, t, squares, (s, s), mean.dot(&m.dot(mean)) - 2.0 * mean.dot(weighted) + squares)
        };
        let xx = own(&self.xx, mx, tx, sx, self.norms[1], &self.weighted[2]);
        let yy = own(&self.yy, my, ty, sy, self.norms[2], &self.weighted[3]);
        if xx <= 0.0 || yy <= 0.0 {
            return Err(Error::Constant {
                side: if xx <= 0.0 { "left" } else { "right" },
                what: "streaming unbiased CKA",
            });
        }
        Ok(xy / (xx * yy).sqrt())
    }

    /// Units on each side that responded alike to all stimuli so far.
    pub fn flat_units(&self) -> (usize, usize) {
        let flat = |varies: &[bool]| varies.iter().filter(|v| !**v).count();
        (flat(&self.varies.0), flat(&self.varies.1))
    }

    /// Canonical correlations of the units that vary, with each covariance shrunk: (1 - c) S + c tr(S)/p I; c = 0 for none.
    ///
    /// # Errors
    /// With a side that does not vary, with fewer stimuli than units on the larger side and no shrinkage, or a covariance that is not positive
    /// definite.
    pub fn canonical_correlations(&self, shrinkage: f64) -> Result<Array1<f64>> {
        const WHAT: &str = "canonical correlation";
        if !(0.0..=1.0).contains(&shrinkage) {
            return Err(Error::Parameter { what: "shrinkage", found: shrinkage, allowed: "0 to 1" });
        }
        self.require(WHAT, 3)?;
        let of_varying =
            |varies: &[bool]| varies.iter().enumerate().filter(|(_, v)| **v).map(|(k, _)| k).collect::<Vec<usize>>();
        let (left, right) = (of_varying(&self.varies.0), of_varying(&self.varies.1));
        if left.is_empty() || right.is_empty() {
            return Err(Error::Constant { side: if left.is_empty() { "left" } else { "right" }, what: WHAT });
        }
        let (xx, yy, xy) = self.centred();
        let among =
            |m: &Array2<f64>, rows: &[usize], columns: &[usize]| m.select(Axis(0), rows).select(Axis(1), columns);
        let (xx, yy, xy) = (among(&xx, &left, &left), among(&yy, &right, &right), among(&xy, &left, &right));
        let most = left.len().max(right.len());
        if shrinkage == 0.0 && self.stimuli() <= most + 1 {
            return Err(Error::TooManyUnits { what: WHAT, conditions: self.stimuli(), rank: most });
        }
        let lower = |m: Array2<f64>| {
            let level = m.diag().sum() / m.nrows() as f64;
            let mut shrunk = m * (1.0 - shrinkage);
            shrunk.diag_mut().mapv_inplace(|v| v + shrinkage * level);
            rheobase_linalg::cholesky(shrunk.view())
        };
        let (lx, ly) = (lower(xx)?, lower(yy)?);
        let half = solve_lower(lx.view(), xy.view());
        let whole = solve_lower(ly.view(), half.t());
        let values = svd(whole.view())?.s.mapv(|v| v.clamp(0.0, 1.0));
        Ok(values.slice(s![..left.len().min(right.len())]).to_owned())
    }
}
