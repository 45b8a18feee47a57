//! What stands in for the proxy's surroundings: a control plane that says what a test tells it to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

pub mod authority;
pub mod hello;
pub mod proxy;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mesh_proxy::proto::discover_request::Request as Ask;
use mesh_proxy::proto::discover_response::Response as Answer;
use mesh_proxy::proto::discovery_server::{Discovery, DiscoveryServer};
use mesh_proxy::proto::identity_server::IdentityServer;
use mesh_proxy::proto::{self, DiscoverRequest, DiscoverResponse, target};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use self::authority::{Authority, Certifier};

/// Longer than anything takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A control plane on a thread of its own. Dropping it is like killing it: its connections break.
pub struct ControlPlane {
    pub address: SocketAddr,
    streams: mpsc::UnboundedReceiver<Stream>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The discovery stream of one proxy.
pub struct Stream {
    /// What the proxy sent as `authorization`.
    pub authorization: Option<String>,
    requests: Streaming<DiscoverRequest>,
    responses: mpsc::Sender<Result<DiscoverResponse, Status>>,
}

impl ControlPlane {
    /// One on an address that the system chooses.
    pub fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap())
    }

    pub fn start_at(address: SocketAddr) -> Self {
        Self::start_at_with(address, None)
    }

    fn start_at_with(address: SocketAddr, authority: Option<Arc<Authority>>) -> Self {
        let (started, address_chosen) = std::sync::mpsc::channel();
        let (opened, streams) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind(address).await.unwrap();
                started.send(listener.local_addr().unwrap()).unwrap();
                let server = Server::builder()
                    .add_service(DiscoveryServer::new(Service { opened }))
                    .add_optional_service(
                        authority.map(|authority| IdentityServer::new(Certifier(authority))),
                    )
                    .serve_with_incoming(TcpListenerStream::new(listener));
                tokio::select! {
                    _ = server => {}
                    _ = stopped => {}
                }
            });
        });
        let address = address_chosen.recv().unwrap();
        Self { address, streams, stop: Some(stop), thread: Some(thread) }
    }

    /// One that also certifies proxies, and speaks TLS at the second address.
    pub fn start_with(authority: &Arc<Authority>) -> (Self, SocketAddr) {
        let control_plane = Self::start_at_with("127.0.0.1:0".parse().unwrap(), Some(Arc::clone(authority)));
        let secured = authority::front(authority, control_plane.address);
        (control_plane, secured)
    }

    /// Tells every proxy of these services alone, until all proxies are gone and it is dropped.
    pub fn serve(self, services: HashMap<String, Vec<SocketAddr>>) {
        let endpoints = |addresses: Vec<SocketAddr>| addresses.iter().map(endpoint).collect();
        self.serve_endpoints(
            services.into_iter().map(|(name, addresses)| (name, endpoints(addresses))).collect(),
        );
    }

    /// The same, with all that is to be known of the endpoints.
    pub fn serve_endpoints(mut self, services: HashMap<String, Vec<proto::Endpoint>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            while let Some(mut stream) = self.streams.recv().await {
                stream.policy(proto::InboundPolicy::default()).await;
                while let Ok(Some(message)) = stream.requests.message().await {
                    if let Some(Ask::Subscribe(subscribe)) = message.request {
                        let authority = authority(subscribe.target);
                        match services.get(&authority) {
                            Some(endpoints) => stream.snapshot_of(&authority, endpoints.clone()).await,
                            None => stream.unknown(&authority).await,
                        }
                    }
                }
            }
        });
    }

    /// The next stream that a proxy opens.
    pub async fn next_stream(&mut self) -> Stream {
        tokio::time::timeout(DEADLINE, self.streams.recv()).await.expect("a proxy connects").unwrap()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Service {
    opened: mpsc::UnboundedSender<Stream>,
}

#[tonic::async_trait]
impl Discovery for Service {
    type DiscoverStream = ReceiverStream<Result<DiscoverResponse, Status>>;

    async fn discover(
        &self,
        request: Request<Streaming<DiscoverRequest>>,
    ) -> Result<Response<Self::DiscoverStream>, Status> {
        let (responses, outgoing) = mpsc::channel(16);
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        let _ = self.opened.send(Stream { authorization, requests: request.into_inner(), responses });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

impl Stream {
    async fn next_request(&mut self) -> Ask {
        let message = tokio::time::timeout(DEADLINE, self.requests.message()).await;
        message.expect("the proxy says something").unwrap().unwrap().request.unwrap()
    }

    /// The proxy's introduction, which must be what it says next.
    pub async fn introduction(&mut self) -> proto::Proxy {
        match self.next_request().await {
            Ask::Proxy(proxy) => proxy,
            other => panic!("no introduction: {other:?}"),
        }
    }

    /// Whom the proxy believes, which must be what it says next.
    pub async fn trust(&mut self) -> proto::Trust {
        match self.next_request().await {
            Ask::Trust(trust) => trust,
            other => panic!("no trust: {other:?}"),
        }
    }

    /// The authority that the proxy subscribes to next.
    pub async fn subscription(&mut self) -> String {
        match self.next_request().await {
            Ask::Subscribe(subscribe) => authority(subscribe.target),
            other => panic!("no subscription: {other:?}"),
        }
    }

    /// The authority that the proxy gives up next.
    pub async fn unsubscription(&mut self) -> String {
        match self.next_request().await {
            Ask::Unsubscribe(unsubscribe) => authority(unsubscribe.target),
            other => panic!("no end of a subscription: {other:?}"),
        }
    }

    /// Tells the proxy that a service exists and has these endpoints.
    pub async fn snapshot(&self, authority: &str, endpoints: &[SocketAddr]) {
        self.snapshot_of(authority, endpoints.iter().map(endpoint).collect()).await;
    }

    /// The same, with a proxy of the mesh at each endpoint.
    pub async fn meshed_snapshot(&self, authority: &str, endpoints: &[SocketAddr]) {
        let meshed = |address| proto::Endpoint { meshed: true, ..endpoint(address) };
        self.snapshot_of(authority, endpoints.iter().map(meshed).collect()).await;
    }

    pub async fn snapshot_of(&self, authority: &str, endpoints: Vec<proto::Endpoint>) {
        let service = proto::Service { namespace: "default".to_owned(), name: authority.to_owned(), port: 0 };
        let snapshot = proto::Snapshot { target: named(authority), service: Some(service), endpoints };
        self.send(Answer::Snapshot(snapshot)).await;
    }

    /// Tells the proxy that there is no such service.
    pub async fn unknown(&self, authority: &str) {
        let snapshot = proto::Snapshot { target: named(authority), service: None, endpoints: Vec::new() };
        self.send(Answer::Snapshot(snapshot)).await;
    }

    pub async fn change(&self, authority: &str, added: &[SocketAddr], removed: &[SocketAddr]) {
        let change = proto::Change {
            target: named(authority),
            added: added.iter().map(endpoint).collect(),
            removed: removed.iter().map(address).collect(),
        };
        self.send(Answer::Change(change)).await;
    }

    /// Tells the proxy who may call its application.
    pub async fn policy(&self, policy: proto::InboundPolicy) {
        self.send(Answer::InboundPolicy(policy)).await;
    }

    pub async fn send(&self, response: Answer) {
        self.responses.send(Ok(DiscoverResponse { response: Some(response) })).await.unwrap();
    }

    /// Ends the stream with an error.
    pub async fn fail(self) {
        let _ = self.responses.send(Err(Status::internal("as the test wants it"))).await;
    }
}

/// A target as text: what the application named, or `ip:port` of an original destination.
fn authority(target: Option<proto::Target>) -> String {
    match target.unwrap().target.unwrap() {
        target::Target::Authority(authority) => authority,
        target::Target::OriginalDestination(address) => {
            SocketAddr::new(address.ip.parse().unwrap(), address.port.try_into().unwrap()).to_string()
        }
    }
}

/// The target that is written so.
fn named(text: &str) -> Option<proto::Target> {
    let target = match text.parse::<SocketAddr>() {
        Ok(original) => target::Target::OriginalDestination(address(&original)),
        Err(_) => target::Target::Authority(text.to_owned()),
    };
    Some(proto::Target { target: Some(target) })
}

pub fn endpoint(endpoint: &SocketAddr) -> proto::Endpoint {
    proto::Endpoint { address: Some(address(endpoint)), ..proto::Endpoint::default() }
}

fn address(address: &SocketAddr) -> proto::SocketAddress {
    proto::SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}
