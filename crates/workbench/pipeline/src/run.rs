//! Running a plan: ready nodes in parallel within a number of jobs and a memory budget.
//!
//! What a node computes depends on its key alone, so neither the number of jobs nor the order of finishing changes a byte.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Instant;

use rheobase_core::{Progress, Seed};
use rheobase_data::library::Library;

use crate::plan::{Plan, PlanNode, node_address, output_name};
use crate::registry::{Context, InputHandle, Registry, StageError};
use crate::store::{Cost, Record, State, Store};
use crate::{Error, Result};

/// How a plan is run.
pub struct Runner<'a> {
    /// Stages.
    pub registry: Registry,
    /// Where results go.
    pub store: &'a Store,
    /// Where data sets are.
    pub library: &'a Library,
    /// Nodes at a time.
    pub jobs: usize,
    /// Memory for all running nodes together, in MiB; a node that needs more runs alone.
    pub memory_mib: u64,
    /// Where events go.
    pub observer: &'a dyn Observer,
}

/// What happens while a plan runs.
pub trait Observer: Send + Sync {
    /// Something happened to a node.
    fn event(&self, node: &PlanNode, event: Event<'_>);
    /// Whether the user asked to stop.
    fn cancelled(&self) -> bool {
        false
    }
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The result was there.
    Cached,
    /// The stored result was damaged and is computed again.
    Damaged(&'a str),
    /// Work began.
    Started,
    /// Progress inside the node.
    Step {
        /// What is counted.
        what: &'a str,
        /// Done.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// A remark.
    Note(&'a str),
    /// Work ended well.
    Finished(Cost),
    /// Work failed.
    Failed(&'a str),
    /// Not run because an input failed.
    Blocked,
}

/// Result of each node.
#[derive(Debug, Clone)]
pub enum NodeResult {
    /// There, with what it holds.
    Done(Box<Record>),
    /// Failed, with the reason.
    Failed(String),
    /// An input failed.
    Blocked,
}

struct Relay<'a> {
    node: &'a PlanNode,
    observer: &'a dyn Observer,
}

impl Progress for Relay<'_> {
    fn step(&self, what: &str, done: usize, total: usize) {
        self.observer.event(self.node, Event::Step { what, done, total });
    }
    fn note(&self, message: &str) {
        self.observer.event(self.node, Event::Note(message));
    }
    fn cancelled(&self) -> bool {
        self.observer.cancelled()
    }
}

impl Runner<'_> {
    /// Runs what is not there; returns the result of every node, in the order of the plan.
    ///
    /// # Errors
    /// If the user interrupts or the store fails. A failing node is a result, not an error.
    pub fn run(&self, plan: &Plan) -> Result<Vec<NodeResult>> {
        let count = plan.nodes.len();
        let mut results: Vec<Option<NodeResult>> = vec![None; count];
        let mut waiting: Vec<usize> = plan.nodes.iter().map(|n| distinct_inputs(n).len()).collect();
        let mut users: Vec<Vec<usize>> = vec![vec![]; count];
        for (index, node) in plan.nodes.iter().enumerate() {
            distinct_inputs(node).into_iter().for_each(|input| users[input].push(index));
        }
        let mut ready: std::collections::BTreeSet<usize> = (0..count).filter(|&i| waiting[i] == 0).collect();
        let mut running: BTreeMap<usize, u64> = BTreeMap::new();
        let mut failure: Option<Error> = None;
        let (sender, receiver) = mpsc::channel::<(usize, Result<NodeResult>)>();
        std::thread::scope(|scope| {
            loop {
                if failure.is_none() && !self.observer.cancelled() {
                    while let Some(next) = self.next_fitting(plan, &ready, &running) {
                        ready.remove(&next);
                        let node = &plan.nodes[next];
                        let inputs: Vec<Option<Record>> = plan.nodes[next]
                            .inputs
                            .values()
                            .map(|&i| match &results[i] {
                                Some(NodeResult::Done(record)) => Some((**record).clone()),
                                _ => None,
                            })
                            .collect();
                        running.insert(next, self.memory_of(node));
                        let sender = sender.clone();
                        scope.spawn(move || {
                            let result = self.run_node(plan, node, inputs);
                            // The receiver lives until every node has reported.
                            let _ = sender.send((next, result));
                        });
                    }
                }
                if running.is_empty() {
                    break;
                }
                let Ok((index, result)) = receiver.recv() else { break };
                running.remove(&index);
                match result {
                    Ok(result) => {
                        results[index] = Some(result);
                        for &user in &users[index] {
                            waiting[user] -= 1;
                            if waiting[user] == 0 {
                                ready.insert(user);
                            }
                        }
                    }
                    Err(error) => failure = Some(failure.take().unwrap_or(error)),
                }
            }
        });
        match failure {
            Some(error) => Err(error),
            None if self.observer.cancelled() => Err(Error::Interrupted),
            None => Ok(results.into_iter().map(|r| r.unwrap_or(NodeResult::Blocked)).collect()),
        }
    }

    fn memory_of(&self, node: &PlanNode) -> u64 {
        self.registry.find(node.role, &node.kind).map_or(0, |stage| stage.memory_mib(&node.parameters))
    }

    /// The first ready node that fits beside the running ones.
    fn next_fitting(
        &self,
        plan: &Plan,
        ready: &std::collections::BTreeSet<usize>,
        running: &BTreeMap<usize, u64>,
    ) -> Option<usize> {
        if running.len() >= self.jobs.max(1) {
            return None;
        }
        let used: u64 = running.values().sum();
        ready.iter().copied().find(|&i| running.is_empty() || used + self.memory_of(&plan.nodes[i]) <= self.memory_mib)
    }

    /// Runs one node whose inputs are given by their records, in the order of its references; a result that is there is used.
    ///
    /// # Errors
    /// If the user interrupts or the store fails.
    fn run_node(&self, plan: &Plan, node: &PlanNode, inputs: Vec<Option<Record>>) -> Result<NodeResult> {
        let mut handles = BTreeMap::new();
        for ((reference, &index), record) in node.inputs.iter().zip(inputs) {
            let Some(record) = record else {
                self.observer.event(node, Event::Blocked);
                return Ok(NodeResult::Blocked);
            };
            let handle = InputHandle {
                folder: self.store.object(&plan.nodes[index].key),
                output: output_name(reference).to_owned(),
                address: node_address(reference).to_owned(),
                record,
            };
            handles.insert(reference.clone(), handle);
        }
        let _lock = self.store.lock(&node.key)?;
        match self.store.state(&node.key) {
            State::Present(record) => {
                self.observer.event(node, Event::Cached);
                return Ok(NodeResult::Done(record));
            }
            State::Damaged(reason) => {
                self.observer.event(node, Event::Damaged(&reason));
                self.store.discard(&node.key)?;
            }
            State::Absent => {}
        }
        self.observer.event(node, Event::Started);
        let started = Instant::now();
        let relay = Relay { node, observer: self.observer };
        let context = Context {
            inputs: handles,
            seed: Seed::root(node.seed),
            seed_number: node.seed,
            scratch: self.store.scratch(&node.key)?,
            device: plan.header.device.clone(),
            progress: &relay,
            library: self.library,
        };
        let stage = Plan::stage(node, self.registry)?;
        // A panic is a defect of the stage. It must neither stop the other nodes nor leave the run waiting for this one. What the stage was
        // working on is dropped, so nothing half done is seen again.
        let attempt = std::panic::AssertUnwindSafe(|| stage.run(&node.parameters, &context));
        let outcome = std::panic::catch_unwind(attempt).unwrap_or_else(|panic| Err(StageError::Failed(told(&*panic))));
        match outcome {
            Ok(outcome) => {
                let cost = Cost { wall_s: started.elapsed().as_secs_f64(), peak_memory_mib: peak_memory_mib() };
                let record = self.store.put(&node.key, &node.kind, &outcome, cost)?;
                self.observer.event(node, Event::Finished(cost));
                Ok(NodeResult::Done(Box::new(record)))
            }
            Err(StageError::Interrupted) => Err(Error::Interrupted),
            Err(error) => {
                let message = error.to_string();
                self.observer.event(node, Event::Failed(&message));
                Ok(NodeResult::Failed(message))
            }
        }
    }

    /// The one worker primitive: runs a single node of a plan (after its inputs), or does nothing if it is there.
    ///
    /// # Errors
    /// As for [`Runner::run`], or if the plan has no such node.
    pub fn exec(&self, plan: &Plan, name: &str) -> Result<NodeResult> {
        let node = plan.find(name)?;
        let inputs = node.inputs.values().map(|&i| match self.store.state(&plan.nodes[i].key) {
            State::Present(record) => Some(*record),
            _ => None,
        });
        self.run_node(plan, node, inputs.collect())
    }
}

/// What a panic said.
fn told(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    format!("a defect of this program, please report it: {}", text.unwrap_or("it panicked without a message"))
}

fn distinct_inputs(node: &PlanNode) -> std::collections::BTreeSet<usize> {
    node.inputs.values().copied().collect()
}

/// Peak resident memory of this process in MiB; 0 where the system does not tell.
fn peak_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse().ok());
    kib.unwrap_or(0.0) / 1024.0
}
