//! `feed-consumer parked`
//!
//! # Layout
//!
//! - [`list`]: a line for each that is parked
//! - [`show`]: all of one
//! - [`ask`]: has something done about them, and says what became of it

mod ask;
mod list;
mod show;

use feed_consumer::{KeptCursor, ParkedEvents, ParkedFilter};
use feed_protocol::Event;

use super::args::PlaceArgs;
use super::args::parked::{FilterArgs, OfArgs, ParkedCommand};
use super::exit::Failed;
use super::settings;
use super::which::{self, Found};

/// How many parked events are read at a time.
const PAGE: u32 = 200;

/// Does what is asked with parked events.
pub(super) async fn run(command: ParkedCommand, place: &PlaceArgs) -> Result<(), Failed> {
    let databases = settings::databases(place)?;
    match command {
        ParkedCommand::List(args) => list::run(&args, &databases).await,
        ParkedCommand::Show(args) => show::run(&args, &databases).await,
        ParkedCommand::Retry(args) => {
            ask::several(&args.which, &ask::Wish::Retry, &databases).await
        }
        ParkedCommand::Discard(args) => {
            ask::several(&args.which, &ask::Wish::Discard(args.reason), &databases).await
        }
        ParkedCommand::Edit(args) => ask::edit(&args, &databases).await,
    }
}

/// The one subscription that is meant.
async fn subscription(
    databases: &[String],
    of: &OfArgs,
) -> Result<(KeptCursor, ParkedEvents), Failed> {
    let (group, feed) = (of.group.as_deref(), of.feed.as_deref());
    let Found { cursors, cursor } =
        which::one(databases, group, feed, "--group and --feed").await?;
    let parked = cursors.parked(&cursor);
    Ok((cursor, parked))
}

impl FilterArgs {
    fn filter(&self) -> ParkedFilter {
        let mut filter = ParkedFilter::default();
        filter.event_type.clone_from(&self.event_type);
        filter.subject.clone_from(&self.subject);
        filter.error.clone_from(&self.error);
        filter.older_than = self.older_than.map(|age| age.0);
        filter
    }

    fn is_empty(&self) -> bool {
        self.filter() == ParkedFilter::default()
    }
}

/// An event as JSON in one line.
fn line(event: &Event) -> String {
    let mut json = Vec::new();
    feed_protocol::cloudevents::write_event(event, &mut json);
    // In JSON, line breaks stand between tokens alone.
    String::from_utf8_lossy(&json).replace('\n', " ")
}

/// Text of others, as a terminal can show it.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}
