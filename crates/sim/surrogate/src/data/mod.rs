//! What surrogates learn from: input spikes and what a neuron did with them.

pub mod cell;
pub mod encoding;
pub mod leaky;
pub mod protocol;
pub mod teacher;

use rheobase_core::{Progress, Seed, parallel};
use serde::{Deserialize, Serialize};

pub use cell::{CellTeacher, PlacedInput};
pub use leaky::LeakyNeuron;
pub use protocol::{Group, Protocol};
pub use teacher::{Response, Teacher};

use crate::Result;
use crate::spikes::InputSpikes;

/// A trial: what went in and what came out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trial {
    /// Input spikes.
    pub input: InputSpikes,
    /// What the neuron did.
    pub response: Response,
}

/// Trials of one neuron.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Dataset {
    /// What each input is.
    pub input_names: Vec<String>,
    /// Dendritic places whose voltages are in the responses.
    pub dendrite_names: Vec<String>,
    /// Trials of equal length.
    pub trials: Vec<Trial>,
}

/// Where finished chunks of trials go, so that a killed generation goes on where it was.
pub trait ChunkStore: Sync {
    /// The trials of a chunk, if they are there and whole.
    fn load(&self, chunk: usize) -> Option<Vec<Trial>>;
    /// Keeps the trials of a chunk.
    ///
    /// # Errors
    /// If they could not be written.
    fn save(&self, chunk: usize, trials: &[Trial]) -> Result<()>;
}

/// A store that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoChunks;

impl ChunkStore for NoChunks {
    fn load(&self, _chunk: usize) -> Option<Vec<Trial>> {
        None
    }
    fn save(&self, _chunk: usize, _trials: &[Trial]) -> Result<()> {
        Ok(())
    }
}

/// Shows a neuron `count` trials. Each trial depends on its number and the seed alone; chunks of [`Teacher::lanes`] trials run at once.
///
/// # Errors
/// If the protocol cannot be, the cell refuses something, a chunk cannot be kept, or the user interrupts.
pub fn generate(
    teacher: &dyn Teacher,
    protocol: &Protocol,
    count: usize,
    seed: &Seed,
    threads: usize,
    progress: &dyn Progress,
    chunks: &dyn ChunkStore,
) -> Result<Dataset> {
    protocol.check()?;
    let (groups, lanes) = (teacher.groups(), teacher.lanes().max(1));
    let places = teacher.dendrite_names().len();
    let of_chunk = |chunk: usize| -> Result<Vec<Trial>> {
        let inputs = (chunk * lanes..count.min((chunk + 1) * lanes))
            .map(|k| protocol.draw(teacher.inputs(), &groups, &seed.index(k)))
            .collect::<Result<Vec<_>>>()?;
        if let Some(kept) = chunks.load(chunk)
            && kept.len() == inputs.len()
            && kept.iter().zip(&inputs).all(|(trial, input)| trial.input == *input && is_whole(trial, places))
        {
            return Ok(kept);
        }
        if progress.cancelled() {
            return Err(rheobase_core::Error::Interrupted.into());
        }
        let responses = teacher.respond(&inputs)?;
        let trials: Vec<Trial> =
            inputs.into_iter().zip(responses).map(|(input, response)| Trial { input, response }).collect();
        chunks.save(chunk, &trials)?;
        Ok(trials)
    };
    let total = count.div_ceil(lanes);
    let mut trials = Vec::with_capacity(count);
    // As many chunks at a time as threads, so that progress is told in order.
    for first in (0..total).step_by(threads.max(1)) {
        let here = threads.max(1).min(total - first);
        for chunk in parallel::try_map(here, threads, |k| of_chunk(first + k))? {
            trials.extend(chunk);
        }
        progress.step("trials", trials.len(), count);
    }
    Ok(Dataset { input_names: teacher.input_names(), dendrite_names: teacher.dendrite_names(), trials })
}

/// Whether a trial that was kept has the voltages that are asked for now.
fn is_whole(trial: &Trial, places: usize) -> bool {
    trial.response.dendrites_mv.len() == places * trial.input.steps()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::copies::Copies;
    use rheobase_core::Silent;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Counts what it simulates.
    struct Counting(LeakyNeuron, AtomicUsize);

    impl Teacher for Counting {
        fn inputs(&self) -> usize {
            self.0.inputs()
        }
        fn groups(&self) -> Vec<Group> {
            self.0.groups()
        }
        fn input_names(&self) -> Vec<String> {
            self.0.input_names()
        }
        fn lanes(&self) -> usize {
            2
        }
        fn copies(&self, count: usize) -> Result<Box<dyn Copies + '_>> {
            self.1.fetch_add(count, Ordering::Relaxed);
            self.0.copies(count)
        }
    }

    #[derive(Default)]
    struct Memory(Mutex<BTreeMap<usize, Vec<Trial>>>);

    impl ChunkStore for Memory {
        fn load(&self, chunk: usize) -> Option<Vec<Trial>> {
            self.0.lock().unwrap().get(&chunk).cloned()
        }
        fn save(&self, chunk: usize, trials: &[Trial]) -> Result<()> {
            self.0.lock().unwrap().insert(chunk, trials.to_vec());
            Ok(())
        }
    }

    #[test]
    fn a_generation_goes_on_where_it_was_killed_to_the_same_trials() {
        let protocol = Protocol { duration_ms: 300, ..Protocol::leaky() };
        let teacher = || Counting(LeakyNeuron::published(), AtomicUsize::new(0));
        let seed = Seed::root(4);
        let run = |teacher: &Counting, threads, store: &dyn ChunkStore| {
            generate(teacher, &protocol, 7, &seed, threads, &Silent, store).unwrap()
        };
        let whole = run(&teacher(), 1, &NoChunks);
        assert_eq!(whole.trials.len(), 7);
        let store = Memory::default();
        run(&teacher(), 2, &store);
        // Two chunks are lost, one of them the last with a single trial.
        store.0.lock().unwrap().retain(|chunk, _| *chunk != 1 && *chunk != 3);
        let second = teacher();
        assert_eq!(run(&second, 2, &store), whole);
        assert_eq!(second.1.load(Ordering::Relaxed), 3);
        // A chunk of other inputs is not used.
        let other = teacher();
        generate(&other, &protocol, 7, &Seed::root(5), 1, &Silent, &store).unwrap();
        assert_eq!(other.1.load(Ordering::Relaxed), 7);
    }
}
