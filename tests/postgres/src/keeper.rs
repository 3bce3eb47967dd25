//! The process that stands between a server and its owner.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::programs::Programs;
use crate::random;
use crate::user::User;

/// The shell script, which says what it does.
const SCRIPT: &str = include_str!("keeper.sh");

/// What the path of a folder may measure, in bytes. The path of a Unix socket may have 103 on
/// macOS and 107 on Linux, and PostgreSQL calls its socket `/.s.PGSQL.12345`.
const LONGEST_FOLDER: usize = 103 - 15;

/// A folder and the server in it, which both go away with this value or with this process.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: PathBuf,
    child: Child,
    line: Mutex<Line>,
}

/// The way to the script and back. An order holds it until it is answered.
#[derive(Debug)]
struct Line {
    /// Nothing once this value is being dropped.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// A new keeper with an empty folder, below the system's folder for temporary files or, where
    /// that does not do, below `/tmp`.
    pub(crate) fn start(programs: &Programs, user: Option<User>) -> Result<Self, String> {
        let name = random::folder_name();
        let usual = std::env::temp_dir().join(&name);
        let mut refusal = "its path is too long for a socket".to_owned();
        if usual.as_os_str().len() <= LONGEST_FOLDER {
            match Self::start_in(usual.clone(), programs, user) {
                Ok(keeper) => return Ok(keeper),
                Err(error) => refusal = error,
            }
        }
        Self::start_in(Path::new("/tmp").join(&name), programs, user)
            .map_err(|error| format!("no folder for PostgreSQL: {error} ({refusal})"))
    }

    fn start_in(folder: PathBuf, programs: &Programs, user: Option<User>) -> Result<Self, String> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "keeper"]).arg(&folder).arg(programs.folder());
        for (name, _) in std::env::vars_os() {
            // PGDATA, PGHOST, PGOPTIONS: meant for other servers.
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        // Messages are looked at, and timestamps compared: they are the same on every machine.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        // The user may not be allowed to see the folder that the tests run in.
        command.current_dir("/");
        // A terminal sends Ctrl-C to the whole group of its owner.
        command.process_group(0);
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("/bin/sh cannot be started: {error}"))?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let keeper = Self { folder, child, line: Mutex::new(Line { orders, answers }) };
        keeper.lock().answer()?;
        Ok(keeper)
    }

    /// The folder. The script makes it, so it belongs to the user and to nobody else.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has an order carried out.
    pub(crate) fn order(&self, order: &str) -> Result<(), String> {
        let mut line = self.lock();
        let orders = line.orders.as_mut().expect("they are open until this is dropped");
        // If the script is gone there is no answer either.
        let _ = writeln!(orders, "{order}");
        line.answer()
    }

    /// What the server and the script have said so far.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn answer(&mut self) -> Result<(), String> {
        let mut answer = String::new();
        match self.answers.read_line(&mut answer).map(|_| answer.trim_end()) {
            Ok("ok") => Ok(()),
            Ok("") => Err("the process that keeps PostgreSQL is gone".to_owned()),
            Ok(wrong) => Err(wrong.to_owned()),
            Err(error) => Err(format!("the process that keeps PostgreSQL is gone: {error}")),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // The end of the orders is the order to end.
        self.line.get_mut().unwrap_or_else(PoisonError::into_inner).orders = None;
        let _ = self.child.wait();
    }
}
