//! Prometheus's text format.

use std::fmt::{Display, Write};

/// A page of metrics in the making.
#[derive(Debug, Default)]
pub(super) struct Text {
    page: String,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Text {
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
        self.page.push_str(name);
        let braces = !labels.is_empty();
        if braces {
            self.page.push('{');
        }
        for (index, label) in labels.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(self.page, "{separator}{label}");
        }
        if braces {
            self.page.push('}');
        }
        self.line(format_args!(" {value}"));
    }

    fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.page, "{line}");
    }

    pub fn into_page(self) -> String {
        self.page
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
