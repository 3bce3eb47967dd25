//! Where events are forwarded to: what it answers, a test decides.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::wait::within;

/// How fast a body drips.
const DRIP: Duration = Duration::from_millis(50);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How many requests with an event at the same position came before.
    pub repeats: usize,
}

/// What a target answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, with header fields and a short body.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection is closed without an answer.
    Cut,
    /// The answer's body is shorter than it says, and the connection closed.
    Short(u16),
    /// The answer's body comes byte by byte, and does not end.
    Drips(u16),
    /// No answer, and the connection stays open.
    Silence,
    /// A status, once this is told.
    Once(Arc<Notify>, u16),
}

/// A target that runs in this process, on a real socket.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    posted: Arc<Mutex<Vec<Posted>>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Reply {
    /// A status alone.
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::Status(status, Vec::new())
    }
}

impl Posted {
    /// A header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(it, _)| it == name);
        field.map(|(_, value)| value.as_str())
    }

    /// Where the event stands in its feed; 0 for none.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.header("feed-position").and_then(|it| it.parse().ok()).unwrap_or_default()
    }
}

impl Target {
    /// A target that answers so.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start(reply: impl Fn(&Posted) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let posted = Arc::new(Mutex::new(Vec::new()));
        let (counted, count) = watch::channel(0);
        let (reply, log, counted) = (Arc::new(reply), Arc::clone(&posted), Arc::new(counted));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reply, log, counted) =
                    (Arc::clone(&reply), Arc::clone(&log), Arc::clone(&counted));
                // The other side may leave at any time.
                tokio::spawn(async move { serve(stream, &*reply, &log, &counted).await.ok() });
            }
        });
        Self { address, posted, count, task }
    }

    /// The address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    #[must_use]
    pub fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Their positions.
    #[must_use]
    pub fn positions(&self) -> Vec<u64> {
        self.posted().iter().map(Posted::position).collect()
    }

    /// Waits until there have been this many requests.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub async fn reached(&self, number: usize) {
        let mut count = self.count.clone();
        let what = format!("{number} requests at the target");
        within(&what, count.wait_for(|it| *it >= number)).await.expect("the target runs");
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    stream: TcpStream,
    reply: &(dyn Fn(&Posted) -> Reply + Send + Sync),
    log: &Mutex<Vec<Posted>>,
    counted: &watch::Sender<usize>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(mut posted) = next_request(&mut stream).await? {
        let count = {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            posted.repeats = log.iter().filter(|it| it.position() == posted.position()).count();
            log.push(posted.clone());
            log.len()
        };
        let reply = reply(&posted);
        counted.send_replace(count);
        let drips = matches!(reply, Reply::Drips(_));
        let (status, headers, length) = match reply {
            Reply::Cut => return Ok(()),
            Reply::Silence => std::future::pending().await,
            Reply::Once(told, status) => {
                told.notified().await;
                (status, Vec::new(), 5)
            }
            Reply::Status(status, headers) => (status, headers, 5),
            Reply::Short(status) | Reply::Drips(status) => (status, Vec::new(), 500),
        };
        let fields: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let answer =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{fields}\r\nsaid\n");
        stream.write_all(answer.as_bytes()).await?;
        if drips {
            let mut ticks = tokio::time::interval(DRIP);
            loop {
                ticks.tick().await;
                stream.write_all(b".").await?;
            }
        }
        if length > 5 {
            return Ok(());
        }
    }
    Ok(())
}

async fn next_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Posted>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Posted { method, path, headers, body, repeats: 0 }))
}
