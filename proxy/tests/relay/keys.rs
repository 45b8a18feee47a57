//! Keys that change while a connection is open (RFC 8446, section 4.6.3), by peers that are not our proxy.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
};

use crate::backend::Backend;
use crate::mesh::{inbound, outbound};
use crate::stand_in::authority::{Authority, identity};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: world\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const ALPN: &[u8] = b"mesh/1";
const ROUNDS: usize = 5;

#[test]
fn a_client_may_change_its_keys_and_ask_for_others() {
    let authority = Authority::new();
    let application = Backend::answering(|_| OK.to_owned());
    let world = inbound(&authority, "world", application.address, &[]);
    let mut client = client_of(&authority, TcpStream::connect(world.address).unwrap());
    for _ in 0..ROUNDS {
        client.write_all(REQUEST.as_bytes()).unwrap();
        expect(&mut client, OK);
        client.conn.refresh_traffic_keys().unwrap();
    }
    assert_eq!(application.connections(), 1);
}

#[test]
fn a_server_may_change_its_keys_and_ask_for_others() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = server_config(&authority);
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
        for _ in 0..ROUNDS {
            expect(&mut server, REQUEST);
            server.conn.refresh_traffic_keys().unwrap();
            server.write_all(OK.as_bytes()).unwrap();
        }
    });
    let hello = outbound(&authority, address, "world", &[]);
    let mut client = hello.connect();
    for _ in 0..ROUNDS {
        client.send(REQUEST);
        client.until("hi");
    }
    server.join().unwrap();
}

fn expect(stream: &mut impl Read, expected: &str) {
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), expected);
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn client_of(authority: &Authority, socket: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let (chain, key) = authority.certify(&identity("hello"));
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let client = ClientConnection::new(Arc::new(config), "world".try_into().unwrap()).unwrap();
    StreamOwned::new(client, socket)
}

fn server_config(authority: &Authority) -> Arc<ServerConfig> {
    let (chain, key) = authority.certify(&identity("world"));
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
