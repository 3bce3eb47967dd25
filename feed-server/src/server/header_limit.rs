//! Refuses requests whose header is too large.
//!
//! hyper bounds the buffer that it reads a header into, and lets in what its last read brings beyond
//! that, nearly twice as much. This holds to the limit itself.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use futures_util::future::{Either, Ready, ready};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

type Inner = TowerToHyperService<Router>;

/// A router behind the limit.
#[derive(Debug, Clone)]
pub(super) struct HeaderLimit {
    router: Inner,
    max_bytes: usize,
}

impl HeaderLimit {
    pub(super) fn new(router: Router, max_bytes: usize) -> Self {
        Self { router: TowerToHyperService::new(router), max_bytes }
    }
}

impl Service<Request<Incoming>> for HeaderLimit {
    type Response = Response<Body>;
    type Error = Infallible;
    // No box: there is one for each client that waits.
    type Future = Either<
        Ready<Result<Response<Body>, Infallible>>,
        <Inner as Service<Request<Incoming>>>::Future,
    >;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if header_bytes(&request) > self.max_bytes {
            return Either::Left(ready(Ok(too_large())));
        }
        Either::Right(self.router.call(request))
    }
}

/// What the header measures on the wire: the request line, and each field with its separators.
fn header_bytes<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let field = |name: &str, value: &HeaderValue| name.len() + value.len() + ": \r\n".len();
    let fields = request.headers().iter().map(|(name, value)| field(name.as_str(), value));
    line + fields.sum::<usize>() + "\r\n".len()
}

/// 431 (RFC 6585, section 5), as hyper itself answers what is larger than its buffer.
fn too_large() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
