//! Fixed points of the GRU of 128 units that FixedPointFinder's algorithm was run on in PyTorch, if its weights lie beside the
//! project: everything found there, nothing else, and q at every returned point.
#![allow(clippy::print_stderr)]

use ndarray::{Array1, Array2, ArrayD, Ix2};
use rheobase_core::Silent;
use rheobase_fixed_point::{Linearisation, Search};
use rheobase_rate::recurrent::{Cell, FrozenNetwork, RecurrentNetwork, Wiring};

fn trained() -> Option<(FrozenNetwork, Array2<f64>)> {
    let path = format!("{}/../../../../shared/peers/results/w6_fp_gru128.npz", env!("CARGO_MANIFEST_DIR"));
    let Ok(bytes) = std::fs::read(&path) else {
        eprintln!("skipped: no trained GRU beside the project");
        return None;
    };
    let arrays = rheobase_data::npy::read_npz("w6_fp_gru128.npz", &bytes).unwrap();
    let matrix = |name: &str| arrays[name].clone().into_dimensionality::<Ix2>().unwrap();
    let list = |a: &ArrayD<f64>| a.iter().copied().collect::<Vec<f64>>();
    let n = 128;
    let turned = |name: &str| {
        let mut values: Vec<f64> = matrix(name).t().as_standard_layout().iter().copied().collect();
        // PyTorch's update gate says how much of the old state stays, ours how much is new.
        values.chunks_exact_mut(3 * n).for_each(|row| row[n..2 * n].iter_mut().for_each(|w| *w = -*w));
        values
    };
    let (b_in, b_rec) = (list(&arrays["bias_ih_l0"]), list(&arrays["bias_hh_l0"]));
    let bias = (0..3 * n).map(|c| if c < 2 * n { b_in[c] + b_rec[c] } else { b_in[c] });
    let bias = bias.enumerate().map(|(c, b)| if (n..2 * n).contains(&c) { -b } else { b }).collect();
    let output: Vec<f64> = matrix("out_weight").t().as_standard_layout().iter().copied().collect();
    let network = RecurrentNetwork {
        cell: Cell::Gru,
        inputs: 3,
        units: n,
        outputs: 3,
        bottleneck: 0,
        encoder: 0,
        wiring: Wiring::Free,
        masked: false,
        noise_sd: 0.0,
    };
    let parameters = [
        turned("weight_ih_l0"),
        turned("weight_hh_l0"),
        bias,
        b_rec[2 * n..].to_vec(),
        output,
        list(&arrays["out_bias"]),
        vec![0.0; n],
    ];
    Some((FrozenNetwork::from_wide(&network, &parameters), matrix("init_states")))
}

#[test]
fn a_trained_gru_has_its_eight_memories_and_the_saddles_between() {
    let Some((gru, starts)) = trained() else { return };
    let zero = Array1::zeros(3);
    let search = Search { threads: 2, ..Search::default() };
    let clock = std::time::Instant::now();
    let found = search.run(&gru, starts.view(), zero.view(), &Silent).unwrap();
    let seconds = clock.elapsed().as_secs_f64();
    let mut by_index = [0; 4];
    let mut corners = std::collections::BTreeSet::new();
    for p in &found.fixed {
        assert!(p.q <= 1e-20);
        let linear = Linearisation::at(&gru, p.state.view(), zero.view()).unwrap();
        by_index[linear.index().min(3)] += 1;
        if linear.is_stable() {
            let y = gru.read_out(p.state.view());
            assert!(y.iter().all(|v| (v.abs() - 1.0).abs() < 0.02), "{y}");
            corners.insert(y.iter().map(|v| *v > 0.0).collect::<Vec<_>>());
        }
    }
    eprintln!(
        "{} points, by growing directions {by_index:?}, {} of 1024 starts, {seconds:.2} s",
        found.fixed.len(),
        found.converged
    );
    // PyTorch: 8 stable points and 11 saddles of index 1 from the same starts.
    assert_eq!((by_index[0], corners.len()), (8, 8));
    assert!(by_index[1] >= 11, "{by_index:?}");
}
