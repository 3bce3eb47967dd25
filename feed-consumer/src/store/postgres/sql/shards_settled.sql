-- shards_settled: these shards, once whoever holds their rows lets go of them
WITH settled AS MATERIALIZED (
    SELECT * FROM feed_shards
    WHERE group_name = $1 AND feed = $2 AND shard = any($3)
    ORDER BY shard
    FOR UPDATE
)
SELECT
    shard,
    token,
    holder,
    CASE WHEN expires > present.now THEN expires - present.now END AS left_over,
    moved,
    present.now - moved AS still,
    CASE
        WHEN paused IS NOT NULL
            THEN CAST(json_build_array(paused, paused_by, pause_reason) AS text)
    END AS pause,
    CAST(json_build_array(suspects, tried, alone) AS text) AS suspects,
    position, last_position, last_source, last_id, last_digest, etag, last_modified
FROM
    settled,
    (SELECT CAST(extract(EPOCH FROM clock_timestamp()) * 1000000 AS bigint) AS now) AS present
ORDER BY shard
