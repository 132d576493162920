//! Which neuron sends to which synapse of a copy.
//!
//! Synapses are what dendrites compute with, so they are wired one by one: every synapse of every copy gets one presynaptic neuron, drawn
//! from a population.

use rand::RngExt;
use rand::seq::SliceRandom;
use rheobase_core::Seed;
use rheobase_spiking::network::{Distribution, NetworkDescription};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input_map::excites;
use crate::{Error, Result};

/// Synapses by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SynapseKind {
    /// All.
    #[default]
    All,
    /// Those that excite.
    Excitatory,
    /// Those that inhibit.
    Inhibitory,
}

/// What drives some synapses of every copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseSource {
    /// Population whose neurons send; every synapse draws one of them.
    pub from: String,
    /// Synapses by what they do.
    #[serde(default)]
    pub synapses: SynapseKind,
    /// Only synapses whose name holds this text, such as `dend[3]`.
    #[serde(default)]
    pub at: Option<String>,
    /// Share of these synapses, drawn for each copy among those that no source before has taken; by default all that are left.
    #[serde(default)]
    pub share: Option<f64>,
    /// Time from the spike to the synapse in ms; at least 1, since copies go on by milliseconds.
    pub delay_ms: Distribution,
}

/// A synapse of a copy, and how many steps of the network after the spike it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    pub copy: u32,
    pub input: u32,
    pub delay: u32,
}

impl SynapseSource {
    /// Refuses a share that is none and delays below a millisecond.
    ///
    /// # Errors
    /// Naming the source and the number.
    pub fn check(&self, network: &NetworkDescription) -> Result<()> {
        network.population(&self.from)?;
        let fail = |message: String| Err(Error::Description(format!("synapses driven by {}: {message}", self.from)));
        if let Some(share) = self.share.filter(|s| !(*s > 0.0 && *s <= 1.0)) {
            return fail(format!("a share of {share}; above 0, at most 1"));
        }
        let (least, most) = (self.delay_ms.least(), self.delay_ms.most());
        if !(least >= 1.0 && most <= 1000.0) {
            return fail(format!(
                "delays from {least} to {most} ms; at least 1 ms, since copies go on by milliseconds, at most 1000"
            ));
        }
        Ok(())
    }

    fn holds(&self, name: &str) -> bool {
        let kind = match self.synapses {
            SynapseKind::All => true,
            SynapseKind::Excitatory => excites(name),
            SynapseKind::Inhibitory => !excites(name),
        };
        kind && self.at.as_ref().is_none_or(|text| name.contains(text))
    }
}

/// The targets of every neuron of each source's population.
///
/// # Errors
/// If a source holds no synapse.
pub fn wire(
    sources: &[SynapseSource],
    network: &NetworkDescription,
    population: &str,
    names: &[String],
    seed: &Seed,
) -> Result<Vec<Vec<Vec<Target>>>> {
    let copies = network.population(population)?.1.size;
    let mut targets = Vec::new();
    for source in sources {
        targets.push(vec![vec![]; network.population(&source.from)?.1.size]);
    }
    let classes: Vec<Vec<usize>> =
        sources.iter().map(|s| (0..names.len()).filter(|i| s.holds(&names[*i])).collect()).collect();
    if let Some(k) = classes.iter().position(Vec::is_empty) {
        let (source, example) = (&sources[k], names.first().map_or("", String::as_str));
        return Err(Error::Description(format!(
            "population {population} has no synapse for those driven by {}: of its {} the first is `{example}`",
            source.from,
            names.len()
        )));
    }
    for copy in 0..copies {
        let mut taken = vec![false; names.len()];
        for (k, (source, class)) in sources.iter().zip(&classes).enumerate() {
            let mut stream = seed.index(copy).index(k).stream();
            let mut free: Vec<usize> = class.iter().copied().filter(|i| !taken[*i]).collect();
            free.shuffle(&mut stream);
            if let Some(share) = source.share {
                free.truncate((share * class.len() as f64).round() as usize);
            }
            // A neuron does not drive itself.
            let itself = source.from == population;
            let senders = targets[k].len() - usize::from(itself);
            if senders == 0 {
                let message = format!("population {population} has one neuron, which cannot drive itself");
                return Err(Error::Description(message));
            }
            for input in free {
                taken[input] = true;
                let drawn = stream.random_range(0..senders);
                let sender = drawn + usize::from(itself && drawn >= copy);
                let delay = (source.delay_ms.draw(&mut stream) / network.dt_ms).round() as u32;
                targets[k][sender].push(Target { copy: copy as u32, input: input as u32, delay });
            }
        }
    }
    Ok(targets)
}
