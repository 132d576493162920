//! What the user sees while a plan runs: bars on a terminal, timestamped lines elsewhere.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rheobase_core::Progress;
use rheobase_pipeline::plan::PlanNode;
use rheobase_pipeline::run::{Event, Observer};

use crate::arguments::ProgressChoice;
use crate::{interrupt, output};

/// How often a line about the same node is printed.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows events of a run.
pub struct Screen {
    bars: Option<MultiProgress>,
    quiet: bool,
    started: Instant,
    state: Mutex<HashMap<String, Running>>,
}

struct Running {
    bar: Option<ProgressBar>,
    phase: Phase,
    last_line: Instant,
}

/// Work of one sort that goes on without a break; a resumed run begins where it resumes, and repetitions begin anew.
struct Phase {
    what: String,
    first: usize,
    last: usize,
    since: Instant,
}

impl Phase {
    fn new(now: Instant) -> Self {
        Self { what: String::new(), first: 0, last: 0, since: now }
    }

    /// Takes note of how far the work is.
    fn at(&mut self, what: &str, done: usize) {
        if self.what != what || done < self.last {
            // What was done at the first word may have been done long ago.
            *self = Self { what: what.to_owned(), first: done, last: done, since: Instant::now() };
        }
        self.last = done;
    }

    /// Seconds that are left if it goes on as since its beginning; none before anything was done.
    fn left_s(&self, total: usize) -> Option<f64> {
        let done = self.last - self.first;
        let left = total.saturating_sub(self.last) as f64;
        (done > 0).then(|| self.since.elapsed().as_secs_f64() * left / done as f64)
    }
}

impl Screen {
    /// A screen of the chosen sort.
    pub fn new(choice: ProgressChoice) -> Self {
        let terminal = output::stderr_is_terminal() && choice == ProgressChoice::Auto;
        Self {
            bars: terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())),
            quiet: choice == ProgressChoice::Never,
            started: Instant::now(),
            state: Mutex::new(HashMap::new()),
        }
    }

    fn line(&self, text: &str) {
        if self.quiet {
            return;
        }
        match &self.bars {
            Some(bars) => {
                // A terminal that went away is no reason to stop working.
                let _ = bars.println(text);
            }
            None => {
                let t = self.started.elapsed().as_secs_f64();
                output::message(&format!("[{t:7.1} s] {text}"));
            }
        }
    }

    fn with_state<T>(&self, act: impl FnOnce(&mut HashMap<String, Running>) -> T) -> T {
        // A panic while the lock was held leaves a usable map behind.
        act(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn start(&self, name: &str) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(0));
            let style = ProgressStyle::with_template("  {prefix:28} {bar:24} {pos}/{len} {msg} {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(name.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if bar.is_none() {
            self.line(&format!("{name}: started"));
        }
        let now = Instant::now();
        self.with_state(|state| state.insert(name.to_owned(), Running { bar, phase: Phase::new(now), last_line: now }));
    }

    fn step(&self, name: &str, what: &str, done: usize, total: usize) {
        let line = self.with_state(|state| {
            let running = state.get_mut(name)?;
            running.phase.at(what, done);
            if let Some(bar) = &running.bar {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
                bar.set_message(what.to_owned());
                return None;
            }
            if running.last_line.elapsed() < LINE_INTERVAL {
                return None;
            }
            running.last_line = Instant::now();
            let left = running.phase.left_s(total).map_or_else(String::new, |s| format!(", about {s:.0} s left"));
            Some(format!("{name}: {what} {done} of {total}{left}"))
        });
        if let Some(line) = line {
            self.line(&line);
        }
    }

    fn end(&self, name: &str) {
        if let Some(Running { bar: Some(bar), .. }) = self.with_state(|state| state.remove(name)) {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Screen {
    fn event(&self, node: &PlanNode, event: Event<'_>) {
        let name = &node.address;
        match event {
            Event::Cached => self.line(&format!("{name}: cached")),
            Event::Damaged(reason) => {
                self.line(&format!("{name}: the stored result is damaged ({reason}); computing it again"))
            }
            Event::Started => self.start(name),
            Event::Step { what, done, total } => self.step(name, what, done, total),
            Event::Note(text) => self.line(&format!("{name}: {text}")),
            Event::Finished(cost) => {
                self.end(name);
                self.line(&format!("{name}: done in {:.1} s", cost.wall_s));
            }
            Event::Failed(reason) => {
                self.end(name);
                self.line(&format!("{name}: FAILED: {reason}"));
            }
            Event::Blocked => self.line(&format!("{name}: blocked, an input failed")),
        }
    }

    fn cancelled(&self) -> bool {
        interrupt::requested()
    }
}

impl Progress for Screen {
    fn step(&self, what: &str, done: usize, total: usize) {
        if !self.with_state(|state| state.contains_key(what)) {
            self.start(what);
        }
        Self::step(self, what, "bytes", done, total);
        if done >= total {
            self.end(what);
        }
    }
    fn note(&self, message: &str) {
        self.line(message);
    }
    fn cancelled(&self) -> bool {
        interrupt::requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_from_the_work_that_this_run_did() {
        let mut phase = Phase::new(Instant::now());
        phase.at("steps", 900);
        assert_eq!(phase.left_s(1000), None);
        phase.since = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        phase.at("steps", 950);
        // 50 steps in 10 s, resumed at 900: another 10 s, not half a second.
        assert!((phase.left_s(1000).unwrap() - 10.0).abs() < 0.5);
        // The next repetition begins anew.
        phase.at("steps", 10);
        assert_eq!((phase.first, phase.left_s(1000)), (10, None));
        phase.at("lesions", 20);
        assert_eq!(phase.first, 20);
    }
}
