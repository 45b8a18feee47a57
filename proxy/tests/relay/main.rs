//! The relay of the built binary, by raw sockets on both sides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../stand_in/mod.rs"]
mod stand_in;

mod backend;
mod failures;
mod governed;
mod harness;
mod keys;
mod limits;
mod mesh;
mod messages;
mod permissions;
mod properties;
mod refusals;
mod renewed;
mod roots;
mod secured;
mod streaming;
mod tunnels;
mod unanswered;
mod unproven;
mod unreached;
