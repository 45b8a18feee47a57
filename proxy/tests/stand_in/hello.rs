//! The first message of a client that speaks TLS (RFC 8446, section 4.1.2).

/// A hello that names a server, or none, with so many bytes of padding; nothing else in it is of use to a server.
pub fn client_hello(name: Option<&str>, padding: usize) -> Vec<u8> {
    hello(name, padding, &[])
}

/// A hello that offers these protocols, and TLS 1.2 at most.
pub fn client_hello_of(protocols: &[&str]) -> Vec<u8> {
    let protocols: Vec<u8> = protocols.iter().flat_map(|protocol| vector(1, protocol.as_bytes())).collect();
    hello(None, 0, &[&[0, 16][..], &vector(2, &vector(2, &protocols))].concat())
}

fn hello(name: Option<&str>, padding: usize, more: &[u8]) -> Vec<u8> {
    let server_name = name.map(|name| {
        let entry = [&[0][..], &vector(2, name.as_bytes())].concat();
        [&[0, 0][..], &vector(2, &vector(2, &entry))].concat()
    });
    let padding = [&[0, 21][..], &vector(2, &vec![0; padding])].concat();
    let extensions = [padding, server_name.unwrap_or_default(), more.to_vec()].concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &vector(2, &extensions)].concat();
    let message = [&[1][..], &vector(3, &body)].concat();
    message.chunks(16_000).flat_map(|part| [&[22, 3, 1][..], &vector(2, part)].concat()).collect()
}

/// Bytes after their number, which has `length` bytes itself.
fn vector(length: usize, content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[8 - length..], content].concat()
}
