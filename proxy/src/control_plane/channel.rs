//! Connections to the control plane: in plain text, or with TLS where the proxy is given roots to trust.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use super::token;
use super::trouble::Trouble;
use crate::identity::{ControlPlaneVerifier, Current, GivenRoots, provider};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A peer that answers no ping for this long after one was due is taken for dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// What the control plane is called; its certificate is checked for its URI.
const SERVER_NAME: &str = "mesh-control-plane.mesh-system.svc";

/// Where the control plane is, and what proves who it is and who we are.
#[derive(Clone)]
pub struct ControlPlane {
    endpoint: Endpoint,
    token_file: Option<PathBuf>,
    trust: Option<Trust>,
}

/// Which control plane is believed.
#[derive(Clone)]
pub struct Trust {
    /// The roots that the proxy was given.
    pub given: GivenRoots,
    /// What the control plane has certified, with the roots that it named.
    pub credentials: Current,
    /// Told when the control plane wants the proxy to be certified again.
    pub again: Arc<Notify>,
}

impl ControlPlane {
    /// The control plane at an address. Where it asks for a token, that is in `token_file`; without `trust` it is spoken to in
    /// plain text.
    pub fn new(address: Uri, token_file: Option<PathBuf>, trust: Option<Trust>) -> Self {
        let endpoint = Endpoint::from(address)
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        Self { endpoint, token_file, trust }
    }

    /// The host and the port.
    pub(crate) fn address(&self) -> Option<&str> {
        self.endpoint.uri().authority().map(hyper::http::uri::Authority::as_str)
    }

    /// What the proxy has certified; none where it needs no certificate.
    pub(crate) fn credentials(&self) -> Option<Current> {
        self.trust.as_ref().map(|trust| trust.credentials.clone())
    }

    /// The control plane wants the proxy to be certified again.
    pub(crate) fn want_certificate(&self) {
        if let Some(trust) = &self.trust {
            trust.again.notify_one();
        }
    }

    /// Waits until it does.
    pub(crate) async fn certify_again(&self) {
        match &self.trust {
            Some(trust) => trust.again.notified().await,
            None => std::future::pending().await,
        }
    }

    /// What shows who the proxy is, at this moment; none where nobody asks for it.
    pub(crate) fn authorization(&self) -> Result<Option<MetadataValue<Ascii>>, Trouble> {
        self.token_file.as_deref().map(token::bearer).transpose().map_err(Trouble::NoToken)
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Channel, Trouble> {
        let connected = match &self.trust {
            None => self.endpoint.connect().await,
            Some(trust) => {
                let connector = Connector { tls: trust.connector()? };
                self.endpoint.connect_with_connector(connector).await
            }
        };
        connected.map_err(|error| Trouble::of_connection(&error))
    }
}

impl Trust {
    fn connector(&self) -> Result<TlsConnector, Trouble> {
        let wrong = |error: rustls::Error| Trouble::NotBelieved(error.to_string());
        let given = self.given.borrow().clone();
        let given = given.ok_or_else(|| Trouble::NotBelieved("they are not there yet".to_owned()))?;
        let mut roots = given.to_vec();
        if let Some(credentials) = &*self.credentials.borrow() {
            roots.extend_from_slice(credentials.roots());
        }
        let provider = provider();
        let verifier = ControlPlaneVerifier::new(&roots, Arc::clone(&provider)).map_err(wrong)?;
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_protocol_versions(&[&TLS13]).map_err(wrong)?;
        let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Opens connections with TLS for tonic.
#[derive(Clone)]
struct Connector {
    tls: TlsConnector,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let tls = self.tls.clone();
        Box::pin(async move {
            let authority = address.authority().ok_or(io::ErrorKind::InvalidInput)?;
            let socket = TcpStream::connect(authority.as_str()).await?;
            socket.set_nodelay(true)?;
            let name = ServerName::try_from(SERVER_NAME).map_err(io::Error::other)?;
            Ok(TokioIo::new(tls.connect(name, socket).await?))
        })
    }
}
