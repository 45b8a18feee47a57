//! What the application sends, by where it was meant to go.

use crate::namespaces::{Network, OTHER_REMOTE, POD, REMOTE, at};
use crate::peers::{Server, connect, get, request};
use crate::pod::Pod;
use std::io::Read;

const OUTBOUND: &str = r#"direction="outbound""#;
const INBOUND: &str = r#"direction="inbound""#;
/// Virtual addresses: no host has them.
const SERVICE: [&str; 2] = ["10.96.0.7", "2001:db8:96::7"];
const WEB: &str = "web: GET / HTTP/1.1";

#[test]
fn an_unknown_destination_is_reached_as_without_a_proxy_and_counted() {
    let pod = Pod::start(&[], &[]);
    for (index, address) in REMOTE.into_iter().enumerate() {
        let _web = Server::http(&pod.network.remote, at(address, 80), "web");
        assert_eq!(get(&pod.network.pod, at(address, 80)), WEB);
        let labels = [OUTBOUND, r#"dst_service="""#, r#"dst_pod="""#, r#"dst_namespace="""#];
        assert_eq!(pod.requests(&labels), index as f64 + 1.0);
        let mut refused = connect(&pod.network.pod, at(address, 81)).unwrap();
        assert!(refused.read(&mut [0]).is_err());
    }
}

#[test]
fn an_address_of_a_service_leads_to_its_endpoints_whatever_host_is_named() {
    let services = [0, 1].map(|family| (at(SERVICE[family], 80), at(REMOTE[family], 8080)));
    let pod = Pod::start(&services, &[]);
    for (service, endpoint) in services {
        let _web = Server::http(&pod.network.remote, endpoint, "web");
        assert_eq!(get(&pod.network.pod, service), WEB);
        let label = format!("dst_service=\"{service}\"");
        assert_eq!(pod.requests(&[OUTBOUND, &label]), 1.0);
    }
}

#[test]
fn an_address_of_an_endpoint_leads_to_that_endpoint() {
    let endpoints = [REMOTE, OTHER_REMOTE].map(|[address, _]| (at(address, 80), at(address, 80)));
    let pod = Pod::start(&endpoints, &[]);
    let _web = Server::http(&pod.network.remote, endpoints[0].0, "web");
    let _other = Server::http(&pod.network.remote, endpoints[1].0, "other");
    for _ in 0..3 {
        assert_eq!(get(&pod.network.pod, endpoints[0].0), WEB);
        assert_eq!(get(&pod.network.pod, endpoints[1].0), "other: GET / HTTP/1.1");
    }
}

#[test]
fn without_a_control_plane_everything_goes_straight_on() {
    let pod = Pod::without_control_plane();
    for address in REMOTE {
        let _web = Server::http(&pod.network.remote, at(address, 80), "web");
        assert_eq!(get(&pod.network.pod, at(address, 80)), WEB);
    }
    assert_eq!(pod.requests(&[OUTBOUND]), 2.0);
}

#[test]
fn the_application_to_itself_is_seen_once() {
    let services = [0, 1].map(|family| (at(SERVICE[family], 80), at(POD[family], 8080)));
    let pod = Pod::start(&services, &[]);
    for (own, service) in POD.into_iter().zip(SERVICE) {
        let _application = Server::http(&pod.network.pod, at(own, 8080), "web");
        assert_eq!(get(&pod.network.pod, at(own, 8080)), WEB);
        assert_eq!(get(&pod.network.pod, at(service, 80)), WEB);
    }
    assert_eq!((pod.requests(&[OUTBOUND]), pod.requests(&[INBOUND])), (4.0, 0.0));
}

#[test]
fn a_request_to_an_http_proxy_is_left_as_it_is() {
    let pod = Pod::start(&[], &[]);
    let address = at(REMOTE[0], 3128);
    let _proxy = Server::http(&pod.network.remote, address, "proxy");
    let answer = request(&pod.network.pod, address, "http://elsewhere/");
    assert_eq!(answer, "proxy: GET http://elsewhere/ HTTP/1.1");
}

#[test]
fn a_host_without_ipv6_is_served_all_the_same() {
    let network = Network::without_ipv6();
    network.pod.ip("-6 address del ::1/128 dev lo");
    let pod = Pod::in_network(network, &[("MESH_PROXY_CONTROL_PLANE", "127.0.0.1:1")]);
    assert_eq!(pod.proxy.field("outbound"), "127.0.0.1:4140");
    let _web = Server::http(&pod.network.remote, at(REMOTE[0], 80), "web");
    assert_eq!(get(&pod.network.pod, at(REMOTE[0], 80)), WEB);
}
