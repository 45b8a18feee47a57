//! Opens a discovery stream for each of many simulated proxies and says on standard output what they are told.
//!
//! `discovery-streams ADDRESS FILE ADMIN PAGE`: a line of the file is a proxy, `NAMESPACE NAME IP TOKEN AUTHORITY…`; whoever asks
//! at ADMIN (all addresses of this machine, one port) for the metrics of any of them gets the file PAGE. What is printed:
//!
//! - `streams N snapshots M`: so many are open, and so many targets were told in full;
//! - `told IP COUNT MICROSECONDS`: COUNT streams were told that an endpoint at IP came, the last one at that time since 1970;
//! - `failed REASON`: a stream could not be opened, or has ended.

mod admin;
mod proxy;
mod tally;

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use crate::admin::Page;
use crate::proxy::Proxy;
use crate::tally::Tally;

/// The gRPC types of `proto/mesh/proxy/v1`.
#[allow(clippy::large_enum_variant)]
pub mod proto {
    tonic::include_proto!("mesh.proxy.v1");
}

/// How often something is printed, when there is something new.
const PRINT_EVERY: Duration = Duration::from_millis(10);

/// Streams that are being opened at a time.
const OPENING: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, file, admin, page] = arguments.as_slice() else {
        return Err("expected ADDRESS FILE ADMIN PAGE".into());
    };
    let page = Page::new(&std::fs::read_to_string(page)?);
    let lines = std::fs::read_to_string(file)?;
    let proxies = lines.lines().map(Proxy::read).collect::<Option<Vec<_>>>().ok_or("a line is no proxy")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        tokio::task::spawn_local(admin::serve(TcpListener::bind(admin).await?, page));
        run(format!("http://{address}"), proxies).await;
        Ok(())
    })
}

async fn run(address: String, proxies: Vec<Proxy>) {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let opening = Rc::new(Semaphore::new(OPENING));
    for proxy in proxies {
        let (address, tally, opening) = (address.clone(), Rc::clone(&tally), Rc::clone(&opening));
        tokio::task::spawn_local(async move {
            if let Err(error) = proxy.follow(address, &opening, &tally).await {
                println!("failed {error}");
            }
        });
    }
    loop {
        tokio::time::sleep(PRINT_EVERY).await;
        tally.borrow_mut().print();
    }
}
