//! Weights that others trained, brought into this crate's shapes.
//!
//! | convention | names | layout |
//! |---|---|---|
//! | own | those of [`Network::shapes`] | the same |
//! | layers | `NAME.weight`, `NAME.bias`, layer after layer, the output last | convolutions (units, units before, taps), the oldest tap first; products (outputs, inputs), as PyTorch has them |
//! | elm-neuron | `_proto_w_s`, `mlp.network.0`, `mlp.network.2`, `w_y` | the published ELM neuron (Spieler et al. 2023) |
//!
//! The published ELM neuron proposes 1.7159 tanh(2 x / 3) where ours proposes tanh(x): its proposals are scaled by 2/3 on their way in, and what
//! reads its memories by 1.7159, which is the same network.

pub mod pytorch;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::network::{Elm, Network, Shape, Tcn};
use crate::{Error, Result};

/// An array of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Name.
    pub name: String,
    /// Lengths of its axes.
    pub dims: Vec<usize>,
    /// Values in row order.
    pub values: Vec<f32>,
}

/// How a file names and lays out its weights.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Convention {
    /// As this workbench writes them.
    #[default]
    Own,
    /// A convolutional network of PyTorch.
    Layers {
        /// Names of the convolutions in order, and of the output, a product or a convolution of one tap.
        names: Vec<String>,
    },
    /// The published ELM neuron.
    ElmNeuron,
}

/// Slope and height of the published neuron's 1.7159 tanh(2 x / 3).
const SLOPE: f32 = 2.0 / 3.0;
const HEIGHT: f32 = 1.7159;

/// A network's parameters from the arrays of a file.
///
/// # Errors
/// If an array is missing or has another shape, with both, or the convention is that of another network.
pub fn weights(network: &Network, arrays: &[Array], convention: &Convention) -> Result<Vec<Vec<f32>>> {
    match (convention, network) {
        (Convention::Own, _) => {
            let own = |shape: &Shape| find(arrays, &shape.name, &[&shape.dims]).map(|array| array.values.clone());
            network.shapes().iter().map(own).collect()
        }
        (Convention::Layers { names }, Network::Tcn(tcn)) => layers(tcn, arrays, names),
        (Convention::ElmNeuron, Network::Elm(elm)) => elm_neuron(elm, arrays),
        (Convention::Layers { .. }, _) => Err(Error::Description(
            "weights by layers are those of a convolutional network: take architecture kind convolutional or filter"
                .into(),
        )),
        (Convention::ElmNeuron, _) => {
            Err(Error::Description("weights of the published ELM neuron need architecture kind leaky-memory".into()))
        }
    }
}

/// An array by name, in one of the shapes that it may have.
fn find<'a>(arrays: &'a [Array], name: &str, shapes: &[&[usize]]) -> Result<&'a Array> {
    let Some(array) = arrays.iter().find(|a| a.name == name) else {
        let known: Vec<&str> = arrays.iter().map(|a| &a.name[..]).collect();
        return Err(Error::Data(format!("the file has no weights `{name}`; it has {}", known.join(", "))));
    };
    if shapes.contains(&&array.dims[..]) {
        return Ok(array);
    }
    Err(Error::Data(format!("weights `{name}` are {:?}, this architecture needs {:?}", array.dims, shapes[0])))
}

/// (rows, columns) turned round.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    (0..columns).flat_map(|c| (0..rows).map(move |r| values[r * columns + c])).collect()
}

fn layers(tcn: &Tcn, arrays: &[Array], names: &[String]) -> Result<Vec<Vec<f32>>> {
    if names.len() != tcn.kernels.len() + 1 {
        return Err(Error::Description(format!(
            "{} names for {} layers and an output",
            names.len(),
            tcn.kernels.len()
        )));
    }
    let width = tcn.width;
    let mut all = Vec::new();
    for (l, (&taps, name)) in tcn.kernels.iter().zip(names).enumerate() {
        let before = if l == 0 { tcn.inputs } else { width };
        let weight = find(arrays, &format!("{name}.weight"), &[&[width, before, taps]])?;
        let value = |unit: usize, from: usize, tap: usize| weight.values[(unit * before + from) * taps + tap];
        let mut own = Vec::with_capacity(weight.values.len());
        if l == 0 {
            for input in 0..before {
                // The last tap is the present.
                (0..taps).for_each(|lag| own.extend((0..width).map(|unit| value(unit, input, taps - 1 - lag))));
            }
        } else {
            for tap in 0..taps {
                (0..before).for_each(|from| own.extend((0..width).map(|unit| value(unit, from, tap))));
            }
        }
        all.push(own);
        all.push(find(arrays, &format!("{name}.bias"), &[&[width]])?.values.clone());
    }
    let name = &names[tcn.kernels.len()];
    let weight = find(arrays, &format!("{name}.weight"), &[&[tcn.heads, width], &[tcn.heads, width, 1]])?;
    all.push(transposed(&weight.values, width));
    all.push(find(arrays, &format!("{name}.bias"), &[&[tcn.heads]])?.values.clone());
    Ok(all)
}

fn elm_neuron(elm: &Elm, arrays: &[Array]) -> Result<Vec<Vec<f32>>> {
    let (h, m, o) = (elm.hidden, elm.memories, elm.heads);
    let fan = elm.branches.map_or(elm.inputs, |b| b.count);
    let synapses = elm.branches.map_or(elm.inputs, |b| b.count * b.synapses);
    check_taus(elm, arrays, fan)?;
    let first = find(arrays, "mlp.network.0.weight", &[&[h, fan + m]])?;
    let turned = transposed(&first.values, fan + m);
    let (input, memory) = turned.split_at(fan * h);
    let scaled = |values: &[f32], by: f32| values.iter().map(|v| v * by).collect::<Vec<f32>>();
    let second = find(arrays, "mlp.network.2.weight", &[&[m, h]])?;
    let output = find(arrays, "w_y.weight", &[&[o, m]])?;
    Ok(vec![
        find(arrays, "_proto_w_s", &[&[synapses]])?.values.clone(),
        input.to_vec(),
        scaled(memory, HEIGHT),
        find(arrays, "mlp.network.0.bias", &[&[h]])?.values.clone(),
        scaled(&transposed(&second.values, h), SLOPE),
        scaled(&find(arrays, "mlp.network.2.bias", &[&[m]])?.values, SLOPE),
        scaled(&transposed(&output.values, m), HEIGHT),
        find(arrays, "w_y.bias", &[&[o]])?.values.clone(),
    ])
}

/// Refuses time constants that are not those of the architecture.
fn check_taus(elm: &Elm, arrays: &[Array], fan: usize) -> Result<()> {
    let far = |found: f64, own: f64| (found - own).abs() > 1e-2 * own;
    if arrays.iter().any(|a| a.name == "_proto_tau_m") {
        let (shortest, longest) = elm.tau_memory_ms;
        let proto = find(arrays, "_proto_tau_m", &[&[elm.memories]])?;
        for (k, (own, proto)) in elm.taus_ms().into_iter().zip(&proto.values).enumerate() {
            let found = (longest - shortest) / (1.0 + (-f64::from(*proto)).exp()) + shortest;
            if far(found, own) {
                return Err(Error::Data(format!(
                    "memory {k} of the file decays with {found:.3} ms, that of the architecture with {own:.3} ms: set \
                     tau_memory_ms, and lambda and uptake, to those it was trained with"
                )));
            }
        }
    }
    if arrays.iter().any(|a| a.name == "tau_b") {
        let traces = find(arrays, "tau_b", &[&[fan]])?;
        if let Some(found) = traces.values.iter().find(|t| far(f64::from(**t), elm.tau_synapse_ms)) {
            let own = elm.tau_synapse_ms;
            return Err(Error::Data(format!(
                "traces of the file decay with {found} ms: set tau_synapse_ms, now {own}"
            )));
        }
    }
    Ok(())
}
