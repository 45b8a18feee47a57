//! What the next hop is to be told of a message (RFC 9110, sections 7.2 and 7.6.1; RFC 9112, section 3.2).

use mesh_proxy::http1::Body;

use crate::strict::{Field, Framing, RequestHead, is, named, trimmed};

/// What differs between a request and the one that was made of it, in meaning; none when nothing does.
pub fn difference(sent: &RequestHead, arrived: &RequestHead, at_proxy: bool) -> Option<String> {
    let (authority, target) = asked_for(sent);
    let hosts: Vec<_> = named(&arrived.fields, "host").map(|host| &host.value).collect();
    let has_host = hosts.len() == 1 && authority.is_none_or(|authority| *hosts[0] == authority);
    let is_same =
        (&arrived.method, &arrived.target, arrived.framing) == (&sent.method, &target, sent.framing);
    let te_is_own = named(&arrived.fields, "te").all(|te| is(&te.value, "trailers"));
    match is_same && has_host && te_is_own && !arrived.is_old {
        true => {
            let is_counted = sent.method == b"OPTIONS" || sent.method == b"TRACE";
            let differs = |field: &&Field| {
                (sent.is_old && field.is("expect")) || (is_counted && field.is("max-forwards"))
            };
            let others = |fields: &[Field]| -> Vec<Field> {
                fields.iter().filter(|field| !differs(field)).cloned().collect()
            };
            difference_of_fields(&others(&sent.fields), &others(&arrived.fields), at_proxy)
        }
        false => Some(format!("{sent:?} became {arrived:?}")),
    }
}

/// The authority that a request names, if it does, and the target without it.
fn asked_for(head: &RequestHead) -> (Option<Vec<u8>>, Vec<u8>) {
    let host = named(&head.fields, "host").next().map(|host| host.value.clone());
    let target = &head.target;
    if head.method == b"CONNECT" || target.starts_with(b"/") || (head.method == b"OPTIONS" && target == b"*")
    {
        return (host, target.clone());
    }
    let rest = target.get("http://".len()..).unwrap_or_default();
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = match path {
        [b'/', ..] => path.to_vec(),
        [] if head.method == b"OPTIONS" => b"*".to_vec(),
        _ => [b"/", path].concat(),
    };
    (Some(authority.to_vec()), path)
}

/// What differs between the fields of a message, Host aside, and those that were made of them: every one of them arrives, in its
/// order and with its value, but for those of the connection.
pub fn difference_of_fields(sent: &[Field], arrived: &[Field], at_proxy: bool) -> Option<String> {
    let is_kept = |field: &&Field| !is_of_the_connection(field) && !field.is("host");
    let must_arrive = |field: &&Field| must_arrive(sent, field, at_proxy);
    let expected: Vec<_> = sent.iter().filter(is_kept).filter(must_arrive).collect();
    let found: Vec<_> = arrived.iter().filter(is_kept).collect();
    let own: Vec<_> = named(arrived, "connection").collect();
    let is_own = |field: &&Field| ["upgrade", "TE", "upgrade, TE"].iter().any(|own| is(&field.value, own));
    let has_others = arrived.iter().any(|field| field.is("keep-alive") || field.is("proxy-connection"));
    let is_same = expected == found && own.iter().all(is_own) && !has_others;
    (!is_same).then(|| format!("{expected:?} became {found:?}, {own:?}"))
}

/// These are made anew for the next hop.
fn is_of_the_connection(field: &Field) -> bool {
    ["connection", "keep-alive", "proxy-connection", "te", "upgrade"].iter().any(|name| field.is(name))
}

fn must_arrive(sent: &[Field], field: &Field, at_proxy: bool) -> bool {
    if field.is("proxy-authorization") && at_proxy {
        return false;
    }
    !is_named_by_connection(sent, field) || is_needed_to_understand(field)
}

fn is_named_by_connection(sent: &[Field], field: &Field) -> bool {
    let name = String::from_utf8_lossy(&field.name);
    named(sent, "connection")
        .flat_map(|connection| connection.value.split(|byte| *byte == b','))
        .any(|option| is(trimmed(option), &name))
}

/// A sender that names these as its connection's own would have the next hop read another message.
fn is_needed_to_understand(field: &Field) -> bool {
    ["content-length", "transfer-encoding", "expect", "max-forwards", "mesh-proxy-error"]
        .iter()
        .any(|name| field.is(name))
}

/// How the proxy takes a body to be framed, in the words of the strict reading.
pub fn framing(body: &Body) -> Framing {
    match body {
        Body::Length(length) => Framing::Length(*length),
        Body::Chunked(_) => Framing::Chunked,
        Body::UntilClose => Framing::Close,
    }
}
