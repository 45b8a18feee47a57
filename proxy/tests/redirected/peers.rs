//! Those whose connections the proxy takes: servers, and clients that know nothing of a proxy.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use socket2::SockRef;

use crate::namespaces::{APPLICATION, Namespace};
use crate::stand_in::DEADLINE;

/// A server inside a namespace; it takes no more connections once it is dropped.
pub struct Server(Arc<TcpListener>);

impl Server {
    /// Gives each connection to `serve`.
    pub fn start(
        namespace: &Namespace,
        address: SocketAddr,
        serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
    ) -> Self {
        let listener = namespace.run(|| TcpListener::bind(address));
        let listener = Arc::new(listener.unwrap_or_else(|error| panic!("{address}: {error}")));
        let accepting = Arc::clone(&listener);
        thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self(listener)
    }

    /// Answers every request with `name` and the first line of the request.
    pub fn http(namespace: &Namespace, address: SocketAddr, name: &'static str) -> Self {
        Self::start(namespace, address, move |mut stream| {
            while let Some(head) = read_head(&mut stream)? {
                let body = format!("{name}: {}", head.lines().next().unwrap_or_default());
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
            }
            Ok(())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Wakes the thread that accepts.
        let _ = SockRef::from(&*self.0).shutdown(Shutdown::Both);
    }
}

/// None at the end of the stream.
fn read_head(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// Connects as the application, from inside a namespace.
pub fn connect(namespace: &Namespace, address: SocketAddr) -> io::Result<TcpStream> {
    let stream = namespace.run_as(APPLICATION, || TcpStream::connect_timeout(&address, DEADLINE))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The whole answer to a request for `target`.
pub fn request(namespace: &Namespace, address: SocketAddr, target: &str) -> String {
    let answer = || -> io::Result<String> {
        let mut stream = connect(namespace, address)?;
        write!(stream, "GET {target} HTTP/1.1\r\nhost: anything\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        let head = read_head(&mut stream)?.unwrap_or_default();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        stream.take(length.parse().unwrap()).read_to_string(&mut answer)?;
        Ok(answer)
    };
    answer().unwrap_or_else(|error| format!("{:?}", error.kind()))
}

/// The answer to `GET /`.
pub fn get(namespace: &Namespace, address: SocketAddr) -> String {
    request(namespace, address, "/")
}
