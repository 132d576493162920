//! The two-layer model of a neuron: branches are sigmoidal subunits whose sum drives the output (Poirazi, Brannon & Mel
//! 2003, Neuron 37:989).
//!
//! r = g(sum_j s(n_j)), with n_j the active synapses of branch j, s(n) = sigma((n - c) / w) - sigma(-c / w) + l n, and g a
//! polynomial of second degree. For given c, w, l the best g is a least-squares solution, so that only these three are
//! searched: on a grid that is refined around its best point. The one-layer models take the total count instead: with the
//! same g, or a straight line.

use ndarray::{Array1, Array2};
use rheobase_linalg::least_squares_vector;

use crate::{Error, Result};

/// Synapses on each branch in every trial, and the response; shape (trials, branches) and (trials).
#[derive(Debug, Clone, Copy)]
pub struct Responses<'a> {
    /// Active synapses of each branch.
    pub counts: &'a [Vec<usize>],
    /// Response of each trial.
    pub rates: &'a [f64],
}

/// A fitted subunit: s(n) = sigma((n - centre) / width) - sigma(-centre / width) + slope n.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subunit {
    /// Number of synapses at half height.
    pub centre: f64,
    /// Width of the sigmoid in synapses.
    pub width: f64,
    /// Linear part per synapse.
    pub slope: f64,
}

impl Subunit {
    /// Output for a number of synapses.
    pub fn output(&self, n: f64) -> f64 {
        let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
        sigma((n - self.centre) / self.width) - sigma(-self.centre / self.width) + self.slope * n
    }
}

/// Fits and what they explain of trials they have not seen.
#[derive(Debug, Clone)]
pub struct TwoLayerFit {
    /// The branches' nonlinearity.
    pub subunit: Subunit,
    /// Coefficients of g, that of x^0 first.
    pub output: [f64; 3],
    /// Predictions of the held-out trials, in order.
    pub predicted: Vec<f64>,
    /// Share of the held-out variance that the two-layer model explains.
    pub r2_two_layer: f64,
    /// The same for the total count with an output nonlinearity of the same form.
    pub r2_one_layer: f64,
    /// The same for a straight line over the total count.
    pub r2_linear: f64,
}

/// Share of the variance of `found` that is explained.
fn r_squared(found: &[f64], predicted: &[f64]) -> f64 {
    let mean = rheobase_core::statistics::mean(found);
    let rest: f64 = found.iter().zip(predicted).map(|(f, p)| (f - p).powi(2)).sum();
    1.0 - rest / found.iter().map(|f| (f - mean).powi(2)).sum::<f64>()
}

fn design(x: &[f64], degree: usize) -> Array2<f64> {
    Array2::from_shape_fn((x.len(), degree + 1), |(i, k)| x[i].powi(k as i32))
}

/// Coefficients of the best polynomial and its squared error.
fn polynomial(x: &[f64], y: &[f64], degree: usize) -> Option<(Vec<f64>, f64)> {
    // Scaled, so that powers do not spoil the condition.
    let scale = x.iter().fold(1e-12_f64, |m, v| m.max(v.abs()));
    let scaled: Vec<f64> = x.iter().map(|v| v / scale).collect();
    let design = design(&scaled, degree);
    let c = least_squares_vector(design.view(), Array1::from(y.to_vec()).view()).ok()?;
    let error = (&design.dot(&c) - &Array1::from(y.to_vec())).mapv(|e| e * e).sum();
    Some((c.iter().enumerate().map(|(k, c)| c / scale.powi(k as i32)).collect(), error))
}

fn evaluate(c: &[f64], x: f64) -> f64 {
    c.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

fn drive(subunit: &Subunit, counts: &[Vec<usize>]) -> Vec<f64> {
    counts.iter().map(|trial| trial.iter().map(|&n| subunit.output(n as f64)).sum()).collect()
}

/// Best subunit of a grid, with its output's coefficients and its squared error.
fn search(train: Responses<'_>, grid: impl Iterator<Item = Subunit>) -> Option<(Subunit, Vec<f64>, f64)> {
    let mut best: Option<(Subunit, Vec<f64>, f64)> = None;
    for subunit in grid {
        if let Some((g, error)) = polynomial(&drive(&subunit, train.counts), train.rates, 2)
            && best.as_ref().is_none_or(|b| error < b.2)
        {
            best = Some((subunit, g, error));
        }
    }
    best
}

/// Fits to the first trials and tests on the others.
///
/// # Errors
/// If there are fewer than 20 trials on either side, the lengths differ, or the responses do not vary.
pub fn fit_two_layer(all: Responses<'_>, train: usize) -> Result<TwoLayerFit> {
    if all.counts.len() != all.rates.len() || train < 20 || all.rates.len() < train + 20 {
        let (counts, rates) = (all.counts.len(), all.rates.len());
        let problem =
            format!("{counts} placements, {rates} responses, {train} for training: at least 20 each way needed");
        return Err(Error::Description(problem));
    }
    let fitted = Responses { counts: &all.counts[..train], rates: &all.rates[..train] };
    let held_out = Responses { counts: &all.counts[train..], rates: &all.rates[train..] };
    if rheobase_core::statistics::variance(fitted.rates, 1) == 0.0 {
        return Err(Error::Description("the responses of all trials are the same; nothing can be fitted".into()));
    }
    let most = all.counts.iter().flatten().copied().max().unwrap_or(1).max(2) as f64;
    let coarse = (1..=24).flat_map(|c| {
        let widths = [0.05, 0.1, 0.2, 0.4, 0.8];
        widths.into_iter().flat_map(move |w| {
            [0.0, 0.1, 0.3, 1.0, 3.0].map(|l| Subunit {
                centre: most * f64::from(c) / 20.0,
                width: most * w,
                slope: l / most,
            })
        })
    });
    let mut best = search(fitted, coarse).ok_or_else(|| Error::Description("no fit exists".into()))?;
    let mut step = 0.5;
    for _ in 0..8 {
        let around = best.0;
        let near = (-1..=1).flat_map(move |a| {
            (-1..=1).flat_map(move |b| {
                (-1..=1).map(move |c| Subunit {
                    centre: around.centre * (1.0 + 0.5 * step * f64::from(a)),
                    width: around.width * (1.0 + step * f64::from(b)),
                    slope: around.slope * (1.0 + step * f64::from(c)),
                })
            })
        });
        if let Some(found) = search(fitted, near)
            && found.2 < best.2
        {
            best = found;
        } else {
            step *= 0.5;
        }
    }
    let predict = |g: &[f64], x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|x| evaluate(g, x)).collect() };
    let totals = |r: Responses<'_>| -> Vec<f64> { r.counts.iter().map(|t| t.iter().sum::<usize>() as f64).collect() };
    let by_total = |degree: usize| -> f64 {
        polynomial(&totals(fitted), fitted.rates, degree)
            .map_or(f64::NAN, |(g, _)| r_squared(held_out.rates, &predict(&g, totals(held_out))))
    };
    let predicted = predict(&best.1, drive(&best.0, held_out.counts));
    Ok(TwoLayerFit {
        subunit: best.0,
        output: [best.1[0], best.1[1], best.1[2]],
        r2_two_layer: r_squared(held_out.rates, &predicted),
        r2_one_layer: by_total(2),
        r2_linear: by_total(1),
        predicted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use rheobase_core::Seed;

    fn placements(trials: usize) -> Vec<Vec<usize>> {
        let mut stream = Seed::root(4).stream();
        (0..trials)
            .map(|_| {
                let (total, used) = (stream.random_range(20..60), stream.random_range(1..=10));
                let mut counts = vec![0; 20];
                (0..total).for_each(|_| counts[stream.random_range(0..used)] += 1);
                counts
            })
            .collect()
    }

    #[test]
    fn a_two_layer_neuron_is_found_to_be_one() {
        let counts = placements(300);
        let truth = Subunit { centre: 8.0, width: 1.5, slope: 0.02 };
        let rates: Vec<f64> = drive(&truth, &counts).iter().map(|x| 2.0 + 5.0 * x + 0.5 * x * x).collect();
        let fit = fit_two_layer(Responses { counts: &counts, rates: &rates }, 150).unwrap();
        assert!(fit.r2_two_layer > 0.99 && fit.r2_one_layer < 0.8, "{fit:?}");
        assert!((fit.subunit.centre - 8.0).abs() < 1.5, "{:?}", fit.subunit);
    }

    #[test]
    fn a_linear_neuron_needs_no_second_layer() {
        let counts = placements(300);
        let rates: Vec<f64> = counts.iter().map(|t| 0.3 * t.iter().sum::<usize>() as f64).collect();
        let fit = fit_two_layer(Responses { counts: &counts, rates: &rates }, 150).unwrap();
        assert!(fit.r2_linear > 0.999_999 && fit.r2_two_layer > 0.99, "{fit:?}");
    }

    #[test]
    fn too_few_or_equal_trials_are_refused() {
        let counts = placements(60);
        let same = vec![1.0; 60];
        let text = |train| fit_two_layer(Responses { counts: &counts, rates: &same }, train).unwrap_err().to_string();
        assert!(text(10).contains("at least 20"));
        assert!(text(30).contains("the same"));
    }
}
