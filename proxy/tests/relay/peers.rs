//! Peers that speak TLS by a library of their own, and believe everybody.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, SignatureScheme, StreamOwned,
};

use crate::stand_in::authority::Authority;

const ALPN: &[u8] = b"mesh/1";

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client that the authority has certified by these names.
pub fn client_of(
    authority: &Authority,
    names: &[&str],
    socket: TcpStream,
) -> StreamOwned<ClientConnection, TcpStream> {
    client_speaking(ALPN, authority, names, socket)
}

/// The same, that speaks another protocol inside.
pub fn client_speaking(
    protocol: &[u8],
    authority: &Authority,
    names: &[&str],
    socket: TcpStream,
) -> StreamOwned<ClientConnection, TcpStream> {
    let config = client_config(protocol, authority, names);
    let client = ClientConnection::new(config, "world".try_into().unwrap()).unwrap();
    StreamOwned::new(client, socket)
}

fn client_config(protocol: &[u8], authority: &Authority, names: &[&str]) -> Arc<ClientConfig> {
    let (chain, key) = authority.certify_as(names);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

/// A client of the authority that takes streams, and sends `request` with the end of its handshake, without waiting for them to be
/// offered.
pub fn hasty_client_of(
    authority: &Authority,
    name: &str,
    request: &[u8],
    socket: TcpStream,
) -> StreamOwned<ClientConnection, TcpStream> {
    let config = client_config(ALPN, authority, &[name]);
    let mut client = ClientConnection::new(config, "streams.7f000001.invalid".try_into().unwrap()).unwrap();
    client.writer().write_all(request).unwrap();
    StreamOwned::new(client, socket)
}

/// A server that the authority has certified by these names.
pub fn server_config(authority: &Authority, names: &[&str]) -> Arc<ServerConfig> {
    let (chain, key) = authority.certify_as(names);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

/// Takes every certificate: whom the proxy is, is not what is tried here.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
