//! `mesh-proxy`, the sidecar. It is configured by `MESH_PROXY_*` environment variables alone.

fn main() {}
