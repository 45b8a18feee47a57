//! What the proxy counts, for Prometheus.
//!
//! A handle is looked up once an endpoint or listener and counts with relaxed atomics from then on; the text is rendered on
//! the control thread.

mod detection;
mod histogram;
mod http;
mod identity;
mod labels;
mod limits;
mod page;
mod permission;
mod process;
mod registry;
mod tcp;
mod text;
mod tls;

pub use detection::DetectionMetrics;
pub use http::{Answer, HttpMetrics, Protocol, Retry};
pub use identity::{Handshake, IdentityMetrics};
pub use labels::{Labels, Party};
pub use limits::{Limit, LimitMetrics, Place, Places};
pub(crate) use page::render;
pub use permission::{Decision, DecisionLabels, DecisionMetrics};
pub use registry::Registry;
pub use tcp::{CloseReason, Peer, TcpMetrics};
pub use tls::{TlsMetrics, TlsRoute};
