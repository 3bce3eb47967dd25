//! A network that fails: a proxy that spoils a part of what it carries.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http::Http;

/// A proxy before a server. Each connection carries one request.
#[derive(Debug)]
pub struct BadNetwork {
    http: Http,
    spoiled: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The answer arrives.
    Carried,
    /// The connection ends before there is an answer.
    Closed,
    /// A part of the answer arrives.
    Cut,
    /// A byte of the answer's body is another one.
    Flipped,
    /// A gateway answers in the server's stead.
    Overloaded,
    /// A page for people comes in the document's stead, as hotels do it.
    Portal,
    /// What is no HTTP comes.
    Nonsense,
    /// A document of the right type that is no document comes.
    Bomb,
}

const FATES: [Fate; 7] = [
    Fate::Closed,
    Fate::Cut,
    Fate::Flipped,
    Fate::Overloaded,
    Fate::Portal,
    Fate::Nonsense,
    Fate::Bomb,
];

impl BadNetwork {
    /// Carries requests to this server; `good` of a hundred arrive, with their answers.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn before(server: SocketAddr, good: u32, random: StdRng) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let spoiled = Arc::new(Mutex::new(0));
        let count = Arc::clone(&spoiled);
        let task = tokio::spawn(async move {
            let mut random = random;
            while let Ok((client, _)) = listener.accept().await {
                let fate = if random.random_range(0..100) < good {
                    Fate::Carried
                } else {
                    *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                    FATES[random.random_range(0..FATES.len())]
                };
                let chance = random.random();
                tokio::spawn(async move {
                    // Whoever goes away early misses the rest.
                    let _ = carry(client, server, fate, chance).await;
                });
            }
        });
        let url = format!("http://{address}/").parse().expect("an address");
        Self { http: Http::new(url), spoiled, task }
    }

    /// A client of the server through this network.
    #[must_use]
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// How many requests it has spoiled.
    #[must_use]
    pub fn spoiled(&self) -> usize {
        *self.spoiled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    server: SocketAddr,
    fate: Fate,
    chance: u64,
) -> std::io::Result<()> {
    let request = header(&mut client).await?;
    let written = |status: &str, kind: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
             retry-after: 0\r\nconnection: close\r\n\r\n{body}"
        )
    };
    let answer = match fate {
        Fate::Closed => Vec::new(),
        Fate::Overloaded => written("503 Busy", "text/plain", "not now").into(),
        Fate::Portal => written("200 OK", "text/html", "<html><p>Welcome</html>").into(),
        Fate::Nonsense => b"\x16\x03\x01 this is no HTTP\r\n\r\n".into(),
        Fate::Bomb => {
            let feed = "<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;&b;&b;'>]>\
                        <feed xmlns='http://www.w3.org/2005/Atom'><title>&c;</title></feed>";
            written("200 OK", "application/atom+xml", feed).into()
        }
        Fate::Carried | Fate::Cut | Fate::Flipped => {
            let mut answer = fetch(server, &request).await?;
            let place = usize::try_from(chance).unwrap_or_default() % answer.len().max(1);
            match fate {
                Fate::Cut => answer.truncate(place),
                Fate::Flipped => flip(&mut answer, place),
                _ => {}
            }
            answer
        }
    };
    client.write_all(&answer).await?;
    client.shutdown().await
}

/// Spoils a byte of the body in a way that shows: nobody can tell a digit from another one.
fn flip(answer: &mut [u8], place: usize) {
    let body = answer.windows(4).position(|it| it == b"\r\n\r\n").map_or(0, |end| end + 4);
    if let Some(byte) = answer.get_mut(place.max(body)) {
        *byte = 0xFF;
    }
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
