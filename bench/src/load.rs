//! Load: clients that each send their next request once the one before is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::Connection;

/// Writes a client's next request into an empty buffer.
pub(crate) type Next = Box<dyn FnMut(&mut Vec<u8>) + Send>;

/// What a load came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
}

impl Outcome {
    /// Answers per second.
    pub(crate) fn rate(self) -> f64 {
        self.requests / self.seconds
    }
}

/// As many clients as there are sources of requests, for this long. Every answer must have the
/// status that is expected.
pub(crate) async fn run(
    server: SocketAddr,
    clients: Vec<Next>,
    expected: u16,
    time: Duration,
) -> Result<Outcome> {
    let ready = Arc::new(Barrier::new(clients.len()));
    let mut tasks = JoinSet::new();
    for next in clients {
        let ready = Arc::clone(&ready);
        tasks.spawn(client(server, next, expected, time, ready));
    }
    let mut requests = 0;
    let mut seconds: f64 = 0.0;
    while let Some(done) = tasks.join_next().await {
        let (done, took) = done??;
        requests += done;
        seconds = seconds.max(took.as_secs_f64());
    }
    Ok(Outcome { requests: f64::from(requests), seconds })
}

async fn client(
    server: SocketAddr,
    mut next: Next,
    expected: u16,
    time: Duration,
    ready: Arc<Barrier>,
) -> Result<(u32, Duration)> {
    let mut connection = Connection::open(server).await?;
    ready.wait().await;
    let begun = Instant::now();
    let mut request = Vec::new();
    let mut answered = 0;
    while begun.elapsed() < time {
        request.clear();
        next(&mut request);
        let status = connection.exchange(&request).await?;
        ensure!(status == expected, "the server answered {status}, not {expected}");
        answered += 1;
    }
    Ok((answered, begun.elapsed()))
}

/// Clients that send the same request over and over.
pub(crate) fn same(request: &Arc<[u8]>, clients: usize) -> Vec<Next> {
    let one = || -> Next {
        let request = Arc::clone(request);
        Box::new(move |out| out.extend_from_slice(&request))
    };
    (0..clients).map(|_| one()).collect()
}
