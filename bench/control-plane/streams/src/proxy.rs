//! One simulated proxy.

use std::cell::RefCell;
use std::error::Error;

use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;
use tonic::transport::Endpoint;

use crate::proto::discover_request::Request as Ask;
use crate::proto::discover_response::Response as Answer;
use crate::proto::discovery_client::DiscoveryClient;
use crate::proto::{self, DiscoverRequest, target};
use crate::tally::Tally;

/// Who a proxy is, and what it asks for.
pub struct Proxy {
    namespace: String,
    name: String,
    ip: String,
    token: String,
    authorities: Vec<String>,
}

impl Proxy {
    /// Reads `NAMESPACE NAME IP TOKEN AUTHORITY…`.
    pub fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ').map(str::to_owned);
        Some(Self {
            namespace: words.next()?,
            name: words.next()?,
            ip: words.next()?,
            token: words.next()?,
            authorities: words.collect(),
        })
    }

    /// Opens the stream, asks for all targets, and counts what is told, for as long as the stream lasts.
    ///
    /// # Errors
    /// The control plane is not reached, refuses, or ends the stream.
    pub async fn follow(
        self,
        address: String,
        opening: &Semaphore,
        tally: &RefCell<Tally>,
    ) -> Result<(), Box<dyn Error>> {
        let permit = opening.acquire().await?;
        let channel = Endpoint::from_shared(address)?.connect().await?;
        let (asks, requests) = mpsc::unbounded_channel();
        asks.send(DiscoverRequest { request: Some(Ask::Proxy(self.introduction())) })?;
        for authority in &self.authorities {
            asks.send(subscribe(authority))?;
        }
        let mut request = Request::new(UnboundedReceiverStream::new(requests));
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse()?);
        let mut responses = DiscoveryClient::new(channel).discover(request).await?.into_inner();
        tally.borrow_mut().opened();
        drop(permit);
        while let Some(message) = responses.message().await? {
            match message.response {
                Some(Answer::Snapshot(_)) => tally.borrow_mut().snapshot(),
                Some(Answer::Change(change)) => {
                    for address in change.added.into_iter().filter_map(|endpoint| endpoint.address) {
                        tally.borrow_mut().endpoint(address.ip);
                    }
                }
                Some(Answer::InboundPolicy(_) | Answer::CertifyAgain(_)) | None => {}
            }
        }
        Err("the control plane has ended the stream".into())
    }

    /// Nothing of it can be reached: nobody scrapes it.
    fn introduction(&self) -> proto::Proxy {
        proto::Proxy {
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inbound: vec![proto::Inbound {
                address: format!("{}:4143", self.ip),
                application: String::new(),
            }],
            ..proto::Proxy::default()
        }
    }
}

fn subscribe(authority: &str) -> DiscoverRequest {
    let target = proto::Target { target: Some(target::Target::Authority(authority.to_owned())) };
    DiscoverRequest { request: Some(Ask::Subscribe(proto::Subscribe { target: Some(target) })) }
}
