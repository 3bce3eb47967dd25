-- read_subject: at most $4 events of the subject $2 of feed $1 after position $3, ending with the one by which their data reach $5 bytes; beside each event, or alone, the head and the position of the subject's newest event
SELECT
    head.position, head.updated,
    event.position, event.updated, event.iri, event.source, event.id, event.type, event.subject,
    event.time, event.datacontenttype, event.dataschema, event.extensions, event.data,
    (SELECT max(position) FROM feed_events WHERE feed_events.feed = $1 AND subject = $2)
FROM feed_heads AS head
LEFT JOIN feed_events AS event ON
    event.feed = head.feed
    AND event.position IN (
        SELECT sized.position
        FROM (
            SELECT measured.position, measured.bytes, sum(measured.bytes) OVER (ORDER BY measured.position) AS total
            FROM (
                SELECT position, coalesce(octet_length(data), 0) AS bytes
                FROM feed_events
                WHERE feed_events.feed = $1 AND subject = $2 AND position > $3
                ORDER BY position
                LIMIT $4
            ) AS measured
        ) AS sized
        WHERE sized.total - sized.bytes < $5
    )
WHERE head.feed = $1
ORDER BY event.position
