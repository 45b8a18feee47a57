//! What a proxy tells of its certificate, and how the control plane has it come again.

use std::fs;

use mesh_proxy::proto::{CertifyAgain, discover_response::Response};
use ring::digest::{SHA256, digest};

use crate::harness::Relay;
use crate::mesh::Certified;
use crate::stand_in::ControlPlane;
use crate::stand_in::authority::{Authority, file};

fn hashes(authorities: &[&Authority]) -> Vec<Vec<u8>> {
    authorities.iter().map(|authority| digest(&SHA256, &authority.root()).as_ref().to_vec()).collect()
}

#[tokio::test]
async fn a_proxy_tells_whom_it_believes_and_comes_again_when_it_is_asked() {
    let (authority, next) = (Authority::new(), Authority::new());
    let (mut control_plane, secured) = ControlPlane::start_with(&authority);
    let roots = file("roots", &fs::read_to_string(authority.root_file()).unwrap());
    let certified = Certified::new(&authority, secured, "hello").with_roots(&roots);
    let hello = Relay::outbound_of(secured, &certified.variables(&[]));
    let mut stream = control_plane.next_stream().await;
    stream.introduction().await;
    let trust = stream.trust().await;
    assert_eq!((trust.given_roots, trust.roots), (hashes(&[&authority]), hashes(&[&authority])));
    assert!(trust.not_after.is_some());

    authority.change(|terms| terms.more_roots = vec![next.root()]);
    stream.send(Response::CertifyAgain(CertifyAgain {})).await;
    let trust = stream.trust().await;
    assert_eq!((trust.given_roots, trust.roots), (hashes(&[&authority]), hashes(&[&authority, &next])));

    fs::copy(next.root_file(), &roots).unwrap();
    let trust = stream.trust().await;
    assert_eq!((trust.given_roots, trust.roots), (hashes(&[&next]), hashes(&[&next, &authority])));
    // The control plane, which the proxy no longer believes, was asked twice, and certified twice.
    assert_eq!(hello.proxy.metric("mesh_identity_refreshes_total"), 2.0);
}
