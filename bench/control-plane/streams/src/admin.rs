//! The metrics of all the proxies: the same for each.

use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers every request with the page.
pub async fn serve(listener: TcpListener, page: Vec<u8>) {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", page.len());
    let answer: Rc<[u8]> = [head.as_bytes(), &page].concat().into();
    while let Ok((connection, _)) = listener.accept().await {
        let answer = Rc::clone(&answer);
        tokio::task::spawn_local(async move {
            // A client that has gone away wants no answer.
            let _ = converse(connection, &answer).await;
        });
    }
}

/// Requests have no body, and each comes after the answer to the one before.
async fn converse(mut connection: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut request = Vec::new();
    while connection.read_buf(&mut request).await? > 0 {
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            connection.write_all(answer).await?;
        }
    }
    Ok(())
}
