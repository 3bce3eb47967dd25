//! A shop that places orders and publishes `order.placed` in one transaction of its own database.
//!
//! ```sh
//! cargo run --example publish_in_transaction                                  # SQLite, in a folder that is removed
//! cargo run --example publish_in_transaction -- --database shop.db            # SQLite, in a file that stays
//! cargo run --example publish_in_transaction -- --database postgres://postgres@localhost/shop
//! cargo run --example publish_in_transaction -- --once                        # places a few hundred orders, checks, and ends
//! ```

use std::process::ExitCode;

use feed_examples::{program, publish_in_transaction};

#[tokio::main]
async fn main() -> ExitCode {
    program::run("publish_in_transaction", publish_in_transaction::run).await
}
