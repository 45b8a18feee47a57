//! Generates the gRPC types of `proto/` without a `protoc` on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=../../../proto");
    let descriptors = protox::compile(["mesh/proxy/v1/discovery.proto"], ["../../../proto"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
