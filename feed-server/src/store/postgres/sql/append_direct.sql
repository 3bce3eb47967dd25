-- append_direct: a whole append of one feed, if its head is the one that was expected ($2), nothing waits in its outbox ($15 the mark of the last look; behind OFFSET, so that the statement is not planned anew for each), and it holds no event of these ids; $3 its new head, then an array for each column of the events; the time that they were given, or no row
WITH feed AS (
    UPDATE feed_heads
    SET position = $3, updated = greatest(feed_heads.updated, present.now)
    FROM (
        SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now
    ) AS present
    WHERE
        feed_heads.feed = $1
        AND feed_heads.position = $2
        AND set_config('lock_timeout', '5s', true) IS NOT NULL
        AND (
            current_setting('synchronous_commit') <> 'off'
            OR set_config('synchronous_commit', 'on', true) IS NOT NULL
        )
        AND NOT EXISTS (
            SELECT 1
            FROM (SELECT $15::text AS mark OFFSET 0) AS look
            CROSS JOIN LATERAL feed_waiting($1, look.mark, 1)
        )
        AND NOT EXISTS (
            SELECT 1
            FROM unnest($7::text []) AS wanted (id)
            CROSS JOIN LATERAL (
                SELECT 1
                FROM feed_events AS event
                WHERE event.feed = $1 AND event.id = wanted.id
                LIMIT 1
            ) AS taken
        )
    RETURNING feed_heads.updated
),

events AS (
    INSERT INTO feed_events (
        feed, position, updated, iri, source, id, type, subject, time,
        datacontenttype, dataschema, extensions, data
    )
    SELECT
        $1, event.position, feed.updated, event.iri, event.source, event.id, event.type,
        event.subject, event.time, event.datacontenttype, event.dataschema, event.extensions,
        event.data
    FROM feed
    CROSS JOIN unnest(
        $4::bigint [], $5::text [], $6::text [], $7::text [], $8::text [], $9::text [], $10::text [],
        $11::text [], $12::text [], $13::text [], $14::bytea []
    ) AS event (
        position, iri, source, id, type, subject, time,
        datacontenttype, dataschema, extensions, data
    )
)

SELECT updated FROM feed
