//! Who this proxy is to others: its key, its certificate, and the roots that it trusts.

mod certificate;
mod client;
mod credentials;
mod given_roots;
mod verify;

pub use certificate::Certificate;
pub use client::{Client, Subject};
pub use credentials::{Credentials, Roots};
pub use given_roots::{GivenRoots, RootsFile};
pub(crate) use verify::{ControlPlaneVerifier, is_control_plane, provider};

use std::sync::Arc;

use tokio::sync::watch;

/// The credentials of the moment; none before there is a certificate.
pub type Current = watch::Receiver<Option<Arc<Credentials>>>;

/// Those of a proxy that never has any.
pub fn none() -> Current {
    watch::channel(None).1
}
