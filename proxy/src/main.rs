//! `mesh-proxy`, the sidecar. It is configured by `MESH_PROXY_*` environment variables alone.
//!
//! Exit status: 0 when it was asked to end and did, 1 when it failed, 2 when a variable is wrong or there is an argument.

use std::fmt::Display;
use std::process::ExitCode;

use mesh_proxy::config::Config;
use mesh_proxy::{log, runtime};

// The unwinder, which finds out where a panic was: within the program, for every sidecar would have its library in memory for it.
// A static program has it within anyway.
#[cfg(all(target_os = "linux", target_env = "gnu", not(target_feature = "crt-static")))]
#[link(name = "gcc_eh", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

fn main() -> ExitCode {
    if let Some(argument) = std::env::args_os().nth(1) {
        let argument = argument.display();
        return fail(
            2,
            format!("unexpected argument {argument}: MESH_PROXY_* variables configure mesh-proxy"),
        );
    }
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => return fail(2, error),
    };
    log::start(config.log);
    match runtime::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, error),
    }
}

fn fail(status: u8, error: impl Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(status)
}
