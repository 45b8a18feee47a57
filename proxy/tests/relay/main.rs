//! The relay of the built binary, by raw sockets on both sides.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../stand_in/mod.rs"]
mod stand_in;

mod backend;
mod clocks;
mod crowded;
mod failures;
mod governed;
mod harness;
mod keys;
mod limits;
mod lost;
mod mesh;
mod messages;
mod offered;
mod pair;
mod passed;
mod peers;
mod permissions;
mod properties;
mod refusals;
mod renewed;
mod roots;
mod secured;
mod streaming;
mod streams;
mod tokens;
mod tunnels;
mod unanswered;
mod unfinished;
mod unproven;
mod unreached;
mod watched;
mod withdrawn;
