-- outbox_move: gives places to what waits in the outbox of feed $1, unless another append comes in between or an id is known or used by two sources: at most $3 events, ending with the one by which their data reach $4 bytes; $2 the mark of the last look. One row: how many wait, the new head if they were moved, whether more wait, and the mark of this look. A statement whose parts disagree divides by zero
WITH waiting AS MATERIALIZED (
    SELECT key, place, id, total
    FROM (
        SELECT key, place, id, bytes, sum(bytes) OVER (ORDER BY key) AS total
        FROM feed_waiting($1, $2, $3)
    ) AS sized
    WHERE total - bytes < $4
),

measured AS MATERIALIZED (
    SELECT
        count(*) AS number,
        count(DISTINCT id) AS ids,
        count(*) >= $3 OR coalesce(max(total) >= $4, false) AS is_full
    FROM waiting
),

feed AS (
    UPDATE feed_heads
    SET
        position = feed_heads.position + measured.number,
        updated = greatest(
            feed_heads.updated, CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
        )
    FROM measured, (SELECT position FROM feed_heads WHERE feed = $1) AS seen
    WHERE
        feed_heads.feed = $1
        AND feed_heads.position = seen.position
        AND measured.number > 0
        AND measured.number = measured.ids
        AND set_config('lock_timeout', '5s', true) IS NOT NULL
        AND (
            current_setting('synchronous_commit') <> 'off'
            OR set_config('synchronous_commit', 'on', true) IS NOT NULL
        )
        AND NOT EXISTS (
            SELECT 1
            FROM waiting
            CROSS JOIN LATERAL (
                SELECT 1
                FROM feed_events AS event
                WHERE event.feed = $1 AND event.id = waiting.id COLLATE "C"
                LIMIT 1
            ) AS taken
        )
    RETURNING feed_heads.position, feed_heads.updated
),

taken AS (
    DELETE FROM feed_outbox
    WHERE ctid = any(ARRAY(SELECT place FROM waiting)) AND EXISTS (SELECT 1 FROM feed)
    RETURNING feed_outbox.*
),

events AS (
    INSERT INTO feed_events (
        feed, position, updated, iri, source, id, type, subject, time,
        datacontenttype, dataschema, extensions, data
    )
    SELECT
        $1,
        feed.position - measured.number + row_number() OVER (ORDER BY taken.key),
        feed.updated, taken.iri, taken.source, taken.id, taken.type, taken.subject, taken.time,
        taken.datacontenttype, taken.dataschema, taken.extensions, taken.data
    FROM taken
    CROSS JOIN feed
    CROSS JOIN measured
    RETURNING 1
)

SELECT
    measured.number,
    feed.position,
    feed.updated,
    measured.is_full,
    feed_mark(),
    1 / CASE
        WHEN feed.position IS NULL OR measured.number = (SELECT count(*) FROM events) THEN 1 ELSE 0
    END
FROM measured
LEFT JOIN feed ON true
