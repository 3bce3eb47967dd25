//! Events as lines of JSON.

use std::sync::Arc;

use feed_protocol::{Recorded, cloudevents};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use super::{Handler, HandlerError, Kind};

/// How much is collected before it is written.
const BUFFER: usize = 64 * 1024;

/// Writes each event as one line: a CloudEvent in JSON, with its place in `feedposition` and
/// `feedupdated`.
///
/// JSON data that is spread over several lines is put on one; apart from such white space it is
/// what the producer wrote. The lines of events that the cursor has moved past have been written
/// and flushed. When nobody reads them any more (`EPIPE`), the subscription ends as at a shutdown; when
/// they cannot be written, it ends with [`ConsumerError::Flush`](crate::ConsumerError::Flush), and no
/// event is parked for it.
#[derive(Debug)]
pub struct Print<W> {
    output: Mutex<Output<W>>,
}

#[derive(Debug)]
struct Output<W> {
    to: W,
    lines: Vec<u8>,
    /// Why it takes no more. That is no failure of an event, which could be parked while all others
    /// go on: whoever makes the lines last is told.
    failed: Option<HandlerError>,
}

impl<W: AsyncWrite + Send + Unpin> Print<W> {
    /// Writes to this.
    pub fn new(to: W) -> Self {
        Self { output: Mutex::new(Output { to, lines: Vec::new(), failed: None }) }
    }
}

impl<W: AsyncWrite + Send + Unpin> Output<W> {
    async fn write(&mut self) -> Result<(), HandlerError> {
        let written = async {
            self.to.write_all(&self.lines).await?;
            self.to.flush().await
        };
        // Part of it may be out, and would be out twice after another try.
        written.await.map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => HandlerError::closed(error),
            _ => HandlerError::permanent(error),
        })?;
        self.lines.clear();
        Ok(())
    }
}

impl<W: AsyncWrite + Send + Unpin> Handler for Print<W> {
    async fn handle(&self, event: Arc<Recorded>) -> Result<(), HandlerError> {
        let mut output = self.output.lock().await;
        let start = output.lines.len();
        cloudevents::write_recorded(&event, &mut output.lines);
        for byte in &mut output.lines[start..] {
            // In JSON, line breaks stand between tokens alone. (Data with carriage returns is
            // Base64, as in streams.)
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        output.lines.push(b'\n');
        if output.failed.is_some() || output.lines.len() < BUFFER {
            return Ok(());
        }
        match output.write().await {
            Err(error) if error.kind() != Kind::Closed => output.failed = Some(error),
            written => return written,
        }
        Ok(())
    }

    async fn flush(&self) -> Result<(), HandlerError> {
        let mut output = self.output.lock().await;
        if let Some(error) = output.failed.take() {
            return Err(error);
        }
        if output.lines.is_empty() { Ok(()) } else { output.write().await }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;
    use feed_protocol::event::EventParts;
    use feed_protocol::{Event, Position};

    use super::*;

    fn recorded(data: &'static [u8]) -> Arc<Recorded> {
        let mut parts = EventParts::new(
            "1".parse().unwrap(),
            "/shop".parse().unwrap(),
            "order.placed".parse().unwrap(),
        );
        parts.data = Some(Bytes::from_static(data));
        Arc::new(Recorded {
            position: Position::new(1).unwrap(),
            updated: DateTime::UNIX_EPOCH,
            event: Event::new(parts).unwrap(),
        })
    }

    #[tokio::test]
    async fn an_event_is_one_line_however_its_data_is_laid_out() {
        let mut written = Vec::new();
        let print = Print::new(&mut written);
        print.handle(recorded(b"{\n  \"total\": 1\n}")).await.unwrap();
        print.handle(recorded(b"\"a\\nb\"")).await.unwrap();
        print.flush().await.unwrap();
        let text = String::from_utf8(written).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["data"]["total"], 1);
        assert_eq!(lines[0]["feedposition"], "1");
        assert_eq!(lines[1]["data"], "a\nb");
    }

    #[tokio::test]
    async fn a_reader_that_went_away_ends_the_subscription() {
        let (to, reader) = tokio::io::duplex(16);
        drop(reader);
        let print = Print::new(to);
        print.handle(recorded(b"1")).await.unwrap();
        assert_eq!(print.flush().await.unwrap_err().kind(), Kind::Closed);
    }

    #[tokio::test]
    async fn a_full_disk_is_no_failure_of_an_event() {
        let print = Print::new(tokio::fs::File::from_std(
            std::fs::File::options().write(true).open("/dev/full").unwrap(),
        ));
        for _ in 0..1_000 {
            print.handle(recorded(b"1")).await.unwrap();
        }
        assert!(print.flush().await.unwrap_err().is_permanent());
    }
}
