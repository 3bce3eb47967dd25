-- read_window: the events of feed ?1 after position ?2 up to ?3, ending with the one by which their data reach ?4 bytes; only of the types in the JSON array ?5 if it is not NULL; the head beside each event, or alone
SELECT
    feed.head_position, feed.head_updated,
    event.position, event.updated, event.iri, event.source, event.id, event.type, event.subject,
    event.time, event.datacontenttype, event.dataschema, event.extensions, event.data
FROM feed_feeds AS feed
LEFT JOIN feed_events AS event ON
    event.feed = feed.key
    AND event.position > ?2
    -- Where is found only if all of them are too large, which they seldom are: a plain sum is a
    -- quarter of the work.
    AND event.position <= iif(
        (
            SELECT coalesce(sum(length(data)), 0)
            FROM feed_events
            WHERE
                feed = ?1 AND position > ?2 AND position <= ?3
                AND (?5 IS NULL OR type IN (SELECT value FROM json_each(?5)))
        ) < ?4,
        ?3,
        (
            SELECT min(position)
            FROM (
                SELECT position, sum(bytes) OVER (ORDER BY position) AS total
                FROM (
                    SELECT position, coalesce(length(data), 0) AS bytes
                    FROM feed_events
                    WHERE
                        feed = ?1 AND position > ?2 AND position <= ?3
                        AND (?5 IS NULL OR type IN (SELECT value FROM json_each(?5)))
                )
            )
            WHERE total >= ?4
        )
    )
    AND (?5 IS NULL OR event.type IN (SELECT value FROM json_each(?5)))
WHERE feed.key = ?1
ORDER BY event.position
