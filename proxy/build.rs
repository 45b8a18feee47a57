//! Generates the gRPC types of `proto/` without a `protoc` on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../proto");
    let files = ["mesh/proxy/v1/discovery.proto", "mesh/proxy/v1/identity.proto", "mesh/proxy/v1/tap.proto"];
    let descriptors = protox::compile(files, ["../proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
