//! What ends the proxy: a signal, the admin server, or the end of standard input.

use std::io::{self, Read};
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Asks for the proxy's end.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown {
    requests: mpsc::Sender<&'static str>,
}

impl Shutdown {
    /// `reason` is for the log. A second request does nothing while the first is being served.
    pub fn request(&self, reason: &'static str) {
        let _ = self.requests.try_send(reason);
    }
}

/// Waits for the requests and the signals.
pub(super) struct Requests {
    requests: mpsc::Receiver<&'static str>,
    signals: Signals,
}

/// The signals that ask for the end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// The two ends: what asks, and what waits.
pub(super) fn channel() -> io::Result<(Shutdown, Requests)> {
    let (sender, requests) = mpsc::channel(1);
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    Ok((Shutdown { requests: sender }, Requests { requests, signals: Signals { terminate, interrupt } }))
}

impl Requests {
    /// Resolves with the reason when the proxy shall end.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            Some(reason) = self.requests.recv() => reason,
            signal = self.signals.next() => signal,
        }
    }

    /// Resolves with the name of a signal that asks for the end.
    pub async fn next_signal(&mut self) -> &'static str {
        self.signals.next().await
    }
}

impl Signals {
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Requests the end when standard input ends.
pub(super) fn follow_stdin(shutdown: Shutdown) -> io::Result<()> {
    thread::Builder::new()
        .name("stdin".to_owned())
        .stack_size(64 * 1024)
        .spawn(move || {
            let mut discarded = [0; 256];
            while matches!(io::stdin().lock().read(&mut discarded), Ok(1..)) {}
            shutdown.request("end of standard input");
        })
        .map(|_| ())
}
