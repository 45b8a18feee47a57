//! Tasks that relay streams, each one stream after the other. A task for each stream would cost more to make than most streams to
//! relay.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::task::spawn_local;

use super::stream::Stream;

/// So many tasks of a worker wait for streams at most.
const MAX_IDLE: usize = 64;

/// The tasks of one worker that have nothing to do.
#[derive(Default)]
pub struct Runners {
    idle: RefCell<Vec<Rc<Runner>>>,
}

/// What one task does next.
#[derive(Default)]
struct Runner {
    next: Cell<Option<Box<Stream>>>,
    waker: RefCell<Option<Waker>>,
}

impl Runners {
    /// Relays a stream to its end.
    pub(super) fn relay(self: &Rc<Self>, stream: Box<Stream>) {
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(runner) => runner.take_over(stream),
            None => {
                spawn_local(run(Rc::clone(self), stream));
            }
        }
    }

    /// False when enough others wait.
    fn waits(&self, runner: &Rc<Runner>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let is_needed = idle.len() < MAX_IDLE;
        if is_needed {
            idle.push(Rc::clone(runner));
        }
        is_needed
    }
}

async fn run(runners: Rc<Runners>, mut stream: Box<Stream>) {
    let runner = Rc::new(Runner::default());
    loop {
        stream.run().await;
        if !runners.waits(&runner) {
            return;
        }
        stream = poll_fn(|cx| runner.poll_next(cx)).await;
    }
}

impl Runner {
    fn take_over(&self, stream: Box<Stream>) {
        self.next.set(Some(stream));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Box<Stream>> {
        if let Some(stream) = self.next.take() {
            return Poll::Ready(stream);
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}
