//! Refuses requests whose header is too large.
//!
//! hyper bounds the buffer that it reads a header into, and lets in what its last read brings beyond
//! that, nearly twice as much. This holds to the limit itself.

use futures_util::future::{Either, Ready, ready};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::service::Service;

/// A service behind the limit.
#[derive(Debug, Clone)]
pub(super) struct HeaderLimit<S> {
    service: S,
    max_bytes: usize,
}

impl<S> HeaderLimit<S> {
    pub(super) fn new(service: S, max_bytes: usize) -> Self {
        Self { service, max_bytes }
    }
}

impl<S, A, B: Default> Service<Request<A>> for HeaderLimit<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    // No box: there is one for each client that waits.
    type Future = Either<Ready<Result<S::Response, S::Error>>, S::Future>;

    fn call(&self, request: Request<A>) -> Self::Future {
        if header_bytes(&request) > self.max_bytes {
            return Either::Left(ready(Ok(too_large())));
        }
        Either::Right(self.service.call(request))
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
fn too_large<B: Default>() -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
