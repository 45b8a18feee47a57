//! What is known of a connection outside of the task that reads and writes it.

use std::cell::Cell;

use tokio::sync::Notify;

use crate::metrics::CloseReason;

/// What has moved on a connection.
#[derive(Debug)]
pub struct Traffic {
    read: Cell<u64>,
    written: Cell<u64>,
    is_flooded: Cell<bool>,
    close: Cell<CloseReason>,
    first_read: Notify,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            read: Cell::new(0),
            written: Cell::new(0),
            is_flooded: Cell::new(false),
            close: Cell::new(CloseReason::Complete),
            first_read: Notify::new(),
        }
    }
}

impl Traffic {
    /// Bytes that came.
    pub fn read(&self) -> u64 {
        self.read.get()
    }

    /// Bytes that were sent.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// Waits until something has come, or nothing can come any more.
    pub async fn first_read(&self) {
        let comes = self.first_read.notified();
        if self.read() == 0 {
            comes.await;
        }
    }

    pub fn has_read(&self, length: usize) {
        if self.read() == 0 {
            self.first_read.notify_waiters();
        }
        self.read.set(self.read.get() + length as u64);
    }

    pub fn has_written(&self, length: usize) {
        self.written.set(self.written.get() + length as u64);
    }

    /// The peer sends too much that is of no use to anybody.
    pub fn is_flooded(&self) -> bool {
        self.is_flooded.get()
    }

    pub fn flooded(&self) {
        self.is_flooded.set(true);
    }

    /// Says why the connection ends; the default is that all was said.
    pub fn ends(&self, reason: CloseReason) {
        self.close.set(reason);
    }

    /// Why the connection ends.
    pub fn close_reason(&self) -> CloseReason {
        self.close.get()
    }
}
