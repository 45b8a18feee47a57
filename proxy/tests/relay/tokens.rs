//! The file with the token of a proxy: what it holds may be none, and may change.

use std::fs;

use crate::harness::Relay;
use crate::mesh::Certified;
use crate::stand_in::ControlPlane;
use crate::stand_in::authority::{Authority, file};
use crate::stand_in::proxy::eventually;

#[test]
fn a_file_without_a_token_is_named_and_looked_at_again() {
    let makings: [fn(&str); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(path, " \n").unwrap(),
        |path| fs::write(path, "two\nlines").unwrap(),
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
    ];
    let authority = Authority::new();
    let (_control_plane, secured) = ControlPlane::start_with(&authority);
    for spoil in makings {
        let token = file("token", "");
        spoil(&token);
        let certified = Certified::new(&authority, secured, "hello").with_token(&token);
        let hello = Relay::outbound_of(secured, &certified.variables(&[]));
        eventually("tried", || hello.proxy.metric("mesh_identity_refresh_failures_total") >= 2.0);
        let (status, reason) = hello.proxy.admin("GET", "/ready");
        assert_eq!((status, reason.contains("certified")), (503, true), "{reason}");

        let _ = fs::remove_dir(&token);
        fs::write(&token, "hello").unwrap();
        eventually("certified", || hello.proxy.metric("mesh_identity_refreshes_total") >= 1.0);
        hello.proxy.signal("KILL");
        let (_, log) = hello.proxy.wait();
        let told: Vec<_> =
            log.lines().filter(|line| line.contains("no token for the control plane")).collect();
        assert!(told.len() == 1 && told[0].contains(&token), "{log}");
    }
}
