//! A dependable event log over plain HTTP: Atom and CloudEvents feeds from an SQL database.
//!
//! Mount [`FeedServer::router`] in your own axum app, publish with [`FeedServer::publisher`], or
//! run the `feed-server` binary.
//!
//! # Layout
//!
//! - [`FeedServer`]: settings, and what they build (`builder`)
//! - `server`: the listener of the binary, with its time-outs and its graceful end
//! - `router`: every address, and the handler behind it
//! - `handlers`: from a request to an answer
//! - `publishing`: from an event that is stated to one that is committed
//! - `paging`: which positions a document covers, and its bytes
//! - `feeds`: the feeds that are served, and how far each has come
//! - [`store`]: where events are kept
//! - [`cli`]: the binary's commands

mod builder;
mod checking;
pub mod cli;
mod clock;
mod config;
mod feeds;
mod handlers;
mod metrics;
mod paging;
mod publishing;
mod random;
mod router;
mod server;
pub mod store;

pub use builder::{BuildError, FeedServer, FeedServerBuilder};
pub use publishing::{IntoEvent, NewEvent, PublishError, PublishLimits, Publisher, Receipt};
pub use server::{ServeError, serve};
pub use store::postgres::PostgresStore;
pub use store::sqlite::SqliteStore;
