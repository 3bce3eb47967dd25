//! A command that may mend parked events.

use std::io;
use std::process::{ExitStatus, Stdio};

use chrono::SecondsFormat;
use feed_protocol::Event;
use feed_protocol::cloudevents::{self, CloudEventsError};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Repaired;
use crate::handler::exec::Group;
use crate::handler::{HandlerError, ParkedEvent};

/// The exit status by which a command leaves an event to a person.
const LEFT: i32 = 10;

/// The largest answer in bytes.
const MAX_ANSWER: u64 = 16 * 1024 * 1024;

/// How much is kept of what a command says on standard error, in bytes.
const MAX_REASON: u64 = 4 * 1024;

/// Runs a command through `sh -c` for each parked event, which may mend it.
///
/// On its standard input the command finds the parked event as an object of JSON: `position`,
/// `shard`, `type`, `subject`, `error` (a cause a line), `attempts`, `retries`, `repairs`, `parked`
/// (when), `followers` (how many wait behind it), `event` (the CloudEvent, as in the feed) and
/// `edited` (what is handled instead, or `null`).
///
/// | exit status | standard output | what becomes of the event |
/// | --- | --- | --- |
/// | 0 | a CloudEvent in structured JSON | this is handled instead: source, id and subject must stay |
/// | 0 | nothing | it is handled as it is |
/// | 10 | | it is left to a person; the reason is what is on standard error |
/// | any other, or a signal | | the same, and the status is in the reason |
///
/// An answer that is no CloudEvent, or is larger than 16 MiB, leaves the event to a person too. The
/// command runs in a process group of its own, which is killed when the command has taken too long,
/// or the worker ends.
///
/// ```no_run
/// use feed_consumer::{Consumer, RepairCommand};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let command = RepairCommand::new("jq '.event | .data.total |= tonumber'");
/// let consumer = Consumer::builder("http://127.0.0.1:3000/feeds/orders")
///     .repair(async move |parked| command.repair(parked).await)
///     .on_any(async |_, _| Ok(()))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RepairCommand {
    command: String,
}

/// How a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("the repair command cannot be started")]
    Start(#[source] io::Error),
    #[error("the repair command was lost")]
    Lost(#[source] io::Error),
    #[error("the repair command ended with {status}{}", said(.reason))]
    Failed { status: ExitStatus, reason: String },
    #[error("the answer of the repair command is larger than {} MiB", MAX_ANSWER >> 20)]
    TooLarge,
    #[error("the answer of the repair command is no CloudEvent")]
    NoEvent(#[source] CloudEventsError),
}

fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// What a command finds on its standard input.
#[derive(Serialize)]
struct Question<'a> {
    position: u64,
    shard: u16,
    r#type: &'a str,
    subject: Option<&'a str>,
    error: &'a str,
    attempts: u32,
    retries: u32,
    repairs: u32,
    parked: String,
    followers: u64,
    event: Box<RawValue>,
    edited: Option<Box<RawValue>>,
}

impl RepairCommand {
    /// Runs this.
    pub fn new(command: impl Into<String>) -> Self {
        Self { command: command.into() }
    }

    /// Runs it for an event.
    ///
    /// # Errors
    ///
    /// When it cannot be run, fails, or answers nonsense: reasons to leave the event to a person.
    pub async fn repair(&self, parked: ParkedEvent) -> Result<Repaired, HandlerError> {
        let question = question(&parked)?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(CommandError::Start)?;
        let group = Group::of(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let asking = async move {
            if let Some(mut stdin) = stdin {
                // A command need not read its input.
                let _ = stdin.write_all(&question).await;
                let _ = stdin.shutdown().await;
            }
        };
        let answering = async {
            // One byte more than is allowed tells that it is too large. What is to come is not read,
            // and the command ends when it writes it.
            let (answer, reason) =
                tokio::join!(first_of(stdout, MAX_ANSWER + 1), first_and_pass(stderr));
            Ok((child.wait().await?, answer?, reason?))
        };
        // The command may answer without reading, and leave its input to a process that stays.
        let answered = tokio::select! {
            biased;
            answered = answering => answered,
            answered = async { asking.await; std::future::pending().await } => answered,
        };
        let (status, answer, reason) = answered.map_err(CommandError::Lost)?;
        group.release();
        if answer.len() as u64 > MAX_ANSWER {
            return Err(CommandError::TooLarge.into());
        }
        let reason = String::from_utf8_lossy(&reason).trim().to_owned();
        match status.code() {
            Some(0) => match answer.trim_ascii() {
                [] => Ok(Repaired::retry()),
                answer => {
                    let event = cloudevents::read_event(answer).map_err(CommandError::NoEvent)?;
                    Ok(Repaired::resubmit(event))
                }
            },
            Some(LEFT) if !reason.is_empty() => Ok(Repaired::leave(reason)),
            _ => Err(CommandError::Failed { status, reason }.into()),
        }
    }
}

/// The first bytes that come through a pipe.
async fn first_of(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut first).await?;
    }
    Ok(first)
}

/// The first bytes of a reason. All that comes is read, so that the command need not wait.
async fn first_and_pass(mut pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let first = first_of(pipe.as_mut(), MAX_REASON).await?;
    if let Some(pipe) = &mut pipe {
        tokio::io::copy(pipe, &mut tokio::io::sink()).await?;
    }
    Ok(first)
}

fn question(parked: &ParkedEvent) -> Result<Vec<u8>, HandlerError> {
    let event = parked.event();
    let question = Question {
        position: parked.position().get(),
        shard: parked.shard().get(),
        r#type: event.event_type().as_str(),
        subject: event.subject().map(|it| it.as_str()),
        error: parked.error(),
        attempts: parked.attempts(),
        retries: parked.retries(),
        repairs: parked.repairs(),
        parked: parked.parked().to_rfc3339_opts(SecondsFormat::Millis, true),
        followers: parked.followers(),
        event: json(&parked.original().event)?,
        edited: parked.edited().map(json).transpose()?,
    };
    let mut line = serde_json::to_vec(&question)?;
    line.push(b'\n');
    Ok(line)
}

/// An event as it is, since data is bytes.
fn json(event: &Event) -> Result<Box<RawValue>, HandlerError> {
    let mut json = Vec::new();
    cloudevents::write_event(event, &mut json);
    Ok(RawValue::from_string(String::from_utf8(json)?)?)
}

#[cfg(test)]
mod tests;
