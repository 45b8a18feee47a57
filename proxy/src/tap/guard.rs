//! Who may watch: the control plane alone, where the proxy is told so.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

use crate::accept::accept;
use crate::direction::Direction;
use crate::identity::{Credentials, Current, is_control_plane};
use crate::metrics::{Handshake, Registry};
use crate::tls::{HandshakeError, proven};

/// How long a handshake may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes that are made at once; who comes after that waits in the system's queue.
const MAX_HANDSHAKES: usize = 64;
/// What gRPC is spoken in.
const PROTOCOL: &[u8] = b"h2";

/// Lets in the control plane of the proxy's own trust domain, by the name in its certificate, and nobody else.
#[derive(Clone)]
pub(crate) struct Guard {
    credentials: Current,
    registry: Arc<Registry>,
}

impl Guard {
    pub fn new(credentials: Current, registry: Arc<Registry>) -> Self {
        Self { credentials, registry }
    }

    /// The control plane's connections to a listener.
    pub(super) fn connections(self, listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> {
        let (sender, connections) = mpsc::channel(1);
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(MAX_HANDSHAKES));
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                let (socket, address) = accept(&listener).await;
                let (guard, sender) = (self.clone(), sender.clone());
                tokio::spawn(async move {
                    let (shaken, connection) = match guard.shake(socket).await {
                        Ok(connection) => (Ok(Handshake::Full), Some(connection)),
                        Err(error) => (Err(error), None),
                    };
                    drop(place);
                    guard.registry.identity().shook(Direction::Inbound, Handshake::of(&shaken));
                    if let Err(reason) = shaken {
                        tracing::debug!(client = %address, %reason, "kept from watching requests");
                    }
                    if let Some(connection) = connection {
                        // Fails only when the server is gone.
                        let _ = sender.send(Ok(connection)).await;
                    }
                });
            }
        });
        ReceiverStream::new(connections)
    }

    async fn shake(&self, socket: TcpStream) -> Result<Connection, HandshakeError> {
        let credentials = self.credentials.borrow().clone();
        let credentials =
            credentials.ok_or(HandshakeError::NoCertificate("the proxy has no certificate yet"))?;
        let mut config = (*credentials.server()).clone();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let accepting = TlsAcceptor::from(Arc::new(config)).accept(socket);
        let accepted = tokio::time::timeout(TIMEOUT, accepting).await.map_err(|_| HandshakeError::Timeout)?;
        admitted(accepted.map_err(reason)?, &credentials)
    }
}

fn admitted(stream: TlsStream<TcpStream>, credentials: &Credentials) -> Result<Connection, HandshakeError> {
    let client = proven(stream.get_ref().1, credentials).map_err(HandshakeError::Identity)?;
    match is_control_plane(&client) {
        true => Ok(Connection(stream)),
        false => Err(HandshakeError::Identity(format!("{client} is not the control plane"))),
    }
}

fn reason(error: io::Error) -> HandshakeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => error.clone().into(),
        None => error.into(),
    }
}

/// A connection of the control plane.
pub(super) struct Connection(TlsStream<TcpStream>);

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
