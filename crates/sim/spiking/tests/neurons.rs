//! Single neurons against published spike counts and closed forms (systems.md B1, B2).

use rheobase_spiking::neuron::{Adaptive, Izhikevich2003, Izhikevich2007, Lif, Neuron};

fn pulses([first, second]: [f64; 2]) -> impl Fn(f64) -> f64 {
    move |t| match t {
        50.0..200.0 => first,
        250.0..400.0 => second,
        _ => 0.0,
    }
}

fn intervals(times: &[f64]) -> Vec<f64> {
    times.windows(2).map(|w| w[1] - w[0]).collect()
}

#[test]
fn the_leaky_neuron_fires_at_its_closed_form() {
    let lif =
        Lif { tau_ms: 10.0, rest_mv: -60.0, threshold_mv: -40.0, reset_mv: -65.0, refractory_ms: 2.0, drive_mv: 0.0 };
    for (lif, input, rate) in [
        (lif, 25.0, 50.2),
        (lif, 50.0, 124.0),
        (Lif { reset_mv: -60.0, ..lif }, 25.0, 55.3),
        (Lif { reset_mv: -60.0, ..lif }, 50.0, 140.7),
    ] {
        assert!((lif.rate_hz(input) / rate - 1.0).abs() < 0.01);
        // Steps of .01 ms delay a spike by half a step on average.
        let spikes = Neuron::Lif(lif).respond(0.01, 5000.0, |_| input);
        let simulated = 1000.0 * (spikes.len() - 1) as f64 / (spikes[spikes.len() - 1] - spikes[0]);
        assert!((simulated / lif.rate_hz(input) - 1.0).abs() < 0.002, "{simulated}");
    }
    assert_eq!(lif.rate_hz(20.0), 0.0);
    assert!(lif.rate_hz(20.001) > 0.0);
}

#[test]
fn izhikevich_2007_cells_spike_as_published() {
    let regular = Izhikevich2007::default();
    let bursting = Izhikevich2007 {
        c_pf: 150.0,
        k: 1.2,
        rest_mv: -75.0,
        threshold_mv: -45.0,
        peak_mv: 50.0,
        a: 0.01,
        b: 5.0,
        reset_mv: -56.0,
        d_pa: 130.0,
    };
    let chattering = Izhikevich2007 { c_pf: 50.0, k: 1.5, b: 1.0, reset_mv: -40.0, d_pa: 150.0, ..regular };
    for (neuron, currents, counts) in [
        (regular, [150.0, 300.0], [4_usize, 8]),
        (bursting, [500.0, 700.0], [3, 5]),
        (chattering, [500.0, 700.0], [13, 20]),
    ] {
        let spikes = Neuron::Izhikevich2007(neuron).respond(0.01, 450.0, pulses(currents));
        let first: Vec<f64> = spikes.iter().copied().filter(|t| *t < 225.0).collect();
        let second: Vec<f64> = spikes.iter().copied().filter(|t| *t >= 225.0).collect();
        assert!(first.len().abs_diff(counts[0]) <= 1 && second.len().abs_diff(counts[1]) <= 1, "{neuron:?} {spikes:?}");
        if neuron == regular {
            let (slow, fast) = (intervals(&first), intervals(&second));
            assert!((slow[0] - 32.3).abs() < 0.1 && (slow[1] - 41.1).abs() < 0.1, "{slow:?}");
            assert!((fast[0] - 13.6).abs() < 0.1 && (fast[1] - 16.0).abs() < 0.1, "{fast:?}");
        }
    }
}

#[test]
fn izhikevich_2003_cells_spike_as_published() {
    let n = |a, b, c, d| Neuron::Izhikevich2003(Izhikevich2003 { a, b, c, d });
    for (neuron, count) in [
        (n(0.02, 0.2, -65.0, 8.0), 23),
        (n(0.02, 0.2, -55.0, 4.0), 34),
        (n(0.02, 0.2, -50.0, 2.0), 87),
        (n(0.1, 0.2, -65.0, 2.0), 131),
        (n(0.02, 0.25, -65.0, 2.0), 77),
    ] {
        let found = neuron.respond(0.05, 1000.0, |_| 10.0).len() as f64;
        let tolerance = if count > 50 { 0.03 * f64::from(count) } else { 1.0 };
        assert!((found - f64::from(count)).abs() <= tolerance, "{neuron:?}: {found}");
    }
}

#[test]
fn the_adaptive_neuron_adapts() {
    let spikes = Neuron::Adaptive(Adaptive::default()).respond(0.01, 1000.0, |_| 1000.0);
    let gaps = intervals(&spikes);
    // Adaptation index: mean of (next - this) / (next + this).
    let index = gaps.windows(2).map(|w| (w[1] - w[0]) / (w[1] + w[0])).sum::<f64>() / (gaps.len() - 1) as f64;
    let (first, last) = (gaps[0], gaps[gaps.len() - 1]);
    assert!(gaps.len() > 5 && (last - first) / (last + first) > 0.1, "{gaps:?} {index}");
    let without = Adaptive { a_ns: 0.0, b_pa: 0.0, ..Adaptive::default() };
    let even = intervals(&Neuron::Adaptive(without).respond(0.01, 1000.0, |_| 1000.0));
    assert!((even[1] - even[even.len() - 1]).abs() < 0.05);
}
