-- read_window: the events of feed $1 after position $2 up to $3, ending with the one by which their data reach $4 bytes; only of the types in $5 if it is not NULL; the head beside each event, or alone
SELECT
    head.position, head.updated,
    event.position, event.updated, event.iri, event.source, event.id, event.type, event.subject,
    event.time, event.datacontenttype, event.dataschema, event.extensions, event.data
FROM feed_heads AS head
LEFT JOIN feed_events AS event ON
    event.feed = head.feed
    AND event.position > $2
    AND event.position <= coalesce(
        (
            SELECT min(sized.position)
            FROM (
                SELECT
                    position,
                    sum(coalesce(octet_length(data), 0)) OVER (ORDER BY position) AS total
                FROM feed_events
                WHERE
                    feed_events.feed = $1 AND position > $2 AND position <= $3
                    AND ($5::text [] IS NULL OR type = any($5))
            ) AS sized
            WHERE sized.total >= $4
        ),
        $3
    )
    AND ($5::text [] IS NULL OR event.type = any($5))
WHERE head.feed = $1
ORDER BY event.position
