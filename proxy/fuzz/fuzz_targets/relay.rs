#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mesh_proxy_fuzz::relay(input));
