//! Opening the listening sockets, all before any thread starts.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{self, Config, Inbound};

/// Connections that the kernel keeps for us until we accept them.
const BACKLOG: i32 = 4096;

/// An address that could not be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    variable: &'static str,
    error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, variable, error } = self;
        match error.kind() {
            io::ErrorKind::AddrInUse => write!(f, "{address} is in use; choose another with {variable}"),
            _ => write!(f, "cannot listen on {address} ({variable}): {error}"),
        }
    }
}

impl std::error::Error for BindError {}

/// Every listener of the proxy.
pub(super) struct Listeners {
    pub admin: TcpListener,
    pub tap: TcpListener,
    /// One set a worker.
    pub workers: Vec<WorkerListeners>,
    pub addresses: Addresses,
}

/// The listeners of one worker; those of other workers listen on the same addresses.
#[derive(Default)]
pub(super) struct WorkerListeners {
    pub outbound: Option<TcpListener>,
    /// The listener and the application behind it.
    pub inbound: Vec<(TcpListener, SocketAddr)>,
}

/// Where the proxy really listens (a port of 0 in the configuration is chosen by the system).
pub(super) struct Addresses {
    pub outbound: Option<SocketAddr>,
    pub inbound: Vec<Inbound>,
    pub admin: SocketAddr,
    pub tap: SocketAddr,
}

impl Listeners {
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let (admin, admin_address) = bind(config.admin, config::ADMIN)?;
        let (tap, tap_address) = bind(config.tap, config::TAP)?;
        let mut workers: Vec<_> = (0..config.workers).map(|_| WorkerListeners::default()).collect();
        let mut addresses =
            Addresses { outbound: None, inbound: Vec::new(), admin: admin_address, tap: tap_address };
        if let Some(address) = config.outbound {
            let (listeners, address) = bind_shared(address, config::OUTBOUND, config.workers)?;
            addresses.outbound = Some(address);
            for (worker, listener) in workers.iter_mut().zip(listeners) {
                worker.outbound = Some(listener);
            }
        }
        for Inbound { listen, application } in &config.inbound {
            let (listeners, listen) = bind_shared(*listen, config::INBOUND, config.workers)?;
            addresses.inbound.push(Inbound { listen, application: *application });
            for (worker, listener) in workers.iter_mut().zip(listeners) {
                worker.inbound.push((listener, *application));
            }
        }
        Ok(Self { admin, tap, workers, addresses })
    }
}

/// As many listeners as there are workers, all on one address; the kernel spreads connections over them.
fn bind_shared(
    address: SocketAddr,
    variable: &'static str,
    workers: usize,
) -> Result<(Vec<TcpListener>, SocketAddr), BindError> {
    // Alone first: a port that is shared could be shared with another process unnoticed.
    let (alone, address) = bind(address, variable)?;
    if workers == 1 {
        return Ok((vec![alone], address));
    }
    drop(alone);
    let listeners = (0..workers).map(|_| listen(address, true));
    let listeners = listeners.collect::<io::Result<_>>();
    Ok((listeners.map_err(|error| BindError { address, variable, error })?, address))
}

fn bind(address: SocketAddr, variable: &'static str) -> Result<(TcpListener, SocketAddr), BindError> {
    listen(address, false)
        .and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .map_err(|error| BindError { address, variable, error })
}

fn listen(address: SocketAddr, is_shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.set_nonblocking(true)?;
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
        let outbound = listeners.addresses.outbound.unwrap();
        assert_ne!(outbound.port(), 0);
        for worker in &listeners.workers {
            assert_eq!(worker.outbound.as_ref().unwrap().local_addr().unwrap(), outbound);
            assert_eq!(worker.inbound[0].0.local_addr().unwrap(), listeners.addresses.inbound[0].listen);
        }
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
