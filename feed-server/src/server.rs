//! Serving a router: the listener, its time-outs, its graceful end.
//!
//! `axum::serve` cannot bound connections that stay silent or send their header slowly, so this
//! serves with hyper's own builder.

mod header_limit;
mod stall;

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tracing::{debug, warn};

use header_limit::HeaderLimit;
use stall::WriteStall;

/// A client must send the header of each request within this time, counted from its connection
/// or its request before.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// A client must take some bytes of an answer within this time; a reader of a stream that stands
/// still for longer is disconnected, and resumes by its cursor.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take to end at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest header, and the largest buffer of a connection, in bytes.
const MAX_BUFFER: usize = 64 << 10;

/// Why serving ended otherwise than by its shutdown.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener failed for good.
    #[error("cannot accept connections")]
    Accept(#[source] io::Error),
}

/// Serves until `shutdown` completes, and then until the requests under way have ended, at most
/// 20 seconds.
///
/// Call [`FeedServer::shutdown`](crate::FeedServer::shutdown) when `shutdown` completes, so that
/// streams and long polls end.
///
/// # Errors
///
/// [`ServeError::Accept`] when the listener fails otherwise than for want of resources.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER)
        // To notice at once that a client of a stream or long poll has gone away, hyper reads on
        // into a second buffer, and each of those that wait would cost 8 KiB more. So it shows
        // when the next bytes are sent, a heartbeat later at most; and a client that has closed
        // its half of the connection gets its answer.
        .half_close(true);
    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => {
                // Out of descriptors, say: connections that end make room.
                warn!(error = &error as &dyn std::error::Error, "cannot accept a connection now");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            Err(error) => return Err(ServeError::Accept(error)),
        };
        // Events are small and must not wait for more to come.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(error = &error as &dyn std::error::Error, "TCP_NODELAY");
        }
        let io = TokioIo::new(WriteStall::new(stream, WRITE_TIMEOUT));
        let service = TowerToHyperService::new(router.clone());
        let service = HeaderLimit::new(service, MAX_BUFFER);
        let connection = connections.watch(http.serve_connection(io, service));
        tokio::spawn(async move {
            // A client that goes away is not worth a line.
            if let Err(error) = connection.await {
                debug!(error = &error as &dyn std::error::Error, "a connection ended");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown()).await.is_err() {
        warn!("some requests did not end within {DRAIN_TIMEOUT:?}; they are cut");
    }
    Ok(())
}

/// Whether accepting may succeed again: the error is of one connection, or of resources.
fn is_passing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected)
}
