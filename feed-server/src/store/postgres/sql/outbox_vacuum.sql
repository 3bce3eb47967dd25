-- outbox_vacuum: removes the rows that were moved, so that nobody who looks has to pass over them
VACUUM (INDEX_CLEANUP TRUE, TRUNCATE FALSE, SKIP_LOCKED TRUE) feed_outbox
