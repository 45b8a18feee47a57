//! Opening the listening sockets, all before any thread starts.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{self, Application, Config, Inbound};
use crate::keepalive::KEEPALIVE;

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 4096;

/// Which connections a listener on `[::]` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Those of IPv4 too; on a host without IPv6 those of IPv4 alone.
    Any,
    /// Those of IPv6 alone: IPv4 has a listener beside it.
    Own,
}

/// An address that could not be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    variable: &'static str,
    error: io::Error,
}

impl BindError {
    fn is_for_want_of_ipv6(&self) -> bool {
        let general = matches!(self.address.ip(), IpAddr::V6(Ipv6Addr::LOCALHOST | Ipv6Addr::UNSPECIFIED));
        let missing = matches!(self.error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL));
        general && missing
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, variable, error } = self;
        match error.kind() {
            io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "{address} is in use; choose another with {variable} ({} of mesh proxy run)",
                    flag(variable)
                )
            }
            _ => write!(f, "cannot listen on {address} ({variable}): {error}"),
        }
    }
}

/// The flag of `mesh proxy run` that sets a variable with an address.
fn flag(variable: &str) -> String {
    let name = variable.trim_start_matches("MESH_PROXY_");
    format!("--{}", name.to_lowercase())
}

impl std::error::Error for BindError {}

/// Every listener of the proxy.
pub(super) struct Listeners {
    pub admin: TcpListener,
    pub tap: Option<TcpListener>,
    /// One set a worker.
    pub workers: Vec<WorkerListeners>,
    pub addresses: Addresses,
}

/// The listeners of one worker; those of other workers listen on the same addresses.
#[derive(Default)]
pub(super) struct WorkerListeners {
    pub outbound: Vec<TcpListener>,
    /// The listener and the application behind it.
    pub inbound: Vec<(TcpListener, Application)>,
}

/// Where the proxy really listens (a port of 0 in the configuration is chosen by the system).
pub(super) struct Addresses {
    pub outbound: Vec<SocketAddr>,
    pub inbound: Vec<Inbound>,
    pub admin: SocketAddr,
    pub tap: Option<SocketAddr>,
}

impl Listeners {
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let (admin, admin_address) = bind(config.admin, Family::Any, config::ADMIN)?;
        let tap = config.tap.map(|tap| bind(tap, Family::Any, config::TAP)).transpose()?;
        let (tap, tap_address) = tap.unzip();
        let mut workers: Vec<_> = (0..config.workers).map(|_| WorkerListeners::default()).collect();
        let mut addresses =
            Addresses { outbound: Vec::new(), inbound: Vec::new(), admin: admin_address, tap: tap_address };
        for address in &config.outbound {
            let bound = bind_shared(*address, Family::Any, config::OUTBOUND, config.workers);
            let Some((listeners, address)) = unless_without_ipv6(bound, config.outbound.len())? else {
                continue;
            };
            addresses.outbound.push(address);
            for (worker, listener) in workers.iter_mut().zip(listeners) {
                worker.outbound.push(listener);
            }
        }
        for Inbound { listen, application } in &config.inbound {
            let family = match application {
                Application::At(_) => Family::Any,
                Application::Original => Family::Own,
            };
            let bound = bind_shared(*listen, family, config::INBOUND, config.workers);
            let Some((listeners, listen)) = unless_without_ipv6(bound, config.inbound.len())? else {
                continue;
            };
            addresses.inbound.push(Inbound { listen, application: *application });
            for (worker, listener) in workers.iter_mut().zip(listeners) {
                worker.inbound.push((listener, *application));
            }
        }
        Ok(Self { admin, tap, workers, addresses })
    }
}

/// An IPv6 address among several is passed over on a host without IPv6, so that one configuration serves every host.
fn unless_without_ipv6<T>(bound: Result<T, BindError>, addresses: usize) -> Result<Option<T>, BindError> {
    match bound {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if addresses > 1 && error.is_for_want_of_ipv6() => {
            tracing::info!(address = %error.address, "not listened on: the host has no IPv6");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// As many listeners as there are workers, all on one address; the kernel spreads connections over them.
fn bind_shared(
    address: SocketAddr,
    family: Family,
    variable: &'static str,
    workers: usize,
) -> Result<(Vec<TcpListener>, SocketAddr), BindError> {
    // Alone first: a port that is shared could be shared with another process unnoticed.
    let (alone, address) = bind(address, family, variable)?;
    if workers == 1 {
        return Ok((vec![alone], address));
    }
    drop(alone);
    let listeners = (0..workers).map(|_| listen(address, family, true));
    let listeners = listeners.collect::<io::Result<_>>();
    Ok((listeners.map_err(|error| BindError { address, variable, error })?, address))
}

fn bind(
    address: SocketAddr,
    family: Family,
    variable: &'static str,
) -> Result<(TcpListener, SocketAddr), BindError> {
    listen(address, family, false)
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|error| BindError { address, variable, error })
}

fn listen(address: SocketAddr, family: Family, is_shared: bool) -> io::Result<TcpListener> {
    match open(address, family, is_shared) {
        Err(error) if family == Family::Any && is_all_of_missing_ipv6(address, &error) => {
            open((Ipv4Addr::UNSPECIFIED, address.port()).into(), family, is_shared)
        }
        result => result,
    }
}

fn is_all_of_missing_ipv6(address: SocketAddr, error: &io::Error) -> bool {
    address.ip() == Ipv6Addr::UNSPECIFIED && error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

fn open(address: SocketAddr, family: Family, is_shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
    // Accepted connections inherit it.
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    if address.is_ipv6() {
        socket.set_only_v6(family == Family::Own)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::config;

    #[test]
    fn every_worker_listens_on_the_address_that_the_system_chose() {
        let config = config(&[
            ("MESH_PROXY_OUTBOUND", "0"),
            ("MESH_PROXY_INBOUND", "0=9000"),
            ("MESH_PROXY_ADMIN", "0"),
            ("MESH_PROXY_TAP", "0"),
            ("MESH_PROXY_WORKERS", "3"),
        ]);
        let listeners = Listeners::bind(&config).unwrap();
        let outbound = listeners.addresses.outbound[0];
        assert_ne!(outbound.port(), 0);
        for worker in &listeners.workers {
            assert_eq!(worker.outbound[0].local_addr().unwrap(), outbound);
            assert_eq!(worker.inbound[0].0.local_addr().unwrap(), listeners.addresses.inbound[0].listen);
        }
    }

    #[test]
    fn accepted_connections_are_probed_when_they_are_silent() {
        let config =
            config(&[("MESH_PROXY_OUTBOUND", "0"), ("MESH_PROXY_ADMIN", "0"), ("MESH_PROXY_TAP", "0")]);
        let listeners = Listeners::bind(&config).unwrap();
        let listener = &listeners.workers[0].outbound[0];
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = socket2::SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), std::time::Duration::from_secs(60));
    }

    #[test]
    fn an_address_in_use_is_named_with_its_variable_whatever_the_number_of_workers() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        for workers in ["1", "2"] {
            let config = config(&[
                ("MESH_PROXY_OUTBOUND", &address),
                ("MESH_PROXY_ADMIN", "0"),
                ("MESH_PROXY_TAP", "0"),
                ("MESH_PROXY_WORKERS", workers),
            ]);
            let error = Listeners::bind(&config).err().unwrap().to_string();
            assert!(error.contains(&address) && error.contains("MESH_PROXY_OUTBOUND"), "{error}");
        }
    }
}
