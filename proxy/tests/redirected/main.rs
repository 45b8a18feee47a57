//! The proxy at work on connections that the real rules of `mesh-init` redirect to it, as root. All traffic stays within
//! network namespaces that the tests make themselves; these have no name, so the kernel removes them with the test,
//! however it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod inbound;
#[path = "../../../init/tests/in_namespaces/namespaces.rs"]
mod namespaces;
mod outbound;
mod peers;
mod pod;
mod protocols;
#[path = "../stand_in/mod.rs"]
mod stand_in;
mod tls;
