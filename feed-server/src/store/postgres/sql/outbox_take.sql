-- outbox_take: takes the oldest of the committed events of a feed's outbox, at most $2 of them, ending with the one by which their data reach $3 bytes
DELETE FROM feed_outbox
WHERE
    feed = $1
    AND key IN (
        SELECT sized.key
        FROM (
            SELECT measured.key, measured.bytes, sum(measured.bytes) OVER (ORDER BY measured.key) AS total
            FROM (
                SELECT key, coalesce(octet_length(data), 0) AS bytes
                FROM feed_outbox
                WHERE feed = $1
                ORDER BY key
                LIMIT $2
            ) AS measured
        ) AS sized
        WHERE sized.total - sized.bytes < $3
    )
RETURNING
    key, source, id, type, subject, time, datacontenttype, dataschema, extensions, data
