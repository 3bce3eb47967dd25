//! Private PostgreSQL clusters for tests and benchmarks: real servers with real durability, each
//! in a temporary folder, on a port and a Unix socket of its own.
//!
//! Nothing outlives the process that started it, not even when that process is killed: a small
//! shell script, the keeper, holds the other end of a pipe, and ends the server and removes the
//! folder when the pipe closes. The keeper and the server are never root; what root starts runs as
//! `postgres`, or as `nobody` where there is no such user.
//!
//! Every function that starts or stops something blocks: call it from `spawn_blocking` where that
//! matters. PostgreSQL's server programs must be installed, of version 13 or newer; psql is not
//! needed, and `ps` only to [kill](Cluster::kill).
//!
//! # Layout
//!
//! - `cluster`: a server with its databases
//! - `keeper`, `keeper.sh`: the process that stands between a server and its owner
//! - `template`: the state in which every cluster begins, made once a process
//! - `programs`: where PostgreSQL is installed
//! - `user`: as whom it runs
//! - `random`: names and ports that nobody else chooses

#![forbid(unsafe_code)]

mod cluster;
mod keeper;
mod programs;
mod random;
mod template;
mod user;

pub use cluster::{Cluster, Mode};
pub use programs::Programs;
