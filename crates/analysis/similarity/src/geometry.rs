//! Geometry of population activity: dimensionality, tangling, rotations (jPCA), demixed components (dPCA).

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis, s};
use rheobase_core::require_finite;
use rheobase_linalg::{eig, eigh, gram, least_squares, product, svd, transposed_product};

use crate::prepare::centred;
use crate::{Error, Result};

/// Participation ratio (sum l)^2 / sum l^2 of the covariance's eigenvalues: the number of equally strong dimensions it is worth.
///
/// # Errors
/// If there are fewer than 2 samples, values are not finite, or nothing varies.
pub fn participation_ratio(x: ArrayView2<'_, f64>) -> Result<f64> {
    require_finite("responses", x.iter())?;
    if x.nrows() < 2 {
        return Err(Error::TooFewConditions { what: "the participation ratio", needed: 2, found: x.nrows() });
    }
    let c = centred(x);
    let (trace, square) =
        if c.nrows() < c.ncols() { traces(&product(c.view(), c.t())) } else { traces(&gram(c.view())) };
    if trace <= 0.0 {
        return Err(Error::Constant { side: "given", what: "the participation ratio" });
    }
    Ok(trace * trace / square)
}

/// tr C and tr C^2.
fn traces(c: &Array2<f64>) -> (f64, f64) {
    (c.diag().sum(), c.iter().map(|v| v * v).sum())
}

/// Participation ratio of independent samples, with the bias of few samples taken out of both traces:
/// with n samples, tr(S)^2 and tr(S^2) are replaced by their unbiased estimates (Chun et al. 2024; Gaussian samples).
///
/// # Errors
/// As for [`participation_ratio`]; with fewer than 4 samples, or an estimate that is not above 0.
pub fn participation_ratio_unbiased(x: ArrayView2<'_, f64>) -> Result<f64> {
    require_finite("responses", x.iter())?;
    if x.nrows() < 4 {
        return Err(Error::TooFewConditions { what: "the unbiased participation ratio", needed: 4, found: x.nrows() });
    }
    let c = centred(x);
    let m = (x.nrows() - 1) as f64;
    let gram = if c.nrows() < c.ncols() { product(c.view(), c.t()) } else { gram(c.view()) };
    let (trace, square) = traces(&gram);
    let (trace, square) = (trace / m, square / (m * m));
    // For Wishart S: E tr(S)^2 = t^2 + 2 q / m and E tr(S^2) = q (1 + 1/m) + t^2 / m, with t = tr C, q = tr C^2.
    let q = (square - trace * trace / m) / (1.0 + 1.0 / m - 2.0 / (m * m));
    let t2 = trace * trace - 2.0 * q / m;
    if q <= 0.0 || t2 <= 0.0 {
        return Err(Error::Input(
            "too few samples for an unbiased participation ratio: the estimated spectrum is not positive".into(),
        ));
    }
    Ok(t2 / q)
}

/// Shares of variance in the principal components, largest first.
///
/// # Errors
/// As for [`participation_ratio`].
pub fn explained_variance(x: ArrayView2<'_, f64>) -> Result<Array1<f64>> {
    participation_ratio(x)?;
    let values = svd(centred(x).view())?.s.mapv(|s| s * s);
    let total = values.sum();
    Ok(values / total)
}

/// Tangling (Russo et al. 2018) at each time: max over other times of |dx - dx'|^2 / (|x - x'|^2 + e), with e = `share` (usually .1) of the
/// mean squared norm. High where nearly equal states move differently, which an autonomous system cannot do. Trajectory (times, units),
/// equally spaced by `step_s`; derivatives are central differences.
///
/// # Errors
/// If there are fewer than 3 times, values are not finite, or nothing varies.
pub fn tangling(trajectory: ArrayView2<'_, f64>, step_s: f64, share: f64) -> Result<Vec<f64>> {
    require_finite("trajectory", trajectory.iter())?;
    let n = trajectory.nrows();
    if n < 3 {
        return Err(Error::TooFewConditions { what: "tangling", needed: 3, found: n });
    }
    let derivative = Array2::from_shape_fn(trajectory.dim(), |(t, u)| {
        let (a, b) = (t.saturating_sub(1), (t + 1).min(n - 1));
        (trajectory[[b, u]] - trajectory[[a, u]]) / (step_s * (b - a) as f64)
    });
    tangling_of(trajectory, derivative.view(), share)
}

/// [`tangling`] of states and derivatives that are known, (samples, units), for example of several conditions together.
///
/// # Errors
/// As for [`tangling`], or if shapes differ.
pub fn tangling_of(states: ArrayView2<'_, f64>, derivatives: ArrayView2<'_, f64>, share: f64) -> Result<Vec<f64>> {
    if states.dim() != derivatives.dim() {
        return Err(Error::ConditionMismatch { left: states.nrows(), right: derivatives.nrows() });
    }
    let squared =
        |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
    let norm = states.iter().map(|v| v * v).sum::<f64>() / states.nrows() as f64;
    if norm <= 0.0 {
        return Err(Error::Constant { side: "given", what: "tangling" });
    }
    let n = states.nrows();
    Ok((0..n)
        .map(|t| {
            (0..n)
                .filter(|&u| u != t)
                .map(|u| {
                    let apart = squared(states.row(t), states.row(u));
                    squared(derivatives.row(t), derivatives.row(u)) / (apart + share * norm)
                })
                .fold(0.0, f64::max)
        })
        .collect())
}

/// Rotational structure (Churchland et al. 2012).
#[derive(Debug, Clone)]
pub struct JPca {
    /// Skew-symmetric matrix of dx/dt = M x in the principal components, (components, components), per unit of time.
    pub skew: Array2<f64>,
    /// Share of the derivative's variance that the skew matrix explains.
    pub skew_r2: f64,
    /// Share that an unconstrained matrix explains.
    pub free_r2: f64,
    /// Frequency of each plane in rad per unit of time, largest first. Differences over a step see (2 / step) tan(w step / 2) for a
    /// rotation at w; that is undone.
    pub frequencies: Vec<f64>,
    /// Share of the variance of the normalised, centred rates in each plane.
    pub shares: Vec<f64>,
    /// Planes in unit space: two columns for each frequency, (units, 2 planes).
    pub planes: Array2<f64>,
}

impl JPca {
    /// skew R^2 / free R^2: 1 for pure rotations.
    pub fn ratio(&self) -> f64 {
        self.skew_r2 / self.free_r2
    }
}

/// jPCA of condition-averaged rates (conditions, times, units), equally spaced by `step`: units are divided by their range plus
/// `soft` (5 spikes/s in the paper), the mean over conditions is taken off, `components` principal components (6) are kept, and derivatives
/// are regressed on states under the constraint of a skew-symmetric matrix.
///
/// # Errors
/// If there are fewer than 3 times, components do not fit or are odd, values are not finite, or nothing varies over conditions.
pub fn jpca(rates: &Array3<f64>, step: f64, components: usize, soft: f64) -> Result<JPca> {
    require_finite("rates", rates.iter())?;
    let (conditions, times, units) = rates.dim();
    if times < 3 {
        return Err(Error::TooFewConditions { what: "jPCA", needed: 3, found: times });
    }
    if components < 2 || components % 2 == 1 || components > units {
        let allowed = "an even number from 2 to the number of units";
        return Err(Error::Parameter { what: "jPCA components", found: components as f64, allowed });
    }
    let mut normalised = rates.clone();
    for unit in 0..units {
        let own = rates.slice(s![.., .., unit]);
        let (low, high) = own.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        let scale = (high - low + soft).max(f64::MIN_POSITIVE);
        normalised.slice_mut(s![.., .., unit]).mapv_inplace(|v| v / scale);
    }
    if conditions > 1 {
        let mean = normalised.mean_axis(Axis(0)).unwrap_or_default();
        normalised -= &mean;
    }
    let flat =
        normalised.into_shape_with_order((conditions * times, units)).map_err(|e| Error::Input(e.to_string()))?;
    let flat = centred(flat.view());
    let spectrum = svd(flat.view())?;
    let axes = spectrum.vt.slice(s![..components, ..]).t().to_owned();
    let scores = product(flat.view(), axes.view());
    if scores.iter().all(|v| v.abs() < 1e-300) {
        return Err(Error::Constant { side: "given", what: "jPCA" });
    }
    // States at the middle of each step, derivatives across it, condition by condition.
    let rows = conditions * (times - 1);
    let at = |r: usize, t: usize| (r / (times - 1)) * times + r % (times - 1) + t;
    let x = Array2::from_shape_fn((rows, components), |(r, k)| 0.5 * (scores[[at(r, 0), k]] + scores[[at(r, 1), k]]));
    let dx = Array2::from_shape_fn((rows, components), |(r, k)| (scores[[at(r, 1), k]] - scores[[at(r, 0), k]]) / step);
    let free = least_squares(x.view(), dx.view())?.solution;
    let skew = skew_least_squares(&x, &dx)?;
    let total: f64 = dx.iter().map(|v| v * v).sum();
    let r2 = |m: &Array2<f64>| 1.0 - (&dx - &product(x.view(), m.view())).iter().map(|v| v * v).sum::<f64>() / total;
    let (skew_r2, free_r2) = (r2(&skew.t().to_owned()), r2(&free));
    let spectrum = eig(skew.view())?;
    let mut planes = Array2::zeros((units, components));
    let (mut frequencies, mut shares) = (Vec::new(), Vec::new());
    let energy: f64 = flat.iter().map(|v| v * v).sum();
    for k in 0..components {
        let value = spectrum.values[k];
        if value.im > 1e-12 && 2 * frequencies.len() + 1 < components {
            let place = 2 * frequencies.len();
            for (column, part) in [(place, 0), (place + 1, 1)] {
                let own =
                    Array1::from_iter(spectrum.vectors.column(k).iter().map(|v| if part == 0 { v.re } else { v.im }));
                let axis = axes.dot(&own);
                let norm = axis.dot(&axis).sqrt();
                planes.column_mut(column).assign(&(&axis / norm.max(f64::MIN_POSITIVE)));
            }
            frequencies.push(2.0 / step * (0.5 * step * value.im).atan());
            // Eigenvectors of a skew matrix have real and imaginary parts that are orthogonal and equally long.
            let held = product(flat.view(), planes.slice(s![.., place..place + 2]));
            shares.push(held.iter().map(|v| v * v).sum::<f64>() / energy);
        }
    }
    Ok(JPca { skew, skew_r2, free_r2, frequencies, shares, planes })
}

/// The skew-symmetric M that minimises |dX - X M'|^2: linear in its k(k-1)/2 free entries.
fn skew_least_squares(x: &Array2<f64>, dx: &Array2<f64>) -> Result<Array2<f64>> {
    let k = x.ncols();
    let pairs: Vec<(usize, usize)> = (0..k).flat_map(|i| (i + 1..k).map(move |j| (i, j))).collect();
    let (xx, xd) = (gram(x.view()), transposed_product(x.view(), dx.view()));
    // M = sum m_ij (e_i e_j' - e_j e_i'); dx_i gets m_ij x_j, dx_j gets -m_ij x_i.
    let entry = |(i, j): (usize, usize), (a, b): (usize, usize)| {
        let mut sum = 0.0;
        if i == a {
            sum += xx[[j, b]];
        }
        if i == b {
            sum -= xx[[j, a]];
        }
        if j == a {
            sum -= xx[[i, b]];
        }
        if j == b {
            sum += xx[[i, a]];
        }
        sum
    };
    let normal = Array2::from_shape_fn((pairs.len(), pairs.len()), |(r, c)| entry(pairs[r], pairs[c]));
    let right =
        Array2::from_shape_fn((pairs.len(), 1), |(r, _)| xd[[pairs[r].1, pairs[r].0]] - xd[[pairs[r].0, pairs[r].1]]);
    let solution = least_squares(normal.view(), right.view())?.solution;
    let mut skew = Array2::zeros((k, k));
    for (r, &(i, j)) in pairs.iter().enumerate() {
        skew[[i, j]] = solution[[r, 0]];
        skew[[j, i]] = -solution[[r, 0]];
    }
    Ok(skew)
}

/// Averages of rates over all but some factors.
#[derive(Debug, Clone)]
pub struct Marginals {
    /// Names: `time`, `condition`, `interaction`.
    pub names: [&'static str; 3],
    /// Each of the shape of the rates (conditions, times, units); they sum to the rates minus their grand mean.
    pub parts: [Array3<f64>; 3],
    /// Grand mean of each unit.
    pub mean: Array1<f64>,
}

/// Splits condition-averaged rates (conditions, times, units) into what depends on time alone, on the condition alone, and on both.
///
/// # Errors
/// If values are not finite or an axis is empty.
pub fn marginals(rates: &Array3<f64>) -> Result<Marginals> {
    require_finite("rates", rates.iter())?;
    let empty = || Error::Input("rates need at least one condition, time and unit".into());
    let by_time = rates.mean_axis(Axis(0)).ok_or_else(empty)?;
    let by_condition = rates.mean_axis(Axis(1)).ok_or_else(empty)?;
    let mean = by_time.mean_axis(Axis(0)).ok_or_else(empty)?;
    let time = Array3::from_shape_fn(rates.dim(), |(_, t, u)| by_time[[t, u]] - mean[u]);
    let condition = Array3::from_shape_fn(rates.dim(), |(c, _, u)| by_condition[[c, u]] - mean[u]);
    let interaction = Array3::from_shape_fn(rates.dim(), |(c, t, u)| {
        rates[[c, t, u]] - by_time[[t, u]] - by_condition[[c, u]] + mean[u]
    });
    Ok(Marginals { names: ["time", "condition", "interaction"], parts: [time, condition, interaction], mean })
}

/// Demixed components of one marginal (Kobak et al. 2016).
#[derive(Debug, Clone)]
pub struct Demixed {
    /// Name of the marginal.
    pub name: &'static str,
    /// Decoder axes, (units, components): activity is projected on these.
    pub decoder: Array2<f64>,
    /// Encoder axes, (units, components): projections are put back through these.
    pub encoder: Array2<f64>,
    /// Share of the total variance each component explains, by reconstruction: 1 - |X - E D'X|^2 / |X|^2.
    pub explained: Vec<f64>,
}

/// dPCA: for each marginal, decoders and encoders that minimise |X_marginal - E D'X|^2, by reduced-rank regression with ridge strength
/// `lambda` times the total variance.
///
/// # Errors
/// As for [`marginals`]; if components do not fit or lambda is negative.
pub fn demixed(rates: &Array3<f64>, components: usize, lambda: f64) -> Result<Vec<Demixed>> {
    let (conditions, times, units) = rates.dim();
    if components == 0 || components > units {
        return Err(Error::Parameter {
            what: "dPCA components",
            found: components as f64,
            allowed: "1 to the number of units",
        });
    }
    if lambda.is_nan() || lambda < 0.0 {
        return Err(Error::Parameter { what: "dPCA regularisation", found: lambda, allowed: "0 or more" });
    }
    let split = marginals(rates)?;
    let flat = |a: &Array3<f64>| {
        let own = a.as_standard_layout().into_owned();
        own.into_shape_with_order((conditions * times, units)).map_err(|e| Error::Input(e.to_string()))
    };
    let centre = Array3::from_shape_fn(rates.dim(), |(c, t, u)| rates[[c, t, u]] - split.mean[u]);
    let x = flat(&centre)?;
    let total: f64 = x.iter().map(|v| v * v).sum();
    if total <= 0.0 {
        return Err(Error::Constant { side: "given", what: "dPCA" });
    }
    let mut inner = gram(x.view());
    // Rank-deficient activity needs a breath of regularisation for its inverse.
    inner.diag_mut().mapv_inplace(|v| v + (lambda.max(1e-12)) * total);
    let mut found = Vec::new();
    for (name, part) in split.names.iter().zip(&split.parts) {
        let marginal = flat(part)?;
        let map = rheobase_linalg::solve_positive_definite(
            inner.view(),
            transposed_product(x.view(), marginal.view()).view(),
        )?;
        let fitted = product(x.view(), map.view());
        let spectrum = eigh(gram(fitted.view()).view())?;
        let encoder = spectrum.vectors.slice(s![.., ..components]).to_owned();
        let decoder = product(map.view(), encoder.view());
        let scores = product(x.view(), decoder.view());
        let explained = (0..components)
            .map(|k| {
                let rest: f64 = x
                    .outer_iter()
                    .zip(scores.column(k))
                    .map(|(row, score)| {
                        row.iter().zip(encoder.column(k)).map(|(v, e)| (v - score * e).powi(2)).sum::<f64>()
                    })
                    .sum();
                1.0 - rest / total
            })
            .collect();
        found.push(Demixed { name, decoder, encoder, explained });
    }
    Ok(found)
}
