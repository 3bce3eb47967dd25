//! What the end-to-end tests stand on: real processes, real sockets, real databases.
//!
//! Every wait is bounded: what hangs fails, and says what it waited for. Nothing outlives its
//! test: processes are killed and their files removed when their values are dropped.
//!
//! # Layout
//!
//! - [`binaries`]: the programs under test, built once a run
//! - [`process`]: a program that runs, and its output
//! - [`server`]: a `feed-server` on a database of its own
//! - [`postgres`]: PostgreSQL databases, a new one for each test
//! - [`mounted`]: an app that is served by the test's own process
//! - [`consumer`]: `feed-consumer`, with a database of its own
//! - [`site`]: other software that serves a document
//! - [`faulty`]: a feed server that fails as it is told to
//! - [`group`]: workers that share a subscription, and what befalls them
//! - [`history`]: what their handlers did, as they recorded it
//! - [`target`]: where events are forwarded to
//! - [`tls`]: a private certificate authority
//! - [`forward_proxy`]: a proxy that a client is told to use
//! - [`gateway`]: a gateway that treats what lasts in a manner of its own
//! - [`cutter`]: a proxy that ends connections to PostgreSQL while they commit
//! - [`small_disk`]: a disk that is soon full
//! - [`tools`]: programs that know nothing of this project
//! - [`http`]: requests, and answers with what a test asks of them
//! - [`raw`]: requests byte by byte, for those that no client library sends
//! - [`sse`]: a stream of server-sent events, block by block
//! - [`events`]: events to publish
//! - [`reading`]: a feed read whole
//! - [`follow`]: readers who follow a feed as it grows
//! - [`random`]: randomness that can be repeated
//! - [`wait`]: bounded waits

pub mod binaries;
pub mod consumer;
pub mod cutter;
pub mod events;
pub mod faulty;
pub mod follow;
pub mod forward_proxy;
pub mod gateway;
pub mod group;
pub mod history;
pub mod http;
pub mod mounted;
pub mod postgres;
pub mod process;
pub mod random;
pub mod raw;
pub mod reading;
pub mod server;
pub mod site;
pub mod small_disk;
pub mod sse;
pub mod target;
pub mod tls;
pub mod tools;
pub mod wait;

pub use consumer::Subscription;
pub use http::{Answer, Http};
pub use server::{ServerOptions, ServerProcess};
pub use wait::{PATIENCE, eventually, within};
