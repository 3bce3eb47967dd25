//! A server with its databases.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::keeper::Keeper;
use crate::random;
use crate::template::Template;

/// How many ports are tried before it is said that there is none.
const PORTS_TO_TRY: usize = 10;

/// How much of the log belongs to an error, in lines.
const END_OF_LOG: usize = 20;

/// A PostgreSQL server of its own. When this is dropped, or when its process ends in any way, the
/// server ends and its folder is removed.
///
/// The superuser is `postgres`, without a password; the encoding is UTF-8, the locale C, the time
/// zone UTC. A commit is on the disk when it returns, as in production.
#[derive(Debug)]
pub struct Cluster {
    keeper: Keeper,
    port: u16,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Connections are closed and their transactions rolled back, and everything is written.
    Fast,
    /// Everything is dropped. The next start recovers what was committed.
    Immediate,
}

impl Cluster {
    /// Starts a new one, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When PostgreSQL is not installed (one line, as [`Programs::find`](crate::Programs::find)
    /// says it), or does not start; then with the end of its log.
    pub fn start() -> Result<Self, String> {
        Self::start_with(&[])
    }

    /// Starts a new one with these settings of `postgresql.conf`, such as
    /// `("max_connections", "300")`.
    ///
    /// # Errors
    ///
    /// As [`Self::start`]; a setting that PostgreSQL refuses is named in its log.
    pub fn start_with(settings: &[(&str, &str)]) -> Result<Self, String> {
        let keeper = Template::get()?.copy()?;
        configure(keeper.folder(), settings)
            .map_err(|error| format!("postgresql.conf cannot be written: {error}"))?;
        let mut cluster = Self { keeper, port: 0 };
        for left in (0..PORTS_TO_TRY).rev() {
            cluster.port = random::port()?;
            let before = cluster.log().len();
            match cluster.start_again() {
                Err(_) if left > 0 && port_was_taken(&cluster.log()[before..]) => {}
                started => return started.map(|()| cluster),
            }
        }
        unreachable!("the last port returns")
    }

    /// The address of a database over TCP. There is one from the start, called `postgres`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, encoded(database))
    }

    /// The address of a database over the Unix socket, as sqlx and libpq understand it.
    #[must_use]
    pub fn socket_url(&self, database: &str) -> String {
        let folder = encoded(&self.folder().to_string_lossy());
        let (database, port) = (encoded(database), self.port);
        format!("postgres://postgres@localhost/{database}?host={folder}&port={port}")
    }

    /// The port on 127.0.0.1, which stays the same when the server is started again.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of this cluster: with its socket, its data in `data`, and its log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.keeper.folder()
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.keeper.log()
    }

    /// Stops the server, and waits for its end. One that does not run is left as it is.
    ///
    /// # Errors
    ///
    /// When its keeper is gone.
    pub fn stop(&self, mode: Mode) -> Result<(), String> {
        self.keeper.order(match mode {
            Mode::Fast => "fast",
            Mode::Immediate => "immediate",
        })
    }

    /// Kills the server and all its processes with SIGKILL, as a crash would, and waits for their
    /// end. One that does not run is left as it is.
    ///
    /// # Errors
    ///
    /// When its keeper is gone, or the program `ps` is not installed.
    pub fn kill(&self) -> Result<(), String> {
        self.keeper.order("kill")
    }

    /// Starts the server on the same port and the same data, after it was stopped or killed, and
    /// waits until it answers.
    ///
    /// # Errors
    ///
    /// When it runs, or does not start within a minute; then with the end of its log.
    pub fn start_again(&self) -> Result<(), String> {
        self.keeper.order(&format!("start {}", self.port)).map_err(|error| {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let end = &lines[lines.len().saturating_sub(END_OF_LOG)..];
            format!("PostgreSQL: {error}; the end of its log:\n{}", end.join("\n"))
        })
    }
}

/// Appends to `postgresql.conf`, where the last of several settings counts.
fn configure(folder: &Path, settings: &[(&str, &str)]) -> std::io::Result<()> {
    let sockets = folder.to_string_lossy();
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", &sockets),
        // The default, but what the tests stand on: a commit that is acknowledged is durable.
        ("fsync", "on"),
    ];
    let mut text = String::new();
    for (name, value) in ours.iter().chain(settings) {
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    }
    let file = folder.join("data/postgresql.conf");
    std::fs::OpenOptions::new().append(true).open(file)?.write_all(text.as_bytes())
}

fn port_was_taken(log: &str) -> bool {
    log.contains("could not bind IPv4 address")
}

/// Percent-encoded, but for what means nothing special in a path or a query (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
