//! A network that fails at the worst moment: a proxy before a PostgreSQL server that ends connections
//! just before, or just after, the server has done what it was asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// What is asked does not reach the server.
    Before,
    /// The server does what it is asked, and its answer does not come back.
    After,
}

/// A proxy before a PostgreSQL server.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    due: Due,
    /// Counts the times at which all connections fell silent.
    silence: watch::Sender<u64>,
    task: JoinHandle<()>,
}

/// The bytes of the request that is still to be cut, and where.
type Due = Arc<Mutex<Option<(Vec<u8>, Cut)>>>;

/// A request of its own that commits (a simple query, PostgreSQL's protocol, section 55.2.2).
pub const COMMIT: &[u8] = b"COMMIT\0";

impl Cutter {
    /// Carries connections to this server.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let due = Due::default();
        let silence = watch::Sender::new(0);
        let task = tokio::spawn({
            let (due, silence) = (Arc::clone(&due), silence.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (due, mut silence) = (Arc::clone(&due), silence.subscribe());
                    tokio::spawn(async move {
                        let carried = carry(client, server, &due, async move {
                            let _ = silence.changed().await;
                        });
                        // Whoever goes away early misses the rest.
                        carried.await.ok()
                    });
                }
            }
        });
        Self { address, due, silence, task }
    }

    /// The address of a database on the server, through the proxy.
    ///
    /// # Panics
    ///
    /// Never: a URL of PostgreSQL has a host and a port.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let mut url: Url = database.parse().expect("a URL");
        url.set_host(Some(&self.address.ip().to_string())).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url.to_string()
    }

    /// Cuts the next connection whose client sends these bytes.
    ///
    /// # Panics
    ///
    /// Never: nobody panics while it changes what is due.
    pub fn cut(&self, bytes: &[u8], at: Cut) {
        *self.due.lock().expect("it is not poisoned") = Some((bytes.to_vec(), at));
    }

    /// Lets all connections that there are fall silent: they stay open, and carry nothing any more. New
    /// ones are carried.
    pub fn silence(&self) {
        self.silence.send_modify(|times| *times += 1);
    }

    /// Whether what was to be cut has been.
    ///
    /// # Panics
    ///
    /// Never, as [`Self::cut`].
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.due.lock().expect("it is not poisoned").is_none()
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is to be done about this request of a client.
fn take(due: &Due, request: &[u8]) -> Option<Cut> {
    let mut due = due.lock().expect("it is not poisoned");
    let wanted = |(bytes, at): &(Vec<u8>, Cut)| {
        request.windows(bytes.len()).any(|it| it == bytes).then_some(*at)
    };
    let cut = due.as_ref().and_then(wanted)?;
    *due = None;
    Some(cut)
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    due: &Due,
    silence: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let swallow = AtomicBool::new(false);
    let forth = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut buffer).await?;
            // A request is one write of the client, and one read here.
            match take(due, &buffer[..length]) {
                Some(Cut::Before) => return Ok::<_, std::io::Error>(()),
                Some(Cut::After) => swallow.store(true, Ordering::SeqCst),
                None if length == 0 => return Ok(()),
                None => {}
            }
            to_server.write_all(&buffer[..length]).await?;
        }
    };
    let back = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_server.read(&mut buffer).await?;
            if length == 0 || swallow.load(Ordering::SeqCst) {
                return Ok::<_, std::io::Error>(());
            }
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    // When one way ends, so does the other, and both connections with them.
    tokio::select! {
        ended = forth => return ended,
        ended = back => return ended,
        () = silence => {}
    }
    // Both ends are kept, and nobody is listened to.
    std::future::pending().await
}
