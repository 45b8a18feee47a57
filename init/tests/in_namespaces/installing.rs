//! Writing the rules, writing them again, and taking them away.

use crate::network::{LEGACY, NFT, Namespace, Network, REMOTE, at, with_each_back_end};
use crate::stand_ins::{Listener, ask};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::id;

const BINARY: &str = env!("CARGO_BIN_EXE_mesh-init");

/// Options that use every kind of rule.
const EVERY_KIND: [&str; 14] = [
    "--proxy-gid",
    "2102",
    "--skip-inbound-ports",
    "22,9000-9010",
    "--skip-outbound-ports",
    "25,1-65535",
    "--skip-subnets",
    "192.0.2.0/24,192.0.2.7,0.0.0.0/0,2001:db8::/32,::/0",
    "--probed-ports",
    "80,440-444",
    "--only-inbound-ports",
    "80,443-445",
    "--only-outbound-ports",
    "80",
];

#[test]
fn a_dry_run_prints_the_very_rules_and_changes_nothing() {
    with_each_back_end(|network, back_end| {
        let preview = network.pod.mesh_init(&[&["--dry-run"][..], &EVERY_KIND].concat()).succeeded();
        assert!(!network.pod.has_ours());
        network.pod.redirect(back_end, &EVERY_KIND);
        let sorted = |lines: Vec<String>| {
            let mut rules: Vec<String> = lines.into_iter().filter(|line| line.starts_with("-A ")).collect();
            rules.sort();
            rules
        };
        let printed = preview.lines().map(str::to_owned).collect();
        assert_eq!(sorted(printed), sorted(network.pod.all_rules(back_end)));
    });
}

#[test]
fn a_second_run_leaves_the_same_rules() {
    with_each_back_end(|network, back_end| {
        network.pod.redirect(back_end, &EVERY_KIND);
        let once = network.pod.all_rules(back_end);
        // Without being told, it takes the back end of the first run.
        network.pod.mesh_init(&EVERY_KIND).succeeded();
        assert_eq!(network.pod.all_rules(back_end), once);
    });
}

#[test]
fn a_run_with_other_options_replaces_the_rules() {
    with_each_back_end(|network, back_end| {
        network.pod.redirect(back_end, &EVERY_KIND);
        network.pod.redirect(back_end, &["--ipv6", "off"]);
        assert!(!network.pod.rules("ip6tables", back_end).iter().any(|line| line.contains("MESH_")));
        network.pod.redirect(back_end, &[]);
        let replaced = network.pod.all_rules(back_end);
        let fresh = Network::new();
        fresh.pod.redirect(back_end, &[]);
        assert_eq!(replaced, fresh.pod.all_rules(back_end));
    });
}

#[test]
fn undoing_leaves_everything_else_untouched() {
    with_each_back_end(|network, back_end| {
        let pod = &network.pod;
        for program in ["iptables", "ip6tables"] {
            let iptables = |rule: &str| {
                pod.program(
                    &format!("{program}-{}", back_end.0),
                    &["-t nat", rule].join(" ").split(' ').collect::<Vec<_>>(),
                )
            };
            iptables("-N ELSE");
            iptables("-A ELSE -p tcp --dport 9 -m comment --comment MESH -j REDIRECT --to-ports 10");
            iptables("-A OUTPUT -p tcp --dport 9 -j ELSE");
        }
        let before = pod.all_rules(back_end);
        pod.redirect(back_end, &EVERY_KIND);
        pod.program(
            &format!("iptables-{}", back_end.0),
            &["-t", "nat", "-A", "OUTPUT", "-p", "udp", "-j", "RETURN"],
        );
        pod.redirect(back_end, &[]);
        pod.program(
            &format!("iptables-{}", back_end.0),
            &["-t", "nat", "-D", "OUTPUT", "-p", "udp", "-j", "RETURN"],
        );
        assert_ne!(pod.all_rules(back_end), before);
        pod.mesh_init(&["--undo"]).succeeded();
        assert_eq!(pod.all_rules(back_end), before);
        assert_eq!(pod.mesh_init(&["--undo"]).succeeded(), "nothing to take away\n");
    });
}

#[test]
fn after_undoing_connections_go_straight() {
    with_each_back_end(|network, back_end| {
        let _remote = REMOTE.map(|address| Listener::application(&network.remote, at(address, 80), "remote"));
        network.pod.redirect(back_end, &[]);
        for address in REMOTE {
            assert_eq!(ask(&network.pod, at(address, 80)), "ConnectionRefused");
        }
        network.pod.mesh_init(&["--undo"]).succeeded();
        for address in REMOTE {
            assert_eq!(ask(&network.pod, at(address, 80)), "remote");
        }
    });
}

#[test]
fn the_back_end_is_the_one_that_is_in_use() {
    with_each_back_end(|network, back_end| {
        let pod = &network.pod;
        pod.program(
            &format!("iptables-{}", back_end.0),
            &["-A", "INPUT", "-p", "udp", "--dport", "9", "-j", "DROP"],
        );
        let printed = pod.mesh_init(&[]).succeeded();
        assert!(printed.contains(&format!("({})", back_end.0)), "{printed}");
        assert!(pod.all_rules(back_end).iter().any(|line| line.contains("MESH_")));
    });
    let untouched = Namespace::new();
    assert!(untouched.mesh_init(&[]).succeeded().contains("(nft)"));
}

#[test]
fn a_second_run_stays_in_the_back_end_of_the_first() {
    let network = Network::new();
    network.pod.redirect(LEGACY, &[]);
    let rules = "-A INPUT -p udp -j ACCEPT\n".repeat(100);
    let restore = format!("printf '*filter\n{rules}COMMIT\n' | iptables-nft-restore");
    network.pod.program("sh", &["-c", &restore]);
    assert!(network.pod.mesh_init(&[]).succeeded().contains("(legacy)"));
}

#[test]
fn forcing_the_other_back_end_moves_the_rules() {
    let network = Network::new();
    for (from, to) in [(NFT, LEGACY), (LEGACY, NFT)] {
        network.pod.redirect(from, &[]);
        network.pod.redirect(to, &[]);
        assert!(!network.pod.all_rules(from).iter().any(|line| line.contains("MESH_")));
        assert!(network.pod.all_rules(to).iter().any(|line| line.contains("MESH_")));
    }
}

#[test]
fn ipv6_is_redirected_where_there_is_an_address_or_when_told_to() {
    with_each_back_end(|_, back_end| {
        let pod = Network::without_ipv6().pod;
        let ipv6 = || pod.rules("ip6tables", back_end).iter().any(|line| line.contains("MESH_"));
        pod.redirect(back_end, &[]);
        assert!(!ipv6());
        pod.redirect(back_end, &["--ipv6", "on"]);
        assert!(ipv6());
        pod.redirect(back_end, &[]);
        assert!(!ipv6());
    });
}

/// A folder in which a program of the back end's does nothing but fail; it is looked in first.
struct BrokenProgram(PathBuf);

impl BrokenProgram {
    fn new(name: &str) -> Self {
        Self::with(name, "echo this program is broken >&2\nexit 3\n")
    }

    /// One that knows nothing of sockets, as on a kernel that does not.
    fn without_sockets(name: &str) -> Self {
        let refuse = "{ echo 'Extension socket revision 0 not supported' >&2; exit 1; }";
        let script = format!(
            "rules=$(cat)\ncase $rules in *'-m socket'*) {refuse};; esac\nprintf '%s\\n' \"$rules\" | /usr/sbin/{name} \"$@\"\n"
        );
        Self::with(name, &script)
    }

    fn with(name: &str, script: &str) -> Self {
        let folder = env::temp_dir().join(format!("mesh-init-{}-{name}", id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    fn path(&self) -> String {
        format!("PATH={}:{}", self.0.display(), env::var("PATH").unwrap())
    }
}

impl Drop for BrokenProgram {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_run_that_fails_leaves_no_rules() {
    with_each_back_end(|network, back_end| {
        let broken = BrokenProgram::new(&format!("ip6tables-{}-restore", back_end.0));
        let run = |arguments: &[&str]| {
            network.pod.mesh_init_by(
                &["env", &broken.path(), BINARY],
                &[&["--backend", back_end.0], arguments].concat(),
            )
        };
        run(&[]).failed_with(1, "this program is broken");
        assert!(!network.pod.has_ours(), "rules for IPv4 are left though IPv6 failed");
        // Nor are those of an earlier run.
        network.pod.redirect(back_end, &["--ipv6", "off"]);
        run(&["--skip-outbound-ports", "25"]).failed_with(1, "this program is broken");
        assert!(!network.pod.has_ours());
    });
}

#[test]
fn on_a_kernel_that_knows_no_sockets_probed_ports_are_like_others() {
    with_each_back_end(|network, back_end| {
        let broken = BrokenProgram::without_sockets(&format!("iptables-{}-restore", back_end.0));
        let words = ["env", &broken.path(), BINARY];
        let printed = network
            .pod
            .mesh_init_by(&words, &["--backend", back_end.0, "--ipv6", "off", "--probed-ports", "3306"])
            .succeeded();
        assert!(printed.contains("this kernel lacks xt_socket"), "{printed}");
        let probed = network.pod.all_rules(back_end);
        network.pod.redirect(back_end, &["--ipv6", "off"]);
        assert_eq!(network.pod.all_rules(back_end), probed);
    });
}

#[test]
fn a_wrong_value_is_named_and_nothing_is_changed() {
    let network = Network::new();
    network.pod.redirect(NFT, &[]);
    let before = network.pod.all_rules(NFT);
    network.pod.mesh_init(&["--skip-inbound-ports", "80-22"]).failed_with(2, "--skip-inbound-ports: ");
    network
        .pod
        .mesh_init_by(&["env", "MESH_INIT_PROXY_UID=proxy", BINARY], &[])
        .failed_with(2, "MESH_INIT_PROXY_UID: ");
    assert_eq!(network.pod.all_rules(NFT), before);
}

#[test]
fn without_permission_it_says_so() {
    let pod = Namespace::new();
    for arguments in [&[][..], &["--undo"]] {
        pod.mesh_init_by(&["setpriv", "--bounding-set=-net_admin", BINARY], arguments)
            .failed_with(1, "no permission to change iptables");
    }
    pod.mesh_init_by(&["setpriv", "--bounding-set=-net_admin", BINARY], &["--dry-run"]).succeeded();
}

#[test]
fn without_iptables_it_says_so() {
    let pod = Namespace::new();
    let hidden = "mount -t tmpfs tmpfs /usr/sbin && exec \"$0\" \"$@\"";
    let words = ["unshare", "--mount", "sh", "-c", hidden, BINARY];
    pod.mesh_init_by(&words, &[]).failed_with(1, "iptables is not installed");
    pod.mesh_init_by(&words, &["--undo"]).failed_with(1, "iptables is not installed");
    pod.mesh_init_by(&words, &["--dry-run"]).succeeded();
}
