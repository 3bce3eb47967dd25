//! Random requests, against a model that is a list.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use feed_protocol::event::Subject;
use feed_protocol::{Event, FeedIdentity, Position};
use feed_server::store::{Append, AppendResult, EventStore, Feed, Refusal, Window};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::Database;
use super::given::{
    append_all, assert_whole, everything_after, feed, parts, position, random, read_all,
};

/// What feeds hold: for each key, the events in their order, with their `atom:id`s.
#[derive(Debug, Default, Clone)]
struct Model(HashMap<i64, Vec<(Event, String)>>);

/// What the model expects: position, `atom:id` and `created` of each event, or a refusal.
type Expected = Result<Vec<(Position, String, bool)>, Refusal>;

impl Model {
    fn append(&mut self, request: &Append) -> Expected {
        let before = self.0.entry(request.feed.key).or_default();
        let mut after = before.clone();
        let mut answers = Vec::new();
        for (index, event) in request.events.iter().enumerate() {
            let same = |(other, _): &(Event, String)| {
                other.source() == event.source() && other.id() == event.id()
            };
            if let Some(place) = after.iter().position(same) {
                let (stored, iri) = &after[place];
                let existing = position(place as u64 + 1);
                if !stored.has_same_content(event) {
                    return Err(Refusal::Conflict {
                        index,
                        source_attribute: event.source().clone(),
                        id: event.id().clone(),
                        existing: (place < before.len()).then_some(existing),
                    });
                }
                answers.push((existing, iri.clone(), false));
            } else {
                let unused = after.iter().all(|(other, _)| other.id() != event.id());
                let urn = FeedIdentity::uuid_iri(event).filter(|_| unused);
                let iri = urn.unwrap_or_else(|| request.feed.identity().tag_iri(event));
                after.push((event.clone(), iri.clone()));
                answers.push((position(after.len() as u64), iri, true));
            }
        }
        if let Some(expected) = request.expected_version
            && after.len() > before.len()
        {
            let subject = request.events[0].subject();
            let actual = before.iter().filter(|(event, _)| event.subject() == subject).count();
            if actual as u64 != expected {
                return Err(Refusal::VersionMismatch { expected, actual: actual as u64 });
            }
        }
        *before = after;
        Ok(answers)
    }
}

fn answered(result: AppendResult) -> Expected {
    let appended = result?;
    Ok(appended.into_iter().map(|it| (it.position, it.iri, it.created)).collect())
}

/// A request from so small a world that repeats and conflicts are frequent.
fn any_request(random: &mut StdRng, feeds: &[Feed]) -> Append {
    let subjects: [Subject; 2] = ["order-1", "order-2"].map(|text| text.parse().unwrap());
    let subject = subjects.choose(random).unwrap().clone();
    let versioned = random.random_bool(0.2);
    let count = random.random_range(1..=if versioned { 3 } else { 6 });
    let events = (0..count).map(|_| {
        let id = match random.random_range(0..10) {
            0..6 => random.random_range(0..200).to_string(),
            _ => uuid::Uuid::from_u128(random.random_range(0..40)).to_string(),
        };
        let mut parts = parts(["/shop", "/depot"].choose(random).unwrap(), id);
        // An id mostly says the same, and sometimes something else.
        parts.data = random.random_bool(0.05).then(|| Bytes::from_static(b"{}"));
        parts.subject = match parts.id.as_str().len() % 3 {
            _ if versioned => Some(subject.clone()),
            0 => None,
            one => Some(subjects[one - 1].clone()),
        };
        Event::new(parts).unwrap()
    });
    Append {
        events: events.collect(),
        expected_version: versioned.then(|| random.random_range(0..8)),
        feed: feeds.choose(random).unwrap().clone(),
    }
}

async fn two_feeds(store: &dyn EventStore) -> Vec<Feed> {
    vec![feed(store, "orders").await, feed(store, "customers").await]
}

pub(super) async fn a_model_predicts_every_answer(database: &impl Database) {
    let store = database.open().await;
    let feeds = two_feeds(&*store).await;
    let mut random = random();
    let mut model = Model::default();
    for _ in 0..150 {
        let requests: Vec<Append> =
            (0..random.random_range(1..12)).map(|_| any_request(&mut random, &feeds)).collect();
        let results = append_all(&*store, &requests).await;
        for (request, result) in requests.iter().zip(results) {
            assert_eq!(answered(result), model.append(request), "{request:#?}");
        }
        let feed = feeds.choose(&mut random).unwrap();
        let log = model.0.entry(feed.key).or_default();
        let after = random.random_range(0..=log.len());
        let window =
            Window { max_positions: random.random_range(0..50), ..everything_after(after as u64) };
        let slice = store.read(feed, &window).await.unwrap();
        assert_whole(&slice);
        assert_eq!(slice.head.position.get(), log.len() as u64);
        for (entry, (event, iri)) in slice.entries.iter().zip(&log[after..]) {
            assert_eq!((&entry.recorded.event, &entry.iri), (event, iri));
        }
    }
    for feed in &feeds {
        assert_eq!(read_all(&*store, feed).await.len(), model.0[&feed.key].len());
    }
}

pub(super) async fn many_writers_leave_what_they_were_told(database: &impl Database) {
    let stores = [database.open().await, database.open().await];
    let feeds = two_feeds(&*stores[0]).await;
    let mut random = random();
    let mut writers = JoinSet::new();
    for writer in 0..6 {
        let store = Arc::clone(&stores[writer % 2]);
        let feeds = feeds.clone();
        let mut random = StdRng::seed_from_u64(random.random());
        writers.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..40 {
                let request = any_request(&mut random, &feeds);
                let result = append_all(&*store, std::slice::from_ref(&request)).await.remove(0);
                answers.push((request, result));
            }
            answers
        });
    }
    let answers = writers.join_all().await.concat();

    for feed in &feeds {
        let log = read_all(&*stores[0], feed).await;
        let mut owners = vec![0; log.len()];
        let at = |position: Position| usize::try_from(position.get() - 1).unwrap();
        for (request, result) in answers.iter().filter(|(request, _)| request.feed == *feed) {
            match result {
                Ok(appended) => {
                    assert_eq!(appended.len(), request.events.len());
                    for (event, it) in request.events.iter().zip(appended) {
                        let entry = &log[at(it.position)];
                        assert!(entry.recorded.event.has_same_content(event));
                        assert_eq!(entry.recorded.event.source(), event.source());
                        assert_eq!(entry.recorded.event.id(), event.id());
                        assert_eq!((&entry.iri, entry.recorded.updated), (&it.iri, it.updated));
                        owners[at(it.position)] += usize::from(it.created);
                    }
                }
                Err(Refusal::Conflict { index, id, .. }) => {
                    assert_eq!(request.events[*index].id(), id);
                }
                Err(Refusal::VersionMismatch { expected, actual }) => {
                    assert_ne!(expected, actual);
                }
                Err(Refusal::SubjectBusy) => panic!("no transaction is open"),
            }
        }
        assert!(owners.iter().all(|owners| *owners == 1), "{owners:?}");
    }
}
