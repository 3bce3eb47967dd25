-- outbox_take: takes the oldest of the committed events of a feed's outbox, at most $3 of them, ending with the one by which their data reach $4 bytes; $2 the mark of the last look
DELETE FROM feed_outbox
WHERE ctid = any(
    ARRAY(
        SELECT sized.place
        FROM (
            SELECT place, bytes, sum(bytes) OVER (ORDER BY key) AS total
            FROM feed_waiting($1, $2, $3)
        ) AS sized
        WHERE sized.total - sized.bytes < $4
    )
)
RETURNING
    key, source, id, type, subject, time, datacontenttype, dataschema, extensions, data
