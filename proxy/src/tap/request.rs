//! Reporting a request: at its start, at its response and at its end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::observers::{Observer, Observers};
use crate::config::Identity;
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::error::ProxyError;
use crate::grpc::GrpcStatus;
use crate::metrics::Protocol;
use crate::proto::{self, End, Peer, RequestStart, ResponseStart, TapEvent, tap_event::Event};

/// A worker's way to those who watch.
#[derive(Debug)]
pub struct Tap {
    observers: Arc<Observers>,
    /// This proxy, as one end of every request.
    local: Peer,
}

/// A request as the relay knows it when it has chosen an endpoint (or knows that there is none).
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub direction: Direction,
    pub client: SocketAddr,
    /// Who the client has proved to be; none when its connection is not secured.
    pub client_identity: Option<&'a str>,
    pub endpoint: Option<&'a Endpoint>,
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    pub authority: &'a str,
    /// Path and query as they were sent.
    pub path: &'a str,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.
    pub version: &'static str,
    /// None of a connection that passes through.
    pub protocol: Option<Protocol>,
}

/// The two ends of a request.
#[derive(Debug)]
struct Parties {
    source: Peer,
    destination: Peer,
}

impl Tap {
    pub fn new(identity: &Identity, observers: Arc<Observers>) -> Self {
        let local = Peer {
            namespace: identity.namespace.clone(),
            workload: Some(proto::Workload {
                kind: identity.workload_kind.clone(),
                name: identity.workload.clone(),
            }),
            pod: identity.name.clone(),
            ..Peer::default()
        };
        Self { observers, local }
    }

    /// True while somebody watches. Ask this first, and call `request` only then.
    #[inline]
    pub fn active(&self) -> bool {
        self.observers.are_there()
    }

    /// Reports a request to those whose filter it matches; none when no observer wants it.
    pub fn request(&self, request: &Request<'_>) -> Option<Box<TappedRequest>> {
        let observers = self.observers.interested(request);
        if observers.is_empty() {
            return None;
        }
        let parties = self.parties(request);
        let direction = match request.direction {
            Direction::Inbound => proto::Direction::Inbound,
            Direction::Outbound => proto::Direction::Outbound,
        };
        let id = self.observers.next_request_id();
        let tapped =
            TappedRequest { id, direction, parties, retries: 0, permission: String::new(), observers };
        tapped.report(Event::Request(RequestStart {
            method: request.method.to_owned(),
            scheme: request.scheme.to_owned(),
            authority: request.authority.to_owned(),
            path: request.path.to_owned(),
            version: request.version.to_owned(),
            protocol: request.protocol.map_or("", Protocol::label).to_owned(),
        }));
        Some(Box::new(tapped))
    }

    fn parties(&self, request: &Request<'_>) -> Parties {
        let client = Some(socket_address(request.client));
        let source = match request.direction {
            Direction::Outbound => Peer { address: client, ..self.local.clone() },
            Direction::Inbound => Peer {
                address: client,
                tls: request.client_identity.is_some(),
                identity: request.client_identity.unwrap_or_default().to_owned(),
                ..Peer::default()
            },
        };
        Parties { source, destination: request.endpoint.map(destination).unwrap_or_default() }
    }
}

fn destination(endpoint: &Endpoint) -> Peer {
    let (info, owner) = (&endpoint.info, &endpoint.info.owner);
    let is_workload_known = !owner.workload.is_empty();
    Peer {
        address: Some(socket_address(info.address)),
        namespace: owner.namespace.clone(),
        workload: is_workload_known
            .then(|| proto::Workload { kind: owner.workload_kind.clone(), name: owner.workload.clone() }),
        pod: info.pod.to_string(),
        service: endpoint.service.name.clone(),
        tls: endpoint.identity().is_some(),
        identity: endpoint.identity().map_or_else(String::new, ToString::to_string),
    }
}

fn socket_address(address: SocketAddr) -> proto::SocketAddress {
    proto::SocketAddress { ip: address.ip().to_string(), port: address.port().into() }
}

/// A request that somebody watches. Report its response and its end.
#[derive(Debug)]
pub struct TappedRequest {
    id: u64,
    direction: proto::Direction,
    parties: Parties,
    /// How often it was sent again.
    retries: u32,
    /// The permission that refused it.
    permission: String,
    observers: Vec<Arc<Observer>>,
}

impl TappedRequest {
    /// The request goes to another endpoint, or once more to the same; those events that follow tell of that one.
    pub fn sent_again(&mut self, endpoint: &Endpoint) {
        self.parties.destination = destination(endpoint);
        self.retries += 1;
    }

    /// The request is refused by the permission `NAMESPACE/NAME`; by none when that is empty.
    pub fn denied_by(&mut self, permission: &str) {
        permission.clone_into(&mut self.permission);
    }

    /// Reports the response's head. `latency` is counted from the end of the request's head.
    pub fn response(&mut self, status: u16, latency: Duration, proxy_error: Option<ProxyError>) {
        self.report(Event::Response(ResponseStart {
            status: status.into(),
            latency: protobuf_duration(latency),
            proxy_error: proxy_error.map_or("", ProxyError::reason).to_owned(),
            retries: self.retries,
            permission: self.permission.clone(),
        }));
    }

    /// Reports the end of the exchange. `duration` is counted from the end of the request's head to the last byte of the
    /// response; the bytes are those of the bodies; `error` tells why it ended before its time (`client-closed`,
    /// `upstream-reset`); of a gRPC call `grpc_status` tells how it ended.
    pub fn end(
        self,
        duration: Duration,
        request_bytes: u64,
        response_bytes: u64,
        grpc_status: Option<GrpcStatus>,
        error: Option<&'static str>,
    ) {
        self.report(Event::End(End {
            duration: protobuf_duration(duration),
            request_bytes,
            response_bytes,
            error: error.unwrap_or_default().to_owned(),
            grpc_status: grpc_status.map(GrpcStatus::number),
            permission: self.permission.clone(),
        }));
    }

    fn report(&self, event: Event) {
        let event = TapEvent {
            request_id: self.id,
            time: Some(SystemTime::now().into()),
            direction: self.direction.into(),
            source: Some(self.parties.source.clone()),
            destination: Some(self.parties.destination.clone()),
            dropped: 0,
            event: Some(event),
        };
        for observer in &self.observers {
            observer.send(event.clone());
        }
    }
}

/// None for a duration beyond what the message holds, which is centuries.
fn protobuf_duration(duration: Duration) -> Option<prost_types::Duration> {
    duration.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::fixture;
    use crate::proto::{DestinationMatch, TapMatch};
    use crate::tap::observers::Events;

    const ENDPOINT: &str = "127.0.0.1:9000";

    struct Scene {
        observers: Arc<Observers>,
        tap: Tap,
        endpoint: Rc<Endpoint>,
    }

    impl Scene {
        async fn new() -> Self {
            let worker = fixture::worker(&[], &[("world", &[ENDPOINT.parse().unwrap()])]);
            let destination = worker.destinations.resolve("world").await.ok().unwrap();
            let observers = Arc::new(Observers::default());
            let identity = Identity {
                name: "hello-1".to_owned(),
                namespace: "default".to_owned(),
                workload_kind: "deployment".to_owned(),
                workload: "hello".to_owned(),
            };
            let tap = Tap::new(&identity, Arc::clone(&observers));
            Self { observers, tap, endpoint: destination.pick(&[]).unwrap() }
        }

        fn request(&self) -> Request<'_> {
            Request {
                direction: Direction::Outbound,
                client: "127.0.0.1:5000".parse().unwrap(),
                client_identity: None,
                endpoint: Some(&self.endpoint),
                method: "GET",
                scheme: "http",
                authority: "world",
                path: "/api/users?id=1",
                version: "HTTP/1.1",
                protocol: Some(Protocol::Http1),
            }
        }
    }

    fn received(events: &mut Events) -> Vec<TapEvent> {
        std::iter::from_fn(|| events.queue.try_recv().ok()).collect()
    }

    #[tokio::test(flavor = "local")]
    async fn who_sends_what_comes_in_is_told_by_the_certificate() {
        let scene = Scene::new().await;
        let mut events = scene.observers.add(TapMatch::default(), 0);
        for client_identity in [Some("spiffe://mesh.local/ns/default/sa/hello"), None] {
            let request = Request { direction: Direction::Inbound, client_identity, ..scene.request() };
            scene.tap.request(&request).unwrap();
            let source = received(&mut events)[0].source.clone().unwrap();
            let told = (source.identity.as_str(), source.tls);
            assert_eq!(told, (client_identity.unwrap_or(""), client_identity.is_some()));
        }
    }

    #[tokio::test(flavor = "local")]
    async fn an_exchange_is_reported_from_its_start_to_its_end() {
        let scene = Scene::new().await;
        assert!(!scene.tap.active());
        let mut events = scene.observers.add(TapMatch::default(), 0);
        assert!(scene.tap.active());

        let mut tapped = scene.tap.request(&scene.request()).unwrap();
        tapped.sent_again(&scene.endpoint);
        tapped.denied_by("default/web");
        tapped.response(502, Duration::from_millis(5), Some(ProxyError::ConnectRefused));
        tapped.end(Duration::from_millis(7), 10, 20, GrpcStatus::parse(b"14"), Some("client-closed"));

        let events = received(&mut events);
        assert!(events.iter().all(|event| event.request_id == events[0].request_id && event.time.is_some()));
        let source = events[0].source.as_ref().unwrap();
        assert_eq!((source.pod.as_str(), source.address.as_ref().unwrap().port), ("hello-1", 5000));
        let destination = events[0].destination.as_ref().unwrap();
        assert_eq!(
            (destination.service.as_str(), destination.address.as_ref().unwrap().port),
            ("world", 9000)
        );
        let expected = [
            Event::Request(RequestStart {
                method: "GET".to_owned(),
                scheme: "http".to_owned(),
                authority: "world".to_owned(),
                path: "/api/users?id=1".to_owned(),
                version: "HTTP/1.1".to_owned(),
                protocol: "http1".to_owned(),
            }),
            Event::Response(ResponseStart {
                status: 502,
                latency: Some(prost_types::Duration { seconds: 0, nanos: 5_000_000 }),
                proxy_error: "connect-refused".to_owned(),
                retries: 1,
                permission: "default/web".to_owned(),
            }),
            Event::End(End {
                duration: Some(prost_types::Duration { seconds: 0, nanos: 7_000_000 }),
                request_bytes: 10,
                response_bytes: 20,
                error: "client-closed".to_owned(),
                grpc_status: Some(14),
                permission: "default/web".to_owned(),
            }),
        ];
        assert_eq!(events.into_iter().filter_map(|event| event.event).collect::<Vec<_>>(), expected);
    }

    #[tokio::test(flavor = "local")]
    async fn only_requests_that_match_every_field_are_reported() {
        let scene = Scene::new().await;
        let destination = |destination| TapMatch { destination: Some(destination), ..TapMatch::default() };
        let text = str::to_owned;
        let wanted = [
            TapMatch { method: text("GET"), path_prefix: text("/api"), ..TapMatch::default() },
            TapMatch { authority: text("world"), scheme: text("http"), ..TapMatch::default() },
            TapMatch { direction: proto::Direction::Outbound.into(), ..TapMatch::default() },
            destination(DestinationMatch { service: text("world"), ..DestinationMatch::default() }),
            destination(DestinationMatch { namespace: text("default"), ..DestinationMatch::default() }),
        ];
        let workload = |name| Some(proto::Workload { kind: String::new(), name: text(name) });
        let unwanted = [
            TapMatch { method: text("GET"), path_prefix: text("/other"), ..TapMatch::default() },
            TapMatch { method: text("get"), ..TapMatch::default() },
            TapMatch { authority: text("worl"), ..TapMatch::default() },
            TapMatch { scheme: text("https"), ..TapMatch::default() },
            TapMatch { direction: proto::Direction::Inbound.into(), ..TapMatch::default() },
            destination(DestinationMatch { service: text("hello"), ..DestinationMatch::default() }),
            destination(DestinationMatch { namespace: text("other"), ..DestinationMatch::default() }),
            destination(DestinationMatch { pod: text("world-1"), ..DestinationMatch::default() }),
            destination(DestinationMatch { workload: workload("world"), ..DestinationMatch::default() }),
        ];
        for filter in wanted {
            let _events = scene.observers.add(filter.clone(), 0);
            assert!(scene.tap.request(&scene.request()).is_some(), "{filter:?}");
        }
        for filter in unwanted {
            let _events = scene.observers.add(filter.clone(), 0);
            assert!(scene.tap.request(&scene.request()).is_none(), "{filter:?}");
        }
    }

    #[tokio::test(flavor = "local")]
    async fn each_observer_has_a_filter_and_a_rate_of_its_own_and_is_told_what_it_missed() {
        let scene = Scene::new().await;
        let mut slow = scene.observers.add(TapMatch::default(), 1);
        let mut posts =
            scene.observers.add(TapMatch { method: "POST".to_owned(), ..TapMatch::default() }, 100);
        for _ in 0..4 {
            scene.tap.request(&scene.request());
        }
        let post = Request { method: "POST", ..scene.request() };
        let tapped = scene.tap.request(&post).unwrap();
        assert_eq!((received(&mut slow).len(), received(&mut posts).len()), (1, 1));
        tapped.end(Duration::ZERO, 0, 0, None, None);
        assert_eq!((received(&mut slow).len(), received(&mut posts).len()), (0, 1));

        assert_eq!(scene.observers.dropped(), 4);
        std::thread::sleep(Duration::from_millis(1100));
        scene.tap.request(&scene.request()).unwrap();
        assert_eq!(received(&mut slow)[0].dropped, 4);
    }

    #[tokio::test(flavor = "local")]
    async fn an_observer_that_does_not_read_costs_a_bounded_queue() {
        let scene = Scene::new().await;
        let mut events = scene.observers.add(TapMatch::default(), 1_000_000);
        let admitted: Vec<_> = (0..5000).filter_map(|_| scene.tap.request(&scene.request())).collect();
        assert!(admitted.len() < 1000, "{}", admitted.len());
        assert_eq!(scene.observers.dropped(), 5000 - admitted.len() as u64);
        let reported = admitted.len();
        for tapped in admitted {
            tapped.end(Duration::ZERO, 0, 0, None, None);
        }
        assert_eq!(received(&mut events).len(), 2 * reported);
    }

    #[tokio::test(flavor = "local")]
    async fn when_the_last_observer_leaves_nothing_is_watched() {
        let scene = Scene::new().await;
        let first = scene.observers.add(TapMatch::default(), 0);
        let second = scene.observers.add(TapMatch::default(), 0);
        drop(first);
        assert!(scene.tap.active());
        drop(second);
        assert!(!scene.tap.active());
        assert!(scene.tap.request(&scene.request()).is_none());
    }
}
