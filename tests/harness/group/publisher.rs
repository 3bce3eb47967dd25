//! Publishes while everything else goes on.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::time::Instant;
use url::Url;

use crate::events::BATCH;
use crate::http::client;
use crate::wait::within;

/// How many events are published together, at most.
const LARGEST_BATCH: u64 = 16;

/// How long to wait before a server is asked again that is away.
const AGAIN: Duration = Duration::from_millis(20);

/// Publishes events of several subjects, each exactly once, whatever becomes of the server.
#[derive(Debug)]
pub struct Publisher {
    client: reqwest::Client,
    feed: Url,
    subjects: u64,
    random: StdRng,
    published: u64,
}

impl Publisher {
    pub(super) fn to(feed: Url, subjects: u64, random: StdRng) -> Self {
        Self { client: client(), feed, subjects, random, published: 0 }
    }

    /// How many events it has published.
    #[must_use]
    pub const fn published(&self) -> u64 {
        self.published
    }

    /// Publishes an event of each subject.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    pub async fn publish_round(&mut self) {
        let subjects: Vec<_> = (0..self.subjects).collect();
        self.publish(&subjects).await;
    }

    /// Publishes so many events of subjects at random, spread over this time.
    ///
    /// # Panics
    ///
    /// When the server does not take them.
    pub async fn publish_over(&mut self, time: Duration, count: u64) {
        let begun = Instant::now();
        let mut left = count;
        while left > 0 {
            let size = self.random.random_range(1..=LARGEST_BATCH.min(left));
            let subjects: Vec<_> =
                (0..size).map(|_| self.random.random_range(0..self.subjects)).collect();
            self.publish(&subjects).await;
            left -= size;
            let share = (count - left) as f64 / count as f64;
            tokio::time::sleep_until(begun + time.mul_f64(share)).await;
        }
    }

    async fn publish(&mut self, subjects: &[u64]) {
        let events = (self.published + 1..).zip(subjects).map(|(n, subject)| {
            json!({
                "specversion": "1.0",
                "id": format!("event-{n}"),
                "source": "/shop",
                "type": "order.placed",
                "subject": format!("customer-{subject}"),
                "datacontenttype": "application/json",
                "data": {"n": n},
            })
        });
        let batch = Value::Array(events.collect()).to_string();
        // What was stored although nobody said so is not stored twice.
        within("the server to take events", self.deliver(batch)).await;
        self.published += subjects.len() as u64;
    }

    async fn deliver(&self, batch: String) {
        loop {
            let request = self.client.post(self.feed.clone()).header("content-type", BATCH);
            match request.body(batch.clone()).send().await.map(|answer| answer.status().as_u16()) {
                Ok(200 | 201) => return,
                // It is away, or on its way.
                Err(_) | Ok(503) => tokio::time::sleep(AGAIN).await,
                Ok(status) => panic!("the server answers {status}"),
            }
        }
    }
}
