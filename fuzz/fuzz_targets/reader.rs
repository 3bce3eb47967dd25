//! Whatever a server may answer to the consumer: header fields, an empty line, and a body.
//!
//! ```sh
//! cargo +nightly fuzz run --fuzz-dir fuzz reader fuzz/corpus/reader fuzz/seeds/reader
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: &[u8]| feed_consumer::read_answer(answer));
