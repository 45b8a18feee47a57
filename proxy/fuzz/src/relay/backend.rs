//! The backend of a case: reads requests by the letter, and answers with what the case says.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::case::Answer;
use super::client::reset_when_closed;
use super::exchange::send;
use crate::strict::{Asked, Framing, Reading, RequestHead, Response, named};

/// A connection that the proxy opened.
#[derive(Debug, Default)]
pub struct Connection {
    /// All that came.
    pub bytes: Vec<u8>,
    /// The requests that came, of which only the last may have no end.
    pub requests: Vec<Seen>,
    /// Where in `bytes` the next request begins, or was to.
    rest: usize,
    /// Where `bytes` are not HTTP any more, as the backend has agreed to another protocol.
    pub tunnel: Option<usize>,
    pub answers: Vec<Answered>,
}

/// What reached the backend of a request.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Its place among all that the backend read, on whatever connection.
    pub order: usize,
    pub start: usize,
    /// None when it broke off, or is none.
    pub end: Option<usize>,
}

/// What the backend answered to a request.
#[derive(Debug)]
pub struct Answered {
    /// That of the request.
    pub order: usize,
    pub asked: Asked,
    pub bytes: Vec<u8>,
    /// Not all of it was sent at once.
    pub has_pauses: bool,
}

impl Answered {
    /// Whether it is that of a proxy which could not give the request to its application.
    pub fn says_unreached(&self) -> bool {
        let head = Response::head(&self.bytes, self.asked).whole();
        head.is_some_and(|(head, _)| named(&head.fields, "mesh-proxy-error").count() > 0)
    }
}

/// What all connections share.
pub struct Backend {
    answers: RefCell<VecDeque<Answer>>,
    connections: Rc<RefCell<Vec<Connection>>>,
    orders: Cell<usize>,
    open: Cell<usize>,
    closed: Notify,
}

impl Backend {
    pub fn new(answers: VecDeque<Answer>, connections: Rc<RefCell<Vec<Connection>>>) -> Self {
        let (orders, open) = (Cell::new(0), Cell::new(0));
        Self { answers: RefCell::new(answers), connections, orders, open, closed: Notify::new() }
    }

    /// Waits until every connection is closed.
    pub async fn idle(&self) {
        // The proxy is gone, so a connection that is still to be accepted is closed already.
        super::exchange::pause().await;
        while self.open.get() > 0 {
            self.closed.notified().await;
        }
    }

    fn next_answer(&self) -> Answer {
        self.answers.borrow_mut().pop_front().unwrap_or_else(Answer::ok)
    }

    /// Whether the next answer comes before its request has ended. One that changes the protocol waits.
    fn is_early(&self, asked: Asked) -> bool {
        let answers = self.answers.borrow();
        answers
            .front()
            .is_some_and(|answer| answer.is_early && after(&answer.bytes(), asked) != After::Tunnel)
    }
}

/// Accepts connections for ever.
pub async fn serve(backend: Rc<Backend>, listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        let number = backend.connections.borrow().len();
        backend.connections.borrow_mut().push(Connection::default());
        backend.open.set(backend.open.get() + 1);
        let backend = Rc::clone(&backend);
        spawn_local(async move {
            Conversation { backend: &backend, number, socket }.hold().await;
            backend.open.set(backend.open.get() - 1);
            backend.closed.notify_one();
        });
    }
}

/// What comes next on a connection, as far as its bytes tell.
enum Next {
    /// A whole request, up to here.
    Request(RequestHead, usize),
    /// The head of a request that is to be answered at once.
    Early(RequestHead),
    /// More bytes are needed.
    More,
    /// No HTTP.
    Opaque,
}

/// How a connection goes on after an answer.
#[derive(PartialEq, Eq)]
enum After {
    Requests,
    Tunnel,
    Close,
}

struct Conversation<'a> {
    backend: &'a Backend,
    number: usize,
    socket: TcpStream,
}

impl Conversation<'_> {
    async fn hold(mut self) {
        let after = self.serve().await;
        if after == After::Tunnel {
            while self.receive().await {}
        }
        let _ = self.socket.shutdown().await;
        // The proxy may have more to say to one that does not answer.
        while self.receive().await {}
        reset_when_closed(&self.socket);
    }

    async fn serve(&mut self) -> After {
        let mut is_answered = false;
        loop {
            let next = self.next(is_answered);
            let after = match next {
                Next::More => match self.receive().await {
                    true => After::Requests,
                    false => return self.end_of_input(is_answered).await,
                },
                Next::Early(head) => {
                    is_answered = true;
                    self.answer(&head).await
                }
                Next::Request(head, length) => {
                    self.ends(length);
                    if std::mem::take(&mut is_answered) { After::Requests } else { self.answer(&head).await }
                }
                Next::Opaque => {
                    while self.receive().await {}
                    return self.end_of_input(is_answered).await;
                }
            };
            if after != After::Requests {
                return after;
            }
        }
    }

    /// What came since the last whole request. Its first byte begins another one.
    fn rest(&self) -> Vec<u8> {
        let connection = &mut self.backend.connections.borrow_mut()[self.number];
        let has_begun = connection.requests.last().is_some_and(|request| request.end.is_none());
        if connection.bytes.len() > connection.rest && !has_begun {
            let order = self.backend.orders.replace(self.backend.orders.get() + 1);
            connection.requests.push(Seen { order, start: connection.rest, end: None });
        }
        connection.bytes[connection.rest..].to_vec()
    }

    fn next(&self, is_answered: bool) -> Next {
        let rest = self.rest();
        let head = match RequestHead::read(&rest) {
            Reading::Whole(head) => head,
            Reading::Partial => return Next::More,
            Reading::Refused(_) => return Next::Opaque,
        };
        match head.framing.body(&rest[head.length..], false) {
            Reading::Whole(content) => {
                let length = head.length + content.length;
                Next::Request(head, length)
            }
            _ if !is_answered && self.backend.is_early(head.asked()) => Next::Early(head),
            Reading::Partial => Next::More,
            Reading::Refused(_) => Next::Opaque,
        }
    }

    /// The request that has begun has so many bytes.
    fn ends(&self, length: usize) {
        let connection = &mut self.backend.connections.borrow_mut()[self.number];
        connection.rest += length;
        if let Some(request) = connection.requests.last_mut() {
            request.end = Some(connection.rest);
        }
    }

    /// Sends the next answer to a request with this head.
    async fn answer(&mut self, head: &RequestHead) -> After {
        let answer = self.backend.next_answer();
        let after = after(&answer.bytes(), head.asked());
        self.answered(head.asked(), &answer, after == After::Tunnel);
        if send(&mut self.socket, &answer.segments).await { after } else { After::Close }
    }

    /// The proxy sends no more, and the last bytes are no whole request: what a protocol that is not HTTP may answer comes now.
    async fn end_of_input(&mut self, is_answered: bool) -> After {
        if !self.rest().is_empty() && !is_answered {
            let answer = self.backend.next_answer();
            self.answered(Asked::default(), &answer, false);
            send(&mut self.socket, &answer.segments).await;
        }
        After::Close
    }

    fn answered(&self, asked: Asked, answer: &Answer, is_tunnel: bool) {
        let (bytes, has_pauses) = (answer.bytes(), answer.segments.len() > 1);
        let connection = &mut self.backend.connections.borrow_mut()[self.number];
        let order = connection.requests.last().map_or(0, |request| request.order);
        connection.answers.push(Answered { order, asked, bytes, has_pauses });
        if is_tunnel {
            connection.tunnel = Some(connection.rest);
        }
    }

    /// Reads once; false at the end.
    async fn receive(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let length = self.socket.read(&mut bytes).await.unwrap_or(0);
        self.backend.connections.borrow_mut()[self.number].bytes.extend_from_slice(&bytes[..length]);
        length > 0
    }
}

/// Whether a server that answered so takes more requests.
fn after(answer: &[u8], asked: Asked) -> After {
    match Response::read(answer, asked, false) {
        Reading::Whole(response) if response.head.is_tunnel => After::Tunnel,
        Reading::Whole(response) => {
            let closes = named(&response.head.fields, "connection")
                .any(|field| field.value.to_ascii_lowercase().windows(5).any(|option| option == b"close"));
            let is_kept = !closes && !response.head.is_old && response.head.framing != Framing::Close;
            if is_kept { After::Requests } else { After::Close }
        }
        Reading::Partial | Reading::Refused(_) => After::Close,
    }
}
