//! Waiting to be told who may call the application.

use std::time::Duration;

use crate::worker::Worker;

/// Who may call is known within milliseconds when the control plane is there. An application that waits for it for longer is of
/// no use to anybody.
const PATIENCE: Duration = Duration::from_secs(5);

/// Resolves when the control plane has said who may call the application, when it has not said so for long, or when the drain
/// begins. Callers wait meanwhile, as their connections are not accepted. A proxy without an identity waits for nobody: it may be
/// run without a control plane.
pub async fn known(worker: &Worker) {
    if worker.config.trust_roots.is_none() {
        return;
    }
    // Who has connected meanwhile is served before the worker ends.
    let _hold = worker.drain.hold();
    tokio::select! {
        () = worker.guard.informed() => {}
        () = worker.drain.started() => {}
        () = tokio::time::sleep(PATIENCE) => tracing::warn!(
            "the control plane has not said who may call the application: everybody may until it does"
        ),
    }
}
