//! The control thread: discovery, admin, tap and the proxy's end.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;

use super::bind::{Addresses, BindError, Listeners};
use super::shutdown::{self, Requests};
use super::{descriptors, threads};
use crate::admin::{self, Admin, Proofs, Readiness};
use crate::config::{Application, Config, Identity, Inbound, MAX_DESCRIPTORS};
use crate::control_plane::{ControlPlane, Trust};
use crate::discovery;
use crate::identity;
use crate::metrics::Registry;
use crate::permission::Policy;
use crate::proto;
use crate::tap;

const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Why the proxy could not run, or could not go on.
#[derive(Debug)]
pub enum RunError {
    Bind(BindError),
    System(io::Error),
    /// The process may not have as many descriptors as it was told.
    Descriptors {
        wanted: u64,
        error: io::Error,
    },
    /// The workers ended although nobody asked them to.
    WorkersEnded,
    /// A second signal came during the drain.
    Interrupted,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind(error) => error.fmt(f),
            Self::Descriptors { wanted, error } => {
                write!(f, "{MAX_DESCRIPTORS}: the system does not allow {wanted}: {error}")
            }
            Self::System(error) => write!(f, "the system refuses what the proxy needs: {error}"),
            Self::WorkersEnded => f.write_str("the workers ended"),
            Self::Interrupted => f.write_str("ended by a second signal"),
        }
    }
}

impl std::error::Error for RunError {}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Runs a proxy until it is asked to end and has drained.
///
/// # Errors
/// When it cannot start, or ends otherwise.
pub fn run(config: Config) -> Result<(), RunError> {
    let wanted = config.limits.descriptors;
    if let (Err(error), Some(wanted)) = (descriptors::set_limit(wanted), wanted) {
        return Err(RunError::Descriptors { wanted, error });
    }
    let listeners = Listeners::bind(&config).map_err(RunError::Bind)?;
    threads::runtime()?.block_on(control(Arc::new(config), listeners))
}

async fn control(config: Arc<Config>, listeners: Listeners) -> Result<(), RunError> {
    let (shutdown, mut requests) = shutdown::channel()?;
    if config.stop_with_stdin {
        shutdown::follow_stdin(shutdown.clone())?;
    }
    let registry = Arc::new(Registry::default());
    let observers = Arc::new(tap::Observers::default());
    let status = Arc::new(discovery::Status::default());
    let (certified, credentials) = watch::channel(None);
    let given = config.trust_roots.clone().map(|file| {
        let (file, given) = identity::RootsFile::new(file);
        spawn_local(file.follow());
        given
    });
    let proofs = given.clone().map(|roots| Proofs { roots, credentials: credentials.clone() });
    let readiness = Rc::new(Readiness::new(Arc::clone(&status), proofs));

    let (policy, policies) = watch::channel(None::<Arc<Policy>>);
    let begin_drain = watch::Sender::new(());
    // Nothing is ever sent: the channel ends when the last worker has ended.
    let (alive, mut lives) = mpsc::channel(1);
    let (asks, asked) = mpsc::unbounded_channel();
    let mut updates = Vec::new();
    for (id, listeners) in listeners.workers.into_iter().enumerate() {
        let (sender, receiver) = mpsc::unbounded_channel();
        updates.push(sender);
        threads::start(threads::Start {
            id,
            config: Arc::clone(&config),
            listeners,
            registry: Arc::clone(&registry),
            tap: tap::Tap::new(&config.identity, Arc::clone(&observers)),
            asks: asks.clone(),
            updates: receiver,
            credentials: credentials.clone(),
            policy: policies.clone(),
            drain: begin_drain.subscribe(),
            alive: alive.clone(),
        })?;
    }
    drop((asks, alive));

    let introduction = introduction(&config, &listeners.addresses);
    let tap_guard = config.tap_tls.then(|| tap::Guard::new(credentials.clone(), Arc::clone(&registry)));
    let trust = given.clone().map(|given| Trust { given, credentials, again: Arc::default() });
    let control_plane = ControlPlane::new(config.control_plane.clone(), config.token_file.clone(), trust);
    if let Some(given) = given {
        let Identity { name, namespace, .. } = config.identity.clone();
        let subject = identity::Subject { name, namespace };
        let client =
            identity::Client::new(control_plane.clone(), subject, given, certified, Arc::clone(&registry));
        spawn_local(client.run());
    }
    let client =
        discovery::Client::new(control_plane, introduction, asked, updates, policy, Arc::clone(&status));
    spawn_local(client.run());
    if let Some(tap) = listeners.tap {
        spawn_local(tap::serve(TcpListener::from_std(tap)?, Arc::clone(&observers), tap_guard));
    }
    let admin = Admin {
        registry: Arc::clone(&registry),
        status,
        observers,
        readiness: Rc::clone(&readiness),
        shutdown,
    };
    spawn_local(admin::serve(TcpListener::from_std(listeners.admin)?, Rc::new(admin)));
    spawn_local(sweep(Arc::clone(&registry)));
    announce(&listeners.addresses);

    let reason = tokio::select! {
        reason = requests.next() => reason,
        _ = lives.recv() => return Err(RunError::WorkersEnded),
    };
    readiness.begin_drain();
    drain(&begin_drain, lives, &mut requests, config.timeouts.drain, reason).await
}

async fn drain(
    begin: &watch::Sender<()>,
    mut lives: mpsc::Receiver<()>,
    requests: &mut Requests,
    limit: Duration,
    reason: &'static str,
) -> Result<(), RunError> {
    tracing::info!(reason, "draining");
    begin.send_replace(());
    tokio::select! {
        _ = lives.recv() => tracing::info!("drained"),
        () = tokio::time::sleep(limit) => tracing::warn!("drain timeout; what is still in flight is cut"),
        _ = requests.next_signal() => return Err(RunError::Interrupted),
    }
    Ok(())
}

/// Forgets idle series also when nobody reads the metrics.
async fn sweep(registry: Arc<Registry>) {
    let mut interval = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        interval.tick().await;
        registry.sweep();
    }
}

/// What the proxy says of itself to the control plane.
fn introduction(config: &Config, addresses: &Addresses) -> proto::Proxy {
    let identity = &config.identity;
    let first_of =
        |listen| reached_at(listen, &config.ips).first().map(ToString::to_string).unwrap_or_default();
    let inbound = addresses.inbound.iter().flat_map(|Inbound { listen, application }| {
        let (reached, application) = match application {
            Application::At(application) => (reached_at(*listen, &config.ips), application.to_string()),
            Application::Original => (vec![redirected_at(*listen, &config.ips)], String::new()),
        };
        let inbound = move |address: SocketAddr| proto::Inbound {
            address: address.to_string(),
            application: application.clone(),
        };
        reached.into_iter().map(inbound)
    });
    proto::Proxy {
        name: identity.name.clone(),
        namespace: identity.namespace.clone(),
        workload: Some(proto::Workload {
            kind: identity.workload_kind.clone(),
            name: identity.workload.clone(),
        }),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        admin_address: first_of(addresses.admin),
        tap_address: addresses.tap.map(first_of).unwrap_or_default(),
        inbound: inbound.collect(),
        outbound_address: addresses.outbound.first().map(ToString::to_string).unwrap_or_default(),
        identity: String::new(),
        tap_tls: config.tap_tls,
    }
}

/// Where others reach a listener: one on `[::]` at each of the instance's IPs, one on 0.0.0.0 at the first of IPv4.
fn reached_at(listen: SocketAddr, ips: &[IpAddr]) -> Vec<SocketAddr> {
    let takes_both = listen.ip() == Ipv6Addr::UNSPECIFIED;
    if takes_both && !ips.is_empty() {
        return ips.iter().map(|ip| SocketAddr::new(*ip, listen.port())).collect();
    }
    vec![redirected_at(listen, ips)]
}

/// Where others reach a listener that takes the connections of its own family: one on all addresses at the instance's first IP of
/// that family, or else at the first.
fn redirected_at(listen: SocketAddr, ips: &[IpAddr]) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let own = ips.iter().find(|ip| ip.is_ipv4() == listen.is_ipv4()).or(ips.first());
    own.map_or(listen, |ip| SocketAddr::new(*ip, listen.port()))
}

/// Logs where the proxy listens, with the real ports.
fn announce(addresses: &Addresses) {
    let outbound: Vec<_> = addresses.outbound.iter().map(ToString::to_string).collect();
    let outbound = if outbound.is_empty() { "off".to_owned() } else { outbound.join(",") };
    let inbound: Vec<_> = addresses
        .inbound
        .iter()
        .map(|inbound| format!("{}={}", inbound.listen, inbound.application))
        .collect();
    let tap = addresses.tap.map_or_else(|| "off".to_owned(), |tap| tap.to_string());
    tracing::info!(outbound, inbound = inbound.join(","), admin = %addresses.admin, tap, "listening");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_at_the_instances_own() {
        let ips: Vec<IpAddr> = ["fd00::1", "10.0.0.1"].map(|ip| ip.parse().unwrap()).into();
        let reached = |listen: &str, ips: &[IpAddr]| {
            reached_at(listen.parse().unwrap(), ips).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(reached("[::]:4191", &ips), ["[fd00::1]:4191", "10.0.0.1:4191"]);
        assert_eq!(reached("[::]:4191", &ips[1..]), ["10.0.0.1:4191"]);
        assert_eq!(reached("0.0.0.0:4191", &ips), ["10.0.0.1:4191"]);
        assert_eq!(reached("127.0.0.1:4190", &ips), ["127.0.0.1:4190"]);
        assert_eq!(reached("[::]:4191", &[]), ["[::]:4191"]);
    }

    #[test]
    fn a_listener_of_one_family_is_reached_at_the_instances_address_of_that() {
        let ips: Vec<IpAddr> = ["fd00::1", "10.0.0.1"].map(|ip| ip.parse().unwrap()).into();
        let redirected =
            |listen: &str, ips: &[IpAddr]| redirected_at(listen.parse().unwrap(), ips).to_string();
        assert_eq!(redirected("0.0.0.0:4143", &ips), "10.0.0.1:4143");
        assert_eq!(redirected("[::]:4143", &ips), "[fd00::1]:4143");
        assert_eq!(redirected("[::]:4143", &ips[1..]), "10.0.0.1:4143");
        assert_eq!(redirected("0.0.0.0:4143", &[]), "0.0.0.0:4143");
    }
}
