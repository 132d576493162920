//! Voltages along the dendrites as a few numbers: principal components of the places that were recorded (Beniaguev et al. 2021).
//!
//! v(place) = mean(place) + sum over k of s c_k axis_k(place). The axes are orthonormal, in the order of their variance; s is the standard
//! deviation along the first, so that squared errors of the c_k together are the variance of voltage that is missed. Nothing is clipped.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::data::Dataset;
use crate::{Error, Result};

/// Principal components of dendritic voltages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DendriteBasis {
    /// Where voltages were recorded.
    pub places: Vec<String>,
    /// Mean voltage of each place in mV.
    pub mean_mv: Vec<f64>,
    /// Axes (components, places), orthonormal.
    pub axes: Vec<Vec<f64>>,
    /// Standard deviation along the first axis in mV: the unit of the components.
    pub scale_mv: f64,
    /// Share of the variance that each axis has.
    pub shares: Vec<f64>,
}

/// How well dendritic voltages are predicted, as shares of their variance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DendriteFit {
    /// Of all places together.
    pub explained: f64,
    /// What the components could explain at best.
    pub ceiling: f64,
    /// Of each place.
    pub places: Vec<f64>,
}

impl DendriteBasis {
    /// The first components of the voltages of the first trials.
    ///
    /// # Errors
    /// If voltages were not recorded, at fewer places than there are to be components, or do not vary.
    pub fn fitted(data: &Dataset, trials: usize, components: usize) -> Result<Self> {
        let places = data.dendrite_names.len();
        if places < components {
            let problem =
                if places == 0 { "no dendritic voltages".into() } else { format!("voltages of {places} places") };
            return Err(Error::Data(format!(
                "{components} dendritic components of trials with {problem}: name at least {components} places in `dendrites` of the trials"
            )));
        }
        let rows = || data.trials[..trials].iter().flat_map(|t| t.response.dendrites_mv.chunks_exact(places));
        let count = rows().count() as f64;
        let mut mean_mv = vec![0.0; places];
        rows().for_each(|row| mean_mv.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / count));
        let mut covariance = Array2::zeros((places, places));
        for trial in &data.trials[..trials] {
            let values = trial.response.dendrites_mv.chunks_exact(places);
            let centred = values.flat_map(|row| row.iter().zip(&mean_mv).map(|(v, m)| f64::from(*v) - m)).collect();
            let centred = Array2::from_shape_vec((trial.response.dendrites_mv.len() / places, places), centred);
            let centred = centred.map_err(|e| Error::Data(e.to_string()))?;
            covariance += &(rheobase_linalg::gram(centred.view()) / count);
        }
        let found = rheobase_linalg::eigh(covariance.view()).map_err(|e| Error::Data(e.to_string()))?;
        let total: f64 = found.values.iter().sum();
        // Voltages are single: what is below their resolution is rounding.
        if total.is_nan() || total < 1e-9 {
            return Err(Error::Data(format!("the voltages of {places} dendritic places do not vary")));
        }
        let axis = |k: usize| found.vectors.column(k).to_vec();
        Ok(Self {
            places: data.dendrite_names.clone(),
            axes: (0..components).map(axis).collect(),
            scale_mv: found.values[0].sqrt(),
            shares: (0..components).map(|k| found.values[k].max(0.0) / total).collect(),
            mean_mv,
        })
    }

    /// The components of one millisecond's voltages.
    pub fn components<'a>(&'a self, voltages_mv: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.axes.iter().map(move |axis| {
            let along = axis.iter().zip(voltages_mv).zip(&self.mean_mv).map(|((a, v), m)| a * (f64::from(*v) - m));
            (along.sum::<f64>() / self.scale_mv) as f32
        })
    }

    /// Voltages in mV of components.
    pub fn voltages_mv(&self, components: &[f32]) -> Vec<f64> {
        let mut voltages = self.mean_mv.clone();
        for (axis, c) in self.axes.iter().zip(components) {
            voltages.iter_mut().zip(axis).for_each(|(v, a)| *v += self.scale_mv * f64::from(*c) * a);
        }
        voltages
    }

    /// How well predicted components (milliseconds, components) give voltages (milliseconds, places) in mV.
    pub fn fit<'a>(&self, pairs: impl Iterator<Item = (&'a [f32], &'a [f32])>) -> DendriteFit {
        let places = self.places.len();
        let (mut count, mut sums, mut squares) = (0.0, vec![0.0; places], vec![0.0; places]);
        let (mut missed, mut beyond) = (vec![0.0; places], 0.0);
        for (components, voltages) in pairs {
            let best: Vec<f32> = self.components(voltages).collect();
            let (said, best) = (self.voltages_mv(components), self.voltages_mv(&best));
            count += 1.0;
            for (k, v) in voltages.iter().enumerate() {
                let v = f64::from(*v);
                // From the training mean, so that squares do not cancel.
                let deviation = v - self.mean_mv[k];
                sums[k] += deviation;
                squares[k] += deviation * deviation;
                missed[k] += (v - said[k]).powi(2);
                beyond += (v - best[k]).powi(2);
            }
        }
        let variances: Vec<f64> = sums.iter().zip(&squares).map(|(s, q)| q - s * s / count).collect();
        let all = variances.iter().sum::<f64>();
        DendriteFit {
            explained: 1.0 - missed.iter().sum::<f64>() / all,
            ceiling: 1.0 - beyond / all,
            places: missed.iter().zip(&variances).map(|(miss, variance)| 1.0 - miss / variance).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Response, Trial};
    use crate::spikes::InputSpikes;

    /// Five places that follow two sources, the first three times as strong.
    fn data() -> Dataset {
        let mix = [[3.0, 0.0], [3.0, 0.5], [3.0, -0.5], [0.0, 1.0], [0.0, 1.0]];
        let trial = |k: usize| {
            let sources = (0..400).map(|t| [(0.3 * (t + 7 * k) as f64).sin(), (0.17 * (t + 3 * k) as f64).cos()]);
            let dendrites_mv = sources.flat_map(|s| mix.map(|m| (-60.0 + m[0] * s[0] + m[1] * s[1]) as f32)).collect();
            let response = Response { dendrites_mv, ..Response::default() };
            Trial { input: InputSpikes::new(1, 400, vec![]).unwrap(), response }
        };
        let dendrite_names = (0..5).map(|k| format!("place {k}")).collect();
        Dataset { input_names: vec!["one".into()], dendrite_names, trials: (0..3).map(trial).collect() }
    }

    #[test]
    fn two_sources_are_two_components_and_come_back() {
        let data = data();
        let basis = DendriteBasis::fitted(&data, 3, 2).unwrap();
        assert!((basis.shares.iter().sum::<f64>() - 1.0).abs() < 1e-6 && basis.shares[0] > basis.shares[1]);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert!(
            dot(&basis.axes[0], &basis.axes[1]).abs() < 1e-12
                && (dot(&basis.axes[0], &basis.axes[0]) - 1.0).abs() < 1e-12
        );
        let voltages: Vec<&[f32]> = data.trials.iter().flat_map(|t| t.response.dendrites_mv.chunks_exact(5)).collect();
        let components: Vec<Vec<f32>> = voltages.iter().map(|v| basis.components(v).collect()).collect();
        let unit = components.iter().map(|c| f64::from(c[0]).powi(2)).sum::<f64>() / components.len() as f64;
        assert!((unit - 1.0).abs() < 1e-5, "the first component has unit variance: {unit}");
        for (v, c) in voltages.iter().zip(&components) {
            basis.voltages_mv(c).iter().zip(*v).for_each(|(a, b)| assert!((a - f64::from(*b)).abs() < 1e-4));
        }
        let pairs = || components.iter().map(Vec::as_slice).zip(voltages.iter().copied());
        let fit = basis.fit(pairs());
        assert!(fit.explained > 1.0 - 1e-8 && fit.places.iter().all(|p| *p > 1.0 - 1e-6), "{fit:?}");
        // One component leaves out the second source; saying nothing explains nothing.
        let first = DendriteBasis::fitted(&data, 3, 1).unwrap();
        let fit = first.fit(components.iter().map(|c| &c[..1]).zip(voltages.iter().copied()));
        assert!(
            (fit.explained - basis.shares[0]).abs() < 1e-6 && (fit.ceiling - basis.shares[0]).abs() < 1e-6,
            "{fit:?}"
        );
        assert!(basis.fit(voltages.iter().map(|v| (&[0.0, 0.0][..], *v))).explained.abs() < 1e-6);
    }

    #[test]
    fn too_few_places_and_constant_voltages_are_refused() {
        let said = |data: &Dataset, k| DendriteBasis::fitted(data, 3, k).unwrap_err().to_string();
        let mut data = data();
        assert!(said(&data, 6).contains("voltages of 5 places"));
        data.trials.iter_mut().for_each(|t| t.response.dendrites_mv.fill(-60.0));
        assert!(said(&data, 2).contains("do not vary"));
        data.dendrite_names.clear();
        assert!(said(&data, 2).contains("no dendritic voltages"));
    }
}
