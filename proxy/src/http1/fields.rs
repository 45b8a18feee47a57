//! What single header fields say about framing and about the connection.

use super::Refusal;

/// The fields that the relay acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Connection,
    ContentLength,
    Expect,
    Host,
    KeepAlive,
    MaxForwards,
    MeshProxyError,
    ProxyAuthorization,
    ProxyConnection,
    Te,
    TransferEncoding,
    Upgrade,
    Other,
}

impl Field {
    /// Looks at the length first, as almost every field is another one.
    pub(super) fn named(name: &[u8]) -> Self {
        let (candidate, field): (&[u8], Self) = match name.len() {
            2 => (b"te", Self::Te),
            4 => (b"host", Self::Host),
            6 => (b"expect", Self::Expect),
            7 => (b"upgrade", Self::Upgrade),
            10 if name[0] | 0x20 == b'c' => (b"connection", Self::Connection),
            10 => (b"keep-alive", Self::KeepAlive),
            12 if name[0] | 0x20 == b'm' => (b"max-forwards", Self::MaxForwards),
            14 => (b"content-length", Self::ContentLength),
            16 if name[0] | 0x20 == b'm' => (b"mesh-proxy-error", Self::MeshProxyError),
            16 => (b"proxy-connection", Self::ProxyConnection),
            17 => (b"transfer-encoding", Self::TransferEncoding),
            19 => (b"proxy-authorization", Self::ProxyAuthorization),
            _ => return Self::Other,
        };
        if is_named(name, candidate) { field } else { Self::Other }
    }
}

/// Whether `name`, a token, is `lower` in any case. With the bit set in which cases differ no byte of a token becomes a small letter
/// or a hyphen but these letters and the hyphen, so names are compared without a branch for each byte.
fn is_named(name: &[u8], lower: &[u8]) -> bool {
    let differences = name.iter().zip(lower).fold(0, |sum, (byte, lower)| sum | ((byte | 0x20) ^ lower));
    name.len() == lower.len() && differences == 0
}

/// The members of a comma-separated list, without the spaces around them.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// The fields that frame a message. More than one of them is refused, and so is everything that is not understood, as the
/// next recipient might choose another reading (RFC 9112, section 6.3 and 11.2).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Framing {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
}

impl Framing {
    pub(super) fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        let length = number(value);
        match (self.length, length) {
            (None, Some(_)) if !self.chunked => self.length = length,
            _ => return Err(Refusal::Malformed),
        }
        Ok(())
    }

    pub(super) fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked || self.length.is_some() || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::Malformed);
        }
        self.chunked = true;
        Ok(())
    }
}

/// A number of decimal digits alone; none when it is not one, or too large.
fn number(digits: &[u8]) -> Option<u64> {
    let append = |number: u64, digit: &u8| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, append) }
}

/// Fields that would change how the message, or the one after it, is framed or routed.
pub(super) fn is_forbidden_in_trailers(name: &[u8]) -> bool {
    const FORBIDDEN: [&[u8]; 9] = [
        b"content-length",
        b"transfer-encoding",
        b"host",
        b"connection",
        b"upgrade",
        b"te",
        b"trailer",
        b"content-encoding",
        b"proxy-authorization",
    ];
    FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

/// Whether `byte` may stand in a field's name or a method (RFC 9110, section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `byte` may stand in a field's value (RFC 9110, section 5.5).
pub(super) fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Whether `authority` is a host with or without a port (RFC 3986, section 3.2). It is neither empty nor has it user
/// information (RFC 9110, sections 4.2.1 and 4.2.4).
pub(super) fn is_authority(authority: &[u8]) -> bool {
    let (is_host, port) = match authority {
        [b'[', literal @ ..] => match literal.iter().position(|byte| *byte == b']') {
            Some(end) => (is_ipv6_address(&literal[..end]), &literal[end + 1..]),
            None => return false,
        },
        _ => {
            let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
            (is_name(&authority[..end]), &authority[end..])
        }
    };
    is_host && matches!(port, [] | [b':', ..]) && port.iter().skip(1).all(u8::is_ascii_digit)
}

fn is_ipv6_address(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Which bytes may stand in a name for themselves. A table, for it is asked for every byte of every Host.
const IN_NAME: [bool; 256] = {
    const OTHERS: &[u8] = b"-._~!$&'()*+,;=";
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < OTHERS.len() {
        table[OTHERS[index] as usize] = true;
        index += 1;
    }
    table
};

/// A registered name or an IPv4 address, which has the same letters.
fn is_name(name: &[u8]) -> bool {
    let mut left = name;
    loop {
        left = match left {
            [] => return !name.is_empty(),
            [byte, rest @ ..] if IN_NAME[usize::from(*byte)] => rest,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_fields_in_any_case() {
        assert_eq!(Field::named(b"CONNECTION"), Field::Connection);
        assert_eq!(Field::named(b"keep-Alive"), Field::KeepAlive);
        assert_eq!(Field::named(b"Transfer-Encoding"), Field::TransferEncoding);
        assert_eq!(Field::named(b"Transfer_Encoding"), Field::Other);
    }

    #[test]
    fn bytes_of_a_name_are_alike_only_when_they_differ_in_case_alone() {
        for byte in (0..=u8::MAX).filter(|byte| is_token(*byte)) {
            for lower in b"-abcdefghijklmnopqrstuvwxyz" {
                assert_eq!(is_named(&[byte], &[*lower]), byte.eq_ignore_ascii_case(lower), "{byte} {lower}");
            }
        }
    }

    #[test]
    fn an_authority_is_a_host_with_or_without_a_port() {
        for authority in [
            "a",
            "a.b-c_d~",
            "a:",
            "a:80",
            "1.2.3.4:5",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]",
            "%41",
            "a,b",
        ] {
            assert!(is_authority(authority.as_bytes()), "{authority}");
        }
        for authority in [
            "", ":80", "a:x", "a:80:80", "a:-1", "::1", "[::1", "[::1]x", "[::1]:x", "[a]", "[]", "a[::1]",
            "a%4", "a%zz", "u@a", "a/b", "a b", "a\\b",
        ] {
            assert!(!is_authority(authority.as_bytes()), "{authority}");
        }
    }

    #[test]
    fn a_content_length_is_digits_and_stands_alone() {
        for value in [&b"+5"[..], b"-5", b"0x5", b"5, 5", b"5 5", b"", b"99999999999999999999", b"5a"] {
            assert_eq!(Framing::default().content_length(value), Err(Refusal::Malformed));
        }
        let mut framing = Framing::default();
        assert_eq!(framing.content_length(b"05"), Ok(()));
        assert_eq!(framing.length, Some(5));
        assert_eq!(framing.content_length(b"5"), Err(Refusal::Malformed));
        assert_eq!(framing.transfer_encoding(b"chunked"), Err(Refusal::Malformed));
    }

    #[test]
    fn a_transfer_coding_is_chunked_and_stands_alone() {
        for value in
            [&b"gzip, chunked"[..], b"chunked, chunked", b"identity", b"xchunked", b"\x0bchunked", b""]
        {
            assert_eq!(Framing::default().transfer_encoding(value), Err(Refusal::Malformed));
        }
        let mut framing = Framing::default();
        assert_eq!(framing.transfer_encoding(b"CHUNKED"), Ok(()));
        assert_eq!(framing.transfer_encoding(b"chunked"), Err(Refusal::Malformed));
    }
}
