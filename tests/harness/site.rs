//! Other software that serves documents: what it says, a test decides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::Listener;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::tls::Authority;

/// What a site answers to every request.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// How it is served.
    pub manner: Manner,
}

/// How a site serves a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// As it is; 304 if the entity tag is known.
    #[default]
    Honest,
    /// 304 to every conditional request, whatever the condition.
    NeverModified,
    /// With other bytes at the end each time.
    NeverTheSame,
    /// With other dates each time.
    NewEntries,
}

/// A site that runs in this process.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

/// What a site says, and what it has heard.
#[derive(Debug)]
struct Told {
    page: Page,
    /// What it says at these paths instead.
    others: HashMap<String, Page>,
    asked: Vec<(String, HeaderMap)>,
    not_modified: usize,
}

impl Page {
    /// An Atom document.
    #[must_use]
    pub fn atom(body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", "application/atom+xml".to_owned())];
        Self { status: 200, headers, body: body.into(), manner: Manner::Honest }
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
        Self::listening(listener, "http", page)
    }

    /// Serves a page at every path, over TLS, with the certificate of a private authority.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start_with_tls(page: Page, authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::listening(authority.over(listener), "https", page)
    }

    fn listening<L>(listener: L, scheme: &'static str, page: Page) -> Self
    where
        L: Listener<Addr = SocketAddr>,
    {
        let address = listener.local_addr().expect("an address");
        let told = Told { page, others: HashMap::new(), asked: Vec::new(), not_modified: 0 };
        let state = Arc::new(Mutex::new(told));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move {
            // It ends with the site.
            let _ = axum::serve(listener, router).await;
        });
        Self { address, scheme, state, task }
    }

    /// The address of a path.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        format!("{}://{}{path}", self.scheme, self.address).parse().expect("a path")
    }

    /// Says something else from now on.
    pub fn say(&self, page: Page) {
        self.told().page = page;
    }

    /// Says this at one path from now on, whatever it says at the others.
    pub fn say_at(&self, path: &str, page: Page) {
        self.told().others.insert(path.to_owned(), page);
    }

    /// The paths that it was asked for, and the header fields of the requests.
    #[must_use]
    pub fn asked(&self) -> Vec<(String, HeaderMap)> {
        self.told().asked.clone()
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
    let page = told.others.get(request.uri().path()).unwrap_or(&told.page).clone();
    let etag = page.headers.iter().find(|(name, _)| *name == "etag");
    let known = request.headers().get("if-none-match").and_then(|it| it.to_str().ok());
    let is_conditional = known.is_some() || request.headers().contains_key("if-modified-since");
    let unchanged = match page.manner {
        Manner::NeverModified => is_conditional,
        _ => etag.is_some_and(|(_, etag)| known == Some(etag)),
    };
    let body = match page.manner {
        Manner::NeverTheSame => {
            Bytes::from([&page.body, format!("<!-- {} -->", told.asked.len()).as_bytes()].concat())
        }
        Manner::NewEntries => {
            let seconds = format!("T00:00:{:02}Z", told.asked.len() % 60);
            String::from_utf8_lossy(&page.body).replace("T00:00:00Z", &seconds).into()
        }
        _ => page.body.clone(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(page.status).expect("a status");
    for (name, value) in &page.headers {
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
