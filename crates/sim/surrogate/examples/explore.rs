use rheobase_core::{Seed, Silent};
use rheobase_dendrite::morphology::star;
use rheobase_dendrite::synapse::Receptor;
use rheobase_dendrite::{Cell, Discretisation, Settings};
use rheobase_rate::training::NoCheckpoints;
use rheobase_surrogate::data::*;
use rheobase_surrogate::loss::Loss;
use rheobase_surrogate::network::*;
use rheobase_surrogate::training::{Steps, Surroundings, Training};
use std::time::Instant;

fn tree(nmda: bool, arms: usize, gmax: f64, ratio: f64, gaba: f64) -> CellTeacher {
    let mut cell = Cell::new(star(f("SOMA", 30.0), arms, f("LEN", 300.0), f("DIA", 1.6)).unwrap(), Discretisation::Fixed { count: 3 }).unwrap();
    cell.set_cable("all", &[("ra_ohm_cm", 150.0.into()), ("g_leak_s_per_cm2", 6.6667e-5.into()), ("e_leak_mv", f("EL", -75.0).into())]).unwrap();
    if std::env::var("HH").is_ok() {
        cell.insert("soma", "hodgkin-huxley", &[]).unwrap();
    } else {
        cell.insert("soma", "hay-na-ta", &[("g_s_per_cm2", 2.0.into())]).unwrap();
        cell.insert("soma", "hay-skv3-1", &[("g_s_per_cm2", 0.5.into())]).unwrap();
        cell.insert("soma", "hay-im", &[("g_s_per_cm2", 0.01.into())]).unwrap();
    }
    let mut inputs = vec![];
    for arm in 0..arms {
        for k in 0..200 / arms {
            let excites = k % 5 != 4;
            let x = [0.17, 0.5, 0.83][k % 3];
            let at = cell.at(&format!("dend[{arm}]({x})")).unwrap();
            let receptors = if excites {
                let mut r = vec![Receptor::ampa(gmax)];
                if nmda { r.push(Receptor::nmda(gmax * ratio)); }
                r
            } else { vec![Receptor::gaba_a(gaba)] };
            inputs.push(PlacedInput { compartment: at, receptors, excites, group: if std::env::var("ONEGROUP").is_ok() {0} else {arm}, share: 1.0 });
        }
    }
    let soma = cell.at("soma(0.5)").unwrap();
    CellTeacher { cell, inputs, soma, threshold_mv: -10.0, settings: Settings { lanes: 8, v_init_mv: f("EL", -75.0), dt_ms: 0.05, ..Settings::default() } }
}

fn f(name: &str, default: f64) -> f64 { std::env::var(name).ok().map_or(default, |v| v.parse().unwrap()) }

fn main() {
    let threads = 2;
    let which = std::env::args().nth(1).unwrap();
    let seed = Seed::root(f("SEED", 1.0) as u64);
    let (data, train, label) = if which == "lif" {
        let t = Instant::now();
        let data = generate(&LeakyNeuron::published(), &Protocol::leaky(), 150, &seed.child("data"), threads, &Silent, &NoChunks).unwrap();
        println!("generated in {:?}", t.elapsed());
        (data, 120, "lif")
    } else {
        let nmda = which == "nmda";
        let arms = f("ARMS", 10.0) as usize;
        let groups = if std::env::var("ONEGROUP").is_ok() {1.0} else {arms as f64};
        let emax = f("EMAX", 40.0) / groups * 10.0 / 10.0 ;
        let protocol = Protocol { duration_ms: 3000, excitatory_per_100_ms: [0.0, emax], inhibitory_difference: [-f("DLO", 0.75) * emax, f("DHI", 0.25) * emax], hold_ms: [25.0, 200.0], smoothing_ms: [20.0, 100.0], input_factor: [0.5, 1.5], modulation: true };
        let t = Instant::now();
        let teacher = tree(nmda, arms, f("G", 0.4), f("RATIO", 1.0), f("GABA", 1.0));
        let n = f("TRAIN", 24.0) as usize;
        let data = generate(&teacher, &protocol, n + 8, &seed.child("data"), threads, &Silent, &NoChunks).unwrap();
        println!("generated {} s in {:?}", 3 * (n + 8), t.elapsed());
        (data, n, "tree")
    };
    let spikes: usize = data.trials.iter().map(|t| t.response.spikes.len()).sum();
    let ms: usize = data.trials.iter().map(|t| t.input.steps()).sum();
    let ins: usize = data.trials.iter().map(|t| t.input.len()).sum();
    let v: Vec<f64> = data.trials.iter().flat_map(|t| t.response.voltage_mv.iter().map(|v| f64::from(*v).min(-55.0))).collect();
    println!("{label} rate {:.2} Hz, input {:.2} spikes/ms, mean v {:.1} sd {:.2}", 1e3 * spikes as f64 / ms as f64, ins as f64 / ms as f64, rheobase_core::statistics::mean(&v), rheobase_core::statistics::variance(&v, 1).sqrt());
    let inputs = data.input_names.len();
    let iterations = f("ITER", 600.0) as usize;
    let mut nets: Vec<(String, Network)> = vec![];
    let tcn = |kernels: Vec<usize>, width, activation| Network::Tcn(Tcn { inputs, width, kernels, activation, heads: 2 });
    for net in std::env::args().skip(2) {
        let n = match net.as_str() {
            "glm" => tcn(vec![80], 1, Activation::Linear),
            "d1" => tcn(vec![80], 32, Activation::LeakyRelu),
            "d2" => tcn(vec![41, 40], 32, Activation::LeakyRelu),
            "d3" => tcn(vec![40, 21, 21], 32, Activation::LeakyRelu),
            "d5" => tcn(vec![20, 16, 16, 16, 16], 32, Activation::LeakyRelu),
            m => { let memories = m[3..].parse().unwrap(); Network::Elm(Elm { inputs, signs: vec![], memories, hidden: 2 * memories, branches: None, tau_synapse_ms: 5.0, tau_memory_ms: (1.0, f("TAU", 150.0)), lambda: 5.0, uptake: Uptake::Linear, heads: 2 }) }
        };
        nets.push((net, n));
    }
    for (name, network) in nets {
        let training = Training { iterations, batch: f("BATCH", 8.0) as usize, window_ms: 500, rate: f("RATE", 1e-3), final_rate: 1e-5, optimizer: Steps::Adam, loss: Loss { voltage_weight: f("VW", 0.02), burn_in: 150, ..Loss::default() }, clip_mv: -55.0, weight_decay: f("DECAY", 0.0), report_every: iterations };
        let t = Instant::now();
        let count = network.parameter_count();
        let (s, history) = training.run(network, &data, train, Surroundings { seed: seed.child("train"), threads, progress: &Silent, checkpoints: &mut NoCheckpoints }).unwrap();
        let took = t.elapsed();
        let e = s.evaluate(&data, train..data.trials.len(), threads).unwrap();
        let tr = s.evaluate(&data, 0..train, threads).unwrap();
        println!("{name} {count}: loss {:.5} AUC {:.4} (se {:.4}) train {:.4} tp {:.3} V {:.3} calib {:.5} in {:?}", history.last().unwrap().train_loss.unwrap(), e.spikes.auc, e.spikes.auc_standard_error, tr.spikes.auc, e.spikes.true_positives, e.voltage_explained, e.calibration_error, took);
        if name == "glm" {
            let w = &s.weights[0];
            let mean = |r: std::ops::Range<usize>, lag: usize| r.clone().map(|i| f64::from(w[i * 80 + lag]) * f64::from(s.weights[2][0])).sum::<f64>() / r.len() as f64;
            for lag in [0, 5, 10, 20, 40, 79] { println!("  lag {lag} exc {:.3} inh {:.3}", mean(0..80, lag), mean(80..100, lag)); }
        }
    }
}
