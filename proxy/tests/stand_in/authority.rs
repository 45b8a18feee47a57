//! A certificate authority of a mesh, and the part of a control plane that certifies by it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use mesh_proxy::proto::identity_server::Identity;
use mesh_proxy::proto::{CertifyRequest, CertifyResponse};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Request, Response, Status};

/// The name of a control plane.
pub const CONTROL_PLANE: &str = "spiffe://mesh.local/ns/mesh-system/sa/mesh-control-plane";

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A certificate is valid from so long before it was signed.
const BACK_DATED: Duration = Duration::from_secs(600);

/// How what is asked for is signed.
#[derive(Clone)]
pub struct Terms {
    /// From now.
    pub lifetime: Duration,
    /// The certificate's time is over already.
    pub has_ended: bool,
    /// What the authority takes for now.
    pub clock: fn() -> SystemTime,
    pub renew_in: Duration,
    /// Refuses, with this reason.
    pub refuses: Option<&'static str>,
    /// Roots that are to be trusted beside the authority's own.
    pub more_roots: Vec<CertificateDer<'static>>,
}

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    terms: Mutex<Terms>,
    pub signed: AtomicUsize,
}

/// The name of an account, or a whole name as it is.
pub fn identity(account: &str) -> String {
    if account.contains(':') {
        return account.to_owned();
    }
    format!("spiffe://mesh.local/ns/default/sa/{account}")
}

impl Authority {
    pub fn new() -> Arc<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let terms = Terms {
            lifetime: DAY,
            has_ended: false,
            clock: SystemTime::now,
            renew_in: DAY,
            refuses: None,
            more_roots: Vec::new(),
        };
        Arc::new(Self { issuer, terms: Mutex::new(terms), signed: AtomicUsize::new(0) })
    }

    pub fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A file with the root in PEM.
    pub fn root_file(&self) -> String {
        file("roots", &self.issuer.pem())
    }

    /// From now on it signs on other terms.
    pub fn change(&self, change: impl FnOnce(&mut Terms)) {
        change(&mut self.terms.lock().unwrap());
    }

    fn params(names: &[&str], now: SystemTime, end: SystemTime) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            names.iter().map(|name| SanType::URI((*name).try_into().unwrap())).collect();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = (now - BACK_DATED).into();
        params.not_after = end.into();
        params
    }

    /// A certificate for a peer that a test makes itself.
    pub fn certify(&self, identity: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        self.certify_as(&[identity])
    }

    /// The same, with so many names.
    pub fn certify_as(&self, names: &[&str]) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let now = (self.terms.lock().unwrap().clock)();
        let params = Self::params(names, now, now + DAY);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        (vec![certificate.der().clone()], key)
    }

    fn sign(&self, request: &[u8], identity: &str, terms: &Terms) -> Vec<u8> {
        let now = (terms.clock)();
        let end = if terms.has_ended { now - Duration::from_secs(60) } else { now + terms.lifetime };
        let mut request = CertificateSigningRequestParams::from_der(&request.into()).unwrap();
        request.params = Self::params(&[identity], now, end);
        self.signed.fetch_add(1, SeqCst);
        request.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// The service that certifies. Whoever shows the token ACCOUNT gets a certificate of that account.
pub struct Certifier(pub Arc<Authority>);

#[tonic::async_trait]
impl Identity for Certifier {
    async fn certify(&self, request: Request<CertifyRequest>) -> Result<Response<CertifyResponse>, Status> {
        let terms = self.0.terms.lock().unwrap().clone();
        if let Some(reason) = terms.refuses {
            return Err(Status::permission_denied(reason));
        }
        let authorization =
            request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let Some(account) = authorization.as_deref().and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(Status::unauthenticated("no token"));
        };
        let certificate = self.0.sign(&request.get_ref().certificate_request, &identity(account), &terms);
        Ok(Response::new(CertifyResponse {
            certificates: vec![certificate],
            trust_roots: std::iter::once(&self.0.root())
                .chain(&terms.more_roots)
                .map(|root| root.to_vec())
                .collect(),
            renew_at: Some(((terms.clock)() + terms.renew_in).into()),
        }))
    }
}

/// A file of this test run alone.
pub fn file(name: &str, text: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, SeqCst);
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{number}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Speaks TLS as the control plane, for one at `address` that speaks plain text.
pub fn front(authority: &Arc<Authority>, address: SocketAddr) -> SocketAddr {
    let (chain, key) = authority.certify(CONTROL_PLANE);
    front_as(chain, key, address)
}

/// The same, with any certificate.
pub fn front_as(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    address: SocketAddr,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13]);
    let mut config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (started, chosen) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            started.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut secured) = acceptor.accept(socket).await else { return };
                    let Ok(mut plain) = TcpStream::connect(address).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut secured, &mut plain).await;
                });
            }
        });
    });
    chosen.recv().unwrap()
}
