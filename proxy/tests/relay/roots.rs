//! The file with the roots that a proxy is given: it may come late, and it may change.

use std::fs;
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::backend::Backend;
use crate::harness::Relay;
use crate::mesh::{Certified, inbound, outbound_with};
use crate::stand_in::ControlPlane;
use crate::stand_in::authority::{Authority, file};
use crate::stand_in::proxy::{Proxy, eventually};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: world\r\nConnection: close\r\n\r\n";

#[test]
fn without_the_file_nobody_is_spoken_to_and_the_proxy_waits() {
    let control_plane = TcpListener::bind("127.0.0.1:0").unwrap();
    control_plane.set_nonblocking(true).unwrap();
    let (missing, token) = (file("roots", ""), file("token", "hello"));
    fs::remove_file(&missing).unwrap();
    let proxy = Proxy::start(&[
        ("MESH_PROXY_CONTROL_PLANE", &control_plane.local_addr().unwrap().to_string()),
        ("MESH_PROXY_TRUST_ROOTS", &missing),
        ("MESH_PROXY_TOKEN_FILE", &token),
    ]);
    // Long enough to look again.
    thread::sleep(Duration::from_millis(2500));
    let (status, reason) = proxy.admin("GET", "/ready");
    assert_eq!((status, reason.contains("no roots to trust")), (503, true), "{reason}");
    assert!(control_plane.accept().is_err());
    proxy.signal("TERM");
    let (_, log) = proxy.wait();
    let told: Vec<_> = log.lines().filter(|line| line.contains("no roots to trust yet")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains(&missing) && told[0].contains("mesh-trust-roots"), "{}", told[0]);
}

#[test]
fn a_file_that_comes_later_is_found() {
    let authority = Authority::new();
    let roots = authority.root_file();
    let text = fs::read_to_string(&roots).unwrap();
    fs::remove_file(&roots).unwrap();
    let (_control_plane, secured) = ControlPlane::start_with(&authority);
    let certified = Certified::new(&authority, secured, "hello").with_roots(&roots);
    let hello = Relay::outbound_of(secured, &certified.variables(&[]));
    fs::write(&roots, "half of").unwrap();
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(hello.proxy.admin("GET", "/ready").0, 503);
    fs::write(&roots, text).unwrap();
    eventually("certified", || hello.proxy.metric("mesh_identity_refreshes_total") >= 1.0);
}

#[test]
fn a_changed_file_is_in_force_for_new_connections() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let application = Backend::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned());
    theirs.change(|terms| terms.more_roots = vec![ours.root()]);
    let world = inbound(&theirs, "world", application.address, &[]);
    let [our_text, their_text] =
        [&ours, &theirs].map(|authority| fs::read_to_string(authority.root_file()).unwrap());
    let both = our_text.clone() + &their_text;
    let roots = file("roots", &both);
    let hello = outbound_with(&ours, &roots, world.address, "world");
    let certified = hello.proxy.metric("mesh_identity_refreshes_total");
    fs::write(&roots, our_text).unwrap();
    eventually("read", || hello.proxy.metric("mesh_identity_refreshes_total") > certified);
    assert!(hello.answer_to(REQUEST).contains("identity-failed"));
    fs::write(&roots, both).unwrap();
    eventually("trusted", || hello.answer_to(REQUEST).starts_with("HTTP/1.1 200"));
}

#[test]
fn text_between_certificates_is_passed_over_and_a_file_that_is_cut_off_changes_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let application = Backend::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned());
    theirs.change(|terms| terms.more_roots = vec![ours.root()]);
    let world = inbound(&theirs, "world", application.address, &[]);
    let [our_text, their_text] =
        [&ours, &theirs].map(|authority| fs::read_to_string(authority.root_file()).unwrap());
    let both = format!("# ours\n{our_text}\nSubject: theirs -----\n{their_text}that is all\n");
    let roots = file("roots", &both);
    let hello = outbound_with(&ours, &roots, world.address, "world");
    let certified = hello.proxy.metric("mesh_identity_refreshes_total");
    fs::write(&roots, &both[..both.len() - 100]).unwrap();
    // Long enough to look at it.
    thread::sleep(Duration::from_millis(2500));
    assert!(hello.answer_to(REQUEST).starts_with("HTTP/1.1 200"));
    assert_eq!(hello.proxy.metric("mesh_identity_refreshes_total"), certified);
    hello.proxy.signal("KILL");
    let (_, log) = hello.proxy.wait();
    assert!(log.contains("those that were read stay in force") && log.contains(&roots), "{log}");
}
