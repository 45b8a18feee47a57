//! The target of a request (RFC 9112, section 3.2).

use super::super::{Method, Refusal, fields, slice};
use super::RequestHead;

/// The form of a request's target (RFC 9112, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A path: the authority is in Host.
    Origin,
    /// A whole `http` URI. It is sent on in origin-form.
    Absolute,
    /// `host:port` of CONNECT.
    Authority,
    /// `*` of OPTIONS.
    Asterisk,
}

impl RequestHead {
    /// Reads what the request-line names. A fragment is no part of it (RFC 9112, section 3.2): who compares paths may or may not
    /// count it.
    pub(super) fn read_target(&mut self, head: &[u8]) -> Result<(), Refusal> {
        let target = slice(head, &self.path);
        if target.contains(&b'#') {
            return Err(Refusal::Malformed);
        }
        self.form = match (self.method, target) {
            (Method::Connect, _) => Form::Authority,
            (_, [b'/', ..]) => Form::Origin,
            (Method::Options, b"*") => Form::Asterisk,
            _ => Form::Absolute,
        };
        match self.form {
            Form::Origin | Form::Asterisk => Ok(()),
            Form::Authority => self.read_connect_target(target),
            Form::Absolute => self.read_absolute_target(target),
        }
    }

    fn read_connect_target(&mut self, target: &[u8]) -> Result<(), Refusal> {
        let port = target.iter().rposition(|byte| *byte == b':').map(|colon| &target[colon + 1..]);
        let port = port.and_then(|port| std::str::from_utf8(port).ok()).and_then(|port| port.parse().ok());
        if port.is_none_or(|port: u16| port == 0) || !fields::is_authority(target) {
            return Err(Refusal::Malformed);
        }
        self.authority = self.path.clone();
        Ok(())
    }

    /// The target becomes what stands behind the authority.
    fn read_absolute_target(&mut self, target: &[u8]) -> Result<(), Refusal> {
        const SCHEME: &[u8] = b"http://";
        let rest = match target.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
            _ => return Err(Refusal::Malformed),
        };
        let length = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
        if !fields::is_authority(&rest[..length]) {
            return Err(Refusal::Malformed);
        }
        let authority = self.path.start + SCHEME.len() as u32;
        self.authority = authority..authority + length as u32;
        let origin = self.authority.end..self.path.end;
        let before = self.path.start..self.authority.end;
        match rest.get(length) {
            Some(b'/') => self.edits.cut(before),
            None if self.method == Method::Options => self.edits.replace(before, b"*"),
            _ => self.edits.replace(before, b"/"),
        }
        self.path = origin;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parsed, relayed};
    use super::*;

    #[test]
    fn reads_target_and_authority() {
        for (head, form, authority, path) in [
            ("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", Form::Origin, "x", "/a?b"),
            ("GET http://y:8/a?b HTTP/1.1\r\nHost: x\r\n\r\n", Form::Absolute, "y:8", "/a?b"),
            ("CONNECT y:443 HTTP/1.1\r\nHost: x\r\n\r\n", Form::Authority, "y:443", ""),
            ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", Form::Asterisk, "x", "*"),
            ("GET / HTTP/1.0\r\n\r\n", Form::Origin, "", "/"),
        ] {
            let Ok(request) = parsed(head) else { panic!("refused: {head:?}") };
            assert_eq!(request.form, form);
            assert_eq!(request.authority(head.as_bytes()), authority.as_bytes());
            assert_eq!(request.path(head.as_bytes()), path.as_bytes());
        }
    }

    #[test]
    fn an_absolute_target_becomes_origin_form_and_decides_host() {
        for (head, expected) in [
            (
                "GET http://y/a HTTP/1.1\r\nA: b\r\nHost: x\r\n\r\n",
                "GET /a HTTP/1.1\r\nA: b\r\nHost: y\r\n\r\n",
            ),
            ("GET HTTP://y HTTP/1.1\r\nhost:x\r\n\r\n", "GET / HTTP/1.1\r\nhost: y\r\n\r\n"),
            ("GET http://y?q HTTP/1.1\r\nHost:\r\n\r\n", "GET /?q HTTP/1.1\r\nHost: y\r\n\r\n"),
            ("OPTIONS http://y HTTP/1.1\r\nHost: y\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: y\r\n\r\n"),
            ("GET http://y/ HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: y\r\n\r\n"),
        ] {
            assert_eq!(relayed(head), expected);
        }
    }
}
