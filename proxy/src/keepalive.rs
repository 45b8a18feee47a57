//! Probes of silent connections: a peer that vanishes without a word (its host lost power, a firewall forgot it) would otherwise
//! hold its connection, and the one that was opened for it, for ever.

use std::time::Duration;

use socket2::TcpKeepalive;

/// When a silent peer is probed. With the kernel's usual nine probes it is given up after two and a half minutes.
pub(crate) const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
