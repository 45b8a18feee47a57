//! Who may watch the requests of a proxy whose tap listener is for the control plane alone.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::backend::Backend;
use crate::harness::Relay;
use crate::mesh::{handshakes, inbound};
use crate::peers::client_speaking;
use crate::stand_in::DEADLINE;
use crate::stand_in::authority::{Authority, CONTROL_PLANE, identity};
use crate::stand_in::proxy::eventually;

/// How HTTP/2 begins: with settings, here empty ones.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const SETTINGS: u8 = 4;

fn connected(relay: &Relay) -> TcpStream {
    let socket = TcpStream::connect(relay.proxy.field("tap")).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Whether a client that begins HTTP/2 is answered in it. Who is refused hears the end, or that the connection broke.
fn is_answered(mut connection: impl Read + Write) -> bool {
    let mut frame = [0; 9];
    let answered = connection.write_all(PREFACE).and_then(|()| connection.read_exact(&mut frame));
    answered.is_ok() && frame[3] == SETTINGS
}

#[test]
fn the_control_plane_may_watch_and_nobody_else() {
    let (authority, other) = (Authority::new(), Authority::new());
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[("MESH_PROXY_TAP_TLS", "true")]);
    let as_whom = |authority: &Authority, names: &[&str]| {
        is_answered(client_speaking(b"h2", authority, names, connected(&world)))
    };

    assert!(as_whom(&authority, &[CONTROL_PLANE]));
    assert_eq!(handshakes(&world, "inbound", "full"), 1.0);
    let (own, webhook) = (identity("world"), "spiffe://mesh.local/ns/mesh-system/sa/mesh-webhook");
    let foreign = "spiffe://other.mesh/ns/mesh-system/sa/mesh-control-plane";
    for names in [&[own.as_str()][..], &[webhook], &[foreign], &[CONTROL_PLANE, &own], &[]] {
        assert!(!as_whom(&authority, names), "{names:?}");
    }
    assert!(!as_whom(&other, &[CONTROL_PLANE]), "signed by another mesh");
    assert!(!is_answered(connected(&world)), "plain text");
    let refused = || handshakes(&world, "inbound", "identity-failed");
    eventually("all are counted", || refused() == 7.0);
    assert_eq!(handshakes(&world, "inbound", "full"), 1.0);
    assert!(as_whom(&authority, &[CONTROL_PLANE]), "also afterwards");
}

#[test]
fn without_being_told_so_anybody_may_watch_in_plain_text() {
    let authority = Authority::new();
    let world = inbound(&authority, "world", Backend::start().address, &[]);
    assert!(is_answered(connected(&world)));
}
