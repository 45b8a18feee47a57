//! The sidecar of the mesh. See docs/architecture.md for the way of a request through these modules.

/// The gRPC contracts with the control plane, generated from `proto/`.
#[allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
pub mod proto {
    tonic::include_proto!("mesh.proxy.v1");
}
