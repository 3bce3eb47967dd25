//! A shop that places orders and publishes `order.placed` in one transaction of its own database.
//!
//! ```sh
//! cargo run --example publish_in_transaction                                  # SQLite, in a folder that is removed
//! cargo run --example publish_in_transaction -- --database shop.db            # SQLite, in a file that stays
//! cargo run --example publish_in_transaction -- --database postgres://postgres@localhost/shop
//! cargo run --example publish_in_transaction -- --once                        # places a few hundred orders, checks, and ends
//! ```

use std::process::ExitCode;

use clap::Parser;
use feed_examples::publish_in_transaction::{self, Options};

#[tokio::main]
async fn main() -> ExitCode {
    let interrupted = async {
        // Without signals only --once ends by itself.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    match publish_in_transaction::run(Options::parse(), interrupted).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("publish_in_transaction: {error:#}");
            ExitCode::FAILURE
        }
    }
}
