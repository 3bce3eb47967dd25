//! End-to-end tests over real processes, sockets and databases.
//!
//! They are written from the contract, `docs/PROTOCOL.md`, and know nothing of how it is kept.
//! One module a topic; what they stand on is the library of this package.

mod check;
mod cli_publish;
mod cli_serve;
mod consumer_config;
mod consumer_crash;
mod consumer_cursor;
mod consumer_deadline;
mod consumer_exec;
mod consumer_faults;
mod consumer_foreign;
mod consumer_forward;
mod consumer_hostile;
mod consumer_http;
mod consumer_live;
mod consumer_once;
mod consumer_parked;
mod consumer_pause;
mod consumer_repair;
mod consumer_reshard;
mod consumer_run;
mod consumer_start;
mod consumer_stops;
mod consumer_transactional;
mod crash;
mod degraded;
mod doctor;
mod examples;
mod group_faults;
mod group_foreign;
mod group_poison;
mod group_programs;
mod group_recovery;
mod group_take_over;
mod late_commit;
mod links_under_a_prefix;
mod maintenance;
mod metrics;
mod other_readers;
mod postgres_trouble;
mod proxies;
mod public_url;
mod publish_in;
mod rollover;
mod service_document;
mod several_servers;
mod status;
mod store_contract;
mod wire_conditional;
mod wire_current;
mod wire_entries;
mod wire_errors;
mod wire_head;
mod wire_long_poll;
mod wire_negotiation;
mod wire_pages;
mod wire_publish;
mod wire_publish_limits;
mod wire_publish_refused;
mod wire_stream;
mod wire_subjects;
mod wire_tail;

/// Held by tests that start many processes, or measure how long something takes: one at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
