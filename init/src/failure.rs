//! How the program says that something went wrong.

use std::fmt;

/// What happened to what, and what to try.
#[derive(Debug)]
pub struct Failure {
    /// What happened, to what.
    pub problem: String,
    /// What the reader can do about it.
    pub remedy: String,
}

impl Failure {
    /// A failure and its remedy.
    pub fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "error: {}\ntry: {}", self.problem, self.remedy)
    }
}
