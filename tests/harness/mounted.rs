//! An app that is served by the test's own process.

use std::ops::Deref;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::http::Http;

/// An app that is served until this is dropped. It derefs to a client of it.
#[derive(Debug)]
pub struct Mounted {
    http: Http,
    task: JoinHandle<()>,
}

impl Mounted {
    /// Serves an app.
    ///
    /// # Panics
    ///
    /// When there is no port for it.
    pub async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let url: Url = format!("http://{address}/").parse().expect("a URL");
        let task = tokio::spawn(async move {
            feed_server::serve(listener, app, std::future::pending()).await.expect("it serves");
        });
        Self { http: Http::new(url), task }
    }
}

impl Deref for Mounted {
    type Target = Http;

    fn deref(&self) -> &Http {
        &self.http
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.task.abort();
    }
}
