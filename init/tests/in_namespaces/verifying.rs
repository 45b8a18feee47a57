//! What `mesh-init verify` says when all is well, and when it is not.

use crate::network::{LEGACY, NFT, Namespace, Network, at, with_each_back_end};
use crate::stand_ins::{Listener, Proxy};

#[test]
fn redirection_is_proven_before_the_proxy_runs_and_while_it_runs() {
    with_each_back_end(|network, back_end| {
        network.pod.redirect(back_end, &[]);
        let before = network.pod.mesh_init(&["verify"]).succeeded();
        for family in ["IPv4", "IPv6"] {
            let line = before.lines().find(|line| line.starts_with(family)).unwrap();
            assert!(line.contains("with its original destination"), "{before}");
            assert!(line.contains(&format!("are there ({})", back_end.0)), "{before}");
        }
        let _proxy = Proxy::start(&network.pod);
        let during = network.pod.mesh_init(&["verify"]).succeeded();
        assert_eq!(during.matches("through it to where it was meant").count(), 2, "{during}");
    });
}

#[test]
fn only_the_ports_and_networks_that_are_redirected_are_tried() {
    with_each_back_end(|network, back_end| {
        let options = ["--only-outbound-ports", "8000-8001", "--skip-outbound-ports", "8001"];
        network.pod.redirect(back_end, &options);
        network.pod.mesh_init(&[&["verify"], &options[..]].concat()).succeeded();
        let everything = ["--skip-outbound-ports", "1-65535"];
        network.pod.redirect(back_end, &everything);
        network
            .pod
            .mesh_init(&[&["verify"], &everything[..]].concat())
            .failed_with(1, "no outbound port is redirected");
        let own = ["--skip-subnets", "10.0.0.0/8"];
        network.pod.redirect(back_end, &own);
        network.pod.mesh_init(&[&["verify"], &own[..]].concat()).failed_with(1, "no IPv4 address to try");
    });
}

#[test]
fn missing_rules_are_told() {
    let network = Network::new();
    network.pod.mesh_init(&["verify"]).failed_with(1, "there are no chains MESH_INBOUND, MESH_OUTBOUND");
    network.pod.redirect(NFT, &["--ipv6", "off"]);
    network.pod.mesh_init(&["verify"]).failed_with(1, "IPv6: ");
    network.pod.mesh_init(&["verify", "--ipv6", "off"]).succeeded();
    Namespace::new().mesh_init(&["verify"]).failed_with(1, "no IPv4 address to try");
}

#[test]
fn missing_rules_are_told_while_the_proxy_runs() {
    let network = Network::new();
    let _proxy = Proxy::start(&network.pod);
    network.pod.mesh_init(&["verify"]).failed_with(1, "was not redirected: there are no chains");
}

#[test]
fn rules_of_another_configuration_are_told() {
    with_each_back_end(|network, back_end| {
        network.pod.redirect(back_end, &["--outbound-port", "5140"]);
        network
            .pod
            .mesh_init(&["verify"])
            .failed_with(1, "where `-A MESH_INBOUND -p tcp -m tcp --dport 4140 -j RETURN` should be");
        network.pod.redirect(back_end, &["--inbound-port", "5143"]);
        network
            .pod
            .mesh_init(&["verify"])
            .failed_with(1, "MESH_INBOUND has no rule `-j REDIRECT --to-ports 4143`");
    });
}

#[test]
fn rules_that_come_before_ours_are_told() {
    with_each_back_end(|network, back_end| {
        network.pod.redirect(back_end, &[]);
        let iptables = format!("iptables-{}", back_end.0);
        network.pod.program(&iptables, &["-t", "nat", "-I", "OUTPUT", "-p", "tcp", "-j", "ACCEPT"]);
        network
            .pod
            .mesh_init(&["verify"])
            .failed_with(1, "other rules come before ours: -A OUTPUT -p tcp -j ACCEPT");
    });
}

#[test]
fn a_jump_that_is_missing_is_told() {
    with_each_back_end(|network, back_end| {
        let iptables = format!("iptables-{}", back_end.0);
        network.pod.redirect(back_end, &[]);
        network.pod.program(&iptables, &["-t", "nat", "-F", "PREROUTING"]);
        network.pod.mesh_init(&["verify"]).failed_with(1, "PREROUTING does not lead to MESH_INBOUND");
        network.pod.redirect(back_end, &[]);
        network.pod.program(&iptables, &["-t", "nat", "-F", "OUTPUT"]);
        network.pod.mesh_init(&["verify"]).failed_with(1, "the rule `-A OUTPUT");
    });
}

#[test]
fn rules_in_the_wrong_back_end_or_in_both_are_told() {
    let network = Network::new();
    network.pod.redirect(LEGACY, &[]);
    network
        .pod
        .mesh_init(&["verify", "--backend", "nft"])
        .failed_with(1, "in the back end legacy, not in nft");
    network.pod.program("iptables-nft", &["-t", "nat", "-N", "MESH_OUTBOUND"]);
    network.pod.mesh_init(&["verify"]).failed_with(1, "both back ends hold rules of ours");
}

#[test]
fn another_program_on_the_proxys_port_is_told() {
    let network = Network::new();
    network.pod.redirect(NFT, &[]);
    let _other = Listener::application(&network.pod, at("127.0.0.1", 4140), "another program");
    network.pod.mesh_init(&["verify"]).failed_with(1, "127.0.0.1:4140 is held by a process of user 0");
}

#[test]
fn a_proxy_that_listens_for_one_family_alone_is_told() {
    let network = Network::new();
    network.pod.redirect(NFT, &[]);
    let _proxy = Proxy::without_ipv6(&network.pod);
    network.pod.mesh_init(&["verify"]).failed_with(1, "does not listen on [::1]:4140");
}

#[test]
fn the_proxys_own_user_can_prove_nothing() {
    let network = Network::new();
    network.pod.redirect(NFT, &["--proxy-uid", "0"]);
    network
        .pod
        .mesh_init(&["verify", "--proxy-uid", "0"])
        .failed_with(1, "verify runs as the proxy's user 0");
    network
        .pod
        .mesh_init(&["verify", "--proxy-gid", "0"])
        .failed_with(1, "verify runs as the proxy's group 0");
}
