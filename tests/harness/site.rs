//! Other software that serves a document: what it says, a test decides.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

/// What a site answers to every request.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// A site that runs in this process.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    state: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

/// What a site says, and what it has heard.
#[derive(Debug)]
struct Told {
    page: Page,
    asked: Vec<(String, HeaderMap)>,
    not_modified: usize,
}

impl Page {
    /// An Atom document.
    #[must_use]
    pub fn atom(body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", "application/atom+xml".to_owned())];
        Self { status: 200, headers, body: body.into() }
    }

    /// With a header field more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(it, _)| *it != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Site {
    /// Serves a page at every path.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start(page: Page) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(Told { page, asked: Vec::new(), not_modified: 0 }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move {
            // It ends with the site.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, state, task }
    }

    /// The address of a path.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().expect("a path")
    }

    /// Says something else from now on.
    pub fn say(&self, page: Page) {
        self.told().page = page;
    }

    /// How often it was asked, and how often it answered with 304.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        let told = self.told();
        (told.asked.len(), told.not_modified)
    }

    /// The paths that it was asked for.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.told().asked.iter().map(|(path, _)| path.clone()).collect()
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(state): State<Arc<Mutex<Told>>>, request: Request) -> Response {
    let mut told = state.lock().unwrap_or_else(PoisonError::into_inner);
    told.asked.push((request.uri().path().to_owned(), request.headers().clone()));
    let etag = told.page.headers.iter().find(|(name, _)| *name == "etag");
    let known = request.headers().get("if-none-match").and_then(|it| it.to_str().ok());
    let unchanged = etag.is_some_and(|(_, etag)| known == Some(etag));
    let mut response = Response::new(Body::from(told.page.body.clone()));
    *response.status_mut() = StatusCode::from_u16(told.page.status).expect("a status");
    for (name, value) in &told.page.headers {
        let value = HeaderValue::from_str(value).expect("a value");
        response.headers_mut().append(HeaderName::from_static(name), value);
    }
    if unchanged {
        told.not_modified += 1;
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
    }
    response
}
