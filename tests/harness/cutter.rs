//! A network that fails at the worst moment: a proxy before a PostgreSQL server that ends connections
//! while they commit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The COMMIT does not reach the server.
    BeforeCommit,
    /// The COMMIT reaches the server, and its answer does not come back.
    AfterCommit,
}

/// A proxy before a PostgreSQL server.
#[derive(Debug)]
pub struct Cutter {
    address: SocketAddr,
    /// How many commits are still to be cut: before and after they reach the server.
    due: Arc<[AtomicUsize; 2]>,
    task: JoinHandle<()>,
}

/// A simple query (PostgreSQL's protocol, section 55.7) that commits.
const COMMIT: &[u8] = b"COMMIT\0";

impl Cutter {
    /// Carries connections to this server.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let due = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let task = tokio::spawn({
            let due = Arc::clone(&due);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let due = Arc::clone(&due);
                    // Whoever goes away early misses the rest.
                    tokio::spawn(async move { carry(client, server, &due).await.ok() });
                }
            }
        });
        Self { address, due, task }
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

    /// Cuts one of the next commits.
    pub fn cut(&self, at: Cut) {
        self.due[at as usize].fetch_add(1, Ordering::SeqCst);
    }

    /// Whether all that was to be cut has been.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.due.iter().all(|due| due.load(Ordering::SeqCst) == 0)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn takes(due: &AtomicUsize) -> bool {
    due.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |due| due.checked_sub(1)).is_ok()
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    due: &[AtomicUsize; 2],
) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let forth = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut buffer).await?;
            let bytes = &buffer[..length];
            // A statement alone is one write of the client, and one read here.
            let commits = bytes.windows(COMMIT.len()).any(|it| it == COMMIT);
            if length == 0 || (commits && takes(&due[Cut::BeforeCommit as usize])) {
                return Ok::<_, std::io::Error>(());
            }
            to_server.write_all(bytes).await?;
            if commits && takes(&due[Cut::AfterCommit as usize]) {
                return Ok(());
            }
        }
    };
    let back = tokio::io::copy(&mut from_server, &mut to_client);
    // When one way ends, so does the other, and both connections with them.
    tokio::select! {
        ended = forth => ended,
        ended = back => ended.map(drop),
    }
}
