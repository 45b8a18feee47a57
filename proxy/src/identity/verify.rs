//! Whom a proxy believes.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme,
};

use super::certificate::identity;

/// Of a control plane's name what follows the trust domain.
const CONTROL_PLANE: &str = "/ns/mesh-system/sa/mesh-control-plane";

/// What both sides of a connection in the mesh can do; TLS 1.3 alone.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![kx_group::X25519, kx_group::SECP256R1],
        ..default_provider()
    })
}

/// The roots in a text of PEM certificates.
///
/// # Errors
/// What is wrong with it, or that there is none in it.
pub(super) fn roots_of_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let roots = roots.map_err(|error| error.to_string())?;
    if roots.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(roots)
}

/// A store of roots.
///
/// # Errors
/// One of them is no certificate.
pub(super) fn store(roots: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone())?;
    }
    Ok(store)
}

/// What a server's name must be.
#[derive(Debug)]
enum Expected {
    Identity(Arc<str>),
    /// The control plane of any trust domain whose root is trusted.
    ControlPlane,
}

impl Expected {
    fn is(&self, identity: &str) -> bool {
        match self {
            Self::Identity(expected) => **expected == *identity,
            Self::ControlPlane => is_control_plane(identity),
        }
    }
}

/// Whether a name is the control plane's, of any trust domain.
pub(crate) fn is_control_plane(identity: &str) -> bool {
    identity.strip_suffix(CONTROL_PLANE).is_some_and(|domain| {
        domain.strip_prefix("spiffe://").is_some_and(|domain| !domain.is_empty() && !domain.contains('/'))
    })
}

/// Believes a server by the URI in its certificate, not by its host's name.
#[derive(Debug)]
pub(super) struct UriVerifier {
    expected: Expected,
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl UriVerifier {
    pub fn new(identity: Arc<str>, roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Arc<Self> {
        Arc::new(Self { expected: Expected::Identity(identity), roots, provider })
    }
}

/// Believes the control plane alone.
pub(crate) struct ControlPlaneVerifier;

impl ControlPlaneVerifier {
    /// One that trusts `roots`.
    ///
    /// # Errors
    /// One of them is no certificate.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(
        roots: &[CertificateDer<'static>],
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        let roots = Arc::new(store(roots)?);
        Ok(Arc::new(UriVerifier { expected: Expected::ControlPlane, roots, provider }))
    }
}

impl ServerCertVerifier for UriVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.roots, intermediates, now, algorithms)?;
        match identity(end_entity) {
            Ok(identity) if self.expected.is(&identity) => Ok(ServerCertVerified::assertion()),
            Ok(identity) => Err(Error::General(format!("the peer is {identity}"))),
            Err(_) => Err(Error::InvalidCertificate(CertificateError::NotValidForName)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_plane_is_known_in_every_trust_domain() {
        for (name, expected) in [
            ("spiffe://mesh.local/ns/mesh-system/sa/mesh-control-plane", true),
            ("spiffe://a/ns/mesh-system/sa/mesh-control-plane", true),
            ("spiffe:///ns/mesh-system/sa/mesh-control-plane", false),
            ("spiffe://a/b/ns/mesh-system/sa/mesh-control-plane", false),
            ("spiffe://a/ns/default/sa/mesh-control-plane", false),
        ] {
            assert_eq!(Expected::ControlPlane.is(name), expected, "{name}");
        }
    }
}
