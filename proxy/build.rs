//! Generates the gRPC types of `proto/` without a `protoc` on the machine, and says how the program is linked.

use std::env;
use std::error::Error;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../proto");
    let files = ["mesh/proxy/v1/discovery.proto", "mesh/proxy/v1/identity.proto", "mesh/proxy/v1/tap.proto"];
    let descriptors = protox::compile(files, ["../proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    if packed_relocations_are_known() {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    Ok(())
}

/// The first C library that a program with packed relative relocations starts with. Unpacked they take a fifth of a megabyte, all of
/// which is read at the start.
const FIRST_GLIBC: (u32, u32) = (2, 36);

/// Whether the C library that the program will run with is this machine's, and new enough.
fn packed_relocations_are_known() -> bool {
    let variable = |name| env::var(name).unwrap_or_default();
    let own = variable("HOST") == variable("TARGET") && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    own && glibc().is_some_and(|version| version >= FIRST_GLIBC)
}

/// The version of this machine's C library.
fn glibc() -> Option<(u32, u32)> {
    let printed = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let (major, minor) =
        str::from_utf8(&printed.stdout).ok()?.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
