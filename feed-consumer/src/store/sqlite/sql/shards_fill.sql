-- shards_fill: the shards of a subscription that has just been cut, each standing where it does
WITH RECURSIVE numbers (shard) AS (
    SELECT 0
    UNION ALL
    SELECT shard + 1 FROM numbers WHERE shard + 1 < ?3
)
INSERT INTO feed_shards (
    group_name, feed, shard,
    position, last_position, last_source, last_id, last_digest, etag, last_modified, moved
)
SELECT
    group_name, feed, numbers.shard,
    position, last_position, last_source, last_id, last_digest, etag, last_modified, moved
FROM feed_cursors, numbers
WHERE group_name = ?1 AND feed = ?2
