-- outbox_rejected: how many events have been rejected
SELECT count(*) FROM feed_rejected
