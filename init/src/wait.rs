//! Waiting for the proxy, so that what comes next in a pod finds it at work.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How far the proxy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyState {
    /// It takes connections.
    Live,
    /// It has reached the control plane.
    Ready,
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// So long the wait is not worth a word.
const SILENCE: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asks the proxy on its admin port until it says that it is so far. When that takes longer, `tell` is told once.
pub fn wait_for(state: ProxyState, admin_port: u16, mut tell: impl FnMut(String)) {
    let began = Instant::now();
    let mut pause = SHORTEST_PAUSE;
    let mut told = false;
    while !matches!(ask(state, admin_port), Ok(true)) {
        if !told && began.elapsed() > SILENCE {
            tell(waiting(state, admin_port));
            told = true;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn waiting(state: ProxyState, admin_port: u16) -> String {
    let what = match state {
        ProxyState::Live => "runs",
        ProxyState::Ready => "has reached the control plane",
    };
    format!("waiting until the proxy (admin port {admin_port}) {what}; its log tells more")
}

/// Whether the proxy says yes.
fn ask(state: ProxyState, admin_port: u16) -> io::Result<bool> {
    let path = match state {
        ProxyState::Live => "/live",
        ProxyState::Ready => "/ready",
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, admin_port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut start = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut start)?;
    Ok(&start == b"HTTP/1.1 200")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::sync::mpsc;

    /// A proxy that gives these answers one after another, and the requests that it got.
    fn proxy(answers: &'static [&'static str]) -> (u16, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = move |answer: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        (port, thread::spawn(move || answers.iter().map(serve).collect()))
    }

    #[test]
    fn it_asks_until_the_proxy_says_yes() {
        let (port, served) =
            proxy(&["HTTP/1.1 503 Service Unavailable\r\n\r\nno", "", "HTTP/1.1 200 OK\r\n\r\nready"]);
        wait_for(ProxyState::Ready, port, |_| ());
        let requests = served.join().unwrap();
        assert_eq!(requests.len(), 3);
        assert!(
            requests.iter().all(|request| request.starts_with("GET /ready HTTP/1.1\r\n")),
            "{requests:?}"
        );
    }

    #[test]
    fn a_proxy_that_only_has_to_run_is_asked_for_that() {
        let (port, served) = proxy(&["HTTP/1.1 200 OK\r\n\r\n"]);
        wait_for(ProxyState::Live, port, |_| ());
        assert!(served.join().unwrap()[0].starts_with("GET /live HTTP/1.1\r\n"));
    }

    #[test]
    fn a_long_wait_is_told_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
            }
        });
        let (tell, told) = mpsc::channel();
        thread::spawn(move || wait_for(ProxyState::Ready, port, |line| tell.send(line).unwrap()));
        assert!(told.recv().unwrap().contains("has reached the control plane"));
        assert!(told.recv_timeout(LONGEST_PAUSE * 4).is_err());
    }
}
