//! `forwarding-floor LISTEN UPSTREAM ...`: accepts connections, opens one to the upstream for each, and forwards bytes both
//! ways on one thread, for any number of such pairs of addresses. It understands nothing of what it forwards, so that no proxy can cost much less.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;

/// Tokens below are those of connections.
const FIRST_LISTENER: usize = usize::MAX / 2;
const EVENTS: usize = 256;
const SCRATCH_BYTES: usize = 64 * 1024;

/// One end of a pair of connections.
struct Side {
    socket: TcpStream,
    /// Bytes from the other side that this one did not take yet.
    unsent: Vec<u8>,
}

/// The client's side and the upstream's.
type Pair = [Side; 2];

/// Whether a pair goes on.
#[derive(PartialEq)]
enum State {
    Open,
    Ended,
}

fn main() -> ExitCode {
    let addresses: Result<Vec<SocketAddr>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let routes = addresses.map(|all| all.as_chunks().0.to_vec()).unwrap_or_default();
    if routes.is_empty() {
        eprintln!("usage: forwarding-floor LISTEN UPSTREAM [LISTEN UPSTREAM]..., each ADDRESS:PORT");
        return ExitCode::from(2);
    }
    match forward(&routes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// For each pair of addresses, forwards what comes to the first on to the second.
fn forward(routes: &[[SocketAddr; 2]]) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listeners = Vec::new();
    for (index, &[listen, upstream]) in routes.iter().enumerate() {
        let mut listener = TcpListener::bind(listen)?;
        poll.registry().register(&mut listener, Token(FIRST_LISTENER + index), Interest::READABLE)?;
        listeners.push((listener, upstream));
    }
    let mut pairs: Slab<Pair> = Slab::new();
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut events = Events::with_capacity(EVENTS);
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            let Token(token) = event.token();
            if let Some((listener, upstream)) =
                token.checked_sub(FIRST_LISTENER).and_then(|index| listeners.get(index))
            {
                accept(listener, *upstream, poll.registry(), &mut pairs)?;
                continue;
            }
            let (key, side) = (token / 2, token % 2);
            // An event may be told of a pair that an earlier one of the same batch has ended.
            let Some(pair) = pairs.get_mut(key) else {
                continue;
            };
            if advance(pair, side, event, &mut scratch).unwrap_or(State::Ended) == State::Ended {
                pairs.remove(key);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    upstream: SocketAddr,
    registry: &Registry,
    pairs: &mut Slab<Pair>,
) -> io::Result<()> {
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let entry = pairs.vacant_entry();
        let first_token = entry.key() * 2;
        let mut pair =
            [client, TcpStream::connect(upstream)?].map(|socket| Side { socket, unsent: Vec::new() });
        for (index, side) in pair.iter_mut().enumerate() {
            side.socket.set_nodelay(true)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut side.socket, Token(first_token + index), interest)?;
        }
        entry.insert(pair);
    }
}

/// Does what an event at one side of a pair makes possible.
fn advance(pair: &mut Pair, side: usize, event: &Event, scratch: &mut [u8]) -> io::Result<State> {
    let other = 1 - side;
    if event.is_writable() && !pair[side].unsent.is_empty() {
        flush(&mut pair[side])?;
        if copy(pair, other, side, scratch, true)? == State::Ended {
            return Ok(State::Ended);
        }
    }
    if event.is_readable() {
        return copy(pair, side, other, scratch, event.is_read_closed());
    }
    Ok(State::Open)
}

/// Copies what there is to read. A read that does not fill the buffer has emptied the socket, and saves the next one; but when
/// the end may have come before, only reading on finds it (`to_the_end`).
fn copy(pair: &mut Pair, from: usize, to: usize, scratch: &mut [u8], to_the_end: bool) -> io::Result<State> {
    while pair[to].unsent.is_empty() {
        match pair[from].socket.read(scratch) {
            Ok(0) => return Ok(State::Ended),
            Ok(length) => {
                send(&mut pair[to], &scratch[..length])?;
                if length < scratch.len() && !to_the_end {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(State::Open)
}

/// Writes bytes to a side that has nothing unsent, and keeps what it does not take.
fn send(side: &mut Side, bytes: &[u8]) -> io::Result<()> {
    let taken = write(&mut side.socket, bytes)?;
    side.unsent.extend_from_slice(&bytes[taken..]);
    Ok(())
}

fn flush(side: &mut Side) -> io::Result<()> {
    let taken = write(&mut side.socket, &side.unsent)?;
    side.unsent.drain(..taken);
    if side.unsent.is_empty() {
        side.unsent = Vec::new();
    }
    Ok(())
}

/// How many bytes the socket took until it would block.
fn write(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match socket.write(&bytes[taken..]) {
            Ok(length) => taken += length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}
