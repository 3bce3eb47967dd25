//! `feed-server feeds`

use std::io::Write;
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use feed_protocol::{FeedName, PageSize};

use super::{Failed, Missing};
use crate::builder::ensure_feed;
use crate::config::Config;
use crate::random;
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
    /// Begin another life of a feed, after its database was put back to an earlier state
    ///
    /// Its events stay. Consumers that know a place of the life before stop and say so, instead of
    /// passing over events that have taken the places of others.
    NewIncarnation {
        /// Its name
        #[arg(required_unless_present = "all")]
        name: Option<FeedName>,
        /// Every feed of the database
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
}

impl FeedsCommand {
    pub(super) fn if_missing(&self) -> Missing {
        match self {
            Self::List | Self::NewIncarnation { .. } => Missing::Refuse,
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
        FeedsCommand::NewIncarnation { name, .. } => {
            new_incarnation(store.as_ref(), name).await.map_err(Failed::Usage)
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

/// Of one feed, or of all.
async fn new_incarnation(store: &dyn EventStore, name: Option<FeedName>) -> anyhow::Result<()> {
    let names = match name {
        Some(name) => vec![name],
        None => store.feeds().await?.into_iter().map(|(feed, _)| feed.name).collect(),
    };
    for name in names {
        let begun = store.new_incarnation(&name, random::incarnation()).await?;
        let feed = begun.with_context(|| {
            format!("there is no feed {name}: 'feed-server feeds list' names those there are")
        })?;
        writeln!(std::io::stdout(), "{} has the new incarnation {}", feed.name, feed.incarnation)?;
    }
    Ok(())
}
