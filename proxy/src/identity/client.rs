//! Asks the control plane for a certificate, again and again for as long as the proxy lives.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::watch;
use tonic::Request;

use super::certificate::Certificate;
use super::credentials::{Credentials, Roots};
use super::given_roots::GivenRoots;
use crate::control_plane::{ControlPlane, Reported, Trouble};
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
/// Proxies that the control plane asks to come do so within this time.
const SPREAD_ASKED: Duration = Duration::from_secs(2);
/// A certificate lives for at least so long, whatever its times say.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// The clock is looked at so often: it may be set, or the machine may have slept.
const LOOK: Duration = Duration::from_secs(30);

/// The identity client of a proxy; it runs on the control thread.
pub struct Client {
    control_plane: ControlPlane,
    subject: Subject,
    given: GivenRoots,
    credentials: watch::Sender<Option<Arc<Credentials>>>,
    registry: Arc<Registry>,
    random: Random,
}

/// Whom a certificate is asked for.
pub struct Subject {
    /// The instance.
    pub name: String,
    pub namespace: String,
}

/// What the control plane has certified, and when to ask again.
struct Certified {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Those that the control plane named.
    roots: Vec<CertificateDer<'static>>,
    renew_at: SystemTime,
}

impl Certified {
    fn credentials(&self, given: &[CertificateDer<'static>]) -> Result<Credentials, String> {
        Credentials::new(self.chain.clone(), self.key.clone_key(), Roots::new(given, &self.roots))
    }
}

/// What the client waits for.
enum Event {
    Due,
    /// The control plane has something new.
    Asked,
    RootsChanged,
    /// The proxy ends.
    Over,
}

impl Client {
    /// A client that publishes what it gets, with the roots that the proxy was given.
    pub fn new(
        control_plane: ControlPlane,
        subject: Subject,
        given: GivenRoots,
        credentials: watch::Sender<Option<Arc<Credentials>>>,
        registry: Arc<Registry>,
    ) -> Self {
        Self { control_plane, subject, given, credentials, registry, random: Random::default() }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        if self.given.wait_for(Option::is_some).await.is_err() {
            return;
        }
        self.given.mark_unchanged();
        let (mut failures, mut reported, mut held) = (0, Reported::default(), None);
        loop {
            let wake = match self.ask().await {
                Ok(certified) => {
                    (failures, reported) = (0, Reported::default());
                    let wake = self.renewal(&certified);
                    held = Some(certified);
                    wake
                }
                Err(trouble) => {
                    self.registry.identity().refresh_failed();
                    let wait = self.wait(&trouble, failures);
                    failures += 1;
                    reported.log(&self.control_plane, Some("no certificate"), trouble);
                    SystemTime::now() + wait
                }
            };
            match self.next(wake).await {
                Event::Due => {}
                // The control plane asks many at the same time.
                Event::Asked => tokio::time::sleep(self.random.up_to(SPREAD_ASKED)).await,
                Event::RootsChanged => self.trust_anew(held.as_ref()),
                Event::Over => return,
            }
        }
    }

    async fn next(&mut self, wake: SystemTime) -> Event {
        tokio::select! {
            () = sleep_until(wake) => Event::Due,
            () = self.control_plane.certify_again() => Event::Asked,
            changed = self.given.changed() => if changed.is_ok() { Event::RootsChanged } else { Event::Over },
        }
    }

    /// What was certified, with the roots that the proxy is given now, whether or not the control plane can be asked.
    fn trust_anew(&self, held: Option<&Certified>) {
        let Some(certified) = held else { return };
        if let Err(trouble) = self.publish(certified) {
            tracing::warn!(reason = trouble.reason(), "the roots to trust have changed, but are of no use");
        }
    }

    /// Asks, and publishes what comes.
    async fn ask(&self) -> Result<Certified, Trouble> {
        let certified = self.certify().await?;
        let certificate = self.publish(&certified)?;
        tracing::info!(identity = %certificate.identity, "certified");
        self.registry.identity().refreshed(certificate.not_after);
        Ok(certified)
    }

    fn publish(&self, certified: &Certified) -> Result<Certificate, Trouble> {
        let given = self.given.borrow().clone().unwrap_or_default();
        let credentials = certified.credentials(&given).map_err(unusable)?;
        let certificate = credentials.certificate().clone();
        // Nobody listens when the proxy ends.
        self.credentials.send_replace(Some(Arc::new(credentials)));
        Ok(certificate)
    }

    async fn certify(&self) -> Result<Certified, Trouble> {
        let token = self.control_plane.authorization()?;
        let own = |error: &dyn std::fmt::Display| Trouble::NotReached(format!("no key: {error}"));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| own(&error))?;
        let request = CertificateParams::default().serialize_request(&key).map_err(|error| own(&error))?;
        let mut call = Request::new(CertifyRequest {
            name: self.subject.name.clone(),
            namespace: self.subject.namespace.clone(),
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
        read(answer, &key).map_err(unusable)
    }

    /// When to ask again: a little later than the control plane says, each at another time.
    fn renewal(&self, certified: &Certified) -> SystemTime {
        let renew_at = certified.renew_at;
        let end = self.credentials.borrow().as_ref().map_or(renew_at, |held| held.certificate().not_after);
        let spread = end.duration_since(renew_at).unwrap_or_default() / SPREAD;
        (renew_at + self.random.up_to(spread)).max(SystemTime::now() + SHORTEST_LIFE)
    }

    fn wait(&self, trouble: &Trouble, failures: u32) -> Duration {
        self.random.jitter(back_off(trouble, failures))
    }
}

/// How long to wait before the control plane is asked again that did not certify for so many times before.
fn back_off(trouble: &Trouble, failures: u32) -> Duration {
    let (shortest, longest) = match trouble {
        Trouble::Refused(_) => (SHORTEST_WAIT_REFUSED, LONGEST_WAIT_REFUSED),
        Trouble::NoToken(_) | Trouble::NotBelieved(_) | Trouble::NotReached(_) => {
            (SHORTEST_WAIT, LONGEST_WAIT)
        }
    };
    shortest.saturating_mul(1 << failures.min(10)).min(longest)
}

fn unusable(reason: String) -> Trouble {
    Trouble::Refused(format!("what it signed is of no use: {reason}"))
}

fn read(answer: CertifyResponse, key: &KeyPair) -> Result<Certified, String> {
    let certificates = |list: Vec<Vec<u8>>| list.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
    let renew_at = answer.renew_at.ok_or("it does not say when to renew")?;
    let renew_at = SystemTime::try_from(renew_at).map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let (chain, roots) = (certificates(answer.certificates), certificates(answer.trust_roots));
    Ok(Certified { chain, key, roots, renew_at })
}

async fn sleep_until(time: SystemTime) {
    while let Ok(left) = time.duration_since(SystemTime::now()) {
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_waits_longer_each_time_and_longer_than_where_nobody_answers() {
        let waits =
            |trouble: Trouble| [0, 1, 2, 5, 20].map(|failures| back_off(&trouble, failures).as_secs_f64());
        assert_eq!(waits(Trouble::Refused(String::new())), [1.0, 2.0, 4.0, 32.0, 60.0]);
        assert_eq!(waits(Trouble::NotReached(String::new())), [0.1, 0.2, 0.4, 3.2, 10.0]);
        assert_eq!(waits(Trouble::NoToken(String::new())), [0.1, 0.2, 0.4, 3.2, 10.0]);
    }
}
