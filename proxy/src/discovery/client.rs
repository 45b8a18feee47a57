//! The stream to the control plane: opened again and again for as long as the proxy lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use super::status::Status;
use super::subscriptions::Subscriptions;
use super::update::{Ask, Update};
use crate::control_plane::{ControlPlane, Reported, Trouble, describe};
use crate::identity::Current;
use crate::permission::Policy;
use crate::proto::discover_response::Response;
use crate::proto::{self, discovery_client::DiscoveryClient};
use crate::random::Random;

/// Enough for a snapshot of several hundred thousand endpoints.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The discovery client of a proxy; it runs on the control thread.
pub struct Client {
    control_plane: ControlPlane,
    /// What the proxy says of itself first on every stream.
    introduction: proto::Proxy,
    asks: mpsc::UnboundedReceiver<Ask>,
    workers: Vec<mpsc::UnboundedSender<Update>>,
    policy: watch::Sender<Option<Arc<Policy>>>,
    status: Arc<Status>,
    subscriptions: Subscriptions,
    away: Away,
    random: Random,
}

/// How long the control plane has been away, as far as the last stream that was of use.
struct Away {
    since: Instant,
    /// Why there was no stream when it was last logged.
    reported: Reported<Trouble>,
}

impl Default for Away {
    fn default() -> Self {
        Self { since: Instant::now(), reported: Reported::default() }
    }
}

/// A stream that the control plane has taken.
struct Stream {
    requests: mpsc::UnboundedSender<proto::DiscoverRequest>,
    responses: Streaming<proto::DiscoverResponse>,
    /// Those of which the control plane was told; none where the proxy has no certificate.
    credentials: Option<Current>,
}

/// The workers are gone: there is nobody to discover for.
struct NobodyAsks;

impl Client {
    /// A client that serves `asks` and tells each of the `workers`, which are in the order of their numbers; who may call the
    /// application it tells by `policy`.
    pub fn new(
        control_plane: ControlPlane,
        introduction: proto::Proxy,
        asks: mpsc::UnboundedReceiver<Ask>,
        workers: Vec<mpsc::UnboundedSender<Update>>,
        policy: watch::Sender<Option<Arc<Policy>>>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            control_plane,
            introduction,
            asks,
            workers,
            policy,
            status,
            subscriptions: Subscriptions::default(),
            away: Away::default(),
            random: Random::default(),
        }
    }

    /// Runs until the workers are gone.
    pub async fn run(mut self) {
        while self.connect_and_follow().await.is_ok() && self.pause().await.is_ok() {}
    }

    async fn connect_and_follow(&mut self) -> Result<(), NobodyAsks> {
        let stream = match self.open().await? {
            Ok(stream) => stream,
            Err(trouble) => {
                self.away.reported.log(&self.control_plane, None, trouble);
                return Ok(());
            }
        };
        self.status.connect();
        self.away.reported.forget();
        tracing::info!("connected to the control plane");
        let opened = Instant::now();
        let end = self.follow(stream).await;
        self.status.disconnect();
        let reason = end?;
        tracing::warn!(reason, "lost the control plane; what it last said stays in force");
        if opened.elapsed() > LONGEST_WAIT {
            self.away = Away::default();
        }
        Ok(())
    }

    /// Waits for a quarter of the time that the control plane has been away, so one that was restarted is found again within
    /// a quarter of what its restart took.
    async fn pause(&mut self) -> Result<(), NobodyAsks> {
        let wait = (self.away.since.elapsed() / 4).clamp(SHORTEST_WAIT, LONGEST_WAIT);
        let wait = self.random.jitter(wait);
        self.while_serving(tokio::time::sleep(wait)).await
    }

    /// Awaits `future`, and meanwhile answers the workers from what is known.
    async fn while_serving<F: Future>(&mut self, future: F) -> Result<F::Output, NobodyAsks> {
        tokio::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return Ok(output),
                ask = self.asks.recv() => { self.serve(ask.ok_or(NobodyAsks)?); }
            }
        }
    }

    /// Connects, and opens a stream.
    async fn open(&mut self) -> Result<Result<Stream, Trouble>, NobodyAsks> {
        self.know_own_identity().await?;
        let token = match self.control_plane.authorization() {
            Ok(token) => token,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let control_plane = self.control_plane.clone();
        match self.while_serving(control_plane.connect()).await? {
            Ok(channel) => self.introduce(channel, token).await,
            Err(trouble) => Ok(Err(trouble)),
        }
    }

    /// A proxy that is to have a certificate introduces itself with its name, so that others ask for it.
    async fn know_own_identity(&mut self) -> Result<(), NobodyAsks> {
        let Some(mut credentials) = self.control_plane.credentials() else { return Ok(()) };
        let certified = async move {
            let certified = credentials.wait_for(Option::is_some).await.ok();
            certified.and_then(|credentials| Some(credentials.as_ref()?.certificate().identity.to_string()))
        };
        self.introduction.identity = self.while_serving(certified).await?.unwrap_or_default();
        Ok(())
    }

    /// Says who the proxy is and what it needs, and waits until the control plane has taken the stream.
    async fn introduce(
        &mut self,
        channel: Channel,
        token: Option<MetadataValue<Ascii>>,
    ) -> Result<Result<Stream, Trouble>, NobodyAsks> {
        let (requests, outgoing) = mpsc::unbounded_channel();
        let introduction = proto::DiscoverRequest {
            request: Some(proto::discover_request::Request::Proxy(self.introduction.clone())),
        };
        let mut credentials = self.control_plane.credentials();
        let trust = credentials.as_mut().and_then(trust_of);
        let first = std::iter::once(introduction).chain(trust);
        for request in first.chain(self.subscriptions.requests()) {
            // Fails only when the stream has ended, which is then seen below.
            let _ = requests.send(request);
        }
        let mut call = Request::new(UnboundedReceiverStream::new(outgoing));
        if let Some(token) = token {
            call.metadata_mut().insert("authorization", token);
        }
        let mut client = DiscoveryClient::new(channel).max_decoding_message_size(LARGEST_MESSAGE);
        let opening = client.discover(call);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                opened = &mut opening => return Ok(match opened {
                    Ok(response) => Ok(Stream { requests, responses: response.into_inner(), credentials }),
                    Err(status) => Err(Trouble::of_call(&status)),
                }),
                ask = self.asks.recv() => self.serve_and_forward(ask, &requests)?,
            }
        }
    }

    /// Follows one stream to its end, and tells why it ended.
    async fn follow(&mut self, stream: Stream) -> Result<String, NobodyAsks> {
        let Stream { requests, mut responses, mut credentials } = stream;
        loop {
            tokio::select! {
                trust = next_trust(&mut credentials) => {
                    let _ = requests.send(trust);
                }
                message = responses.message() => match message {
                    Ok(Some(response)) => self.take(response),
                    Ok(None) => return Ok("the control plane ended the stream".to_owned()),
                    Err(status) => return Ok(describe(&status)),
                },
                ask = self.asks.recv() => self.serve_and_forward(ask, &requests)?,
            }
        }
    }

    fn serve_and_forward(
        &mut self,
        ask: Option<Ask>,
        requests: &mpsc::UnboundedSender<proto::DiscoverRequest>,
    ) -> Result<(), NobodyAsks> {
        if let Some(request) = self.serve(ask.ok_or(NobodyAsks)?) {
            let _ = requests.send(request);
        }
        Ok(())
    }

    /// Answers a worker from what is known, and returns what the control plane is to be told.
    fn serve(&mut self, ask: Ask) -> Option<proto::DiscoverRequest> {
        let (Ask::Subscribe { worker, .. } | Ask::Release { worker, .. }) = ask;
        let answer = self.subscriptions.ask(ask);
        if let Some(update) = answer.update {
            self.tell(worker, update);
        }
        answer.request
    }

    fn take(&mut self, response: proto::DiscoverResponse) {
        self.away = Away::default();
        let broadcast = match response.response {
            Some(Response::Snapshot(snapshot)) => self.subscriptions.take_snapshot(snapshot),
            Some(Response::Change(change)) => self.subscriptions.take_change(change),
            Some(Response::InboundPolicy(policy)) => return self.take_policy(policy),
            Some(Response::CertifyAgain(_)) => return self.control_plane.want_certificate(),
            None => None,
        };
        if let Some(broadcast) = broadcast {
            tracing::debug!(target = %broadcast.update.target(), "destination changed");
            for worker in broadcast.workers {
                self.tell(worker, broadcast.update.clone());
            }
        }
    }

    /// What is as it was, as after a reconnect, disturbs nobody.
    fn take_policy(&self, policy: proto::InboundPolicy) {
        let policy = Policy::from_proto(policy);
        self.policy.send_if_modified(|known| {
            if known.as_deref() == Some(&policy) {
                return false;
            }
            if known.is_some() || !policy.allows_everything() {
                tracing::info!(permissions = policy.count(), "who may call the application has changed");
            }
            *known = Some(Arc::new(policy));
            true
        });
    }

    fn tell(&self, worker: usize, update: Update) {
        if let Some(sender) = self.workers.get(worker) {
            // Fails only when the worker has ended.
            let _ = sender.send(update);
        }
    }
}

/// What the control plane is told of the credentials of the moment.
fn trust_of(credentials: &mut Current) -> Option<proto::DiscoverRequest> {
    let trust = credentials.borrow_and_update().as_ref()?.trust();
    Some(proto::DiscoverRequest { request: Some(proto::discover_request::Request::Trust(trust)) })
}

/// The same, once they have changed.
async fn next_trust(credentials: &mut Option<Current>) -> proto::DiscoverRequest {
    if let Some(credentials) = credentials {
        while credentials.changed().await.is_ok() {
            if let Some(trust) = trust_of(credentials) {
                return trust;
            }
        }
    }
    std::future::pending().await
}
