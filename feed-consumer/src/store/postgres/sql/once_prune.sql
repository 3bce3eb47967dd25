-- once_prune: of what was done so long ago that it is not remembered, the oldest two go
WITH past AS MATERIALIZED (
    SELECT key FROM feed_once
    WHERE group_name = $1 AND feed = $2 AND done < CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) - $3
    ORDER BY done
    LIMIT 2
    FOR UPDATE SKIP LOCKED
)

DELETE FROM feed_once
USING past
WHERE feed_once.group_name = $1 AND feed_once.feed = $2 AND feed_once.key = past.key
