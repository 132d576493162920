//! Ctrl-C: the first asks running work to stop and keep a checkpoint, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and termination.
pub fn install() {
    let listening = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            #[expect(clippy::exit, reason = "a second Ctrl-C must end the process at once")]
            std::process::exit(130);
        }
        crate::output::message("stopping; a second Ctrl-C ends at once");
    });
    if let Err(error) = listening {
        crate::output::message(&format!("warning: Ctrl-C cannot be caught ({error}); work may be lost"));
    }
}

/// Whether the user asked to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
