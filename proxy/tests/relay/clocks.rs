//! Certificates whose time is over or has not come, and clocks that differ.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::backend::Backend;
use crate::harness::Relay;
use crate::mesh::{Certified, inbound, outbound};
use crate::secured::connect;
use crate::stand_in::ControlPlane;
use crate::stand_in::authority::Authority;
use crate::stand_in::proxy::eventually;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: world\r\nConnection: close\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn ahead(minutes: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(60 * minutes)
}

fn behind(minutes: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(60 * minutes)
}

#[test]
fn an_authority_whose_clock_is_five_minutes_off_does_for_all() {
    let clocks: [fn() -> SystemTime; 2] = [|| ahead(5), || behind(5)];
    for [of_world, of_hello] in [clocks, [clocks[1], clocks[0]]] {
        let authority = Authority::new();
        let application = Backend::answering(|_| OK.to_owned());
        authority.change(|terms| terms.clock = of_world);
        let world = inbound(&authority, "world", application.address, &[]);
        authority.change(|terms| terms.clock = of_hello);
        let hello = outbound(&authority, world.address, "world", &[]);
        let answer = hello.answer_to(REQUEST);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for proxy in [&hello, &world].map(|relay| &relay.proxy) {
            assert_eq!(proxy.metric("mesh_identity_refreshes_total"), 1.0);
            assert_eq!(proxy.metric("mesh_identity_refresh_failures_total"), 0.0);
        }
    }
}

#[test]
fn a_control_plane_whose_time_has_not_come_is_not_believed_and_the_log_says_why() {
    let authority = Authority::new();
    authority.change(|terms| terms.clock = || ahead(60));
    let (_control_plane, secured) = ControlPlane::start_with(&authority);
    let certified = Certified::new(&authority, secured, "hello");
    let hello = Relay::outbound_of(secured, &certified.variables(&[]));
    eventually("tried", || hello.proxy.metric("mesh_identity_refresh_failures_total") >= 2.0);
    assert_eq!(hello.proxy.admin("GET", "/ready").0, 503);
    hello.proxy.signal("KILL");
    let (_, log) = hello.proxy.wait();
    assert!(log.contains("no certificate: control plane not reached"), "{log}");
    assert!(log.contains("certificate not valid yet"), "{log}");
}

#[test]
fn when_the_certificate_has_ended_connections_go_on_and_new_ones_fail_until_there_is_another() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    authority.change(|terms| {
        terms.lifetime = Duration::from_secs(4);
        terms.renew_in = Duration::from_secs(1);
    });
    let hello = outbound(&authority, world.address, "world", &[]);
    let mut tunnel = connect(&hello);
    let mut server = application.accept();
    authority.change(|terms| terms.refuses = Some("not today"));
    eventually("refused", || hello.proxy.metric("mesh_identity_refresh_failures_total") >= 1.0);
    let end = hello.proxy.metric("mesh_identity_certificate_end_timestamp_seconds");
    eventually("ended", || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() > end + 1.0);

    tunnel.send("on");
    server.expect("on");
    let answer = hello.answer_to(REQUEST);
    assert!(answer.contains("503") && answer.contains("mesh-proxy-error: no-identity"), "{answer}");
    assert_eq!(hello.proxy.admin("GET", "/ready").0, 200);

    authority.change(|terms| {
        terms.lifetime = Duration::from_secs(3600);
        terms.renew_in = Duration::from_secs(1800);
        terms.refuses = None;
    });
    eventually("certified", || hello.proxy.metric("mesh_identity_certificate_end_timestamp_seconds") > end);
    let mut another = connect(&hello);
    another.send("new");
    application.accept().expect("new");
    tunnel.send("still");
    server.expect("still");
    hello.proxy.signal("KILL");
    let (_, log) = hello.proxy.wait();
    assert_eq!(log.matches("no certificate: refused by the control plane").count(), 1, "{log}");
    assert!(log.contains("not today") && log.contains("the proxy's own certificate has ended"), "{log}");
}
