//! When most events fail, shards pause instead of setting everything aside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::parking::heads;
use super::*;
use crate::store::databases::{postgres, sqlite};
use crate::{OnExhausted, ShardCount};

const EVENTS: u64 = 200;
const SUBJECTS: u64 = 50;

#[tokio::test]
async fn shards_pause_while_most_events_fail_instead_of_setting_the_feed_aside() {
    for database in [sqlite().await, postgres().await] {
        let mut feed = Feed::new(0);
        feed.publish_about(EVENTS, SUBJECTS);
        let (server, _) = serve(feed).await;
        let is_down = Arc::new(AtomicBool::new(true));
        let tries = Arc::new(AtomicU64::new(0));
        let handled: Arc<Mutex<BTreeMap<u64, Vec<u64>>>> = Arc::default();
        let consumer = {
            let (is_down, tries) = (Arc::clone(&is_down), Arc::clone(&tries));
            let handled = Arc::clone(&handled);
            Consumer::builder(server.url(FEED))
                .database(database.url())
                .shards(ShardCount::new(8).unwrap())
                .on_exhausted(OnExhausted::Park)
                .parked_retries([Duration::from_millis(500); 30])
                .on_any(move |recorded: Arc<Recorded>, _: Context| {
                    tries.fetch_add(1, Ordering::SeqCst);
                    let position = recorded.position.get();
                    std::future::ready(if is_down.load(Ordering::SeqCst) {
                        // Permanent ones count, too: a handler may take an outage for one.
                        Err(HandlerError::permanent("the address book is gone"))
                    } else {
                        let mut handled = handled.lock().unwrap();
                        handled.entry(position % SUBJECTS).or_default().push(position);
                        Ok(())
                    })
                })
                .build()
                .unwrap()
        };
        let mut progress = consumer.progress();
        let (all, ended) = tokio::sync::oneshot::channel::<()>();
        let outage = async {
            // Every shard has failed at least once, and nothing goes on.
            while tries.load(Ordering::SeqCst) < 12 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let parked = heads(&database).await.len();
            assert!(parked < 5, "{parked} events were set aside");
            is_down.store(false, Ordering::SeqCst);
            progress.wait_for(|it| it.handled >= EVENTS).await.unwrap();
            drop(all);
        };
        let run = consumer.run(async { ended.await.unwrap_or_default() });
        let (ended, ()) =
            tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(run, outage) })
                .await
                .unwrap();
        assert_eq!(ended.unwrap().handled, EVENTS);
        let handled = handled.lock().unwrap();
        assert!(handled.values().all(|positions| positions.is_sorted()), "{handled:?}");
    }
}
