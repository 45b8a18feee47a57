//! The client of a case.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::case::{Case, End};
use super::exchange::{pause, send};

/// Sends what the case says, and reads until the proxy ends the connection. Returns what came, and whether the proxy broke the
/// connection.
pub async fn run(case: &Case, proxy: SocketAddr) -> (Vec<u8>, bool) {
    let mut socket = TcpStream::connect(proxy).await.unwrap_or_else(|error| panic!("no connection: {error}"));
    let mut received = Vec::new();
    if case.end == End::Reset {
        send(&mut socket, &case.segments).await;
        pause().await;
        reset_when_closed(&socket);
        return (received, true);
    }
    let (mut source, mut sink) = socket.split();
    let sending = async {
        if send(&mut sink, &case.segments).await {
            pause().await;
            let _ = sink.shutdown().await;
        }
    };
    let (ended, ()) = tokio::join!(source.read_to_end(&mut received), sending);
    // A connection that was closed in order would occupy its port for a minute.
    reset_when_closed(&socket);
    (received, ended.is_err())
}

/// Makes the connection end at once.
pub fn reset_when_closed(socket: &TcpStream) {
    let _ = socket.set_zero_linger();
}
