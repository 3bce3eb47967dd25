//! Lines of JSON as events: a CloudEvent each, or the data of one.

use std::io::BufRead;

use anyhow::{Context, bail, ensure};
use clap::Args;
use feed_protocol::event::{EventParts, EventTime};
use feed_protocol::{Event, cloudevents};
use serde_json::Value;

/// How many events are published at a time, and share a commit.
const BATCH: usize = 500;

/// What lines that are no CloudEvents do not say of themselves.
#[derive(Debug, Clone, Args)]
pub(super) struct LineArgs {
    /// The type of events that are stated as their data alone, such as order.placed; a CloudEvent
    /// has its own
    #[arg(long = "type", value_name = "TYPE")]
    pub(super) event_type: Option<String>,
    /// The source of events that are stated as their data alone; a CloudEvent has its own
    #[arg(long, value_name = "SOURCE", default_value = "feed-server")]
    pub(super) source: String,
    /// The member of each line that is its event's id
    #[arg(long, value_name = "NAME")]
    pub(super) id_field: Option<String>,
    /// The member of each line that is its event's subject
    #[arg(long, value_name = "NAME")]
    subject_field: Option<String>,
    /// The member of each line that says when it happened (RFC 3339)
    #[arg(long, value_name = "NAME")]
    time_field: Option<String>,
}

impl LineArgs {
    /// The options that say something of lines, and nothing of an event that is no line.
    pub(super) fn of_lines_alone(&self) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("--id-field", &self.id_field),
            ("--subject-field", &self.subject_field),
            ("--time-field", &self.time_field),
        ];
        fields.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name)
    }
}

/// Reads batches of events from lines. Blank lines are passed over.
pub(super) struct Lines<'a, R, I> {
    args: &'a LineArgs,
    /// The subject of every event whose line does not state one.
    subject: Option<&'a str>,
    /// The id of the event of a line, by its number and its text, when no member states it.
    default_id: I,
    /// The most data that an event may have.
    max_data_bytes: usize,
    reader: R,
    line: u64,
}

/// Events with the line that each stood in, and how many bytes they took.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    pub(super) lines: Vec<u64>,
    pub(super) bytes: u64,
}

impl<'a, R: BufRead, I: Fn(u64, &str) -> String> Lines<'a, R, I> {
    pub(super) fn new(
        args: &'a LineArgs,
        subject: Option<&'a str>,
        reader: R,
        default_id: I,
        max_data_bytes: usize,
    ) -> Self {
        Self { args, subject, default_id, max_data_bytes, reader, line: 0 }
    }

    /// The next batch; an empty one at the end.
    pub(super) fn next_batch(&mut self) -> anyhow::Result<Batch> {
        let mut batch = Batch::default();
        let mut text = String::new();
        while batch.events.len() < BATCH && (batch.events.is_empty() || batch.bytes < 8 << 20) {
            text.clear();
            let read = self.reader.read_line(&mut text);
            self.line += 1;
            let place = || format!("line {}", self.line);
            let read = read.with_context(place)?;
            if read == 0 {
                break;
            }
            batch.bytes += read as u64;
            if !text.trim().is_empty() {
                batch.events.push(self.event(text.trim()).with_context(place)?);
                batch.lines.push(self.line);
            }
        }
        Ok(batch)
    }

    fn event(&self, text: &str) -> anyhow::Result<Event> {
        let event = self.read(text)?;
        let size = event.data().map_or(0, |data| data.len());
        let limit = self.max_data_bytes;
        ensure!(size <= limit, "data of {size} bytes is larger than the limit of {limit}");
        Ok(event)
    }

    fn read(&self, text: &str) -> anyhow::Result<Event> {
        let value: Value = serde_json::from_str(text).context("not JSON")?;
        let Value::Object(members) = &value else { bail!("not a JSON object") };
        if members.contains_key("specversion") {
            return Ok(cloudevents::read_event(text.as_bytes())?);
        }
        let Some(event_type) = &self.args.event_type else {
            bail!(
                "not a CloudEvent (there is no \"specversion\"), so its type must be stated with --type"
            );
        };
        let member = |field: &Option<String>| -> anyhow::Result<Option<String>> {
            let Some(name) = field else { return Ok(None) };
            match members.get(name) {
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(Value::Number(number)) => Ok(Some(number.to_string())),
                Some(_) => bail!("{name:?} is neither text nor a number"),
                None => bail!("there is no {name:?}"),
            }
        };
        let id = member(&self.args.id_field)?.unwrap_or_else(|| (self.default_id)(self.line, text));
        let mut parts =
            EventParts::new(id.parse()?, self.args.source.parse()?, event_type.parse()?);
        let subject = member(&self.args.subject_field)?;
        parts.subject = subject.as_deref().or(self.subject).map(str::parse).transpose()?;
        parts.time =
            member(&self.args.time_field)?.map(|time| time.parse::<EventTime>()).transpose()?;
        parts.data_content_type = Some("application/json".parse()?);
        parts.data = Some(text.to_owned().into());
        Ok(Event::new(parts)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> LineArgs {
        LineArgs {
            event_type: Some("order.placed".into()),
            source: "/shop".into(),
            id_field: Some("orderId".into()),
            subject_field: Some("orderId".into()),
            time_field: Some("placedAt".into()),
        }
    }

    fn lines<'a>(
        args: &'a LineArgs,
        text: &'a str,
    ) -> Lines<'a, &'a [u8], impl Fn(u64, &str) -> String> {
        Lines::new(args, None, text.as_bytes(), |_, _| unreachable!(), 1000)
    }

    #[test]
    fn a_line_is_the_data_of_an_event_or_a_cloudevent() {
        let text = "{\"orderId\": \"order-1\", \"placedAt\": \"2021-01-01T00:00:00Z\"}\n\n\
                    {\"specversion\":\"1.0\",\"id\":\"a\",\"source\":\"/b\",\"type\":\"c\"}\n";
        let args = args();
        let mut lines = lines(&args, text);
        let batch = lines.next_batch().unwrap();
        assert_eq!(batch.lines, [1, 3]);
        let order = &batch.events[0];
        assert_eq!(order.id().as_str(), "order-1");
        assert_eq!(order.time().unwrap().as_str(), "2021-01-01T00:00:00Z");
        assert_eq!(order.data().unwrap().as_ref(), text.lines().next().unwrap().as_bytes());
        assert_eq!(batch.events[1].event_type().as_str(), "c");
        assert!(lines.next_batch().unwrap().events.is_empty());
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, expected) in [
            ("{\"orderId\": \"1\"}", "there is no \"placedAt\""),
            ("\n[1]", "line 2"),
            ("{", "not JSON"),
        ] {
            let args = args();
            let mut lines = lines(&args, text);
            let error = format!("{:#}", lines.next_batch().unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
