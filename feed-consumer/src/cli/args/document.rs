//! How a feed of other software is read, on the command line.

use clap::Args;
use feed_consumer::{Updates, Vanished};

const HEADING: &str = "Feeds of other software";

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = HEADING)]
pub(in crate::cli) struct DocumentArgs {
    /// What becomes of an entry that has changed: `once` (nothing more), or `each` time it is
    /// handled again [default: once]
    #[arg(long, value_name = "HOW", env = "FEED_CONSUMER_UPDATES")]
    pub(in crate::cli) updates: Option<Updates>,
    /// What to do when all entries that were handled have left the feed, so that others may have
    /// come and gone unseen: `fail`, go on with the `oldest` that is left, or with what comes from
    /// `now` on [default: fail]
    #[arg(long, value_name = "WHAT", env = "FEED_CONSUMER_VANISHED")]
    pub(in crate::cli) vanished: Option<Vanished>,
    /// How many older pages may be read at a time; with 0 none is [default: 10000]
    #[arg(long, value_name = "COUNT", env = "FEED_CONSUMER_MAX_PAGES")]
    pub(in crate::cli) max_pages: Option<u32>,
}
