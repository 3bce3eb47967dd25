//! What is PostgreSQL's own; the rest is in the contract of all stores.

use std::sync::Arc;
use std::time::Duration;

use feed_protocol::event::EventParts;
use feed_protocol::{Event, Recorded};
use sqlx::{Connection, PgConnection};

use super::*;
use crate::shard::{ShardCount, ShardNumber, Token};
use crate::store::Advance;
use crate::store::databases;
use crate::store::orders::{OrderStore, Resharding};
use crate::store::parking::{Answer, ParkAction, ParkStore, Parking, Requested, Resolution};
use crate::store::shards::{
    Beat, Beaten, Lease, Move, ShardPlace, ShardStore, WorkerFacts, WorkerId,
};

fn subscription() -> Subscription {
    Subscription { group: "billing".into(), feed: "urn:uuid:1".into() }
}

fn beat(name: &str, held: Vec<Lease>) -> Beat {
    Beat {
        facts: WorkerFacts {
            id: WorkerId(name.into()),
            host: "shop".into(),
            process: 1,
            identity: None,
            weight: 1,
            window: 100,
        },
        lease: Duration::from_secs(600),
        held,
        acquires: true,
        report: "{}".into(),
    }
}

fn numbers<'a>(shards: impl IntoIterator<Item = &'a ShardNumber>) -> Vec<u16> {
    shards.into_iter().map(|shard| shard.get()).collect()
}

fn acquired(beaten: &Beaten) -> Vec<u16> {
    numbers(beaten.acquired.iter().map(|it| &it.lease.shard))
}

/// A store with so many shards, and a connection of another's.
async fn cut(shards: u16) -> (PostgresStore, PgConnection) {
    let (store, other, _) = cut_at(shards).await;
    (store, other)
}

/// As [`cut`], with the database.
async fn cut_at(shards: u16) -> (PostgresStore, PgConnection, PostgresOptions) {
    let database = databases::postgres().await;
    let store = PostgresStore::open(&database.url().parse().unwrap()).await.unwrap();
    let (subscription, place) = (subscription(), Place::default());
    CursorStore::begin(&store, &subscription, "http://a/", &place, &[], &[]).await.unwrap();
    store.cut(&subscription, ShardCount::new(shards).unwrap()).await.unwrap();
    let other = PgConnection::connect(database.url()).await.unwrap();
    (store, other, database.url().parse().unwrap())
}

/// Waits until a statement waits for a lock.
async fn somebody_waits(connection: &mut PgConnection) {
    let waits = "SELECT EXISTS (
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    )";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *connection).await.unwrap() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_another_takes_between_the_look_and_the_lock_is_not_taken_from_it() {
    let (store, mut other) = cut(6).await;
    let subscription = subscription();
    // Shards 0 to 3 are its own; 4 and 5 it has given back.
    let first = store.beat(&subscription, &beat("a", Vec::new())).await.unwrap();
    let mut held: Vec<_> = first.acquired.iter().map(|it| it.lease).collect();
    store.release(&subscription, &held.split_off(4)).await.unwrap();

    // The statement takes its look when it begins, and waits for the worker's own row before it
    // locks any shard. Meanwhile another takes one of each kind.
    let mut transaction = other.begin().await.unwrap();
    for sql in [
        "UPDATE feed_workers SET report = '{}' WHERE worker = 'a'",
        "UPDATE feed_shards SET holder = 'b', token = token + 1, expires = 9000000000000000000
         WHERE shard IN (1, 4)",
    ] {
        sqlx::query(sql).execute(&mut *transaction).await.unwrap();
    }
    let sign = beat("a", held);
    let (beaten, ()) = tokio::join!(store.beat(&subscription, &sign), async {
        somebody_waits(&mut transaction).await;
        transaction.commit().await.unwrap();
    });
    let beaten = beaten.unwrap();
    assert_eq!((numbers(&beaten.renewed), acquired(&beaten)), (vec![0, 2, 3], vec![5]));
    let shards = store.shards(&subscription).await.unwrap();
    let tokens: Vec<_> = shards.iter().map(|it| it.lease.token.get()).collect();
    assert_eq!(tokens, [1, 2, 1, 1, 2, 2]);
    let others: Vec<_> = shards.iter().map(|it| it.holder.as_ref().unwrap().0 == "b").collect();
    assert_eq!(others, [false, true, false, false, true, false]);
}

#[tokio::test]
async fn a_sign_of_life_that_began_before_the_barrier_was_set_acquires_nothing() {
    let (store, mut other) = cut(3).await;
    let subscription = subscription();
    let first = store.beat(&subscription, &beat("a", Vec::new())).await.unwrap();
    let held: Vec<_> = first.acquired.iter().map(|it| it.lease).collect();
    let to = to(held[0], Position::new(5).unwrap());
    let advance =
        Advance { subscription: subscription.clone(), moves: vec![to], followers: Vec::new() };
    store.advance_shards(&advance).await.unwrap();
    store.release(&subscription, &held).await.unwrap();

    // The statement takes its look when it begins: nobody asks for another number of shards yet.
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("UPDATE feed_workers SET report = '{}' WHERE worker = 'a'")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let sign = beat("a", Vec::new());
    let (beaten, ()) = tokio::join!(store.beat(&subscription, &sign), async {
        somebody_waits(&mut transaction).await;
        assert!(store.reshard(&subscription, ShardCount::ONE).await.unwrap());
        let step = store.reshard_step(&subscription).await.unwrap();
        assert!(matches!(step, Resharding::Reach { short: 2, .. }), "{step:?}");
        transaction.commit().await.unwrap();
    });
    assert!(acquired(&beaten.unwrap()).is_empty());
    let beaten = store.beat(&subscription, &beat("a", Vec::new())).await.unwrap();
    assert_eq!(acquired(&beaten), [1, 2]);
}

/// Notes under which settings each sign of life is committed.
const NOTES: &str = "
    CREATE TABLE noted (durable text, patience text, isolation text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO noted SELECT
            current_setting('synchronous_commit'),
            current_setting('lock_timeout'),
            current_setting('transaction_isolation');
        RETURN NULL;
    END
    $$;
    CREATE CONSTRAINT TRIGGER noted AFTER INSERT OR UPDATE ON feed_workers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note()";

#[tokio::test]
async fn signs_of_life_are_durable_and_wait_for_no_lock_for_ever_whatever_the_defaults() {
    let (store, mut other, options) = cut_at(2).await;
    sqlx::raw_sql(NOTES).execute(&mut other).await.unwrap();
    let name: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&mut other).await.unwrap();
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let defaults = format!(
            "ALTER DATABASE {name} SET synchronous_commit = off;
             ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'"
        );
        sqlx::raw_sql(AssertSqlSafe(defaults)).execute(&mut other).await.unwrap();
        // They are those of new sessions.
        let store = PostgresStore::open(&options).await.unwrap();
        let beaten = store.beat(&subscription(), &beat("a", Vec::new())).await.unwrap();
        assert_eq!(acquired(&beaten), [0, 1]);
        let held = beaten.acquired.iter().map(|it| it.lease).collect();
        let again = store.beat(&subscription(), &beat("a", held)).await.unwrap();
        assert_eq!(numbers(&again.renewed), [0, 1]);
    }
    let noted: Vec<(String, String, String)> =
        sqlx::query_as("SELECT * FROM noted").fetch_all(&mut other).await.unwrap();
    let expected = ("on".to_owned(), "5s".to_owned(), "read committed".to_owned());
    assert_eq!(noted, vec![expected; 6]);

    let mut transaction = other.begin().await.unwrap();
    let locks = sqlx::query("SELECT 1 FROM feed_workers FOR UPDATE");
    locks.execute(&mut *transaction).await.unwrap();
    let error = store.beat(&subscription(), &beat("a", Vec::new())).await.unwrap_err();
    let StoreError::Unavailable(sqlx::Error::Database(error)) = error else { panic!("{error:?}") };
    assert_eq!(error.code().as_deref(), Some("55P03"), "it gave up waiting for a lock");
}

#[tokio::test]
async fn a_lease_that_is_taken_while_its_renewal_waits_is_not_renewed() {
    let (store, mut other) = cut(3).await;
    let subscription = subscription();
    let first = store.beat(&subscription, &beat("a", Vec::new())).await.unwrap();
    let held: Vec<_> = first.acquired.iter().map(|it| it.lease).collect();
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("UPDATE feed_shards SET holder = 'b', token = token + 1 WHERE shard = 1")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let sign = beat("a", held.clone());
    let (beaten, ()) = tokio::join!(store.beat(&subscription, &sign), async {
        somebody_waits(&mut transaction).await;
        transaction.commit().await.unwrap();
    });
    let beaten = beaten.unwrap();
    assert_eq!((numbers(&beaten.renewed), acquired(&beaten)), (vec![0, 2], vec![]));

    // So it is with a move that waits, alone or among others.
    for moves in [&held[2..], &held] {
        let mut transaction = other.begin().await.unwrap();
        sqlx::query("UPDATE feed_shards SET holder = 'b', token = token + 1 WHERE shard = 2")
            .execute(&mut *transaction)
            .await
            .unwrap();
        let moves: Vec<_> =
            moves.iter().map(|lease| Move { lease: *lease, to: ShardPlace::default() }).collect();
        let advance = Advance { subscription: subscription.clone(), moves, followers: Vec::new() };
        let (lost, ()) = tokio::join!(store.advance_shards(&advance), async {
            somebody_waits(&mut transaction).await;
            transaction.commit().await.unwrap();
        });
        assert!(numbers(&lost.unwrap()).contains(&2));
        // Given back to the first for the next time.
        sqlx::query("UPDATE feed_shards SET holder = 'a', token = 1 WHERE shard = 2")
            .execute(&mut other)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_another_is_taking_is_left_to_it_without_waiting() {
    let (store, mut other) = cut(4).await;
    let mut transaction = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM feed_shards WHERE shard IN (0, 2) FOR UPDATE")
        .execute(&mut *transaction)
        .await
        .unwrap();
    let beaten = store.beat(&subscription(), &beat("a", Vec::new())).await.unwrap();
    assert_eq!(acquired(&beaten), [1, 3]);
    assert_eq!(beaten.acquired[0].lease.token, Token::new(1));
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn a_worker_that_was_not_heard_of_for_a_day_is_forgotten_once_it_holds_nothing() {
    let (store, mut other) = cut(1).await;
    // The first has the shard, and the last has just been heard of.
    for (number, name) in ["holds", "idle", "young"].into_iter().enumerate() {
        store.beat(&subscription(), &beat(name, Vec::new())).await.unwrap();
        if number < 2 {
            let ages = "UPDATE feed_workers
                SET started = $1, heartbeat = heartbeat - 86400000001 WHERE worker = $2";
            let ages = sqlx::query(ages).bind(number as i64).bind(name);
            ages.execute(&mut other).await.unwrap();
        }
    }
    let left = async || {
        store.leave(&WorkerId("leaves".into())).await.unwrap();
        let workers = store.workers(&subscription()).await.unwrap();
        workers.into_iter().map(|it| it.facts.id.0).collect::<Vec<_>>()
    };
    assert_eq!(left().await, ["holds", "young"]);
    store.bury(&WorkerId("holds".into())).await.unwrap();
    assert_eq!(left().await, ["young"]);
}

#[tokio::test]
async fn a_subscription_is_forgotten_while_workers_say_that_they_live_and_nobody_waits_in_a_circle()
{
    let (store, _) = cut(16).await;
    let subscription = subscription();
    let place = Place::default();
    let forgets = async {
        for _ in 0..100 {
            assert!(store.forget(&subscription, &place).await.unwrap());
            CursorStore::begin(&store, &subscription, "http://a/", &place, &[], &[]).await.unwrap();
            store.cut(&subscription, ShardCount::new(16).unwrap()).await.unwrap();
        }
    };
    let beats = async |name: &'static str| {
        let mut held = Vec::new();
        loop {
            let beaten = store.beat(&subscription, &beat(name, held.clone())).await.unwrap();
            held.retain(|lease: &Lease| beaten.renewed.contains(&lease.shard));
            held.extend(beaten.acquired.iter().map(|it| it.lease));
            if held.len() > 8 {
                store.bury(&WorkerId(name.into())).await.unwrap();
            }
        }
    };
    tokio::select! {
        () = forgets => {}
        () = beats("a") => {}
        () = beats("b") => {}
    }
}

#[tokio::test]
async fn what_is_parked_is_asked_for_resolved_and_forgotten_at_once_and_nobody_waits_in_a_circle() {
    let (store, _) = cut(4).await;
    let (subscription, place) = (subscription(), Place::default());
    let is_circle = |error: &StoreError| {
        let StoreError::Unavailable(sqlx::Error::Database(error)) = error else { return true };
        // A subscription that is forgotten meanwhile breaks a foreign key; that is no circle.
        error.code().is_some_and(|code| code == "40P01")
    };
    let (parks, asks) =
        (std::sync::atomic::AtomicU32::new(0), std::sync::atomic::AtomicU32::new(0));
    let count = |it: &std::sync::atomic::AtomicU32| {
        it.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let forgets = async {
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(store.forget(&subscription, &place).await.unwrap());
            CursorStore::begin(&store, &subscription, "http://a/", &place, &[], &[]).await.unwrap();
            store.cut(&subscription, ShardCount::new(4).unwrap()).await.unwrap();
        }
    };
    let works = async || loop {
        let beaten = store.beat(&subscription, &beat("a", Vec::new())).await.unwrap();
        for lease in beaten.acquired.iter().map(|it| it.lease) {
            let position = Position::new(u64::from(lease.shard.get()) + 1).unwrap();
            let done = async {
                if store.park(&subscription, &to(lease, position), &parking(position)).await? {
                    count(&parks);
                }
                for request in store.requests(&subscription, &[lease.shard]).await? {
                    let id = request.id;
                    store.answer(&subscription, lease, id, &Answer::Taken).await?;
                }
                store.resolve(&subscription, lease, position, &Resolution::Handled).await
            };
            let done: Result<_, StoreError> = done.await;
            assert!(done.is_ok() || !is_circle(done.as_ref().unwrap_err()), "{done:?}");
        }
    };
    let people = async || loop {
        for position in 1..=4 {
            let position = Position::new(position).unwrap();
            let asked = store.request(&subscription, position, &ParkAction::Retry, "ann").await;
            if let Ok(Requested::Asked(_)) = asked {
                count(&asks);
            }
            assert!(asked.is_ok() || !is_circle(asked.as_ref().unwrap_err()), "{asked:?}");
        }
    };
    tokio::select! {
        () = forgets => {}
        () = works() => {}
        () = people() => {}
        () = people() => {}
    }
    assert!(parks.into_inner() > 0 && asks.into_inner() > 0);
}

fn to(lease: Lease, position: Position) -> Move {
    Move { lease, to: ShardPlace { position, ..ShardPlace::default() } }
}

fn parking(position: Position) -> Parking {
    let source = "/shop".parse().unwrap();
    let parts = EventParts::new("1".parse().unwrap(), source, "order.placed".parse().unwrap());
    let event = Event::new(parts).unwrap();
    let recorded = Arc::new(Recorded { position, updated: DateTime::UNIX_EPOCH, event });
    Parking { recorded, error: "it broke".into(), attempts: 3, retry_after: None }
}
