//! Fields that are for one connection only, and so are not sent on (RFC 9110, section 7.6.1).

use httparse::Header;

use super::fields::{self, Field};
use super::{Edits, Span};

/// What the Connection fields of a head say, and what is left of them for the next hop.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hop {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    /// The option `upgrade`.
    pub(super) upgrade: bool,
    /// TE accepts trailers; nothing else of it is sent on.
    pub(super) te: bool,
    /// Other fields are named.
    names_fields: bool,
    /// There is a field to look at again.
    pub(super) seen: bool,
}

impl Hop {
    pub(super) fn read_connection(&mut self, value: &[u8]) {
        self.seen = true;
        for option in fields::list(value) {
            match option.len() {
                0 => {}
                2 if option.eq_ignore_ascii_case(b"te") => {}
                5 if option.eq_ignore_ascii_case(b"close") => self.close = true,
                7 if option.eq_ignore_ascii_case(b"upgrade") => self.upgrade = true,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => self.keep_alive = true,
                _ => self.names_fields = true,
            }
        }
    }

    pub(super) fn read_te(&mut self, value: &[u8]) {
        self.seen = true;
        self.te |= fields::list(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
    }

    /// Cuts what is for this connection only, and names to the next hop what is for that one: the fields of an upgrade when
    /// `upgrade` is set, and TE.
    pub(super) fn edit(self, edits: &mut Edits, head: &[u8], headers: &[Header<'_>], upgrade: bool) {
        if !self.seen {
            return;
        }
        let mut wanted = match (upgrade, self.te) {
            (true, true) => Some("Connection: upgrade, TE\r\n"),
            (true, false) => Some("Connection: upgrade\r\n"),
            (false, true) => Some("Connection: TE\r\n"),
            (false, false) => None,
        };
        for (index, header) in headers.iter().enumerate() {
            let line = || super::line(head, headers, index);
            match Field::named(header.name.as_bytes()) {
                Field::Connection if wanted.is_some_and(|line| says(line, header.value)) => wanted = None,
                Field::Connection | Field::KeepAlive | Field::ProxyConnection => edits.cut(line()),
                Field::Upgrade if !upgrade => edits.cut(line()),
                Field::Te if header.value.eq_ignore_ascii_case(b"trailers") => {}
                Field::Te => self.edit_te(edits, line()),
                Field::Other | Field::ProxyAuthorization
                    if self.names_fields && is_named(headers, header.name) =>
                {
                    edits.cut(line());
                }
                _ => {}
            }
        }
        if let Some(line) = wanted {
            edits.insert(head.len() as u32 - 2, line.as_bytes());
        }
    }

    fn edit_te(self, edits: &mut Edits, line: Span) {
        if self.te { edits.replace(line, b"TE: trailers\r\n") } else { edits.cut(line) }
    }
}

/// Whether a field with `value` says the same as `line`.
fn says(line: &str, value: &[u8]) -> bool {
    let wanted = line.strip_prefix("Connection: ").unwrap_or_default().trim_end();
    value.eq_ignore_ascii_case(wanted.as_bytes())
}

/// Whether `name` is an option of a Connection field.
fn is_named(headers: &[Header<'_>], name: &str) -> bool {
    headers
        .iter()
        .filter(|header| Field::named(header.name.as_bytes()) == Field::Connection)
        .any(|header| fields::list(header.value).any(|option| option.eq_ignore_ascii_case(name.as_bytes())))
}
