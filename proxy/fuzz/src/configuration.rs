//! The values of the proxy's variables.

use std::time::Duration;

use mesh_proxy::config::Config;
use mesh_proxy::http1::MOST_FIELDS;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads lines of `VARIABLE=value`. What is taken is in its bounds; what is not is named, and shown.
///
/// # Panics
/// When that is not so.
pub fn configuration(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let variables: Vec<_> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let value =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    match Config::read(value, || "host".to_owned()) {
        Ok(config) => {
            let timeouts = config.timeouts;
            for timeout in [timeouts.drain, timeouts.connect, timeouts.header, timeouts.idle] {
                assert!((Duration::from_millis(1)..=DAY).contains(&timeout));
            }
            assert!((1..=256).contains(&config.workers));
            assert!((1024..=1024 * 1024).contains(&config.limits.head.bytes));
            assert!((1..=MOST_FIELDS).contains(&config.limits.head.fields));
            assert!(config.control_plane.port_u16().is_some_and(|port| port > 0));
            assert!(!config.opaque_ports.contain(0));
            assert!(!config.identity.name.is_empty() && !config.identity.workload.is_empty());
        }
        Err(error) => {
            let wrong = value(error.variable).unwrap_or_default();
            let shown = wrong.split(',').map(str::trim).any(|item| error.message.contains(item));
            assert!(shown, "{error} for {wrong:?}");
        }
    }
}
