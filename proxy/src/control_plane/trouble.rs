//! Why the control plane does not give what it is asked for.

use std::error::Error;
use std::fmt;

use tonic::Code;

use super::channel::ControlPlane;

/// Why there is no answer, each with the reason.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The proxy has nothing to show who it is.
    NoToken(String),
    /// There is no way to tell whether it is the control plane.
    NotBelieved(String),
    NotReached(String),
    /// The control plane does not believe, or does not understand, who the proxy says it is.
    Refused(String),
}

impl Trouble {
    pub fn of_connection(error: &tonic::transport::Error) -> Self {
        Self::NotReached(root_cause(error))
    }

    pub fn of_call(status: &tonic::Status) -> Self {
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument => {
                Self::Refused(status.message().to_owned())
            }
            _ => Self::NotReached(describe(status)),
        }
    }

    pub fn reason(&self) -> &str {
        let (Self::NoToken(reason)
        | Self::NotBelieved(reason)
        | Self::NotReached(reason)
        | Self::Refused(reason)) = self;
        reason
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken(_) => "no token for the control plane",
            Self::NotBelieved(_) => "no roots by which to believe the control plane",
            Self::NotReached(_) => "control plane not reached",
            Self::Refused(_) => "refused by the control plane",
        })
    }
}

/// Why a stream ended.
pub(crate) fn describe(status: &tonic::Status) -> String {
    match status.source() {
        Some(error) => root_cause(error),
        None => format!("{:?}: {}", status.code(), status.message()),
    }
}

/// What lies at the bottom of an error: the layers above it add no knowledge.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

/// What was logged last, so that the same is not logged again and again.
#[derive(Debug)]
pub(crate) struct Reported<T>(Option<T>);

impl<T> Default for Reported<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> Reported<T> {
    /// Takes a trouble, and tells whether it is another than the last one.
    pub fn is_news(&mut self, trouble: T) -> bool {
        let is_news = self.0.as_ref() != Some(&trouble);
        self.0 = Some(trouble);
        is_news
    }

    /// It is over: should it come again, it is news.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

impl Reported<Trouble> {
    /// Logs a trouble with `what` there is not while it lasts, when it is another than the last one.
    pub fn log(&mut self, control_plane: &ControlPlane, what: Option<&str>, trouble: Trouble) {
        let (address, reason) = (control_plane.address(), trouble.reason().to_owned());
        let said = match what {
            Some(what) => format!("{what}: {trouble}"),
            None => trouble.to_string(),
        };
        if self.is_news(trouble) {
            tracing::warn!(address, reason, "{said}; trying on");
        } else {
            tracing::debug!(address, reason, "{said}, still");
        }
    }
}
