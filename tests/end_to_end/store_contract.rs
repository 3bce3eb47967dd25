//! What every store promises, as tests that every store passes.
//!
//! A promise is a function of a [`Database`]. [`promises`] makes a test of each for one kind of
//! database, and one line at the end of this file names the kind.

mod appending;
mod concurrency;
mod feeds;
mod given;
mod identity;
mod meddling;
mod model;
mod postgres;
mod reading;
mod sqlite;
mod subjects;
mod time;
mod versions;

use std::sync::Arc;

use feed_server::store::EventStore;

/// A new, empty database of some kind; dropped with what it holds.
trait Database: Sync {
    /// The table that holds heads, and its column of their times.
    const HEADS: [&'static str; 2];

    /// Opens the database, as a process of its own would.
    fn open(&self) -> impl Future<Output = Arc<dyn EventStore>> + Send;

    /// Does with it what no program of ours would do: runs statements of somebody else's.
    fn meddle(&self, statements: &str) -> impl Future<Output = ()> + Send;
}

macro_rules! promises {
    (of $name:ident in $database:expr, $($module:ident: $($promise:ident),+;)+) => {
        mod $name {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    super::$module::$promise(&$database).await;
                }
            )+)+
        }
    };
    (of $name:ident in $database:expr) => {
        promises! {
            of $name in $database,
            appending:
                an_event_published_again_is_found_not_stored,
                an_append_sees_what_it_has_just_stored,
                the_same_id_with_other_content_stores_nothing_of_its_request,
                a_refused_request_does_not_disturb_its_neighbours,
                an_append_reaches_several_feeds,
                a_request_without_events_stores_none;
            concurrency:
                positions_are_gapless_in_commit_order_under_concurrent_appends,
                a_second_process_sees_commits,
                a_dropped_append_is_stored_whole_or_not_at_all;
            feeds:
                a_feed_is_created_once,
                feeds_are_listed_by_name,
                a_new_feed_is_empty,
                what_is_acknowledged_is_there_when_the_database_is_opened_again,
                a_closed_store_is_not_available;
            identity:
                a_uuid_becomes_a_urn_and_any_other_id_a_tag,
                a_uuid_used_by_another_source_gets_a_tag_iri,
                a_refused_request_uses_up_no_uuid;
            meddling:
                a_clock_that_is_set_back_does_not_set_a_feed_back,
                a_row_that_this_program_did_not_write_is_named,
                a_feed_without_its_feed_row_is_noticed,
                a_feed_without_its_events_is_noticed;
            model:
                a_model_predicts_every_answer,
                many_writers_leave_what_they_were_told;
            reading:
                absent_empty_and_null_data_stay_different,
                every_attribute_survives_the_store,
                a_window_covers_what_it_passes_over,
                a_window_ends_with_the_event_that_reaches_its_bytes,
                a_window_beyond_the_head_is_empty_and_tells_the_head,
                an_entry_is_found_by_its_position_and_by_its_source_and_id;
            subjects:
                a_subject_is_read_in_its_order_to_the_head,
                a_subject_ends_with_the_event_that_reaches_its_bytes,
                a_subject_that_the_feed_does_not_know_is_none;
            time:
                updated_never_goes_back,
                a_position_is_found_by_the_instant_after_it;
            versions:
                an_expected_version_is_checked_after_repeats,
                an_expected_version_sees_the_requests_before_it,
                an_expected_version_is_not_spoilt_by_a_refused_request;
        }
    };
}

promises!(of in_sqlite in super::sqlite::File::new());
promises!(of in_postgres in super::postgres::Fresh::new());
