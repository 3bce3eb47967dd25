//! What readers say.

use std::sync::Arc;

use futures_util::future::FusedFuture;

use super::Worker;
use super::feeding::{FedBy, FeedId, Said};
use super::lane::Waiting;
use crate::handler::Work;
use crate::reading::News;
use crate::reading::feed::FeedNews;

impl<W, S> Worker<'_, W, S>
where
    W: Work,
    S: FusedFuture<Output = ()>,
{
    /// A reader has said something.
    pub(super) fn hear(&mut self, said: Said) {
        let Said { by, news } = said;
        match news {
            Ok(News::Found(news)) => self.take(by, news),
            Ok(News::Idle) => self.feeding.ended(by, &mut self.lanes),
            Err(ended) => self.reading_ended = Some(ended),
        }
    }

    fn take(&mut self, by: FeedId, news: FeedNews) {
        self.now.head = self.now.head.max(news.head);
        for recorded in news.events {
            let event = &recorded.event;
            let shard = self.shards.shard_of(event.subject(), event.source(), event.id());
            let waiting = Waiting { recorded: Arc::new(recorded) };
            self.lanes.offer(shard, waiting, FedBy::Feed(by));
        }
        self.feeding.passed(by, &news.scope, news.through, &mut self.lanes);
        self.storing.note_passed();
    }
}
