-- outbox_try: puts an event into the outbox of the feed named $1 where nothing is in its way: the subject's lock ($12, NULL without a subject) is free, the feed is the one with the atom:id $2, neither feed nor outbox hold its source and id, and the commit will be durable. The lock is taken before the event's key is drawn, which is when the row is made; $13 the event's own atom:id
WITH turn AS MATERIALIZED (
    SELECT $12::bigint IS NULL OR pg_try_advisory_xact_lock($12::bigint) AS ours
)

INSERT INTO feed_outbox (
    feed, iri, source, id, type, subject, time, datacontenttype, dataschema, extensions, data
)
SELECT feed.key, $13, $3, $4, $5, $6, $7, $8, $9, $10, $11
FROM turn
INNER JOIN feed_feeds AS feed ON turn.ours AND feed.name = $1 AND feed.iri = $2
WHERE
    current_setting('synchronous_commit') <> 'off'
    AND NOT EXISTS (
        SELECT 1
        FROM feed_events AS event
        WHERE event.feed = feed.key AND event.id = $4 AND event.source = $3
    )
ON CONFLICT (feed, id, source) DO NOTHING
RETURNING key
