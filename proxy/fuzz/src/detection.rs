//! What a client speaks, and the hello of TLS.

use mesh_proxy::listener::{Hello, Protocol, server_name};

/// A longer start without a line is taken for what it looks like, so that more of it may look otherwise.
const MAX_LOOK: usize = 2048;

/// Tells what `input` begins. Once told it stays so, whatever follows; and the name of a server is in the hello that carries it.
///
/// # Panics
/// When that is not so.
pub fn detection(input: &[u8]) {
    told_once(input);
    name_is_in(input);
    name_is_read_from(input);
}

fn told_once(input: &[u8]) {
    let input = &input[..input.len().min(MAX_LOOK - 1)];
    let mut told = Protocol::Unknown;
    for length in 0..=input.len() {
        let protocol = Protocol::of(&input[..length]);
        assert!(
            told == Protocol::Unknown || protocol == told,
            "{told:?}, then {protocol:?} after {length} bytes"
        );
        told = protocol;
        let silent = Protocol::when_silent(&input[..length]);
        assert_eq!(silent == Protocol::Unknown, length == 0, "{silent:?} after {length} bytes");
    }
}

fn name_is_in(input: &[u8]) {
    let Some(name) = server_name(input) else { return };
    assert!(!name.is_empty() && name.len() <= 253);
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{name:?}");
    let lower = input.to_ascii_lowercase();
    assert!(name.bytes().all(|byte| lower.contains(&byte)));
}

/// A hello that has `input` for a name, in records of which the first byte says how long they are.
fn name_is_read_from(input: &[u8]) {
    let Some((record, name)) = input.split_first() else { return };
    let name = &name[..name.len().min(300)];
    let hello = hello(name, usize::from(*record) + 1);
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let is_name = !name.is_empty() && name.len() <= 253 && name.iter().all(is_allowed);
    let expected = is_name.then(|| String::from_utf8_lossy(name).to_ascii_lowercase());
    assert_eq!(Hello::of(&hello), Hello::Complete(expected));
    assert_eq!(Hello::of(&hello[..hello.len() - 1]), Hello::Partial);
    assert_eq!(Protocol::of(&hello), Protocol::Tls);
}

fn hello(name: &[u8], record: usize) -> Vec<u8> {
    let names = vector(2, &[&[0], &vector(2, name)[..]].concat());
    let extensions = [&[0, 0][..], &vector(2, &names)].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &vector(1, &[]),
        &vector(2, &[0x13, 1]),
        &vector(1, &[0]),
        &vector(2, &extensions),
    ]
    .concat();
    let message = [&[1][..], &vector(3, &body)].concat();
    message.chunks(record).flat_map(|chunk| [&[22, 3, 1][..], &vector(2, chunk)].concat()).collect()
}

/// Bytes behind their number, which has so many bytes itself.
fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
    [&content.len().to_be_bytes()[8 - bytes..], content].concat()
}
