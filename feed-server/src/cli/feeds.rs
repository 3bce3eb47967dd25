//! `feed-server feeds`

use std::io::Write;
use std::sync::Arc;

use clap::Subcommand;
use feed_protocol::{FeedName, PageSize};

use super::{Failed, Missing};
use crate::builder::ensure_feed;
use crate::config::Config;
use crate::store::{EventStore, StoreError};

#[derive(Debug, Subcommand)]
pub(super) enum FeedsCommand {
    /// List the feeds: name, page size, head, incarnation, last change
    List,
    /// Create a feed
    Create {
        /// Its name
        name: FeedName,
        /// How many events a page holds; never changes [default: 100]
        #[arg(long, value_name = "N")]
        page_size: Option<u64>,
    },
}

impl FeedsCommand {
    pub(super) fn if_missing(&self) -> Missing {
        match self {
            Self::List => Missing::Refuse,
            Self::Create { .. } => Missing::Create,
        }
    }
}

pub(super) async fn run(
    command: FeedsCommand,
    config: &Config,
    store: Arc<dyn EventStore>,
) -> Result<(), Failed> {
    let result = match command {
        FeedsCommand::List => list(store.as_ref()).await.map_err(Failed::Run),
        FeedsCommand::Create { name, page_size } => {
            create(store.as_ref(), config, name, page_size).await.map_err(Failed::Usage)
        }
    };
    store.close().await;
    result
}

async fn list(store: &dyn EventStore) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{:<24} {:>9} {:>12}  {:<16} UPDATED",
        "FEED", "PAGE SIZE", "HEAD", "INCARNATION"
    )?;
    for (feed, head) in store.feeds().await? {
        writeln!(
            out,
            "{:<24} {:>9} {:>12}  {:<16} {}",
            feed.name.as_str(),
            feed.page_size.get(),
            head.position.get(),
            feed.incarnation.as_str(),
            head.updated.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        )?;
    }
    Ok(())
}

async fn create(
    store: &dyn EventStore,
    config: &Config,
    name: FeedName,
    page_size: Option<u64>,
) -> anyhow::Result<()> {
    let page_size = page_size.map_or(Ok(config.page_size), PageSize::new)?;
    if store.feeds().await?.iter().any(|(feed, _)| feed.name == name) {
        return Err(StoreError::FeedExists(name).into());
    }
    let feed = ensure_feed(store, &name, Some(page_size), config.public_url.as_ref()).await?;
    writeln!(std::io::stdout(), "created {} with pages of {}", feed.name, feed.page_size)?;
    Ok(())
}
