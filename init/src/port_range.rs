//! Ports and ranges of ports, as people write them.

use std::fmt;
use std::str::FromStr;

/// One port (`25`) or an inclusive range (`8000-8100`); never port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The range that is one port.
    pub fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Whether `port` lies in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// The ports that lie in both ranges, if any.
    pub fn overlap(self, other: Self) -> Option<Self> {
        let both = Self { first: self.first.max(other.first), last: self.last.min(other.last) };
        (both.first <= both.last).then_some(both)
    }
}

/// As iptables writes it in `--dport`: `25` or `8000:8100`.
impl fmt::Display for PortRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return write!(out, "{}", self.first);
        }
        write!(out, "{}:{}", self.first, self.last)
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((first, last)) = text.split_once('-') else {
            return Ok(Self::single(parse_port(text)?));
        };
        let range = Self { first: parse_port(first)?, last: parse_port(last)? };
        if range.first > range.last {
            return Err(format!("the range {text} ends before it begins"));
        }
        Ok(range)
    }
}

/// A port between 1 and 65535, in plain digits.
pub fn parse_port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if port > 0 && digits => Ok(port),
        _ => Err(format!("`{text}` is not a port between 1 and 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_a_range_are_written_as_iptables_wants_them() {
        assert_eq!("25".parse::<PortRange>().map(|range| range.to_string()), Ok("25".to_owned()));
        assert_eq!(
            "8000-8100".parse::<PortRange>().map(|range| range.to_string()),
            Ok("8000:8100".to_owned())
        );
        assert_eq!("443-443".parse::<PortRange>(), Ok(PortRange::single(443)));
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in
            ["", "0", "65536", "+80", " 80", "http", "-1", "80-", "-", "1-2-3", "0-80", "90-80", "80:90"]
        {
            assert!(text.parse::<PortRange>().is_err(), "{text:?} was taken for a port");
        }
    }
}
