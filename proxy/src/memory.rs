//! Memory that the allocator holds without using it.

/// Gives free memory back to the system. Takes time in proportion to what is in use: not for the hot path.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
