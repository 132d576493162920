//! Models of spikes against closed forms: covariances of exponential-quadratic neurons, the published place cell, planted filters.

// A skipped test says why.
#![allow(clippy::print_stderr)]

use ndarray::{Array1, Array2};
use rand::RngExt;
use rand_distr::{Distribution, Poisson, StandardNormal};
use rheobase_core::Seed;
use rheobase_core::statistics::{mean, variance};
use rheobase_data::mat::MatFile;
use rheobase_receptive_field::glm::{Family, fit, rescaling::time_rescaling};
use rheobase_receptive_field::istac::{informative_axes, principal_angle_deg};
use rheobase_receptive_field::mid::{MidParameters, informative_dimension};
use rheobase_receptive_field::smooth_prior::{SmoothPrior, smooth_filter};
use rheobase_receptive_field::sta::filter_cosine;
use rheobase_receptive_field::stc::{NestedTest, nested_test, spike_triggered_moments, whiten};

fn gaussian(rows: usize, columns: usize, seed: &Seed) -> Array2<f64> {
    let mut stream = seed.stream();
    Array2::from_shape_fn((rows, columns), |_| Distribution::<f64>::sample(&StandardNormal, &mut stream))
}

fn poisson_counts(rates: impl Iterator<Item = f64>, seed: &Seed) -> Vec<f64> {
    let mut stream = seed.stream();
    rates.map(|r| if r > 0.0 { Poisson::new(r).unwrap().sample(&mut stream) } else { 0.0 }).collect()
}

/// Rate exp(x'Cx/2 + b'x + a) with C = diag(.5, -1, 0), b = (.3, 0, .2): spikes have covariance diag(2, .5, 1), mean (.6, 0, .2).
#[test]
fn an_exponential_quadratic_neuron_has_the_moments_of_theory() {
    let x = gaussian(200_000, 3, &Seed::root(1));
    let rate = |x: &[f64]| (0.25 * x[0] * x[0] - 0.5 * x[1] * x[1] + 0.3 * x[0] + 0.2 * x[2] - 2.0).exp();
    let counts = poisson_counts(x.outer_iter().map(|row| rate(row.as_slice().unwrap())), &Seed::root(2));
    let moments = spike_triggered_moments(x.view(), &counts).unwrap();
    // Rates have heavy tails, so the number of independent samples is smaller than that of spikes; 3 standard errors at a third.
    let se = |v: f64| 3.0 * v * (2.0 / (moments.spikes / 3.0)).sqrt();
    for (k, (variance, average)) in [(2.0, 0.6), (0.5, 0.0), (1.0, 0.2)].into_iter().enumerate() {
        assert!((moments.covariance[[k, k]] - variance).abs() < se(variance), "{}", moments.covariance);
        assert!((moments.mean[k] - average).abs() < se(variance), "{}", moments.mean);
    }
    let axes = informative_axes(moments.mean.view(), moments.covariance.view(), 2).unwrap();
    let truth = Array2::from_shape_fn((3, 2), |(i, j)| f64::from(u8::from(i == j)));
    assert!(principal_angle_deg(axes.axes.view(), truth.view()).unwrap() < 20.0);
}

#[test]
fn shuffled_spectra_lie_within_the_edges_of_marchenko_and_pastur() {
    for (dimensions, spikes) in [(10_usize, 1000_usize), (100, 1000)] {
        let x = gaussian(40_000, dimensions, &Seed::root(3));
        let mut counts = vec![0.0; 40_000];
        (0..spikes).for_each(|k| counts[k * 40] = 1.0);
        let test = NestedTest { shifts: 60, project_average: false, least_shift: 20, ..NestedTest::default() };
        let found = nested_test(x.view(), &counts, &test, &Seed::root(4)).unwrap();
        let ratio = (dimensions as f64 / spikes as f64).sqrt();
        let (low, high) = ((1.0 - ratio).powi(2), (1.0 + ratio).powi(2));
        assert!((found.null_band.0 / low - 1.0).abs() < 0.1, "{:?} {low}", found.null_band);
        assert!((found.null_band.1 / high - 1.0).abs() < 0.1, "{:?} {high}", found.null_band);
        assert!(found.axes.is_empty(), "noise has no axis: {:?}", found.axes);
    }
}

#[test]
fn the_nested_test_finds_one_excitatory_and_one_suppressive_axis_in_coloured_stimuli() {
    let raw = gaussian(30_000, 8, &Seed::root(5));
    let mixing = Array2::from_shape_fn((8, 8), |(i, j)| if i == j { 1.0 } else { 0.4_f64.powi(i.abs_diff(j) as i32) });
    let stimuli = raw.dot(&mixing);
    let (mut excite, mut suppress) = (Array1::zeros(8), Array1::zeros(8));
    (excite[2], excite[3], suppress[6]) = (0.8, 0.6, 1.0);
    let drive = |k: &Array1<f64>| stimuli.dot(k);
    let (a, b) = (drive(&excite), drive(&suppress));
    let counts = poisson_counts(a.iter().zip(&b).map(|(a, b)| 0.15 * a * a / (1.0 + b * b)), &Seed::root(6));
    let white = whiten(stimuli.view(), 1e-3).unwrap();
    // The neuron is even: its average is noise.
    let test = NestedTest { shifts: 99, least_shift: 10, project_average: false, ..NestedTest::default() };
    let found = nested_test(white.stimuli.view(), &counts, &test, &Seed::root(7)).unwrap();
    assert!(found.axes.len() >= 2, "{:?}", found.axes.len());
    assert!(found.axes[0].eigenvalue > 1.0 && found.axes[1].eigenvalue < 1.0);
    // Whitening makes the two correlated axes mix, so the plane is compared.
    let plane = |columns: [Array1<f64>; 2]| {
        let both = Array2::from_shape_fn((8, 2), |(i, j)| columns[j][i]);
        rheobase_linalg::qr(both.view()).unwrap().0
    };
    let filters = plane([white.filter(&found.axes[0].axis), white.filter(&found.axes[1].axis)]);
    let angle = principal_angle_deg(filters.view(), plane([excite, suppress]).view()).unwrap();
    assert!(angle < 8.0, "{angle}");
    // A noisy average is left in where it would have been projected out; a true one is taken out.
    let careful = NestedTest { project_average: true, ..test };
    let left = nested_test(white.stimuli.view(), &counts, &careful, &Seed::root(7)).unwrap();
    assert!(left.average_p > 0.05, "{}", left.average_p);
    assert_eq!(left.axes[0].axis, found.axes[0].axis);
    let counts_of_odd = poisson_counts(a.iter().map(|a| 0.1 * (0.8 * a).exp()), &Seed::root(8));
    let taken = nested_test(white.stimuli.view(), &counts_of_odd, &careful, &Seed::root(7)).unwrap();
    assert!(taken.average_p <= 0.01 && taken.eigenvalues.len() == 7, "{}", taken.average_p);
    // The same bytes on two threads.
    let again = nested_test(white.stimuli.view(), &counts, &NestedTest { threads: 2, ..test }, &Seed::root(7)).unwrap();
    assert_eq!(again.eigenvalues, found.eigenvalues);
    assert_eq!(again.axes[0].axis, found.axes[0].axis);
}

/// iSTAC on 10,000 samples of a neuron with two filters: the subspace to 5 degrees.
#[test]
fn two_filters_are_found_to_five_degrees() {
    let x = gaussian(10_000, 20, &Seed::root(8));
    let bump = |centre: f64| {
        let k = Array1::from_shape_fn(20, |i| (-0.5 * ((i as f64 - centre) / 2.0).powi(2)).exp());
        let norm = k.dot(&k).sqrt();
        k / norm
    };
    let (one, two) = (bump(5.0), bump(14.0));
    let rates = x.outer_iter().map(|row| 0.6 * (row.dot(&one).powi(2) + row.dot(&two).powi(2)));
    let counts = poisson_counts(rates, &Seed::root(9));
    let white = whiten(x.view(), 0.01).unwrap();
    let moments = spike_triggered_moments(white.stimuli.view(), &counts).unwrap();
    let axes = informative_axes(moments.mean.view(), moments.covariance.view(), 2).unwrap();
    let filters = white.to_filter.dot(&axes.axes);
    let (basis, _) = rheobase_linalg::qr(filters.view()).unwrap();
    let truth = Array2::from_shape_fn((20, 2), |(i, j)| if j == 0 { one[i] } else { two[i] });
    let (truth, _) = rheobase_linalg::qr(truth.view()).unwrap();
    let angle = principal_angle_deg(basis.view(), truth.view()).unwrap();
    assert!(angle < 5.0, "{angle}");
    assert!(axes.cumulative_nats[1] > axes.cumulative_nats[0] && axes.cumulative_nats[1] < axes.total_nats + 1e-9);
}

#[test]
fn the_most_informative_dimension_beats_the_average_for_a_symmetric_neuron() {
    let x = gaussian(8_000, 10, &Seed::root(10));
    let mut k = Array1::zeros(10);
    (k[3], k[4]) = (0.6, 0.8);
    // Even, so that the average is nothing but noise.
    let counts = poisson_counts(x.dot(&k).iter().map(|d| 0.4 * d * d), &Seed::root(11));
    let found = informative_dimension(x.view(), &counts, &MidParameters::default(), &Seed::root(12)).unwrap();
    let cosine = filter_cosine(found.filter.as_slice().unwrap(), k.as_slice().unwrap()).unwrap().abs();
    assert!(cosine > 0.95, "{cosine}");
    assert!(found.held_out_bits > 0.3 && found.training_bits > 0.3, "{found:?}");
}

#[test]
fn the_prior_that_fits_the_filter_has_the_most_evidence_and_the_least_error() {
    let (height, width) = (8, 8);
    let x = gaussian(400, height * width, &Seed::root(13));
    let k = Array1::from_shape_fn(height * width, |n| {
        let (i, j) = ((n / width) as f64, (n % width) as f64);
        (-0.5 * (((i - 3.0) / 1.5).powi(2) + ((j - 4.0) / 1.5).powi(2))).exp()
    });
    let noise = gaussian(400, 1, &Seed::root(14));
    let y: Vec<f64> = x.dot(&k).iter().zip(noise.column(0)).map(|(a, e)| a + 2.0 * e).collect();
    let fit = |prior| smooth_filter(x.view(), &y, &[height, width], prior).unwrap();
    let error = |f: &Array1<f64>| (f - &k).iter().map(|d| d * d).sum::<f64>() / k.dot(&k);
    let (ridge, smooth, local) = (fit(SmoothPrior::Ridge), fit(SmoothPrior::Smooth), fit(SmoothPrior::Local));
    assert!(smooth.log_evidence > ridge.log_evidence + 5.0 && local.log_evidence > ridge.log_evidence + 5.0);
    assert!(error(&smooth.filter) < 0.5 * error(&ridge.filter), "{} {}", error(&smooth.filter), error(&ridge.filter));
    assert!(error(&local.filter) < 0.7 * error(&ridge.filter), "{}", error(&local.filter));
    // Noise of standard deviation 2.
    assert!((smooth.noise_variance - 4.0).abs() < 1.0, "{}", smooth.noise_variance);
}

/// Coefficients and differences of AIC printed in Kramer & Eden, Case Studies in Neural Data Analysis, chapter 9.
#[test]
fn the_place_cell_of_the_textbook() {
    let package = std::path::PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let path = package.join("../../../../shared/data/neural/kramer_spikes-1_placecell.mat");
    if !path.is_file() {
        eprintln!("skipped: {} is not here", path.display());
        return;
    }
    let file = MatFile::read(&path).unwrap();
    let vector = |name: &str| file.numbers(name).unwrap().iter().copied().collect::<Vec<f64>>();
    let (t, x, spikes) = (vector("t"), vector("X"), vector("spiketimes"));
    let n = t.len();
    let mut counts = vec![0.0; n];
    let (first, last) = (t[0], t[n - 1]);
    spikes.iter().for_each(|s| counts[(((s - first) / (last - first) * n as f64) as usize).min(n - 1)] += 1.0);
    let rising: Vec<f64> = (0..n).map(|k| f64::from(u8::from(k + 1 < n && x[k + 1] > x[k]))).collect();
    let design = |columns: usize| Array2::from_shape_fn((n, columns), |(k, j)| [x[k], x[k] * x[k], rising[k]][j]);
    let models: Vec<_> = (1..=3).map(|c| fit(design(c).view(), &counts, Family::Poisson, None).unwrap()).collect();
    let published: [&[f64]; 3] =
        [&[-7.438887, 0.012943], &[-26.279057, 0.690114, -0.005463], &[-28.870275, 0.688905, -0.005452, 3.275282]];
    for (model, expected) in models.iter().zip(published) {
        let found: Vec<f64> = std::iter::once(model.intercept).chain(model.coefficients.iter().copied()).collect();
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-4 * e.abs(), "{found:?} {expected:?}");
        }
    }
    assert!((models[0].aic() - 3344.790862938608).abs() < 1e-3);
    assert!((models[0].aic() - models[1].aic() - 636.0145006465605).abs() < 1e-3);
    assert!((models[1].aic() - models[2].aic() - 233.8694473933126).abs() < 1e-3, "{}", models[2].aic());
    // A little room: the third model passes where the first is far off.
    let distance = |k: usize| {
        let columns = models[k].coefficients.len();
        time_rescaling(models[k].predict(design(columns).view()).unwrap().as_slice().unwrap(), &counts).unwrap()
    };
    assert!(distance(0).test.statistic > 2.0 * distance(0).bound_95);
    assert!(distance(2).test.statistic < distance(0).test.statistic);
}

#[test]
fn generalised_linear_models_recover_what_was_planted() {
    let x = gaussian(20_000, 3, &Seed::root(15));
    let b = [0.5, -0.3, 0.0];
    let eta: Vec<f64> = x.outer_iter().map(|r| -1.0 + b[0] * r[0] + b[1] * r[1]).collect();
    let poisson = poisson_counts(eta.iter().map(|e| e.exp()), &Seed::root(16));
    let mut stream = Seed::root(17).stream();
    let binary: Vec<f64> =
        eta.iter().map(|e| f64::from(u8::from(stream.random_bool(1.0 / (1.0 + (-e).exp()))))).collect();
    for (family, counts) in [(Family::Poisson, poisson), (Family::Bernoulli, binary)] {
        let model = fit(x.view(), &counts, family, None).unwrap();
        for k in 0..3 {
            assert!((model.coefficients[k] - b[k]).abs() < 4.0 * model.standard_errors[k + 1], "{family:?} {model:?}");
        }
        assert!((model.intercept + 1.0).abs() < 4.0 * model.standard_errors[0]);
        assert!(model.mcfadden_r2() > 0.0);
    }
}

/// Standard errors are those of repeated experiments.
#[test]
fn standard_errors_cover() {
    let x = gaussian(500, 1, &Seed::root(18));
    let mut estimates = Vec::new();
    let mut claimed = Vec::new();
    for draw in 0..200 {
        let counts = poisson_counts(x.column(0).iter().map(|v| (0.4 * v - 0.5).exp()), &Seed::root(19).index(draw));
        let model = fit(x.view(), &counts, Family::Poisson, None).unwrap();
        estimates.push(model.coefficients[0]);
        claimed.push(model.standard_errors[1]);
    }
    let ratio = variance(&estimates, 1).sqrt() / mean(&claimed);
    assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
}
