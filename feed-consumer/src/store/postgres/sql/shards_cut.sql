-- shards_cut: a subscription is cut into so many shards, each standing where it does; no row if it is cut already
WITH cut AS (
    UPDATE feed_cursors SET shards = $3
    WHERE group_name = $1 AND feed = $2 AND shards IS NULL
    RETURNING *
)
INSERT INTO feed_shards (
    group_name, feed, shard,
    position, last_position, last_source, last_id, last_digest, etag, last_modified, moved
)
SELECT
    group_name, feed, numbers.shard,
    position, last_position, last_source, last_id, last_digest, etag, last_modified, moved
FROM cut, generate_series(0, cut.shards - 1) AS numbers (shard)
