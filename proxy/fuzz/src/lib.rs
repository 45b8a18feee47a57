//! Hostile bytes for the proxy. Each target takes any bytes and panics when the proxy does with them what it must not do; the
//! tests give them the seeds, what coverage-guided runs have found, and mutations of both. See CONTRIBUTING.md for longer runs.

mod chunked;
mod configuration;
mod detection;
mod meaning;
mod relay;
mod request_head;
mod response_head;
mod script;
mod strict;

pub use chunked::chunked;
pub use configuration::configuration;
pub use detection::detection;
pub use relay::relay;
pub use request_head::request_head;
pub use response_head::response_head;
