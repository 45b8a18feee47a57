//! Two proxies with certificates, and everything between them secured.

use crate::backend::Backend;
use crate::mesh::{handshakes, inbound, outbound};
use crate::stand_in::authority::Authority;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn a_request_goes_the_whole_way_secured_as_it_was_sent() {
    let authority = Authority::new();
    let application = Backend::answering(|_| OK.to_owned());
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);

    let mut client = hello.connect();
    for _ in 0..3 {
        client.send("GET /a HTTP/1.1\r\nHOST: world\r\nX-Odd:  1\r\n\r\n");
        assert_eq!(client.until("hi"), OK);
    }
    assert!(
        application.heads().iter().all(|head| head == "GET /a HTTP/1.1\r\nHOST: world\r\nX-Odd:  1\r\n\r\n")
    );
    assert_eq!(application.connections(), 1);
    for (relay, direction) in [(&hello, "outbound"), (&world, "inbound")] {
        assert_eq!(handshakes(relay, direction, "full"), 1.0);
        let labels = [format!("direction=\"{direction}\""), "tls=\"true\"".to_owned()];
        let labels = [labels[0].as_str(), &labels[1]];
        assert_eq!(relay.metric("mesh_requests_total", &labels), 3.0, "{direction}");
        assert_eq!(relay.metric("mesh_requests_total", &["tls=\"false\""]), 0.0, "{direction}");
    }
    assert_eq!(world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""]), 1.0);
    assert_eq!(world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"false\""]), 0.0);
    assert!(world.proxy.metric("mesh_identity_certificate_end_timestamp_seconds") > 1.7e9);
}
