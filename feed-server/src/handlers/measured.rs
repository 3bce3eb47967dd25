//! Every request is counted, and its time taken.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use http::request::Parts;
use tokio::time::Instant;

use super::App;
use super::prefer::Waited;
use super::read::mount;

/// What stands for the route of a request to an address where nothing is.
const NO_ROUTE: &str = "none";

/// Counts the request by its route once it is answered.
pub(crate) async fn measured(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let (route, method) = (route(&parts), method(&parts.method));
    let response = next.run(Request::from_parts(parts, body)).await;
    let has_waited = response.extensions().get::<Waited>().is_some();
    let took = (!has_waited).then(|| begun.elapsed());
    app.metrics.answered(route, method, response.status().as_u16(), took);
    response
}

/// The route as the router names it, wherever that is mounted: of those there are a handful, and of
/// paths as many as clients think of.
fn route(parts: &Parts) -> Cow<'static, str> {
    let Some(matched) = parts.extensions.get::<MatchedPath>() else { return NO_ROUTE.into() };
    let matched = matched.as_str();
    matched.strip_prefix(mount(parts).as_str()).unwrap_or(matched).to_owned().into()
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}
