//! Asks the control plane for a certificate, again and again for as long as the proxy lives.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::watch;
use tonic::Request;

use super::credentials::Credentials;
use crate::control_plane::{ControlPlane, Trouble};
use crate::metrics::Registry;
use crate::proto::identity_client::IdentityClient;
use crate::proto::{CertifyRequest, CertifyResponse};
use crate::random::Random;

/// How long the control plane may take to sign.
const TIMEOUT: Duration = Duration::from_secs(10);
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A control plane that has refused does not change its mind as fast as one comes back that was away.
const SHORTEST_WAIT_REFUSED: Duration = Duration::from_secs(1);
const LONGEST_WAIT_REFUSED: Duration = Duration::from_secs(60);
/// Of the time between renewal and the certificate's end, so much is used to spread renewals.
const SPREAD: u32 = 10;
/// A certificate lives for at least so long, whatever its times say.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// The clock is looked at so often: it may be set, or the machine may have slept.
const LOOK: Duration = Duration::from_secs(30);

/// The identity client of a proxy; it runs on the control thread.
pub struct Client {
    control_plane: ControlPlane,
    name: String,
    namespace: String,
    credentials: watch::Sender<Option<Arc<Credentials>>>,
    registry: Arc<Registry>,
    random: Random,
}

/// What the control plane has certified, and when to ask again.
struct Certified {
    credentials: Credentials,
    renew_at: SystemTime,
}

impl Client {
    /// A client of the instance `name` in `namespace`, that publishes what it gets.
    pub fn new(
        control_plane: ControlPlane,
        name: String,
        namespace: String,
        credentials: watch::Sender<Option<Arc<Credentials>>>,
        registry: Arc<Registry>,
    ) -> Self {
        Self { control_plane, name, namespace, credentials, registry, random: Random::default() }
    }

    /// Runs until it is dropped.
    pub async fn run(self) {
        let mut failures = 0;
        let mut reported = None;
        loop {
            match self.certify().await {
                Ok(certified) => {
                    (failures, reported) = (0, None);
                    let wake = self.publish(certified);
                    sleep_until(wake).await;
                }
                Err(trouble) => {
                    self.registry.identity().refresh_failed();
                    let wait = self.wait(&trouble, failures);
                    failures += 1;
                    self.report(trouble, &mut reported);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    async fn certify(&self) -> Result<Certified, Trouble> {
        let token = self.control_plane.authorization()?;
        let own = |error: &dyn std::fmt::Display| Trouble::NotReached(format!("no key: {error}"));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| own(&error))?;
        let request = CertificateParams::default().serialize_request(&key).map_err(|error| own(&error))?;
        let mut call = Request::new(CertifyRequest {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            certificate_request: request.der().to_vec(),
        });
        if let Some(token) = token {
            call.metadata_mut().insert("authorization", token);
        }
        call.set_timeout(TIMEOUT);
        let channel = self.control_plane.connect().await?;
        let answer = tokio::time::timeout(TIMEOUT, IdentityClient::new(channel).certify(call)).await;
        let answer = answer.map_err(|_| Trouble::NotReached("it takes too long to sign".to_owned()))?;
        let answer = answer.map_err(|status| Trouble::of_call(&status))?.into_inner();
        let unusable = |reason| Trouble::Refused(format!("what it signed is of no use: {reason}"));
        read(answer, &key).map_err(unusable)
    }

    /// Returns when to ask again.
    fn publish(&self, certified: Certified) -> SystemTime {
        let Certified { credentials, renew_at } = certified;
        let certificate = credentials.certificate();
        tracing::info!(identity = %certificate.identity, "certified");
        self.registry.identity().refreshed(certificate.not_after);
        let spread = certificate.not_after.duration_since(renew_at).unwrap_or_default() / SPREAD;
        let late = spread.mul_f64(self.random.below(1 << 20) as f64 / f64::from(1 << 20));
        // Nobody listens when the proxy ends.
        self.credentials.send_replace(Some(Arc::new(credentials)));
        (renew_at + late).max(SystemTime::now() + SHORTEST_LIFE)
    }

    fn wait(&self, trouble: &Trouble, failures: u32) -> Duration {
        let (shortest, longest) = match trouble {
            Trouble::Refused(_) => (SHORTEST_WAIT_REFUSED, LONGEST_WAIT_REFUSED),
            Trouble::NoToken(_) | Trouble::NotBelieved(_) | Trouble::NotReached(_) => {
                (SHORTEST_WAIT, LONGEST_WAIT)
            }
        };
        self.random.jitter(shortest.saturating_mul(1 << failures.min(10)).min(longest))
    }

    /// Logs a trouble when it is another than the last one.
    fn report(&self, trouble: Trouble, reported: &mut Option<Trouble>) {
        let (address, reason) = (self.control_plane.address(), trouble.reason());
        if reported.as_ref() == Some(&trouble) {
            tracing::debug!(address, reason, "no certificate: {trouble}, still");
        } else {
            tracing::warn!(address, reason, "no certificate: {trouble}; trying on");
        }
        *reported = Some(trouble);
    }
}

fn read(answer: CertifyResponse, key: &KeyPair) -> Result<Certified, String> {
    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
    let renew_at = answer.renew_at.ok_or("it does not say when to renew")?;
    let renew_at = SystemTime::try_from(renew_at).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let credentials =
        Credentials::new(certificates(answer.certificates), key, certificates(answer.trust_roots))?;
    Ok(Certified { credentials, renew_at })
}

async fn sleep_until(time: SystemTime) {
    while let Ok(left) = time.duration_since(SystemTime::now()) {
        tokio::time::sleep(left.min(LOOK)).await;
    }
}
