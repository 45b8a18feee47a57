//! Whether requests between two proxies share a connection, which both must know how to do.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::backend::Backend;
use crate::mesh::{inbound, outbound};
use crate::pair::{GET, OK, Pair, answering};
use crate::peers::hasty_client_of;
use crate::secured::Middle;
use crate::stand_in::authority::{Authority, identity};

#[test]
fn an_application_whose_port_is_opaque_gets_what_was_sent_and_no_more() {
    let application = Backend::start();
    let port = application.address.port().to_string();
    let pair = Pair::with(application.address, &[("MESH_PROXY_OPAQUE_PORTS", port.as_str())]);
    let mut client = pair.hello.connect();
    client.send(GET);
    let mut server = application.accept();
    for _ in 0..3 {
        assert_eq!(server.until("\r\n\r\n"), GET);
        server.send(OK);
        assert_eq!(client.until("hi"), OK);
        client.send(GET);
    }
}

#[test]
fn an_offer_that_comes_late_is_taken_after_the_first_request() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let middle = Middle::slow(world.address, Duration::from_millis(80));
    let hello = outbound(&authority, middle.address, "world", &[]);
    let mut first = hello.connect();
    first.send(GET);
    assert_eq!(first.until("hi"), OK);
    let mut clients: Vec<_> = (0..8).map(|_| hello.connect()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    for client in &mut clients {
        assert_eq!(client.until("hi"), OK);
    }
    assert_eq!(world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""]), 1.0);
}

#[test]
fn a_proxy_that_knows_nothing_of_streams_is_served_as_before() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let (chain, key) = authority.certify(&identity("hello"));
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyServer(Arc::clone(&provider)));
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"mesh/1".to_vec()];
    let name = ServerName::IpAddress(world.address.ip().into());
    let session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut client = rustls::StreamOwned::new(session, world.connect().0);
    for _ in 0..3 {
        client.write_all(GET.as_bytes()).unwrap();
        let mut answer = vec![0; OK.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), OK);
    }
    assert_eq!(application.heads().len(), 3);
}

#[test]
fn a_request_that_comes_with_the_end_of_the_handshake_does_not_wait() {
    let application = Backend::start();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let socket = world.connect().0;
    let mut client = hasty_client_of(&authority, &identity("hello"), GET.as_bytes(), socket);
    client.flush().unwrap();
    assert_eq!(application.accept().until("\r\n\r\n"), GET);
}

#[test]
fn an_endpoint_whose_proxy_knows_nothing_of_streams_is_asked_as_before() {
    let authority = Authority::new();
    let (chain, key) = authority.certify(&identity("world"));
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"mesh/1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let session = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut server = rustls::StreamOwned::new(session, listener.accept().unwrap().0);
        for _ in 0..3 {
            let mut request = vec![0; GET.len()];
            server.read_exact(&mut request).unwrap();
            assert_eq!(String::from_utf8_lossy(&request), GET);
            server.write_all(OK.as_bytes()).unwrap();
        }
        server
    });
    let hello = outbound(&authority, address, "world", &[]);
    let mut client = hello.connect();
    for _ in 0..3 {
        client.send(GET);
        assert_eq!(client.until("hi"), OK);
    }
    server.join().unwrap();
}

/// Takes the certificate of any server.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 alone".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
