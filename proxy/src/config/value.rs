//! The forms of the variables' values. Each error says what was found and what was expected.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;

use super::{Application, Inbound, InboundTls, LogFormat, LogLevel, Ports};

pub(super) fn kind_and_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        None => Ok(("workload".to_owned(), text.to_owned())),
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((kind.to_ascii_lowercase(), name.to_owned()))
        }
        Some(_) => Err(format!("\"{text}\" is not NAME or KIND/NAME")),
    }
}

pub(super) fn host_and_port(text: &str) -> Result<Uri, String> {
    let expected = || format!("\"{text}\" is not HOST:PORT");
    let uri: Uri = format!("http://{text}").parse().map_err(|_| expected())?;
    let is_bare = uri.path() == "/" && uri.authority().is_some_and(|authority| authority.as_str() == text);
    let has_user = text.contains('@');
    match uri.port_u16() {
        Some(1..) if is_bare && !has_user => Ok(uri),
        _ => Err(expected()),
    }
}

pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    address(text).ok_or_else(|| format!("\"{text}\" is not PORT or ADDRESS:PORT"))
}

/// `PORT` or `ADDRESS:PORT`.
fn address(text: &str) -> Option<SocketAddr> {
    match text.parse::<u16>() {
        Ok(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        Err(_) => text.parse().ok(),
    }
}

pub(super) fn listen_address_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let address = address(text).map(Some);
    address.ok_or_else(|| format!("\"{text}\" is not PORT or ADDRESS:PORT, or off"))
}

pub(super) fn addresses_or_off(text: &str) -> Result<Vec<SocketAddr>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Vec::new());
    }
    let addresses: Option<Vec<_>> = items(text).map(address).collect();
    addresses.ok_or_else(|| format!("\"{text}\" is not a list of PORT or ADDRESS:PORT, or off"))
}

pub(super) fn ips(text: &str) -> Result<Vec<IpAddr>, String> {
    let ips: Result<Vec<_>, _> = items(text).map(str::parse).collect();
    ips.map_err(|_| format!("\"{text}\" is not a list of IP addresses"))
}

/// The items of a list that are separated by commas.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Stands for the application of redirected connections.
pub(super) const ORIGINAL: &str = "original";

pub(super) fn inbound_list(text: &str) -> Result<Vec<Inbound>, String> {
    let lists: Result<Vec<_>, _> = items(text).map(inbound).collect();
    Ok(lists?.concat())
}

fn inbound(text: &str) -> Result<Vec<Inbound>, String> {
    text.split_once('=')
        .and_then(|(listen, application)| match application.trim() {
            ORIGINAL => Some(redirected(listen.trim())?),
            application => {
                let application = address(application).filter(|application| application.port() != 0)?;
                let listen = address(listen.trim())?;
                Some(vec![Inbound { listen, application: Application::At(application) }])
            }
        })
        .ok_or_else(|| {
            format!("\"{text}\" is not LISTEN=APPLICATION, each PORT or ADDRESS:PORT, or LISTEN={ORIGINAL}")
        })
}

/// Connections are redirected to an address of the interface on which they arrive: a port alone means all of them.
fn redirected(listen: &str) -> Option<Vec<Inbound>> {
    let listens = match listen.parse::<u16>() {
        Ok(port) => {
            let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
            all.map(|ip| SocketAddr::new(ip, port)).to_vec()
        }
        Err(_) => vec![listen.parse().ok()?],
    };
    Some(listens.into_iter().map(|listen| Inbound { listen, application: Application::Original }).collect())
}

/// Ports and ranges of ports: `25,8000-8100`.
pub(super) fn ports(text: &str) -> Result<Ports, String> {
    let range = |item: &str| {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let range = first.trim().parse().ok()?..=last.trim().parse().ok()?;
        (*range.start() > 0 && !range.is_empty()).then_some(range)
    };
    let ranges = items(text).map(|item| {
        range(item).ok_or_else(|| format!("\"{item}\" is not a port or a range of ports such as 8000-8100"))
    });
    Ok(Ports(ranges.collect::<Result<_, _>>()?))
}

pub(super) fn whole_number(text: &str, range: RangeInclusive<usize>) -> Result<usize, String> {
    let (least, most) = (range.start(), range.end());
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("\"{text}\" is not a whole number from {least} to {most}")),
    }
}

pub(super) fn log_level(text: &str) -> Result<LogLevel, String> {
    match text {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        _ => Err(format!("\"{text}\" is not error, warn, info or debug")),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("\"{text}\" is not text or json")),
    }
}

pub(super) fn inbound_tls(text: &str) -> Result<InboundTls, String> {
    match text {
        "permissive" => Ok(InboundTls::Permissive),
        "strict" => Ok(InboundTls::Strict),
        _ => Err(format!("\"{text}\" is not permissive or strict")),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("\"{text}\" is not true or false")),
    }
}

/// `500ms`, `30s`, `2m`, `1h`, at most a day.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    const DAY: u64 = 24 * 60 * 60 * 1000;
    UNITS
        .iter()
        .find_map(|(unit, milliseconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(*milliseconds)
        })
        .filter(|milliseconds| (1..=DAY).contains(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("\"{text}\" is not a duration such as 500ms, 30s or 2m, at most a day"))
}
