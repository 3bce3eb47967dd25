//! A consumer whose table says exactly what the feed says, after any crash.
//!
//! ```sh
//! cargo run --example handle_in_transaction -- http://127.0.0.1:3000/feeds/orders          # SQLite, in ./revenue.db
//! cargo run --example handle_in_transaction -- http://127.0.0.1:3000/feeds/orders --database postgres://postgres@localhost/shop
//! ```

use std::process::ExitCode;

use feed_examples::{handle_in_transaction, program};

#[tokio::main]
async fn main() -> ExitCode {
    program::run("handle_in_transaction", handle_in_transaction::run).await
}
