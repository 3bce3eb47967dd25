//! A command for each event.

use std::process::Stdio;
use std::sync::Arc;

use feed_protocol::{Recorded, cloudevents};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::{Context, Handler, HandlerError};

/// What the names of the variables begin with.
const PREFIX: &str = "FEED_EVENT_";

/// Runs a command through `sh -c` for each event.
///
/// On its standard input the command finds the event as a CloudEvent in structured JSON; in its
/// environment, the attributes: `FEED_EVENT_POSITION`, `_UPDATED`, `_ID`, `_SOURCE`, `_TYPE`, and
/// where the event has them `_SUBJECT`, `_TIME`, `_DATACONTENTTYPE`, `_DATASCHEMA` and
/// `FEED_EVENT_EXT_NAME` for an extension `name`. A worker adds `FEED_EVENT_SHARD` and
/// `FEED_EVENT_TOKEN`: what the command changes elsewhere can be refused under a lower token than
/// was seen of the same shard, as [`Context::token`] says. Its output is this program's.
///
/// Exit status 0 means that the event is handled; everything else is a transient failure.
///
/// The command runs in a process group of its own, so that Ctrl-C ends the subscription after the
/// event in hand, rather than the command in the middle of it. The group is killed when the command
/// has run for longer than the [deadline](crate::ConsumerBuilder::deadline), which counts as a
/// failure, or when a shutdown has waited for it long enough; but not when this process is killed,
/// which can do nothing about it.
#[derive(Debug, Clone)]
pub struct Exec {
    command: String,
}

/// How a command failed.
#[derive(Debug, thiserror::Error)]
enum ExecError {
    #[error("sh cannot be started")]
    Start(#[source] std::io::Error),
    #[error("the command was lost")]
    Wait(#[source] std::io::Error),
    #[error("the command ended with {0}{hint}", hint = hint(.0))]
    Failed(std::process::ExitStatus),
}

/// What the shell means by its own exit statuses.
fn hint(status: &std::process::ExitStatus) -> &'static str {
    match status.code() {
        Some(126) => " (sh: it cannot be executed)",
        Some(127) => " (sh: there is no such command)",
        _ => "",
    }
}

/// The processes of a command that has not ended yet; killed when this is dropped.
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    /// The command has ended; what it left running is its own business.
    pub(super) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // The group may have ended in this moment.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Exec {
    /// Runs this.
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into() }
    }

    fn start(&self, variables: Vec<(String, String)>) -> Result<Child, ExecError> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped()).kill_on_drop(true);
        command.process_group(0);
        for (name, _) in std::env::vars_os() {
            // An attribute that this event does not have must not come from elsewhere.
            if name.to_str().is_some_and(|name| name.starts_with(PREFIX)) {
                command.env_remove(name);
            }
        }
        for (name, value) in variables {
            command.env(format!("{PREFIX}{name}"), value);
        }
        command.spawn().map_err(ExecError::Start)
    }

    async fn run(
        &self,
        variables: Vec<(String, String)>,
        event: &Recorded,
    ) -> Result<(), HandlerError> {
        let mut child = self.start(variables)?;
        let group = Group::of(&child);
        let stdin = child.stdin.take();
        let feeding = async move {
            if let Some(mut stdin) = stdin {
                let mut json = Vec::new();
                cloudevents::write_recorded(event, &mut json);
                json.push(b'\n');
                // A command need not read its input; its exit status is what counts.
                let _ = stdin.write_all(&json).await;
                let _ = stdin.shutdown().await;
            }
        };
        // The command may end without reading, and leave the pipe to a process that stays.
        let status = tokio::select! {
            biased;
            status = child.wait() => status,
            status = async { feeding.await; std::future::pending().await } => status,
        };
        group.release();
        match status.map_err(ExecError::Wait)? {
            status if status.success() => Ok(()),
            status => Err(ExecError::Failed(status).into()),
        }
    }
}

/// The attributes of an event, by the ends of the names of their variables. None can hold a NUL,
/// which an environment could not carry.
fn variables(recorded: &Recorded) -> Vec<(String, String)> {
    let event = &recorded.event;
    let updated = recorded.updated.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let attributes = [
        ("POSITION", Some(recorded.position.to_string())),
        ("UPDATED", Some(updated)),
        ("ID", Some(event.id().to_string())),
        ("SOURCE", Some(event.source().to_string())),
        ("TYPE", Some(event.event_type().to_string())),
        ("SUBJECT", event.subject().map(ToString::to_string)),
        ("TIME", event.time().map(ToString::to_string)),
        ("DATACONTENTTYPE", event.data_content_type().map(ToString::to_string)),
        ("DATASCHEMA", event.data_schema().map(ToString::to_string)),
    ];
    let attributes =
        attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let extensions = event.extensions().iter().map(|(name, value)| {
        (format!("EXT_{}", name.as_str().to_ascii_uppercase()), value.to_text().into_owned())
    });
    attributes.chain(extensions).collect()
}

/// Those of a worker's hold on the event's shard.
fn hold(cx: &Context) -> [(String, String); 2] {
    [("SHARD", cx.shard().to_string()), ("TOKEN", cx.token().to_string())]
        .map(|(name, value)| (name.to_owned(), value))
}

impl Handler for Exec {
    async fn handle(&self, event: Arc<Recorded>) -> Result<(), HandlerError> {
        self.run(variables(&event), &event).await
    }

    async fn handle_in(&self, cx: Context) -> Result<(), HandlerError> {
        let mut variables = variables(cx.recorded());
        variables.extend(hold(&cx));
        self.run(variables, cx.recorded()).await
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;
    use feed_protocol::event::{EventParts, ExtensionValue};
    use feed_protocol::{Event, Position};

    use super::super::handed::Handed;
    use super::*;
    use crate::shard::{ShardNumber, Token};
    use crate::store::shards::Lease;

    fn recorded(data: Vec<u8>) -> Arc<Recorded> {
        let mut parts = EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        );
        parts.subject = Some("it's $HOME; `order` \"1\"".parse().unwrap());
        parts.data = Some(Bytes::from(data));
        parts.extensions.insert("tenant".parse().unwrap(), ExtensionValue::Integer(7));
        Arc::new(Recorded {
            position: Position::new(3).unwrap(),
            updated: DateTime::UNIX_EPOCH,
            event: Event::new(parts).unwrap(),
        })
    }

    #[tokio::test]
    async fn a_command_finds_the_event_on_its_input_and_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let command = format!(
            "printf '%s|' \"$FEED_EVENT_POSITION\" \"$FEED_EVENT_UPDATED\" \"$FEED_EVENT_TYPE\" \
             \"$FEED_EVENT_SUBJECT\" \"$FEED_EVENT_EXT_TENANT\" \"${{FEED_EVENT_TIME-unset}}\" > \
             {out}; cat >> {out}",
            out = out.display()
        );
        Exec::new(command).handle(recorded(b"[1]".to_vec())).await.unwrap();
        let text = std::fs::read_to_string(out).unwrap();
        let (environment, json) = text.rsplit_once('|').unwrap();
        assert_eq!(
            environment,
            "3|1970-01-01T00:00:00.000000Z|order.placed|it's $HOME; `order` \"1\"|7|unset"
        );
        let event: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(event["data"][0], 1);
    }

    #[tokio::test]
    async fn a_command_of_a_worker_knows_the_shard_and_the_token_of_its_lease() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let command = format!(
            "echo \"$FEED_EVENT_POSITION of $FEED_EVENT_SHARD under $FEED_EVENT_TOKEN\" > {}",
            out.display()
        );
        let lease = Lease { shard: ShardNumber::new(60), token: Token::new(7) };
        let cx = Context::new(Handed { recorded: recorded(b"1".to_vec()), lease, noting: None }, 1);
        Exec::new(command).handle_in(cx).await.unwrap();
        assert_eq!(std::fs::read_to_string(out).unwrap(), "3 of 60 under 7\n");
    }

    #[tokio::test]
    async fn a_command_need_not_read_its_input() {
        let large = format!("\"{}\"", "x".repeat(1 << 20)).into_bytes();
        Exec::new("exit 0").handle(recorded(large)).await.unwrap();
    }

    #[tokio::test]
    async fn a_command_that_is_given_up_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let path = pipe.display();
        // The pipe stays open as long as one of the processes lives.
        std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        let exec = Exec::new(format!("exec > {path}; echo begun; sleep 1000 | sleep 1000; true"));
        let handling = exec.handle(recorded(b"1".to_vec()));
        let receiver = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&pipe).unwrap();
        let mut reader = tokio::io::BufReader::new(receiver);
        let mut line = String::new();
        tokio::select! {
            _ = handling => panic!("it cannot end"),
            _ = async {
                while tokio::io::AsyncBufReadExt::read_line(&mut reader, &mut line).await.unwrap() == 0 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        assert_eq!(line, "begun\n");
        assert_eq!(tokio::io::AsyncBufReadExt::read_line(&mut reader, &mut line).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_exit_status_is_in_the_error() {
        for (command, says) in [
            ("exit 3", "exit status: 3"),
            ("kill -9 $$", "signal: 9"),
            ("no-such-command-at-all 2>/dev/null", "there is no such command"),
        ] {
            let error = Exec::new(command).handle(recorded(b"1".to_vec())).await.unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
