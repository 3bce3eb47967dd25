//! The settings of one subscription, as they are said: on a command line, or in a file.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use feed_consumer::{OnExhausted, Schedule, ShardCount, Start, Updates, Vanished};
use serde::de::{Deserialize, Deserializer, Error};

use super::sink::{ForwardDraft, Sink};
use super::{Requests, Said, Subscription};
use crate::cli::args::forward::ForwardTimeout;
use crate::cli::args::group::LeaseTime;
use crate::cli::args::repair::RepairDeadline;
use crate::cli::args::run::{Deadline, GiveUpAfter, RunArgs};
use crate::cli::args::{DEFAULT_DATABASE, PlaceArgs};
use crate::cli::exit::Failed;
use crate::cli::http_args::{CacheArgs, HttpArgs};

/// What is said of a subscription. A key of a file that is not here is refused.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Draft {
    url: Option<String>,
    group: Option<String>,
    pub(super) database: Option<String>,
    from: Option<Parsed<Start>>,
    schedule: Option<Parsed<Schedule>>,
    until_idle: bool,
    give_up_after: Option<Parsed<GiveUpAfter>>,
    updates: Option<Parsed<Updates>>,
    vanished: Option<Parsed<Vanished>>,
    max_pages: Option<u32>,
    deadline: Option<Parsed<Deadline>>,
    on_exhausted: Option<Parsed<OnExhausted>>,
    repair: Option<String>,
    repair_deadline: Option<Parsed<RepairDeadline>>,
    shards: Option<ShardCount>,
    workers: Option<u16>,
    concurrency: Option<u16>,
    lease: Option<Parsed<LeaseTime>>,
    print: bool,
    exec: Option<String>,
    forward: Option<String>,
    forward_secret_file: Option<PathBuf>,
    forward_token_file: Option<PathBuf>,
    forward_headers: Vec<String>,
    forward_timeout: Option<Parsed<ForwardTimeout>>,
    requests: HttpArgs,
    cache: CacheArgs,
}

/// A value that is written as text.
#[derive(Debug, Clone)]
struct Parsed<T>(T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// The first setting on the command line, or in the environment, that only a file can say when
/// there is one.
pub(super) fn said_in_vain(run: &RunArgs) -> Option<&'static str> {
    let forward = &run.forward;
    [
        ("url", run.url.is_some()),
        ("group", run.group.is_some()),
        ("deadline", run.deadline.is_some()),
        ("print", run.print),
        ("exec", run.exec.is_some()),
        ("repair", run.repair.repair.is_some()),
        ("repair_deadline", run.repair.repair_deadline.is_some()),
        ("forward", forward.forward.is_some()),
        ("forward_secret_file", forward.forward_secret_file.is_some()),
        ("forward_token_file", forward.forward_token_file.is_some()),
        ("forward_headers", !forward.forward_headers.is_empty()),
        ("forward_timeout", forward.forward_timeout.is_some()),
        ("requests", !run.http.is_empty()),
        ("cache", !run.cache.is_empty()),
    ]
    .into_iter()
    .find_map(|(key, is_said)| is_said.then_some(key))
}

impl Draft {
    /// What flags and the environment say.
    pub(super) fn of_flags(run: &RunArgs, place: &PlaceArgs) -> Self {
        let forward = run.forward.clone();
        let draft = Self {
            url: run.url.clone(),
            group: run.group.clone(),
            deadline: run.deadline.map(Parsed),
            print: run.print,
            exec: run.exec.clone(),
            repair: run.repair.repair.clone(),
            repair_deadline: run.repair.repair_deadline.map(Parsed),
            forward: forward.forward,
            forward_secret_file: forward.forward_secret_file,
            forward_token_file: forward.forward_token_file,
            forward_headers: forward.forward_headers,
            forward_timeout: forward.forward_timeout.map(Parsed),
            requests: run.http.clone(),
            cache: run.cache.clone(),
            ..Self::default()
        };
        draft.overridden(run, place)
    }

    /// With the database that the file names for all.
    pub(super) fn or_database(mut self, common: Option<&String>) -> Self {
        self.database = self.database.or_else(|| common.cloned());
        self
    }

    /// With what flags and the environment may say beside a file too, and before it.
    pub(super) fn overridden(mut self, run: &RunArgs, place: &PlaceArgs) -> Self {
        self.database = place.database.clone().or(self.database);
        self.from = run.from.map(Parsed).or(self.from);
        self.schedule = run.schedule.clone().map(Parsed).or(self.schedule);
        self.until_idle |= run.until_idle;
        self.give_up_after = run.give_up_after.map(Parsed).or(self.give_up_after);
        self.updates = run.document.updates.map(Parsed).or(self.updates);
        self.vanished = run.document.vanished.map(Parsed).or(self.vanished);
        self.max_pages = run.document.max_pages.or(self.max_pages);
        self.on_exhausted = run.on_exhausted.map(Parsed).or(self.on_exhausted);
        self.shards = run.workers.shards.or(self.shards);
        self.workers = run.workers.workers.or(self.workers);
        self.concurrency = run.workers.concurrency.or(self.concurrency);
        self.lease = run.workers.lease.map(Parsed).or(self.lease);
        self
    }

    /// How requests for the feed of its cursor are made.
    pub(super) fn requests(self) -> Option<Requests> {
        Some(Requests {
            url: self.url?,
            group: self.group.unwrap_or_else(|| "default".to_owned()),
            database: self.database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
            http: self.requests,
        })
    }

    /// The settings, complete.
    pub(super) fn complete(self, said: Said) -> Result<Subscription, Failed> {
        let Some(url) = self.url else {
            let key = said.key("url");
            let or =
                if said == Said::Flags { ", or a file of subscriptions with --config" } else { "" };
            return Err(Failed::Usage(format!(
                "{key}: it is missing: name a feed such as http://127.0.0.1:3000/feeds/orders{or}"
            )));
        };
        let forward = ForwardDraft {
            target: self.forward,
            secret_file: self.forward_secret_file,
            token_file: self.forward_token_file,
            headers: self.forward_headers,
            timeout: self.forward_timeout.map(|it| it.0),
        };
        if self.repair.as_ref().is_some_and(|command| command.trim().is_empty()) {
            let key = said.key("repair");
            return Err(Failed::Usage(format!("{key}: it is empty: name a command")));
        }
        let sink = Sink::new(&said, self.print, self.exec, forward)?;
        let deadline = self.deadline.map(|it| it.0.0);
        if let (Sink::Print, Some(_)) = (&sink, deadline) {
            return Err(Failed::Usage(format!(
                "{} and {}: what is printed has no deadline: leave it out",
                said.key("print"),
                said.key("deadline")
            )));
        }
        Ok(Subscription {
            url,
            group: self.group.unwrap_or_else(|| "default".to_owned()),
            database: self.database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
            from: self.from.map_or_else(Start::default, |it| it.0),
            schedule: self.schedule.map_or(Schedule::Live, |it| it.0),
            until_idle: self.until_idle,
            give_up_after: self.give_up_after.map(|it| it.0),
            updates: self.updates.map(|it| it.0).unwrap_or_default(),
            vanished: self.vanished.map(|it| it.0).unwrap_or_default(),
            max_pages: self.max_pages,
            deadline,
            on_exhausted: self.on_exhausted.map(|it| it.0).unwrap_or_default(),
            repair: self.repair,
            repair_deadline: self.repair_deadline.map(|it| it.0.0),
            shards: self.shards,
            workers: self.workers.unwrap_or(1),
            concurrency: self.concurrency.unwrap_or(1),
            lease: self.lease.map(|it| it.0.0),
            http: self.cache.add_to(self.requests.options()),
            sink,
            said,
        })
    }
}
