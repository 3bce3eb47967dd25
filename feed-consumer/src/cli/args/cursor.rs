//! Which cursor, and where to.

use clap::{Args, Subcommand};
use feed_consumer::Start;

use super::help;
use crate::cli::http_args::HttpArgs;

/// What to do with cursors.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CursorCommand {
    /// List the subscriptions of the database: where each stands, and how far behind it is
    Show(ShowArgs),
    /// Move a cursor to another place in its feed
    #[command(after_help = help::CURSOR_MOVED)]
    Set(SetArgs),
    /// Forget a cursor: the subscription begins anew at its next start, where --from says
    #[command(after_help = help::CURSOR_MOVED)]
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// Only those of this feed, by its address or its id
    ///
    /// A token is sent to a feed that is named by its address, or with --config as the file says;
    /// the others are asked without one.
    #[arg(value_name = "FEED")]
    pub(in crate::cli) feed: Option<String>,
    /// Only those of this group
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) group: Option<String>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) http: HttpArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SetArgs {
    #[command(flatten)]
    pub(in crate::cli) which: WhichArgs,
    /// Where to: a position, after which the subscription goes on; `beginning`, `now`, or a time
    /// such as 2026-11-01T08:00:00Z, from which on events are handled
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    pub(in crate::cli) to: Start,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ResetArgs {
    #[command(flatten)]
    pub(in crate::cli) which: WhichArgs,
}

/// One cursor, and whether to ask.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhichArgs {
    /// The feed, by its address or its id
    ///
    /// A token is sent to a feed that is named by its address, or with --config as the file says;
    /// by its id it is asked without one.
    #[arg(value_name = "FEED")]
    pub(in crate::cli) feed: String,
    /// The group [default: default]
    #[arg(long, value_name = "NAME", env = "FEED_CONSUMER_GROUP")]
    pub(in crate::cli) group: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    pub(in crate::cli) yes: bool,
    #[command(flatten)]
    pub(in crate::cli) http: HttpArgs,
}
