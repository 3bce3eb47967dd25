-- outbox_put: puts an event into the outbox of the feed named $1, if the feed is the one with the atom:id $2, neither feed nor outbox hold its source and id, the subject has $12 events where that is not NULL, and the transaction's settings allow it; one row that tells what was found, all of it as of one moment; $13 the event's own atom:id
WITH feed AS (
    SELECT key, iri FROM feed_feeds WHERE name = $1
),

setting AS (
    SELECT
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('transaction_isolation') AS isolation
),

found AS (
    SELECT
        (
            SELECT event.position
            FROM feed_events AS event
            WHERE event.feed = feed.key AND event.id = $4 AND event.source = $3
        ) AS position,
        (
            SELECT waiting.key
            FROM feed_outbox AS waiting
            WHERE waiting.feed = feed.key AND waiting.id = $4 AND waiting.source = $3
        ) AS waiting,
        CASE WHEN $12::bigint IS NOT NULL THEN
            (
                SELECT count(*)
                FROM feed_events AS event
                WHERE event.feed = feed.key AND event.subject = $6
            ) + (
                SELECT count(*)
                FROM feed_outbox AS waiting
                WHERE waiting.feed = feed.key AND waiting.subject = $6
            )
        END AS version
    FROM feed
),

put AS (
    INSERT INTO feed_outbox (
        feed, iri, source, id, type, subject, time, datacontenttype, dataschema, extensions, data
    )
    SELECT feed.key, $13, $3, $4, $5, $6, $7, $8, $9, $10, $11
    FROM feed, setting, found
    WHERE
        feed.iri = $2
        AND setting.synchronous_commit <> 'off'
        AND ($12::bigint IS NULL OR setting.isolation = 'read committed')
        AND found.position IS NULL
        AND found.waiting IS NULL
        AND found.version IS NOT DISTINCT FROM $12::bigint
    ON CONFLICT (feed, id, source) DO NOTHING
    RETURNING key
)

SELECT
    (SELECT iri FROM feed),
    setting.synchronous_commit,
    setting.isolation,
    (SELECT position FROM found),
    (SELECT waiting FROM found),
    (SELECT version FROM found),
    (SELECT key FROM put)
FROM setting
