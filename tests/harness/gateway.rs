//! A gateway before a server: it carries requests, and treats what lasts as some gateways do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::http::Http;

/// A gateway. Each connection carries one request.
#[derive(Debug)]
pub struct Gateway {
    http: Http,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Counts the times at which all connections were cut.
    cuts: watch::Sender<u64>,
    task: JoinHandle<()>,
}

/// What a gateway does with an answer that lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It passes it on as it comes.
    Open,
    /// It collects it, and passes it on once it is whole.
    Collecting,
    /// It ends it after this time.
    Impatient(Duration),
}

impl Gateway {
    /// A gateway before this server, which passes on what comes.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let manner = Arc::new(Mutex::new(Manner::Open));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let cuts = watch::Sender::new(0);
        let task = tokio::spawn({
            let (manner, asked, cuts) = (Arc::clone(&manner), Arc::clone(&asked), cuts.clone());
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (manner, asked) = (Arc::clone(&manner), Arc::clone(&asked));
                    let mut cut = cuts.subscribe();
                    tokio::spawn(async move {
                        tokio::select! {
                            // Whoever goes away early misses the rest.
                            _ = carry(client, server, &manner, &asked) => {}
                            _ = cut.changed() => {}
                        }
                    });
                }
            }
        });
        let url = format!("http://{address}/").parse().expect("an address");
        Self { http: Http::new(url), manner, asked, cuts, task }
    }

    /// A client of the server through this gateway.
    #[must_use]
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Treats requests so from now on.
    pub fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        self.cuts.send_modify(|times| *times += 1);
    }

    /// The headers of the requests so far, in lower case, that contain this.
    #[must_use]
    pub fn asked(&self, what: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|it| it.contains(what)).cloned().collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    manner: &Mutex<Manner>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request).to_lowercase();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(&request[..request.len() - 2]).await?;
    upstream.write_all(b"connection: close\r\n\r\n").await?;
    let manner = *manner.lock().unwrap_or_else(PoisonError::into_inner);
    match manner {
        Manner::Open => {
            copy(&mut upstream, &mut client).await?;
        }
        Manner::Collecting => {
            let mut answer = Vec::new();
            upstream.read_to_end(&mut answer).await?;
            client.write_all(&answer).await?;
        }
        Manner::Impatient(limit) => {
            // What has not ended by then breaks off, or never begins.
            let _ = timeout(limit, copy(&mut upstream, &mut client)).await;
        }
    }
    client.shutdown().await
}
