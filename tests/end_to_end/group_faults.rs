//! Groups of workers under faults: their handlers record what they do, and the history is what the
//! library promises.
//!
//! A seed decides which faults strike when; a run says how to repeat it. The long runs are those of
//! `cargo xtask soak`.

use std::time::Duration;

use feed_tests::group::database::DatabaseKind::{self, Postgres, Sqlite};
use feed_tests::group::fate::Fates;
use feed_tests::group::trial::Faults::Drawn;
use feed_tests::group::trial::Trial;
use feed_tests::group::{Effects, GroupOptions};

use Effects::{Outside, Transactional};

/// Names how many minutes each of the long runs takes.
const MINUTES: &str = "FEED_TEST_SOAK_MINUTES";

/// Workers take their time, and fail now and then.
const FATES: Fates =
    Fates { seed: 0, slow: Duration::from_millis(4), flaky: 2, fatal: 0, deadly: 0 };

async fn survive(database: DatabaseKind, effects: Effects, subjects: u64, trial: Trial) {
    survive_with(FATES, database, effects, subjects, trial).await;
}

async fn survive_with(
    fates: Fates,
    database: DatabaseKind,
    effects: Effects,
    subjects: u64,
    trial: Trial,
) {
    // They are loud enough without each other.
    let _alone = crate::ALONE.lock().await;
    let options = GroupOptions::new(database, effects);
    trial.run(GroupOptions { subjects, fates, ..options }).await;
}

async fn alone(database: DatabaseKind, effects: Effects) {
    let trial = Trial { workers: 1, events: 300, time: Duration::from_secs(5), faults: Drawn };
    survive(database, effects, 20, trial).await;
}

async fn short(database: DatabaseKind, effects: Effects) {
    let trial = Trial { workers: 8, events: 2000, time: Duration::from_secs(12), faults: Drawn };
    survive(database, effects, 100, trial).await;
}

async fn long(database: DatabaseKind, effects: Effects) {
    let minutes = std::env::var(MINUTES).ok().and_then(|it| it.parse::<f64>().ok());
    let minutes = minutes.unwrap_or_else(|| panic!("{MINUTES} names the minutes of each run"));
    let time = Duration::from_secs_f64(minutes * 60.0);
    // Some events always fail, and some end whoever handles them.
    let fates = Fates { fatal: 1, deadly: 1, ..FATES };
    let trial = Trial { workers: 8, events: 20_000, time, faults: Drawn };
    survive_with(fates, database, effects, 500, trial).await;
}

#[tokio::test]
async fn a_worker_alone_that_writes_in_transactions_of_sqlite_survives_faults() {
    alone(Sqlite, Transactional).await;
}

#[tokio::test]
async fn a_worker_alone_that_writes_in_transactions_of_postgresql_survives_faults() {
    alone(Postgres, Transactional).await;
}

#[tokio::test]
async fn a_worker_alone_with_effects_elsewhere_and_a_cursor_in_sqlite_survives_faults() {
    alone(Sqlite, Outside).await;
}

#[tokio::test]
async fn a_worker_alone_with_effects_elsewhere_and_a_cursor_in_postgresql_survives_faults() {
    alone(Postgres, Outside).await;
}

#[tokio::test]
async fn eight_workers_that_write_in_transactions_of_sqlite_survive_faults() {
    short(Sqlite, Transactional).await;
}

#[tokio::test]
async fn eight_workers_that_write_in_transactions_of_postgresql_survive_faults() {
    short(Postgres, Transactional).await;
}

#[tokio::test]
async fn eight_workers_with_effects_elsewhere_and_cursors_in_sqlite_survive_faults() {
    short(Sqlite, Outside).await;
}

#[tokio::test]
async fn eight_workers_with_effects_elsewhere_and_cursors_in_postgresql_survive_faults() {
    short(Postgres, Outside).await;
}

/// The long runs, one after the other.
mod soak {
    use super::*;

    #[tokio::test]
    #[ignore = "takes minutes: cargo xtask soak"]
    async fn transactions_of_sqlite() {
        long(Sqlite, Transactional).await;
    }

    #[tokio::test]
    #[ignore = "takes minutes: cargo xtask soak"]
    async fn transactions_of_postgresql() {
        long(Postgres, Transactional).await;
    }

    #[tokio::test]
    #[ignore = "takes minutes: cargo xtask soak"]
    async fn effects_elsewhere_and_cursors_in_sqlite() {
        long(Sqlite, Outside).await;
    }

    #[tokio::test]
    #[ignore = "takes minutes: cargo xtask soak"]
    async fn effects_elsewhere_and_cursors_in_postgresql() {
        long(Postgres, Outside).await;
    }
}
