-- shard_advance: the cursor of one shard moves on, under its token; no row if another worker has the shard
UPDATE feed_shards AS kept
SET
    position = max(kept.position, ?5),
    last_position = CASE WHEN ?5 >= kept.position THEN ?6 ELSE kept.last_position END,
    last_source = CASE WHEN ?5 >= kept.position THEN ?7 ELSE kept.last_source END,
    last_id = CASE WHEN ?5 >= kept.position THEN ?8 ELSE kept.last_id END,
    last_digest = CASE WHEN ?5 >= kept.position THEN ?9 ELSE kept.last_digest END,
    etag = CASE WHEN ?5 >= kept.position THEN ?10 ELSE kept.etag END,
    last_modified = CASE WHEN ?5 >= kept.position THEN ?11 ELSE kept.last_modified END,
    moved = CASE
        WHEN ?5 >= kept.position
            THEN CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
        ELSE kept.moved
    END
WHERE
    kept.group_name = ?1
    AND kept.feed = ?2
    AND kept.shard = ?3
    AND kept.token = ?4
