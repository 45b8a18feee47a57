//! The discovery client against a control plane on a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stand_in;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mesh_proxy::control_plane::ControlPlane;
use mesh_proxy::discovery::{Ask, Client, Status, Update, WorkerId};
use mesh_proxy::permission::Policy;
use mesh_proxy::proto;
use stand_in::DEADLINE;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

/// A running client and its workers.
struct Proxy {
    asks: UnboundedSender<Ask>,
    workers: Vec<UnboundedReceiver<Update>>,
    policy: watch::Receiver<Option<Arc<Policy>>>,
    status: Arc<Status>,
}

impl Proxy {
    fn start(control_plane: SocketAddr, workers: usize) -> Self {
        Self::start_with_token(control_plane, workers, None)
    }

    fn allows_everything(&mut self) -> Option<bool> {
        self.policy.borrow_and_update().as_ref().map(|policy| policy.allows_everything())
    }

    fn start_with_token(control_plane: SocketAddr, workers: usize, token_file: Option<PathBuf>) -> Self {
        let introduction = proto::Proxy { name: "hello-1".to_owned(), ..proto::Proxy::default() };
        let (asks, asked) = mpsc::unbounded_channel();
        let (senders, receivers) = (0..workers).map(|_| mpsc::unbounded_channel()).unzip();
        let status = Arc::new(Status::default());
        let uri = format!("http://{control_plane}").parse().unwrap();
        let control_plane = ControlPlane::new(uri, token_file, None);
        let (policies, policy) = watch::channel(None);
        let client = Client::new(control_plane, introduction, asked, senders, policies, Arc::clone(&status));
        tokio::spawn(client.run());
        Self { asks, workers: receivers, policy, status }
    }

    fn subscribe(&self, worker: WorkerId, authority: &str) {
        self.asks.send(Ask::Subscribe { worker, target: authority.into() }).unwrap();
    }

    fn release(&self, worker: WorkerId, authority: &str) {
        self.asks.send(Ask::Release { worker, target: authority.into() }).unwrap();
    }

    async fn update(&mut self, worker: WorkerId) -> Update {
        let update = tokio::time::timeout(DEADLINE, self.workers[worker].recv()).await;
        update.expect("the worker is told").unwrap()
    }

    /// The ports of the endpoints in the snapshot that a worker is told next.
    async fn snapshot(&mut self, worker: WorkerId) -> Vec<u16> {
        match self.update(worker).await {
            Update::Snapshot { endpoints, .. } => {
                endpoints.iter().map(|endpoint| endpoint.address.port()).collect()
            }
            other => panic!("no snapshot: {other:?}"),
        }
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[tokio::test]
async fn a_proxy_introduces_itself_and_is_told_states_and_changes() {
    let mut control_plane = stand_in::ControlPlane::start();
    let mut proxy = Proxy::start(control_plane.address, 1);
    let mut stream = control_plane.next_stream().await;
    assert_eq!(stream.introduction().await.name, "hello-1");

    proxy.subscribe(0, "world");
    assert_eq!(stream.subscription().await, "world");
    stream.snapshot("world", &[address(1), address(2)]).await;
    assert_eq!(proxy.snapshot(0).await, [1, 2]);

    stream.change("world", &[address(3)], &[address(1)]).await;
    match proxy.update(0).await {
        Update::Change { target, added, removed } => {
            assert_eq!((target, added[0].address, removed[0]), ("world".into(), address(3), address(1)));
        }
        other => panic!("no change: {other:?}"),
    }

    proxy.subscribe(0, "nobody");
    assert_eq!(stream.subscription().await, "nobody");
    stream.unknown("nobody").await;
    assert!(matches!(proxy.update(0).await, Update::Unknown { target } if target == "nobody".into()));
    proxy.release(0, "nobody");
    assert_eq!(stream.unsubscription().await, "nobody");
}

#[tokio::test]
async fn what_was_known_outlives_the_control_plane_and_is_compared_with_what_it_says_when_it_is_back() {
    let mut control_plane = stand_in::ControlPlane::start();
    let address_of_control_plane = control_plane.address;
    let mut proxy = Proxy::start(address_of_control_plane, 2);
    let mut stream = control_plane.next_stream().await;
    stream.introduction().await;
    proxy.subscribe(0, "world");
    stream.subscription().await;
    stream.snapshot("world", &[address(1)]).await;
    assert_eq!(proxy.snapshot(0).await, [1]);
    assert!(proxy.status.is_connected());

    drop((stream, control_plane));
    proxy.subscribe(1, "world");
    assert_eq!(proxy.snapshot(1).await, [1], "a second worker is told while the control plane is away");

    let mut control_plane = stand_in::ControlPlane::start_at(address_of_control_plane);
    let mut stream = control_plane.next_stream().await;
    assert_eq!(stream.introduction().await.name, "hello-1");
    assert_eq!(stream.subscription().await, "world");
    stream.snapshot("world", &[]).await;
    assert_eq!((proxy.snapshot(0).await, proxy.snapshot(1).await), (vec![], vec![]));
    assert_eq!(proxy.status.reconnects(), 1);
}

#[tokio::test]
async fn who_may_call_is_known_while_the_control_plane_is_away_and_is_news_only_when_it_changes() {
    let mut control_plane = stand_in::ControlPlane::start();
    let address = control_plane.address;
    let mut proxy = Proxy::start(address, 1);
    let policy = |action: proto::PermissionAction| proto::InboundPolicy {
        default_action: action.into(),
        ..proto::InboundPolicy::default()
    };
    let stream = control_plane.next_stream().await;
    assert_eq!(proxy.allows_everything(), None);
    stream.policy(policy(proto::PermissionAction::Deny)).await;
    tokio::time::timeout(DEADLINE, proxy.policy.changed()).await.unwrap().unwrap();
    assert_eq!(proxy.allows_everything(), Some(false));

    drop((stream, control_plane));
    let mut control_plane = stand_in::ControlPlane::start_at(address);
    let stream = control_plane.next_stream().await;
    assert_eq!(proxy.allows_everything(), Some(false));
    stream.policy(policy(proto::PermissionAction::Deny)).await;
    proxy.subscribe(0, "world");
    stream.snapshot("world", &[]).await;
    proxy.snapshot(0).await;
    assert!(!proxy.policy.has_changed().unwrap());
    stream.policy(policy(proto::PermissionAction::Allow)).await;
    tokio::time::timeout(DEADLINE, proxy.policy.changed()).await.unwrap().unwrap();
    assert_eq!(proxy.allows_everything(), Some(true));
}

#[tokio::test]
async fn a_name_asked_for_while_the_control_plane_is_away_is_asked_when_it_is_there() {
    let address_of_control_plane = stand_in::ControlPlane::start().address;
    let mut proxy = Proxy::start(address_of_control_plane, 1);
    proxy.subscribe(0, "world");
    assert!(!proxy.status.was_ever_connected());

    let mut control_plane = stand_in::ControlPlane::start_at(address_of_control_plane);
    let mut stream = control_plane.next_stream().await;
    stream.introduction().await;
    assert_eq!(stream.subscription().await, "world");
    stream.snapshot("world", &[address(1)]).await;
    assert_eq!(proxy.snapshot(0).await, [1]);
}

#[tokio::test]
async fn a_stream_that_fails_is_opened_again() {
    let mut control_plane = stand_in::ControlPlane::start();
    let mut proxy = Proxy::start(control_plane.address, 1);
    for port in 1..=3 {
        let mut stream = control_plane.next_stream().await;
        stream.introduction().await;
        if port == 1 {
            proxy.subscribe(0, "world");
        }
        assert_eq!(stream.subscription().await, "world");
        stream.snapshot("world", &[address(port)]).await;
        assert_eq!(proxy.snapshot(0).await, [port]);
        stream.fail().await;
    }
}

#[tokio::test]
async fn the_token_of_the_moment_is_shown_on_every_stream() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("token-{}", std::process::id()));
    let mut control_plane = stand_in::ControlPlane::start();
    let proxy = Proxy::start_with_token(control_plane.address, 1, Some(file.clone()));
    // There is no token yet: whoever connects now would be refused.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!proxy.status.was_ever_connected());

    fs::write(&file, "first\n").unwrap();
    let stream = control_plane.next_stream().await;
    assert_eq!(stream.authorization.as_deref(), Some("Bearer first"));
    fs::write(&file, "second\n").unwrap();
    stream.fail().await;
    let stream = control_plane.next_stream().await;
    assert_eq!(stream.authorization.as_deref(), Some("Bearer second"));
    fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn without_a_token_file_nothing_is_shown() {
    let mut control_plane = stand_in::ControlPlane::start();
    let _proxy = Proxy::start(control_plane.address, 1);
    assert_eq!(control_plane.next_stream().await.authorization, None);
}
