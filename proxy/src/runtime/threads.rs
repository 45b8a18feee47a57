//! The worker threads: each a single-threaded runtime around one `Worker`.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use super::bind::WorkerListeners;
use crate::config::{Application, Config};
use crate::destination::SWEEP_INTERVAL;
use crate::discovery::{Ask, Update, WorkerId};
use crate::identity::Current;
use crate::listener;
use crate::metrics::Registry;
use crate::permission::Policy;
use crate::tap::Tap;
use crate::worker::Worker;

const STACK_BYTES: usize = 512 * 1024;

/// What a worker thread is started with.
pub(super) struct Start {
    pub id: WorkerId,
    pub config: Arc<Config>,
    pub listeners: WorkerListeners,
    pub registry: Arc<Registry>,
    pub tap: Tap,
    pub asks: mpsc::UnboundedSender<Ask>,
    pub updates: mpsc::UnboundedReceiver<Update>,
    pub credentials: Current,
    /// Who may call the application; none before the control plane has said it.
    pub policy: watch::Receiver<Option<Arc<Policy>>>,
    /// Changes when the worker shall drain.
    pub drain: watch::Receiver<()>,
    pub alive: mpsc::Sender<()>,
}

/// A single-threaded runtime, as every thread of the proxy has one.
pub(super) fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())
}

/// Starts a worker's thread. `alive` is dropped when it has ended.
pub(super) fn start(start: Start) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("worker-{}", start.id))
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let id = start.id;
            if let Err(error) = runtime().and_then(|runtime| runtime.block_on(work(start))) {
                tracing::error!(worker = id, %error, "worker failed");
            }
        })
        .map(|_| ())
}

async fn work(start: Start) -> io::Result<()> {
    let Start {
        id,
        config,
        listeners,
        registry,
        tap,
        asks,
        mut updates,
        credentials,
        mut policy,
        mut drain,
        alive: _alive,
    } = start;
    let worker = Rc::new(Worker::new(id, config, registry, tap, asks, credentials));
    serve(&worker, listeners)?;
    let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        tokio::select! {
            Some(update) = updates.recv() => worker.destinations.apply(&update),
            Ok(()) = policy.changed() => {
                if let Some(policy) = policy.borrow_and_update().as_ref() {
                    worker.permit(Arc::clone(policy));
                }
            }
            _ = drain.changed(), if !worker.drain.has_started() => worker.drain.begin(),
            () = worker.drain.finished() => return Ok(()),
            _ = sweep.tick() => worker.destinations.sweep(),
        }
    }
}

fn serve(worker: &Rc<Worker>, listeners: WorkerListeners) -> io::Result<()> {
    for listener in listeners.outbound {
        let listener = TcpListener::from_std(listener)?;
        spawn_local(listener::serve_outbound(Rc::clone(worker), listener));
    }
    for (listener, application) in listeners.inbound {
        let listener = TcpListener::from_std(listener)?;
        match application {
            Application::At(address) => {
                let application = worker.application(address);
                spawn_local(listener::serve_inbound(Rc::clone(worker), listener, application));
            }
            Application::Original => {
                spawn_local(listener::serve_redirected(Rc::clone(worker), listener));
            }
        }
    }
    Ok(())
}
