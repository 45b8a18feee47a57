//! Prometheus's text format.

use std::fmt::{Display, Write};

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::SendError};

/// So much is written before it is passed on.
const PIECE_BYTES: usize = 8 * 1024;

/// A page of metrics in the making, on its way to a reader.
pub(super) struct Text {
    piece: String,
    reader: mpsc::Sender<Bytes>,
}

/// The reader has left.
pub(super) type Gone = SendError<Bytes>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Text {
    pub fn new(reader: mpsc::Sender<Bytes>) -> Self {
        Self { piece: String::new(), reader }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    /// A sample. Each of `labels` is one rendered pair or several, joined by commas.
    pub fn sample(&mut self, name: &str, labels: &[&dyn Display], value: impl Display) {
        self.piece.push_str(name);
        let braces = !labels.is_empty();
        if braces {
            self.piece.push('{');
        }
        for (index, label) in labels.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(self.piece, "{separator}{label}");
        }
        if braces {
            self.piece.push('}');
        }
        self.line(format_args!(" {value}"));
    }

    fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.piece, "{line}");
    }

    /// Passes on what was written when it is enough for a piece, and waits until the reader has room for it.
    ///
    /// # Errors
    /// The reader has left.
    pub async fn pass_on(&mut self) -> Result<(), Gone> {
        if self.piece.len() < PIECE_BYTES {
            return Ok(());
        }
        let next = String::with_capacity(self.piece.capacity());
        self.reader.send(std::mem::replace(&mut self.piece, next).into()).await
    }

    /// Passes on what is left.
    ///
    /// # Errors
    /// The reader has left.
    pub async fn finish(self) -> Result<(), Gone> {
        self.reader.send(self.piece.into()).await
    }
}

/// Appends a label's value with what the format gives a meaning escaped.
pub(super) fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
