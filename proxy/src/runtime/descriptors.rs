//! How many descriptors the process may have open.

use std::io;

/// Lets the process have as many as `wanted`, or as many as the system lets it when there is no number: what a shell or a
/// service manager gives by default is often far less.
///
/// # Errors
/// The system allows fewer than `wanted`.
pub(super) fn set_limit(wanted: Option<u64>) -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a value of ours that lives through the call.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    limit.rlim_cur = wanted.unwrap_or(limit.rlim_max);
    // SAFETY: as above; the kernel only reads.
    check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
