//! The sidecar of the mesh. See docs/architecture.md for the way of a request through these modules.

mod accept;
mod admin;
pub mod config;
pub mod control_plane;
pub mod destination;
pub mod direction;
pub mod discovery;
pub mod drain;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod grpc;
pub mod http1;
pub(crate) mod http2;
pub mod identity;
mod keepalive;
pub mod listener;
pub mod log;
mod memory;
pub mod metrics;
pub(crate) mod mux;
pub mod permission;
pub mod random;
pub mod relay;
pub mod runtime;
pub mod tap;
pub mod tls;
pub mod upstream;
pub mod worker;

/// The gRPC contracts with the control plane, generated from `proto/`.
#[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub mod proto {
    tonic::include_proto!("mesh.proxy.v1");
}
