//! A `feed-server` on a database of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use url::Url;

use crate::http::{Answer, Http};
use crate::postgres::Database;
use crate::process::{Ended, Process, command};
use crate::{binaries, events};

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    arguments: Vec<String>,
    settings: String,
    listen: Option<SocketAddr>,
    home: Option<Arc<TempDir>>,
    /// The words of a command that runs the command that follows.
    through: Vec<String>,
    /// A database that is no file in its home.
    database: Option<String>,
}

/// A server that runs. It derefs to a client of it.
#[derive(Debug)]
pub struct ServerProcess {
    process: Process,
    options: ServerOptions,
    home: Arc<TempDir>,
    address: SocketAddr,
    http: Http,
}

impl ServerOptions {
    /// With pages of this size.
    #[must_use]
    pub fn page_size(self, size: u64) -> Self {
        self.argument("--page-size").argument(size)
    }

    /// With an argument more.
    #[must_use]
    pub fn argument(mut self, argument: impl ToString) -> Self {
        self.arguments.push(argument.to_string());
        self
    }

    /// With a line more in its configuration file.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.settings += line;
        self.settings.push('\n');
        self
    }

    /// On the database of another server, which has ended or runs beside it.
    #[must_use]
    pub fn on_database_of(mut self, other: &ServerProcess) -> Self {
        self.home = Some(Arc::clone(&other.home));
        self
    }

    /// On a PostgreSQL database.
    #[must_use]
    pub fn on(self, database: &Database) -> Self {
        self.database(database.url())
    }

    /// On the database at this URL.
    #[must_use]
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// Through a command that runs the command that follows it, such as a shell that sets limits.
    #[must_use]
    pub fn through(mut self, command: &[&str]) -> Self {
        self.through = command.iter().map(ToString::to_string).collect();
        self
    }

    /// At this address.
    #[must_use]
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn start(self) -> ServerProcess {
        let home = match &self.home {
            Some(home) => Arc::clone(home),
            None => Arc::new(tempfile::tempdir().expect("a temporary folder")),
        };
        let listen = self.listen.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
        let config = home.path().join(format!("server-{}.toml", listen.port()));
        std::fs::write(&config, &self.settings).expect("a file can be written");
        let mut command = match self.through.split_first() {
            Some((program, arguments)) => {
                let mut command = command(program);
                command.args(arguments).arg(binaries::feed_server());
                command
            }
            None => command(binaries::feed_server()),
        };
        command
            .args(["serve", "--listen", &listen.to_string(), "--config"])
            .arg(config)
            .arg("--database")
            .arg(self.database_in(home.path()))
            .args(&self.arguments);
        let process = Process::start(command);
        let line = process.line(0, |_| true).await;
        let url = line.strip_prefix("listening on ").expect("the first line names the address");
        let url: Url = url.parse().expect("a URL");
        let address = url.socket_addrs(|| None).expect("an address")[0];
        ServerProcess { process, home, address, http: Http::new(url), options: self }
    }
}

impl ServerOptions {
    fn database_in(&self, home: &Path) -> OsString {
        self.database.as_ref().map_or_else(|| database_in(home).into(), Into::into)
    }
}

impl ServerProcess {
    /// Starts a server with the feeds `customers` and `orders`.
    pub async fn start() -> Self {
        ServerOptions::default().start().await
    }

    /// Starts a server with pages of this size.
    pub async fn with_page_size(size: u64) -> Self {
        ServerOptions::default().page_size(size).start().await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The running program.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The file of its database, if that is one.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        database_in(self.home.path())
    }

    /// A command of the `feed-server` program on the same database.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(binaries::feed_server());
        command.args(arguments).arg("--database").arg(self.options.database_in(self.home.path()));
        command
    }

    /// Ends it with SIGKILL and starts it again: the same file, the same address.
    pub async fn killed_and_restarted(self) -> Self {
        let Self { process, options, home, address, .. } = self;
        process.kill().await;
        ServerOptions { home: Some(home), listen: Some(address), ..options }.start().await
    }

    /// Ends it with SIGKILL, and keeps its file for another.
    pub async fn kill(self) -> ServerOptions {
        let Self { process, options, home, address, .. } = self;
        process.kill().await;
        ServerOptions { home: Some(home), listen: Some(address), ..options }
    }

    /// Ends it with SIGTERM, and keeps its file for another.
    ///
    /// # Panics
    ///
    /// When it does not end well.
    pub async fn stopped(self) -> ServerOptions {
        let Self { process, options, home, address, .. } = self;
        process.signal("TERM");
        process.ended().await.expect_code(0);
        ServerOptions { home: Some(home), listen: Some(address), ..options }
    }

    /// Asks it to end with SIGTERM, and waits until it has.
    pub async fn stop(self) -> Ended {
        self.process.signal("TERM");
        self.process.ended().await
    }

    /// Waits until it has ended, for whoever asked it to.
    pub async fn ended(self) -> Ended {
        self.process.ended().await
    }

    /// The present incarnation of a feed.
    ///
    /// # Panics
    ///
    /// When there is no such feed.
    pub async fn incarnation(&self, feed: &str) -> String {
        let current = self.head(&format!("/feeds/{feed}")).send().await.expect(200);
        let cursor = current.header("feed-cursor");
        cursor.split_once(':').expect("INCARNATION:POSITION").0.to_owned()
    }

    /// Where the documents of the present incarnation of a feed lie: `/feeds/{feed}/{inc}`.
    pub async fn folder(&self, feed: &str) -> String {
        format!("/feeds/{feed}/{}", self.incarnation(feed).await)
    }

    /// Publishes events as batches.
    ///
    /// # Panics
    ///
    /// When they are not all stored.
    pub async fn publish(&self, feed: &str, events: &[Value]) {
        for batch in events.chunks(1000) {
            let batch = Value::from(batch.to_vec());
            self.post_json(&format!("/feeds/{feed}"), &batch).send().await.expect(201);
        }
    }

    /// Publishes one event.
    ///
    /// # Panics
    ///
    /// When it is not stored.
    pub async fn publish_one(&self, feed: &str, event: &Value) -> Answer {
        self.post_json(&format!("/feeds/{feed}"), event).send().await.expect(201)
    }

    /// Publishes orders 1 to `count` to the feed `orders`.
    pub async fn publish_orders(&self, count: u64) {
        self.publish("orders", &events::orders(1..=count)).await;
    }
}

impl Deref for ServerProcess {
    type Target = Http;

    fn deref(&self) -> &Http {
        &self.http
    }
}

fn database_in(home: &Path) -> PathBuf {
    home.join("feeds.db")
}
