//! A request and its answer, after redirects, and after a token that has been replaced.

use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::{Client, innermost, redirect};
use crate::reading::error::ReadError;

/// An answer, of which the body has yet to come.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) response: reqwest::Response,
    /// The redirects before it: their status, and where they led.
    pub(super) redirects: Vec<(StatusCode, Url)>,
}

impl Client {
    /// Makes a request, follows redirects within the origins that may be asked, and says who we
    /// are to the feed's own origin alone. Each answer must begin within `limit`.
    pub(super) async fn exchange(
        &self,
        method: Method,
        asked: &Url,
        headers: &HeaderMap,
        limit: Duration,
    ) -> Result<Exchange, ReadError> {
        let mut url = asked.clone();
        let mut redirects = Vec::new();
        let mut replaced = None;
        loop {
            let own = self.origins.is_own(&url);
            let token = replaced.clone().or_else(|| self.credentials.field()).filter(|_| own);
            let response = self.ask(&method, &url, headers, token.clone(), limit).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED
                && replaced.is_none()
                && let Some(refused) = token
                && let Some(other) = self.credentials.other_than(&refused)
            {
                replaced = Some(other);
                continue;
            }
            let Some(to) = redirect::target(&url, status, response.headers()) else {
                return Ok(Exchange { response, redirects });
            };
            if let Err(refused) = self.origins.check(redirects.len(), &to) {
                let source = Box::new(refused);
                let url = asked.to_string();
                return Err(ReadError::Transport { method, url, what: "no answer", source });
            }
            redirects.push((status, to.clone()));
            url = to;
        }
    }

    async fn ask(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        authorization: Option<HeaderValue>,
        limit: Duration,
    ) -> Result<reqwest::Response, ReadError> {
        let mut asked = self.http.request(method.clone(), url.clone()).headers(headers.clone());
        if let Some(authorization) = authorization {
            asked = asked.header(AUTHORIZATION, authorization);
        }
        let (method, what) = (method.clone(), "no answer");
        match timeout(limit, asked.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let (url, source) = (url.to_string(), innermost(error));
                Err(ReadError::Transport { method, url, what, source })
            }
            Err(_) => Err(ReadError::TimedOut { method, url: url.to_string(), what, limit }),
        }
    }
}
