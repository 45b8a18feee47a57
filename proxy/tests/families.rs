//! Listeners on `[::]`: the built binary on hosts with IPv6 and without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stand_in;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;

use mesh_proxy::proto::tap_client::TapClient;
use mesh_proxy::proto::{ObserveRequest, SocketAddress};
use stand_in::proxy::{Proxy, command};
use stand_in::{ControlPlane, DEADLINE};

const ON_ALL: [(&str, &str); 2] = [("MESH_PROXY_ADMIN", "[::]:0"), ("MESH_PROXY_TAP", "[::]:0")];
/// A proxy that may have two workers has listeners that they share.
const WORKERS: [&str; 2] = ["1", "2"];

/// The ports of a proxy's listeners.
struct Ports {
    admin: u16,
    tap: u16,
    inbound: u16,
}

fn ports(proxy: &Proxy, all: &str) -> Ports {
    let port = |field: &str| {
        let text = proxy.field(field);
        let listen = text.split('=').next().unwrap();
        listen.strip_prefix(all).unwrap_or_else(|| panic!("{field}: {listen}")).parse().unwrap()
    };
    Ports { admin: port("admin"), tap: port("tap"), inbound: port("inbound") }
}

fn status_of_live(ip: &str, port: u16) -> String {
    let mut connection = TcpStream::connect((ip, port)).unwrap();
    write!(connection, "GET /live HTTP/1.0\r\nhost: admin\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

/// Sends a request and answers it as the application. Gives the client's address.
fn exchange(ip: &str, port: u16, application: &TcpListener) -> SocketAddr {
    let mut client = TcpStream::connect((ip, port)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: world\r\n\r\n").unwrap();
    let (mut upstream, _) = application.accept().unwrap();
    assert_ne!(upstream.read(&mut [0; 1024]).unwrap(), 0);
    upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut answer = [0; 15];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    client.local_addr().unwrap()
}

fn told(address: SocketAddr) -> SocketAddress {
    SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}

#[tokio::test]
async fn a_listener_on_all_addresses_takes_both_families_and_tells_of_each_by_its_own() {
    for workers in WORKERS {
        let application = TcpListener::bind("127.0.0.1:0").unwrap();
        let inbound = format!("[::]:0={}", application.local_addr().unwrap());
        let others = [("MESH_PROXY_INBOUND", inbound.as_str()), ("MESH_PROXY_WORKERS", workers)];
        let proxy = Proxy::start(&[&ON_ALL[..], &others].concat());
        let Ports { admin, tap, inbound } = ports(&proxy, "[::]:");
        let mut observer = TapClient::connect(format!("http://127.0.0.1:{tap}")).await.unwrap();
        let mut events = observer.observe(ObserveRequest::default()).await.unwrap().into_inner();
        for ip in ["127.0.0.1", "::1"] {
            assert_eq!(status_of_live(ip, admin), "HTTP/1.0 200 OK");
            let client = exchange(ip, inbound, &application);
            for _request_response_end in 0..3 {
                let event = tokio::time::timeout(DEADLINE, events.message()).await.unwrap().unwrap().unwrap();
                assert_eq!(event.source.unwrap().address, Some(told(client)));
            }
        }
    }
}

#[tokio::test]
async fn a_listener_on_all_addresses_is_reached_at_all_of_the_instances_own() {
    let mut control_plane = ControlPlane::start();
    let address = control_plane.address.to_string();
    let others = [
        ("MESH_PROXY_CONTROL_PLANE", address.as_str()),
        ("MESH_PROXY_INBOUND", "[::]:0=9000"),
        ("MESH_PROXY_IPS", "fd00::1,10.0.0.1"),
    ];
    let proxy = Proxy::start(&[&ON_ALL[..], &others].concat());
    let Ports { admin, tap, inbound } = ports(&proxy, "[::]:");
    let introduction = control_plane.next_stream().await.introduction().await;
    assert_eq!(introduction.admin_address, format!("[fd00::1]:{admin}"));
    assert_eq!(introduction.tap_address, format!("[fd00::1]:{tap}"));
    let addresses: Vec<_> = introduction.inbound.iter().map(|inbound| inbound.address.as_str()).collect();
    assert_eq!(addresses, [format!("[fd00::1]:{inbound}"), format!("10.0.0.1:{inbound}")]);
}

#[test]
fn on_a_host_without_ipv6_it_takes_ipv4() {
    for workers in WORKERS {
        let application = TcpListener::bind("127.0.0.1:0").unwrap();
        let inbound = format!("[::]:0={}", application.local_addr().unwrap());
        let others = [
            ("MESH_PROXY_INBOUND", inbound.as_str()),
            ("MESH_PROXY_OUTBOUND", "127.0.0.1:0,[::1]:0"),
            ("MESH_PROXY_WORKERS", workers),
        ];
        let mut command = command(&[&ON_ALL[..], &others].concat());
        // SAFETY: between fork and exec nothing but system calls is done.
        unsafe { command.pre_exec(without_ipv6) };
        let proxy = Proxy::run(&mut command);
        let Ports { admin, inbound, .. } = ports(&proxy, "0.0.0.0:");
        assert_eq!(status_of_live("127.0.0.1", admin), "HTTP/1.0 200 OK");
        exchange("127.0.0.1", inbound, &application);
    }
}

/// From now on this process gets the answer of a kernel without IPv6 when it asks for a socket of that.
fn without_ipv6() -> io::Result<()> {
    /// The words of `struct seccomp_data`: the call's number, and the lower half of its first argument.
    const NUMBER: u32 = 0;
    const FIRST_ARGUMENT: u32 = 16;
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let unless_equal = |value, skip| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, value);
    let end = |answer| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, answer);
    let mut program = [
        load(NUMBER),
        unless_equal(u32::try_from(libc::SYS_socket).unwrap_or(u32::MAX), 3),
        load(FIRST_ARGUMENT),
        unless_equal(libc::AF_INET6.unsigned_abs(), 1),
        end(libc::SECCOMP_RET_ERRNO | libc::EAFNOSUPPORT.unsigned_abs()),
        end(libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: 6, filter: program.as_mut_ptr() };
    // SAFETY: the filter, and the program that it points to, outlive the call, which copies them.
    let result = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn instruction(code: u32, jump_if_true: u8, jump_if_false: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: jump_if_true,
        jf: jump_if_false,
        k,
    }
}
