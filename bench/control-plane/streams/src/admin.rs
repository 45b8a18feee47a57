//! The metrics of all the proxies: the same for each.

use std::io;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A page of metrics in which `@N` stands for a counter that grows by N a second.
pub struct Page {
    /// What is before each counter, and by how much that grows.
    counters: Vec<(String, u64)>,
    /// What is behind the last.
    rest: String,
    began: Instant,
}

impl Page {
    /// Reads a page whose counters begin now.
    pub fn new(template: &str) -> Self {
        let mut parts = template.split('@');
        let mut before = parts.next().unwrap_or_default().to_owned();
        let mut counters = Vec::new();
        for part in parts {
            let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (growth, behind) = part.split_at(digits);
            counters.push((before, growth.parse().unwrap_or_default()));
            before = behind.to_owned();
        }
        Self { counters, rest: before, began: Instant::now() }
    }

    /// The answer to a request, head included.
    fn answer(&self) -> io::Result<Vec<u8>> {
        let seconds = self.began.elapsed().as_secs();
        let mut page = Vec::new();
        for (before, growth) in &self.counters {
            write!(page, "{before}{}", growth * seconds)?;
        }
        page.extend_from_slice(self.rest.as_bytes());
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", page.len());
        Ok([head.as_bytes(), &page].concat())
    }
}

/// Answers every request with the page.
pub async fn serve(listener: TcpListener, page: Page) {
    let page = Rc::new(page);
    while let Ok((connection, _)) = listener.accept().await {
        let page = Rc::clone(&page);
        tokio::task::spawn_local(async move {
            // A client that has gone away wants no answer.
            let _ = converse(connection, &page).await;
        });
    }
}

/// Requests have no body, and each comes after the answer to the one before.
async fn converse(mut connection: TcpStream, page: &Page) -> io::Result<()> {
    let mut request = Vec::new();
    while connection.read_buf(&mut request).await? > 0 {
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            connection.write_all(&page.answer()?).await?;
        }
    }
    Ok(())
}
