//! For tests: a server that answers as a script says, and a feed for it to serve.

mod feed;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub(crate) use feed::Feed;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// How many requests with the same method for the same target came before.
    pub(crate) repeats: usize,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    /// What follows, one byte in each of these times.
    drips: Option<(Vec<u8>, Duration)>,
    then: Then,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// It waits for the next request.
    Next,
    /// It is closed.
    Close,
    /// It stays open, and nothing more comes.
    Hang,
}

/// A server on a port of its own, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Scripted {
    origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: AbortHandle,
}

impl Asked {
    /// The position after which a stream is asked for, if one is.
    pub(crate) fn stream_after(&self) -> Option<u64> {
        let after = self.target.rsplit_once("after=").map(|(_, cursor)| cursor)?;
        let position = after.rsplit_once("%3A")?.1.parse().unwrap();
        (self.header("accept") == Some("text/event-stream")).then_some(position)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Answer {
    /// A status line, header fields, and a body.
    pub(crate) fn new(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let length = body.len().to_string();
        Self::with_length(status, headers, body, &length)
    }

    /// With a body that is not as long as it says.
    pub(crate) fn with_length(
        status: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        length: &str,
    ) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\n");
        for (name, value) in headers.iter().chain(&[("content-length", length)]) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let bytes = [head.as_bytes(), b"\r\n", body].concat();
        let is_whole = length == body.len().to_string();
        Self { bytes, drips: None, then: if is_whole { Then::Next } else { Then::Close } }
    }

    /// A stream of events that stays open.
    pub(crate) fn stream(body: &[u8]) -> Self {
        let media_type = [("content-type", "text/event-stream")];
        Self { then: Then::Hang, ..Self::with_length("200 OK", &media_type, body, "99999999") }
    }

    /// A redirect.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::new("302 Found", &[("location", to)], b"")
    }

    /// A status and nothing else.
    pub(crate) fn status(status: &str) -> Self {
        Self::new(status, &[], b"")
    }

    /// The same to a request with HEAD.
    fn without_body(mut self) -> Self {
        let end = self.bytes.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end {
            self.bytes.truncate(end + 4);
            if self.then == Then::Hang {
                self.then = Then::Next;
            }
        }
        self
    }

    /// The same, broken off before its last `count` bytes.
    pub(crate) fn cut(mut self, count: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - count);
        self.closing()
    }

    /// The same, after which the connection is closed.
    pub(crate) fn closing(self) -> Self {
        Self { then: Then::Close, ..self }
    }

    /// The same, with its last `count` bytes coming one by one.
    pub(crate) fn dripped(mut self, count: usize, pace: Duration) -> Self {
        self.drips = Some((self.bytes.split_off(self.bytes.len() - count), pace));
        self
    }

    /// The same, standing still before its last `count` bytes.
    pub(crate) fn hung(self, count: usize) -> Self {
        Self { then: Then::Hang, ..self.cut(count) }
    }

    /// The same, with a piece of its text replaced.
    pub(crate) fn replaced(self, from: &str, to: &str) -> Self {
        let text = String::from_utf8(self.bytes.clone()).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        Self { bytes: text.replace(from, to).into_bytes(), then: Then::Close, ..self }
    }
}

impl Scripted {
    /// A server that answers so.
    pub(crate) async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                // A client may leave at any time.
                tokio::spawn(async move { serve(connection, &*script, &log).await.ok() });
            }
        });
        Self { origin, asked, task: task.abort_handle() }
    }

    /// The address of this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What they asked for.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.target).collect()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    connection: TcpStream,
    script: &(dyn Fn(&Asked) -> Answer + Send + Sync),
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    while let Some(asked) = next_request(&mut connection, log).await? {
        let answer = match &*asked.method {
            "HEAD" => script(&asked).without_body(),
            _ => script(&asked),
        };
        connection.write_all(&answer.bytes).await?;
        connection.flush().await?;
        if let Some((bytes, pace)) = answer.drips {
            let mut ticks = tokio::time::interval(pace);
            for byte in bytes {
                ticks.tick().await;
                connection.write_all(&[byte]).await?;
                connection.flush().await?;
            }
        }
        match answer.then {
            Then::Next => {}
            Then::Close => break,
            Then::Hang => std::future::pending::<()>().await,
        }
    }
    connection.shutdown().await
}

async fn next_request(
    connection: &mut BufReader<TcpStream>,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if connection.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        connection.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    let mut log = log.lock().unwrap();
    let repeats = log.iter().filter(|it| (&it.method, &it.target) == (&method, &target)).count();
    let asked = Asked { method, target, headers, repeats };
    log.push(asked.clone());
    Ok(Some(asked))
}
