//! The handshake, by rustls.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{CommonState, ExtractedSecrets, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::session::{Kernel, Session};
use super::{MESH_PROTOCOL, TAKES_STREAMS};
use crate::identity::{Certificate, Credentials};
use crate::listener;
use crate::relay::Buffer;

/// How long a handshake may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that has sent so much, and the handshake is still not done, is not listened to any longer.
const MAX_INCOMING: usize = 128 * 1024;
const READ: usize = 4096;

/// Why a handshake failed.
#[derive(Debug)]
pub enum HandshakeError {
    /// The connection broke.
    Io(io::Error),
    Timeout,
    /// One side has no certificate that the other takes, or is no proxy of the mesh at all.
    Identity(String),
    /// We have no certificate, or ours has ended.
    NoCertificate(&'static str),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Timeout => f.write_str("the handshake took too long"),
            Self::Identity(reason) => f.write_str(reason),
            Self::NoCertificate(reason) => f.write_str(reason),
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rustls::Error> for HandshakeError {
    fn from(error: rustls::Error) -> Self {
        Self::Identity(error.to_string())
    }
}

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Secured {
    pub session: Session,
    /// Data that came with the end of the handshake.
    pub received: Buffer,
    /// An earlier session was resumed.
    pub is_resumed: bool,
}

/// Makes the handshake with an endpoint that must prove to be `identity`, and says whether streams may be offered.
///
/// # Errors
/// It does not, or does not take our certificate, or breaks the connection.
pub async fn connect(
    socket: &mut TcpStream,
    credentials: &Credentials,
    identity: &Arc<str>,
    ip: IpAddr,
    takes_streams: bool,
) -> Result<Secured, HandshakeError> {
    let config = credentials.client(identity)?;
    let connection = UnbufferedClientConnection::new(config, server_name(ip, takes_streams)?)?;
    in_time(shake(connection, socket, Vec::new(), credentials)).await
}

/// Makes the handshake with a client of which `hello` was read already.
///
/// # Errors
/// It has no certificate that we take, or does not take ours, or breaks the connection.
pub async fn accept(
    socket: &mut TcpStream,
    credentials: &Credentials,
    hello: &[u8],
) -> Result<Secured, HandshakeError> {
    let connection = UnbufferedServerConnection::new(credentials.server())?;
    let mut secured = in_time(shake(connection, socket, hello.to_vec(), credentials)).await?;
    if listener::server_name(hello).is_some_and(|name| name.starts_with(TAKES_STREAMS)) {
        secured.session.client_takes_streams();
    }
    Ok(secured)
}

/// A name for the server at `ip`, by which its tickets are kept.
fn server_name(ip: IpAddr, takes_streams: bool) -> Result<ServerName<'static>, HandshakeError> {
    if !takes_streams {
        return Ok(ServerName::IpAddress(ip.into()));
    }
    let number = match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    ServerName::try_from(format!("{TAKES_STREAMS}{number:x}.invalid"))
        .map_err(|_| HandshakeError::Io(io::ErrorKind::InvalidInput.into()))
}

async fn in_time(
    shaking: impl Future<Output = Result<Secured, HandshakeError>>,
) -> Result<Secured, HandshakeError> {
    tokio::time::timeout(TIMEOUT, shaking).await.unwrap_or(Err(HandshakeError::Timeout))
}

/// One side of a handshake.
trait Side {
    type Data;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    fn common(&self) -> &CommonState;

    fn finish(self) -> Result<(ExtractedSecrets, Kernel), rustls::Error>;
}

impl Side for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }

    fn finish(self) -> Result<(ExtractedSecrets, Kernel), rustls::Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Ok((secrets, Kernel::Client(Box::new(kernel))))
    }
}

impl Side for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }

    fn common(&self) -> &CommonState {
        self
    }

    fn finish(self) -> Result<(ExtractedSecrets, Kernel), rustls::Error> {
        let (secrets, kernel) = self.dangerous_into_kernel_connection()?;
        Ok((secrets, Kernel::Server(Box::new(kernel))))
    }
}

/// What the handshake needs next.
enum Step {
    Again,
    Write,
    Read,
    Done,
    Failed(HandshakeError),
}

/// Makes the handshake; `incoming` is what was read of it already.
async fn shake<S: Side>(
    mut side: S,
    socket: &mut TcpStream,
    mut incoming: Vec<u8>,
    credentials: &Credentials,
) -> Result<Secured, HandshakeError> {
    let (mut outgoing, mut received) = (Vec::new(), Buffer::default());
    loop {
        match step(&mut side, &mut incoming, &mut outgoing, &mut received) {
            Step::Again => {}
            Step::Write => flush(socket, &mut outgoing).await?,
            Step::Done if !side.common().is_handshaking() => break,
            Step::Read | Step::Done => read(socket, &mut incoming).await?,
            Step::Failed(error) => {
                // The peer is told by the alert that is ready now, if it still listens. After that the connection would look at
                // what is wrong once more.
                step(&mut side, &mut incoming, &mut outgoing, &mut received);
                let _ = flush(socket, &mut outgoing).await;
                return Err(error);
            }
        }
    }
    let common = side.common();
    let is_resumed = common.handshake_kind() == Some(HandshakeKind::Resumed);
    if common.alpn_protocol() != Some(MESH_PROTOCOL) {
        return Err(HandshakeError::Identity("the peer does not speak the protocol of the mesh".to_owned()));
    }
    let peer = proven(common, credentials).map_err(HandshakeError::Identity)?;
    let (secrets, kernel) = side.finish()?;
    let session = Session::new(peer, secrets, kernel, &incoming)?;
    Ok(Secured { session, received, is_resumed })
}

fn step<S: Side>(
    side: &mut S,
    incoming: &mut Vec<u8>,
    outgoing: &mut Vec<u8>,
    received: &mut Buffer,
) -> Step {
    let UnbufferedStatus { discard, state } = side.process(incoming);
    let step = match state {
        Ok(ConnectionState::EncodeTlsData(mut data)) => match encode(&mut data, outgoing) {
            Ok(()) => Step::Again,
            Err(error) => Step::Failed(error),
        },
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Step::Write
        }
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(Ok(record)) = traffic.next_record() {
                received.append(record.payload);
            }
            Step::Again
        }
        Ok(ConnectionState::WriteTraffic(_)) => Step::Done,
        Ok(ConnectionState::BlockedHandshake) => Step::Read,
        Ok(_) => Step::Failed(HandshakeError::Io(io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Step::Failed(error.into()),
    };
    incoming.drain(..discard);
    step
}

fn encode<Data>(data: &mut EncodeTlsData<'_, Data>, outgoing: &mut Vec<u8>) -> Result<(), HandshakeError> {
    let start = outgoing.len();
    let needed = match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(error)) => error.required_size,
        Ok(_) | Err(EncodeError::AlreadyEncoded) => 0,
    };
    outgoing.resize(start + needed, 0);
    match data.encode(&mut outgoing[start..]) {
        Ok(length) => {
            outgoing.truncate(start + length);
            Ok(())
        }
        Err(_) => Err(HandshakeError::Io(io::ErrorKind::InvalidData.into())),
    }
}

async fn flush(socket: &mut TcpStream, outgoing: &mut Vec<u8>) -> io::Result<()> {
    socket.write_all(outgoing).await?;
    outgoing.clear();
    Ok(())
}

async fn read(socket: &mut TcpStream, incoming: &mut Vec<u8>) -> io::Result<()> {
    if incoming.len() > MAX_INCOMING {
        return Err(io::ErrorKind::InvalidData.into());
    }
    incoming.reserve(READ);
    match socket.read_buf(incoming).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The name that the peer has proved. Of a session that was resumed the certificate was checked when it began, but not again.
pub(crate) fn proven(common: &CommonState, credentials: &Credentials) -> Result<Arc<str>, String> {
    let first = common.peer_certificates().and_then(<[_]>::first).ok_or("the peer has no certificate")?;
    let certificate = Certificate::read(first)?;
    if certificate.has_ended() {
        return Err(format!("the certificate of {} has ended", certificate.identity));
    }
    if certificate.trust_domain() != credentials.certificate().trust_domain() {
        return Err(format!("{} is of another trust domain", certificate.identity));
    }
    Ok(certificate.identity)
}
