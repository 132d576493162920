//! Planted filters and functions are recovered to the accuracy that theory promises.

use ndarray::{Array2, Axis, array, s};
use rand_distr::{Distribution, StandardUniform};
use rheobase_core::Seed;
use rheobase_receptive_field::Error;
use rheobase_receptive_field::gabor::{Gabor, fit_gabor};
use rheobase_receptive_field::sta::{Variant, embed_lags, filter_cosine, spike_triggered_average};
use rheobase_receptive_field::stimuli::white_noise;

fn planted_filter(n: usize) -> Vec<f64> {
    let k: Vec<f64> = (0..n).map(|i| (i as f64 * 0.9).sin() * (-((i as f64 - 8.0) / 5.0).powi(2)).exp()).collect();
    let norm = k.iter().map(|v| v * v).sum::<f64>().sqrt();
    k.iter().map(|v| v / norm).collect()
}

/// Bernoulli spikes with probability sigmoid(3 k x - 3), the model of systems.md F1.
fn spikes(frames: &Array2<f64>, k: &[f64], seed: &Seed) -> Array2<f64> {
    let drive = frames.dot(&ndarray::ArrayView1::from(k));
    let mut stream = seed.stream();
    drive
        .mapv(|d| {
            let u: f64 = StandardUniform.sample(&mut stream);
            f64::from(u8::from(u < 1.0 / (1.0 + (3.0 - 3.0 * d).exp())))
        })
        .insert_axis(Axis(1))
}

#[test]
fn sta_of_a_sigmoid_neuron_points_along_its_filter() {
    let seed = Seed::root(1);
    let stimulus = white_noise(200_000, [1, 20], 1.0, &seed.child("noise")).unwrap();
    let k = planted_filter(20);
    let y = spikes(stimulus.frames(), &k, &seed.child("spikes"));
    let sta = spike_triggered_average(stimulus.frames().view(), y.view(), 1, Variant::Plain).unwrap();
    let cosine = filter_cosine(sta.filters.row(0).as_slice().unwrap(), &k).unwrap();
    assert!(cosine >= 0.99, "{cosine}");
    assert_eq!(sta.effective_n[0], y.sum());
    // The confidence map calls the strongest pixel certain and leaves pixels without weight within noise.
    let strongest = k.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).unwrap().0;
    assert!(sta.z[[0, strongest]].abs() > 50.0);
    assert!(sta.z[[0, 19]].abs() < 4.5, "{}", sta.z[[0, 19]]);
}

#[test]
fn correlated_stimuli_need_whitening() {
    let seed = Seed::root(2);
    let white = white_noise(100_000, [1, 20], 1.0, &seed.child("noise")).unwrap();
    // Neighbouring pixels share noise, so the covariance is far from the identity.
    let mut frames = white.frames().clone();
    for pixel in 1..20 {
        let previous = frames.column(pixel - 1).to_owned();
        frames.column_mut(pixel).zip_mut_with(&previous, |v, p| *v = 0.8 * p + 0.6 * *v);
    }
    let k = planted_filter(20);
    let y = spikes(&frames, &k, &seed.child("spikes"));
    let cosine = |variant| {
        let sta = spike_triggered_average(frames.view(), y.view(), 1, variant).unwrap();
        filter_cosine(sta.filters.row(0).as_slice().unwrap(), &k).unwrap()
    };
    assert!(cosine(Variant::Plain) < 0.95, "{}", cosine(Variant::Plain));
    // Bussgang: the whitened STA is proportional to k for Gaussian stimuli.
    assert!(cosine(Variant::Whitened) > 0.995, "{}", cosine(Variant::Whitened));
    assert!(cosine(Variant::Ridge { relative: 1e-3 }) > 0.99);
}

#[test]
fn one_spike_after_an_impulse_returns_that_frame_at_its_lag() {
    let mut frames = Array2::zeros((12, 3));
    frames[[4, 1]] = 12.0;
    let mut y = Array2::zeros((12, 1));
    y[[6, 0]] = 1.0;
    let sta = spike_triggered_average(frames.view(), y.view(), 4, Variant::Plain).unwrap();
    // Lag 2, feature 1; the mean (1) is subtracted everywhere in that feature.
    assert_eq!(sta.filters[[0, 2 * 3 + 1]], 11.0);
    assert_eq!(sta.filters.slice(s![0, 0..3]), array![0.0, -1.0, 0.0]);
}

#[test]
fn spikes_before_the_first_full_window_do_not_count() {
    let frames = Array2::from_shape_fn((10, 2), |(t, f)| ((t * 3 + f) as f64).sin());
    let mut y = Array2::zeros((10, 1));
    y[[1, 0]] = 5.0;
    y[[7, 0]] = 1.0;
    let sta = spike_triggered_average(frames.view(), y.view(), 3, Variant::Plain).unwrap();
    assert_eq!(sta.total_response[0], 1.0);
    assert_eq!(sta.frames, 8);
    let embedded = embed_lags(frames.view(), 3);
    assert_eq!(sta.filters.row(0), embedded.row(5));
}

#[test]
fn bad_recordings_are_named() {
    let frames = Array2::zeros((10, 2));
    assert_eq!(
        spike_triggered_average(frames.view(), Array2::zeros((9, 1)).view(), 1, Variant::Plain).unwrap_err(),
        Error::LengthMismatch { frames: 10, responses: 9 }
    );
    assert!(matches!(
        spike_triggered_average(frames.view(), Array2::from_elem((10, 1), -1.0).view(), 1, Variant::Plain).unwrap_err(),
        Error::NegativeResponse { unit: 0, .. }
    ));
    assert_eq!(
        spike_triggered_average(frames.view(), Array2::zeros((10, 1)).view(), 10, Variant::Plain).unwrap_err(),
        Error::TooShort { frames: 10, lags: 10 }
    );
    // A stimulus that never varies cannot be whitened.
    assert!(matches!(
        spike_triggered_average(frames.view(), Array2::ones((10, 1)).view(), 1, Variant::Whitened).unwrap_err(),
        Error::Covariance(_)
    ));
}

#[test]
fn gabor_fit_recovers_planted_parameters_within_five_per_cent() {
    for (index, theta_deg) in [0.0_f64, 31.0, 90.0, 145.0].into_iter().enumerate() {
        let planted = Gabor {
            amplitude: 0.02,
            x_px: 1.3 - index as f64,
            y_px: -0.8,
            sigma_x_px: 2.0,
            sigma_y_px: 3.1,
            theta_rad: theta_deg.to_radians(),
            frequency_cycles_per_px: 0.17,
            phase_rad: 0.9,
            offset: 0.001,
        };
        let mut image = planted.image(16, 16);
        let mut stream = Seed::root(3).index(index).stream();
        // Noise of 5 % of the amplitude.
        image.mapv_inplace(|v| {
            let u: f64 = StandardUniform.sample(&mut stream);
            v + 0.02 * 0.05 * (u - 0.5) * 12.0_f64.sqrt()
        });
        let fit = fit_gabor(image.view()).unwrap();
        let g = fit.gabor;
        // 256 pixels of noise variance (0.05 A)^2 against a signal energy of A^2 pi sx sy / 2 = 9.7 A^2 leave an R^2 of 0.94,
        // +- 0.01 from sampling.
        assert!(fit.r_squared > 0.92, "{fit:?}");
        for (found, expected) in [
            (g.sigma_x_px, planted.sigma_x_px),
            (g.sigma_y_px, planted.sigma_y_px),
            (g.frequency_cycles_per_px, planted.frequency_cycles_per_px),
            (g.amplitude, planted.amplitude),
        ] {
            assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected} {fit:?}");
        }
        let angle = (g.theta_rad - planted.theta_rad).rem_euclid(std::f64::consts::PI);
        assert!(angle.min(std::f64::consts::PI - angle) < 0.05, "{fit:?}");
        assert!((g.x_px - planted.x_px).hypot(g.y_px - planted.y_px) < 0.3);
    }
}

#[test]
fn gabor_fit_of_white_noise_is_poor_and_of_a_constant_is_refused() {
    let noise = white_noise(1, [16, 16], 1.0, &Seed::root(4)).unwrap();
    let image = noise.frames().clone().into_shape_with_order((16, 16)).unwrap();
    assert!(fit_gabor(image.view()).unwrap().r_squared < 0.3);
    assert!(matches!(fit_gabor(Array2::from_elem((8, 8), 0.1).view()).unwrap_err(), Error::BadImage(_)));
    assert!(fit_gabor(Array2::zeros((3, 8)).view()).is_err());
}

#[test]
fn bandwidth_of_a_gabor_matches_its_spectrum() {
    let gabor = Gabor {
        amplitude: 1.0,
        x_px: 0.0,
        y_px: 0.0,
        sigma_x_px: 2.5,
        sigma_y_px: 2.5,
        theta_rad: 0.0,
        frequency_cycles_per_px: 0.2,
        phase_rad: 0.0,
        offset: 0.0,
    };
    // The transfer function is a Gaussian of sd 1 / (2 pi sigma) around f; half height at +- 1.17741 sd.
    let sd = 1.0 / (2.0 * std::f64::consts::PI * 2.5);
    let expected = ((0.2 + 1.177_410_022_5 * sd) / (0.2 - 1.177_410_022_5 * sd)).log2();
    assert!((gabor.bandwidth_octaves().unwrap() - expected).abs() < 1e-9);
    assert!((gabor.n_x() - 0.5).abs() < 1e-12);
    assert_eq!(gabor.orientation_deg(), 90.0);
    assert_eq!(Gabor { sigma_x_px: 0.5, ..gabor }.bandwidth_octaves(), None);
}
