//! Which parked events, and what is to be done with them.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Subcommand};
use feed_protocol::Position;

use super::help;

/// What to do with parked events.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ParkedCommand {
    /// List the events that are parked: what failed, why, and when it is tried again
    #[command(after_help = help::PARKED_LIST)]
    List(ListArgs),
    /// Show all of a parked event: what it says, why it failed, and who did what with it
    Show(ShowArgs),
    /// Have parked events handled now
    #[command(after_help = help::PARKED_ASKED)]
    Retry(RetryArgs),
    /// Have a parked event handled as you mend it; the original is kept beside it
    #[command(after_help = help::PARKED_ASKED)]
    Edit(EditArgs),
    /// Give parked events up, for a reason: they are never handled, and those behind them go on
    #[command(after_help = help::PARKED_ASKED)]
    Discard(DiscardArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Only those of this feed, by its address or its id
    #[arg(value_name = "FEED")]
    pub(in crate::cli) feed: Option<String>,
    /// Only those of this group
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) group: Option<String>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) filter: FilterArgs,
}

/// Which of the parked events.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Which of the parked events")]
pub(in crate::cli) struct FilterArgs {
    /// Those of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(in crate::cli) event_type: Option<String>,
    /// Those of this subject
    #[arg(long, value_name = "SUBJECT")]
    pub(in crate::cli) subject: Option<String>,
    /// Those whose error, or one of its causes, holds this text
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) error: Option<String>,
    /// Those that were parked so long ago, or longer, such as 1h
    #[arg(long, value_name = "DURATION")]
    pub(in crate::cli) older_than: Option<Age>,
}

/// How long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Age(pub(in crate::cli) Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let age = humantime::parse_duration(text);
        age.map(Self).map_err(|error| format!("{error}: use a duration such as '1h'"))
    }
}

/// Which subscription.
#[derive(Debug, Args)]
pub(in crate::cli) struct OfArgs {
    /// The group, where several have parked events
    #[arg(long, value_name = "NAME", env = "FEED_CONSUMER_GROUP")]
    pub(in crate::cli) group: Option<String>,
    /// The feed, by its address or its id, where a group reads several
    #[arg(long, value_name = "FEED")]
    pub(in crate::cli) feed: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// Its position
    #[arg(value_name = "POSITION")]
    pub(in crate::cli) position: Position,
    #[command(flatten)]
    pub(in crate::cli) of: OfArgs,
    /// Print a JSON object
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Several, by their positions or by what is known of them.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["positions", "all"])))]
pub(in crate::cli) struct SeveralArgs {
    /// Their positions
    #[arg(value_name = "POSITION")]
    pub(in crate::cli) positions: Vec<Position>,
    /// All that are parked, or all to which the filters apply
    #[arg(long)]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) of: OfArgs,
    /// Do not ask, however many --all means
    #[arg(long, short)]
    pub(in crate::cli) yes: bool,
    #[command(flatten)]
    pub(in crate::cli) asking: AskingArgs,
    // Last, since its heading goes for all that comes after it.
    #[command(flatten)]
    pub(in crate::cli) filter: FilterArgs,
}

/// Who asks, and how the answer is said.
#[derive(Debug, Args)]
pub(in crate::cli) struct AskingArgs {
    /// Who you are, for the record
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "unknown")]
    pub(in crate::cli) who: String,
    /// Print a JSON object a line
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RetryArgs {
    #[command(flatten)]
    pub(in crate::cli) which: SeveralArgs,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct DiscardArgs {
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) reason: String,
    #[command(flatten)]
    pub(in crate::cli) which: SeveralArgs,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("instead").required(true).args(["data", "event"])))]
pub(in crate::cli) struct EditArgs {
    /// Its position
    #[arg(value_name = "POSITION")]
    pub(in crate::cli) position: Position,
    /// Its data from now on, from this file; - is standard input. White space around JSON is left out
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) data: Option<PathBuf>,
    /// All of the event, as a CloudEvent in JSON, from this file; - is standard input. Source, id and
    /// subject stay as they are
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) event: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) of: OfArgs,
    #[command(flatten)]
    pub(in crate::cli) asking: AskingArgs,
}
