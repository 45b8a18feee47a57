//! The built binary, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// A running proxy; it is killed when a test ends without ending it.
pub struct Proxy {
    pub child: Child,
    log: BufReader<ChildStderr>,
    /// The line that tells where it listens.
    pub listening: String,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No control plane listens here. A proxy that is told nothing would join one that happens to run on this machine.
const NO_CONTROL_PLANE: &str = "127.0.0.1:1";

/// A proxy with these variables; every port that they leave open is chosen by the system.
pub fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesh-proxy"));
    command.env_clear().stdin(Stdio::piped()).stderr(Stdio::piped());
    for name in ["MESH_PROXY_OUTBOUND", "MESH_PROXY_ADMIN", "MESH_PROXY_TAP"] {
        command.env(name, "0");
    }
    command
        .env("MESH_PROXY_CONTROL_PLANE", NO_CONTROL_PLANE)
        .env("MESH_PROXY_LOG_FORMAT", "json")
        .envs(variables.iter().copied());
    command
}

impl Proxy {
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::run(&mut command(variables))
    }

    /// Runs what `command` made, perhaps changed.
    pub fn run(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut listening = String::new();
        while !listening.contains(r#""message":"listening""#) {
            listening.clear();
            assert_ne!(log.read_line(&mut listening).unwrap(), 0, "the proxy ended");
        }
        Self { child, log, listening }
    }

    /// A field of the line that tells where the proxy listens.
    pub fn field(&self, name: &str) -> String {
        let (_, rest) = self.listening.split_once(&format!(r#""{name}":""#)).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Status and body of an answer of the admin server. It is asked in HTTP/1.0, which has no chunked coding.
    pub fn admin(&self, method: &str, path: &str) -> (u16, String) {
        let mut connection = TcpStream::connect(self.field("admin")).unwrap();
        write!(connection, "{method} {path} HTTP/1.0\r\nhost: admin\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The value of a metric without labels.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, page) = self.admin("GET", "/metrics");
        page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The exit status and the rest of the log.
    pub fn wait(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

/// Waits until something holds.
pub fn eventually(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
