//! The rules themselves, word for word as `iptables-save` prints them.
//!
//! Only packets that open a connection enter our chains, so connections that were open before the rules came go on
//! undisturbed. Of what arrives, only what is meant for this network namespace enters: forwarded traffic is somebody
//! else's.

use crate::configuration::{Configuration, DNS};
use crate::family::Family;
use crate::port_range::PortRange;
use crate::subnet::Subnet;

/// The chain that decides about connections from elsewhere to the application.
pub const INBOUND: &str = "MESH_INBOUND";
/// The chain that decides about connections that the application opens.
pub const OUTBOUND: &str = "MESH_OUTBOUND";
/// Our chains of the nat table.
pub const CHAINS: [&str; 2] = [INBOUND, OUTBOUND];

/// Matches what a socket of this network namespace listens for, on one address or on all.
const LISTENER: &str = "-m socket --nowildcard";

/// The rules of one family.
#[derive(Debug, PartialEq, Eq)]
pub struct Rules {
    /// One rule in each of `PREROUTING` and `OUTPUT` that leads into our chains.
    pub jumps: [String; 2],
    /// What our chains hold, in order.
    pub chains: Vec<String>,
}

impl Rules {
    /// The rules that `configuration` asks for.
    pub fn new(configuration: &Configuration, family: Family) -> Self {
        let mut chains = inbound(configuration, family);
        chains.extend(outbound(configuration, family));
        Self {
            jumps: [
                format!(
                    "-A PREROUTING -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m addrtype --dst-type LOCAL -j {INBOUND}"
                ),
                format!("-A OUTPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j {OUTBOUND}"),
            ],
            chains,
        }
    }
}

fn inbound(configuration: &Configuration, family: Family) -> Vec<String> {
    let mut rules = Chain::new(INBOUND);
    rules.skip_ports(&configuration.proxy_ports().map(PortRange::single));
    rules.skip_ports(&configuration.skip_inbound_ports);
    rules.skip_subnets("-s", &configuration.skip_subnets, family);
    rules.redirect_if_heard(&probed_ports(configuration), configuration.inbound_port);
    rules.redirect(&configuration.only_inbound_ports, configuration.inbound_port);
    rules.rules
}

/// What a process of this network namespace sends to one of the namespace's own addresses leaves by `lo` and never
/// passes `PREROUTING`'s nat rules. So the application's connection to its own address passes the proxy once, as
/// outbound; and the proxy's connection to that address, or to any other, goes straight to the application.
fn outbound(configuration: &Configuration, family: Family) -> Vec<String> {
    let mut rules = Chain::new(OUTBOUND);
    rules.skip(&format!("-m owner --uid-owner {}", configuration.proxy_uid));
    if let Some(gid) = configuration.proxy_gid {
        rules.skip(&format!("-m owner --gid-owner {gid}"));
    }
    match family {
        Family::V4 => rules.skip("-d 127.0.0.0/8"),
        Family::V6 => {
            rules.skip("-d ::1/128");
            // A link-local address needs its interface, which the proxy could not learn.
            rules.skip("-d fe80::/10");
        }
    }
    for port in configuration.proxy_ports() {
        rules.skip(&format!("-o lo -p tcp -m tcp --dport {port}"));
    }
    if !configuration.redirects_outbound(DNS) {
        rules.skip_ports(&[PortRange::single(DNS)]);
    }
    rules.skip_ports(&configuration.skip_outbound_ports);
    rules.skip_subnets("-d", &configuration.skip_subnets, family);
    rules.redirect(&configuration.only_outbound_ports, configuration.outbound_port);
    rules.rules
}

/// The probed ports that are redirected at all.
fn probed_ports(configuration: &Configuration) -> Vec<PortRange> {
    let probed = &configuration.probed_ports;
    let only = &configuration.only_inbound_ports;
    if only.is_empty() {
        return probed.clone();
    }
    probed.iter().flat_map(|range| only.iter().filter_map(|other| range.overlap(*other))).collect()
}

struct Chain {
    name: &'static str,
    rules: Vec<String>,
}

impl Chain {
    fn new(name: &'static str) -> Self {
        Self { name, rules: Vec::new() }
    }

    fn skip(&mut self, matching: &str) {
        self.rules.push(format!("-A {} {matching} -j RETURN", self.name));
    }

    fn skip_ports(&mut self, ports: &[PortRange]) {
        for range in ports {
            self.skip(&format!("-p tcp -m tcp --dport {range}"));
        }
    }

    fn skip_subnets(&mut self, side: &str, subnets: &[Subnet], family: Family) {
        for subnet in subnets.iter().filter(|subnet| subnet.family() == family) {
            if subnet.is_everything() {
                self.rules.push(format!("-A {} -j RETURN", self.name));
            } else {
                self.skip(&format!("{side} {subnet}"));
            }
        }
    }

    /// A connection to where nobody listens goes its way, and the kernel refuses it.
    fn redirect_if_heard(&mut self, ports: &[PortRange], to: u16) {
        for range in ports {
            self.rules.push(format!(
                "-A {} -p tcp -m tcp --dport {range} {LISTENER} -j REDIRECT --to-ports {to}",
                self.name
            ));
        }
        self.skip_ports(ports);
    }

    fn redirect(&mut self, only: &[PortRange], to: u16) {
        if only.is_empty() {
            self.rules.push(format!("-A {} -p tcp -j REDIRECT --to-ports {to}", self.name));
        }
        for range in only {
            self.rules
                .push(format!("-A {} -p tcp -m tcp --dport {range} -j REDIRECT --to-ports {to}", self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(configuration: &Configuration, family: Family) -> String {
        Rules::new(configuration, family).chains.join("\n") + "\n"
    }

    fn ports(text: &str) -> Vec<PortRange> {
        text.split(',').map(|item| item.parse().unwrap()).collect()
    }

    #[test]
    fn without_options_everything_but_the_proxy_loopback_and_dns_is_redirected() {
        assert_eq!(
            chains(&Configuration::default(), Family::V4),
            "\
-A MESH_INBOUND -p tcp -m tcp --dport 4140 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 4143 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 4190 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 4191 -j RETURN
-A MESH_INBOUND -p tcp -j REDIRECT --to-ports 4143
-A MESH_OUTBOUND -m owner --uid-owner 2102 -j RETURN
-A MESH_OUTBOUND -d 127.0.0.0/8 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 4140 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 4143 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 4190 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 4191 -j RETURN
-A MESH_OUTBOUND -p tcp -m tcp --dport 53 -j RETURN
-A MESH_OUTBOUND -p tcp -j REDIRECT --to-ports 4140
"
        );
    }

    #[test]
    fn every_option_has_its_rule_in_the_table_of_its_family() {
        let configuration = Configuration {
            proxy_uid: 1337,
            proxy_gid: Some(1338),
            outbound_port: 15001,
            inbound_port: 15006,
            tap_port: 15010,
            admin_port: 15000,
            skip_inbound_ports: ports("22,9000-9010"),
            probed_ports: ports("70-80,8000"),
            skip_outbound_ports: ports("25"),
            only_inbound_ports: ports("80"),
            only_outbound_ports: ports("53,443,8000-8100"),
            skip_subnets: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..Configuration::default()
        };
        assert_eq!(
            chains(&configuration, Family::V6),
            "\
-A MESH_INBOUND -p tcp -m tcp --dport 15001 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 15006 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 15010 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 15000 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 22 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 9000:9010 -j RETURN
-A MESH_INBOUND -s fd00::/8 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 80 -m socket --nowildcard -j REDIRECT --to-ports 15006
-A MESH_INBOUND -p tcp -m tcp --dport 80 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15006
-A MESH_OUTBOUND -m owner --uid-owner 1337 -j RETURN
-A MESH_OUTBOUND -m owner --gid-owner 1338 -j RETURN
-A MESH_OUTBOUND -d ::1/128 -j RETURN
-A MESH_OUTBOUND -d fe80::/10 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 15001 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 15006 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 15010 -j RETURN
-A MESH_OUTBOUND -o lo -p tcp -m tcp --dport 15000 -j RETURN
-A MESH_OUTBOUND -p tcp -m tcp --dport 25 -j RETURN
-A MESH_OUTBOUND -d fd00::/8 -j RETURN
-A MESH_OUTBOUND -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15001
-A MESH_OUTBOUND -p tcp -m tcp --dport 443 -j REDIRECT --to-ports 15001
-A MESH_OUTBOUND -p tcp -m tcp --dport 8000:8100 -j REDIRECT --to-ports 15001
"
        );
    }

    #[test]
    fn a_probed_port_is_redirected_while_somebody_listens_there() {
        let configuration =
            Configuration { probed_ports: ports("3306,9000-9001"), ..Configuration::default() };
        assert!(chains(&configuration, Family::V4).contains(
            "\
-A MESH_INBOUND -p tcp -m tcp --dport 3306 -m socket --nowildcard -j REDIRECT --to-ports 4143
-A MESH_INBOUND -p tcp -m tcp --dport 9000:9001 -m socket --nowildcard -j REDIRECT --to-ports 4143
-A MESH_INBOUND -p tcp -m tcp --dport 3306 -j RETURN
-A MESH_INBOUND -p tcp -m tcp --dport 9000:9001 -j RETURN
-A MESH_INBOUND -p tcp -j REDIRECT --to-ports 4143
"
        ));
    }

    #[test]
    fn a_subnet_of_every_address_leaves_its_whole_family_alone() {
        let configuration =
            Configuration { skip_subnets: vec!["0.0.0.0/0".parse().unwrap()], ..Configuration::default() };
        assert!(chains(&configuration, Family::V4).contains("-A MESH_OUTBOUND -j RETURN\n"));
        assert!(!chains(&configuration, Family::V6).contains("-A MESH_OUTBOUND -j RETURN\n"));
    }
}
