//! What the program is asked to do: by flags, and by `MESH_INIT_*` variables where a flag is not given.

use crate::back_end::BackEnd;
use crate::configuration::{Configuration, Ipv6};
use crate::port_range::parse_port;
use crate::wait::ProxyState;
use lexopt::Arg::{Long, Short, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::str::FromStr;

/// What `--help` prints.
pub const USAGE: &str = "\
Turns the traffic of this network namespace over to the mesh's proxy by iptables.

usage: mesh-init [verify] [flags]

  (no command)              write the rules, in place of any written before
  verify                    prove from inside that the rules work; says what is wrong if not

      --dry-run             print the exact rules, change nothing
      --undo                take the rules away, and nothing else
      --proxy-uid UID       user of the proxy, whose connections are left alone (2102)
      --proxy-gid GID       group of the proxy, left alone as well (none)
      --outbound-port PORT  the proxy's listener for outbound connections (4140)
      --inbound-port PORT   the proxy's listener for inbound connections (4143)
      --tap-port PORT       the proxy's tap listener, never redirected (4190)
      --admin-port PORT     the proxy's admin listener, never redirected (4191)
      --skip-inbound-ports PORTS    do not redirect connections to these ports of the application
      --probed-ports PORTS          redirect connections to these ports only while the application listens there
      --skip-outbound-ports PORTS   do not redirect connections of the application to these ports
      --only-inbound-ports PORTS    redirect inbound connections to these ports alone
      --only-outbound-ports PORTS   redirect outbound connections to these ports alone
      --skip-subnets SUBNETS        do not redirect connections to and from these networks
      --backend auto|nft|legacy     back end of iptables (auto: what this host uses)
      --ipv6 auto|on|off            redirect IPv6 too (auto: when there is an address that others can reach)
      --wait-for nothing|live|ready end when the proxy runs, or has reached the control plane (nothing)
  -h, --help                print this
  -V, --version             print the version

PORTS are ports and ranges, SUBNETS addresses with a prefix length, with commas between: 25,8000-8100 or
10.0.0.0/8,fd00::/8. Every flag with a value is also read from a variable: --proxy-uid from MESH_INIT_PROXY_UID.
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    Install,
    PreviewInstall,
    Uninstall,
    PreviewUninstall,
    Verify,
    Help,
    Version,
}

type Setter = fn(&mut Configuration, &str) -> Result<(), String>;

/// The flags that take a value, and what each does with it.
const SETTINGS: [(&str, Setter); 15] = [
    ("proxy-uid", |configuration, value| assign(&mut configuration.proxy_uid, parse_id(value))),
    ("proxy-gid", |configuration, value| assign(&mut configuration.proxy_gid, parse_id(value).map(Some))),
    ("outbound-port", |configuration, value| assign(&mut configuration.outbound_port, parse_port(value))),
    ("inbound-port", |configuration, value| assign(&mut configuration.inbound_port, parse_port(value))),
    ("tap-port", |configuration, value| assign(&mut configuration.tap_port, parse_port(value))),
    ("admin-port", |configuration, value| assign(&mut configuration.admin_port, parse_port(value))),
    ("skip-inbound-ports", |configuration, value| {
        assign(&mut configuration.skip_inbound_ports, parse_list(value))
    }),
    ("probed-ports", |configuration, value| assign(&mut configuration.probed_ports, parse_list(value))),
    ("skip-outbound-ports", |configuration, value| {
        assign(&mut configuration.skip_outbound_ports, parse_list(value))
    }),
    ("only-inbound-ports", |configuration, value| {
        assign(&mut configuration.only_inbound_ports, parse_list(value))
    }),
    ("only-outbound-ports", |configuration, value| {
        assign(&mut configuration.only_outbound_ports, parse_list(value))
    }),
    ("skip-subnets", |configuration, value| assign(&mut configuration.skip_subnets, parse_list(value))),
    ("backend", |configuration, value| assign(&mut configuration.back_end, parse_back_end(value))),
    ("ipv6", |configuration, value| assign(&mut configuration.ipv6, parse_ipv6(value))),
    ("wait-for", |configuration, value| assign(&mut configuration.wait_for, parse_proxy_state(value))),
];

/// Reads the command line, without the program's name, and the environment. An error is one line that names the flag
/// or the variable.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<(Action, Configuration), String> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut verify, mut dry_run, mut undo) = (false, false, false);
    while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
        match argument {
            Short('h') | Long("help") => return Ok((Action::Help, Configuration::default())),
            Short('V') | Long("version") => return Ok((Action::Version, Configuration::default())),
            Long("dry-run") => dry_run = true,
            Long("undo") => undo = true,
            Long(flag) if SETTINGS.iter().any(|(name, _)| *name == flag) => {
                let flag = flag.to_owned();
                let value = parser.value().map_err(|_| format!("--{flag}: a value is missing"))?;
                given.entry(flag).or_default().push(value.to_string_lossy().into_owned());
            }
            Value(command) if command == "verify" && !verify => verify = true,
            Long(flag) => return Err(format!("--{flag}: there is no such flag")),
            Short(flag) => return Err(format!("-{flag}: there is no such flag")),
            Value(command) => return Err(format!("{}: there is no such command", command.to_string_lossy())),
        }
    }
    let action = match (verify, dry_run, undo) {
        (false, false, false) => Action::Install,
        (false, true, false) => Action::PreviewInstall,
        (false, false, true) => Action::Uninstall,
        (false, true, true) => Action::PreviewUninstall,
        (true, false, false) => Action::Verify,
        (true, true, _) => return Err("--dry-run: verify changes nothing anyway".to_owned()),
        (true, false, true) => return Err("--undo: not together with verify".to_owned()),
    };
    Ok((action, configure(&given, environment)?))
}

fn configure(
    given: &BTreeMap<String, Vec<String>>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Configuration, String> {
    let mut configuration = Configuration::default();
    for (name, set) in SETTINGS {
        let flag = format!("--{name}");
        let variable = format!("MESH_INIT_{}", name.to_ascii_uppercase().replace('-', "_"));
        if let Some(values) = given.get(name) {
            // A flag may be repeated where its value is a list.
            set(&mut configuration, &values.join(",")).map_err(|error| format!("{flag}: {error}"))?;
        } else if let Some(value) = environment(&variable).filter(|value| !value.is_empty()) {
            set(&mut configuration, &value.to_string_lossy())
                .map_err(|error| format!("{variable}: {error}"))?;
        }
    }
    require_distinct_ports(&configuration)?;
    Ok(configuration)
}

fn require_distinct_ports(configuration: &Configuration) -> Result<(), String> {
    let flags = ["--outbound-port", "--inbound-port", "--tap-port", "--admin-port"];
    let ports = configuration.proxy_ports();
    for (index, port) in ports.iter().enumerate() {
        if let Some(earlier) = ports[..index].iter().position(|other| other == port) {
            return Err(format!("{}: port {port} is taken by {}", flags[index], flags[earlier]));
        }
    }
    Ok(())
}

fn assign<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

/// A numeric user or group; the highest number means "nobody in particular" to the kernel and is none.
fn parse_id(text: &str) -> Result<u32, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(id) if id < u32::MAX && digits => Ok(id),
        _ => Err(format!("`{text}` is not a number between 0 and {}", u32::MAX - 1)),
    }
}

fn parse_list<T: FromStr<Err = String>>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::parse).collect()
}

fn parse_back_end(text: &str) -> Result<Option<BackEnd>, String> {
    match text {
        "auto" => Ok(None),
        "nft" => Ok(Some(BackEnd::Nft)),
        "legacy" => Ok(Some(BackEnd::Legacy)),
        _ => Err(format!("`{text}` is none of auto, nft, legacy")),
    }
}

fn parse_ipv6(text: &str) -> Result<Ipv6, String> {
    match text {
        "auto" => Ok(Ipv6::Auto),
        "on" => Ok(Ipv6::On),
        "off" => Ok(Ipv6::Off),
        _ => Err(format!("`{text}` is none of auto, on, off")),
    }
}

fn parse_proxy_state(text: &str) -> Result<Option<ProxyState>, String> {
    match text {
        "nothing" => Ok(None),
        "live" => Ok(Some(ProxyState::Live)),
        "ready" => Ok(Some(ProxyState::Ready)),
        _ => Err(format!("`{text}` is none of nothing, live, ready")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<(Action, Configuration), String> {
        let variable = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
        };
        parse(arguments.iter().map(OsString::from), variable)
    }

    #[test]
    fn without_flags_and_variables_the_defaults_are_installed() {
        assert_eq!(read(&[], &[]), Ok((Action::Install, Configuration::default())));
    }

    #[test]
    fn flags_and_variables_say_the_same_and_the_flag_wins() {
        let by_flag =
            read(&["--skip-outbound-ports", "25,8000-8100", "--ipv6=off", "--backend", "legacy"], &[]);
        let by_variable = read(
            &["--backend", "legacy"],
            &[
                ("MESH_INIT_SKIP_OUTBOUND_PORTS", "25, 8000-8100"),
                ("MESH_INIT_IPV6", "off"),
                ("MESH_INIT_BACKEND", "nft"),
                ("MESH_INIT_PROXY_UID", ""),
            ],
        );
        assert_eq!(by_flag, by_variable);
        let (_, configuration) = by_flag.unwrap();
        assert_eq!(configuration.back_end, Some(BackEnd::Legacy));
        assert_eq!(configuration.ipv6, Ipv6::Off);
        assert_eq!(configuration.skip_outbound_ports.len(), 2);
    }

    #[test]
    fn lists_may_be_given_in_parts() {
        let (_, configuration) =
            read(&["--skip-subnets", "10.0.0.0/8", "--skip-subnets", "fd00::/8"], &[]).unwrap();
        assert_eq!(configuration.skip_subnets.len(), 2);
    }

    #[test]
    fn every_setting_refuses_nonsense_by_the_name_it_was_given_by() {
        for (name, _) in SETTINGS {
            let error = read(&[&format!("--{name}"), "nonsense"], &[]).unwrap_err();
            assert!(error.starts_with(&format!("--{name}: ")), "{error}");
            let variable = format!("MESH_INIT_{}", name.to_uppercase().replace('-', "_"));
            let error = read(&[], &[(&variable, "nonsense")]).unwrap_err();
            assert!(error.starts_with(&format!("{variable}: ")), "{error}");
        }
    }

    #[test]
    fn every_setting_is_in_the_help() {
        for (name, _) in SETTINGS {
            assert!(USAGE.contains(&format!("--{name} ")), "{name}");
        }
    }

    #[test]
    fn values_out_of_range_and_wrong_usage_are_refused() {
        for arguments in [
            &["--proxy-uid", "4294967295"][..],
            &["--proxy-uid", "-1"],
            &["--proxy-uid", "1", "--proxy-uid", "2"],
            &["--proxy-gid", ""],
            &["--inbound-port", "0"],
            &["--skip-inbound-ports", "90-80"],
            &["--skip-subnets", "10.1.2.3/8"],
            &["--outbound-port", "4191"],
            &["--proxy-uid"],
            &["--unheard-of"],
            &["-x"],
            &["install"],
            &["verify", "verify"],
            &["verify", "--undo"],
            &["verify", "--dry-run"],
        ] {
            assert!(read(arguments, &[]).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn actions_are_told_apart() {
        let action = |arguments: &[&str]| read(arguments, &[]).map(|(action, _)| action);
        assert_eq!(action(&["--dry-run"]), Ok(Action::PreviewInstall));
        assert_eq!(action(&["--undo"]), Ok(Action::Uninstall));
        assert_eq!(action(&["--undo", "--dry-run"]), Ok(Action::PreviewUninstall));
        assert_eq!(action(&["verify", "--proxy-uid", "7"]), Ok(Action::Verify));
        assert_eq!(action(&["--help"]), Ok(Action::Help));
        assert_eq!(action(&["-V"]), Ok(Action::Version));
    }
}
