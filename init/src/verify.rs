//! Proving from inside that the redirection works.
//!
//! The connection that is tried goes to one of this network namespace's own addresses, which the rules redirect like
//! any other; so nothing leaves the namespace, whether they work or not. While the proxy does not run yet, a listener
//! on its port takes the connection in its place and looks at where it was meant to go.

use crate::configuration::Configuration;
use crate::diagnosis;
use crate::failure::Failure;
use crate::family::Family;
use socket2::SockRef;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

/// How long a connection within the namespace may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long an opened connection may take to show at a listener.
const ARRIVAL_LIMIT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);

/// Tries the redirection of every family that `configuration` has, and says what was seen, a line a family.
pub fn verify(configuration: &Configuration) -> Result<String, Failure> {
    require_not_exempt(configuration)?;
    let families = configuration.families();
    let receivers = families
        .iter()
        .map(|family| Receiver::at(*family, configuration))
        .collect::<Result<Vec<Receiver>, Failure>>()?;
    require_same(&families, &receivers, configuration)?;
    let mut report = String::new();
    for (family, receiver) in families.into_iter().zip(receivers) {
        let seen = try_outbound(family, configuration, &receiver)?;
        let inbound = diagnosis::inspect_inbound(family, configuration)?;
        report.push_str(&format!("{family}: {seen}; {inbound}\n"));
    }
    Ok(report)
}

/// What takes redirected connections on the proxy's outbound port.
enum Receiver {
    /// The proxy, which runs already.
    Proxy,
    /// A listener of ours.
    Substitute(TcpListener),
}

impl Receiver {
    fn at(family: Family, configuration: &Configuration) -> Result<Self, Failure> {
        let address = SocketAddr::new(family.loopback(), configuration.outbound_port);
        match listen(address) {
            Ok(listener) => Ok(Self::Substitute(listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                match listener_uid(configuration.outbound_port, family) {
                    Some(uid) if uid != configuration.proxy_uid => Err(Failure::new(
                        format!(
                            "{address} is held by a process of user {uid}, and the proxy's is {}",
                            configuration.proxy_uid
                        ),
                        "run the proxy as that user, or give its user with --proxy-uid, or free the port",
                    )),
                    _ => Ok(Self::Proxy),
                }
            }
            Err(error) => Err(Failure::new(
                format!("cannot listen on {address} in the proxy's place: {error}"),
                "free that address, or give the proxy's port with --outbound-port",
            )),
        }
    }
}

/// The rules do not apply to the proxy's own user and group, so nothing could be proven as them.
fn require_not_exempt(configuration: &Configuration) -> Result<(), Failure> {
    let Ok(own) = fs::metadata("/proc/self") else { return Ok(()) };
    let exempt = if own.uid() == configuration.proxy_uid {
        format!("user {}", own.uid())
    } else if Some(own.gid()) == configuration.proxy_gid {
        format!("group {}", own.gid())
    } else {
        return Ok(());
    };
    Err(Failure::new(
        format!("verify runs as the proxy's {exempt}, whose connections are not redirected"),
        "run it as another user",
    ))
}

/// A proxy that runs has to listen for every family that is redirected to it.
fn require_same(
    families: &[Family],
    receivers: &[Receiver],
    configuration: &Configuration,
) -> Result<(), Failure> {
    let runs = receivers.iter().any(|receiver| matches!(receiver, Receiver::Proxy));
    let deaf =
        families.iter().zip(receivers).find(|(_, receiver)| matches!(receiver, Receiver::Substitute(_)));
    match deaf {
        Some((family, _)) if runs => Err(Failure::new(
            format!(
                "the proxy runs but does not listen on {}, where {family} is redirected to",
                SocketAddr::new(family.loopback(), configuration.outbound_port)
            ),
            "let the proxy listen on the loopback address of both families, or turn one off with --ipv6 off",
        )),
        _ => Ok(()),
    }
}

fn try_outbound(
    family: Family,
    configuration: &Configuration,
    receiver: &Receiver,
) -> Result<String, Failure> {
    let application = application_listener(family, configuration)?;
    let target = application.local_addr().map_err(|error| unexpected(&error))?;
    let stream = TcpStream::connect_timeout(&target, CONNECT_LIMIT).map_err(|error| {
        diagnosis::explain(
            family,
            configuration,
            &format!("a connection to {target} did not reach the proxy ({error})"),
        )
    })?;
    let own = stream.local_addr().map_err(|error| unexpected(&error))?;
    let not_redirected =
        || diagnosis::explain(family, configuration, &format!("a connection to {target} was not redirected"));
    let port = configuration.outbound_port;
    match receiver {
        Receiver::Proxy => match accept(&application, |_| true) {
            Some((_, from)) if from == own => Err(not_redirected()),
            Some(_) => {
                Ok(format!("outbound goes to the proxy on port {port}, and through it to where it was meant"))
            }
            None => Ok(format!("outbound goes to the proxy on port {port}")),
        },
        Receiver::Substitute(listener) => {
            let (arrived, _) = accept(listener, |from| from == own).ok_or_else(not_redirected)?;
            match original_destination(&arrived, family) {
                Some(original) if original == target => {
                    Ok(format!("outbound goes to port {port}, with its original destination"))
                }
                other => Err(Failure::new(
                    format!("a connection to {target} came to port {port} as one to {other:?}"),
                    "let nothing else translate addresses in this network namespace",
                )),
            }
        }
    }
}

/// A listener in the application's place, on an own address and a port that the configuration redirects.
fn application_listener(family: Family, configuration: &Configuration) -> Result<TcpListener, Failure> {
    let skipped =
        |address: &IpAddr| configuration.skip_subnets.iter().any(|subnet| subnet.contains(*address));
    let addresses = family.own_addresses();
    let address = addresses.iter().find(|address| !skipped(address)).ok_or_else(|| {
        Failure::new(
            format!("there is no {family} address to try: this network namespace has {addresses:?} besides loopback"),
            "give the namespace an address that is not in --skip-subnets",
        )
    })?;
    let mut refusal = None;
    let own = configuration.proxy_ports();
    for port in
        (1..=u16::MAX).rev().filter(|port| configuration.redirects_outbound(*port) && !own.contains(port))
    {
        match listen(SocketAddr::new(*address, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                refusal = Some(format!("cannot listen on port {port} of {address} to try it: {error}"))
            }
        }
    }
    Err(Failure::new(
        refusal.unwrap_or_else(|| "no outbound port is redirected by this configuration".to_owned()),
        "see --only-outbound-ports and --skip-outbound-ports",
    ))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The first connection from a peer that is `wanted`, if one shows in time. Others are dropped.
fn accept(listener: &TcpListener, wanted: impl Fn(SocketAddr) -> bool) -> Option<(TcpStream, SocketAddr)> {
    let limit = Instant::now() + ARRIVAL_LIMIT;
    while Instant::now() < limit {
        match listener.accept() {
            Ok(arrived) if wanted(arrived.1) => return Some(arrived),
            Ok(_) => {}
            Err(_) => thread::sleep(POLL),
        }
    }
    None
}

fn original_destination(stream: &TcpStream, family: Family) -> Option<SocketAddr> {
    let socket = SockRef::from(stream);
    let address = match family {
        Family::V4 => socket.original_dst_v4(),
        Family::V6 => socket.original_dst_v6(),
    };
    address.ok()?.as_socket()
}

/// The user whose socket listens on `port`, from the kernel's tables of sockets.
fn listener_uid(port: u16, family: Family) -> Option<u32> {
    // A listener for IPv6 may take IPv4 as well.
    let tables: &[&str] = match family {
        Family::V4 => &["/proc/net/tcp", "/proc/net/tcp6"],
        Family::V6 => &["/proc/net/tcp6"],
    };
    tables.iter().find_map(|table| parse_listener_uid(&fs::read_to_string(table).unwrap_or_default(), port))
}

/// Columns: number, local address:port, remote address:port, state, queues, timer, retransmissions, user.
fn parse_listener_uid(table: &str, port: u16) -> Option<u32> {
    const LISTENING: &str = "0A";
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, local) = columns.get(1)?.rsplit_once(':')?;
        let here = u16::from_str_radix(local, 16) == Ok(port) && columns.get(3) == Some(&LISTENING);
        if here { columns.get(7)?.parse().ok() } else { None }
    })
}

fn unexpected(error: &io::Error) -> Failure {
    Failure::new(
        format!("the kernel does not tell a socket's address: {error}"),
        "look at the host's kernel log",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_listener_is_read_from_the_sockets_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:102C 0100007F:9999 01 00000000:00000000 00:00000000 00000000     7        0 1\n\
                     1: 0100007F:102C 00000000:0000 0A 00000000:00000000 00:00000000 00000000  2102        0 2\n";
        assert_eq!(parse_listener_uid(table, 4140), Some(2102));
        assert_eq!(parse_listener_uid(table, 4143), None);
    }
}
