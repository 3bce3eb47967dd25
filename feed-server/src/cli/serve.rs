//! `feed-server serve`

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing::info;

use super::{Failed, Missing, open, shutdown};
use crate::builder::{FeedServer, ensure_feed};
use crate::config::Config;
use crate::server;
use crate::store::EventStore;

pub(super) async fn run(config: Config) -> Result<(), Failed> {
    let shutdown = shutdown::requested().map_err(|error| Failed::Run(error.into()))?;
    // First, so that a server that cannot be there leaves no database behind. Who connects before
    // it serves is kept waiting.
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| {
            format!("listen: {} is not to be had; take another with --listen", config.listen)
        })
        .map_err(Failed::Usage)?;
    let store = open(&config, Missing::Create).await?;
    let feeds = match build(&config, Arc::clone(&store)).await {
        Ok(feeds) => feeds,
        Err(error) => {
            store.close().await;
            return Err(Failed::Usage(error));
        }
    };
    let address = listener.local_addr().map_err(|error| Failed::Run(error.into()))?;
    say_listening(address).map_err(|error| Failed::Run(error.into()))?;
    let stopping = feeds.clone();
    let shutdown = async move {
        shutdown.await;
        info!("shutting down: no new connections, requests under way may end");
        stopping.shutdown();
    };
    let served = server::serve(listener, feeds.router(), shutdown).await;
    feeds.close().await;
    served.map_err(|error| Failed::Run(error.into()))
}

async fn build(config: &Config, store: Arc<dyn EventStore>) -> anyhow::Result<FeedServer> {
    for name in &config.feeds {
        let page_size = Some(config.page_size);
        ensure_feed(store.as_ref(), name, page_size, config.public_url.as_ref()).await?;
    }
    let mut builder = FeedServer::builder()
        .shared_store(store)
        .cache_bytes(config.cache_bytes)
        .current_max_age(config.current_max_age)
        .max_wait(config.long_poll_max)
        .heartbeat(config.heartbeat);
    if let Some(url) = &config.public_url {
        builder = builder.public_url(url.clone());
    }
    Ok(builder.build().await?)
}

/// The first line on standard output, for people and for programs that started the server with
/// port 0.
fn say_listening(address: std::net::SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{address}/")?;
    out.flush()
}
