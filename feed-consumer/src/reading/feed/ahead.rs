//! The next page, got while the one before is decoded and handled.
//!
//! One at a time, and only full pages: they never change, so it makes no difference when they were got.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;
use url::Url;

use crate::reading::client::{Client, Request, Response};
use crate::reading::error::ReadError;

/// How large the page before may be for the next one to be got ahead, in bytes: so much more memory may
/// be taken.
const MAX_BYTES: usize = 4 << 20;

/// A page that is on its way, if there is one.
#[derive(Debug, Default)]
pub(super) struct Ahead(Mutex<Option<Coming>>);

#[derive(Debug)]
struct Coming {
    url: Url,
    answer: JoinHandle<Result<Response, ReadError>>,
}

impl Ahead {
    /// Gets this page from now on, which comes after one of so many bytes.
    pub(super) fn begin(&self, client: &Client, url: &Url, accept: &'static str, bytes: usize) {
        if bytes > MAX_BYTES {
            return;
        }
        let (client, wanted) = (client.clone(), url.clone());
        let answer = tokio::spawn(async move {
            let request =
                Request { url: &wanted, accept, wait: None, fresh: false, validators: None };
            client.get(request).await
        });
        self.replace(Some(Coming { url: url.clone(), answer }));
    }

    /// The answer to a request: the one that is on its way, if it is the same.
    pub(super) async fn answer(
        &self,
        client: &Client,
        request: Request<'_>,
    ) -> Result<Response, ReadError> {
        let is_plain = request.wait.is_none() && !request.fresh && request.validators.is_none();
        let coming = self.replace(None).filter(|coming| is_plain && coming.url == *request.url);
        if let Some(mut coming) = coming
            && let Ok(answer) = (&mut coming.answer).await
        {
            return answer;
        }
        client.get(request).await
    }

    /// Gives up what is on its way.
    pub(super) fn give_up(&self) {
        self.replace(None);
    }

    fn replace(&self, coming: Option<Coming>) -> Option<Coming> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), coming)
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.answer.abort();
    }
}
