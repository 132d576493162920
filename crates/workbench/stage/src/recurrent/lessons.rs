//! Curricula: easier forms of a task that a network learns first (Bengio et al. 2009, ICML; Krueger & Dayan 2009, Cognition 110:380).

use rheobase_pipeline::{Complaint, Context, StageError};
use rheobase_rate::Error;
use rheobase_rate::recurrent::training::{Surroundings, Training};
use rheobase_rate::training::EpochRecord;
use rheobase_task::{AnyTask, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::RecurrentParameters;
use super::source::TrainedNetwork;
use crate::kind::{complaint, failed};
use crate::model::checkpoint::FolderCheckpoints;

/// One step of a curriculum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    /// An easier form of the task: the same inputs, outputs and step.
    pub task: AnyTask,
    /// Iterations at most.
    pub iterations: usize,
    /// Mean score on the lesson's own validation trials at which the next lesson begins.
    #[serde(default)]
    pub stop_at: Option<f64>,
}

/// A record of the training history and the lesson it belongs to.
pub(super) struct LessonRecord {
    /// Number of the lesson, from 1; the task itself is the last.
    pub lesson: usize,
    /// Its epoch counts the iterations of all lessons.
    pub record: EpochRecord,
}

/// Refuses lessons that the network for the task cannot take.
pub(super) fn check(lessons: &[Lesson], task: &dyn Task) -> Vec<Complaint> {
    let mut all = vec![];
    for (k, lesson) in lessons.iter().enumerate() {
        let (own, place) = (lesson.task.task(), k.to_string());
        if let Err(error) = own.check() {
            all.push(complaint(
                &["lessons", &place, "task"],
                error.to_string(),
                "mend this parameter of the lesson's task",
            ));
            continue;
        }
        let shape = |t: &dyn Task| (t.inputs().len(), t.outputs().len(), t.initial(), t.dt_ms());
        let ((inputs, outputs, initial, dt_ms), wanted) = (shape(own), shape(task));
        if (inputs, outputs, initial, dt_ms) != wanted {
            let message = format!(
                "lesson {} has {inputs} inputs, {outputs} outputs, a start code of {initial} and steps of {dt_ms} ms; the task has {}, {}, {} and {} ms",
                k + 1,
                wanted.0,
                wanted.1,
                wanted.2,
                wanted.3
            );
            all.push(complaint(&["lessons", &place, "task"], message, "teach the same task in an easier form"));
        }
        if lesson.iterations == 0 {
            let message = format!("lesson {} has 0 iterations", k + 1);
            all.push(complaint(&["lessons", &place, "iterations"], message, "at least 1, or leave the lesson out"));
        }
    }
    all
}

/// Trains on the lessons in order, then on the task. Every lesson has its own trials, schedule, optimiser state and checkpoint, so that a
/// resumed run goes on in the lesson where it stopped.
pub(super) fn train(
    p: &RecurrentParameters,
    trained: &mut TrainedNetwork,
    context: &Context<'_>,
) -> Result<Vec<LessonRecord>, StageError> {
    let seed = context.seed.child("training");
    let whole = p.learning.training(&p.penalties);
    let mut history: Vec<LessonRecord> = vec![];
    let courses = p.lessons.iter().map(|l| (&l.task, l.iterations, l.stop_at));
    for (k, (task, iterations, stop_at)) in courses.chain([(&p.task, whole.iterations, whole.stop_at)]).enumerate() {
        let (folder, seed) = if k == p.lessons.len() {
            (context.scratch.clone(), seed)
        } else {
            let folder = context.scratch.join(format!("lesson-{}", k + 1));
            std::fs::create_dir_all(&folder).map_err(failed)?;
            (folder, seed.child("lesson").index(k))
        };
        if !p.lessons.is_empty() {
            context.progress.note(&format!("lesson {} of {}", k + 1, p.lessons.len() + 1));
        }
        let mut checkpoints = FolderCheckpoints::new(&folder, context.progress);
        let surroundings = Surroundings { seed, progress: context.progress, checkpoints: &mut checkpoints };
        let training = Training { iterations, stop_at, ..whole.clone() };
        let records =
            training.run(&trained.network, &mut trained.parameters, task.task(), surroundings).map_err(|error| {
                match error {
                    Error::Core(rheobase_core::Error::Interrupted) => StageError::Interrupted,
                    other => failed(other),
                }
            })?;
        let before = history.last().map_or(0, |last| last.record.epoch);
        let moved = records.into_iter().map(|r| EpochRecord { epoch: before + r.epoch, ..r });
        history.extend(moved.map(|record| LessonRecord { lesson: k + 1, record }));
    }
    Ok(history)
}
