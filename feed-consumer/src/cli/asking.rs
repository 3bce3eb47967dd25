//! How a cursor's feed is asked where it ends.
//!
//! A database holds cursors of many feeds. The token on the command line is that of one of them, so
//! it is sent to none but the one that is named by its address: what calls itself by an id may be
//! anybody.

use feed_consumer::{CursorsError, HttpOptions, KeptCursor};

use crate::cli::http_args::HttpArgs;
use crate::cli::settings::Requests;

/// What is said of requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking<'a> {
    /// The feed, by its address or its id, if one is named.
    pub(super) feed: Option<&'a str>,
    /// On the command line, and in the environment.
    pub(super) flags: &'a HttpArgs,
    /// In the file, for each of its subscriptions.
    pub(super) own: &'a [Requests],
}

impl<'a> Asking<'a> {
    /// How the feed of a cursor of this database is asked.
    pub(super) fn options(self, database: &str, cursor: &KeptCursor) -> HttpOptions {
        if self.is_named(cursor) && !self.flags.is_empty() {
            return self.flags.options();
        }
        match self.own(database, cursor) {
            Some(own) => own.http.options(),
            None => self.flags.without_token().options(),
        }
    }

    /// What helps against an error that a token might have prevented.
    pub(super) fn remedy(
        self,
        database: &str,
        cursor: &KeptCursor,
        error: &CursorsError,
    ) -> Option<&'static str> {
        let is_withheld = self.flags.has_token()
            && !self.is_named(cursor)
            && self.own(database, cursor).is_none();
        let might_help = is_withheld && matches!(error, CursorsError::Unreadable(_));
        might_help.then_some(
            "no token was sent: if it needs one, name the feed by its address, or use --config",
        )
    }

    fn is_named(self, cursor: &KeptCursor) -> bool {
        self.feed.is_some_and(|feed| cursor.is_at(feed))
    }

    fn own(self, database: &str, cursor: &KeptCursor) -> Option<&'a Requests> {
        self.own.iter().find(|own| {
            own.database == database && own.group == cursor.group() && cursor.is_at(&own.url)
        })
    }
}
