//! Where redirected connections were meant to go.

use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::TcpStream;

/// Where a connection was meant to go before iptables redirected it to our listener (`SO_ORIGINAL_DST`). None when its client
/// meant the listener itself.
pub fn destination(connection: &TcpStream) -> Option<SocketAddr> {
    let local = connection.local_addr().ok()?;
    let socket = SockRef::from(connection);
    let original = if local.is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
    let original = original.ok()?.as_socket()?;
    let is_local = (original.ip(), original.port()) == (local.ip(), local.port());
    (!is_local).then(|| SocketAddr::new(original.ip(), original.port()))
}
