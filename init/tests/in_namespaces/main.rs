//! `mesh-init` at work, with real iptables of both back ends and real connections, as root. All traffic stays within
//! network namespaces that the tests make themselves; these have no name, so the kernel removes them with the test,
//! however it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod installing;
mod namespaces;
mod network;
mod redirecting;
mod stand_ins;
mod verifying;
