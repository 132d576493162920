//! Checkpoints in the node's scratch folder, written whole or not at all, at most every second.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rheobase_core::Progress;
use rheobase_pipeline::store::write_atomically;
use rheobase_rate::optimizer::Moments;
use rheobase_rate::training::{Checkpoint, CheckpointStore, EpochRecord};
use rheobase_rate::{Error, NamedArray, Result};
use serde::{Deserialize, Serialize};

use crate::artifact::{from_safetensors, to_safetensors};

/// How often a checkpoint is written; the clock decides only how much is done again after a kill.
const INTERVAL: Duration = Duration::from_secs(1);

/// Checkpoints of one node.
pub struct FolderCheckpoints<'a> {
    path: PathBuf,
    last: Instant,
    progress: &'a dyn Progress,
}

#[derive(Serialize, Deserialize)]
struct Header {
    epochs_done: usize,
    parameters: usize,
    steps: Vec<u64>,
    history: Vec<EpochRecord>,
    /// blake3 of the arrays, so that header and arrays belong together.
    arrays: String,
}

impl<'a> FolderCheckpoints<'a> {
    /// Checkpoints in this folder.
    pub fn new(folder: &Path, progress: &'a dyn Progress) -> Self {
        Self { path: folder.join("checkpoint"), last: Instant::now(), progress }
    }

    fn read(&self) -> Option<Checkpoint> {
        let bytes = std::fs::read(&self.path).ok()?;
        let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?) as usize;
        let header: Header = serde_json::from_slice(bytes.get(8..8 + length)?).ok()?;
        let arrays = bytes.get(8 + length..)?;
        if blake3::hash(arrays).to_hex().to_string() != header.arrays {
            return None;
        }
        let arrays = from_safetensors(arrays).ok()?;
        let take = |name: String| arrays.iter().find(|a| a.name == name).map(|a| a.values.clone());
        let mut checkpoint =
            Checkpoint { epochs_done: header.epochs_done, history: header.history, ..Checkpoint::default() };
        for index in 0..header.parameters {
            checkpoint.parameters.push(take(format!("parameter.{index}"))?);
            checkpoint.moments.push(Moments {
                first: take(format!("first.{index}"))?,
                second: take(format!("second.{index}"))?,
                steps: *header.steps.get(index)?,
            });
        }
        Some(checkpoint)
    }
}

impl CheckpointStore for FolderCheckpoints<'_> {
    fn load(&mut self) -> Option<Checkpoint> {
        let checkpoint = self.read();
        if checkpoint.is_none() && self.path.exists() {
            self.progress.note("the checkpoint is damaged; training starts again");
        }
        checkpoint
    }

    fn save(&mut self, checkpoint: &Checkpoint, urgent: bool) -> Result<()> {
        if !urgent && self.last.elapsed() < INTERVAL {
            return Ok(());
        }
        self.last = Instant::now();
        let mut arrays = Vec::new();
        for (index, values) in checkpoint.parameters.iter().enumerate() {
            let moments = &checkpoint.moments[index];
            for (name, values) in [("parameter", values), ("first", &moments.first), ("second", &moments.second)] {
                let name = format!("{name}.{index}");
                arrays.push(NamedArray { name, shape: vec![values.len()], values: values.clone() });
            }
        }
        let failed = |e: &dyn std::fmt::Display| Error::Checkpoint(e.to_string());
        let arrays = to_safetensors(&arrays).map_err(|e| failed(&e))?;
        let header = Header {
            epochs_done: checkpoint.epochs_done,
            parameters: checkpoint.parameters.len(),
            steps: checkpoint.moments.iter().map(|m| m.steps).collect(),
            history: checkpoint.history.clone(),
            arrays: blake3::hash(&arrays).to_hex().to_string(),
        };
        let header = serde_json::to_vec(&header).map_err(|e| failed(&e))?;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(arrays);
        write_atomically(&self.path, &bytes).map_err(|e| failed(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Silent;

    #[test]
    fn a_checkpoint_round_trips_to_the_bit_and_a_damaged_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = FolderCheckpoints::new(folder.path(), &Silent);
        let record = EpochRecord {
            epoch: 3,
            train_loss: Some(0.1 + 0.2),
            test_loss: None,
            test_accuracy: Some(1.0 / 3.0),
            alignment_deg: None,
        };
        let checkpoint = Checkpoint {
            epochs_done: 3,
            parameters: vec![vec![1.0, f32::MIN_POSITIVE], vec![]],
            moments: vec![Moments { first: vec![0.1, 0.2], second: vec![0.3, 0.4], steps: 9 }, Moments::default()],
            history: vec![record],
        };
        store.save(&checkpoint, true).unwrap();
        assert_eq!(store.load().unwrap(), checkpoint);
        let mut bytes = std::fs::read(&store.path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&store.path, bytes).unwrap();
        assert_eq!(store.load(), None);
    }
}
