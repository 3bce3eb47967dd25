-- append_heads: locks the feeds of an append, in the order of their keys, until its end; how far they have come, what time it is, and whether events wait in their outbox. No key changes, so that nobody who refers to a feed has to wait
SELECT
    key,
    head_position,
    head_updated,
    CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint),
    EXISTS (SELECT 1 FROM feed_outbox WHERE feed_outbox.feed = feed_feeds.key)
FROM feed_feeds
WHERE key = any($1)
ORDER BY key
FOR NO KEY UPDATE
