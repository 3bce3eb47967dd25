//! A feed server that fails as it is told to: a proxy before an honest one.
//!
//! A caller must expect five kinds of failure of another process: that it crashes, leaves out, is late,
//! answers wrongly, or does just anything (Cristian 1991, Understanding fault-tolerant distributed
//! systems). Each [`Fault`] is of one of these kinds.

mod fault;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use self::fault::replace;
use crate::http::Http;

pub use self::fault::Fault;

/// Says what becomes of the request for a path; the number counts the requests.
type Script = Box<dyn FnMut(usize, &str) -> Option<Fault> + Send>;

/// A proxy before a server. Each connection carries one request.
#[derive(Debug)]
pub struct Faulty {
    http: Http,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

struct State {
    server: SocketAddr,
    script: Script,
    /// The first answer to each path.
    first: Vec<(String, Vec<u8>)>,
    asked: Vec<String>,
    spoiled: usize,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("asked", &self.asked.len()).finish_non_exhaustive()
    }
}

impl Faulty {
    /// Carries requests to this server, and spoils none as yet.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            server,
            script: Box::new(|_, _| None),
            first: Vec::new(),
            asked: Vec::new(),
            spoiled: 0,
        };
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let state = Arc::clone(&state);
                    tokio::spawn(async move {
                        // Whoever goes away early misses the rest.
                        let _ = carry(client, &state).await;
                    });
                }
            }
        });
        let url = format!("http://{address}/").parse().expect("an address");
        Self { http: Http::new(url), state, task }
    }

    /// One that spoils requests at random: `good` of a hundred arrive, with their answers.
    pub async fn at_random(server: SocketAddr, good: u32, mut random: StdRng) -> Self {
        let faulty = Self::before(server).await;
        faulty.script(move |_, _| {
            if random.random_range(0..100) < good {
                return None;
            }
            let faults = [
                Fault::Closed,
                Fault::Cut(random.random_range(0..100)),
                Fault::Flipped(random.random_range(0..100)),
                Fault::Empty,
                Fault::Status(503),
                Fault::Length(random.random_range(-9..9)),
                Fault::Encoding,
                Fault::Portal,
                Fault::Nonsense,
                Fault::Deep,
                Fault::Entities,
            ];
            Some(faults[random.random_range(0..faults.len())].clone())
        });
        faulty
    }

    /// Does this from now on; the count of requests begins anew.
    pub fn script(&self, script: impl FnMut(usize, &str) -> Option<Fault> + Send + 'static) {
        let mut state = self.state();
        state.script = Box::new(script);
        state.asked.clear();
        state.spoiled = 0;
    }

    /// Stands before another server from now on.
    pub fn turn_to(&self, server: SocketAddr) {
        self.state().server = server;
    }

    /// A client of the server through this proxy.
    #[must_use]
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// How many requests it has spoiled.
    #[must_use]
    pub fn spoiled(&self) -> usize {
        self.state().spoiled
    }

    /// The paths that it was asked for, with their queries.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn carry(mut client: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let request = header(&mut client).await?;
    let path = String::from_utf8_lossy(&request).split(' ').nth(1).unwrap_or("/").to_owned();
    let (server, fault) = {
        let mut state = lock(state);
        let number = state.asked.len();
        state.asked.push(path.clone());
        let fault = (state.script)(number, &path);
        state.spoiled += usize::from(fault.is_some());
        (state.server, fault)
    };
    let mut answer = match &fault {
        Some(fault) if !fault.needs_answer() => fault.own_answer(),
        Some(Fault::Instead(other)) => {
            fetch(server, &replace(&request, path.as_bytes(), other.as_bytes())).await?
        }
        // Compressed, the text would not be found.
        Some(Fault::Replaced(..)) => {
            fetch(server, &replace(&request, b"accept-encoding:", b"x-encoding:")).await?
        }
        _ => fetch(server, &request).await?,
    };
    if let Some(fault) = &fault {
        let first = lock(state).first.iter().find(|(it, _)| *it == path).map(|it| it.1.clone());
        fault.spoil(&mut answer, first);
    } else {
        let mut state = lock(state);
        if !state.first.iter().any(|(it, _)| *it == path) {
            state.first.push((path, answer.clone()));
        }
    }
    match fault {
        Some(Fault::Late(time)) => tokio::time::sleep(time).await,
        Some(Fault::Drip) => {
            for piece in answer.chunks(answer.len().div_ceil(50).max(1)) {
                client.write_all(piece).await?;
                client.flush().await?;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            return client.shutdown().await;
        }
        _ => {}
    }
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// The header of a request, which has no body.
async fn header(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    Ok(request)
}

/// The whole answer of the server, on a connection that ends with it.
async fn fetch(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server).await?;
    let end = request.len().saturating_sub(2);
    upstream.write_all(&request[..end]).await?;
    upstream.write_all(b"connection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).await?;
    Ok(answer)
}
