//! Parked events against a model of them in memory: whatever a worker and people do, a subject is
//! held up exactly as long as something of it is left, and its events come in order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

const SUBJECTS: [&str; 3] = ["order-1", "order-2", "order-3"];

/// What a worker or a person does about a subject.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The next event of the feed is of this subject, and fails unless something of it is parked.
    Reads { fails: bool },
    /// The head is tried again.
    Retries { succeeds: bool },
    /// A person asks for something about the head.
    Asks(Ask),
    /// The worker sees to what is asked.
    Answers { takes: bool },
    /// An old worker tries to do something.
    Zombie,
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Retry,
    Discard,
    Edit,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<bool>().prop_map(|fails| Step::Reads { fails }),
        5 => any::<bool>().prop_map(|succeeds| Step::Retries { succeeds }),
        3 => prop::sample::select(vec![Ask::Retry, Ask::Discard, Ask::Edit]).prop_map(Step::Asks),
        2 => any::<bool>().prop_map(|takes| Step::Answers { takes }),
        1 => Just(Step::Zombie),
    ]
}

/// A parked event, as it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    attempts: u32,
    retries: u32,
    is_due: bool,
    is_edited: bool,
}

/// A subject, as it has to be.
#[derive(Debug, Clone, Default)]
struct Line {
    parked: Option<(u64, Row)>,
    waits: BTreeSet<u64>,
    asked: Option<(RequestId, Ask)>,
}

impl Line {
    fn head(&self) -> Option<u64> {
        self.parked.as_ref().map(|(position, _)| *position).or(self.waits.first().copied())
    }

    fn row(&mut self) -> Option<&mut Row> {
        self.parked.as_mut().map(|(_, row)| row)
    }

    /// The head is gone; which is next?
    fn resolve(&mut self) -> Option<u64> {
        self.asked = None;
        if self.parked.take().is_none() {
            self.waits.pop_first();
        }
        self.waits.first().copied()
    }
}

struct World {
    store: Arc<dyn CursorStore>,
    lease: Lease,
    lines: BTreeMap<&'static str, Line>,
    head: u64,
}

impl World {
    async fn step(&mut self, subject: &'static str, step: Step) -> Result<(), TestCaseError> {
        let line = self.lines.entry(subject).or_default();
        let (store, lease, whole) = (&self.store, self.lease, subscription());
        match step {
            Step::Reads { fails } => {
                self.head += 1;
                if line.head().is_some() {
                    line.waits.insert(self.head);
                    follow(store, &[follower(lease, subject, self.head)]).await;
                } else if fails {
                    let row = Row { attempts: 3, retries: 0, is_due: false, is_edited: false };
                    line.parked = Some((self.head, row));
                    park(store, lease, &failed(self.head, Some(subject), Some(600))).await;
                } else {
                    let moves = [to(lease, self.head)];
                    store.advance_shards(&super::advance(&moves)).await.unwrap();
                }
            }
            Step::Retries { succeeds } => {
                let Some(position) = line.head() else { return Ok(()) };
                if succeeds {
                    prop_assert_eq!(handled(store, lease, position).await, line.resolve());
                } else if let Some(row) = line.row() {
                    (row.attempts, row.retries) = (row.attempts + 1, row.retries + 1);
                    row.is_due = false;
                    let failed = store.retry_failed(&whole, lease, at(position), "no", 1, None);
                    prop_assert!(failed.await.unwrap());
                } else {
                    line.waits.remove(&position);
                    let row = Row { attempts: 3, retries: 0, is_due: true, is_edited: false };
                    line.parked = Some((position, row));
                    park(store, lease, &failed(position, Some(subject), Some(0))).await;
                }
            }
            Step::Asks(ask) => {
                let Some(position) = line.head() else { return Ok(()) };
                let action = match ask {
                    Ask::Retry => ParkAction::Retry,
                    Ask::Discard => ParkAction::Discard { reason: "why not".into() },
                    Ask::Edit => ParkAction::Edit(Box::new(event(position, Some(subject)).event)),
                };
                let asked = store.request(&whole, at(position), &action, "ann").await.unwrap();
                match asked {
                    Requested::Asked(id) => {
                        prop_assert!(line.parked.is_some() && line.asked.is_none());
                        line.asked = Some((id, ask));
                    }
                    Requested::Conflict { .. } => prop_assert!(line.asked.is_some()),
                    Requested::NotParked => prop_assert!(line.parked.is_none()),
                }
            }
            Step::Answers { takes } => {
                let (Some((id, ask)), Some(position)) = (line.asked, line.head()) else {
                    return Ok(());
                };
                let refused = Answer::Refused("no".into());
                let answer = if takes { Answer::Taken } else { refused };
                prop_assert!(store.answer(&whole, lease, id, &answer).await.unwrap());
                match (takes, ask) {
                    (false, _) => line.asked = None,
                    (true, Ask::Discard) => {
                        let (who, reason) = ("ann".into(), "why not".into());
                        let discarded = Resolution::Discarded { who, reason };
                        let resolved = store.resolve(&whole, lease, at(position), &discarded).await;
                        let next = line.resolve().map(at);
                        prop_assert_eq!(resolved.unwrap(), Some(Resolved { next }));
                    }
                    (true, ask) => {
                        line.asked = None;
                        let row = line.row().unwrap();
                        row.is_due = true;
                        row.is_edited |= matches!(ask, Ask::Edit);
                    }
                }
            }
            Step::Zombie => {
                let old = Lease { token: Token::new(0), ..lease };
                let position = at(line.head().unwrap_or(1));
                let parking = failed(self.head + 1, Some(subject), None);
                prop_assert!(!store.park(&whole, &to(old, 99), &parking).await.unwrap());
                let resolved = store.resolve(&whole, old, position, &Resolution::Handled).await;
                prop_assert_eq!(resolved.unwrap(), None);
            }
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        let (mut expected, mut open) = (Vec::new(), Vec::new());
        for (subject, line) in &self.lines {
            let Some(position) = line.head() else { continue };
            let is_due = line.parked.as_ref().is_none_or(|(_, row)| row.is_due);
            let behind = line.waits.len() - usize::from(line.parked.is_none());
            expected.push((position, of(subject), is_due, behind as u64));
            open.extend(line.asked.map(|(id, _)| (id, position)));
            let parked = self.store.parked(&subscription(), at(position)).await.unwrap();
            let row = parked.map(|it| {
                let is_due = it.due == Some(Duration::ZERO);
                let (attempts, retries) = (it.attempts, it.retries);
                (position, Row { attempts, retries, is_due, is_edited: it.edited.is_some() })
            });
            prop_assert_eq!(&row, &line.parked);
        }
        expected.sort();
        open.sort();
        prop_assert_eq!(heads(&self.store, &[0]).await, expected);
        let requests = self.store.requests(&subscription(), &[self.lease.shard]).await.unwrap();
        let requests: Vec<_> = requests.iter().map(|it| (it.id, it.position.get())).collect();
        prop_assert_eq!(requests, open);
        prop_assert_eq!(position(&self.store).await, self.head);
        Ok(())
    }
}

async fn run(database: Database, steps: Vec<(usize, Step)>) -> Result<(), TestCaseError> {
    let (store, lease, _) = held(&database).await;
    let mut world = World { store, lease, lines: BTreeMap::new(), head: 0 };
    for (subject, step) in steps {
        world.step(SUBJECTS[subject], step).await?;
        world.check().await?;
    }
    Ok(())
}

macro_rules! model {
    ($name:ident, $database:ident, $cases:expr) => {
        #[test]
        fn $name() {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let config = ProptestConfig {
                cases: $cases,
                failure_persistence: None,
                max_shrink_iters: 50,
                ..ProptestConfig::default()
            };
            let steps = prop::collection::vec((0..SUBJECTS.len(), step()), 1..60);
            let run = |steps| runtime.block_on(async { run($database().await, steps).await });
            TestRunner::new(config).run(&steps, run).unwrap();
        }
    };
}

model!(parked_events_in_sqlite_are_what_a_model_of_them_is, sqlite, 24);
model!(parked_events_in_postgresql_are_what_a_model_of_them_is, postgres, 12);
