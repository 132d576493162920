//! The channels of the layer 5b pyramidal cell of Hay et al. 2011 (PLoS Comput Biol 7:e1002107; ModelDB 139653).
//!
//! Rates are scaled by 2.3^((34 - 21) / 10) where the source does so, whatever the temperature.

mod calcium;
mod potassium;
mod sodium;

pub use calcium::{CaHva, CaLva};
pub use potassium::{Ih, Im, KPst, KTst, SkE2, Skv3};
pub use sodium::{NaTa, NaTs2, NapEt2};

/// 2.3^1.3.
const Q: f64 = 2.952_882_641_412_121;

#[cfg(test)]
mod tests {
    use super::super::{Channel, Gate};
    use super::*;

    fn check<const S: usize, const P: usize, C: Channel<S, P>>(rows: &[(f64, &[f64])]) {
        for (v, expected) in rows {
            let gates: [Gate<f64>; S] = C::gates(*v, 5e-5, &[1.0; P]);
            for (gate, pair) in gates.iter().zip(expected.chunks(2)) {
                for (found, wanted) in [gate.limit, 1.0 / gate.rate_per_ms].iter().zip(pair) {
                    assert!((found / wanted - 1.0).abs() < 1e-4, "{} at {v}: {found} {wanted}", C::INFO.name);
                }
            }
        }
    }

    /// simulators.md 2.7: limit and time constant of each gate, given to five digits.
    #[test]
    fn gates_match_the_table_of_the_archived_model() {
        check::<2, 2, CaHva>(&[
            (-80.0, &[2.0254e-6, 0.79275, 0.75029, 429.89]),
            (-50.0, &[0.013617, 4.5665, 0.39821, 415.73]),
            (-20.0, &[0.9252, 2.0223, 0.15078, 286.84]),
        ]);
        check::<2, 2, CaLva>(&[
            (-80.0, &[0.001271, 8.4655, 0.17329, 23.476]),
            (-50.0, &[0.15887, 8.1451, 0.0019267, 15.239]),
            (-20.0, &[0.96555, 2.0145, 1.7779e-5, 7.0029]),
        ]);
        check::<1, 2, Ih>(&[(-80.0, &[0.049223, 55.23]), (-50.0, &[0.002345, 23.413]), (-20.0, &[9.8134e-5, 9.4801])]);
        check::<1, 2, Im>(&[(-80.0, &[0.00012339, 1.1399]), (-50.0, &[0.047426, 21.812]), (-20.0, &[0.95257, 21.812])]);
        check::<2, 2, KPst>(&[
            (-80.0, &[0.0031727, 10.027, 0.8107, 339.66]),
            (-50.0, &[0.037327, 12.879, 0.21879, 394.54]),
            (-20.0, &[0.32082, 6.133, 0.017986, 235.03]),
        ]);
        check::<2, 2, KTst>(&[
            (-80.0, &[0.024502, 0.42661, 0.59869, 19.023]),
            (-50.0, &[0.10859, 0.35154, 0.069138, 4.8271]),
            (-20.0, &[0.37138, 0.22212, 0.0036842, 2.7184]),
        ]);
        check::<2, 2, NaTa>(&[
            (-80.0, &[0.0013366, 0.064879, 0.9116, 1.3275]),
            (-50.0, &[0.16572, 0.16418, 0.064969, 1.2277]),
            (-20.0, &[0.96719, 0.095004, 0.00046796, 0.49034]),
        ]);
        check::<2, 2, NaTs2>(&[
            (-80.0, &[0.00049213, 0.05685, 0.96555, 1.0511]),
            (-50.0, &[0.068098, 0.13435, 0.15887, 1.5403]),
            (-20.0, &[0.91558, 0.12276, 0.001271, 0.56299]),
        ]);
        check::<2, 2, NapEt2>(&[
            (-80.0, &[0.0025822, 0.38928, 0.95771, 1863.5]),
            (-50.0, &[0.63766, 0.98506, 0.52996, 1732.5]),
            (-20.0, &[0.99916, 0.57003, 0.053151, 1038.0]),
        ]);
        check::<1, 2, Skv3>(&[
            (-80.0, &[3.81e-5, 1.2767]),
            (-50.0, &[0.00083899, 1.9221]),
            (-20.0, &[0.018169, 2.5842]),
        ]);
        for (calcium, expected) in [(5e-5, 3.2688e-5), (1e-4, 9.0982e-4), (4.3e-4, 0.5), (1e-3, 0.98289)] {
            let limit: f64 = <SkE2 as Channel<1, 2>>::gates(-60.0, calcium, &[1.0; 2])[0].limit;
            assert!((limit / expected - 1.0).abs() < 1e-4, "{limit}");
        }
    }
}
