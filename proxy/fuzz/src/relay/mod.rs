//! The relay as a whole: a client and a backend that send what an input says, over real sockets, through a real worker.

mod backend;
mod case;
mod client;
mod exchange;
mod opaque;
mod proxy;
mod requests;
mod responses;

use case::Case;

/// Relays what `input` has the client and the backend send. Everything ends; what arrives at either side has one reading, and it is
/// that of what was sent.
///
/// An input is a letter (`i` for the inbound listener, `o` for the outbound one, in upper case when the client breaks the connection
/// off after its last byte), what the client sends, and the answers of the backend to its requests, one after the other, each after
/// [`NEXT`](crate::script::NEXT). [`CUT`](crate::script::CUT) is a pause. An answer that begins with [`EARLY`](case::EARLY) does
/// not wait for the end of the request; one that is empty closes the connection instead.
///
/// # Panics
/// When that is not so.
pub fn relay(input: &[u8]) {
    let Some(case) = Case::read(input) else { return };
    let exchange = exchange::run(&case);
    let reached = requests::judge(&case, &exchange);
    responses::judge(&case, &exchange, reached);
}
