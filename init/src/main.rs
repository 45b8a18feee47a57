//! `mesh-init` turns a pod's traffic over to its sidecar by iptables.

mod back_end;
mod command_line;
mod configuration;
mod diagnosis;
mod failure;
mod family;
mod iptables;
mod nat_table;
mod port_range;
mod redirection;
mod rules;
mod subnet;
mod verify;
mod wait;

use command_line::Action;
use failure::Failure;
use std::env;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (action, configuration) = match command_line::parse(env::args_os().skip(1), |name| env::var_os(name))
    {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("error: {error}\ntry: mesh-init --help");
            return ExitCode::from(2);
        }
    };
    let outcome = match action {
        Action::Install => redirection::install(&configuration).map(|done| done + "\n"),
        Action::PreviewInstall => Ok(redirection::preview_install(&configuration)),
        Action::Uninstall => redirection::uninstall().map(|done| done + "\n"),
        Action::PreviewUninstall => Ok(redirection::preview_uninstall(&configuration)),
        Action::Verify => verify::verify(&configuration),
        Action::Help => Ok(command_line::USAGE.to_owned()),
        Action::Version => Ok(format!("mesh-init {}\n", env!("CARGO_PKG_VERSION"))),
    };
    let installed = action == Action::Install && outcome.is_ok();
    let status = finish(outcome);
    if installed && let Some(state) = configuration.wait_for {
        end_when_told();
        wait::wait_for(state, configuration.admin_port, |line| eprintln!("{line}"));
    }
    status
}

/// Lets SIGTERM end the program: the first process of a container is ended by no signal that it does not handle.
fn end_when_told() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: _exit may be called in a signal handler (signal-safety(7)).
        unsafe { libc::_exit(128 + libc::SIGTERM) }
    }
    let handler: extern "C" fn(libc::c_int) = end;
    // SAFETY: the handler stays where it is, and calls nothing but _exit.
    unsafe { libc::signal(libc::SIGTERM, handler as libc::sighandler_t) };
}

fn finish(outcome: Result<String, Failure>) -> ExitCode {
    match outcome {
        Ok(text) => {
            // Nobody is left to be told when standard output is closed.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
