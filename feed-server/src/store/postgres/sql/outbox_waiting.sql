-- outbox_waiting: the feeds in whose outbox committed events wait
SELECT key
FROM feed_feeds
WHERE EXISTS (SELECT 1 FROM feed_outbox WHERE feed_outbox.feed = feed_feeds.key)
ORDER BY key
