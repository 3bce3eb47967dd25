//! Following a feed live, by the best way that there is.

use std::time::Duration;

use tokio::time::Instant;

use super::ways::Way;
use super::{FeedReader, Reading, Rest, Tail};
use crate::reading::error::ReadError;

/// How long a server is asked to hold a request until there is news.
const LONG_POLL: Duration = Duration::from_secs(30);

/// A server that was asked to hold a request, and answers sooner without news, has not held it;
/// and it is asked at most once in this time.
const AT_ONCE: Duration = Duration::from_secs(1);

impl FeedReader {
    /// Waits for news.
    pub(super) async fn follow(&mut self) -> Result<Reading, ReadError> {
        match self.ways.present() {
            Way::Stream => self.follow_stream().await,
            Way::LongPoll => self.long_poll().await,
            Way::Polls => {
                let tail = self.read_tail(None).await?;
                self.ways.works();
                Ok(match tail {
                    Tail::News(news) => Reading::News(news),
                    Tail::Nothing { .. } => Reading::Nothing(Rest::Seemly),
                })
            }
        }
    }

    async fn long_poll(&mut self) -> Result<Reading, ReadError> {
        let asked = Instant::now();
        match self.read_tail(Some(self.wait())).await {
            Ok(Tail::News(news)) => {
                self.ways.works();
                Ok(Reading::News(news))
            }
            Ok(Tail::Nothing { took, is_held }) => {
                if took >= AT_ONCE {
                    self.ways.works();
                } else if is_held {
                    // It says that it has held it: it may be about to shut down.
                    self.ways.strike("the server answers at once");
                } else {
                    self.ways.leave("the server holds no request");
                }
                Ok(Reading::Nothing(Rest::For(AT_ONCE.saturating_sub(took))))
            }
            // Something between us and the server may end what it holds.
            Err(error) if asked.elapsed() > AT_ONCE => self.way_failed(error),
            Err(error) => Err(error),
        }
    }

    /// How long the server may hold a request, so that a better way is tried when it is time.
    fn wait(&self) -> Duration {
        let left = self.ways.until_next_try().unwrap_or(LONG_POLL);
        Duration::from_secs(left.as_secs() + 1).clamp(AT_ONCE * 2, LONG_POLL)
    }

    /// A request of the present way has failed: it is left for that, or this is a failure like any
    /// other.
    pub(super) fn way_failed(&mut self, error: ReadError) -> Result<Reading, ReadError> {
        let is_answer = matches!(error, ReadError::Discontinuity(_));
        if is_answer || error.retry_after().is_some() || !self.ways.strike(&error) {
            return Err(error);
        }
        Ok(self.begin_anew(Duration::ZERO))
    }

    /// Goes on after this time. Something may have happened to the feed meanwhile, so it is looked
    /// at as after a failure.
    pub(super) fn begin_anew(&mut self, after: Duration) -> Reading {
        self.interrupt();
        Reading::Nothing(Rest::For(after))
    }
}
