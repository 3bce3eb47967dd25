//! A feed server in the shop's own program, as in an axum app: it serves readers, and publishes from
//! code.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use feed_server::{FeedServer, Publisher, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A server on threads of its own, so that the clients and it do not wait for each other's turn.
pub(crate) struct Embedded {
    pub(crate) address: SocketAddr,
    pub(crate) publisher: Publisher,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Serves the feeds of a database until this is dropped.
    pub(crate) async fn start(database: &str) -> Result<Self> {
        let (end, ended) = oneshot::channel::<()>();
        let (started, starting) = oneshot::channel();
        let database = database.to_owned();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let (listener, feeds) = match open(&database).await {
                    Ok(opened) => opened,
                    Err(error) => {
                        // Nobody waits for it any more if the program is ending.
                        let _ = started.send(Err(error));
                        return;
                    }
                };
                let address = listener.local_addr().map_err(Into::into);
                let _ = started.send(address.map(|address| (address, feeds.publisher())));
                let shutdown = async {
                    // Dropped or sent, it is the end.
                    let _ = ended.await;
                    feeds.shutdown();
                };
                if let Err(error) = serve(listener, feeds.router(), shutdown).await {
                    eprintln!("the embedded server: {error}");
                }
                feeds.close().await;
            });
        });
        let (address, publisher) = starting.await.context("the embedded server is gone")??;
        Ok(Self { address, publisher, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has said what went wrong, if anything did.
            let _ = thread.join();
        }
    }
}

async fn open(database: &str) -> Result<(TcpListener, FeedServer)> {
    let store = feed_server::store::open(database).await?;
    let feeds = FeedServer::builder().shared_store(store).build().await?;
    Ok((TcpListener::bind(("127.0.0.1", 0)).await?, feeds))
}
