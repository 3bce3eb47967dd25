//! Publishing in a transaction of the caller's, on both databases.
//!
//! What both promise is a function of a [`given::Place`], and a test of each for every kind of
//! database; what only one of them can meet is in the file of its name.

mod both;
pub(crate) mod given;
mod postgres;
mod relay;
mod sqlite;

macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::both::$test(super::given::InSqlite::new().await).await;
                }
            )+
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::both::$test(super::given::InPostgres::new().await).await;
                }
            )+
        }
    };
}

on_both!(
    an_event_and_the_change_that_it_tells_of_commit_together,
    a_transaction_that_is_rolled_back_leaves_no_trace,
    a_savepoint_that_is_rolled_back_leaves_no_trace,
    the_same_event_again_is_no_second_one_wherever_it_was_published,
    the_same_id_with_other_content_leaves_the_transaction_usable,
    an_expected_version_counts_what_waits_and_what_is_in_the_transaction,
    of_two_transactions_that_expect_the_same_version_one_gets_it,
    what_is_no_event_or_too_large_is_refused_before_the_transaction_is_touched,
    a_transaction_of_another_database_is_refused,
    every_attribute_and_the_data_survive,
    many_transactions_at_once_are_all_there_in_the_order_of_their_subjects,
);
