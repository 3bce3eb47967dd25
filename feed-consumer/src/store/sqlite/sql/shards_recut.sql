-- shards_recut: so many shards, each standing at one place under one token, and paused if they are to be
WITH RECURSIVE numbers (shard) AS (
    SELECT 0
    UNION ALL
    SELECT shard + 1 FROM numbers WHERE shard + 1 < ?3
)
INSERT INTO feed_shards (
    group_name, feed, shard, token, paused, paused_by, pause_reason, moved,
    position, last_position, last_source, last_id, last_digest, etag, last_modified
)
SELECT
    ?1, ?2, numbers.shard, ?4, ?5, ?6, ?7,
    CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000,
    ?8, ?9, ?10, ?11, ?12, ?13, ?14
FROM numbers
