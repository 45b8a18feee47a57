//! HTTP/2 through the built binary, with real clients and servers on both sides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../relay/governed.rs"]
mod governed;
#[path = "../relay/harness.rs"]
#[allow(dead_code)]
mod harness;
#[path = "../relay/mesh.rs"]
mod mesh;
#[path = "../stand_in/mod.rs"]
mod stand_in;

mod application;
mod client;
mod frames;
mod grpc;
mod hostile;
mod lifecycle;
mod messages;
mod permissions;
mod routing;
mod secured;
mod withdrawn;
