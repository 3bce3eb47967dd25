//! Small programs that show the toolkit at work. Each is a program of its own, and its body is a
//! function here, so that a test can run it.
//!
//! # Layout
//!
//! - [`program`]: what every example does as a program
//! - [`quickstart`]: publish, serve and consume in one process
//! - [`publish_in_transaction`]: a shop whose orders and events are committed together
//! - [`handle_in_transaction`]: a consumer whose table says exactly what the feed says
//! - [`shop`]: a real shop's customers and orders

pub mod handle_in_transaction;
pub mod program;
pub mod publish_in_transaction;
pub mod quickstart;
pub mod shop;

/// The programs of the README, so that they compile as they stand there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
