//! A proxy that a client is told to use, and that notes what it is asked for.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A proxy that runs in this process, for requests without TLS.
#[derive(Debug)]
pub struct ForwardProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl ForwardProxy {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new().fallback(forward).with_state(Arc::clone(&asked));
        let task = tokio::spawn(async move {
            // It ends with the proxy.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, asked, task }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The addresses that it was asked for since this was last called.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(State(asked): State<Arc<Mutex<Vec<String>>>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let url = parts.uri.to_string();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(url.clone());
    let client = crate::http::client();
    let answer = client.request(parts.method, url).headers(parts.headers).send().await;
    let answer = answer.expect("the server answers");
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != "transfer-encoding" && name != "connection" {
            response = response.header(name, value);
        }
    }
    let body = answer.bytes().await.expect("a whole answer");
    response.body(Body::from(body)).expect("an answer is an answer")
}
