-- suspects_clear: shards have no suspects any more, each under its token, of which $3 holds one for each shard, 0 for the others
WITH mine AS MATERIALIZED (
    SELECT shard
    FROM feed_shards
    WHERE group_name = $1 AND feed = $2 AND token = ($3::bigint [])[shard + 1]
    ORDER BY shard
    FOR UPDATE
)

UPDATE feed_shards
SET suspects = 0, tried = NULL, alone = 0
WHERE group_name = $1 AND feed = $2 AND shard = any(ARRAY(SELECT shard FROM mine))
