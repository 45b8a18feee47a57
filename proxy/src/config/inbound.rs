//! What is taken from others.

use std::fmt;
use std::net::SocketAddr;

use super::{ConfigError, TRUST_ROOTS, Values, value};

const INBOUND_TLS: &str = "MESH_PROXY_INBOUND_TLS";

/// One address at which others reach the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbound {
    pub listen: SocketAddr,
    pub application: Application,
}

/// Where the application is that others reach through a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Application {
    At(SocketAddr),
    /// Where each connection was meant to go before it was redirected to the listener.
    Original,
}

impl fmt::Display for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Original => f.write_str(value::ORIGINAL),
        }
    }
}

/// Which connections the application gets from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboundTls {
    /// Also those in plain text.
    Permissive,
    /// Those from proxies of the mesh that prove their name, and no others.
    Strict,
}

impl InboundTls {
    pub(super) fn read(
        values: &Values<impl Fn(&str) -> Option<String>>,
        has_roots: bool,
    ) -> Result<Self, ConfigError> {
        values.or(INBOUND_TLS, "permissive", |text| match value::inbound_tls(text)? {
            Self::Strict if !has_roots => Err(format!("\"{text}\" needs {TRUST_ROOTS}")),
            inbound_tls => Ok(inbound_tls),
        })
    }
}
