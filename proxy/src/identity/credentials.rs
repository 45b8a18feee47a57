//! A key with its certificate, and the roots that are trusted with it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::Ticketer;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, Error, RootCertStore, ServerConfig};

use super::certificate::Certificate;
use super::verify::{UriVerifier, provider, store};
use crate::proto;
use crate::tls::{HandshakeError, MESH_PROTOCOL};

/// Tickets that are kept for the endpoints of one identity.
const MAX_TICKETS: usize = 256;

/// What a proxy shows to others, and by what it believes them. Replaced as a whole; sessions end with it and are not resumed.
pub struct Credentials {
    certificate: Certificate,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    roots: Roots,
    store: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
    server: Arc<ServerConfig>,
    /// By the identity that the endpoint must prove.
    clients: Mutex<HashMap<Arc<str>, Arc<ClientConfig>>>,
}

/// The roots that a proxy trusts.
#[derive(Debug, Clone)]
pub struct Roots {
    /// Those of its file.
    pub given: Vec<CertificateDer<'static>>,
    /// These, and those that the control plane named.
    pub all: Vec<CertificateDer<'static>>,
}

impl Roots {
    pub fn new(given: &[CertificateDer<'static>], named: &[CertificateDer<'static>]) -> Self {
        let more = named.iter().filter(|root| !given.contains(root));
        Self { given: given.to_vec(), all: given.iter().chain(more).cloned().collect() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Of a chain, the proxy's own certificate first, its key, and the roots to trust.
    ///
    /// # Errors
    /// They make no sense, or not together.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        roots: Roots,
    ) -> Result<Self, String> {
        let certificate = Certificate::read(chain.first().ok_or("there is no certificate")?)?;
        let provider = provider();
        let store = Arc::new(store(&roots.all).map_err(|error| format!("roots: {error}"))?);
        let server = server(&chain, &key, &store, &provider).map_err(|error| error.to_string())?;
        let clients = Mutex::default();
        Ok(Self { certificate, chain, key, roots, store, provider, server, clients })
    }

    /// The certificate that others are shown.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The roots by which others are believed.
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.roots.all
    }

    /// What the control plane is told of them.
    pub(crate) fn trust(&self) -> proto::Trust {
        let hashes = |roots: &[CertificateDer<'static>]| roots.iter().map(hash).collect();
        proto::Trust {
            given_roots: hashes(&self.roots.given),
            roots: hashes(&self.roots.all),
            issuer: self.chain.get(1).map(hash).unwrap_or_default(),
            not_after: Some(self.certificate.not_after.into()),
        }
    }

    /// # Errors
    /// The certificate has ended: nobody would take it.
    pub(crate) fn check_time(&self) -> Result<(), HandshakeError> {
        match self.certificate.has_ended() {
            false => Ok(()),
            true => Err(HandshakeError::NoCertificate("the proxy's own certificate has ended")),
        }
    }

    /// How to take connections of the mesh.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// How to open connections to endpoints that must prove to be `identity`.
    pub(crate) fn client(&self, identity: &Arc<str>) -> Result<Arc<ClientConfig>, Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = clients.get(identity) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.new_client(Arc::clone(identity))?);
        clients.insert(Arc::clone(identity), Arc::clone(&config));
        Ok(config)
    }

    fn new_client(&self, identity: Arc<str>) -> Result<ClientConfig, Error> {
        let verifier = UriVerifier::new(identity, Arc::clone(&self.store), Arc::clone(&self.provider));
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![MESH_PROTOCOL.to_vec()];
        config.resumption = Resumption::in_memory_sessions(MAX_TICKETS);
        config.enable_secret_extraction = true;
        Ok(config)
    }
}

fn hash(certificate: &CertificateDer<'static>) -> Vec<u8> {
    digest(&SHA256, certificate).as_ref().to_vec()
}

fn server(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    store: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(store), Arc::clone(provider))
        .build()
        .map_err(|error| Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.to_vec(), key.clone_key())?;
    config.alpn_protocols = vec![MESH_PROTOCOL.to_vec()];
    config.ticketer = Ticketer::new()?;
    // A connection that is resumed spends one ticket, and gets one.
    config.send_tls13_tickets = 1;
    config.enable_secret_extraction = true;
    Ok(Arc::new(config))
}
