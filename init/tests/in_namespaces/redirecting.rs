//! Which connections the rules turn over to the proxy, and which they leave alone.

use crate::network::{
    APPLICATION, Namespace, OTHER_REMOTE, POD, PROXY, REMOTE, User, at, with_each_back_end,
};
use crate::stand_ins::{Listener, Proxy, ask, ask_as};
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];

/// The way of a connection that the outbound listener took over.
fn outbound(address: &str, port: u16, answer: &str) -> String {
    format!("outbound {} > {answer}", at(address, port))
}

fn inbound(address: &str, port: u16, answer: &str) -> String {
    format!("inbound {} > {answer}", at(address, port))
}

#[test]
fn what_the_application_sends_goes_through_the_proxy() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _remote = REMOTE.map(|address| Listener::application(&network.remote, at(address, 80), "remote"));
        network.pod.redirect(back_end, &[]);
        for address in REMOTE {
            assert_eq!(ask(&network.pod, at(address, 80)), outbound(address, 80, "remote"));
        }
    });
}

#[test]
fn what_others_send_to_the_application_goes_through_the_proxy() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _application =
            POD.map(|address| Listener::application(&network.pod, at(address, 8080), "application"));
        network.pod.redirect(back_end, &[]);
        for address in POD {
            assert_eq!(ask(&network.remote, at(address, 8080)), inbound(address, 8080, "application"));
        }
    });
}

#[test]
fn a_probed_port_is_refused_while_nobody_listens_there() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        network.pod.redirect(back_end, &["--probed-ports", "8000-8080"]);
        for (address, any) in POD.into_iter().zip(["0.0.0.0", "::"]) {
            let target = at(address, 8080);
            // The proxy itself takes a connection before it knows.
            assert_eq!(ask(&network.remote, at(address, 9000)), inbound(address, 9000, "ConnectionRefused"));
            for listens in [address, any] {
                assert_eq!(ask(&network.remote, target), "ConnectionRefused");
                let _application = Listener::application(&network.pod, at(listens, 8080), "application");
                assert_eq!(ask(&network.remote, target), inbound(address, 8080, "application"));
            }
        }
    });
}

#[test]
fn the_proxy_by_user_or_group_is_left_alone() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _remote = REMOTE.map(|address| Listener::application(&network.remote, at(address, 80), "remote"));
        network.pod.redirect(back_end, &["--proxy-gid", "2103"]);
        for address in REMOTE {
            let target = at(address, 80);
            assert_eq!(ask_as(&network.pod, PROXY, target), "remote");
            assert_eq!(ask_as(&network.pod, User { uid: 1000, gid: 2103 }, target), "remote");
            assert_eq!(
                ask_as(&network.pod, User { uid: 1000, gid: 2102 }, target),
                outbound(address, 80, "remote")
            );
            assert_eq!(
                ask_as(&network.pod, User { uid: 0, gid: 0 }, target),
                outbound(address, 80, "remote")
            );
        }
    });
}

#[test]
fn loopback_is_left_alone() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _application =
            LOOPBACK.map(|address| Listener::application(&network.pod, at(address, 8080), "application"));
        let _other = Listener::application(&network.pod, at("127.0.0.11", 8080), "other");
        network.pod.redirect(back_end, &[]);
        for address in LOOPBACK {
            assert_eq!(ask(&network.pod, at(address, 8080)), "application");
            assert_eq!(ask_as(&network.pod, PROXY, at(address, 8080)), "application");
        }
        assert_eq!(ask(&network.pod, at("127.0.0.11", 8080)), "other");
    });
}

#[test]
fn the_application_to_itself_passes_the_proxy_once() {
    with_each_back_end(|network, back_end| {
        let service = ["10.96.0.1", "fd00:96::1"];
        let endpoints = [0, 1].map(|family| (at(service[family], 80), at(POD[family], 8080)));
        let _proxy = Proxy::with_services(&network.pod, HashMap::from(endpoints));
        let _application =
            POD.map(|address| Listener::application(&network.pod, at(address, 8080), "application"));
        network.pod.redirect(back_end, &[]);
        for (own, service) in POD.into_iter().zip(service) {
            assert_eq!(ask(&network.pod, at(own, 8080)), outbound(own, 8080, "application"));
            assert_eq!(ask(&network.pod, at(service, 80)), outbound(service, 80, "application"));
            assert_eq!(ask_as(&network.pod, PROXY, at(own, 8080)), "application");
            assert_eq!(ask(&network.pod, at(own, 8081)), outbound(own, 8081, "ConnectionRefused"));
        }
    });
}

#[test]
fn the_proxys_own_ports_are_reached_directly() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _admin = POD.map(|address| Listener::application(&network.pod, at(address, 4191), "admin"));
        let _tap = POD.map(|address| Listener::application(&network.pod, at(address, 4190), "tap"));
        network.pod.redirect(back_end, &[]);
        for address in POD {
            for from in [&network.remote, &network.pod] {
                assert_eq!(ask(from, at(address, 4191)), "admin");
                assert_eq!(ask(from, at(address, 4190)), "tap");
                assert_eq!(ask(from, at(address, 4143)), "inbound itself");
                assert_eq!(ask(from, at(address, 4140)), "ConnectionRefused");
            }
        }
    });
}

#[test]
fn skipped_outbound_ports_and_ranges_are_left_alone() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let ports = [25, 26, 8000, 8050, 8100, 8101];
        let _remote = REMOTE.map(|address| {
            ports.map(|port| Listener::application(&network.remote, at(address, port), "remote"))
        });
        network.pod.redirect(back_end, &["--skip-outbound-ports", "25,8000-8100"]);
        for address in REMOTE {
            for port in [25, 8000, 8050, 8100] {
                assert_eq!(ask(&network.pod, at(address, port)), "remote");
            }
            for port in [26, 8101] {
                assert_eq!(ask(&network.pod, at(address, port)), outbound(address, port, "remote"));
            }
        }
    });
}

#[test]
fn skipped_inbound_ports_and_ranges_are_left_alone() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let ports = [22, 23, 9000, 9010, 9011];
        let _application = POD.map(|address| {
            ports.map(|port| Listener::application(&network.pod, at(address, port), "application"))
        });
        network.pod.redirect(back_end, &["--skip-inbound-ports", "22,9000-9010"]);
        for address in POD {
            for port in [22, 9000, 9010] {
                assert_eq!(ask(&network.remote, at(address, port)), "application");
            }
            for port in [23, 9011] {
                assert_eq!(ask(&network.remote, at(address, port)), inbound(address, port, "application"));
            }
        }
    });
}

#[test]
fn skipped_subnets_are_left_alone_in_both_directions() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _application =
            POD.map(|address| Listener::application(&network.pod, at(address, 8080), "application"));
        let _remote = [REMOTE, OTHER_REMOTE].map(|addresses| {
            addresses.map(|address| Listener::application(&network.remote, at(address, 80), "remote"))
        });
        network
            .pod
            .redirect(back_end, &["--skip-subnets", "198.51.100.0/24,2001:db8:7::/48,10.1.0.1,fd00::1"]);
        for (skipped, other) in OTHER_REMOTE.into_iter().zip(REMOTE) {
            assert_eq!(ask(&network.pod, at(skipped, 80)), "remote");
            assert_eq!(ask(&network.pod, at(other, 80)), outbound(other, 80, "remote"));
        }
        for address in POD {
            assert_eq!(ask(&network.remote, at(address, 8080)), "application");
        }
        network.pod.redirect(back_end, &["--skip-subnets", "198.51.100.0/24"]);
        for address in POD {
            assert_eq!(ask(&network.remote, at(address, 8080)), inbound(address, 8080, "application"));
        }
    });
}

#[test]
fn only_the_ports_that_are_named_go_through_the_proxy() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let ports = [80, 443, 8000, 8005];
        let _remote = REMOTE.map(|address| {
            ports.map(|port| Listener::application(&network.remote, at(address, port), "remote"))
        });
        let _application = POD.map(|address| {
            ports.map(|port| Listener::application(&network.pod, at(address, port), "application"))
        });
        network.pod.redirect(
            back_end,
            &[
                "--only-outbound-ports",
                "80,8000-8010",
                "--skip-outbound-ports",
                "8005",
                "--only-inbound-ports",
                "443",
            ],
        );
        for address in REMOTE {
            for port in [80, 8000] {
                assert_eq!(ask(&network.pod, at(address, port)), outbound(address, port, "remote"));
            }
            for port in [443, 8005] {
                assert_eq!(ask(&network.pod, at(address, port)), "remote");
            }
        }
        for address in POD {
            assert_eq!(ask(&network.remote, at(address, 443)), inbound(address, 443, "application"));
            assert_eq!(ask(&network.remote, at(address, 80)), "application");
        }
    });
}

#[test]
fn dns_is_left_alone_unless_its_port_is_named() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let _remote = REMOTE.map(|address| Listener::application(&network.remote, at(address, 53), "dns"));
        network.pod.redirect(back_end, &[]);
        for address in REMOTE {
            assert_eq!(ask(&network.pod, at(address, 53)), "dns");
            assert_udp_is_left_alone(&network.pod, &network.remote, address);
        }
        network.pod.redirect(back_end, &["--only-outbound-ports", "53"]);
        for address in REMOTE {
            assert_eq!(ask(&network.pod, at(address, 53)), outbound(address, 53, "dns"));
            assert_udp_is_left_alone(&network.pod, &network.remote, address);
        }
    });
}

fn assert_udp_is_left_alone(pod: &Namespace, remote: &Namespace, address: &str) {
    let server = remote.run(|| UdpSocket::bind(at(address, 53)).unwrap());
    let unspecified = if address.contains(':') { "::" } else { "0.0.0.0" };
    let client = pod.run_as(APPLICATION, || UdpSocket::bind(at(unspecified, 0)).unwrap());
    for socket in [&server, &client] {
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    client.send_to(b"question", at(address, 53)).unwrap();
    let mut buffer = [0; 16];
    let (length, from) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"question");
    server.send_to(b"answer", from).unwrap();
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..length], from), (&b"answer"[..], at(address, 53)));
}

#[test]
fn connections_open_before_go_on_and_new_ones_are_redirected() {
    with_each_back_end(|network, back_end| {
        for (here, there, address) in
            [(&network.pod, &network.remote, REMOTE[0]), (&network.remote, &network.pod, POD[0])]
        {
            let listener = there.run(|| TcpListener::bind(at(address, 7000)).unwrap());
            let mut client = here.run(|| TcpStream::connect(at(address, 7000)).unwrap());
            let (mut server, _) = listener.accept().unwrap();
            network.pod.redirect(back_end, &[]);
            assert_open(&mut client, &mut server);
            // Nothing listens in the proxy's place.
            assert_eq!(ask(here, at(address, 7000)), "ConnectionRefused");
            network.pod.mesh_init(&["--undo"]).succeeded();
        }
    });
}

#[test]
fn redirected_connections_go_on_when_the_rules_are_replaced() {
    with_each_back_end(|network, back_end| {
        let proxy = network.pod.run(|| TcpListener::bind(at("127.0.0.1", 4140)).unwrap());
        network.pod.redirect(back_end, &[]);
        let mut client = network.pod.run(|| TcpStream::connect(at(REMOTE[0], 80)).unwrap());
        let (mut server, _) = proxy.accept().unwrap();
        network.pod.redirect(back_end, &["--skip-outbound-ports", "80"]);
        assert_open(&mut client, &mut server);
    });
}

fn assert_open(client: &mut TcpStream, server: &mut TcpStream) {
    let mut buffer = [0; 4];
    for stream in [&*client, &*server] {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    for _ in 0..3 {
        client.write_all(b"ping").unwrap();
        server.read_exact(&mut buffer).unwrap();
        server.write_all(b"pong").unwrap();
        client.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"pong");
    }
}

#[test]
fn forwarded_connections_are_left_alone() {
    with_each_back_end(|network, back_end| {
        let _proxy = Proxy::start(&network.pod);
        let beyond = Namespace::new();
        network.pod.link("eth1", &beyond, "eth0");
        network.pod.ip("address add 10.2.0.1/24 dev eth1");
        beyond.ip("address add 10.2.0.2/24 dev eth0");
        beyond.ip("route add default via 10.2.0.1");
        network.remote.ip("route add 10.2.0.0/24 via 10.1.0.2");
        network.pod.run(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
        let _beyond = Listener::application(&beyond, at("10.2.0.2", 80), "beyond");
        network.pod.redirect(back_end, &[]);
        assert_eq!(ask(&network.remote, at("10.2.0.2", 80)), "beyond");
    });
}
